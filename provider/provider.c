#include "provider/provider.h"

#include "provider/failure.h"
#include "provider/internal.h"

#include <openssl/conf.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/objects.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#define PROVIDERS_MAX 8
#define PROPERTIES_MAX 200

struct kh_provider {
    OSSL_LIB_CTX *libctx;
    OSSL_PROVIDER *loaded[PROVIDERS_MAX];
    size_t count;
    OSSL_PROVIDER *own;
    struct kh_provctx *context; /* owned by OWN */
    char properties[PROPERTIES_MAX + 1];
};

/* The FIPS module checks itself against what its installation wrote into openssl.cnf. */
static kh_status load_config(
    const struct kh_provider *provider, const char *name, struct kh_error *err)
{
    if (strcmp(name, "fips") != 0)
        return KH_OK;
    if (OSSL_LIB_CTX_load_config(provider->libctx, NULL) != 1)
        return kh_provider_fail(
            err, KH_UNAVAILABLE, "openssl provider 'fips': openssl.cnf cannot be loaded");
    return KH_OK;
}

static kh_status load_one(
    struct kh_provider *provider, const char *name, struct kh_error *err)
{
    OSSL_PROVIDER *loaded;
    char what[160];
    kh_status status;

    if (strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") != strlen(name) ||
        strlen(name) > 32 || strcmp(name, KH_PROVIDER_NAME) == 0)
        return kh_fail(
            err, KH_INVALID, "openssl provider '%.32s': not a name to load", name);
    if (provider->count == PROVIDERS_MAX)
        return kh_fail(err, KH_INVALID, "openssl providers: more than %d", PROVIDERS_MAX);
    status = load_config(provider, name, err);
    if (status != KH_OK)
        return status;
    loaded = OSSL_PROVIDER_load(provider->libctx, name);
    if (!loaded) {
        (void)snprintf(what, sizeof what,
            "openssl provider '%s' cannot be loaded (is it installed in %s?)", name,
            OPENSSL_info(OPENSSL_INFO_MODULES_DIR));
        return kh_provider_fail(err, KH_UNAVAILABLE, what);
    }
    provider->loaded[provider->count++] = loaded;
    return KH_OK;
}

static kh_status load_list(
    struct kh_provider *provider, const char *providers, struct kh_error *err)
{
    char list[256];
    char *rest = NULL;
    kh_status status = KH_OK;

    if (strlen(providers) >= sizeof list)
        return kh_fail(err, KH_INVALID, "openssl providers: the list is too long");
    memcpy(list, providers, strlen(providers) + 1);
    for (char *name = strtok_r(list, ", \t", &rest); name && status == KH_OK;
         name = strtok_r(NULL, ", \t", &rest))
        status = load_one(provider, name, err);
    if (status == KH_OK && provider->count == 0)
        return kh_fail(err, KH_INVALID, "openssl providers: the list is empty");
    return status;
}

static kh_status load_own(
    struct kh_provider *provider, const struct kh_token_ops *ops, struct kh_error *err)
{
    struct kh_provctx *context;

    if (OSSL_PROVIDER_add_builtin(provider->libctx, KH_PROVIDER_NAME, kh_provider_init) !=
        1)
        return kh_provider_fail(err, KH_FATAL, "openssl provider 'keyhsm'");
    provider->own = OSSL_PROVIDER_load(provider->libctx, KH_PROVIDER_NAME);
    if (!provider->own)
        return kh_provider_fail(err, KH_FATAL, "openssl provider 'keyhsm'");
    context = OSSL_PROVIDER_get0_provider_ctx(provider->own);
    context->ops = *ops;
    context->libctx = provider->libctx;
    provider->context = context;
    return KH_OK;
}

/*
 * Ordinary keys stay with the ordinary providers: where two implement one algorithm,
 * libcrypto takes the one that is not ours. A key object of ours brings our
 * implementation with it.
 */
static kh_status set_properties(
    struct kh_provider *provider, const char *properties, struct kh_error *err)
{
    char all[PROPERTIES_MAX + 40];

    if (strlen(properties) > PROPERTIES_MAX)
        return kh_fail(err, KH_INVALID, "openssl properties: the query is too long");
    memcpy(provider->properties, properties, strlen(properties) + 1);
    (void)snprintf(all, sizeof all, "%s%s?provider!=" KH_PROVIDER_NAME, properties,
        *properties ? "," : "");
    if (EVP_set_default_properties(provider->libctx, all) == 1)
        return KH_OK;
    /* A query of the operator's that names a provider takes no second clause on it, nor
     * needs one. */
    ERR_clear_error();
    if (EVP_set_default_properties(provider->libctx, properties) != 1)
        return kh_provider_fail(err, KH_INVALID, "openssl properties");
    return KH_OK;
}

