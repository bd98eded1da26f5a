#include "provider/internal.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

/*
 * The seed source: libcrypto's CTR-DRBG asks it for entropy and nothing else. The token's
 * generator is taken to give eight bits of entropy a byte.
 */
struct seed {
    const struct kh_provctx *prov;
    int state;
};

static void *seed_new(void *provctx, void *parent, const OSSL_DISPATCH *parent_calls)
{
    struct seed *s = parent ? NULL : OPENSSL_zalloc(sizeof *s);

    (void)parent_calls;
    if (s) {
        s->prov = provctx;
        s->state = EVP_RAND_STATE_UNINITIALISED;
    }
    return s;
}

static void seed_free(void *ctx)
{
    OPENSSL_free(ctx);
}

static int seed_instantiate(void *ctx, unsigned strength, int prediction_resistance,
    const unsigned char *personalisation, size_t personalisation_len,
    const OSSL_PARAM params[])
{
    struct seed *s = ctx;

    (void)strength;
    (void)prediction_resistance;
    (void)personalisation;
    (void)personalisation_len;
    (void)params;
    s->state = EVP_RAND_STATE_READY;
    return 1;
}

static int seed_uninstantiate(void *ctx)
{
    struct seed *s = ctx;

    s->state = EVP_RAND_STATE_UNINITIALISED;
    return 1;
}

static int seed_generate(void *ctx, unsigned char *out, size_t len, unsigned strength,
    int prediction_resistance, const unsigned char *additional, size_t additional_len)
{
    const struct seed *s = ctx;

    (void)strength;
    (void)prediction_resistance;
    (void)additional;
    (void)additional_len;
    return s->state == EVP_RAND_STATE_READY && kh_provctx_random(s->prov, out, len);
}

static int seed_reseed(void *ctx, int prediction_resistance, const unsigned char *entropy,
    size_t entropy_len, const unsigned char *additional, size_t additional_len)
{
    const struct seed *s = ctx;

    (void)prediction_resistance;
    (void)entropy;
    (void)entropy_len;
    (void)additional;
    (void)additional_len;
    return s->state == EVP_RAND_STATE_READY;
}

/* Seeds lie in the secure heap until clear_seed wipes them. */
static size_t seed_get(void *ctx, unsigned char **out, int entropy, size_t min_len,
    size_t max_len, int prediction_resistance, const unsigned char *additional,
    size_t additional_len)
{
    size_t len = entropy > 0 ? ((size_t)entropy + 7) / 8 : 0;
    unsigned char *bytes;

    if (len < min_len)
        len = min_len;
    if (len == 0 || len > max_len)
        return 0;
    bytes = OPENSSL_secure_malloc(len);
    if (!bytes)
        return 0;
    if (!seed_generate(
            ctx, bytes, len, 0, prediction_resistance, additional, additional_len)) {
        OPENSSL_secure_clear_free(bytes, len);
        return 0;
    }
    *out = bytes;
    return len;
}

static void seed_clear(void *ctx, unsigned char *out, size_t len)
{
    (void)ctx;
    OPENSSL_secure_clear_free(out, len);
}

static int seed_get_params(void *ctx, OSSL_PARAM params[])
{
    const struct seed *s = ctx;
    OSSL_PARAM *p = OSSL_PARAM_locate(params, OSSL_RAND_PARAM_STATE);

    if (p && !OSSL_PARAM_set_int(p, s->state))
        return 0;
    p = OSSL_PARAM_locate(params, OSSL_RAND_PARAM_STRENGTH);
    if (p && !OSSL_PARAM_set_uint(p, 256))
        return 0;
    p = OSSL_PARAM_locate(params, OSSL_RAND_PARAM_MAX_REQUEST);
    return !p || OSSL_PARAM_set_size_t(p, 4096);
}

static const OSSL_PARAM *seed_gettable(void *ctx, void *provctx)
{
    static const OSSL_PARAM params[] = {
        OSSL_PARAM_int(OSSL_RAND_PARAM_STATE, NULL),
        OSSL_PARAM_uint(OSSL_RAND_PARAM_STRENGTH, NULL),
        OSSL_PARAM_size_t(OSSL_RAND_PARAM_MAX_REQUEST, NULL),
        OSSL_PARAM_END,
    };

    (void)ctx;
    (void)provctx;
    return params;
}

static int seed_verify_zeroization(void *ctx)
{
    (void)ctx; /* holds no secret */
    return 1;
}

/* The token serialises for itself: nothing to lock. */
static int seed_lock(void *ctx)
{
    (void)ctx;
    return 1;
}

static void seed_unlock(void *ctx)
{
    (void)ctx;
}

const OSSL_DISPATCH kh_rand_seed[] = {
    {OSSL_FUNC_RAND_NEWCTX, (void (*)(void))seed_new},
    {OSSL_FUNC_RAND_FREECTX, (void (*)(void))seed_free},
    {OSSL_FUNC_RAND_INSTANTIATE, (void (*)(void))seed_instantiate},
    {OSSL_FUNC_RAND_UNINSTANTIATE, (void (*)(void))seed_uninstantiate},
    {OSSL_FUNC_RAND_GENERATE, (void (*)(void))seed_generate},
    {OSSL_FUNC_RAND_RESEED, (void (*)(void))seed_reseed},
    {OSSL_FUNC_RAND_ENABLE_LOCKING, (void (*)(void))seed_lock},
    {OSSL_FUNC_RAND_LOCK, (void (*)(void))seed_lock},
    {OSSL_FUNC_RAND_UNLOCK, (void (*)(void))seed_unlock},
    {OSSL_FUNC_RAND_GET_CTX_PARAMS, (void (*)(void))seed_get_params},
    {OSSL_FUNC_RAND_GETTABLE_CTX_PARAMS, (void (*)(void))seed_gettable},
    {OSSL_FUNC_RAND_VERIFY_ZEROIZATION, (void (*)(void))seed_verify_zeroization},
    {OSSL_FUNC_RAND_GET_SEED, (void (*)(void))seed_get},
    {OSSL_FUNC_RAND_CLEAR_SEED, (void (*)(void))seed_clear},
    {0, NULL},
};
