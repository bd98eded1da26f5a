/* Files as a key store needs them: whole reads with a limit, durable writes, locks with a
 * pid. */
#ifndef KH_CORE_FILEIO_H
#define KH_CORE_FILEIO_H

#include <keyhsm/types.h>
#include <sys/types.h>

/* Reads PATH whole into secret memory. KH_NOT_FOUND, KH_INVALID (not a regular file,
 * larger than MAX), KH_UNAVAILABLE (cannot be opened or read). Follows no symbolic link
 * in the last component. */
KH_CHECK kh_status kh_file_read(
    const char *path, size_t max, struct kh_buf *out, struct kh_error *err);

/* See kh_host.file_write in keyhsm/plugin.h. */
KH_CHECK kh_status kh_file_write(const char *path, const void *data, size_t len,
    mode_t mode, bool exclusive, struct kh_error *err);

/* unlink, then fsync of the directory. A missing PATH is KH_OK. */
KH_CHECK kh_status kh_file_remove(const char *path, struct kh_error *err);

/* fsync of a directory. */
KH_CHECK kh_status kh_dir_sync(const char *path, struct kh_error *err);

/* mkdir -p of PATH with MODE for what is made (umask ignored), durable. */
KH_CHECK kh_status kh_dir_make(const char *path, mode_t mode, struct kh_error *err);

/* kh_dir_make of the directory that PATH stands in, unless it is there in whatever
 * mode. */
KH_CHECK kh_status kh_parent_make(const char *path, mode_t mode, struct kh_error *err);

/* KH_INVALID, with the cause, unless PATH is a regular file owned by root, the
 * effective user or the thread's guise (core/guise.h) and not accessible by group and
 * others beyond FORBIDDEN bits (e.g. 077, 022). */
KH_CHECK kh_status kh_file_trusted(
    const char *path, mode_t forbidden, struct kh_error *err);

/* See kh_host.lock. */
KH_CHECK kh_status kh_lock(
    const char *path, const char *what, int *lock, struct kh_error *err);
void kh_unlock(int lock);

#endif
