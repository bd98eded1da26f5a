#include "plugins/pkcs11/keypool.h"

#include "plugins/pkcs11/epoch.h"
#include "plugins/pkcs11/newkey.h"

#include <stdlib.h>

#define BATCH_MAX 32

struct kh_keypool {
    pthread_mutex_t lock;
    pthread_cond_t filled;
    bool filling; /* one thread announces the next batch, the others wait for it */
    size_t batch;
    size_t count;
    struct kh_key_id ids[BATCH_MAX];
};

/* One key in a short-lived command, a batch where many are made. A daemon's is small: a
 * copy of the catalog that is put back while its batch was in use takes the batch's keys
 * for unused ones. */
static size_t batch_size(const struct kh_store *store)
{
    if (store->host->mode == KH_OPEN_MIGRATE)
        return store->epoch_scope ? 2 : BATCH_MAX;
    return store->host->mode == KH_OPEN_SERVE && !store->epoch_scope ? 8 : 1;
}

kh_status kh_keypool_new(struct kh_store *store, struct kh_error *err)
{
    struct kh_keypool *pool = calloc(1, sizeof *pool);

    if (!pool)
        return kh_fail(err, KH_FATAL, "no memory for announced keys");
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->filled, NULL);
    pool->batch = batch_size(store);
    store->keypool = pool;
    return KH_OK;
}

void kh_keypool_free(struct kh_store *store)
{
    struct kh_keypool *pool = store->keypool;
    struct kh_error err = {0};

    if (!pool)
        return;
    /* So that an old copy of this catalog never knows a key that a later run made. */
    if (pool->count > 0 && store->catalog->keys_forget(
                               store->catalog, pool->ids, pool->count, &err) != KH_OK)
        store->host->log(store->host, KH_LOG_WARNING, "announced keys stay announced: %s",
            err.message);
    pthread_cond_destroy(&pool->filled);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
    store->keypool = NULL;
}

static kh_status announce(struct kh_store *store, struct kh_catalog_key *keys,
    size_t count, struct kh_error *err)
{
    const struct kh_catalog_key pattern = {
        .state = KH_KEY_PENDING, .created = store->host->now(store->host)};
    kh_status status = KH_OK;

    for (size_t i = 0; i < count && status == KH_OK; i++) {
        keys[i] = pattern;
        (void)snprintf(keys[i].token, sizeof keys[i].token, "%s", store->facts.serial);
        (void)snprintf(keys[i].scope, sizeof keys[i].scope, "%s",
            store->epoch_scope ? "epoch" : "deposit");
        (void)snprintf(keys[i].profile, sizeof keys[i].profile, "%s", store->profile);
        status = kh_newkey_id(store, &keys[i].id, err);
    }
    if (status == KH_OK)
        status = store->catalog->key_announce(store->catalog, keys, count, err);
    return status;
}

/* Called with the lock held and the pool empty; the announcement itself runs without it.
 */
static kh_status fill(
    struct kh_store *store, struct kh_keypool *pool, struct kh_error *err)
{
    struct kh_catalog_key keys[BATCH_MAX];
    kh_status status;

    pool->filling = true;
    pthread_mutex_unlock(&pool->lock);
    status = announce(store, keys, pool->batch, err);
    pthread_mutex_lock(&pool->lock);
    pool->filling = false;
    for (size_t i = 0; i < pool->batch && status == KH_OK; i++)
        pool->ids[pool->count++] = keys[i].id;
    pthread_cond_broadcast(&pool->filled);
    return status;
}

kh_status kh_keypool_take(
    struct kh_store *store, struct kh_key_id *id, struct kh_error *err)
{
    struct kh_keypool *pool = store->keypool;
    kh_status status = KH_OK;

    pthread_mutex_lock(&pool->lock);
    while (pool->count == 0 && status == KH_OK) {
        if (pool->filling)
            pthread_cond_wait(&pool->filled, &pool->lock);
        else
            status = fill(store, pool, err);
    }
    if (status == KH_OK)
        *id = pool->ids[--pool->count];
    pthread_mutex_unlock(&pool->lock);
    return status;
}

kh_status kh_sealing_key_take(struct kh_store *store, const char *name,
    struct kh_sealing_key *key, struct kh_error *err)
{
    if (store->epochs)
        return kh_epoch_take(store, key, err);
    key->epoch = NULL;
    return kh_newkey_make(store, name, &key->id, &key->recipient, err);
}

void kh_sealing_key_done(struct kh_store *store, struct kh_sealing_key *key, bool needed)
{
    if (key->epoch) {
        kh_epoch_release(store, key->epoch);
    } else {
        kh_recipient_free(key->recipient); /* the public half is gone with it */
        if (!needed)
            kh_newkey_abandon(store, &key->id);
    }
    key->recipient = NULL;
    key->epoch = NULL;
}
