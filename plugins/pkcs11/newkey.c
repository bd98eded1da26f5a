#include "plugins/pkcs11/newkey.h"

#include "plugins/pkcs11/keypool.h"
#include "plugins/pkcs11/label.h"
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

kh_status kh_newkey_id(struct kh_store *store, struct kh_key_id *id, struct kh_error *err)
{
    struct kh_key_id fresh = {.len = KH_OUR_ID_LEN};

    memcpy(fresh.bytes, store->tag, KH_TAG_LEN);
    if (RAND_bytes_ex(kh_provider_libctx(store->provider), fresh.bytes + KH_TAG_LEN,
            KH_OUR_ID_LEN - KH_TAG_LEN, 0) != 1) {
        struct kh_error why = {0};

        kh_provider_last_error(&why);
        if (why.status != KH_OK)
            return kh_fail(err, why.status, "%s", why.message);
        return kh_fail(err, KH_FATAL, "no random bytes for a key id");
    }
    *id = fresh;
    return KH_OK;
}

/* The ceiling counts keys that are being made, so that threads cannot pass it together.
 */
kh_status kh_newkey_take_place(struct kh_store *store, struct kh_error *err)
{
    uint64_t before = atomic_fetch_add(&store->keys, 1);

    if (store->max_keys == 0 || before < store->max_keys)
        return KH_OK;
    atomic_fetch_sub(&store->keys, 1);
    return kh_fail(err, KH_REFUSED,
        "token '%s' holds %llu keys and %s %llu: purge deposits, %sor set "
        "key_scope = epoch",
        store->facts.label, (unsigned long long)before,
        store->max_keys == store->facts.key_limit ? "bears" : "max_keys is",
        (unsigned long long)store->max_keys,
        store->max_keys == store->facts.key_limit ? "" : "raise max_keys, ");
}

void kh_newkey_give_place(struct kh_store *store)
{
    atomic_fetch_sub(&store->keys, 1);
}

void kh_newkey_abandon(struct kh_store *store, const struct kh_key_id *id)
{
    struct kh_error err = {0};
    char text[KH_ID_TEXT_SIZE];
    kh_status status = kh_token_key_destroy(store->token, id, &err);

    if (status == KH_OK) {
        atomic_fetch_sub(&store->keys, 1);
        status = store->catalog->key_forget(store->catalog, id, &err);
    }
    if (status != KH_OK)
        store->host->log(store->host, KH_LOG_WARNING,
            "unused key %s stays until the next start: %s", kh_key_id_hex(id, text),
            err.message);
}

void kh_newkey_disown(struct kh_store *store, const struct kh_key_id *id)
{
    struct kh_error err = {0};

    kh_newkey_give_place(store);
    if (store->catalog->key_forget(store->catalog, id, &err) != KH_OK)
        store->host->log(store->host, KH_LOG_ERROR, "%s", err.message);
}

kh_status kh_newkey_make(struct kh_store *store, const char *name, struct kh_key_id *id,
    struct kh_recipient **recipient, struct kh_error *err)
{
    struct kh_public_half half = {0};
    char label[KH_LABEL_SIZE];
    kh_status status = kh_newkey_take_place(store, err);

    if (status != KH_OK)
        return status;
    status = kh_keypool_take(store, id, err);
    if (status != KH_OK) {
        kh_newkey_give_place(store);
        return status;
    }
    kh_label(label, name, id, store->host->now(store->host));
    status = kh_token_key_generate(store->token, id, label, &half, err);
    if (status == KH_EXISTS) {
        kh_newkey_disown(store, id);
        return status;
    }
    if (status == KH_OK)
        status = kh_recipient_new(recipient, store->envelopes, id, store->facts.profile,
            half.spki, half.spki_len, err);
    free(half.spki);
    if (status != KH_OK)
        kh_newkey_abandon(store, id);
    return status;
}

kh_status kh_newkey_of(const char *profile, const struct kh_key_id *id,
    struct kh_token_key *key, struct kh_error *err)
{
    const char *bits = strchr(profile, '/');
    char *end = NULL;

    key->id = *id;
    key->type = KH_KEY_EC_P256;
    key->bits = 256;
    if (strcmp(profile, "ecdh-p256") == 0)
        return KH_OK;
    if (strncmp(profile, "rsa-oaep-sha", 12) == 0 && bits) {
        key->type = KH_KEY_RSA;
        key->bits = (unsigned)strtoul(bits + 1, &end, 10);
        if (*end == '\0' && key->bits >= 2048 && key->bits <= 16384)
            return KH_OK;
    }
    return kh_fail(err, KH_CORRUPT, "'%s' is not a key profile of this program", profile);
}

void kh_newkey_profile(const struct kh_token_facts *facts, char out[32])
{
    if (facts->key_type == KH_KEY_EC_P256)
        (void)snprintf(out, 32, "%s", facts->profile);
    else
        (void)snprintf(out, 32, "%.20s/%u", facts->profile, facts->key_bits);
}
