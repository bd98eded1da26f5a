/* What each verb does, without systemd or in front of it. Only status is asked for an
 * answer: the others say what they do on standard error, as a procedure's print has no
 * line for it. */
#include "programs/common/service_impl.h"

#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NOT_RUNNING = 3, EXEC_FAILED = 127 };

static int fail(const struct kh_service_run *run, const char *what,
    const struct kh_error *err, int status)
{
    fflush(stdout);
    fprintf(stderr, "%s: %s%s\n", run->cli->program, what, err->message);
    return status;
}

/* ---- systemd ------------------------------------------------------------------------
 */

bool kh_service_by_systemd(const struct kh_service_run *run)
{
    static const char *const places[] = {"/etc/systemd/system", "/run/systemd/system",
        "/usr/local/lib/systemd/system", "/usr/lib/systemd/system",
        "/lib/systemd/system"};
    const struct kh_setup_args *args = &run->args;
    bool found = false;

    /* The unit knows nothing of what is said here. */
    if (run->direct || run->backend || args->config || args->plugin_dir ||
        args->log_level || args->set_count > 0 || access("/run/systemd/system", F_OK))
        return false;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        char path[PATH_MAX];

        snprintf(path, sizeof path, "%s/%s", places[i], run->kind->unit);
        found = found || access(path, F_OK) == 0;
    }
    return found;
}

int kh_service_systemctl(const struct kh_service_run *run, const char *verb)
{
    fflush(stdout);
    (void)execlp(
        "systemctl", "systemctl", "--no-pager", verb, run->kind->unit, (char *)NULL);
    kh_cli_die(run->cli, KH_EXIT_FAILED, "systemctl: %s", strerror(errno));
}

/* ---- helpers ------------------------------------------------------------------------
 */

