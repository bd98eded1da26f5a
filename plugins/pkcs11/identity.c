#include "plugins/pkcs11/identity.h"

#include "plugins/pkcs11/label.h"
#include "plugins/pkcs11/newkey.h"
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

/* The catalog's facts. */
#define FACT_TAG "tag"
#define FACT_KEY "identity"               /* key id, hexadecimal */
#define FACT_ENVELOPE "identity-envelope" /* PROFILE:DER in hexadecimal */

#define ENVELOPE_TEXT_MAX 16384

static void challenge_text(const struct kh_store *store, char out[64])
{
    char text[KH_ID_TEXT_SIZE];

    (void)snprintf(out, 64, "keyhsm-identity-%s",
        kh_key_id_hex(&store->identity.id, text) + 2 * KH_TAG_LEN);
}

static bool from_hex(const char *text, unsigned char *out, size_t room, size_t *len)
{
    return OPENSSL_hexstr2buf_ex(out, room, len, text, '\0') == 1;
}

/* ---- the facts
 * -------------------------------------------------------------------------- */

static kh_status damaged(const char *fact, struct kh_error *err)
{
    return kh_fail(err, KH_CORRUPT, "the catalog's fact '%s' is damaged", fact);
}

/* A fact of LEN bytes in hexadecimal; a new catalog gets random ones. */
static kh_status load_fact(struct kh_store *store, const char *fact, unsigned char *out,
    size_t len, struct kh_error *err)
{
    struct kh_catalog *catalog = store->catalog;
    char text[2 * KH_KEY_ID_MAX + 1];
    size_t got = 0;
    kh_status status = catalog->meta_get(catalog, fact, text, sizeof text, err);

    if (status == KH_INVALID)
        return damaged(fact, err);
    if (status == KH_OK)
        return from_hex(text, out, len, &got) && got == len ? KH_OK : damaged(fact, err);
    if (status != KH_NOT_FOUND)
        return status;
    if (RAND_bytes_ex(kh_provider_libctx(store->provider), out, len, 0) != 1)
        return kh_fail(err, KH_FATAL, "no random bytes for the catalog's %s", fact);
    for (size_t i = 0; i < len; i++)
        (void)snprintf(text + 2 * i, 3, "%02x", out[i]);
    return catalog->meta_set(catalog, fact, text, err);
}

kh_status kh_identity_load(struct kh_store *store, struct kh_error *err)
{
    struct kh_key_id *id = &store->identity.id;
    kh_status status = load_fact(store, FACT_TAG, store->tag, KH_TAG_LEN, err);

    if (status != KH_OK)
        return status;
    memcpy(id->bytes, store->tag, KH_TAG_LEN);
    id->len = KH_OUR_ID_LEN;
    return load_fact(
        store, FACT_KEY, id->bytes + KH_TAG_LEN, KH_OUR_ID_LEN - KH_TAG_LEN, err);
}

/* ---- making
 * ------------------------------------------------------------------------------ */

static kh_status keep_envelope(struct kh_store *store, struct kh_error *err)
{
    size_t size = strlen(store->profile) + 2 + 2 * store->challenge_len;
    char *text = malloc(size);
    int n;
    kh_status status;

    if (!text)
        return kh_fail(err, KH_FATAL, "no memory for the identity's envelope");
    n = snprintf(text, size, "%s:", store->profile);
    for (size_t i = 0; i < store->challenge_len; i++)
        n += snprintf(text + n, size - (size_t)n, "%02x", store->challenge[i]);
    status = store->catalog->meta_set(store->catalog, FACT_ENVELOPE, text, err);
    free(text);
    return status;
}

static kh_status seal_challenge(
    struct kh_store *store, const struct kh_public_half *half, struct kh_error *err)
{
    const struct kh_host *host = store->host;
    struct kh_recipient *recipient = NULL;
    struct kh_buf content = {0};
    char text[64];
    kh_status status = kh_recipient_new(&recipient, store->envelopes, &store->identity.id,
        store->facts.profile, half->spki, half->spki_len, err);

    if (status != KH_OK)
        return status;
    challenge_text(store, text);
    status = host->buf_alloc(host, &content, strlen(text), err);
    if (status == KH_OK) {
        memcpy(content.data, text, content.len);
        status = kh_envelope_seal(store->envelopes, recipient, &content,
            &store->challenge, &store->challenge_len, err);
    }
    host->buf_free(host, &content);
    kh_recipient_free(recipient);
    return status;
}

/* A key of an attempt that was cut short was never used: it is made anew under the same
 * id. */
