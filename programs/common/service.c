/* The command line of start, stop, shutdown, restart, reload and status. */
#include "programs/common/service_impl.h"

#include <stdlib.h>
#include <string.h>

static const struct verb {
    const char *name;
    const char *summary;
    const char *systemctl; /* NULL: not through it */
    int (*run)(struct kh_service_run *run);
} verbs[] = {
    {"start", "Starts the daemon and waits until it serves.", "start", kh_service_start},
    {"stop", "Stops the daemon once it has finished its requests.", "stop",
        kh_service_stop},
    {"shutdown", "Stops the daemon at once, requests or not.", "stop",
        kh_service_shutdown},
    {"restart", "Stops the daemon when it runs, and starts it.", "restart",
        kh_service_restart},
    {"reload", "Has the daemon read certificates and trust again.", "reload",
        kh_service_reload},
    {"status", "Says whether the daemon runs, and is ready.", NULL, kh_service_status},
};

static const struct verb *find_verb(const char *name)
{
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        if (strcmp(verbs[i].name, name) == 0)
            return &verbs[i];
    }
    abort(); /* the program's table of commands has no other */
}

/* What is checked before a daemon that works is touched, also when systemd does it. */
static bool needs_check(const struct verb *verb)
{
    return strcmp(verb->name, "restart") == 0 || strcmp(verb->name, "reload") == 0;
}

static int perform(struct kh_service_run *run, const struct verb *verb, bool debug)
{
    struct kh_error err = {0};
    kh_status st;

    if (!debug && verb->systemctl && !needs_check(verb) && kh_service_by_systemd(run))
        return kh_service_systemctl(run, verb->systemctl);
    st = kh_service_prepare(run, &err);
    if (st != KH_OK)
        kh_cli_die(run->cli, kh_exit_code(st), "%s", err.message);
    return debug ? kh_service_debug(run) : verb->run(run);
}

static int parse(const struct kh_service_kind *kind, const struct verb *verb,
    struct kh_service_run *run, int argc, char **argv)
{
    const struct kh_cli_option options[] = {
        KH_SETUP_OPTIONS(run->args),
        {"backend", 'b', "NAME", "the backend to serve", &run->backend, NULL, 0},
        {"pid-file", 0, "FILE", "without systemd: where its pid stands", &run->pid_file,
            NULL, 0},
        {"log-file", 0, "FILE", "without systemd: where its output goes", &run->log_file,
            NULL, 0},
        {"timeout", 0, "SECONDS", "without systemd: how long to wait for it (90)",
            &run->timeout, NULL, 0},
        {"user", 0, "NAME", "without systemd: whom root has it run as", &run->user, NULL,
            0},
        {"direct", 0, NULL, "not through systemd", &run->direct, NULL, 0},
        {"json", 'j', NULL, "print JSON", &run->json, NULL, 0},
    };
    size_t count = sizeof options / sizeof options[0];
    bool is_status = strcmp(verb->name, "status") == 0;
    bool is_start = strcmp(verb->name, "start") == 0;
    char program[64];
    const struct kh_cli cli = {.program = program,
        .arguments = is_start ? "[debug]" : "",
        .summary = verb->summary,
        .options = options,
        .option_count = is_status ? count : count - 1,
        .more = is_start ? "debug: in the foreground, every step on standard error.\n"
                           "Exit codes: 0 it runs, 1 it does not, 2 usage or "
                           "configuration."
                : is_status
                    ? "Exit codes: 0 it runs, 1 it runs and is not ready, 2 usage or "
                      "configuration,\n3 it does not run."
                    : "Exit codes: 0 done, 1 failed, 2 usage or configuration."};
    int status;
    int first;
    bool debug;

    snprintf(program, sizeof program, "%s %s", kind->tool, verb->name);
    first = kh_cli_parse(&cli, argc, argv, false);
    debug = is_start && first + 1 == argc && strcmp(argv[first], "debug") == 0;
    if (first < argc && !debug)
        kh_cli_die(&cli, KH_EXIT_USAGE,
            is_start ? "only the word debug is taken" : "no arguments are taken");
    run->cli = &cli;
    status = perform(run, verb, debug);
    run->cli = NULL;
    return status;
}

int kh_service_command(const struct kh_service_kind *kind, int argc, char **argv)
{
    static struct kh_service_run run;
    int status;

    run = (struct kh_service_run){.kind = kind,
        .pid_file = kind->pid_file,
        .log_file = kind->log_file,
        .timeout = "90"};
    status = parse(kind, find_verb(argv[0]), &run, argc, argv);
    kh_prompted_free(&run.prompted);
    kh_setup_free(&run.setup);
    if (fflush(stdout) != 0 && status == KH_EXIT_OK)
        status = KH_EXIT_FAILED;
    return status;
}
