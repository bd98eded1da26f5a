#include "plugins/pkcs11/epoch.h"

#include "plugins/pkcs11/newkey.h"
#include <stdlib.h>
#include <string.h>

struct kh_epoch {
    struct kh_key_id id;
    struct kh_recipient *recipient;
    uint64_t opened;       /* monotonic, nanoseconds */
    uint64_t used;         /* versions it was given out for */
    unsigned users;        /* threads that seal with it now */
    bool closed;           /* not given out any more; its last user disposes of it */
    struct kh_epoch *next; /* in a list of those to dispose of */
};

struct kh_epochs {
    uint64_t limit;
    uint64_t age; /* nanoseconds */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct kh_epoch *open;
    bool opening; /* one thread makes the next epoch's key, the others wait for it */
};

kh_status kh_epochs_new(
    struct kh_store *store, uint64_t limit, uint64_t age, struct kh_error *err)
{
    struct kh_epochs *epochs = calloc(1, sizeof *epochs);

    if (!epochs)
        return kh_fail(err, KH_FATAL, "no memory for epochs");
    epochs->limit = limit;
    epochs->age = age * 1000000000U;
    pthread_mutex_init(&epochs->lock, NULL);
    pthread_cond_init(&epochs->changed, NULL);
    store->epochs = epochs;
    return KH_OK;
}

/* Throws the public half away. A key that no row came to need is destroyed. */
static void dispose(struct kh_store *store, struct kh_epoch *epoch)
{
    struct kh_error err = {0};
    kh_status status = store->catalog->key_doom(store->catalog, &epoch->id, &err);

    kh_recipient_free(epoch->recipient);
    if (status == KH_OK)
        kh_newkey_abandon(store, &epoch->id);
    else if (status != KH_REFUSED &&
             status != KH_NOT_FOUND) /* needed, or purged already */
        store->host->log(
            store->host, KH_LOG_WARNING, "closing an epoch: %s", err.message);
    free(epoch);
}

void kh_epochs_free(struct kh_store *store)
{
    struct kh_epochs *epochs = store->epochs;

    if (!epochs)
        return;
    if (epochs->open)
        dispose(store, epochs->open);
    pthread_cond_destroy(&epochs->changed);
    pthread_mutex_destroy(&epochs->lock);
    free(epochs);
    store->epochs = NULL;
}

static struct kh_epoch *make_epoch(struct kh_store *store, struct kh_error *err)
{
    struct kh_epoch *epoch = calloc(1, sizeof *epoch);
    kh_status status;

    if (!epoch) {
        (void)kh_fail(err, KH_FATAL, "no memory for an epoch");
        return NULL;
    }
    epoch->opened = store->host->monotonic(store->host);
    status = kh_newkey_make(store, "epoch", &epoch->id, &epoch->recipient, err);
    if (status == KH_OK)
        return epoch;
    free(epoch);
    return NULL;
}

static bool is_over(const struct kh_store *store, const struct kh_epoch *epoch)
{
    return epoch->used >= store->epochs->limit ||
           store->host->monotonic(store->host) - epoch->opened >= store->epochs->age;
}

/* Called with the lock held, returns with it held. The key is made without it. */
static kh_status open_next(struct kh_store *store, struct kh_error *err)
{
    struct kh_epochs *epochs = store->epochs;
    struct kh_epoch *next;

    epochs->opening = true;
    pthread_mutex_unlock(&epochs->lock);
    next = make_epoch(store, err);
    pthread_mutex_lock(&epochs->lock);
    epochs->opening = false;
    epochs->open = next;
    pthread_cond_broadcast(&epochs->changed);
    return next ? KH_OK : err->status;
}

/* Called with the lock held. Closes an epoch that is over; when nobody uses it, it is
 * added to OVER, to be disposed of once the lock is released. */
static void close_if_over(struct kh_store *store, struct kh_epoch **over)
{
    struct kh_epoch *epoch = store->epochs->open;

    if (!epoch || !is_over(store, epoch))
        return;
    epoch->closed = true;
    store->epochs->open = NULL;
    if (epoch->users == 0) {
        epoch->next = *over;
        *over = epoch;
    }
}

/* Called with the lock held: waits for, or makes, an epoch that is not over. */
static kh_status get_open(
    struct kh_store *store, struct kh_epoch **over, struct kh_error *err)
{
    struct kh_epochs *epochs = store->epochs;
    kh_status status = KH_OK;

    for (;;) {
        close_if_over(store, over);
        if (epochs->open || status != KH_OK)
            return status;
        if (epochs->opening)
            pthread_cond_wait(&epochs->changed, &epochs->lock);
        else
            status = open_next(store, err);
    }
}

kh_status kh_epoch_take(
    struct kh_store *store, struct kh_sealing_key *key, struct kh_error *err)
{
    struct kh_epochs *epochs = store->epochs;
    struct kh_epoch *over = NULL;
    kh_status status;

    pthread_mutex_lock(&epochs->lock);
    status = get_open(store, &over, err);
    if (status == KH_OK) {
        key->epoch = epochs->open;
        key->id = epochs->open->id;
        key->recipient = epochs->open->recipient;
        key->epoch->used++;
        key->epoch->users++;
    }
    pthread_mutex_unlock(&epochs->lock);
    while (over) {
        struct kh_epoch *next = over->next;

        dispose(store, over);
        over = next;
    }
    return status;
}

void kh_epoch_release(struct kh_store *store, struct kh_epoch *epoch)
{
    bool last;

    pthread_mutex_lock(&store->epochs->lock);
    epoch->users--;
    last = epoch->closed && epoch->users == 0;
    pthread_mutex_unlock(&store->epochs->lock);
    if (last)
        dispose(store, epoch);
}

bool kh_epoch_open_key(struct kh_store *store, struct kh_key_id *id)
{
    bool open;

    if (!store->epochs)
        return false;
    pthread_mutex_lock(&store->epochs->lock);
    open = store->epochs->open != NULL;
    if (open)
        *id = store->epochs->open->id;
    pthread_mutex_unlock(&store->epochs->lock);
    return open;
}

void kh_epoch_purged(struct kh_store *store, const struct kh_key_id *id)
{
    struct kh_key_id open;
    struct kh_error err = {0};
    kh_status status;

    if (kh_epoch_open_key(store, &open) && memcmp(open.bytes, id->bytes, id->len) == 0)
        return;
    status = store->catalog->key_doom(store->catalog, id, &err);
    if (status != KH_OK && status != KH_REFUSED && status != KH_NOT_FOUND)
        store->host->log(store->host, KH_LOG_WARNING, "after a purge: %s", err.message);
}
