#include "plugins/pkcs11/epoch.h"
#include "plugins/pkcs11/label.h"
#include "plugins/pkcs11/store.h"

#define BATCH 64

kh_status kh_store_set_state(struct kh_store *store, const char *name, uint32_t version,
    kh_state state, struct kh_error *err)
{
    return store->catalog->set_state(store->catalog, name, version, state, err);
}

/* Destroys KEYS on the token; *GONE gets those that are not there any more. */
static kh_status destroy(struct kh_store *store, const struct kh_catalog_key *keys,
    size_t count, const struct kh_keyset *on_token, struct kh_key_id *gone,
    size_t *gone_count, struct kh_error *err)
{
    for (size_t i = 0; i < count; i++) {
        if (!on_token || kh_keyset_find(on_token, &keys[i].id)) {
            kh_status status = kh_token_key_destroy(store->token, &keys[i].id, err);

            if (status != KH_OK)
                return status;
            /* At start they are counted afterwards; one that was missing never was. */
            if (!on_token && !kh_keyset_find(&store->missing, &keys[i].id))
                atomic_fetch_sub(&store->keys, 1);
        }
        gone[(*gone_count)++] = keys[i].id;
    }
    return KH_OK;
}

kh_status kh_store_sweep(struct kh_store *store, kh_key_state state,
    const struct kh_keyset *on_token, struct kh_error *err)
{
    struct kh_catalog *catalog = store->catalog;
    struct kh_catalog_key keys[BATCH];
    struct kh_key_id gone[BATCH];
    size_t count = 0;
    kh_status status;

    pthread_mutex_lock(&store->sweep);
    do {
        size_t gone_count = 0;
        kh_status forgotten = KH_OK;
        struct kh_error ignored = {0};

        status = catalog->keys_in_state(catalog, state, keys, BATCH, &count, err);
        if (status == KH_OK && count > 0)
            status = destroy(store, keys, count, on_token, gone, &gone_count, err);
        /* what was destroyed is forgotten also when a later one could not be */
        if (gone_count > 0)
            forgotten = catalog->keys_forget(
                catalog, gone, gone_count, status == KH_OK ? err : &ignored);
        if (status == KH_OK)
            status = forgotten;
    } while (status == KH_OK && count == BATCH);
    pthread_mutex_unlock(&store->sweep);
    return status;
}

kh_status kh_store_purge(
    struct kh_store *store, const char *name, uint32_t version, struct kh_error *err)
{
    struct kh_key_id open;
    struct kh_error why = {0};
    bool keep = kh_epoch_open_key(store, &open);
    kh_status status =
        store->catalog->purge(store->catalog, name, version, keep ? &open : NULL, err);

    if (status != KH_OK)
        return status;
    if (keep)
        kh_epoch_purged(store, &open);
    status = kh_store_sweep(store, KH_KEY_DOOMED, NULL, &why);
    if (status != KH_OK)
        return kh_fail(err, status,
            "deposit '%s' is purged from the catalog, its key not yet from the token "
            "(the next "
            "purge or start does it): %s",
            name, why.message);
    return KH_OK;
}
