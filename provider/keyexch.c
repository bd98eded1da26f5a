#include "provider/internal.h"

#include "provider/x963.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <string.h>

/* One key agreement. Copies what it needs of the keys, so it owns all that it points to
 * but PROV. */
struct exchange {
    const struct kh_provctx *prov;
    struct kh_token_key key;
    unsigned char point[KH_P256_POINT];
    bool has_peer;
    struct kh_x963 kdf;
};

static void *exchange_new(void *provctx)
{
    struct exchange *x = OPENSSL_zalloc(sizeof *x);

    if (x) {
        x->prov = provctx;
        kh_x963_init(&x->kdf);
    }
    return x;
}

static void exchange_free(void *ctx)
{
    struct exchange *x = ctx;

    if (!x)
        return;
    kh_x963_clear(&x->kdf);
    OPENSSL_free(x);
}

static void *exchange_dup(void *ctx)
{
    const struct exchange *from = ctx;
    struct exchange *to = OPENSSL_memdup(from, sizeof *from);

    if (to && !kh_x963_copy(&to->kdf, &from->kdf)) {
        OPENSSL_free(to);
        return NULL;
    }
    return to;
}

static int exchange_set_params(void *ctx, const OSSL_PARAM params[])
{
    struct exchange *x = ctx;

    return kh_x963_set(&x->kdf, params);
}

static const OSSL_PARAM *exchange_settable(void *ctx, void *provctx)
{
    (void)ctx;
    (void)provctx;
    return kh_x963_settable();
}

static int exchange_get_params(void *ctx, OSSL_PARAM params[])
{
    const struct exchange *x = ctx;

    return kh_x963_get(&x->kdf, params);
}

static const OSSL_PARAM *exchange_gettable(void *ctx, void *provctx)
{
    (void)ctx;
    (void)provctx;
    return kh_x963_gettable();
}

static int exchange_init(void *ctx, void *keydata, const OSSL_PARAM params[])
{
    struct exchange *x = ctx;
    const struct kh_provkey *key = keydata;

    if (!key || !key->on_token) {
        ERR_raise_data(ERR_LIB_PROV, ERR_R_UNSUPPORTED, "the key is not on the token");
        return 0;
    }
    x->key = key->token;
    x->has_peer = false;
    return exchange_set_params(ctx, params);
}

static int exchange_set_peer(void *ctx, void *keydata)
{
    struct exchange *x = ctx;
    const struct kh_provkey *peer = keydata;

    if (!peer || peer->point_len != KH_P256_POINT)
        return 0;
    memcpy(x->point, peer->point, KH_P256_POINT);
    x->has_peer = true;
    return 1;
}

static int exchange_derive(void *ctx, unsigned char *secret, size_t *len, size_t size)
{
    const struct exchange *x = ctx;
    size_t want = kh_x963_size(&x->kdf, KH_P256_SECRET);
    unsigned char z[KH_P256_SECRET] = {0};
    int ok;

    if (!x->has_peer || want == 0)
        return 0;
    if (!secret) {
        *len = want;
        return 1;
    }
    if (size < want)
        return 0;
    ok = kh_provctx_ecdh(x->prov, &x->key, x->point, z) &&
         kh_x963_run(&x->kdf, x->prov->x963, z, sizeof z, secret);
    OPENSSL_cleanse(z, sizeof z);
    if (ok)
        *len = want;
    return ok;
}

const OSSL_DISPATCH kh_keyexch_ecdh[] = {
    {OSSL_FUNC_KEYEXCH_NEWCTX, (void (*)(void))exchange_new},
    {OSSL_FUNC_KEYEXCH_FREECTX, (void (*)(void))exchange_free},
    {OSSL_FUNC_KEYEXCH_DUPCTX, (void (*)(void))exchange_dup},
    {OSSL_FUNC_KEYEXCH_INIT, (void (*)(void))exchange_init},
    {OSSL_FUNC_KEYEXCH_SET_PEER, (void (*)(void))exchange_set_peer},
    {OSSL_FUNC_KEYEXCH_DERIVE, (void (*)(void))exchange_derive},
    {OSSL_FUNC_KEYEXCH_SET_CTX_PARAMS, (void (*)(void))exchange_set_params},
    {OSSL_FUNC_KEYEXCH_SETTABLE_CTX_PARAMS, (void (*)(void))exchange_settable},
    {OSSL_FUNC_KEYEXCH_GET_CTX_PARAMS, (void (*)(void))exchange_get_params},
    {OSSL_FUNC_KEYEXCH_GETTABLE_CTX_PARAMS, (void (*)(void))exchange_gettable},
    {0, NULL},
};
