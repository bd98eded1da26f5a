#include "tests/lib/keyhsmd.h"

#include "tests/lib/testlib.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { START_SECONDS = 60, POLL_NS = 10000000 };

static void die(const char *what)
{
    fprintf(stderr, "keyhsmd for the test: %s\n", what);
    abort();
}

static void self_signed(const char *dir, const char *name, const char *usage)
{
    if (kh_test_shell("cd '%s' && openssl req -x509 -newkey ec -pkeyopt "
                      "ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=%s -addext "
                      "extendedKeyUsage=%s -addext basicConstraints=CA:FALSE -keyout "
                      "%s.key -out %s.crt 2>/dev/null && chmod 600 %s.key",
            dir, name, usage, name, name, name) != 0)
        die("openssl req");
}

void kh_test_keyhsmd_make(
    struct kh_test_keyhsmd *daemon, const char *dir, const char *backend)
{
    char *path = kh_test_path(dir, "keyhsmd.ini");
    FILE *ini;

    memset(daemon, 0, sizeof *daemon);
    snprintf(daemon->dir, sizeof daemon->dir, "%s", dir);
    snprintf(daemon->backend, sizeof daemon->backend, "%s", backend);
    daemon->plugin_dir = TEST_PLUGIN_DIR;
    self_signed(dir, "server", "serverAuth");
    self_signed(dir, "client", "clientAuth");
    self_signed(dir, "other", "clientAuth");
    if (kh_test_shell(
            "cd '%s' && mkdir -p trust && cp client.crt trust/$(openssl x509 -in "
            "client.crt -outform DER | sha256sum | cut -c1-64).pem",
            dir) != 0)
        die("the client's pin");
    ini = fopen(path, "w");
    if (!ini)
        die(path);
    fprintf(ini,
        "[server]\nlisten = localhost\nport_file = %s/port\n[tls]\ncertificate = "
        "%s/server.crt\nprivate_key = %s/server.key\ntrust_dir = "
        "%s/trust\n[memory]\nlock "
        "= preferred\n[backend.%s]\n",
        dir, dir, dir, dir, backend);
    (void)fclose(ini);
    free(path);
}

void kh_test_keyhsmd_add(struct kh_test_keyhsmd *daemon, const char *format, ...)
{
    char *path = kh_test_path(daemon->dir, "keyhsmd.ini");
    FILE *ini = fopen(path, "a");
    va_list args;

    if (!ini)
        die(path);
    va_start(args, format);
    (void)vfprintf(ini, format, args);
    va_end(args);
    fputc('\n', ini);
    (void)fclose(ini);
    free(path);
}

static void run(const struct kh_test_keyhsmd *daemon)
{
    char *ini = kh_test_path(daemon->dir, "keyhsmd.ini");
    char *log = kh_test_path(daemon->dir, "keyhsmd.log");
    char port[16];

    /* Not even a test that crashes leaves it behind. */
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)!freopen(log, "a", stderr);
    snprintf(port, sizeof port, "%u", daemon->port);
    execl(TEST_BIN_DIR "/keyhsmd", "keyhsmd", "--config", ini, "--plugin-dir",
        daemon->plugin_dir, "--backend", daemon->backend, "--port", port, (char *)NULL);
    _exit(127);
}

/* False until the port is announced. */
static bool listening(struct kh_test_keyhsmd *daemon, const char *port_file)
{
    FILE *file = fopen(port_file, "r");
    bool read = file && fscanf(file, "%u", &daemon->port) == 1;

    if (file)
        (void)fclose(file);
    return read;
}

void kh_test_keyhsmd_start(struct kh_test_keyhsmd *daemon)
{
    char *port_file = kh_test_path(daemon->dir, "port");
    const struct timespec pause = {0, POLL_NS};
    long polls = START_SECONDS * (1000000000L / POLL_NS);

    (void)unlink(port_file);
    daemon->pid = fork();
    if (daemon->pid < 0)
        die("fork");
    if (daemon->pid == 0)
        run(daemon);
    while (!listening(daemon, port_file)) {
        int status;

        if (waitpid(daemon->pid, &status, WNOHANG) != 0 || --polls == 0) {
            (void)kh_test_shell("tail -n 20 '%s/keyhsmd.log' >&2", daemon->dir);
            die("it did not start");
        }
        (void)nanosleep(&pause, NULL);
    }
    free(port_file);
}

void kh_test_keyhsmd_stop(struct kh_test_keyhsmd *daemon, int signal)
{
    int status;

    if (daemon->pid <= 0)
        return;
    (void)kill(daemon->pid, signal);
    (void)waitpid(daemon->pid, &status, 0);
    daemon->pid = 0;
}
