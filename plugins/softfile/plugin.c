/* The legacy key store: files under a KTS directory. Format and guarantees: README.md. */
#include "plugins/softfile/deposits.h"
#include "plugins/softfile/listing.h"
#include "plugins/softfile/seal.h"
#include "plugins/softfile/store.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static const struct kh_option options[] = {
    {"directory", KH_OPT_PATH, "/var/lib/keytrustee/.keytrustee", 0, NULL,
        "directory of the store"},
    {"passphrase_source", KH_OPT_STRING, NULL, KH_OPT_SECRET, NULL,
        "where the passphrase of store.key comes from: prompt, file:/PATH, "
        "credential:NAME or fd:N; "
        "unset: the key has none"},
    {"max_deposit_size", KH_OPT_SIZE, "65536", 0, NULL,
        "largest data of one deposit version"},
    {"create", KH_OPT_BOOL, "no", 0, NULL, "make the store when there is none"},
    {"key_type", KH_OPT_ENUM, "ec", 0, "ec|rsa",
        "key pair of a store that is made: ec (P-256) or rsa (3072 bits)"},
    {"providers", KH_OPT_STRING, "default", 0, NULL,
        "OpenSSL providers for the store, separated by commas, e.g. fips, base"},
    {"properties", KH_OPT_STRING, "", 0, NULL,
        "OpenSSL property query for all algorithms, e.g. fips=yes"},
};

/* ---- lifetime ---- */

static kh_status open_store(const struct kh_host *host, void **ctx, struct kh_error *err)
{
    struct kh_soft_store *store = NULL;
    kh_status status = kh_soft_store_open(&store, host, err);

    if (status == KH_OK)
        *ctx = store;
    return status;
}

static void close_store(void *ctx)
{
    kh_soft_store_close(ctx);
}

/* ---- every operation asks for the seal first, and again when it failed: what it missed
 * may have been destroyed under it ---- */

static kh_status explain(
    struct kh_soft_store *store, kh_status status, struct kh_error *err)
{
    if (status != KH_OK && status != KH_REFUSED && kh_soft_seal_exists(store))
        return kh_soft_seal_check(store, err);
    return status;
}

