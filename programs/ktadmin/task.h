/*
 * What every command on deposits and keys does around its own work: parse, open the
 * target, say what went wrong, end with the right code.
 */
#ifndef KH_KTADMIN_TASK_H
#define KH_KTADMIN_TASK_H

#include "programs/common/cli.h"
#include "programs/ktadmin/target.h"

/* Exit codes of ktadmin beyond enum kh_exit; its manual documents them. */
enum kh_ktadmin_exit {
    KH_EXIT_NOT_FOUND = 4,
    KH_EXIT_UNAVAILABLE = 5,
    KH_EXIT_EXISTS = 6,
    KH_EXIT_REFUSED = 7 /* or busy */
};

struct kh_task {
    const char *program; /* "ktadmin deposit put" */
    const char *name;    /* the first operand */
    const char *operand; /* the second, or NULL */
    struct kh_target_options options;
    struct kh_target *target;
};

/*
 * Parses ARGV: the options of OWN and those of the target. OWN->arguments says what
 * operands there are: none ("") or NAME first. At most MAX are taken. A wrong command
 * line or a name over 255 bytes ends the process (KH_EXIT_USAGE).
 */
void kh_task_parse(
    struct kh_task *task, const struct kh_cli *own, int max, int argc, char **argv);

/* Has a person type NAME on the terminal before it is destroyed; WHAT follows the name in
 * the question (", all versions,"). KH_INVALID: there is no terminal; KH_REFUSED: another
 * name was typed. */
KH_CHECK kh_status kh_task_confirm(
    const char *name, const char *what, struct kh_error *err);

/* Opens TASK->target as the options say. */
KH_CHECK kh_status kh_task_open(struct kh_task *task, struct kh_error *err);

/* Closes the target; prints ERR unless STATUS is KH_OK. Returns the exit code of STATUS.
 */
int kh_task_end(struct kh_task *task, kh_status status, const struct kh_error *err);

/* A version number on the command line; NULL gives WHEN_ABSENT. Ends the process when it
 * is not one. */
uint32_t kh_task_version(
    const struct kh_task *task, const char *text, uint32_t when_absent);

int kh_task_exit_code(kh_status status);

#endif
