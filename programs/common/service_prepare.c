/* The daemon's command line, made from the tool's. */
#include "programs/common/service_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATIENCE_MAX = 3600 };

/* The daemon stands beside the tool, in a build tree and where both are installed. */
static kh_status find_program(struct kh_service_run *run, struct kh_error *err)
{
    ssize_t n = readlink("/proc/self/exe", run->program, sizeof run->program - 1);
    char *slash;

    if (n <= 0)
        return kh_fail(err, KH_UNAVAILABLE, "/proc/self/exe: %s", strerror(errno));
    run->program[n] = '\0';
    slash = strrchr(run->program, '/');
    n = slash ? snprintf(slash + 1,
                    sizeof run->program - (size_t)(slash + 1 - run->program), "%s",
                    run->kind->daemon)
              : -1;
    if (n < 0 || access(run->program, X_OK) != 0)
        return kh_fail(err, KH_UNAVAILABLE, "%s: %s", run->program, strerror(errno));
    return KH_OK;
}

/* It changes its directory. */
static kh_status find_config(struct kh_service_run *run, struct kh_error *err)
{
    const char *given = run->args.config;

    if (given && !realpath(given, run->config))
        return kh_fail(err, KH_INVALID, "%s: %s", given, strerror(errno));
    return KH_OK;
}

static void add(
    struct kh_service_run *run, size_t *at, const char *option, const char *value)
{
    if (!value || *at + 3 > KH_SERVICE_ARGS)
        return;
    run->argv[(*at)++] = (char *)(uintptr_t)option;
    run->argv[(*at)++] = (char *)(uintptr_t)value;
}

static void make_argv(struct kh_service_run *run)
{
    const char *target = kh_config_string(run->setup.config, "log", "target");
    size_t at = 0;

    run->argv[at++] = run->program;
    add(run, &at, "--config", *run->config ? run->config : NULL);
    add(run, &at, "--plugin-dir", run->args.plugin_dir);
    add(run, &at, "--backend", run->backend);
    add(run, &at, "--log-level", run->args.log_level);
    for (unsigned i = 0; i < run->args.set_count; i++)
        add(run, &at, "--set", run->args.sets[i]);
    /* A file that it opens itself it also opens again, after logrotate. */
    if (strcmp(target, "stderr") == 0) {
        snprintf(run->log_set, sizeof run->log_set, "log.target=file:%s", run->log_file);
        add(run, &at, "--set", run->log_set);
    }
    for (size_t i = 0; i < run->prompted.count; i++)
        add(run, &at, "--set", run->prompted.sets[i]);
    run->argv[at] = NULL;
}

kh_status kh_service_secrets(struct kh_service_run *run, struct kh_error *err)
{
    kh_status st = KH_OK;

    if (!kh_prompted_any(run->setup.config, run->serves))
        return KH_OK;
    st = kh_setup_memory(&run->setup, err);
    if (st == KH_OK)
        st = kh_prompted_read(&run->prompted, run->setup.config, run->serves, err);
    make_argv(run);
    run->daemon.inherit = run->prompted.fds;
    run->daemon.inherit_count = run->prompted.count;
    return st;
}

static kh_status read_patience(struct kh_service_run *run, struct kh_error *err)
{
    char *end;
    unsigned long seconds = strtoul(run->timeout, &end, 10);

    if (*end || end == run->timeout || seconds < 1 || seconds > PATIENCE_MAX)
        return kh_fail(err, KH_INVALID, "--timeout: give 1 to %d seconds", PATIENCE_MAX);
    run->daemon.patience = (unsigned)seconds;
    return KH_OK;
}

/* The user of the packages is for the configuration of the packages: another one is some-
 * body's experiment, with files that are his. */
static kh_status find_user(struct kh_service_run *run, struct kh_error *err)
{
    bool ours = !run->args.config && !run->args.plugin_dir;
    const char *name = run->user ? run->user : ours ? run->kind->user : NULL;
    kh_status st;

    if (!name)
        return KH_OK;
    if (geteuid() != 0)
        return run->user
                   ? kh_fail(err, KH_INVALID, "--user: only root can become another")
                   : KH_OK;
    st = kh_user_find(&run->runs_as, name, err);
    if (st == KH_OK)
        run->daemon.user = &run->runs_as;
    if (st == KH_NOT_FOUND && run->user)
        return kh_fail(err, KH_INVALID, "--user: there is no user '%.64s'", name);
    return st == KH_NOT_FOUND ? KH_OK : st;
}

kh_status kh_service_prepare(struct kh_service_run *run, struct kh_error *err)
{
    const struct kh_setup_wish wish = {.program = run->kind->tool,
        .args = &run->args,
        .default_config = run->kind->config,
        .backends = run->backend ? run->backend : run->kind->backends,
        .sections = run->kind->sections,
        .section_count = run->kind->section_count};
    const char *target;
    kh_status st = find_program(run, err);

    if (st == KH_OK)
        st = find_config(run, err);
    if (st == KH_OK)
        st = read_patience(run, err);
    if (st == KH_OK)
        st = find_user(run, err);
    if (st == KH_OK && (run->pid_file[0] != '/' || run->log_file[0] != '/'))
        st = kh_fail(err, KH_INVALID, "--pid-file, --log-file: give absolute paths");
    if (st == KH_OK)
        st = kh_setup_configure(&run->setup, &wish, err);
    if (st != KH_OK)
        return st;
    run->serves = run->backend ? run->backend
                               : kh_config_string(run->setup.config, "server", "backend");
    if (!run->serves)
        run->serves = run->kind->backends ? run->kind->backends : "";
    make_argv(run);
    run->daemon.name = run->kind->daemon;
    run->daemon.pid_file = run->pid_file;
    run->daemon.log_file = run->log_file;
    target = kh_config_string(run->setup.config, "log", "target");
    if (strncmp(target, "file:", 5) == 0)
        run->daemon.own_log = target + 5;
    run->daemon.argv = run->argv;
    return KH_OK;
}
