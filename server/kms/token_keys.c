#include "server/kms/token_keys.h"

#include "core/deposit.h"
#include "core/log.h"
#include "core/secmem.h"
#include "server/http.h"

#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    KEY_LEN = 32,
    SLOTS = 256,
    ASK_AGAIN_MS = 5 * 1000, /* for a key that was not there */
    PAGE = 64
};

struct slot {
    int32_t number;
    struct kh_buf key; /* empty: it was not there */
    uint64_t asked;    /* monotonic milliseconds */
};

struct kms_keys {
    struct kms_token_times times;
    pthread_mutex_t lock;
    struct slot slots[SLOTS];
    size_t count;
};

kh_status kms_keys_new(
    struct kms_keys **out, const struct kms_token_times *times, struct kh_error *err)
{
    struct kms_keys *keys = calloc(1, sizeof *keys);

    *out = NULL;
    if (!keys || pthread_mutex_init(&keys->lock, NULL) != 0) {
        free(keys);
        return kh_fail(err, KH_FATAL, "no memory for the keys of delegation tokens");
    }
    keys->times = *times;
    *out = keys;
    return KH_OK;
}

void kms_keys_free(struct kms_keys *keys)
{
    if (!keys)
        return;
    for (size_t i = 0; i < keys->count; i++)
        kh_buf_free(&keys->slots[i].key);
    (void)pthread_mutex_destroy(&keys->lock);
    free(keys);
}

int32_t kms_keys_number(const struct kms_keys *keys, int64_t now)
{
    return (int32_t)(now / keys->times.interval);
}

/* The oldest key that a token which has not ended was made with; a clock may differ by an
 * interval. */
static int32_t oldest(const struct kms_keys *keys, int64_t now)
{
    return (int32_t)((now - keys->times.max) / keys->times.interval) - 1;
}

static void name_of(int32_t number, char out[KH_NAME_MAX + 1])
{
    (void)snprintf(out, KH_NAME_MAX + 1, KMS_KEY_NAME "%010d", (int)number);
}

static kh_status load(
    struct kh_backend *backend, int32_t number, struct kh_buf *out, struct kh_error *err)
{
    struct kh_deposit deposit KH_CLEANUP_DEPOSIT = {0};
    char name[KH_NAME_MAX + 1];
    kh_status st;

    name_of(number, name);
    st = kh_backend_get(backend, name, KH_LATEST, false, &deposit, err);
    if (st != KH_OK)
        return st;
    if (deposit.data.len != KEY_LEN)
        return kh_fail(err, KH_CORRUPT, "%s is no key of delegation tokens", name);
    *out = deposit.data;
    deposit.data = (struct kh_buf){0};
    return KH_OK;
}

/* KH_EXISTS: another server was faster. */
static kh_status make(struct kh_backend *backend, int32_t number, struct kh_error *err)
{
    struct kh_deposit deposit KH_CLEANUP_DEPOSIT = {
        .state = KH_ACTIVE, .created = (int64_t)time(NULL)};
    kh_status st = kh_buf_alloc(&deposit.data, KEY_LEN, err);

    name_of(number, deposit.name);
    if (st == KH_OK && RAND_priv_bytes(deposit.data.data, KEY_LEN) != 1)
        st = kh_fail(err, KH_UNAVAILABLE, "OpenSSL has no random bytes");
    return st == KH_OK ? kh_backend_put(backend, &deposit, KH_PUT_NEW, err) : st;
}

/* Destroys the keys whose tokens have all ended. What fails is tried again a day later.
 */
static void purge_old(struct kms_keys *keys, struct kh_backend *backend, int64_t now)
{
    struct kh_cursor cursor = {.started = true};
    struct kh_item *items = calloc(PAGE, sizeof *items);
    struct kh_error err = {0};
    char limit[KH_NAME_MAX + 1];
    size_t count = 0;

    name_of(oldest(keys, now), limit);
    (void)snprintf(cursor.name, sizeof cursor.name, KMS_KEY_NAME);
    if (!items || kh_backend_list(backend, &cursor, items, PAGE, &count, &err) != KH_OK)
        count = 0;
    for (size_t i = 0; i < count; i++) {
        if (strncmp(items[i].name, KMS_KEY_NAME, sizeof KMS_KEY_NAME - 1) != 0 ||
            strcmp(items[i].name, limit) >= 0)
            break;
        if (kh_backend_purge(backend, items[i].name, KH_ALL_VERSIONS, &err) != KH_OK)
            kh_log(
                KH_LOG_WARNING, "kms: an old key of delegation tokens: %s", err.message);
    }
    free(items);
}

