#include "plugins/softfile/versions.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SCAN_BYTES = 4096 };

void kh_soft_versions_free(struct kh_soft_versions *versions)
{
    kh_soft_close_fd(&versions->fd);
    free(versions->list);
    free(versions->foreign);
    memset(versions, 0, sizeof *versions);
    versions->fd = -1;
}

/* Room for one more of SIZE bytes in LIST, which holds COUNT; capacities are powers of
 * two. */
static void *grow(void *list, size_t count, size_t size)
{
    if (count & (count - 1) || (count > 0 && count < 4))
        return list;
    return reallocarray(list, count < 4 ? 4 : count * 2, size);
}

static bool add_foreign(struct kh_soft_versions *versions, const char *file)
{
    char(*list)[KH_SOFT_FILE_SIZE] =
        grow(versions->foreign, versions->foreign_count, sizeof *versions->foreign);

    if (!list)
        return false;
    versions->foreign = list;
    snprintf(list[versions->foreign_count++], KH_SOFT_FILE_SIZE, "%.255s", file);
    return true;
}

static bool add(struct kh_soft_versions *versions, const char *file)
{
    struct kh_soft_version *list;
    uint32_t version;
    kh_state state;

    if (strcmp(file, ".") == 0 || strcmp(file, "..") == 0 || kh_soft_is_debris(file))
        return true;
    if (!kh_soft_version_parse(file, &version, &state))
        return add_foreign(versions, file);
    list = grow(versions->list, versions->count, sizeof *list);
    if (!list)
        return false;
    versions->list = list;
    list[versions->count++] =
        (struct kh_soft_version){version, state == KH_ACTIVE, state == KH_DELETED};
    return true;
}

static int by_version(const void *a, const void *b)
{
    const struct kh_soft_version *x = a;
    const struct kh_soft_version *y = b;

    return x->version < y->version ? -1 : x->version > y->version;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* Sorts, and makes one entry of a version that is there in both states. */
static void tidy(struct kh_soft_versions *versions)
{
    struct kh_soft_version *list = versions->list;
    size_t used = 0;

    if (versions->foreign_count > 1)
        qsort(versions->foreign, versions->foreign_count, sizeof *versions->foreign,
            by_name);
    if (versions->count < 2)
        return;
    qsort(list, versions->count, sizeof *list, by_version);
    for (size_t i = 1; i < versions->count; i++) {
        if (list[used].version == list[i].version) {
            list[used].active |= list[i].active;
            list[used].deleted |= list[i].deleted;
        } else {
            list[++used] = list[i];
        }
    }
    versions->count = used + 1;
}

/* getdents64(2) and not readdir(3): a deposit's directory has an entry or two, and a DIR
 * would cost more than reading it. */
static kh_status scan(struct kh_soft_versions *versions, struct kh_error *err)
{
    _Alignas(struct dirent64) char buffer[SCAN_BYTES];
    ssize_t n;

    while ((n = getdents64(versions->fd, buffer, sizeof buffer)) > 0) {
        for (ssize_t at = 0; at < n;) {
            const struct dirent64 *entry = (const void *)(buffer + at);

            if (!add(versions, entry->d_name))
                return kh_fail(err, KH_FATAL, "out of memory");
            at += entry->d_reclen;
        }
    }
    if (n < 0)
        return kh_fail(err, KH_UNAVAILABLE, "cannot list deposit %s: %s", versions->name,
            strerror(errno));
    tidy(versions);
    return KH_OK;
}

static kh_status not_opened(
    struct kh_soft_versions *versions, int cause, struct kh_error *err)
{
    if (cause == ENOENT)
        return kh_fail(err, KH_NOT_FOUND, "there is no deposit %s", versions->name);
    if (cause == ENOTDIR || cause == ELOOP)
        snprintf(versions->flaw, sizeof versions->flaw, "is not a directory");
    else if (cause == EACCES || cause == EIO)
        snprintf(versions->flaw, sizeof versions->flaw, "cannot be opened: %s",
            strerror(cause));
    else
        return kh_fail(err, KH_UNAVAILABLE, "cannot open deposit %s: %s", versions->name,
            strerror(cause));
    return kh_fail(err, KH_CORRUPT, "deposit %s: %s", versions->name, versions->flaw);
}

static kh_status open_directory(const struct kh_soft_store *store, const char *file,
    struct kh_soft_versions *versions, struct kh_error *err)
{
    struct stat st;

    snprintf(versions->name, sizeof versions->name, "%s", file);
    versions->fd =
        openat(store->deposits, file, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (versions->fd < 0)
        return not_opened(versions, errno, err);
    if (fstat(versions->fd, &st) != 0)
        return kh_fail(
            err, KH_UNAVAILABLE, "cannot look at deposit %s: %s", file, strerror(errno));
    (void)kh_soft_flaw(&st, S_IFDIR, store->owner, versions->flaw);
    return KH_OK;
}

kh_status kh_soft_versions_read(const struct kh_soft_store *store, const char *file,
    struct kh_soft_versions *versions, struct kh_error *err)
{
    kh_status status = open_directory(store, file, versions, err);

    return status == KH_OK ? scan(versions, err) : status;
}

static bool is_there(
    const struct kh_soft_versions *versions, uint32_t version, kh_state state)
{
    char file[KH_SOFT_VERSION_FILE_SIZE];
    struct stat st;

    kh_soft_version_file(version, state, file);
    return fstatat(versions->fd, file, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

kh_status kh_soft_versions_look_up(const struct kh_soft_store *store, const char *file,
    uint32_t version, struct kh_soft_versions *versions, struct kh_error *err)
{
    kh_status status = open_directory(store, file, versions, err);
    bool active;
    bool deleted;

    if (status != KH_OK)
        return status;
    active = is_there(versions, version, KH_ACTIVE);
    deleted = is_there(versions, version, KH_DELETED);
    /* Two looks see both names, or none, of a file that is renamed between them; one
     * reading of the directory does not. */
    if (active == deleted)
        return scan(versions, err);
    versions->list = malloc(sizeof *versions->list);
    if (!versions->list)
        return kh_fail(err, KH_FATAL, "out of memory");
    versions->list[versions->count++] =
        (struct kh_soft_version){version, active, deleted};
    return KH_OK;
}

const struct kh_soft_version *kh_soft_versions_find(
    const struct kh_soft_versions *versions, uint32_t version, bool with_deleted)
{
    for (size_t i = versions->count; i-- > 0;) {
        const struct kh_soft_version *entry = &versions->list[i];

        if (version == KH_LATEST ? entry->active : entry->version == version)
            return entry;
    }
    return version == KH_LATEST && with_deleted && versions->count > 0
               ? &versions->list[versions->count - 1]
               : NULL;
}
