#include "core/fileio.h"

#include "core/guise.h"
#include "core/secmem.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void close_fd(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
}
#define CLEANUP_FD __attribute__((cleanup(close_fd)))

/* What an errno means for the caller: a full or read-only disk passes, a broken promise
 * does not. */
static kh_status fail_errno(struct kh_error *err, const char *what, const char *path)
{
    return kh_fail(err, errno == ENOENT ? KH_NOT_FOUND : KH_UNAVAILABLE, "%s %s: %s",
        what, path, strerror(errno));
}

static kh_status parent_of(const char *path, char out[PATH_MAX], struct kh_error *err)
{
    char copy[PATH_MAX];

    if (strlen(path) >= sizeof copy - 16)
        return kh_fail(err, KH_INVALID, "path too long: %.64s...", path);
    memcpy(copy, path, strlen(path) + 1);
    snprintf(out, PATH_MAX, "%s", dirname(copy));
    return KH_OK;
}

/* ---- reading ---- */

static kh_status read_all(
    int fd, struct kh_buf *buf, const char *path, struct kh_error *err)
{
    size_t at = 0;

    while (at < buf->len) {
        ssize_t n = read(fd, buf->data + at, buf->len - at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail_errno(err, "cannot read", path);
        if (n == 0)
            break;
        at += (size_t)n;
    }
    if (at != buf->len)
        return kh_fail(err, KH_UNAVAILABLE, "%s: became shorter while it was read", path);
    return KH_OK;
}

kh_status kh_file_read(
    const char *path, size_t max, struct kh_buf *out, struct kh_error *err)
{
    CLEANUP_FD int fd =
        open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    struct stat st;
    kh_status status;

    memset(out, 0, sizeof *out);
    if (fd < 0 && errno == ELOOP)
        return kh_fail(err, KH_INVALID, "%s: is a symbolic link", path);
    if (fd < 0)
        return fail_errno(err, "cannot open", path);
    if (fstat(fd, &st) != 0)
        return fail_errno(err, "cannot stat", path);
    if (!S_ISREG(st.st_mode))
        return kh_fail(err, KH_INVALID, "%s: not a regular file", path);
    if ((uintmax_t)st.st_size > max)
        return kh_fail(err, KH_INVALID, "%s: %jd bytes, at most %zu allowed", path,
            (intmax_t)st.st_size, max);
    status = kh_buf_alloc(out, (size_t)st.st_size, err);
    if (status == KH_OK)
        status = read_all(fd, out, path, err);
    if (status != KH_OK)
        kh_buf_free(out);
    return status;
}

/* ---- writing ---- */

kh_status kh_dir_sync(const char *path, struct kh_error *err)
{
    CLEANUP_FD int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return fail_errno(err, "cannot open directory", path);
    if (fsync(fd) != 0)
        return kh_fail(
            err, KH_FATAL, "cannot fsync directory %s: %s", path, strerror(errno));
    return KH_OK;
}

static kh_status write_all(int fd, const void *data, size_t len, struct kh_error *err)
{
    const unsigned char *at = data;

    while (len > 0) {
        ssize_t n = write(fd, at, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return kh_fail(err, KH_UNAVAILABLE, "cannot write: %s", strerror(errno));
        at += n;
        len -= (size_t)n;
    }
    return KH_OK;
}

static kh_status fill_temporary(
    int fd, const void *data, size_t len, mode_t mode, struct kh_error *err)
{
    kh_status st = write_all(fd, data, len, err);

    if (st != KH_OK)
        return st;
    if (fchmod(fd, mode) != 0)
        return kh_fail(err, KH_UNAVAILABLE, "cannot set its mode: %s", strerror(errno));
    /* After a failed fsync the page cache lies: nobody may go on as if it had worked. */
    if (fsync(fd) != 0)
        return kh_fail(err, KH_FATAL, "cannot fsync: %s", strerror(errno));
    return KH_OK;
}

/* rename(2) replaces; link(2) refuses an existing name, which is what EXCLUSIVE asks for.
 */
static kh_status put_in_place(
    const char *temporary, const char *path, bool exclusive, struct kh_error *err)
{
    if (!exclusive)
        return rename(temporary, path) == 0 ? KH_OK
                                            : fail_errno(err, "cannot rename to", path);
    if (link(temporary, path) != 0)
        return errno == EEXIST ? kh_fail(err, KH_EXISTS, "%s: exists already", path)
                               : fail_errno(err, "cannot link", path);
    (void)unlink(temporary);
    return KH_OK;
}

kh_status kh_file_write(const char *path, const void *data, size_t len, mode_t mode,
    bool exclusive, struct kh_error *err)
{
    struct kh_error why = {0};
    char directory[PATH_MAX];
    char temporary[PATH_MAX + 16];
    kh_status st = parent_of(path, directory, err);
    int fd;

    if (st != KH_OK)
        return st;
    snprintf(temporary, sizeof temporary, "%s/.tmp-XXXXXX", directory);
    fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0)
        return fail_errno(err, "cannot make a file in", directory);
    st = fill_temporary(fd, data, len, mode, &why);
    if (close(fd) != 0 && st == KH_OK)
        st = kh_fail(&why, KH_FATAL, "cannot close: %s", strerror(errno));
    if (st != KH_OK)
        (void)kh_fail(err, st, "%s: %s", path, why.message);
    else
        st = put_in_place(temporary, path, exclusive, err);
    if (st != KH_OK) {
        (void)unlink(temporary);
        return st;
    }
    return kh_dir_sync(directory, err);
}

kh_status kh_file_remove(const char *path, struct kh_error *err)
{
    char directory[PATH_MAX];
    kh_status st = parent_of(path, directory, err);

    if (st != KH_OK)
        return st;
    if (unlink(path) != 0)
        return errno == ENOENT ? KH_OK : fail_errno(err, "cannot remove", path);
    return kh_dir_sync(directory, err);
}

kh_status kh_dir_make(const char *path, mode_t mode, struct kh_error *err)
{
    char parent[PATH_MAX];
    struct stat st;
    kh_status status;

    if (stat(path, &st) == 0)
        return S_ISDIR(st.st_mode)
                   ? KH_OK
                   : kh_fail(err, KH_INVALID, "%s: not a directory", path);
    if (errno != ENOENT)
        return fail_errno(err, "cannot look at", path);
    status = parent_of(path, parent, err);
    if (status != KH_OK)
        return status;
    if (strcmp(parent, path) != 0) {
        status = kh_dir_make(parent, mode, err);
        if (status != KH_OK)
            return status;
    }
    if (mkdir(path, mode) != 0 && errno != EEXIST)
        return fail_errno(err, "cannot make directory", path);
    if (chmod(path, mode) != 0)
        return fail_errno(err, "cannot set the mode of", path);
    return kh_dir_sync(parent, err);
}

kh_status kh_parent_make(const char *path, mode_t mode, struct kh_error *err)
{
    const char *slash = strrchr(path, '/');
    char *dir;
    kh_status st = KH_OK;

    if (!slash || slash == path)
        return KH_OK;
    dir = strndup(path, (size_t)(slash - path));
    if (!dir)
        return kh_fail(err, KH_FATAL, "no memory");
    if (access(dir, F_OK) != 0)
        st = kh_dir_make(dir, mode, err);
    free(dir);
    return st;
}

kh_status kh_file_trusted(const char *path, mode_t forbidden, struct kh_error *err)
{
    struct stat st;

    if (lstat(path, &st) != 0)
        return fail_errno(err, "cannot look at", path);
    if (!S_ISREG(st.st_mode))
        return kh_fail(err, KH_INVALID, "%s: not a regular file", path);
    if (st.st_uid != 0 && st.st_uid != geteuid() && st.st_uid != kh_guise_user())
        return kh_fail(err, KH_INVALID, "%s: owned by uid %u, must be root or uid %u",
            path, (unsigned)st.st_uid, (unsigned)geteuid());
    if (st.st_mode & forbidden)
        return kh_fail(err, KH_INVALID, "%s: mode %04o is too open; run: chmod %04o %s",
            path, (unsigned)(st.st_mode & 07777),
            (unsigned)(st.st_mode & 07777 & ~forbidden), path);
    return KH_OK;
}
