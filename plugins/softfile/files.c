#include "plugins/softfile/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void kh_soft_bytes_free(struct kh_soft_bytes *bytes)
{
    free(bytes->data);
    memset(bytes, 0, sizeof *bytes);
}

void kh_soft_close_fd(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

bool kh_soft_flaw(
    const struct stat *st, mode_t kind, uid_t owner, char note[KH_SOFT_NOTE_SIZE])
{
    unsigned expected = kind == S_IFDIR ? 0700 : 0600;

    if (S_ISLNK(st->st_mode))
        snprintf(note, KH_SOFT_NOTE_SIZE, "is a symbolic link");
    else if ((st->st_mode & S_IFMT) != kind)
        snprintf(note, KH_SOFT_NOTE_SIZE, "is not a %s",
            kind == S_IFDIR ? "directory" : "regular file");
    else if (st->st_uid != owner && st->st_uid != geteuid())
        snprintf(note, KH_SOFT_NOTE_SIZE, "owner is uid %u, expected %u",
            (unsigned)st->st_uid, (unsigned)owner);
    else if (st->st_mode & 07777 & ~expected)
        snprintf(note, KH_SOFT_NOTE_SIZE, "mode %04o, expected %04o",
            (unsigned)st->st_mode & 07777, expected);
    else
        return false;
    return true;
}

static kh_status open_failed(char note[KH_SOFT_NOTE_SIZE])
{
    int cause = errno;

    if (cause == ELOOP)
        snprintf(note, KH_SOFT_NOTE_SIZE, "is a symbolic link");
    else
        snprintf(note, KH_SOFT_NOTE_SIZE, "cannot be opened: %s", strerror(cause));
    if (cause == ENOENT)
        return KH_NOT_FOUND;
    return cause == ELOOP || cause == EACCES || cause == ENXIO || cause == EIO
               ? KH_CORRUPT
               : KH_UNAVAILABLE;
}

/* O_NONBLOCK: a foreign FIFO must not hold us up before it is refused. */
kh_status kh_soft_open(int dirfd, const char *file, uid_t owner, int *fd, struct stat *st,
    char note[KH_SOFT_NOTE_SIZE])
{
    *fd = openat(dirfd, file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (*fd < 0)
        return open_failed(note);
    if (fstat(*fd, st) != 0) {
        snprintf(note, KH_SOFT_NOTE_SIZE, "cannot be looked at: %s", strerror(errno));
        kh_soft_close_fd(fd);
        return KH_UNAVAILABLE;
    }
    if (!kh_soft_flaw(st, S_IFREG, owner, note)) {
        if (st->st_size > 0 && st->st_size <= (off_t)KH_SOFT_ENVELOPE_MAX)
            return KH_OK;
        snprintf(note, KH_SOFT_NOTE_SIZE, st->st_size > 0 ? "is too large" : "is empty");
    }
    kh_soft_close_fd(fd);
    return KH_CORRUPT;
}

static kh_status fill(int fd, struct kh_soft_bytes *out, char note[KH_SOFT_NOTE_SIZE])
{
    size_t used = 0;

    while (used < out->len) {
        ssize_t n = read(fd, out->data + used, out->len - used);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            snprintf(note, KH_SOFT_NOTE_SIZE, "cannot be read: %s", strerror(errno));
            return errno == EIO ? KH_CORRUPT : KH_UNAVAILABLE;
        }
        if (n == 0) {
            snprintf(note, KH_SOFT_NOTE_SIZE, "became shorter while it was read");
            return KH_CORRUPT;
        }
        used += (size_t)n;
    }
    return KH_OK;
}

kh_status kh_soft_read(int dirfd, const char *file, uid_t owner,
    struct kh_soft_bytes *out, char note[KH_SOFT_NOTE_SIZE])
{
    KH_SOFT_CLEANUP_FD int fd = -1;
    struct stat st;
    kh_status status = kh_soft_open(dirfd, file, owner, &fd, &st, note);

    if (status != KH_OK)
        return status;
    out->len = (size_t)st.st_size;
    out->data = malloc(out->len);
    if (!out->data) {
        out->len = 0;
        snprintf(note, KH_SOFT_NOTE_SIZE, "no memory to read it");
        return KH_FATAL;
    }
    status = fill(fd, out, note);
    /* A file that is being discarded may have been read overwritten. */
    if (status == KH_OK && (fstat(fd, &st) != 0 || st.st_nlink == 0)) {
        snprintf(note, KH_SOFT_NOTE_SIZE, "was removed while it was read");
        status = KH_NOT_FOUND;
    }
    if (status != KH_OK)
        kh_soft_bytes_free(out);
    return status;
}

kh_status kh_soft_sync(int dirfd, const char *path, struct kh_error *err)
{
    if (fsync(dirfd) != 0)
        return kh_fail(
            err, KH_FATAL, "cannot fsync directory %s: %s", path, strerror(errno));
    return KH_OK;
}

static kh_status overwrite(int fd, off_t size, const char *file, struct kh_error *err)
{
    static const unsigned char zeros[4096];

    for (off_t at = 0; at < size;) {
        size_t want =
            size - at < (off_t)sizeof zeros ? (size_t)(size - at) : sizeof zeros;
        ssize_t n = pwrite(fd, zeros, want, at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return kh_fail(
                err, KH_UNAVAILABLE, "cannot overwrite %s: %s", file, strerror(errno));
        at += n;
    }
    if (fsync(fd) != 0)
        return kh_fail(err, KH_FATAL, "cannot fsync %s: %s", file, strerror(errno));
    return KH_OK;
}

/* *FD stays -1 for what is no regular file: there is nothing of ours in it to overwrite.
 */
static kh_status open_to_destroy(
    int dirfd, const char *file, int *fd, off_t *size, struct kh_error *err)
{
    struct stat st;

    *fd = openat(dirfd, file, O_WRONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (*fd < 0 && errno == ENOENT)
        return kh_fail(err, KH_NOT_FOUND, "there is no %s", file);
    if (*fd < 0 && errno != ELOOP && errno != ENXIO)
        return kh_fail(err, KH_UNAVAILABLE, "cannot open %s: %s", file, strerror(errno));
    if (*fd >= 0 && (fstat(*fd, &st) != 0 || !S_ISREG(st.st_mode)))
        kh_soft_close_fd(fd);
    *size = *fd >= 0 ? st.st_size : 0;
    return KH_OK;
}

static kh_status unlink_file(int dirfd, const char *file, struct kh_error *err)
{
    if (unlinkat(dirfd, file, 0) != 0 && errno != ENOENT)
        return kh_fail(
            err, KH_UNAVAILABLE, "cannot remove %s: %s", file, strerror(errno));
    return KH_OK;
}

kh_status kh_soft_shred(int dirfd, const char *file, struct kh_error *err)
{
    KH_SOFT_CLEANUP_FD int fd = -1;
    off_t size = 0;
    kh_status status = open_to_destroy(dirfd, file, &fd, &size, err);

    if (status == KH_NOT_FOUND)
        return KH_OK;
    if (status == KH_OK && fd >= 0)
        status = overwrite(fd, size, file, err);
    return status == KH_OK ? unlink_file(dirfd, file, err) : status;
}

kh_status kh_soft_discard(int dirfd, const char *file, struct kh_error *err)
{
    KH_SOFT_CLEANUP_FD int fd = -1;
    off_t size = 0;
    kh_status status = open_to_destroy(dirfd, file, &fd, &size, err);

    if (status == KH_NOT_FOUND)
        return KH_OK;
    if (status == KH_OK)
        status = unlink_file(dirfd, file, err);
    return status == KH_OK && fd >= 0 ? overwrite(fd, size, file, err) : status;
}
