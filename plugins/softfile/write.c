#include "plugins/softfile/deposits.h"

#include "plugins/softfile/cms.h"
#include "plugins/softfile/versions.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

static kh_status sync_deposits(const struct kh_soft_store *store, struct kh_error *err)
{
    return kh_soft_sync(store->deposits, KH_SOFT_DEPOSITS, err);
}

static kh_status intact(const struct kh_soft_versions *versions, struct kh_error *err)
{
    if (versions->flaw[0])
        return kh_fail(err, KH_CORRUPT, "deposit %s: its directory: %s", versions->name,
            versions->flaw);
    return KH_OK;
}

/* ---- put ---- */

static kh_status seal_deposit(const struct kh_soft_store *store,
    const struct kh_deposit *deposit, struct kh_soft_bytes *out, struct kh_error *err)
{
    struct kh_buf record = {0};
    kh_status status = store->host->record_encode(store->host, deposit, &record, err);

    if (status == KH_OK)
        status = kh_soft_cms_seal(&store->keys, &record, out, err);
    store->host->buf_free(store->host, &record);
    return status;
}

/* The name must be durable before a file in it can be. */
static kh_status make_directory(
    const struct kh_soft_store *store, const char *file, struct kh_error *err)
{
    kh_status status;

    if (mkdirat(store->deposits, file, 0700) != 0)
        return kh_fail(err, KH_UNAVAILABLE, "cannot make the directory of deposit %s: %s",
            file, strerror(errno));
    /* Whatever the umask is. */
    if (fchmodat(store->deposits, file, 0700, 0) != 0)
        return kh_fail(err, KH_UNAVAILABLE, "cannot set the mode of deposit %s: %s", file,
            strerror(errno));
    status = kh_soft_give(store, store->deposits, file, err);
    return status == KH_OK ? sync_deposits(store, err) : status;
}

static kh_status vacant(const struct kh_soft_versions *versions,
    const struct kh_deposit *deposit, kh_put_mode mode, struct kh_error *err)
{
    char foreign[KH_SOFT_FILE_SIZE];

    if (versions->foreign_count > 0) {
        (void)!kh_soft_name_encode(versions->foreign[0], foreign, NULL);
        return kh_fail(err, KH_CORRUPT,
            "deposit %s: its directory holds the foreign file %.64s", versions->name,
            foreign);
    }
    if (mode == KH_PUT_NEW && versions->count > 0)
        return kh_fail(err, KH_EXISTS, "deposit %s exists already", versions->name);
    if (kh_soft_versions_find(versions, deposit->version, true))
        return kh_fail(err, KH_EXISTS, "version %u of deposit %s exists already",
            deposit->version, versions->name);
    return intact(versions, err);
}

/* Makes the deposit's directory, or finds that there is room in it. */
static kh_status prepare(const struct kh_soft_store *store, const char *file,
    const struct kh_deposit *deposit, kh_put_mode mode, struct kh_error *err)
{
    KH_SOFT_CLEANUP_VERSIONS struct kh_soft_versions versions = KH_SOFT_VERSIONS_INIT;
    kh_status status = kh_soft_versions_read(store, file, &versions, err);

    if (status == KH_NOT_FOUND)
        return make_directory(store, file, err);
    return status == KH_OK ? vacant(&versions, deposit, mode, err) : status;
}

static kh_status write_version(const struct kh_soft_store *store, const char *file,
    const struct kh_deposit *deposit, const struct kh_soft_bytes *bytes,
    struct kh_error *err)
{
    char version[KH_SOFT_VERSION_FILE_SIZE];
    char path[PATH_MAX];
    kh_status status;
    int n;

    kh_soft_version_file(deposit->version, deposit->state, version);
    n = snprintf(path, sizeof path, "%s/%s/%s/%s", store->directory, KH_SOFT_DEPOSITS,
        file, version);
    if (n >= (int)sizeof path)
        return kh_fail(err, KH_INVALID, "path too long: %.64s...", path);
    status = store->host->file_write(
        store->host, path, bytes->data, bytes->len, 0600, true, err);
    if (status == KH_OK) {
        status = kh_soft_give(store, AT_FDCWD, path, err);
        if (status != KH_OK)
            (void)unlink(path);
    }
    if (status != KH_OK) /* goes only when it is empty: the rest of a first version */
        (void)unlinkat(store->deposits, file, AT_REMOVEDIR);
    return status;
}

kh_status kh_soft_put(struct kh_soft_store *store, const struct kh_deposit *deposit,
    kh_put_mode mode, struct kh_error *err)
{
    struct kh_soft_bytes bytes = {0};
    char file[KH_SOFT_FILE_SIZE];
    kh_status status = kh_soft_name_encode(deposit->name, file, err);

    if (status == KH_OK && deposit->data.len > store->data_max)
        status = kh_fail(err, KH_INVALID, "deposit %s: %zu bytes, at most %zu allowed",
            file, deposit->data.len, store->data_max);
    if (status == KH_OK)
        status = seal_deposit(store, deposit, &bytes, err);
    if (status == KH_OK)
        status = kh_soft_write_begin(store, err);
    if (status == KH_OK) {
        status = prepare(store, file, deposit, mode, err);
        if (status == KH_OK)
            status = write_version(store, file, deposit, &bytes, err);
        kh_soft_write_end(store);
    }
    kh_soft_bytes_free(&bytes);
    return status;
}

