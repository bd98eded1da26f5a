#include "plugins/softfile/known.h"

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* SETS * WAYS entries; an entry may stand anywhere in its set, and a full set forgets its
 * oldest. */
enum { SETS = 8192, WAYS = 8, PRINT_SIZE = 16 };

struct entry {
    unsigned char print[PRINT_SIZE]; /* of name, version and envelope */
    unsigned char hmac[KH_SOFT_DIGEST_SIZE];
};

struct kh_soft_known {
    EVP_MD *sha256;    /* of the keys */
    EVP_MAC_CTX *hmac; /* with its key; copied for each digest */
    pthread_mutex_t lock;
    unsigned char oldest[SETS];
    struct entry entries[SETS][WAYS];
};

static EVP_MAC_CTX *keyed(const struct kh_soft_keys *keys, const struct kh_buf *key)
{
    char digest[] = "SHA256";
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end()};
    EVP_MAC *mac = EVP_MAC_fetch(keys->libctx, "HMAC", NULL);
    EVP_MAC_CTX *ctx = mac ? EVP_MAC_CTX_new(mac) : NULL;

    EVP_MAC_free(mac);
    if (ctx && EVP_MAC_init(ctx, key->data, key->len, params) == 1)
        return ctx;
    EVP_MAC_CTX_free(ctx);
    return NULL;
}

kh_status kh_soft_known_new(
    struct kh_soft_known **out, const struct kh_soft_keys *keys, struct kh_error *err)
{
    struct kh_soft_known *known = malloc(sizeof *known);
    struct kh_buf key = {0};
    kh_status status;

    if (!known)
        return kh_fail(err, KH_FATAL, "out of memory");
    /* Taken now, and not page by page as a migration goes on: its memory is flat. */
    explicit_bzero(known, sizeof *known);
    known->sha256 = keys->sha256;
    (void)pthread_mutex_init(&known->lock, NULL);
    status = kh_soft_keys_seal_key(keys, &key, err);
    if (status == KH_OK && !(known->hmac = keyed(keys, &key)))
        status = kh_fail(err, KH_FATAL, "cannot set up the digests of a seal");
    keys->host->buf_free(keys->host, &key);
    if (status == KH_OK)
        *out = known;
    else
        kh_soft_known_free(known);
    return status;
}

void kh_soft_known_free(struct kh_soft_known *known)
{
    if (!known)
        return;
    EVP_MAC_CTX_free(known->hmac);
    (void)pthread_mutex_destroy(&known->lock);
    free(known);
}

bool kh_soft_known_digest(const struct kh_soft_known *known, const struct kh_buf *record,
    unsigned char hmac[KH_SOFT_DIGEST_SIZE])
{
    EVP_MAC_CTX *ctx = EVP_MAC_CTX_dup(known->hmac);
    size_t len = 0;
    bool ok = ctx && EVP_MAC_update(ctx, record->data, record->len) == 1 &&
              EVP_MAC_final(ctx, hmac, &len, KH_SOFT_DIGEST_SIZE) == 1 &&
              len == KH_SOFT_DIGEST_SIZE;

    EVP_MAC_CTX_free(ctx);
    return ok;
}

/* A name has no NUL, so no two versions have one encoding. */
static bool print(const struct kh_soft_known *known, const struct kh_soft_found *found,
    unsigned char out[EVP_MAX_MD_SIZE])
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx && EVP_DigestInit_ex2(ctx, known->sha256, NULL) == 1 &&
              EVP_DigestUpdate(ctx, &found->version, sizeof found->version) == 1 &&
              EVP_DigestUpdate(ctx, found->name, strlen(found->name) + 1) == 1 &&
              EVP_DigestUpdate(ctx, found->stored->data, found->stored->len) == 1 &&
              EVP_DigestFinal_ex(ctx, out, NULL) == 1;

    EVP_MD_CTX_free(ctx);
    return ok;
}

static size_t set_of(const unsigned char *print)
{
    return (print[0] | (size_t)print[1] << 8) % SETS;
}

/* Holding the lock. An empty entry is found by nobody: a print is not all zeros. */
static struct entry *look_up(struct kh_soft_known *known, const unsigned char *print)
{
    struct entry *set = known->entries[set_of(print)];

    for (size_t i = 0; i < WAYS; i++) {
        if (memcmp(set[i].print, print, PRINT_SIZE) == 0)
            return &set[i];
    }
    return NULL;
}

static bool is_known(struct kh_soft_known *known, const unsigned char *print,
    unsigned char hmac[KH_SOFT_DIGEST_SIZE])
{
    const struct entry *entry;

    (void)pthread_mutex_lock(&known->lock);
    entry = look_up(known, print);
    if (entry)
        memcpy(hmac, entry->hmac, KH_SOFT_DIGEST_SIZE);
    (void)pthread_mutex_unlock(&known->lock);
    return entry != NULL;
}

void kh_soft_known_note(struct kh_soft_known *known, const struct kh_soft_found *found,
    const struct kh_buf *record)
{
    unsigned char name[EVP_MAX_MD_SIZE];
    unsigned char hmac[KH_SOFT_DIGEST_SIZE];
    struct entry *entry;
    size_t set;

    if (!print(known, found, name) || is_known(known, name, hmac) ||
        !kh_soft_known_digest(known, record, hmac))
        return;
    (void)pthread_mutex_lock(&known->lock);
    set = set_of(name);
    entry = &known->entries[set][known->oldest[set]++ % WAYS];
    memcpy(entry->print, name, PRINT_SIZE);
    memcpy(entry->hmac, hmac, sizeof hmac);
    (void)pthread_mutex_unlock(&known->lock);
}

bool kh_soft_known_find(struct kh_soft_known *known, const struct kh_soft_found *found,
    unsigned char hmac[KH_SOFT_DIGEST_SIZE])
{
    unsigned char name[EVP_MAX_MD_SIZE];

    return print(known, found, name) && is_known(known, name, hmac);
}
