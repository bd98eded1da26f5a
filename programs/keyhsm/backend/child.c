#include "programs/keyhsm/backend/child.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EVENTS_FD = 3, FILE_LIMIT = 1 << 30, DESCRIPTOR_LIMIT = 4096, ARGS_MAX = 160 };

static void limit(void)
{
    const struct rlimit core = {0, 0};
    const struct rlimit file = {FILE_LIMIT, FILE_LIMIT};
    struct rlimit descriptors;

    (void)setrlimit(RLIMIT_CORE, &core);
    (void)setrlimit(RLIMIT_FSIZE, &file);
    if (getrlimit(RLIMIT_NOFILE, &descriptors) == 0 &&
        descriptors.rlim_cur > DESCRIPTOR_LIMIT) {
        descriptors.rlim_cur = DESCRIPTOR_LIMIT;
        (void)setrlimit(RLIMIT_NOFILE, &descriptors);
    }
}

/* The command line; the strings are the caller's. */
static void arguments(
    const char *args[ARGS_MAX], const struct kh_suite *suite, const char *after)
{
    size_t n = 0;

    args[n++] = suite->program;
    args[n++] = "--plugin-dir";
    args[n++] = suite->plugin.dir;
    args[n++] = "--backend";
    args[n++] = suite->plugin.name;
    args[n++] = "--events";
    args[n++] = "3";
    if (suite->shared)
        args[n++] = "--shared";
    if (suite->test) {
        args[n++] = "--test";
        args[n++] = suite->test;
    }
    if (*after) {
        args[n++] = "--after";
        args[n++] = after;
    }
    for (unsigned i = 0; i < suite->setting_count && n + 3 < ARGS_MAX; i++) {
        args[n++] = "--set";
        args[n++] = suite->settings[i];
    }
    args[n] = NULL;
}

static _Noreturn void become(
    const struct kh_suite *suite, const char *after, int ends[KH_CHILD_PIPES])
{
    const char *args[ARGS_MAX];
    int high[KH_CHILD_PIPES];

    /* Out of the way of the numbers they are going to have. */
    for (int i = 0; i < KH_CHILD_PIPES; i++)
        high[i] = fcntl(ends[i], F_DUPFD_CLOEXEC, 16);
    (void)dup2(high[KH_CHILD_EVENTS], EVENTS_FD);
    (void)dup2(high[KH_CHILD_OUT], STDOUT_FILENO);
    (void)dup2(high[KH_CHILD_ERR], STDERR_FILENO);
    limit();
    arguments(args, suite, after);
    (void)execv(suite->program, (char *const *)(void *)args);
    _exit(127);
}

kh_status kh_child_start(struct kh_child *child, const struct kh_suite *suite,
    const char *after, struct kh_error *err)
{
    int ends[KH_CHILD_PIPES];
    bool ok = true;

    for (int i = 0; i < KH_CHILD_PIPES; i++) {
        int both[2] = {-1, -1};

        ok = pipe2(both, O_CLOEXEC) == 0 && ok;
        child->pipes[i] = both[0];
        ends[i] = both[1];
    }
    child->pid = ok ? fork() : -1;
    if (child->pid == 0)
        become(suite, after, ends);
    for (int i = 0; i < KH_CHILD_PIPES; i++)
        (void)close(ends[i]);
    if (child->pid > 0)
        return KH_OK;
    for (int i = 0; i < KH_CHILD_PIPES; i++)
        (void)close(child->pipes[i]);
    return kh_fail(err, KH_UNAVAILABLE, "no process for %s: %m", suite->program);
}

size_t kh_child_memory(const struct kh_child *child)
{
    char path[64];
    size_t pages = 0;
    FILE *f;

    (void)snprintf(path, sizeof path, "/proc/%ld/statm", (long)child->pid);
    f = fopen(path, "re");
    if (!f)
        return 0;
    if (fscanf(f, "%*u %zu", &pages) != 1) /* NOLINT(cert-err34-c): the kernel's */
        pages = 0;
    (void)fclose(f);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

int kh_child_end(struct kh_child *child)
{
    int status = 0;

    /* One that has ended already is not hurt. */
    (void)kill(child->pid, SIGKILL);
    (void)waitpid(child->pid, &status, 0);
    for (int i = 0; i < KH_CHILD_PIPES; i++)
        (void)close(child->pipes[i]);
    return status;
}
