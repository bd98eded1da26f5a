/*
 * Files and directories of a store, always reached from an open directory and never
 * through a symbolic link.
 */
#ifndef KH_SOFTFILE_FILES_H
#define KH_SOFTFILE_FILES_H

#include <keyhsm/types.h>

#include <sys/stat.h>

/* The largest envelope that is read: a record of KH_DATA_LIMIT with all its attributes,
 * escaped. */
#define KH_SOFT_ENVELOPE_MAX (4U * 1024 * 1024)
#define KH_SOFT_NOTE_SIZE 160 /* of a note on what is wrong; as in struct kh_item */

/* Bytes that are not secret. */
struct kh_soft_bytes {
    unsigned char *data; /* malloc'd */
    size_t len;
};
void kh_soft_bytes_free(struct kh_soft_bytes *bytes);

void kh_soft_close_fd(int *fd);
#define KH_SOFT_CLEANUP_FD __attribute__((cleanup(kh_soft_close_fd)))

/* True when ST is not as a store makes it, and NOTE says why: other kind than KIND
 * (S_IFREG or S_IFDIR), owned by neither OWNER nor us, mode more open than 0600 (0700).
 */
bool kh_soft_flaw(
    const struct stat *st, mode_t kind, uid_t owner, char note[KH_SOFT_NOTE_SIZE]);

/* Opens regular file FILE of DIRFD for reading. KH_NOT_FOUND; KH_CORRUPT for a flaw, an
 * empty file, or one above KH_SOFT_ENVELOPE_MAX; KH_UNAVAILABLE. NOTE says why. */
KH_CHECK kh_status kh_soft_open(int dirfd, const char *file, uid_t owner, int *fd,
    struct stat *st, char note[KH_SOFT_NOTE_SIZE]);

/* Opens and reads it whole. As kh_soft_open; KH_FATAL without memory. */
KH_CHECK kh_status kh_soft_read(int dirfd, const char *file, uid_t owner,
    struct kh_soft_bytes *out, char note[KH_SOFT_NOTE_SIZE]);

/* fsync of an open directory, PATH for the message. KH_FATAL: durability was lost. */
KH_CHECK kh_status kh_soft_sync(int dirfd, const char *path, struct kh_error *err);

/* Overwrites FILE of DIRFD in place, makes that durable and unlinks it. KH_OK when there
 * is none. A file that is no regular file is unlinked only. */
KH_CHECK kh_status kh_soft_shred(int dirfd, const char *file, struct kh_error *err);

/* Unlinks FILE of DIRFD first and overwrites it then: at no time is there a damaged file.
 * For what others may be reading. KH_OK when there is none. */
KH_CHECK kh_status kh_soft_discard(int dirfd, const char *file, struct kh_error *err);

/* Removes everything in open directory DIRFD, which stays. Follows no link. */
KH_CHECK kh_status kh_soft_empty(int dirfd, struct kh_error *err);

#endif
