#include "plugins/pkcs11/label.h"
#include "plugins/pkcs11/named.h"
#include "plugins/pkcs11/named_token.h"
#include <keyhsm/key_words.h>
#include <string.h>

static bool fits(kh_key_kind kind, kh_key_scheme scheme)
{
    switch (scheme) {
    case KH_SCHEME_ECDSA:
    case KH_SCHEME_ECDH:
        return kind == KH_KIND_EC_P256 || kind == KH_KIND_EC_P384;
    case KH_SCHEME_ED25519:
        return kind == KH_KIND_ED25519;
    case KH_SCHEME_RSA_PKCS1:
    case KH_SCHEME_RSA_PSS:
    case KH_SCHEME_RSA_OAEP:
        return kind == KH_KIND_RSA_2048 || kind == KH_KIND_RSA_3072 ||
               kind == KH_KIND_RSA_4096;
    default:
        return kind == KH_KIND_AES_256;
    }
}

static kh_status check_purpose(
    const struct kh_named_key *key, const struct kh_key_use *use, struct kh_error *err)
{
    uint32_t purpose = kh_key_scheme_purpose(use->scheme);
    const char *scheme = kh_key_word(kh_key_scheme_words(), use->scheme);

    if (key->state != KH_ACTIVE)
        return kh_fail(err, KH_NOT_FOUND, "named key '%s' is removed", key->name);
    if (!fits(key->kind, use->scheme))
        return kh_fail(err, KH_REFUSED, "named key '%s' of kind %s has no scheme %s",
            key->name, kh_key_word(kh_key_kind_words(), key->kind), scheme);
    if ((key->purposes & purpose) == 0)
        return kh_fail(err, KH_REFUSED,
            "named key '%s' was not made to %s (scheme %s): make another key for that",
            key->name, kh_key_word(kh_key_purpose_words(), purpose), scheme);
    return KH_OK;
}

/* The name stands before what the token says of an id. */
static kh_status tell(const char *name, kh_status status, struct kh_error *err)
{
    struct kh_error why = *err;

    return kh_fail(err, status, "named key '%s': %s", name, why.message);
}

kh_status kh_named_run(struct kh_store *store, const struct kh_catalog_named *named,
    const struct kh_key_use *use, struct kh_buf *out, struct kh_error *err)
{
    const struct kh_host *host = store->host;
    struct kh_buf made = {0};
    struct kh_named_use work = {named->id, named->key.kind, use, &made};
    kh_status status =
        host->buf_alloc(host, &made, kh_token_named_room(named->key.kind), err);

    if (status == KH_OK)
        status = kh_token_named_use(store->token, &work, err);
    if (status != KH_OK) {
        host->buf_free(host, &made);
        return tell(named->key.name, status, err);
    }
    *out = made;
    return KH_OK;
}

/* The first use since the key's handle was found shows whether the handle is that of this
 * key: a signature by itself, another result by a task before it. */
static kh_status use_first(struct kh_store *store, const struct kh_catalog_named *named,
    const struct kh_key_use *use, struct kh_buf *out, struct kh_error *err)
{
    const struct kh_host *host = store->host;
    bool signs = kh_key_scheme_purpose(use->scheme) == KH_KEY_SIGN;
    kh_status status = KH_OK;

    if (!signs)
        status = kh_named_prove(store, named, kh_key_scheme_purpose(use->scheme), err);
    if (status == KH_OK)
        status = kh_named_run(store, named, use, out, err);
    if (status == KH_OK && signs)
        status = kh_named_verify(store, &named->key, use, out, err);
    if (status == KH_OK)
        kh_token_named_set_proven(store->token, &named->id);
    else
        host->buf_free(host, out);
    return status;
}

kh_status kh_named_use(struct kh_store *store, const char *name,
    const struct kh_key_use *use, struct kh_buf *out, struct kh_error *err)
{
    struct kh_catalog_named named;
    kh_status status = store->catalog->named_get(store->catalog, name, &named, err);

    if (status == KH_OK)
        status = check_purpose(&named.key, use, err);
    if (status != KH_OK)
        return status;
    if (kh_token_named_proven(store->token, &named.id))
        return kh_named_run(store, &named, use, out, err);
    return use_first(store, &named, use, out, err);
}
