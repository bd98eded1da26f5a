/* The pkcs11 backend: deposits behind a PKCS#11 token. This file is its table; README.md
 * says where what it names is found. */
#include "plugins/pkcs11/confirmed.h"
#include "plugins/pkcs11/examine.h"
#include "plugins/pkcs11/named.h"
#include "plugins/pkcs11/newtoken.h"
#include "plugins/pkcs11/options.h"
#include "plugins/pkcs11/store.h"
#include <keyhsm/plugin.h>

static kh_status open_plugin(const struct kh_host *host, void **ctx, struct kh_error *err)
{
    struct kh_store *store = NULL;
    kh_status status = kh_store_open(host, &store, err);

    *ctx = store;
    return status;
}

static void close_plugin(void *ctx)
{
    kh_store_close(ctx);
}

static kh_status probe(void *ctx, struct kh_error *err)
{
    return kh_store_probe(ctx, err);
}

static kh_status info(void *ctx, struct kh_info *out, struct kh_error *err)
{
    return kh_store_info(ctx, out, err);
}

static kh_status put(
    void *ctx, const struct kh_deposit *deposit, kh_put_mode mode, struct kh_error *err)
{
    return kh_store_put(ctx, deposit, mode, err);
}

static kh_status get(void *ctx, const char *name, uint32_t version, bool with_deleted,
    struct kh_deposit *deposit, struct kh_error *err)
{
    return kh_store_get(ctx, name, version, with_deleted, deposit, err);
}

static kh_status stat(void *ctx, const char *name, uint32_t version, struct kh_stat *out,
    struct kh_error *err)
{
    return kh_store_stat(ctx, name, version, out, err);
}

static kh_status list(void *ctx, const struct kh_cursor *after, struct kh_item *items,
    size_t max, size_t *count, struct kh_error *err)
{
    return kh_store_list(ctx, after, items, max, count, err);
}

static kh_status remove_versions(
    void *ctx, const char *name, uint32_t version, struct kh_error *err)
{
    return kh_store_set_state(ctx, name, version, KH_DELETED, err);
}

static kh_status restore(
    void *ctx, const char *name, uint32_t version, struct kh_error *err)
{
    return kh_store_set_state(ctx, name, version, KH_ACTIVE, err);
}

static kh_status purge(
    void *ctx, const char *name, uint32_t version, struct kh_error *err)
{
    return kh_store_purge(ctx, name, version, err);
}

static kh_status reserve(void *ctx, uint64_t versions, struct kh_error *err)
{
    return kh_store_reserve(ctx, versions, err);
}

static kh_status fingerprint(void *ctx, const char *name, uint32_t version,
    unsigned char digest[KH_FINGERPRINT_LEN], struct kh_error *err)
{
    return kh_store_fingerprint(ctx, name, version, digest, err);
}

static kh_status attest(
    void *ctx, const char *name, uint32_t version, struct kh_error *err)
{
    return kh_store_attest(ctx, name, version, err);
}

static kh_status check(void *ctx, struct kh_error *err)
{
    return kh_store_check(ctx, err);
}

static kh_status random_bytes(void *ctx, struct kh_buf *out, struct kh_error *err)
{
    return kh_store_random(ctx, out, err);
}

static kh_status usage(void *ctx, struct kh_usage *out, struct kh_error *err)
{
    return kh_store_usage(ctx, out, err);
}

static void attest_round(void *ctx, bool begin)
{
    kh_store_attest_round(ctx, begin);
}

static kh_status backed_up(void *ctx, struct kh_error *err)
{
    return kh_store_backed_up(ctx, err);
}

static kh_status key_create(void *ctx, struct kh_named_key *key, struct kh_error *err)
{
    return kh_named_create(ctx, key, err);
}

static kh_status key_stat(
    void *ctx, const char *name, struct kh_named_key *key, struct kh_error *err)
{
    return kh_named_stat(ctx, name, key, err);
}

static kh_status key_list(void *ctx, const char *after, struct kh_named_key *keys,
    size_t max, size_t *count, struct kh_error *err)
{
    return kh_named_list(ctx, after, keys, max, count, err);
}

static kh_status key_use(void *ctx, const char *name, const struct kh_key_use *use,
    struct kh_buf *out, struct kh_error *err)
{
    return kh_named_use(ctx, name, use, out, err);
}

static kh_status key_change(
    void *ctx, const char *name, kh_key_change change, struct kh_error *err)
{
    return kh_named_change(ctx, name, change, err);
}

/* No KH_CAP_EXPORT: what is behind the token stays there. */
const struct kh_plugin kh_plugin = {
    .abi = KH_PLUGIN_ABI,
    .size = sizeof(struct kh_plugin),
    .name = "pkcs11",
    .version = "1.0",
    .description = "a hardware security module behind its PKCS#11 module",
    .capabilities =
        KH_CAP_READ | KH_CAP_WRITE | KH_CAP_LIST | KH_CAP_HARDWARE | KH_CAP_THREADSAFE,
    .options = kh_pkcs11_options,
    .option_count = KH_PKCS11_OPTION_COUNT,

    .open = open_plugin,
    .close = close_plugin,
    .probe = probe,
    .info = info,
    .put = put,
    .get = get,
    .stat = stat,
    .list = list,
    .remove = remove_versions,
    .restore = restore,
    .purge = purge,
    .reserve = reserve,
    .fingerprint = fingerprint,
    .attest = attest,
    .attest_round = attest_round,
    .examine = kh_pkcs11_examine,
    .create = kh_pkcs11_create,
    .check = check,
    .usage = usage,
    .random = random_bytes,
    .backed_up = backed_up,
    .key_create = key_create,
    .key_stat = key_stat,
    .key_list = key_list,
    .key_use = key_use,
    .key_change = key_change,
};
