#include "programs/common/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DESCRIPTORS = 4096, ASIDE = 32 };

kh_status kh_helper_find(const char *name, char *out, size_t size, struct kh_error *err)
{
    ssize_t n = readlink("/proc/self/exe", out, size - 1);
    char *slash;

    if (n > 0) {
        out[n] = '\0';
        slash = strrchr(out, '/');
        if (slash &&
            (size_t)snprintf(slash + 1, size - (size_t)(slash + 1 - out), "%s", name) <
                size - (size_t)(slash + 1 - out) &&
            access(out, X_OK) == 0)
            return KH_OK;
    }
    (void)snprintf(out, size, "%s/%s", KEYHSM_LIBEXEC_DIR, name);
    if (access(out, X_OK) != 0)
        return kh_fail(err, KH_UNAVAILABLE, "%s: %s", out, strerror(errno));
    return KH_OK;
}

/* ---- in the child ----------------------------------------------------------------- */

static void limit(int what, rlim_t value)
{
    const struct rlimit l = {value, value};

    (void)setrlimit(what, &l);
}

static void set_limits(const struct kh_helper *helper, pid_t parent)
{
    struct rlimit descriptors;

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(127); /* it ended before we asked to be told */
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_FSIZE, helper->file_max);
    if (helper->cpu_seconds > 0)
        limit(RLIMIT_CPU, helper->cpu_seconds);
    if (getrlimit(RLIMIT_NOFILE, &descriptors) == 0 &&
        descriptors.rlim_cur > DESCRIPTORS) {
        descriptors.rlim_cur = DESCRIPTORS;
        (void)setrlimit(RLIMIT_NOFILE, &descriptors);
    }
}

/* Each is first put above what any of them is put to, so that none is overwritten before
 * its turn. */
static bool arrange(const struct kh_helper *helper)
{
    int aside[KH_HELPER_FDS];
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (null < 0)
        return false;
    for (size_t i = 0; i < helper->fd_count; i++) {
        aside[i] =
            fcntl(helper->fds[i] < 0 ? null : helper->fds[i], F_DUPFD_CLOEXEC, ASIDE);
        if (aside[i] < 0)
            return false;
    }
    for (size_t i = 0; i < helper->fd_count; i++) {
        if (dup2(aside[i], (int)i) < 0)
            return false;
    }
    return !helper->close_others || close_range((unsigned)helper->fd_count, ~0U, 0) == 0;
}

static _Noreturn void become(const struct kh_helper *helper, pid_t parent)
{
    if (helper->own_group)
        (void)setpgid(0, 0);
    set_limits(helper, parent);
    for (size_t i = 0; i < helper->variables; i++)
        (void)setenv(helper->names[i], helper->values[i], 1);
    if (arrange(helper))
        (void)execv(helper->argv[0], (char *const *)(size_t)helper->argv);
    _exit(127);
}

/* ---- in the parent ---------------------------------------------------------------- */

kh_status kh_helper_start(struct kh_helper *helper, struct kh_error *err)
{
    pid_t parent = getpid();

    helper->pid = fork();
    if (helper->pid == 0)
        become(helper, parent);
    if (helper->pid < 0)
        return kh_fail(err, KH_UNAVAILABLE, "no process for %s: %s", helper->argv[0],
            strerror(errno));
    /* Whichever of the two comes first. */
    if (helper->own_group)
        (void)setpgid(helper->pid, helper->pid);
    return KH_OK;
}

int kh_helper_end(const struct kh_helper *helper, int status)
{
    /* One that has ended already is not hurt; its children may live on. */
    if (helper->own_group)
        (void)kill(-helper->pid, SIGKILL);
    else if (status < 0)
        (void)kill(helper->pid, SIGKILL);
    if (status < 0 && waitpid(helper->pid, &status, 0) != helper->pid)
        status = 127 << 8;
    return status;
}
