#include "programs/common/cli.h"

#include "core/version.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_OPTIONS = 64, HELP = 256, VERSION = 257, FIRST_LONG = 300 };

int kh_exit_code(kh_status status)
{
    if (status == KH_OK)
        return KH_EXIT_OK;
    return status == KH_INVALID ? KH_EXIT_USAGE : KH_EXIT_FAILED;
}

/* A command may mean a deposit's version by it. */
static bool has_version(const struct kh_cli *cli)
{
    for (size_t i = 0; i < cli->option_count; i++) {
        if (strcmp(cli->options[i].name, "version") == 0)
            return true;
    }
    return false;
}

static void print_help(const struct kh_cli *cli)
{
    printf("Usage: %s [OPTION]...%s%s\n%s\n\nOptions:\n", cli->program,
        *cli->arguments ? " " : "", cli->arguments, cli->summary);
    for (size_t i = 0; i < cli->option_count; i++) {
        const struct kh_cli_option *o = &cli->options[i];
        char left[80];

        snprintf(left, sizeof left, "%c%c%c --%s%s%s", o->letter ? '-' : ' ',
            o->letter ? o->letter : ' ', o->letter ? ',' : ' ', o->name,
            o->argument ? "=" : "", o->argument ? o->argument : "");
        printf("  %-32s %s\n", left, o->help);
    }
    printf("  %-32s %s\n", "    --help", "print this and end");
    if (!has_version(cli))
        printf("  %-32s %s\n", "    --version", "print the version and end");
    if (cli->more)
        printf("\n%s\n", cli->more);
}

/* The hidden word that prints the tables for programs: manual pages and completion are
 * made from it (scripts/manual). */
static bool wants_tables(int argc, char **argv)
{
    return argc == 2 && strcmp(argv[1], "--dump-options") == 0;
}

static void print_row(const struct kh_cli_option *o)
{
    char letter[2] = {o->letter, '\0'};

    printf("option\t%s\t%s\t%s\t%s\n", o->name, letter, o->argument ? o->argument : "",
        o->help);
}

static void print_tables(const struct kh_cli *cli)
{
    printf("usage\t%s\t%s\n", cli->arguments, cli->summary);
    for (size_t i = 0; i < cli->option_count; i++)
        print_row(&cli->options[i]);
    print_row(&(struct kh_cli_option){.name = "help", .help = "print this and end"});
    if (!has_version(cli))
        print_row(&(struct kh_cli_option){
            .name = "version", .help = "print the version and end"});
}

bool kh_command_tables(
    const struct kh_command *commands, size_t count, int argc, char **argv)
{
    if (!wants_tables(argc, argv))
        return false;
    for (size_t i = 0; i < count; i++)
        printf("command\t%s\t%s\n", commands[i].name, commands[i].summary);
    return true;
}

static void usage_error(const struct kh_cli *cli)
{
    fprintf(stderr, "Try '%s --help'.\n", cli->program);
    exit(KH_EXIT_USAGE);
}

static void take(
    const struct kh_cli *cli, const struct kh_cli_option *o, const char *argument)
{
    if (!o->argument) {
        *(bool *)o->value = true;
    } else if (o->list) {
        unsigned *count = o->value;

        if (*count == o->list_max)
            kh_cli_die(cli, KH_EXIT_USAGE, "--%s given more than %u times", o->name,
                o->list_max);
        o->list[(*count)++] = argument;
    } else {
        *(const char **)o->value = argument;
    }
}

int kh_cli_parse(const struct kh_cli *cli, int argc, char **argv, bool stop_at_operand)
{
    struct option longs[MAX_OPTIONS + 3] = {0};
    char shorts[2 * MAX_OPTIONS + 2] = {0};
    size_t s = 0;
    int c;

    if (wants_tables(argc, argv)) {
        print_tables(cli);
        exit(KH_EXIT_OK);
    }
    if (stop_at_operand)
        shorts[s++] = '+';
    for (size_t i = 0; i < cli->option_count && i < MAX_OPTIONS; i++) {
        const struct kh_cli_option *o = &cli->options[i];

        longs[i] = (struct option){o->name, o->argument ? required_argument : no_argument,
            NULL, FIRST_LONG + (int)i};
        if (o->letter) {
            shorts[s++] = o->letter;
            if (o->argument)
                shorts[s++] = ':';
        }
    }
    longs[cli->option_count] = (struct option){"help", no_argument, NULL, HELP};
    if (!has_version(cli))
        longs[cli->option_count + 1] =
            (struct option){"version", no_argument, NULL, VERSION};
    optind = 0;
    while ((c = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
        if (c == HELP) {
            print_help(cli);
            exit(KH_EXIT_OK);
        }
        if (c == VERSION) {
            printf("%s %s\n", cli->program, kh_version);
            exit(KH_EXIT_OK);
        }
        if (c == '?')
            usage_error(cli);
        for (size_t i = 0; i < cli->option_count; i++) {
            if (c == FIRST_LONG + (int)i || c == cli->options[i].letter)
                take(cli, &cli->options[i], optarg);
        }
    }
    return optind;
}

void kh_cli_die(const struct kh_cli *cli, int status, const char *format, ...)
{
    va_list args;

    fprintf(stderr, "%s: ", cli->program);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(status);
}

static void print_commands(const char *program, const char *summary,
    const struct kh_command *commands, size_t count, FILE *to)
{
    fprintf(to, "Usage: %s COMMAND [OPTION]... [ARGUMENT]...\n%s\n\nCommands:\n", program,
        summary);
    for (size_t i = 0; i < count; i++)
        fprintf(to, "  %-12s %s\n", commands[i].name, commands[i].summary);
    fprintf(to, "\n'%s COMMAND --help' explains one.\n", program);
}

int kh_command_run(const char *program, const char *summary,
    const struct kh_command *commands, size_t count, int argc, char **argv)
{
    if (argc == 1 && kh_command_tables(commands, count, argc + 1, argv - 1))
        return KH_EXIT_OK;
    if (argc < 1) {
        print_commands(program, summary, commands, count, stderr);
        return KH_EXIT_USAGE;
    }
    if (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "help") == 0) {
        print_commands(program, summary, commands, count, stdout);
        return KH_EXIT_OK;
    }
    if (strcmp(argv[0], "--version") == 0) {
        printf("%s %s\n", program, kh_version);
        return KH_EXIT_OK;
    }
    for (size_t i = 0; i < count; i++) {
        if (strcmp(argv[0], commands[i].name) == 0)
            return commands[i].run(argc, argv);
    }
    fprintf(stderr, "%s: no command '%s'\nTry '%s --help'.\n", program, argv[0], program);
    return KH_EXIT_USAGE;
}