/* ---- changes to what is there ---- */

/* Something done to one version under the write lock. */
typedef kh_status change(const struct kh_soft_versions *versions,
    const struct kh_soft_version *entry, struct kh_error *err);

static kh_status apply(const struct kh_soft_versions *versions, uint32_t version,
    change *fn, struct kh_error *err)
{
    kh_status status = KH_OK;
    size_t done = 0;

    for (size_t i = 0; status == KH_OK && i < versions->count; i++) {
        if (version != KH_ALL_VERSIONS && versions->list[i].version != version)
            continue;
        status = fn(versions, &versions->list[i], err);
        done++;
    }
    if (status == KH_OK && done == 0)
        return version == KH_ALL_VERSIONS
                   ? kh_fail(err, KH_NOT_FOUND, "there is no deposit %s", versions->name)
                   : kh_fail(err, KH_NOT_FOUND, "there is no version %u of deposit %s",
                         version, versions->name);
    return status == KH_OK ? kh_soft_sync(versions->fd, versions->name, err) : status;
}

static kh_status rename_state(const struct kh_soft_versions *versions,
    const struct kh_soft_version *entry, kh_state to, struct kh_error *err)
{
    char from[KH_SOFT_VERSION_FILE_SIZE];
    char dest[KH_SOFT_VERSION_FILE_SIZE];

    if (entry->active && entry->deleted)
        return kh_fail(err, KH_CORRUPT,
            "deposit %s version %u: is there both active and deleted", versions->name,
            entry->version);
    if (to == KH_DELETED ? entry->deleted : entry->active)
        return KH_OK;
    kh_soft_version_file(entry->version, to == KH_DELETED ? KH_ACTIVE : KH_DELETED, from);
    kh_soft_version_file(entry->version, to, dest);
    if (renameat(versions->fd, from, versions->fd, dest) != 0)
        return kh_fail(err, KH_UNAVAILABLE, "cannot rename version %u of deposit %s: %s",
            entry->version, versions->name, strerror(errno));
    return KH_OK;
}

static kh_status make_deleted(const struct kh_soft_versions *versions,
    const struct kh_soft_version *entry, struct kh_error *err)
{
    return rename_state(versions, entry, KH_DELETED, err);
}

static kh_status make_active(const struct kh_soft_versions *versions,
    const struct kh_soft_version *entry, struct kh_error *err)
{
    return rename_state(versions, entry, KH_ACTIVE, err);
}

static kh_status destroy(const struct kh_soft_versions *versions,
    const struct kh_soft_version *entry, struct kh_error *err)
{
    char file[KH_SOFT_VERSION_FILE_SIZE];
    kh_status status = KH_OK;

    kh_soft_version_file(entry->version, KH_ACTIVE, file);
    if (entry->active)
        status = kh_soft_discard(versions->fd, file, err);
    kh_soft_version_file(entry->version, KH_DELETED, file);
    if (status == KH_OK && entry->deleted)
        status = kh_soft_discard(versions->fd, file, err);
    return status;
}

static kh_status change_versions(struct kh_soft_store *store, const char *file,
    uint32_t version, change *fn, struct kh_error *err)
{
    KH_SOFT_CLEANUP_VERSIONS struct kh_soft_versions versions = KH_SOFT_VERSIONS_INIT;
    kh_status status = kh_soft_versions_read(store, file, &versions, err);

    if (status == KH_OK)
        status = intact(&versions, err);
    return status == KH_OK ? apply(&versions, version, fn, err) : status;
}

/* FILE is the deposit's directory; kh_soft_write_end follows. */
static kh_status begin_change(struct kh_soft_store *store, const char *name,
    char file[KH_SOFT_FILE_SIZE], struct kh_error *err)
{
    if (kh_soft_name_encode(name, file, err) != KH_OK)
        return kh_fail(
            err, KH_NOT_FOUND, "there is no deposit of this name: it is too long");
    return kh_soft_write_begin(store, err);
}

kh_status kh_soft_set_state(struct kh_soft_store *store, const char *name,
    uint32_t version, kh_state state, struct kh_error *err)
{
    char file[KH_SOFT_FILE_SIZE];
    kh_status status = begin_change(store, name, file, err);

    if (status != KH_OK)
        return status;
    status = change_versions(
        store, file, version, state == KH_DELETED ? make_deleted : make_active, err);
    kh_soft_write_end(store);
    return status;
}

kh_status kh_soft_purge(
    struct kh_soft_store *store, const char *name, uint32_t version, struct kh_error *err)
{
    char file[KH_SOFT_FILE_SIZE];
    kh_status status = begin_change(store, name, file, err);

    if (status != KH_OK)
        return status;
    status = change_versions(store, file, version, destroy, err);
    /* Goes only when it is empty; an empty directory is no deposit either way. */
    if (status == KH_OK && unlinkat(store->deposits, file, AT_REMOVEDIR) == 0)
        status = sync_deposits(store, err);
    kh_soft_write_end(store);
    return status;
}
