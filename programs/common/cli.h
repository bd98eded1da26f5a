/*
 * The command line of every program: one table of options, from which parsing, --help and
 * the manual page come.
 */
#ifndef KH_PROGRAMS_CLI_H
#define KH_PROGRAMS_CLI_H

#include <keyhsm/types.h>

/* Exit codes of every program (ktmigrate adds its own meanings, see its manual). */
enum kh_exit {
    KH_EXIT_OK = 0,
    KH_EXIT_FAILED = 1,
    KH_EXIT_USAGE = 2 /* usage or configuration */
};

/* The exit code for an operation's outcome: KH_INVALID is KH_EXIT_USAGE, any other
 * failure is KH_EXIT_FAILED. */
int kh_exit_code(kh_status status);

struct kh_cli_option {
    const char *name;     /* long option without dashes */
    char letter;          /* short form, or 0 */
    const char *argument; /* e.g. "FILE"; NULL for a switch */
    const char *help;     /* one line */
    void *value; /* const char ** for an argument; bool * for a switch; unsigned * with
                    REPEAT */
    const char **list; /* repeatable argument: array that collects; value is unsigned *
                          (its count) */
    unsigned list_max;
};

struct kh_cli {
    const char *program;   /* "ktadmin", or "ktadmin deposit put" */
    const char *arguments; /* synopsis of the operands, e.g. "NAME [FILE]"; "" for none */
    const char *summary;   /* one line */
    const struct kh_cli_option *options;
    size_t option_count;
    const char *more; /* paragraphs printed after the options, or NULL */
};

/*
 * Parses ARGV. --help prints to stdout and --version too, and both end the process with
 * status 0; a wrong option prints one line and the hint to --help on stderr and ends with
 * KH_EXIT_USAGE. Returns the index of the first operand. With STOP_AT_OPERAND parsing
 * ends at the first operand (for a command table).
 */
int kh_cli_parse(const struct kh_cli *cli, int argc, char **argv, bool stop_at_operand);

/* "program: message" on stderr, then exit(status). */
_Noreturn void kh_cli_die(const struct kh_cli *cli, int status, const char *format, ...)
    KH_PRINTF(3, 4);

/* One command of a program with commands: `ktadmin init`, `ktadmin deposit put`. */
struct kh_command {
    const char *name;
    const char *summary;
    int (*run)(int argc, char **argv); /* argv[0] is the command's name */
};

/* Finds ARGV[0] in COMMANDS and runs it; --help lists them. PROGRAM is the words
 * before. */
int kh_command_run(const char *program, const char *summary,
    const struct kh_command *commands, size_t count, int argc, char **argv);

/*
 * With --dump-options as the only argument: prints COMMANDS for the makers of manual
 * pages and completion, one a line: "command", name and summary, with tabs between. For a
 * command that has both commands and options of its own; kh_command_run and kh_cli_parse
 * ("usage" arguments summary; "option" name letter argument help) do it by themselves.
 */
bool kh_command_tables(
    const struct kh_command *commands, size_t count, int argc, char **argv);

#endif