static kh_status set_up_context(const struct kh_provider *provider, struct kh_error *err)
{
    struct kh_provctx *context = provider->context;

    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): made before */
    context->x963 = EVP_KDF_fetch(provider->libctx, OSSL_KDF_NAME_X963KDF, NULL);
    if (!context->x963)
        return kh_provider_fail(err, KH_UNAVAILABLE, "openssl: X963KDF");
    context->p256 = EC_GROUP_new_by_curve_name_ex(
        provider->libctx, provider->properties, NID_X9_62_prime256v1);
    if (!context->p256)
        return kh_provider_fail(err, KH_UNAVAILABLE, "openssl: curve P-256");
    return KH_OK;
}

/* Draws once, so that a token whose generator does not work is found now. */
static kh_status seed_from_token(const struct kh_provider *provider, struct kh_error *err)
{
    unsigned char byte;

    if (RAND_set_seed_source_type(provider->libctx, KH_PROVIDER_SEED, KH_PROVIDER_OURS) !=
            1 ||
        RAND_bytes_ex(provider->libctx, &byte, 1, 0) != 1 ||
        RAND_priv_bytes_ex(provider->libctx, &byte, 1, 0) != 1)
        return kh_provider_fail(err, KH_UNAVAILABLE, "openssl: seeding from the token");
    return KH_OK;
}

static kh_status set_up(struct kh_provider *provider, const struct kh_token_ops *ops,
    const char *providers, const char *properties, struct kh_error *err)
{
    kh_status status = load_list(provider, providers, err);

    if (status == KH_OK)
        status = load_own(provider, ops, err);
    if (status == KH_OK)
        status = set_properties(provider, properties, err);
    if (status == KH_OK)
        status = kh_provider_needs(provider->libctx, provider->properties, err);
    if (status == KH_OK)
        status = set_up_context(provider, err);
    if (status == KH_OK)
        status = seed_from_token(provider, err);
    return status;
}

kh_status kh_provider_new(struct kh_provider **out, const struct kh_token_ops *ops,
    const char *providers, const char *properties, struct kh_error *err)
{
    struct kh_provider *provider = calloc(1, sizeof *provider);
    kh_status status;

    *out = NULL;
    if (!provider)
        return kh_fail(err, KH_FATAL, "openssl provider: no memory");
    kh_provider_begin();
    provider->libctx = OSSL_LIB_CTX_new();
    if (!provider->libctx) {
        free(provider);
        return kh_provider_fail(err, KH_FATAL, "openssl library context");
    }
    status = set_up(provider, ops, providers, properties, err);
    if (status != KH_OK) {
        kh_provider_free(provider);
        return status;
    }
    *out = provider;
    return KH_OK;
}

/* The context's own algorithms come from the other providers, so ours is unloaded first.
 */
void kh_provider_free(struct kh_provider *provider)
{
    if (!provider)
        return;
    OPENSSL_thread_stop_ex(provider->libctx);
    if (provider->own)
        (void)OSSL_PROVIDER_unload(provider->own);
    while (provider->count > 0)
        (void)OSSL_PROVIDER_unload(provider->loaded[--provider->count]);
    OSSL_LIB_CTX_free(provider->libctx);
    free(provider);
}

OSSL_LIB_CTX *kh_provider_libctx(const struct kh_provider *provider)
{
    return provider->libctx;
}

const char *kh_provider_properties(const struct kh_provider *provider)
{
    return provider->properties;
}

kh_status kh_provider_key(struct kh_provider *provider, const struct kh_token_key *key,
    EVP_PKEY **pkey, struct kh_error *err)
{
    struct kh_token_key copy = *key;
    OSSL_PARAM params[2] = {
        OSSL_PARAM_construct_octet_string(KH_PARAM_TOKEN_KEY, &copy, sizeof copy),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY_CTX *ctx;
    kh_status status = KH_OK;

    *pkey = NULL;
    kh_provider_begin();
    ctx = EVP_PKEY_CTX_new_from_name(
        provider->libctx, key->type == KH_KEY_RSA ? "RSA" : "EC", KH_PROVIDER_OURS);
    if (!ctx || EVP_PKEY_fromdata_init(ctx) <= 0 ||
        EVP_PKEY_fromdata(ctx, pkey, EVP_PKEY_KEYPAIR, params) <= 0)
        status = kh_provider_fail(err, KH_INVALID, "token key");
    EVP_PKEY_CTX_free(ctx);
    return status;
}
