#include "provider/internal.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <string.h>

/* Shared information of the X9.63 KDF is a few dozen bytes (RFC 5753 7.2); more is no
 * envelope. */
#define UKM_MAX 4096
#define NAME_LEN 64
#define OUT_MAX 1024

/* One key agreement. Copies what it needs of the keys, so it owns all that it points to
 * but PROV. */
struct exchange {
    const struct kh_provctx *prov;
    struct kh_token_key key;
    unsigned char point[KH_P256_POINT];
    bool has_peer;
    int cofactor_mode; /* accepted and without effect: P-256 has cofactor 1 */
    bool kdf;          /* X9.63, or the plain shared secret */
    char digest[NAME_LEN];
    char digest_properties[NAME_LEN];
    size_t out_len;
    unsigned char *ukm;
    size_t ukm_len;
};

static void *exchange_new(void *provctx)
{
    struct exchange *x = OPENSSL_zalloc(sizeof *x);

    if (x) {
        x->prov = provctx;
        x->cofactor_mode = -1;
    }
    return x;
}

static void exchange_free(void *ctx)
{
    struct exchange *x = ctx;

    if (!x)
        return;
    OPENSSL_free(x->ukm);
    OPENSSL_free(x);
}

static void *exchange_dup(void *ctx)
{
    const struct exchange *from = ctx;
    struct exchange *to = OPENSSL_memdup(from, sizeof *from);

    if (!to)
        return NULL;
    to->ukm = NULL;
    if (from->ukm) {
        to->ukm = OPENSSL_memdup(from->ukm, from->ukm_len);
        if (!to->ukm) {
            OPENSSL_free(to);
            return NULL;
        }
    }
    return to;
}

static int get_name(const OSSL_PARAM params[], const char *param, char name[NAME_LEN])
{
    const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, param);

    return !p || OSSL_PARAM_get_utf8_string(p, &name, NAME_LEN);
}

static int set_kdf_type(struct exchange *x, const OSSL_PARAM params[])
{
    char buffer[NAME_LEN] = "";
    char *name = buffer;
    const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, OSSL_EXCHANGE_PARAM_KDF_TYPE);

    if (!p)
        return 1;
    if (!OSSL_PARAM_get_utf8_string(p, &name, sizeof buffer))
        return 0;
    x->kdf = strcmp(name, OSSL_KDF_NAME_X963KDF) == 0;
    return x->kdf || *name == '\0';
}

static int set_ukm(struct exchange *x, const OSSL_PARAM params[])
{
    const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, OSSL_EXCHANGE_PARAM_KDF_UKM);
    unsigned char *copy = NULL;

    if (!p)
        return 1;
    if (p->data_type != OSSL_PARAM_OCTET_STRING || p->data_size > UKM_MAX)
        return 0;
    if (p->data_size > 0) {
        copy = OPENSSL_memdup(p->data, p->data_size);
        if (!copy)
            return 0;
    }
    OPENSSL_free(x->ukm);
    x->ukm = copy;
    x->ukm_len = p->data_size;
    return 1;
}

static int exchange_set_params(void *ctx, const OSSL_PARAM params[])
{
    struct exchange *x = ctx;
    const OSSL_PARAM *p;

    if (!params)
        return 1;
    p = OSSL_PARAM_locate_const(params, OSSL_EXCHANGE_PARAM_EC_ECDH_COFACTOR_MODE);
    if (p && (!OSSL_PARAM_get_int(p, &x->cofactor_mode) || x->cofactor_mode < -1 ||
                 x->cofactor_mode > 1))
        return 0;
    p = OSSL_PARAM_locate_const(params, OSSL_EXCHANGE_PARAM_KDF_OUTLEN);
    if (p && (!OSSL_PARAM_get_size_t(p, &x->out_len) || x->out_len > OUT_MAX))
        return 0;
    return set_kdf_type(x, params) &&
           get_name(params, OSSL_EXCHANGE_PARAM_KDF_DIGEST, x->digest) &&
           get_name(params, OSSL_EXCHANGE_PARAM_KDF_DIGEST_PROPS, x->digest_properties) &&
           set_ukm(x, params);
}

