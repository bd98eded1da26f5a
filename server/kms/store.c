#include "core/deposit.h"
#include "core/name.h"
#include "server/internal_name.h"
#include "server/kms/internal.h"

#include <string.h>

bool kh_kms_possible(const char *name)
{
    struct kh_error err;

    return !kh_name_internal(name) && kh_name_check(name, &err) == KH_OK;
}

kh_status kh_kms_open(struct kh_app *app, const struct kh_kms_place *which,
    struct kh_deposit *out, bool *key, struct kh_error *err)
{
    kh_status st =
        kh_backend_get(app->backend, which->name, which->version, false, out, err);
    size_t len = out->data.len;

    *key = st == KH_OK && kh_attrs_get(&out->attrs, KH_KMS_CIPHER);
    if (*key && len != 16 && len != 24 && len != 32) {
        st =
            kh_fail(err, KH_CORRUPT, "version %u of '%s' is no AES key: it has %zu bytes",
                out->version, out->name, len);
        kh_deposit_free(out);
    }
    return st;
}

kh_status kh_kms_deposit(struct kh_app *app, const char *name, uint32_t version,
    struct kh_deposit *out, struct kh_error *err)
{
    const struct kh_kms_place which = {.name = name, .version = version};
    kh_status st = KH_NOT_FOUND;
    bool key = false;

    *out = (struct kh_deposit){0};
    if (kh_kms_possible(name))
        st = kh_kms_open(app, &which, out, &key, err);
    if (st == KH_NOT_FOUND || (st == KH_OK && !key)) {
        kh_deposit_free(out);
        return kh_fail(err, KH_NOT_FOUND, "no Hadoop key '%s'", name);
    }
    return st;
}

const char *kh_kms_acl_name(const struct kh_deposit *deposit)
{
    const char *acl = kh_attrs_get(&deposit->attrs, KH_KMS_ATTRIBUTE KH_KMS_ACL_NAME);

    return acl ? acl : deposit->name;
}

static kh_status read_key(struct kh_app *app, const char *name, uint32_t version,
    struct kh_kms_key **out, struct kh_error *err)
{
    KH_CLEANUP_DEPOSIT struct kh_deposit deposit = {0};
    kh_status st = kh_kms_deposit(app, name, version, &deposit, err);

    if (st != KH_OK)
        return st;
    *out = kh_kms_key_new(
        deposit.name, deposit.version, &deposit.data, kh_kms_acl_name(&deposit));
    return *out ? KH_OK : kh_fail(err, KH_BUSY, "no memory is free for a key");
}

kh_status kh_kms_load(struct kh_app *app, const char *name, uint32_t version,
    struct kh_kms_key **out, struct kh_error *err)
{
    struct kh_kms_cache *cache = app->kms->cache;
    struct kh_kms_key *key = NULL;
    uint64_t ticket = 0;
    kh_status st;

    *out = cache ? kh_kms_cache_get(cache, name, version, kh_clock_ms()) : NULL;
    if (*out) {
        kh_meter_add(app->kms->hits, 1);
        return KH_OK;
    }
    if (cache) {
        kh_meter_add(app->kms->misses, 1);
        ticket = kh_kms_cache_ticket(cache, name);
    }
    st = read_key(app, name, version, &key, err);
    if (st == KH_OK && cache)
        kh_kms_cache_put(cache, key, version == KH_LATEST, ticket, kh_clock_ms());
    *out = key;
    return st;
}
