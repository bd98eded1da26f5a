#include "plugins/pkcs11/store.h"

#include "plugins/pkcs11/epoch.h"
#include "plugins/pkcs11/identity.h"
#include "plugins/pkcs11/keypool.h"
#include "plugins/pkcs11/newkey.h"
#include "plugins/pkcs11/startup.h"
#include "plugins/pkcs11/statedir.h"
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

static kh_status read_limits(struct kh_store *store, struct kh_error *err)
{
    const struct kh_host *host = store->host;
    int64_t data_max = host->option_int(host, "max_deposit_size");

    store->max_keys = (uint64_t)host->option_int(host, "max_keys");
    store->look = host->mode == KH_OPEN_LOOK;
    store->epoch_scope = strcmp(host->option_string(host, "key_scope"), "epoch") == 0;
    if (data_max < 1 || data_max > KH_DATA_LIMIT)
        return kh_fail(err, KH_INVALID,
            "max_deposit_size: %lld bytes, 1 to %d are possible", (long long)data_max,
            KH_DATA_LIMIT);
    store->data_max = (size_t)data_max;
    if (host->option_int(host, "epoch_deposits") < 1 ||
        host->option_int(host, "epoch_age") < 1)
        return kh_fail(
            err, KH_INVALID, "epoch_deposits and epoch_age must be at least 1");
    return KH_OK;
}

static kh_status open_catalog(struct kh_store *store, struct kh_error *err)
{
    char path[sizeof store->state_dir + 16];

    (void)snprintf(path, sizeof path, "%s/catalog.db", store->state_dir);
    return store->host->catalog_open(store->host, path, &store->catalog, err);
}

/* What the module is known to bear goes before what the operator hopes. */
static void bound_keys(struct kh_store *store)
{
    uint64_t limit = store->facts.key_limit;

    if (limit == 0 || (store->max_keys > 0 && store->max_keys <= limit))
        return;
    if (!store->epoch_scope)
        store->host->log(store->host, KH_LOG_WARNING,
            "token '%s' bears %llu keys (see keyhsm doctor), and with key_scope = "
            "deposit "
            "each version needs one: key_scope = epoch is better here",
            store->facts.label, (unsigned long long)limit);
    store->max_keys = limit;
}

static kh_status open_token(struct kh_store *store, struct kh_error *err)
{
    const struct kh_host *host = store->host;
    struct kh_token_ops ops;
    const char *properties = host->option_string(host, "properties");
    kh_status status = kh_token_open(&store->token, host, err);

    if (status != KH_OK)
        return status;
    kh_token_facts(store->token, &store->facts);
    bound_keys(store);
    kh_newkey_profile(&store->facts, store->profile);
    kh_token_ops(store->token, &ops);
    status = kh_provider_new(&store->provider, &ops,
        host->option_string(host, "providers"), properties ? properties : "", err);
    if (status == KH_OK)
        status = kh_envelopes_new(&store->envelopes, host, store->provider, err);
    if (status != KH_OK)
        return status;
    store->sha256 = EVP_MD_fetch(kh_provider_libctx(store->provider), "SHA2-256",
        kh_provider_properties(store->provider));
    if (!store->sha256)
        return kh_fail(err, KH_UNAVAILABLE, "the OpenSSL providers offer no SHA-256");
    return KH_OK;
}

static kh_status open_scopes(struct kh_store *store, struct kh_error *err)
{
    const struct kh_host *host = store->host;
    kh_status status = kh_keypool_new(store, err);

    if (status == KH_OK && store->epoch_scope)
        status = kh_epochs_new(store, (uint64_t)host->option_int(host, "epoch_deposits"),
            (uint64_t)host->option_int(host, "epoch_age"), err);
    return status;
}

/* The catalog before the token: a damaged one is refused without a login. The note of the
 * generation before anything is looked for on the token: with a replaced catalog the tag
 * means nothing there. */
static kh_status open_all(struct kh_store *store, struct kh_error *err)
{
    kh_status status = read_limits(store, err);

    if (status == KH_OK)
        status = kh_statedir_open(store, err);
    if (status == KH_OK)
        status = open_catalog(store, err);
    if (status == KH_OK)
        status = open_token(store, err);
    if (status == KH_OK)
        status = kh_identity_load(store, err);
    if (status == KH_OK)
        status = kh_statedir_check(store, err);
    if (status == KH_OK)
        status = kh_startup(store, err);
    if (status == KH_OK && !store->look)
        status = kh_statedir_note(store, err);
    if (status == KH_OK)
        status = open_scopes(store, err);
    return status;
}

/* Takes a store that was opened in part, too. Users of a thing go before it. */
static void release(struct kh_store *store)
{
    if (store->catalog)
        store->catalog->close(store->catalog);
    free(store->challenge);
    EVP_MD_free(store->sha256);
    kh_envelopes_free(store->envelopes);
    kh_provider_free(store->provider);
    kh_token_close(store->token);
    kh_keyset_free(&store->missing);
    kh_statedir_close(store);
    pthread_mutex_destroy(&store->sweep);
    pthread_mutex_destroy(&store->claim);
    free(store);
}

kh_status kh_store_open(
    const struct kh_host *host, struct kh_store **out, struct kh_error *err)
{
    struct kh_store *store = calloc(1, sizeof *store);
    kh_status status;

    if (!store)
        return kh_fail(err, KH_FATAL, "no memory to open backend '%s'", host->instance);
    store->host = host;
    store->lock = -1;
    pthread_mutex_init(&store->sweep, NULL);
    pthread_mutex_init(&store->claim, NULL);
    status = open_all(store, err);
    if (status != KH_OK) {
        kh_epochs_free(store);
        kh_keypool_free(store);
        release(store);
        return status;
    }
    *out = store;
    return KH_OK;
}

void kh_store_close(struct kh_store *store)
{
    struct kh_error err = {0};

    kh_epochs_free(store);
    kh_keypool_free(store);
    if (!store->look && kh_statedir_note(store, &err) != KH_OK)
        store->host->log(store->host, KH_LOG_WARNING, "%s", err.message);
    release(store);
}