static const OSSL_PARAM *exchange_settable(void *ctx, void *provctx)
{
    static const OSSL_PARAM params[] = {
        OSSL_PARAM_int(OSSL_EXCHANGE_PARAM_EC_ECDH_COFACTOR_MODE, NULL),
        OSSL_PARAM_utf8_string(OSSL_EXCHANGE_PARAM_KDF_TYPE, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_EXCHANGE_PARAM_KDF_DIGEST, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_EXCHANGE_PARAM_KDF_DIGEST_PROPS, NULL, 0),
        OSSL_PARAM_size_t(OSSL_EXCHANGE_PARAM_KDF_OUTLEN, NULL),
        OSSL_PARAM_octet_string(OSSL_EXCHANGE_PARAM_KDF_UKM, NULL, 0),
        OSSL_PARAM_END,
    };

    (void)ctx;
    (void)provctx;
    return params;
}

static int exchange_get_params(void *ctx, OSSL_PARAM params[])
{
    const struct exchange *x = ctx;
    OSSL_PARAM *p = OSSL_PARAM_locate(params, OSSL_EXCHANGE_PARAM_EC_ECDH_COFACTOR_MODE);

    if (p && !OSSL_PARAM_set_int(p, x->cofactor_mode))
        return 0;
    p = OSSL_PARAM_locate(params, OSSL_EXCHANGE_PARAM_KDF_TYPE);
    if (p && !OSSL_PARAM_set_utf8_string(p, x->kdf ? OSSL_KDF_NAME_X963KDF : ""))
        return 0;
    p = OSSL_PARAM_locate(params, OSSL_EXCHANGE_PARAM_KDF_DIGEST);
    if (p && !OSSL_PARAM_set_utf8_string(p, x->digest))
        return 0;
    p = OSSL_PARAM_locate(params, OSSL_EXCHANGE_PARAM_KDF_OUTLEN);
    if (p && !OSSL_PARAM_set_size_t(p, x->out_len))
        return 0;
    p = OSSL_PARAM_locate(params, OSSL_EXCHANGE_PARAM_KDF_UKM);
    return !p || OSSL_PARAM_set_octet_ptr(p, x->ukm, x->ukm_len);
}

static const OSSL_PARAM *exchange_gettable(void *ctx, void *provctx)
{
    static const OSSL_PARAM params[] = {
        OSSL_PARAM_int(OSSL_EXCHANGE_PARAM_EC_ECDH_COFACTOR_MODE, NULL),
        OSSL_PARAM_utf8_string(OSSL_EXCHANGE_PARAM_KDF_TYPE, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_EXCHANGE_PARAM_KDF_DIGEST, NULL, 0),
        OSSL_PARAM_size_t(OSSL_EXCHANGE_PARAM_KDF_OUTLEN, NULL),
        OSSL_PARAM_octet_ptr(OSSL_EXCHANGE_PARAM_KDF_UKM, NULL, 0),
        OSSL_PARAM_END,
    };

    (void)ctx;
    (void)provctx;
    return params;
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

static int run_kdf(
    const struct exchange *x, unsigned char z[KH_P256_SECRET], unsigned char *out)
{
    EVP_KDF_CTX *kdf = EVP_KDF_CTX_new(x->prov->x963);
    OSSL_PARAM params[5];
    size_t n = 0;
    char *digest =
        (char *)(uintptr_t)x->digest; /* OSSL_PARAM knows no const; it is only read */
    char *properties = (char *)(uintptr_t)x->digest_properties;
    int ok;

    if (!kdf)
        return 0;
    params[n++] = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0);
    if (*properties)
        params[n++] =
            OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_PROPERTIES, properties, 0);
    params[n++] =
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, z, KH_P256_SECRET);
    if (x->ukm_len > 0)
        params[n++] =
            OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, x->ukm, x->ukm_len);
    params[n] = OSSL_PARAM_construct_end();
    ok = EVP_KDF_derive(kdf, out, x->out_len, params) > 0;
    EVP_KDF_CTX_free(kdf);
    return ok;
}

static int exchange_derive(void *ctx, unsigned char *secret, size_t *len, size_t size)
{
    const struct exchange *x = ctx;
    size_t want = x->kdf ? x->out_len : KH_P256_SECRET;
    unsigned char z[KH_P256_SECRET] = {0};
    int ok;

    if (!x->has_peer || want == 0 || (x->kdf && x->digest[0] == '\0'))
        return 0;
    if (!secret) {
        *len = want;
        return 1;
    }
    if (size < want)
        return 0;
    ok = kh_provctx_ecdh(x->prov, &x->key, x->point, z);
    if (ok && x->kdf)
        ok = run_kdf(x, z, secret);
    else if (ok)
        memcpy(secret, z, sizeof z);
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
