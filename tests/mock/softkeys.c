/*
 * Named keys in the memory of the process, by OpenSSL: what a token does, without one. No
 * deposits. Not thread safe, and says so.
 */
#include "tests/mock/softkeys.h"

#include "tests/mock/stubs.h"

#include <keyhsm/key_words.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

struct store {
    const struct kh_host *host;
    struct soft_key *keys; /* in the order of their names */
};

static kh_status open_store(const struct kh_host *host, void **ctx, struct kh_error *err)
{
    struct store *store = calloc(1, sizeof *store);

    if (!store)
        return kh_fail(err, KH_FATAL, "no memory");
    store->host = host;
    *ctx = store;
    return KH_OK;
}

static void free_key(struct soft_key *key)
{
    EVP_PKEY_free(key->pair);
    free(key);
}

static void close_store(void *ctx)
{
    struct store *store = ctx;

    while (store->keys) {
        struct soft_key *key = store->keys;

        store->keys = key->next;
        free_key(key);
    }
    free(store);
}

static EVP_PKEY *make_pair(kh_key_kind kind)
{
    switch (kind) {
    case KH_KIND_EC_P256:
        return EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    case KH_KIND_EC_P384:
        return EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384");
    case KH_KIND_ED25519:
        return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    case KH_KIND_RSA_2048:
        return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
    default:
        return NULL;
    }
}

/* Where NAME is, or would be. */
static struct soft_key **place(struct store *store, const char *name)
{
    struct soft_key **at = &store->keys;

    while (*at && strcmp((*at)->facts.name, name) < 0)
        at = &(*at)->next;
    return at;
}

static struct soft_key *find(struct store *store, const char *name, struct kh_error *err)
{
    struct soft_key **at = place(store, name);

    if (*at && strcmp((*at)->facts.name, name) == 0)
        return *at;
    (void)kh_fail(err, KH_NOT_FOUND, "there is no key '%s'", name);
    return NULL;
}

static kh_status key_create(void *ctx, struct kh_named_key *wish, struct kh_error *err)
{
    struct store *store = ctx;
    struct soft_key **at = place(store, wish->name);
    struct soft_key *key;
    unsigned char *der = wish->public_key;
    int len = 0;

    if (*at && strcmp((*at)->facts.name, wish->name) == 0)
        return kh_fail(err, KH_EXISTS, "'%s' exists", wish->name);
    key = calloc(1, sizeof *key);
    if (!key)
        return kh_fail(err, KH_FATAL, "no memory");
    if (wish->kind == KH_KIND_AES_256)
        (void)RAND_bytes(key->aes, sizeof key->aes);
    else
        key->pair = make_pair(wish->kind);
    if (key->pair)
        len = i2d_PUBKEY(key->pair, &der);
    if (wish->kind != KH_KIND_AES_256 && len <= 0) {
        free_key(key);
        return kh_fail(err, KH_REFUSED, "no such kind of keys here");
    }
    wish->public_len = (size_t)len;
    wish->state = KH_ACTIVE;
    wish->created = store->host->now(store->host);
    key->facts = *wish;
    key->next = *at;
    *at = key;
    return KH_OK;
}

static kh_status key_stat(
    void *ctx, const char *name, struct kh_named_key *out, struct kh_error *err)
{
    const struct soft_key *key = find(ctx, name, err);

    if (!key)
        return err->status;
    *out = key->facts;
    return KH_OK;
}

static kh_status key_list(void *ctx, const char *after, struct kh_named_key *keys,
    size_t max, size_t *count, struct kh_error *err)
{
    struct store *store = ctx;

    (void)err;
    *count = 0;
    for (const struct soft_key *key = store->keys; key && *count < max; key = key->next) {
        if (!after || strcmp(key->facts.name, after) > 0)
            keys[(*count)++] = key->facts;
    }
    return KH_OK;
}

static kh_status key_use(void *ctx, const char *name, const struct kh_key_use *use,
    struct kh_buf *out, struct kh_error *err)
{
    struct store *store = ctx;
    const struct soft_key *key = find(store, name, err);
    unsigned char result[SOFT_RESULT_MAX];
    size_t len = sizeof result;
    kh_status st;

    if (!key)
        return err->status;
    if (key->facts.state != KH_ACTIVE)
        return kh_fail(err, KH_NOT_FOUND, "the key '%s' is deleted", name);
    if (!(key->facts.purposes & kh_key_scheme_purpose(use->scheme)))
        return kh_fail(err, KH_REFUSED, "'%s' is not for %s", name,
            kh_key_word(kh_key_scheme_words(), use->scheme));
    if (!soft_use(key, use, result, &len))
        return kh_fail(err, KH_INVALID, "'%s': the input does not fit", name);
    st = store->host->buf_alloc(store->host, out, len, err);
    if (st == KH_OK)
        memcpy(out->data, result, len);
    return st;
}

static kh_status key_change(
    void *ctx, const char *name, kh_key_change change, struct kh_error *err)
{
    struct store *store = ctx;
    struct soft_key *key = find(store, name, err);

    if (!key)
        return err->status;
    if (change == KH_KEY_PURGE) {
        *place(store, name) = key->next;
        free_key(key);
    } else {
        key->facts.state = change == KH_KEY_REMOVE ? KH_DELETED : KH_ACTIVE;
    }
    return KH_OK;
}

const struct kh_plugin kh_plugin = {
    .abi = KH_PLUGIN_ABI,
    .size = sizeof(struct kh_plugin),
    .name = "softkeys",
    .version = "1",
    .description = "named keys in the memory of the process, for tests",
    .open = open_store,
    .close = close_store,
    .probe = stub_probe,
    .info = stub_info,
    .key_create = key_create,
    .key_stat = key_stat,
    .key_list = key_list,
    .key_use = key_use,
    .key_change = key_change,
};
