#include "provider/internal.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/rsa.h>
#include <string.h>
#include <strings.h>

/* RSAES-OAEP decryption (RFC 8017 7.1). Nothing else: PKCS #1 v1.5 would be an oracle. */
struct decryption {
    const struct kh_provctx *prov;
    struct kh_token_key key;
    int padding;
    kh_oaep_hash hash;
    kh_oaep_hash mgf1;
    bool has_mgf1; /* else as HASH */
    bool refused;  /* a parameter was */
};

static void *decryption_new(void *provctx)
{
    struct decryption *d = OPENSSL_zalloc(sizeof *d);

    if (d)
        d->prov = provctx;
    return d;
}

static void decryption_free(void *ctx)
{
    OPENSSL_free(ctx);
}

static void *decryption_dup(void *ctx)
{
    return OPENSSL_memdup(ctx, sizeof(struct decryption));
}

static int refuse(const char *why)
{
    ERR_raise_data(ERR_LIB_PROV, ERR_R_UNSUPPORTED, "%s", why);
    return 0;
}

static int get_hash(const OSSL_PARAM *p, kh_oaep_hash *hash)
{
    static const struct {
        const char *name;
        kh_oaep_hash hash;
    } names[] = {
        {"SHA1", KH_OAEP_SHA1},
        {"SHA-1", KH_OAEP_SHA1},
        {"SHA256", KH_OAEP_SHA256},
        {"SHA2-256", KH_OAEP_SHA256},
        {"SHA-256", KH_OAEP_SHA256},
    };
    const char *name = NULL;

    if (!OSSL_PARAM_get_utf8_string_ptr(p, &name) || !name)
        return 0;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcasecmp(name, names[i].name) == 0) {
            *hash = names[i].hash;
            return 1;
        }
    }
    return refuse("OAEP with another digest than SHA-1 or SHA-256");
}

/* libcrypto gives the padding as a number, configuration files give a word. */
static int set_padding(struct decryption *d, const OSSL_PARAM params[])
{
    const OSSL_PARAM *p =
        OSSL_PARAM_locate_const(params, OSSL_ASYM_CIPHER_PARAM_PAD_MODE);
    const char *word = NULL;
    int padding = 0;

    if (!p)
        return 1;
    if (p->data_type == OSSL_PARAM_UTF8_STRING) {
        if (OSSL_PARAM_get_utf8_string_ptr(p, &word) && word &&
            strcmp(word, OSSL_PKEY_RSA_PAD_MODE_OAEP) == 0)
            padding = RSA_PKCS1_OAEP_PADDING;
    } else if (!OSSL_PARAM_get_int(p, &padding)) {
        return 0;
    }
    if (padding != RSA_PKCS1_OAEP_PADDING)
        return refuse("the token key decrypts with OAEP only");
    d->padding = padding;
    return 1;
}

static int set_all(struct decryption *d, const OSSL_PARAM params[])
{
    const OSSL_PARAM *p;

    if (!set_padding(d, params))
        return 0;
    p = OSSL_PARAM_locate_const(params, OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST);
    if (p && !get_hash(p, &d->hash))
        return 0;
    p = OSSL_PARAM_locate_const(params, OSSL_ASYM_CIPHER_PARAM_MGF1_DIGEST);
    if (p && !get_hash(p, &d->mgf1))
        return 0;
    d->has_mgf1 = d->has_mgf1 || p;
    /* A token may ignore a label, which then would authenticate nothing. */
    p = OSSL_PARAM_locate_const(params, OSSL_ASYM_CIPHER_PARAM_OAEP_LABEL);
    return !p || p->data_size == 0 || refuse("OAEP with a label");
}

/* A refusal is for good: CMS of libcrypto 3.0 goes on to decrypt when setting a parameter
 * failed. */
static int decryption_set_params(void *ctx, const OSSL_PARAM params[])
{
    struct decryption *d = ctx;

    if (params && !set_all(d, params))
        d->refused = true;
    return !d->refused;
}

static const OSSL_PARAM *decryption_settable(void *ctx, void *provctx)
{
    static const OSSL_PARAM params[] = {
        OSSL_PARAM_int(OSSL_ASYM_CIPHER_PARAM_PAD_MODE, NULL),
        OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_MGF1_DIGEST, NULL, 0),
        OSSL_PARAM_octet_string(OSSL_ASYM_CIPHER_PARAM_OAEP_LABEL, NULL, 0),
        OSSL_PARAM_END,
    };

    (void)ctx;
    (void)provctx;
    return params;
}

static int decryption_get_params(void *ctx, OSSL_PARAM params[])
{
    const struct decryption *d = ctx;
    OSSL_PARAM *p = OSSL_PARAM_locate(params, OSSL_ASYM_CIPHER_PARAM_PAD_MODE);

    return !p || OSSL_PARAM_set_int(p, d->padding);
}

static const OSSL_PARAM *decryption_gettable(void *ctx, void *provctx)
{
    static const OSSL_PARAM params[] = {
        OSSL_PARAM_int(OSSL_ASYM_CIPHER_PARAM_PAD_MODE, NULL),
        OSSL_PARAM_END,
    };

    (void)ctx;
    (void)provctx;
    return params;
}

static int decryption_init(void *ctx, void *keydata, const OSSL_PARAM params[])
{
    struct decryption *d = ctx;
    const struct kh_provkey *key = keydata;

    if (!key || !key->on_token)
        return refuse("the key is not on the token");
    d->key = key->token;
    d->padding = 0;
    d->hash = KH_OAEP_SHA1; /* the default of RFC 8017 */
    d->has_mgf1 = false;
    d->refused = false;
    return decryption_set_params(ctx, params);
}

static int decryption_run(void *ctx, unsigned char *out, size_t *out_len, size_t size,
    const unsigned char *in, size_t in_len)
{
    const struct decryption *d = ctx;
    size_t modulus = d->key.bits / 8;

    if (d->refused || d->padding != RSA_PKCS1_OAEP_PADDING)
        return refuse("the token key decrypts with OAEP only");
    if (d->has_mgf1 && d->mgf1 != d->hash)
        return refuse("OAEP with two different digests");
    if (!out) {
        *out_len = modulus;
        return 1;
    }
    if (in_len != modulus || size < modulus)
        return refuse("the ciphertext or the buffer is not as long as the modulus");
    return kh_provctx_oaep(d->prov, &d->key, d->hash, in, out, out_len);
}

const OSSL_DISPATCH kh_asym_rsa[] = {
    {OSSL_FUNC_ASYM_CIPHER_NEWCTX, (void (*)(void))decryption_new},
    {OSSL_FUNC_ASYM_CIPHER_FREECTX, (void (*)(void))decryption_free},
    {OSSL_FUNC_ASYM_CIPHER_DUPCTX, (void (*)(void))decryption_dup},
    {OSSL_FUNC_ASYM_CIPHER_DECRYPT_INIT, (void (*)(void))decryption_init},
    {OSSL_FUNC_ASYM_CIPHER_DECRYPT, (void (*)(void))decryption_run},
    {OSSL_FUNC_ASYM_CIPHER_SET_CTX_PARAMS, (void (*)(void))decryption_set_params},
    {OSSL_FUNC_ASYM_CIPHER_SETTABLE_CTX_PARAMS, (void (*)(void))decryption_settable},
    {OSSL_FUNC_ASYM_CIPHER_GET_CTX_PARAMS, (void (*)(void))decryption_get_params},
    {OSSL_FUNC_ASYM_CIPHER_GETTABLE_CTX_PARAMS, (void (*)(void))decryption_gettable},
    {0, NULL},
};
