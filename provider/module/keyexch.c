#include "provider/module/pkey.h"

#include "provider/module/failure.h"
#include "provider/x963.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/kdf.h>
#include <stdlib.h>

/* The largest point and shared secret of our curves: P-384. */
#define POINT_MAX (1 + 2 * 48)
#define SECRET_MAX 48

/* One key agreement: the shared secret by the daemon, the KDF here. */
struct exchange {
    struct kh_module *module;
    struct kh_pkey *key;  /* one count of it */
    struct kh_pkey *peer; /* one count of it */
    struct kh_x963 kdf;
};

static void *exchange_new(void *provctx)
{
    struct exchange *x = calloc(1, sizeof *x);

    if (x) {
        x->module = provctx;
        kh_x963_init(&x->kdf);
    }
    return x;
}

static void exchange_free(void *ctx)
{
    struct exchange *x = ctx;

    if (!x)
        return;
    kh_pkey_free(x->key);
    kh_pkey_free(x->peer);
    kh_x963_clear(&x->kdf);
    free(x);
}

static void *exchange_dup(void *ctx)
{
    const struct exchange *from = ctx;
    struct exchange *to = exchange_new(from->module);

    if (!to)
        return NULL;
    if (!kh_x963_copy(&to->kdf, &from->kdf)) {
        exchange_free(to);
        return NULL;
    }
    if (from->key)
        kh_pkey_up_ref(from->key);
    if (from->peer)
        kh_pkey_up_ref(from->peer);
    to->key = from->key;
    to->peer = from->peer;
    return to;
}

static int set_params(void *ctx, const OSSL_PARAM params[])
{
    struct exchange *x = ctx;

    return kh_x963_set(&x->kdf, params);
}

static int get_params(void *ctx, OSSL_PARAM params[])
{
    const struct exchange *x = ctx;

    return kh_x963_get(&x->kdf, params);
}

static const OSSL_PARAM *settable(void *ctx, void *provctx)
{
    (void)ctx;
    (void)provctx;
    return kh_x963_settable();
}

static const OSSL_PARAM *gettable(void *ctx, void *provctx)
{
    (void)ctx;
    (void)provctx;
    return kh_x963_gettable();
}

static int exchange_init(void *ctx, void *keydata, const OSSL_PARAM params[])
{
    struct exchange *x = ctx;
    struct kh_pkey *key = keydata;

    if (!kh_pkey_may(key, KH_KEY_DERIVE))
        return 0;
    kh_pkey_up_ref(key);
    kh_pkey_free(x->key);
    kh_pkey_free(x->peer);
    x->key = key;
    x->peer = NULL;
    return set_params(ctx, params);
}

static int set_peer(void *ctx, void *keydata)
{
    struct exchange *x = ctx;
    struct kh_pkey *peer = keydata;

    if (!x->key || !peer || !peer->whole)
        return 0;
    if (EVP_PKEY_parameters_eq(x->key->public_key, peer->public_key) != 1) {
        kh_module_fail(x->module, KH_REASON_INVALID,
            "key '%s': the peer's key is on another curve", x->key->name);
        return 0;
    }
    kh_pkey_up_ref(peer);
    kh_pkey_free(x->peer);
    x->peer = peer;
    return 1;
}

/* Z, of Z_LEN bytes, from the daemon. */
static int agree(const struct exchange *x, unsigned char *z, size_t z_len)
{
    unsigned char point[POINT_MAX];
    struct kh_key_use use = {.scheme = KH_SCHEME_ECDH, .input = point};
    size_t len = 0;

    /* Uncompressed, whatever the form that the key is in. */
    if (EVP_PKEY_get_octet_string_param(x->peer->public_key,
            OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, point, sizeof point,
            &use.input_len) != 1 ||
        use.input_len != 1 + 2 * z_len)
        return 0;
    if (!kh_pkey_use(x->key, &use, z, &len, z_len))
        return 0;
    if (len == z_len)
        return 1;
    kh_module_fail(x->module, KH_REASON_UNAVAILABLE,
        "key '%s': the daemon's shared secret has %zu bytes, not %zu", x->key->name, len,
        z_len);
    return 0;
}

static int run_kdf(
    const struct exchange *x, unsigned char *z, size_t z_len, unsigned char *out)
{
    EVP_KDF *x963 = EVP_KDF_fetch(x->module->inner, OSSL_KDF_NAME_X963KDF, NULL);
    int ok = x963 && kh_x963_run(&x->kdf, x963, z, z_len, out);

    EVP_KDF_free(x963);
    return ok;
}

static int derive(void *ctx, unsigned char *secret, size_t *len, size_t size)
{
    const struct exchange *x = ctx;
    unsigned char z[SECRET_MAX] = {0};
    size_t z_len, want;
    int ok;

    if (!x->key || !x->peer)
        return 0;
    z_len = ((size_t)EVP_PKEY_get_bits(x->key->public_key) + 7) / 8;
    want = z_len <= SECRET_MAX ? kh_x963_size(&x->kdf, z_len) : 0;
    if (want == 0)
        return 0;
    *len = want;
    if (!secret)
        return 1;
    if (size < want)
        return 0;
    ok = agree(x, z, z_len) && run_kdf(x, z, z_len, secret);
    OPENSSL_cleanse(z, sizeof z);
    return ok;
}

const OSSL_ALGORITHM *kh_module_keyexch(const struct kh_module *module)
{
    static const OSSL_DISPATCH ecdh[] = {
        {OSSL_FUNC_KEYEXCH_NEWCTX, (void (*)(void))exchange_new},
        {OSSL_FUNC_KEYEXCH_FREECTX, (void (*)(void))exchange_free},
        {OSSL_FUNC_KEYEXCH_DUPCTX, (void (*)(void))exchange_dup},
        {OSSL_FUNC_KEYEXCH_INIT, (void (*)(void))exchange_init},
        {OSSL_FUNC_KEYEXCH_SET_PEER, (void (*)(void))set_peer},
        {OSSL_FUNC_KEYEXCH_DERIVE, (void (*)(void))derive},
        {OSSL_FUNC_KEYEXCH_SET_CTX_PARAMS, (void (*)(void))set_params},
        {OSSL_FUNC_KEYEXCH_SETTABLE_CTX_PARAMS, (void (*)(void))settable},
        {OSSL_FUNC_KEYEXCH_GET_CTX_PARAMS, (void (*)(void))get_params},
        {OSSL_FUNC_KEYEXCH_GETTABLE_CTX_PARAMS, (void (*)(void))gettable},
        {0, NULL},
    };
    static const OSSL_ALGORITHM algorithms[] = {
        {"ECDH", KH_MODULE_PROPERTY, ecdh, "ECDH in the HSM"},
        {0},
    };

    (void)module;
    return algorithms;
}
