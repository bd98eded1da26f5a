#include "tests/mock/memory_keys.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Sorted by store and name. */
struct key {
    struct key *next;
    char store[64];
    struct kh_named_key facts;
    unsigned char secret[32];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct key *keys;

static int order(const struct key *k, const char *store, const char *name)
{
    int c = strcmp(k->store, store);

    return c ? c : strcmp(k->facts.name, name);
}

/* The first that stands at or behind NAME. */
static struct key **link_of(const struct mock_keys_place *place, const char *name)
{
    struct key **at = &keys;

    while (*at && order(*at, place->store, name) < 0)
        at = &(*at)->next;
    return at;
}

/* Holds the lock, whatever it returns; *AT is where the key is. */
static kh_status find(const struct mock_keys_place *place, const char *name,
    struct key ***at, struct kh_error *err)
{
    (void)pthread_mutex_lock(&lock);
    *at = link_of(place, name);
    if (**at && order(**at, place->store, name) == 0)
        return KH_OK;
    return kh_fail(err, KH_NOT_FOUND, "there is no key '%s'", name);
}

static kh_status end(kh_status st)
{
    (void)pthread_mutex_unlock(&lock);
    return st;
}

kh_status mock_key_create(void *ctx, struct kh_named_key *key, struct kh_error *err)
{
    const struct mock_keys_place place = mock_keys_place(ctx);
    struct key *made = calloc(1, sizeof *made);
    struct key **at;
    kh_status st = find(&place, key->name, &at, err);

    if (st == KH_OK)
        st = kh_fail(err, KH_EXISTS, "'%s' exists", key->name);
    else if (key->kind != KH_KIND_AES_256)
        st = kh_fail(err, KH_REFUSED, "only AES keys are made");
    else if (!made || RAND_bytes(made->secret, sizeof made->secret) != 1)
        st = kh_fail(err, KH_FATAL, "no memory");
    else
        st = KH_OK;
    if (st != KH_OK) {
        free(made);
        return end(st);
    }
    key->state = KH_ACTIVE;
    key->created = place.host->now(place.host) - place.age;
    made->facts = *key;
    (void)snprintf(made->store, sizeof made->store, "%s", place.store);
    made->next = *at;
    *at = made;
    return end(KH_OK);
}

kh_status mock_key_stat(
    void *ctx, const char *name, struct kh_named_key *key, struct kh_error *err)
{
    const struct mock_keys_place place = mock_keys_place(ctx);
    struct key **at;
    kh_status st = find(&place, name, &at, err);

    if (st == KH_OK)
        *key = (*at)->facts;
    return end(st);
}

kh_status mock_key_list(void *ctx, const char *after, struct kh_named_key *out,
    size_t max, size_t *count, struct kh_error *err)
{
    const struct mock_keys_place place = mock_keys_place(ctx);
    size_t n = 0;

    (void)err;
    (void)pthread_mutex_lock(&lock);
    for (const struct key *k = *link_of(&place, after ? after : "");
         k && n < max && strcmp(k->store, place.store) == 0; k = k->next) {
        if (!after || strcmp(k->facts.name, after) > 0)
            out[n++] = k->facts;
    }
    *count = n;
    return end(KH_OK);
}

/* RFC 3394, of 32 bytes of key. */
static bool wrap(const unsigned char *secret, const struct kh_key_use *use, bool wraps,
    struct kh_buf *out)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, "AES-256-WRAP", NULL);
    unsigned char text[128];
    int len = 0;
    bool good;

    if (ctx)
        EVP_CIPHER_CTX_set_flags(ctx, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
    good = ctx && cipher &&
           EVP_CipherInit_ex2(ctx, cipher, secret, NULL, wraps, NULL) == 1 &&
           EVP_CipherUpdate(ctx, text, &len, use->input, (int)use->input_len) == 1 &&
           len > 0 && (size_t)len == out->len;
    if (good)
        memcpy(out->data, text, out->len);
    EVP_CIPHER_free(cipher);
    EVP_CIPHER_CTX_free(ctx);
    return good;
}

kh_status mock_key_use(void *ctx, const char *name, const struct kh_key_use *use,
    struct kh_buf *out, struct kh_error *err)
{
    const struct mock_keys_place place = mock_keys_place(ctx);
    bool wraps = use->scheme == KH_SCHEME_AES_WRAP;
    struct key **at;
    kh_status st = find(&place, name, &at, err);

    if (st == KH_OK && (*at)->facts.state != KH_ACTIVE)
        st = kh_fail(err, KH_NOT_FOUND, "'%s' is deleted", name);
    if (st == KH_OK)
        st = place.host->buf_alloc(
            place.host, out, wraps ? use->input_len + 8 : use->input_len - 8, err);
    if (st == KH_OK && !wrap((*at)->secret, use, wraps, out)) {
        place.host->buf_free(place.host, out);
        st = kh_fail(err, KH_INVALID, "'%s' does not open it", name);
    }
    return end(st);
}

kh_status mock_key_change(
    void *ctx, const char *name, kh_key_change change, struct kh_error *err)
{
    const struct mock_keys_place place = mock_keys_place(ctx);
    struct key **at;
    kh_status st = find(&place, name, &at, err);
    struct key *key;

    if (st != KH_OK)
        return end(st);
    key = *at;
    key->facts.state = change == KH_KEY_REMOVE ? KH_DELETED : KH_ACTIVE;
    if (change == KH_KEY_PURGE) {
        *at = key->next;
        free(key);
    }
    return end(KH_OK);
}
