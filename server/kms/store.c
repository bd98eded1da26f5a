#include "core/deposit.h"
#include "core/name.h"
#include "server/internal_name.h"
#include "server/kms/wrap.h"

#include <stdlib.h>
#include <string.h>

bool kh_kms_possible(const char *name)
{
    struct kh_error err;

    return !kh_name_internal(name) && kh_name_check(name, &err) == KH_OK;
}

unsigned kh_kms_bits(const struct kh_deposit *deposit)
{
    const char *text = kh_attrs_get(&deposit->attrs, KH_KMS_LENGTH);

    if (!kh_kms_wrapping_key(deposit))
        return 8 * (unsigned)deposit->data.len;
    return text ? (unsigned)strtoul(text, NULL, 10) : 0;
}

/* Has it what a key of its scheme has? */
static kh_status check_key(const struct kh_deposit *deposit, struct kh_error *err)
{
    const char *wrap = kh_kms_wrapping_key(deposit);
    unsigned bits = kh_kms_bits(deposit);

    if (wrap && (deposit->data.len > 0 || !kh_kms_wrap_fits(wrap, deposit->name)))
        return kh_fail(err, KH_CORRUPT,
            "version %u of '%s' names an AES key that is not its own", deposit->version,
            deposit->name);
    if (bits == 128 || bits == 192 || bits == 256)
        return KH_OK;
    return kh_fail(err, KH_CORRUPT, "version %u of '%s' is no AES key: it has %zu bytes",
        deposit->version, deposit->name, deposit->data.len);
}

kh_status kh_kms_open(struct kh_app *app, const struct kh_kms_place *which,
    struct kh_deposit *out, bool *key, struct kh_error *err)
{
    kh_status st =
        kh_backend_get(app->backend, which->name, which->version, false, out, err);

    *key = st == KH_OK && kh_attrs_get(&out->attrs, KH_KMS_CIPHER);
    if (*key)
        st = check_key(out, err);
    if (st != KH_OK)
        kh_deposit_free(out);
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
    const char *wrap;

    if (st != KH_OK)
        return st;
    wrap = kh_kms_wrapping_key(&deposit);
    *out = kh_kms_key_new(
        deposit.name, deposit.version, &deposit.data, kh_kms_acl_name(&deposit));
    if (*out && wrap && !kh_kms_key_wraps(*out, wrap, kh_kms_bits(&deposit))) {
        kh_kms_key_release(*out);
        *out = NULL;
    }
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
