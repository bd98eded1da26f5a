#include "programs/ktadmin/task.h"

#include "programs/ktadmin/output.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_OPTIONS = 40 };

static const char exit_codes[] =
    "One of --backend and --server is needed. --backend opens the store itself, as root "
    "or as the\n"
    "owner of the store; --server speaks to a daemon, which knows callers by "
    "certificate.\n"
    "\n"
    "Exit codes: 0 done, 1 failed (corrupt, fatal), 2 usage or configuration, 4 not "
    "found,\n"
    "5 unavailable, 6 exists already, 7 refused or busy. See ktadmin(8).";

static void add_all(struct kh_cli_option *table, size_t *count,
    const struct kh_cli_option *more, size_t more_count)
{
    if (*count + more_count > MAX_OPTIONS)
        abort();
    if (more_count > 0)
        memcpy(table + *count, more, more_count * sizeof *more);
    *count += more_count;
}

static void add_target_options(
    struct kh_target_options *o, struct kh_cli_option *table, size_t *count)
{
    const struct kh_cli_option options[] = {
        {"backend", 'b', "NAME", "work on this backend directly", &o->backend, NULL, 0},
        KH_SERVER_OPTIONS(*o),
        KH_SETUP_OPTIONS(o->setup),
    };

    add_all(table, count, options, sizeof options / sizeof options[0]);
}

static void take_operands(
    struct kh_task *task, const struct kh_cli *cli, int count, char **operands)
{
    bool named = strncmp(cli->arguments, "NAME", strlen("NAME")) == 0;

    if (!named)
        return;
    if (count < 1)
        kh_cli_die(cli, KH_EXIT_USAGE, "the NAME is missing");
    if (strlen(operands[0]) < 1 || strlen(operands[0]) > KH_NAME_MAX)
        kh_cli_die(cli, KH_EXIT_USAGE, "a name has 1 to %d bytes", KH_NAME_MAX);
    task->name = operands[0];
    task->operand = count > 1 ? operands[1] : NULL;
}

void kh_task_parse(
    struct kh_task *task, const struct kh_cli *own, int max, int argc, char **argv)
{
    struct kh_cli_option table[MAX_OPTIONS];
    struct kh_cli cli = *own;
    size_t count = 0;
    char more[2048];
    int first;

    task->program = own->program;
    add_all(table, &count, own->options, own->option_count);
    add_target_options(&task->options, table, &count);
    snprintf(more, sizeof more, "%s%s%s", own->more ? own->more : "",
        own->more ? "\n\n" : "", exit_codes);
    cli.options = table;
    cli.option_count = count;
    cli.more = more;
    first = kh_cli_parse(&cli, argc, argv, false);
    if (argc - first > max)
        kh_cli_die(&cli, KH_EXIT_USAGE, "one argument too many: '%s'", argv[first + max]);
    take_operands(task, &cli, argc - first, argv + first);
}

/* A pipe has no say: a script states its will with --yes. */
kh_status kh_task_confirm(const char *name, const char *what, struct kh_error *err)
{
    char line[KH_NAME_MAX + 2];

    if (!isatty(STDIN_FILENO))
        return kh_fail(err, KH_INVALID,
            "purge destroys for ever: give --yes when no one is there to confirm it");
    fprintf(stderr, "This destroys ");
    kh_print_name(stderr, name, 0);
    fprintf(
        stderr, "%s for ever. Nothing brings it back.\nType its name to confirm: ", what);
    if (!fgets(line, sizeof line, stdin))
        line[0] = '\0';
    line[strcspn(line, "\n")] = '\0';
    if (strcmp(line, name) != 0)
        return kh_fail(err, KH_REFUSED, "that is not its name: nothing was destroyed");
    return KH_OK;
}

kh_status kh_task_open(struct kh_task *task, struct kh_error *err)
{
    return kh_target_open(&task->target, &task->options, err);
}

int kh_task_end(struct kh_task *task, kh_status status, const struct kh_error *err)
{
    kh_target_close(task->target);
    task->target = NULL;
    if (status != KH_OK) {
        fprintf(stderr, "%s: ", task->program);
        kh_print_text(stderr, err->message);
        fputc('\n', stderr);
    }
    return kh_task_exit_code(status);
}

uint32_t kh_task_version(
    const struct kh_task *task, const char *text, uint32_t when_absent)
{
    char *end = NULL;
    unsigned long n;

    if (!text)
        return when_absent;
    n = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || n > KH_VERSION_MAX) {
        fprintf(stderr, "%s: --version %s: not a version (0, 1, 2, ...)\n", task->program,
            text);
        exit(KH_EXIT_USAGE);
    }
    return (uint32_t)n;
}

int kh_task_exit_code(kh_status status)
{
    switch (status) {
    case KH_OK:
        return KH_EXIT_OK;
    case KH_INVALID:
        return KH_EXIT_USAGE;
    case KH_NOT_FOUND:
        return KH_EXIT_NOT_FOUND;
    case KH_UNAVAILABLE:
        return KH_EXIT_UNAVAILABLE;
    case KH_EXISTS:
        return KH_EXIT_EXISTS;
    case KH_REFUSED:
    case KH_BUSY:
        return KH_EXIT_REFUSED;
    case KH_CORRUPT:
    case KH_FATAL:
        break;
    }
    return KH_EXIT_FAILED;
}
