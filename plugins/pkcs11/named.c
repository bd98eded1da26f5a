#include "plugins/pkcs11/named.h"

#include "plugins/pkcs11/identity.h"
#include "plugins/pkcs11/label.h"
#include "plugins/pkcs11/named_token.h"
#include "plugins/pkcs11/newkey.h"
#include <keyhsm/key_words.h>
#include <stdlib.h>
#include <string.h>

/* ---- create
 * ----------------------------------------------------------------------------- */

/* Before a key is made for it; named_insert decides for good. */
static kh_status must_be_free(
    struct kh_store *store, const char *name, struct kh_error *err)
{
    struct kh_catalog *catalog = store->catalog;
    struct kh_catalog_named named;
    struct kh_stat stat;
    kh_status status = catalog->named_get(catalog, name, &named, err);

    if (status == KH_OK)
        return kh_fail(err, KH_EXISTS, "named key '%s' exists already", name);
    if (status != KH_NOT_FOUND)
        return status;
    status = catalog->stat(catalog, name, KH_LATEST, &stat, err);
    if (status == KH_OK)
        return kh_fail(err, KH_EXISTS, "'%s' is the name of a deposit", name);
    return status == KH_NOT_FOUND ? KH_OK : status;
}

static kh_status announce(
    struct kh_store *store, const struct kh_catalog_named *named, struct kh_error *err)
{
    struct kh_catalog_key key = {.id = named->id,
        .state = KH_KEY_PENDING,
        .created = named->key.created,
        .scope = "named"};

    (void)snprintf(key.token, sizeof key.token, "%s", store->facts.serial);
    (void)snprintf(key.profile, sizeof key.profile, "%s",
        kh_key_word(kh_key_kind_words(), named->key.kind));
    return store->catalog->key_announce(store->catalog, &key, 1, err);
}

static kh_status keep_public(
    struct kh_named_key *key, const struct kh_public_half *half, struct kh_error *err)
{
    if (half->spki_len > sizeof key->public_key)
        return kh_fail(err, KH_REFUSED, "a public half of %zu bytes", half->spki_len);
    if (half->spki_len > 0)
        memcpy(key->public_key, half->spki, half->spki_len);
    key->public_len = half->spki_len;
    return KH_OK;
}

/* Made on the token and tried there. What the token does not do is said before anybody
 * relies on the key. */
static kh_status make(
    struct kh_store *store, struct kh_catalog_named *named, struct kh_error *err)
{
    struct kh_named_key *key = &named->key;
    struct kh_public_half half = {0};
    char label[KH_LABEL_SIZE];
    const struct kh_named_spec spec = {key->kind, key->purposes, label};
    kh_status status;

    kh_label(label, key->name, &named->id, key->created);
    status = kh_token_named_generate(store->token, &named->id, &spec, &half, err);
    if (status != KH_OK)
        return status;
    status = keep_public(key, &half, err);
    free(half.spki);
    if (status == KH_OK)
        status = kh_named_prove(store, named, key->purposes, err);
    if (status == KH_OK)
        kh_token_named_set_proven(store->token, &named->id);
    return status;
}

/* Announced, made, tried, in the catalog: in this order, as a deposit's key. When the
 * insert lost durability nobody knows whether the row is there: the key is left for the
 * next start, which keeps it exactly when a row needs it. */
static kh_status create(
    struct kh_store *store, struct kh_catalog_named *named, struct kh_error *err)
{
    kh_status status = announce(store, named, err);
    bool made = false;

    if (status != KH_OK) {
        kh_newkey_give_place(store);
        return status;
    }
    status = make(store, named, err);
    if (status == KH_EXISTS) { /* what is there before it was made is not ours */
        kh_newkey_disown(store, &named->id);
        return kh_fail(err, KH_REFUSED, "named key '%s': an id that is taken: try again",
            named->key.name);
    }
    if (status == KH_OK) {
        status = store->catalog->named_insert(store->catalog, named, err);
        made = status == KH_OK || status == KH_FATAL;
    }
    if (!made)
        kh_newkey_abandon(store, &named->id);
    return status;
}

kh_status kh_named_create(
    struct kh_store *store, struct kh_named_key *key, struct kh_error *err)
{
    struct kh_catalog_named named = {.key = {.kind = key->kind,
                                         .purposes = key->purposes,
                                         .state = KH_ACTIVE,
                                         .created = store->host->now(store->host)}};
    kh_status status = must_be_free(store, key->name, err);

    memcpy(named.key.name, key->name, sizeof named.key.name);
    if (status == KH_OK)
        status = kh_identity_claim(store, err);
    if (status == KH_OK)
        status = kh_newkey_id(store, &named.id, err);
    if (status == KH_OK)
        status = kh_newkey_take_place(store, err);
    if (status == KH_OK)
        status = create(store, &named, err);
    if (status == KH_OK)
        *key = named.key;
    return status;
}

/* ---- facts and changes
 * ---------------------------------------------------------------- */

kh_status kh_named_stat(struct kh_store *store, const char *name,
    struct kh_named_key *key, struct kh_error *err)
{
    struct kh_catalog_named named;
    kh_status status = store->catalog->named_get(store->catalog, name, &named, err);

    if (status == KH_OK)
        *key = named.key;
    return status;
}

kh_status kh_named_list(struct kh_store *store, const char *after,
    struct kh_named_key *keys, size_t max, size_t *count, struct kh_error *err)
{
    return store->catalog->named_list(store->catalog, after, keys, max, count, err);
}

static kh_status purge(struct kh_store *store, const char *name, struct kh_error *err)
{
    struct kh_error why = {0};
    kh_status status = store->catalog->named_purge(store->catalog, name, err);

    if (status != KH_OK)
        return status;
    status = kh_store_sweep(store, KH_KEY_DOOMED, NULL, &why);
    if (status != KH_OK)
        return kh_fail(err, status,
            "named key '%s' is purged from the catalog, not yet from the token (the next "
            "purge or start does it): %s",
            name, why.message);
    return KH_OK;
}

kh_status kh_named_change(
    struct kh_store *store, const char *name, kh_key_change change, struct kh_error *err)
{
    if (change == KH_KEY_PURGE)
        return purge(store, name, err);
    return store->catalog->named_set_state(
        store->catalog, name, change == KH_KEY_REMOVE ? KH_DELETED : KH_ACTIVE, err);
}
