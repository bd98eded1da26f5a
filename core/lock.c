#include "core/fileio.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

/* The holder writes its pid into the lock file; flock(2) alone decides who holds it, so a
 * pid left by a dead process never blocks anybody. */
static long holder(int fd)
{
    char text[24] = "";
    ssize_t n = pread(fd, text, sizeof text - 1, 0);

    return n > 0 ? strtol(text, NULL, 10) : 0;
}

static kh_status note_pid(int fd, const char *path, struct kh_error *err)
{
    char text[24];
    int n = snprintf(text, sizeof text, "%ld\n", (long)getpid());

    if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)n, 0) != n)
        return kh_fail(
            err, KH_UNAVAILABLE, "cannot write lock file %s: %s", path, strerror(errno));
    return KH_OK;
}

kh_status kh_lock(const char *path, const char *what, int *lock, struct kh_error *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    kh_status st;

    *lock = -1;
    if (fd < 0)
        return kh_fail(
            err, KH_UNAVAILABLE, "cannot open lock file %s: %s", path, strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        st = errno == EWOULDBLOCK
                 ? kh_fail(err, KH_BUSY, "%s is in use by process %ld", what, holder(fd))
                 : kh_fail(
                       err, KH_UNAVAILABLE, "cannot lock %s: %s", path, strerror(errno));
        (void)close(fd);
        return st;
    }
    st = note_pid(fd, path, err);
    if (st != KH_OK) {
        (void)close(fd);
        return st;
    }
    *lock = fd;
    return KH_OK;
}

void kh_unlock(int lock)
{
    /* Closing drops the lock. The file stays: removing it would let two processes lock
     * two files. */
    if (lock >= 0)
        (void)close(lock);
}
