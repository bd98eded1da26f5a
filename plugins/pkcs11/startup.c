#include "plugins/pkcs11/startup.h"

#include "plugins/pkcs11/identity.h"
#include "plugins/pkcs11/label.h"
#include <string.h>

#define PAGE 128

/* What the pass saw, and what the catalog makes of it. */
struct survey {
    struct kh_store *store;
    struct kh_keyset ours; /* with our tag, without the identity's */
    uint64_t others;       /* complete keys of somebody else */
    uint64_t debris;       /* half-made ones without an id */
    uint64_t known;        /* of ours: in the catalog, in whatever state */
    uint64_t active;       /* of those: needed by rows or an epoch */
    uint64_t idle;         /* epochs' keys that no row needs */
};

static bool is_ours(const struct kh_store *store, const struct kh_key_id *id)
{
    return id->len == KH_OUR_ID_LEN && memcmp(id->bytes, store->tag, KH_TAG_LEN) == 0;
}

static kh_status note(
    void *arg, const struct kh_token_object *object, struct kh_error *err)
{
    struct survey *s = arg;
    const struct kh_key_id *identity = &s->store->identity.id;

    if (!is_ours(s->store, &object->id)) {
        s->others += object->complete;
        s->debris += !object->complete && object->id.len == 0;
        return KH_OK;
    }
    if (memcmp(object->id.bytes, identity->bytes, identity->len) == 0)
        return KH_OK;
    return kh_keyset_add(&s->ours, &object->id, object->complete, err);
}

/* ---- the catalog beside it
 * --------------------------------------------------------------- */

static kh_status compare_active(
    struct survey *s, const struct kh_catalog_key *key, bool usable, struct kh_error *err)
{
    struct kh_store *store = s->store;
    uint64_t uses = 1;
    kh_status status = KH_OK;

    if (strcmp(key->scope, "epoch") == 0)
        status = store->catalog->key_uses(store->catalog, &key->id, &uses, err);
    if (status != KH_OK)
        return status;
    if (uses == 0) {
        s->idle++;
        return KH_OK;
    }
    s->active += usable;
    return usable ? KH_OK : kh_keyset_add(&store->missing, &key->id, true, err);
}

static kh_status compare(
    struct survey *s, const struct kh_catalog_key *key, struct kh_error *err)
{
    const struct kh_keyset_entry *seen = kh_keyset_find(&s->ours, &key->id);

    s->known += seen != NULL;
    if (key->state != KH_KEY_ACTIVE)
        return KH_OK;
    return compare_active(s, key, seen && seen->complete, err);
}

/* Calls FN with every key of the catalog, a page at a time. */
static kh_status each_key(struct survey *s,
    kh_status (*fn)(struct survey *, const struct kh_catalog_key *, struct kh_error *),
    struct kh_error *err)
{
    struct kh_catalog *catalog = s->store->catalog;
    struct kh_catalog_key page[PAGE];
    struct kh_key_id last;
    struct kh_key_id *after = NULL;
    size_t count = 0;
    kh_status status;

    do {
        status = catalog->key_list(catalog, after, page, PAGE, &count, err);
        for (size_t i = 0; i < count && status == KH_OK; i++)
            status = fn(s, &page[i], err);
        if (status == KH_OK && count > 0) {
            last = page[count - 1].id;
            after = &last;
        }
    } while (status == KH_OK && count == PAGE);
    return status;
}

static kh_status doom_idle(
    struct survey *s, const struct kh_catalog_key *key, struct kh_error *err)
{
    struct kh_catalog *catalog = s->store->catalog;
    kh_status status;

    if (key->state != KH_KEY_ACTIVE || strcmp(key->scope, "epoch") != 0)
        return KH_OK;
    status = catalog->key_doom(catalog, &key->id, err);
    return status == KH_REFUSED ? KH_OK : status; /* needed */
}

/* Those that an administrator has accepted stay on the token. */
static kh_status must_be_newest(const struct survey *s, struct kh_error *err)
{
    struct kh_store *store = s->store;
    uint64_t accepted = (uint64_t)store->host->option_int(store->host, "unknown_keys");
    uint64_t unknown = s->ours.count - s->known;

    store->unknown = unknown;
    if (unknown <= accepted || store->look)
        return KH_OK;
    return kh_fail(err, KH_CORRUPT,
        "the catalog in %s is older than token '%s': %llu key(s) of this catalog (CKA_ID "
        "%02x%02x%02x%02x...) are on the token and unknown to it. Put the newest "
        "catalog.db back; "
        "nothing was changed on the token",
        store->state_dir, store->facts.label, (unsigned long long)unknown, store->tag[0],
        store->tag[1], store->tag[2], store->tag[3]);
}

/* ---- what may be changed, once token and catalog have agreed
 * ------------------------------ */

static kh_status clean_up(struct survey *s, struct kh_error *err)
{
    struct kh_store *store = s->store;
    kh_status status = KH_OK;

    if (s->idle > 0)
        status = each_key(s, doom_idle, err);
    if (status == KH_OK)
        status = kh_store_sweep(store, KH_KEY_PENDING, &s->ours, err);
    if (status == KH_OK)
        status = kh_store_sweep(store, KH_KEY_DOOMED, &s->ours, err);
    /* Debris has no id. Where a key that rows need is missing, or others keep keys, it
     * may be theirs, damaged in a way that somebody can still mend: it is left alone. */
    if (status == KH_OK && s->debris > 0 && s->others == 0 && store->missing.count == 0) {
        size_t swept = 0;

        status = kh_token_sweep_debris(store->token, &swept, err);
        if (status == KH_OK)
            store->host->log(store->host, KH_LOG_NOTICE,
                "token '%s': %zu half-made object(s) of a crash were removed",
                store->facts.label, swept);
    }
    return status;
}

static void tell(const struct survey *s)
{
    const struct kh_store *store = s->store;
    const struct kh_host *host = store->host;
    unsigned long long removed =
        (unsigned long long)(s->ours.count - s->active - store->unknown);

    if (store->unknown > 0)
        host->log(host, KH_LOG_WARNING,
            "token '%s': %llu key(s) of this catalog are not known to it, as "
            "unknown_keys accepts; they are left alone",
            store->facts.label, (unsigned long long)store->unknown);
    if (removed > 0 && removed <= s->ours.count && !store->look)
        host->log(host, KH_LOG_NOTICE,
            "token '%s': %llu key(s) that no deposit needs were destroyed",
            store->facts.label, removed);
    if (store->missing.count > 0)
        host->log(host, KH_LOG_ERROR,
            "token '%s': %zu key(s) that deposits need are not there: revoked "
            "(destroyed) on the "
            "HSM. Their deposits are served as corrupt",
            store->facts.label, store->missing.count);
    if (s->others > 0)
        host->log(host, KH_LOG_INFO, "token '%s': %llu key(s) of others are left alone",
            store->facts.label, (unsigned long long)s->others);
}

kh_status kh_startup(struct kh_store *store, struct kh_error *err)
{
    struct survey s = {.store = store};
    kh_status status = kh_token_key_each(store->token, note, &s, err);

    if (status == KH_OK) {
        kh_keyset_sort(&s.ours);
        status = each_key(&s, compare, err);
    }
    kh_keyset_sort(&store->missing);
    if (status == KH_OK)
        status = must_be_newest(&s, err);
    if (status == KH_OK)
        status = kh_identity_prove(store, err);
    if (status == KH_OK && !store->look)
        status = clean_up(&s, err);
    if (status == KH_OK) {
        atomic_store(&store->keys, s.active);
        tell(&s);
    }
    kh_keyset_free(&s.ours);
    return status;
}
