#include "programs/keyhsm/backend/look.h"

#include "core/loader.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the child has to say, when it lives to say it. */
struct verdict {
    kh_status status;
    struct kh_error err;
};

/* Standard output is kept from the plugin while it is loaded. */
static _Noreturn void look(
    const struct kh_plugin_place *place, kh_look_fn print, int answer)
{
    const struct rlimit no_core = {0, 0};
    struct verdict verdict = {0};
    const struct kh_plugin *plugin = NULL;
    char path[sizeof place->dir + sizeof place->name + 8];
    int out = dup(STDOUT_FILENO);
    int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);

    (void)setrlimit(RLIMIT_CORE, &no_core);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (out < 0 || nowhere < 0 || dup2(nowhere, STDOUT_FILENO) < 0 ||
        dup2(nowhere, STDERR_FILENO) < 0)
        _exit(1);
    verdict.status = kh_loader_load(place->dir, place->name, &plugin, &verdict.err);
    (void)fflush(NULL);
    (void)dup2(out, STDOUT_FILENO);
    if (verdict.status == KH_OK && print) {
        (void)snprintf(path, sizeof path, "%s/%s.so", place->dir, place->name);
        print(plugin, path);
        (void)fflush(stdout);
    }
    if (write(answer, &verdict, sizeof verdict) != (ssize_t)sizeof verdict)
        _exit(1);
    _exit(0);
}

static kh_status died(
    const struct kh_plugin_place *place, int status, struct kh_error *err)
{
    if (WIFSIGNALED(status))
        return kh_fail(err, KH_REFUSED,
            "%s/%s.so: the plugin crashes when it is loaded (%s)", place->dir,
            place->name, strsignal(WTERMSIG(status)));
    return kh_fail(err, KH_REFUSED,
        "%s/%s.so: the plugin ends the process when it is loaded (exit status %d)",
        place->dir, place->name, WEXITSTATUS(status));
}

/* False: SECONDS have passed, and FD is open and silent. */
static bool answers(int fd, unsigned seconds)
{
    struct pollfd pipe = {.fd = fd, .events = POLLIN};
    int n;

    do
        n = poll(&pipe, 1, (int)seconds * 1000);
    while (n < 0 && errno == EINTR);
    return n != 0;
}

kh_status kh_plugin_look(const struct kh_plugin_place *place, unsigned seconds,
    kh_look_fn print, struct kh_error *err)
{
    struct verdict verdict = {0};
    bool answered;
    int answer[2];
    int status = 0;
    ssize_t n;
    pid_t pid;

    (void)fflush(NULL);
    if (pipe2(answer, O_CLOEXEC) != 0)
        return kh_fail(err, KH_UNAVAILABLE, "no pipe to load %s: %m", place->name);
    pid = fork();
    if (pid == 0)
        look(place, print, answer[1]);
    (void)close(answer[1]);
    answered = pid < 0 || answers(answer[0], seconds);
    if (!answered)
        (void)kill(pid, SIGKILL);
    n = pid < 0 || !answered ? -1 : read(answer[0], &verdict, sizeof verdict);
    (void)close(answer[0]);
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return kh_fail(err, KH_UNAVAILABLE, "no process to load %s: %m", place->name);
    if (!answered)
        return kh_fail(err, KH_REFUSED,
            "%s/%s.so: the plugin hangs: it is not loaded after %u seconds", place->dir,
            place->name, seconds);
    if (n != (ssize_t)sizeof verdict)
        return died(place, status, err);
    if (verdict.status == KH_OK)
        return KH_OK;
    verdict.err.message[sizeof verdict.err.message - 1] = 0;
    return kh_fail(err, verdict.status, "%s", verdict.err.message);
}

void kh_capabilities_text(uint32_t capabilities, char *out, size_t size)
{
    static const char *const names[] = {"READ", "WRITE", "LIST", "EXPORT", "SEAL",
        "HARDWARE", "THREADSAFE", "LEGACY_NAMES"};
    size_t used = 0;

    *out = 0;
    for (size_t i = 0; i < sizeof names / sizeof names[0] && used < size; i++) {
        if (capabilities & (1U << i))
            used += (size_t)snprintf(
                out + used, size - used, "%s%s", used ? " " : "", names[i]);
    }
}