static kh_status make(struct kh_store *store, struct kh_error *err)
{
    struct kh_public_half half = {0};
    char label[64];
    kh_status status = kh_token_key_destroy(store->token, &store->identity.id, err);

    (void)snprintf(label, sizeof label, "keyhsm-identity-%02x%02x%02x%02x", store->tag[0],
        store->tag[1], store->tag[2], store->tag[3]);
    if (status == KH_OK)
        status =
            kh_token_key_generate(store->token, &store->identity.id, label, &half, err);
    if (status == KH_OK)
        status = seal_challenge(store, &half, err);
    free(half.spki);
    if (status == KH_OK)
        status = keep_envelope(store, err);
    if (status == KH_OK)
        store->host->log(store->host, KH_LOG_NOTICE,
            "token '%s' (serial %s) now belongs to the catalog in %s", store->facts.label,
            store->facts.serial, store->state_dir);
    return status;
}

/* ---- proving
 * ----------------------------------------------------------------------------- */

kh_status kh_identity_probe(struct kh_store *store, struct kh_error *err)
{
    const struct kh_host *host = store->host;
    struct kh_buf content = {0};
    char text[64];
    bool same;
    kh_status status;

    if (!atomic_load(&store->claimed))
        return KH_OK;
    status = kh_envelope_open(store->envelopes, &store->identity, store->challenge,
        store->challenge_len, &content, err);
    if (status != KH_OK)
        return status;
    challenge_text(store, text);
    same = content.len == strlen(text) &&
           CRYPTO_memcmp(content.data, text, content.len) == 0;
    host->buf_free(host, &content);
    if (!same)
        return kh_fail(
            err, KH_CORRUPT, "the identity's envelope in the catalog holds another text");
    return KH_OK;
}

/* TEXT is PROFILE:HEX. */
static kh_status load_envelope(struct kh_store *store, char *text, struct kh_error *err)
{
    char *hex = strchr(text, ':');
    struct kh_key_id id = store->identity.id;
    size_t room;

    if (!hex)
        return damaged(FACT_ENVELOPE, err);
    *hex++ = '\0';
    room = strlen(hex) / 2 + 1;
    store->challenge = malloc(room);
    if (!store->challenge)
        return kh_fail(err, KH_FATAL, "no memory for the identity's envelope");
    if (!from_hex(hex, store->challenge, room, &store->challenge_len))
        return damaged(FACT_ENVELOPE, err);
    return kh_newkey_of(text, &id, &store->identity, err);
}

/* No envelope: nothing was ever stored, or somebody took the fact away. */
static kh_status must_be_unused(struct kh_store *store, struct kh_error *err)
{
    struct kh_catalog_counts counts = {0};
    struct kh_key_id id = store->identity.id;
    kh_status status = store->catalog->counts(store->catalog, &counts, err);

    if (status != KH_OK)
        return status;
    if (counts.versions > 0 || counts.keys[KH_KEY_ACTIVE] > 0)
        return damaged(FACT_ENVELOPE, err);
    return kh_newkey_of(store->profile, &id, &store->identity, err);
}

kh_status kh_identity_prove(struct kh_store *store, struct kh_error *err)
{
    char text[ENVELOPE_TEXT_MAX];
    struct kh_error why = {0};
    kh_status status =
        store->catalog->meta_get(store->catalog, FACT_ENVELOPE, text, sizeof text, err);

    if (status == KH_NOT_FOUND)
        return must_be_unused(store, err);
    if (status == KH_INVALID)
        return damaged(FACT_ENVELOPE, err);
    if (status == KH_OK)
        status = load_envelope(store, text, err);
    if (status != KH_OK)
        return status;
    atomic_store(&store->claimed, true);
    status = kh_identity_probe(store, &why);
    if (status == KH_CORRUPT)
        return kh_fail(err, KH_REFUSED,
            "token '%s' (serial %s) is not the token of the catalog in %s: it cannot "
            "open the "
            "catalog's identity (%s)",
            store->facts.label, store->facts.serial, store->state_dir, why.message);
    if (status != KH_OK)
        *err = why;
    return status;
}

kh_status kh_identity_claim(struct kh_store *store, struct kh_error *err)
{
    kh_status status = KH_OK;

    if (atomic_load(&store->claimed))
        return KH_OK;
    pthread_mutex_lock(&store->claim);
    if (!atomic_load(&store->claimed)) {
        free(store->challenge); /* of an attempt that failed */
        store->challenge = NULL;
        status = make(store, err);
        if (status == KH_OK)
            atomic_store(&store->claimed, true);
    }
    pthread_mutex_unlock(&store->claim);
    return status;
}
