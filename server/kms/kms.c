#include "server/kms/internal.h"

#include "server/kms/caller.h"
#include "server/kms/tokens.h"

#include <stdlib.h>
#include <string.h>

enum {
    CACHE_TIME_MAX = 24 * 3600,
    CACHE_KEYS_MAX = 65536,
    FACTS_MAX = 1 << 17,
    FACTS_BYTES = 32 << 20,
    EEKS_MAX = 10000,
    BODY_MAX = 16 << 20
};

/* A number of [kms] from MIN to MAX. */
static kh_status ranged(const struct kh_config *config, const char *key, int64_t range[2],
    uint64_t *out, struct kh_error *err)
{
    int64_t value = kh_config_int(config, "kms", key);

    if (value < range[0] || value > range[1])
        return kh_fail(err, KH_INVALID, "%s: [kms] %s must be from %lld to %lld",
            kh_config_where(config, "kms", key), key, (long long)range[0],
            (long long)range[1]);
    *out = (uint64_t)value;
    return KH_OK;
}

static bool wants_token(const struct kh_config *config)
{
    const char *scheme = kh_config_string(config, "kms", "eek_scheme");

    return scheme && strcmp(scheme, "token") == 0;
}

static kh_status configure(
    struct kh_kms *kms, const struct kh_config *config, struct kh_error *err)
{
    uint64_t seconds = 0;
    uint64_t keys = 0;
    uint64_t eeks = 0;
    uint64_t body = 0;
    kh_status st =
        ranged(config, "key_cache", (int64_t[]){0, CACHE_TIME_MAX}, &seconds, err);
    if (st == KH_OK)
        st = ranged(config, "cache_keys", (int64_t[]){1, CACHE_KEYS_MAX}, &keys, err);
    if (st == KH_OK)
        st = ranged(config, "max_eeks", (int64_t[]){1, EEKS_MAX}, &eeks, err);
    if (st == KH_OK)
        st = ranged(config, "max_body", (int64_t[]){1024, BODY_MAX}, &body, err);
    if (st == KH_OK)
        st = kms_acl_new(&kms->acl, config, err);
    if (st == KH_OK)
        st = kms_tokens_new(&kms->tokens, config, err);
    if (st == KH_OK)
        st = kh_kms_cipher_new(&kms->cipher, err);
    if (st != KH_OK)
        return st;
    kms->max_eeks = eeks;
    kms->token_scheme = wants_token(config);
    kms->facts = kh_kms_facts_new(FACTS_MAX, FACTS_BYTES);
    if (!kms->facts)
        return kh_fail(err, KH_FATAL, "no memory for what is known of keys");
    if (seconds == 0)
        return KH_OK;
    kms->cache = kh_kms_cache_new(keys, seconds * 1000);
    return kms->cache ? KH_OK : kh_fail(err, KH_FATAL, "no memory for the key cache");
}

kh_status kh_kms_new(
    struct kh_kms **out, const struct kh_config *config, struct kh_error *err)
{
    struct kh_kms *kms;
    kh_status st;

    *out = NULL;
    if (!kh_config_bool(config, "kms", "enabled"))
        return KH_OK;
    kms = calloc(1, sizeof *kms);
    if (!kms)
        return kh_fail(err, KH_FATAL, "no memory for the KMS");
    st = configure(kms, config, err);
    if (st != KH_OK) {
        kh_kms_free(kms);
        return st;
    }
    *out = kms;
    return KH_OK;
}

kh_status kh_kms_check(
    const struct kh_kms *kms, const struct kh_plugin *plugin, struct kh_error *err)
{
    if (!kms || !kms->token_scheme || plugin->key_create)
        return KH_OK;
    return kh_fail(err, KH_INVALID,
        "[kms] eek_scheme = token needs a backend whose device has keys of its own; "
        "backend '%s' has none: use keyhsm or pkcs11, or eek_scheme = hadoop",
        plugin->name);
}

void kh_kms_free(struct kh_kms *kms)
{
    if (!kms)
        return;
    kms_tokens_free(kms->tokens);
    kms_acl_free(kms->acl);
    kh_kms_cache_free(kms->cache);
    kh_kms_facts_free(kms->facts);
    kh_kms_cipher_free(kms->cipher);
    free(kms);
}

kh_status kh_kms_reload(
    struct kh_kms *kms, const struct kh_config *config, struct kh_error *err)
{
    if (!kms)
        return KH_OK;
    kh_kms_changed(kms, NULL);
    kh_kms_facts_drop(kms->facts, NULL);
    return kms_acl_reload(kms->acl, config, err);
}

struct kms_acl *kh_kms_acl(struct kh_kms *kms)
{
    return kms->acl;
}

const struct kh_authn_extra *kh_kms_extra(struct kh_kms *kms)
{
    if (!kms)
        return NULL;
    kh_kms_caller(kms, &kms->extra);
    return &kms->extra;
}

static void show(void *arg)
{
    struct kh_kms *kms = arg;

    if (kms->cache)
        kh_meter_set(kms->entries, (int64_t)kh_kms_cache_count(kms->cache));
    kh_meter_set(kms->known, (int64_t)kh_kms_facts_count(kms->facts));
}

kh_status kh_kms_meters(
    struct kh_kms *kms, struct kh_metrics *metrics, struct kh_error *err)
{
    kms->hits = kh_metrics_counter(
        metrics, "keyhsm_kms_cache_hits_total", "Keys found in the KMS's key cache.");
    kms->misses = kh_metrics_counter(metrics, "keyhsm_kms_cache_misses_total",
        "Keys that had to be read for want of them in the KMS's key cache.");
    kms->entries = kh_metrics_gauge(
        metrics, "keyhsm_kms_cache_entries", "Key versions in the KMS's key cache.");
    kms->known = kh_metrics_gauge(metrics, "keyhsm_kms_known_deposits",
        "Deposits of which the KMS knows, without opening them, whether they are Hadoop "
        "keys.");
    kms->generated = kh_metrics_counter(
        metrics, "keyhsm_kms_eeks_generated_total", "Encrypted keys made by the KMS.");
    kms->decrypted = kh_metrics_counter(metrics, "keyhsm_kms_eeks_decrypted_total",
        "Encrypted keys decrypted by the KMS.");
    kms->reencrypted = kh_metrics_counter(metrics, "keyhsm_kms_eeks_reencrypted_total",
        "Encrypted keys encrypted anew by the KMS.");
    kms->altered = kh_metrics_counter(metrics, "keyhsm_kms_eeks_altered_total",
        "Encrypted keys that the token refused: altered, or of another key.");
    return kh_metrics_before(metrics, show, kms, NULL)
               ? KH_OK
               : kh_fail(err, KH_FATAL, "no memory for the meters of the KMS");
}

void kh_kms_changed(struct kh_kms *kms, const char *name)
{
    if (kms && kms->cache)
        kh_kms_cache_drop(kms->cache, name);
    if (kms && name) /* else each fact shows by itself whether it is still true */
        kh_kms_facts_drop(kms->facts, name);
}

void kh_kms_tick(struct kh_kms *kms)
{
    if (kms && kms->cache)
        kh_kms_cache_sweep(kms->cache, kh_clock_ms());
}