static kh_status load_or_make(struct kms_keys *keys, struct kh_backend *backend,
    const struct kms_key_wish *wish, struct kh_buf *out, struct kh_error *err)
{
    kh_status st = load(backend, wish->number, out, err);

    if (st != KH_NOT_FOUND || !wish->make)
        return st;
    st = make(backend, wish->number, err);
    if (st != KH_OK && st != KH_EXISTS)
        return st;
    if (st == KH_OK) {
        kh_log(KH_LOG_NOTICE, "kms: made key %d of delegation tokens", (int)wish->number);
        purge_old(keys, backend, wish->now);
    }
    return load(backend, wish->number, out, err);
}

/* The slot of NUMBER, or a fresh one; the oldest makes room. Under the lock. */
static struct slot *slot_of(struct kms_keys *keys, int32_t number)
{
    struct slot *oldest_slot = &keys->slots[0];

    for (size_t i = 0; i < keys->count; i++) {
        if (keys->slots[i].number == number)
            return &keys->slots[i];
        if (keys->slots[i].number < oldest_slot->number)
            oldest_slot = &keys->slots[i];
    }
    if (keys->count < SLOTS)
        oldest_slot = &keys->slots[keys->count++];
    kh_buf_free(&oldest_slot->key);
    *oldest_slot = (struct slot){.number = number};
    return oldest_slot;
}

/* The key of WISH in *SLOT, under the lock: a key is read once, whoever else waits. */
static kh_status find(struct kms_keys *keys, struct kh_backend *backend,
    const struct kms_key_wish *wish, struct slot **out, struct kh_error *err)
{
    struct slot *slot = slot_of(keys, wish->number);
    uint64_t now = kh_clock_ms();
    kh_status st;

    *out = slot;
    if (slot->key.len > 0)
        return KH_OK;
    if (!wish->make && slot->asked && now - slot->asked < ASK_AGAIN_MS)
        return KH_NOT_FOUND;
    st = load_or_make(keys, backend, wish, &slot->key, err);
    slot->asked = st == KH_NOT_FOUND ? now : 0;
    return st;
}

static kh_status mac_by(const struct kh_buf *key, const struct kms_token *token,
    unsigned char mac[KMS_MAC_LEN], struct kh_error *err)
{
    unsigned int len = 0;

    if (!HMAC(EVP_sha256(), key->data, (int)key->len, token->ident, token->ident_len, mac,
            &len) ||
        len != KMS_MAC_LEN)
        return kh_fail(err, KH_UNAVAILABLE, "OpenSSL makes no HMAC-SHA-256");
    return KH_OK;
}

kh_status kms_keys_mac(struct kms_keys *keys, struct kh_backend *backend,
    const struct kms_key_wish *wish, const struct kms_token *token,
    unsigned char mac[KMS_MAC_LEN], struct kh_error *err)
{
    struct slot *slot = NULL;
    kh_status st;

    memset(mac, 0, KMS_MAC_LEN);
    /* Nobody makes the backend look for keys that cannot be. */
    if (wish->number < oldest(keys, wish->now) ||
        wish->number > kms_keys_number(keys, wish->now) + 1)
        return kh_fail(err, KH_REFUSED, "no key of delegation tokens has this number");
    (void)pthread_mutex_lock(&keys->lock);
    st = find(keys, backend, wish, &slot, err);
    if (st == KH_OK)
        st = mac_by(&slot->key, token, mac, err);
    (void)pthread_mutex_unlock(&keys->lock);
    if (st == KH_NOT_FOUND)
        return kh_fail(err, KH_REFUSED, "no key of delegation tokens has this number");
    return st;
}
