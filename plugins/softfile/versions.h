/* One deposit's directory: which versions are in it. */
#ifndef KH_SOFTFILE_VERSIONS_H
#define KH_SOFTFILE_VERSIONS_H

#include "plugins/softfile/files.h"
#include "plugins/softfile/names.h"
#include "plugins/softfile/store.h"

struct kh_soft_version {
    uint32_t version;
    bool active;  /* there is a .cms */
    bool deleted; /* there is a .deleted; both is a fault */
};

struct kh_soft_versions {
    struct kh_soft_version *list; /* by version */
    size_t count;
    char (*foreign)[KH_SOFT_FILE_SIZE]; /* what else is in the directory, by name */
    size_t foreign_count;
    int fd;                       /* of the directory */
    char name[KH_SOFT_FILE_SIZE]; /* of the directory: the encoded name */
    char flaw[KH_SOFT_NOTE_SIZE]; /* of the directory; "" when it is as it should be */
};
#define KH_SOFT_VERSIONS_INIT                                                            \
    {                                                                                    \
        .fd = -1                                                                         \
    }

/* Reads the directory FILE (an encoded name) of STORE. KH_NOT_FOUND; KH_CORRUPT when it
 * is no readable directory (FLAW says why); KH_UNAVAILABLE. A directory of wrong mode or
 * owner is read: FLAW is for the caller to judge. Free with kh_soft_versions_free in any
 * case. ERR is filled. */
KH_CHECK kh_status kh_soft_versions_read(const struct kh_soft_store *store,
    const char *file, struct kh_soft_versions *versions, struct kh_error *err);
/* The same for one VERSION (not KH_LATEST): the list has no other one, and need not have
 * the foreign files. Cheaper: the directory is read only when the version is not there,
 * or changes its state at this moment. */
KH_CHECK kh_status kh_soft_versions_look_up(const struct kh_soft_store *store,
    const char *file, uint32_t version, struct kh_soft_versions *versions,
    struct kh_error *err);
void kh_soft_versions_free(struct kh_soft_versions *versions);
#define KH_SOFT_CLEANUP_VERSIONS __attribute__((cleanup(kh_soft_versions_free)))

/* The entry of VERSION; with KH_LATEST the highest active one, else (WITH_DELETED) the
 * highest. NULL when there is none. */
const struct kh_soft_version *kh_soft_versions_find(
    const struct kh_soft_versions *versions, uint32_t version, bool with_deleted);

#endif
