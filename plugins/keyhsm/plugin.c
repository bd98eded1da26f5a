/* The remote backend: a client of keyhsmd. README.md says what it promises. */
#include "plugins/keyhsm/remote.h"

static kh_status open_remote(const struct kh_host *host, void **ctx, struct kh_error *err)
{
    struct kh_remote *remote = NULL;
    kh_status st = kh_remote_open(&remote, host, err);

    if (st == KH_OK)
        *ctx = remote;
    return st;
}

static void close_remote(void *ctx)
{
    kh_remote_close(ctx);
}

static kh_status probe(void *ctx, struct kh_error *err)
{
    return kh_remote_probe(ctx, err);
}

static kh_status info(void *ctx, struct kh_info *info, struct kh_error *err)
{
    return kh_remote_info(ctx, info, err);
}

static kh_status put(
    void *ctx, const struct kh_deposit *deposit, kh_put_mode mode, struct kh_error *err)
{
    return kh_remote_put(ctx, deposit, mode, err);
}

static kh_status get(void *ctx, const char *name, uint32_t version, bool with_deleted,
    struct kh_deposit *deposit, struct kh_error *err)
{
    const struct kh_path path = {
        .name = name, .below = "", .version = version, .deleted = with_deleted};

    return kh_remote_get(ctx, &path, deposit, err);
}

static kh_status stat(void *ctx, const char *name, uint32_t version, struct kh_stat *stat,
    struct kh_error *err)
{
    return kh_remote_stat(ctx, name, version, stat, err);
}

static kh_status list(void *ctx, const struct kh_cursor *after, struct kh_item *items,
    size_t max, size_t *count, struct kh_error *err)
{
    return kh_remote_list(ctx, after, items, max, count, err);
}

static kh_status remove_version(
    void *ctx, const char *name, uint32_t version, struct kh_error *err)
{
    return kh_remote_remove(ctx, name, version, err);
}

static kh_status restore(
    void *ctx, const char *name, uint32_t version, struct kh_error *err)
{
    return kh_remote_restore(ctx, name, version, err);
}

static kh_status purge(
    void *ctx, const char *name, uint32_t version, struct kh_error *err)
{
    return kh_remote_purge(ctx, name, version, err);
}

static kh_status random_bytes(void *ctx, struct kh_buf *out, struct kh_error *err)
{
    return kh_remote_random(ctx, out, err);
}

static kh_status usage(void *ctx, struct kh_usage *out, struct kh_error *err)
{
    return kh_remote_usage(ctx, out, err);
}

static kh_status reserve(void *ctx, uint64_t versions, struct kh_error *err)
{
    return kh_remote_reserve(ctx, versions, err);
}

static kh_status fingerprint(void *ctx, const char *name, uint32_t version,
    unsigned char digest[KH_FINGERPRINT_LEN], struct kh_error *err)
{
    return kh_remote_fingerprint(ctx, name, version, digest, err);
}

static kh_status attest(
    void *ctx, const char *name, uint32_t version, struct kh_error *err)
{
    return kh_remote_attest(ctx, name, version, err);
}

static kh_status backed_up(void *ctx, struct kh_error *err)
{
    return kh_remote_backed_up(ctx, err);
}

static kh_status key_create(void *ctx, struct kh_named_key *key, struct kh_error *err)
{
    return kh_remote_key_create(ctx, key, err);
}

static kh_status key_stat(
    void *ctx, const char *name, struct kh_named_key *key, struct kh_error *err)
{
    return kh_remote_key_stat(ctx, name, key, err);
}

static kh_status key_list(void *ctx, const char *after, struct kh_named_key *keys,
    size_t max, size_t *count, struct kh_error *err)
{
    return kh_remote_key_list(ctx, after, keys, max, count, err);
}

static kh_status key_use(void *ctx, const char *name, const struct kh_key_use *use,
    struct kh_buf *out, struct kh_error *err)
{
    return kh_remote_key_use(ctx, name, use, out, err);
}

static kh_status key_change(
    void *ctx, const char *name, kh_key_change change, struct kh_error *err)
{
    return kh_remote_key_change(ctx, name, change, err);
}

/* No KH_CAP_EXPORT: what is behind the token stays there. KH_CAP_HARDWARE is keyhsmd's to
 * keep: a migration asks it at open. */
const struct kh_plugin kh_plugin = {
    .abi = KH_PLUGIN_ABI,
    .size = sizeof(struct kh_plugin),
    .name = "keyhsm",
    .version = "1",
    .description = "a keyhsmd, on this host or another, over mutual TLS",
    .capabilities =
        KH_CAP_READ | KH_CAP_WRITE | KH_CAP_LIST | KH_CAP_HARDWARE | KH_CAP_THREADSAFE,
    .options = kh_remote_options,
    .option_count = KH_REMOTE_OPTION_COUNT,
    .open = open_remote,
    .close = close_remote,
    .probe = probe,
    .info = info,
    .put = put,
    .get = get,
    .stat = stat,
    .list = list,
    .remove = remove_version,
    .restore = restore,
    .purge = purge,
    .reserve = reserve,
    .usage = usage,
    .random = random_bytes,
    .fingerprint = fingerprint,
    .attest = attest,
    .backed_up = backed_up,
    .key_create = key_create,
    .key_stat = key_stat,
    .key_list = key_list,
    .key_use = key_use,
    .key_change = key_change,
};