/* Runs ARGV to its end, as USER (NULL: us): its exit status, or EXEC_FAILED. */
static int run_program(const char *const *argv, const struct kh_user *user)
{
    pid_t pid;
    int status;

    fflush(stdout);
    pid = fork();
    if (pid == 0) {
        if (user && !kh_user_become(user))
            _exit(EXEC_FAILED);
        (void)execvp(argv[0], (char *const *)(uintptr_t)argv);
        _exit(EXEC_FAILED);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
        return EXEC_FAILED;
    return WEXITSTATUS(status);
}

/* A passphrase that only systemd can give. */
static bool needs_credential(const struct kh_config *config)
{
    const char *source = kh_config_string(config, "tls", "passphrase_source");

    return source && strncmp(source, "credential:", 11) == 0 &&
           !getenv("CREDENTIALS_DIRECTORY");
}

/* Would the daemon take this configuration? One that works is not stopped for another
 * that does not. It says itself what is wrong. A secret cannot be asked for twice. */
static bool config_is_good(const struct kh_service_run *run)
{
    const char *argv[KH_SERVICE_ARGS + 4];
    size_t n = 0;

    if (kh_prompted_any(run->setup.config, run->serves) ||
        needs_credential(run->setup.config))
        return true;
    for (; run->argv[n]; n++)
        argv[n] = run->argv[n];
    if (*run->log_set) { /* its directory is made at the start */
        argv[n++] = "--set";
        argv[n++] = "log.target=stderr";
    }
    argv[n++] = "--check-config";
    argv[n] = NULL;
    return run_program(argv, run->daemon.user) == 0;
}

static int refuse_config(const struct kh_service_run *run)
{
    const struct kh_error err = {KH_INVALID,
        "the configuration is not good, see above; the daemon was left as it is"};

    return fail(run, "", &err, KH_EXIT_USAGE);
}

/* ---- start ---------------------------------------------------------------------------
 */

static int start_now(struct kh_service_run *run)
{
    struct kh_daemon_start start;
    struct kh_error err = {0};
    kh_status st = kh_daemon_start(&run->daemon, &start, &err);

    if (st == KH_OK) {
        fprintf(stderr, "%s started (process %ld)%s%s\n", run->kind->daemon,
            (long)start.pid, *start.status ? ": " : "", start.status);
        return KH_EXIT_OK;
    }
    if (st == KH_EXISTS) {
        fprintf(stderr, "%s\n", err.message);
        return KH_EXIT_OK;
    }
    if (st == KH_BUSY)
        return fail(run, "", &err, KH_EXIT_FAILED);
    fprintf(stderr, "%s: %s did not start: %s (see %s)\n", run->cli->program,
        run->kind->daemon, err.message, run->log_file);
    return start.exit_status == KH_EXIT_USAGE ? KH_EXIT_USAGE : KH_EXIT_FAILED;
}

int kh_service_start(struct kh_service_run *run)
{
    struct kh_error err = {0};

    /* Nobody is asked for a PIN in vain. */
    if (!kh_daemon_running(&run->daemon, NULL) && kh_service_secrets(run, &err) != KH_OK)
        return fail(run, "", &err, kh_exit_code(err.status));
    return start_now(run);
}

int kh_service_debug(struct kh_service_run *run)
{
    size_t n = 0;

    while (run->argv[n])
        n++;
    if (n + 5 > KH_SERVICE_ARGS)
        kh_cli_die(run->cli, KH_EXIT_USAGE, "too many settings");
    run->argv[n++] = (char *)(uintptr_t) "--set";
    run->argv[n++] = (char *)(uintptr_t) "log.target=stderr";
    run->argv[n++] = (char *)(uintptr_t) "--log-level";
    run->argv[n++] = (char *)(uintptr_t) "debug";
    run->argv[n] = NULL;
    if (run->daemon.user && !kh_user_become(run->daemon.user))
        kh_cli_die(run->cli, KH_EXIT_FAILED, "cannot become user %s: %s",
            run->daemon.user->name, strerror(errno));
    (void)execv(run->program, run->argv);
    kh_cli_die(run->cli, KH_EXIT_FAILED, "%s: %s", run->program, strerror(errno));
}

/* ---- stop ----------------------------------------------------------------------------
 */

static int stop_now(struct kh_service_run *run, bool hurry)
{
    int64_t drain = kh_config_int(run->setup.config, "server", "drain_timeout");
    struct kh_daemon daemon = run->daemon;
    struct kh_error err = {0};
    pid_t pid;
    kh_status st;

    if (!kh_daemon_running(&daemon, &pid)) {
        fprintf(stderr, "%s is not running\n", daemon.name);
        return KH_EXIT_OK;
    }
    daemon.patience += (unsigned)drain;
    fprintf(stderr, "%s (process %ld) %s\n", daemon.name, (long)pid,
        hurry ? "is told to end at once" : "finishes its requests");
    st = kh_daemon_stop(&daemon, hurry, &err);
    if (st != KH_OK && st != KH_NOT_FOUND)
        return fail(run, "", &err, KH_EXIT_FAILED);
    fprintf(stderr, "%s stopped\n", daemon.name);
    return KH_EXIT_OK;
}

int kh_service_stop(struct kh_service_run *run)
{
    return stop_now(run, false);
}

int kh_service_shutdown(struct kh_service_run *run)
{
    return stop_now(run, true);
}

int kh_service_restart(struct kh_service_run *run)
{
    bool by_systemd = kh_service_by_systemd(run);
    struct kh_error err = {0};
    int status;

    if ((by_systemd || kh_daemon_running(&run->daemon, NULL)) && !config_is_good(run))
        return refuse_config(run);
    if (by_systemd)
        return kh_service_systemctl(run, "restart");
    if (kh_service_secrets(run, &err) != KH_OK)
        return fail(run, "", &err, kh_exit_code(err.status));
    status = stop_now(run, false);
    return status == KH_EXIT_OK ? start_now(run) : status;
}

int kh_service_reload(struct kh_service_run *run)
{
    bool by_systemd = kh_service_by_systemd(run);
    struct kh_error err = {0};

    if ((by_systemd || kh_daemon_running(&run->daemon, NULL)) && !config_is_good(run))
        return refuse_config(run);
    if (by_systemd)
        return kh_service_systemctl(run, "reload");
    if (kh_daemon_signal(&run->daemon, SIGHUP, &err) != KH_OK)
        return fail(run, "", &err, KH_EXIT_FAILED);
    fprintf(stderr, "%s reads certificates and trust again; see %s\n", run->kind->daemon,
        run->log_file);
    return KH_EXIT_OK;
}

/* ---- status ---------------------------------------------------------------------------
 */

static int print_json(const struct kh_service_run *run, bool running, pid_t pid,
    const struct kh_service_state *state)
{
    json_t *root = json_pack("{s:s,s:b,s:s,s:b,s:s,s:s}", "daemon", run->kind->daemon,
        "running", running, "manager",
        kh_service_by_systemd(run) ? "systemd" : run->kind->tool, "serving",
        state->serving, "address", state->address, "detail", state->detail);

    if (root && pid > 0)
        (void)json_object_set_new(root, "pid", json_integer(pid));
    if (root && state->ready >= 0)
        (void)json_object_set_new(root, "ready", json_boolean(state->ready));
    if (root && json_dumpf(root, stdout, JSON_INDENT(2)) == 0)
        fputc('\n', stdout);
    json_decref(root);
    return root ? KH_EXIT_OK : KH_EXIT_FAILED;
}

static void print_text(const struct kh_service_run *run, bool running, pid_t pid,
    const struct kh_service_state *state)
{
    char process[32] = "";

    if (pid > 0)
        snprintf(process, sizeof process, " (process %ld)", (long)pid);
    if (!running)
        printf("%s is not running\n", run->kind->daemon);
    else if (!run->kind->look)
        printf("%s is running%s\n", run->kind->daemon, process);
    else if (!state->serving)
        printf("%s is running%s and does not serve on %s yet\n", run->kind->daemon,
            process, state->address);
    else
        printf("%s is running%s on %s%s\n", run->kind->daemon, process, state->address,
            state->ready > 0    ? ", ready"
            : state->ready == 0 ? ", not ready"
                                : "");
    if (running && *state->detail)
        printf("%s\n", state->detail);
}

int kh_service_status(struct kh_service_run *run)
{
    struct kh_service_state state = {.ready = -1};
    pid_t pid = 0;
    bool running = kh_daemon_running(&run->daemon, &pid);

    if (!running && kh_service_by_systemd(run)) {
        const char *const ask[] = {
            "systemctl", "is-active", "--quiet", run->kind->unit, NULL};

        running = run_program(ask, NULL) == 0;
    }
    if (run->kind->look)
        run->kind->look(&run->setup, &state);
    running = running || state.serving; /* started by hand, perhaps */
    if (run->json)
        (void)print_json(run, running, pid, &state);
    else
        print_text(run, running, pid, &state);
    if (!running)
        return NOT_RUNNING;
    return state.ready == 0 ? KH_EXIT_FAILED : KH_EXIT_OK;
}