static kh_status probe(void *ctx, struct kh_error *err)
{
    struct kh_soft_store *store = ctx;
    kh_status status = kh_soft_seal_check(store, err);
    struct stat st;

    if (status != KH_OK)
        return status;
    if (fstatat(store->fd, KH_SOFT_DEPOSITS, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
        faccessat(store->deposits, ".", R_OK | X_OK, 0) != 0)
        return kh_fail(err, KH_UNAVAILABLE, "%s/%s: %s", store->directory,
            KH_SOFT_DEPOSITS, strerror(errno));
    return KH_OK;
}

static kh_status info(void *ctx, struct kh_info *info, struct kh_error *err)
{
    struct kh_soft_store *store = ctx;
    struct kh_soft_seal_facts facts = {0};
    struct kh_usage usage = {0};
    kh_status status = KH_OK;

    snprintf(info->place, sizeof info->place, "legacy store %.200s", store->directory);
    snprintf(info->identity, sizeof info->identity, "%s", store->identity);
    info->data_max = store->data_max;
    info->sealed = kh_soft_seal_exists(store);
    info->read_only = info->sealed || faccessat(store->fd, ".", W_OK, AT_EACCESS) != 0;
    if (info->sealed) {
        status = kh_soft_seal_read(store, &facts, err);
        info->versions = facts.keep_source ? facts.versions : 0;
        memcpy(info->sealed_for, facts.destination, sizeof info->sealed_for);
    } else {
        snprintf(info->profile, sizeof info->profile, "%s",
            EVP_PKEY_is_a(store->keys.key, "EC") ? "ecdh-p256" : "rsa-oaep-sha256");
        status = explain(store, kh_soft_count(store, &usage, err), err);
        info->versions = usage.versions + usage.deleted_versions;
    }
    if (status != KH_OK)
        memset(info, 0, sizeof *info);
    return status;
}

static kh_status usage(void *ctx, struct kh_usage *out, struct kh_error *err)
{
    kh_status status = kh_soft_seal_check(ctx, err);

    return status == KH_OK ? explain(ctx, kh_soft_count(ctx, out, err), err) : status;
}

/* ---- deposits ---- */

static kh_status put(
    void *ctx, const struct kh_deposit *deposit, kh_put_mode mode, struct kh_error *err)
{
    kh_status status = kh_soft_seal_check(ctx, err);

    return status == KH_OK ? explain(ctx, kh_soft_put(ctx, deposit, mode, err), err)
                           : status;
}

static kh_status get(void *ctx, const char *name, uint32_t version, bool with_deleted,
    struct kh_deposit *deposit, struct kh_error *err)
{
    kh_status status = kh_soft_seal_check(ctx, err);

    return status == KH_OK
               ? explain(ctx, kh_soft_get(ctx, name, version, with_deleted, deposit, err),
                     err)
               : status;
}

static kh_status stat_version(void *ctx, const char *name, uint32_t version,
    struct kh_stat *stat, struct kh_error *err)
{
    kh_status status = kh_soft_seal_check(ctx, err);

    return status == KH_OK
               ? explain(ctx, kh_soft_stat(ctx, name, version, stat, err), err)
               : status;
}

static kh_status list(void *ctx, const struct kh_cursor *after, struct kh_item *items,
    size_t max, size_t *count, struct kh_error *err)
{
    kh_status status = kh_soft_seal_check(ctx, err);

    return status == KH_OK
               ? explain(ctx, kh_soft_list(ctx, after, items, max, count, err), err)
               : status;
}

static kh_status fingerprint(void *ctx, const char *name, uint32_t version,
    unsigned char digest[KH_FINGERPRINT_LEN], struct kh_error *err)
{
    kh_status status = kh_soft_seal_check(ctx, err);

    return status == KH_OK
               ? explain(ctx, kh_soft_fingerprint(ctx, name, version, digest, err), err)
               : status;
}

static kh_status remove_version(
    void *ctx, const char *name, uint32_t version, struct kh_error *err)
{
    kh_status status = kh_soft_seal_check(ctx, err);

    return status == KH_OK
               ? explain(ctx, kh_soft_set_state(ctx, name, version, KH_DELETED, err), err)
               : status;
}

static kh_status restore(
    void *ctx, const char *name, uint32_t version, struct kh_error *err)
{
    kh_status status = kh_soft_seal_check(ctx, err);

    return status == KH_OK
               ? explain(ctx, kh_soft_set_state(ctx, name, version, KH_ACTIVE, err), err)
               : status;
}

static kh_status purge(
    void *ctx, const char *name, uint32_t version, struct kh_error *err)
{
    kh_status status = kh_soft_seal_check(ctx, err);

    return status == KH_OK ? explain(ctx, kh_soft_purge(ctx, name, version, err), err)
                           : status;
}

/* ---- migration ---- */

static kh_status seal(void *ctx, const struct kh_seal *seal, struct kh_error *err)
{
    return kh_soft_seal(ctx, seal, err);
}

/* A version takes a block, an inode, and, when its deposit is new, a directory of the
 * same. */
static kh_status reserve(void *ctx, uint64_t versions, struct kh_error *err)
{
    struct kh_soft_store *store = ctx;
    kh_status status = kh_soft_seal_check(store, err);
    struct statvfs fs;

    if (status != KH_OK)
        return status;
    if (fstatvfs(store->fd, &fs) != 0)
        return kh_fail(err, KH_UNAVAILABLE, "cannot look at the file system of %s: %s",
            store->directory, strerror(errno));
    if (fs.f_flag & ST_RDONLY)
        return kh_fail(
            err, KH_UNAVAILABLE, "the file system of %s is read-only", store->directory);
    if (fs.f_bavail / 2 < versions || (fs.f_files != 0 && fs.f_favail / 2 < versions))
        return kh_fail(err, KH_UNAVAILABLE,
            "no space for %ju more versions on the disk of %s", (uintmax_t)versions,
            store->directory);
    return KH_OK;
}

const struct kh_plugin kh_plugin = {
    .abi = KH_PLUGIN_ABI,
    .size = sizeof(struct kh_plugin),
    .name = "softfile",
    .version = "1",
    .description = "legacy key store: files encrypted to a key pair on the same disk",
    .capabilities = KH_CAP_READ | KH_CAP_WRITE | KH_CAP_LIST | KH_CAP_EXPORT |
                    KH_CAP_SEAL | KH_CAP_THREADSAFE | KH_CAP_LEGACY_NAMES,
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .open = open_store,
    .close = close_store,
    .probe = probe,
    .info = info,
    .put = put,
    .get = get,
    .stat = stat_version,
    .list = list,
    .remove = remove_version,
    .restore = restore,
    .purge = purge,
    .seal = seal,
    .reserve = reserve,
    .fingerprint = fingerprint,
    .usage = usage,
};
