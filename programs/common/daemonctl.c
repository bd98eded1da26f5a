#include "programs/common/daemonctl.h"

#include "core/fileio.h"
#include "programs/common/daemonctl_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/pidfd.h>
#include <time.h>
#include <unistd.h>

enum { RETRY_MS = 20, SETTLE_MS = 2000 };

static void rest(void)
{
    const struct timespec t = {0, RETRY_MS * 1000000L};

    (void)nanosleep(&t, NULL);
}

static pid_t read_pid(int fd)
{
    char text[24] = "";
    ssize_t n = pread(fd, text, sizeof text - 1, 0);
    long pid = n > 0 ? strtol(text, NULL, 10) : 0;

    return pid > 1 ? (pid_t)pid : 0;
}

bool kh_daemon_running(const struct kh_daemon *daemon, pid_t *pid)
{
    int fd = open(daemon->pid_file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    bool running;

    if (pid)
        *pid = 0;
    if (fd < 0)
        return false;
    /* Shared, so that two who only look do not see each other. */
    running = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    if (running && pid)
        *pid = read_pid(fd);
    (void)close(fd);
    return running;
}

kh_status kh_daemon_claim(const struct kh_daemon *daemon, int *lock, struct kh_error *err)
{
    int fd = open(daemon->pid_file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    pid_t pid = 0;

    *lock = -1;
    if (fd < 0)
        return kh_fail(err, KH_UNAVAILABLE, "%s: %s", daemon->pid_file, strerror(errno));
    /* Somebody may just be looking (kh_daemon_running), or a daemon be about to say its
     * pid, or to end. */
    for (unsigned waited = 0; flock(fd, LOCK_EX | LOCK_NB) != 0; waited += RETRY_MS) {
        pid = read_pid(fd);
        if (errno != EWOULDBLOCK || waited >= SETTLE_MS ||
            (pid > 0 && kill(pid, 0) == 0 && kh_daemon_running(daemon, NULL))) {
            (void)close(fd);
            return pid > 0 ? kh_fail(err, KH_EXISTS, "%s is running (process %ld)",
                                 daemon->name, (long)pid)
                           : kh_fail(err, KH_BUSY, "%s: locked; %s is being started",
                                 daemon->pid_file, daemon->name);
        }
        rest();
    }
    if (ftruncate(fd, 0) != 0) {
        (void)close(fd);
        return kh_fail(err, KH_UNAVAILABLE, "%s: %s", daemon->pid_file, strerror(errno));
    }
    *lock = fd;
    return KH_OK;
}

/* A handle on the process that holds the lock: the lock is looked at again once there is
 * a handle, so a pid that was given to somebody else meanwhile is noticed. */
static kh_status take_hold(
    const struct kh_daemon *daemon, int *handle, pid_t *pid, struct kh_error *err)
{
    pid_t again = 0;

    *handle = -1;
    for (unsigned waited = 0; kh_daemon_running(daemon, pid); waited += RETRY_MS) {
        if (*pid > 0)
            *handle = pidfd_open(*pid, 0);
        if (*handle >= 0 && kh_daemon_running(daemon, &again) && again == *pid)
            return KH_OK;
        if (*handle >= 0)
            (void)close(*handle);
        *handle = -1;
        if (waited >= SETTLE_MS)
            return kh_fail(err, KH_BUSY, "%s is being started", daemon->name);
        rest();
    }
    return kh_fail(err, KH_NOT_FOUND, "%s is not running", daemon->name);
}

kh_status kh_daemon_signal(
    const struct kh_daemon *daemon, int signum, struct kh_error *err)
{
    int handle;
    pid_t pid;
    kh_status st = take_hold(daemon, &handle, &pid, err);

    if (st != KH_OK)
        return st;
    if (pidfd_send_signal(handle, signum, NULL, 0) != 0)
        st = kh_fail(err, KH_UNAVAILABLE, "process %ld cannot be signalled: %s",
            (long)pid, strerror(errno));
    (void)close(handle);
    return st;
}

/* The lock ends with the process, but its handle is what can be waited for. */
static kh_status await_end(
    const struct kh_daemon *daemon, int handle, pid_t pid, struct kh_error *err)
{
    struct pollfd end = {.fd = handle, .events = POLLIN};

    if (poll(&end, 1, (int)(daemon->patience * 1000)) == 1)
        return KH_OK;
    return kh_fail(err, KH_UNAVAILABLE,
        "%s (process %ld) has not ended within %u seconds; see %s", daemon->name,
        (long)pid, daemon->patience, daemon->log_file);
}

kh_status kh_daemon_stop(const struct kh_daemon *daemon, bool hurry, struct kh_error *err)
{
    int handle;
    int lock;
    pid_t pid;
    kh_status st = take_hold(daemon, &handle, &pid, err);

    if (st != KH_OK)
        return st;
    if (pidfd_send_signal(handle, SIGTERM, NULL, 0) != 0 && errno != ESRCH)
        st = kh_fail(err, KH_UNAVAILABLE, "process %ld cannot be signalled: %s",
            (long)pid, strerror(errno));
    if (st == KH_OK && hurry) /* two of the same would become one */
        (void)pidfd_send_signal(handle, SIGINT, NULL, 0);
    if (st == KH_OK)
        st = await_end(daemon, handle, pid, err);
    (void)close(handle);
    /* An empty file is what others take for "not running". */
    if (st == KH_OK && kh_daemon_claim(daemon, &lock, NULL) == KH_OK)
        (void)close(lock);
    return st;
}
