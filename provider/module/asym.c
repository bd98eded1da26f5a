#include "provider/module/pkey.h"

#include "provider/module/failure.h"

#include <openssl/core_names.h>
#include <openssl/rsa.h>
#include <stdlib.h>

/*
 * RSA: decryption with OAEP by the daemon, encryption with the public half here.
 * Parameters are those of an encryption with the public half by the default provider,
 * which knows how they are written; it is asked for them when it comes to the decryption.
 */
struct cipher {
    struct kh_module *module;
    struct kh_pkey *key; /* one count of it */
    EVP_PKEY_CTX *outer; /* of the public half, ready to encrypt */
    bool refused;        /* a parameter was */
};

static void *cipher_new(void *provctx)
{
    struct cipher *c = calloc(1, sizeof *c);

    if (c)
        c->module = provctx;
    return c;
}

static void empty(struct cipher *c)
{
    EVP_PKEY_CTX_free(c->outer);
    kh_pkey_free(c->key);
    *c = (struct cipher){.module = c->module};
}

static void cipher_free(void *ctx)
{
    if (ctx)
        empty(ctx);
    free(ctx);
}

static void *cipher_dup(void *ctx)
{
    const struct cipher *from = ctx;
    struct cipher *to = cipher_new(from->module);

    if (!to)
        return NULL;
    to->refused = from->refused;
    if (!from->key)
        return to;
    kh_pkey_up_ref(from->key);
    to->key = from->key;
    to->outer = EVP_PKEY_CTX_dup(from->outer);
    if (to->outer)
        return to;
    cipher_free(to);
    return NULL;
}

/* A refusal is for good: CMS of libcrypto 3.0 goes on to decrypt when setting a parameter
 * failed. */
static int set_params(void *ctx, const OSSL_PARAM params[])
{
    struct cipher *c = ctx;

    if (!c->outer)
        return 0;
    if (params && EVP_PKEY_CTX_set_params(c->outer, params) != 1)
        c->refused = true;
    return !c->refused;
}

static int get_params(void *ctx, OSSL_PARAM params[])
{
    struct cipher *c = ctx;

    return c->outer && EVP_PKEY_CTX_get_params(c->outer, params) == 1;
}

/* Static in libcrypto, so that they outlive the method that they are asked of. */
static const OSSL_PARAM *settable(void *ctx, void *provctx)
{
    const struct kh_module *module = provctx;
    EVP_ASYM_CIPHER *method = EVP_ASYM_CIPHER_fetch(module->inner, "RSA", NULL);
    const OSSL_PARAM *out = method ? EVP_ASYM_CIPHER_settable_ctx_params(method) : NULL;

    (void)ctx;
    EVP_ASYM_CIPHER_free(method);
    return out;
}

static const OSSL_PARAM *gettable(void *ctx, void *provctx)
{
    const struct kh_module *module = provctx;
    EVP_ASYM_CIPHER *method = EVP_ASYM_CIPHER_fetch(module->inner, "RSA", NULL);
    const OSSL_PARAM *out = method ? EVP_ASYM_CIPHER_gettable_ctx_params(method) : NULL;

    (void)ctx;
    EVP_ASYM_CIPHER_free(method);
    return out;
}

static int encrypt_init(void *ctx, void *keydata, const OSSL_PARAM params[])
{
    struct cipher *c = ctx;
    struct kh_pkey *key = keydata;

    if (!key || !key->whole)
        return 0;
    empty(c);
    kh_pkey_up_ref(key);
    c->key = key;
    c->outer = EVP_PKEY_CTX_new_from_pkey(key->module->inner, key->public_key, NULL);
    return c->outer && EVP_PKEY_encrypt_init(c->outer) == 1 && set_params(c, params);
}

static int decrypt_init(void *ctx, void *keydata, const OSSL_PARAM params[])
{
    return kh_pkey_may(keydata, KH_KEY_DECRYPT) && encrypt_init(ctx, keydata, params);
}

static int encrypt(void *ctx, unsigned char *out, size_t *out_len, size_t size,
    const unsigned char *in, size_t in_len)
{
    struct cipher *c = ctx;

    *out_len = size;
    return c->outer && EVP_PKEY_encrypt(c->outer, out, out_len, in, in_len) == 1;
}

static int refuse(const struct cipher *c, const char *why)
{
    kh_module_fail(c->module, KH_REASON_REFUSED, "key '%s': %s", c->key->name, why);
    return 0;
}

/* The use that the parameters say. OAEP's default is SHA-1, and MGF1 is as OAEP unless
 * said (RFC 8017, A.2.1 and libcrypto). */
static int read_use(const struct cipher *c, struct kh_key_use *use)
{
    char digest[64] = "", mgf[64] = "";
    unsigned char *label = NULL;
    int padding = 0;
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_int(OSSL_ASYM_CIPHER_PARAM_PAD_MODE, &padding),
        OSSL_PARAM_construct_utf8_string(
            OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST, digest, sizeof digest),
        OSSL_PARAM_construct_utf8_string(
            OSSL_ASYM_CIPHER_PARAM_MGF1_DIGEST, mgf, sizeof mgf),
        OSSL_PARAM_construct_octet_ptr(
            OSSL_ASYM_CIPHER_PARAM_OAEP_LABEL, (void **)&label, 0),
        OSSL_PARAM_construct_end(),
    };

    if (EVP_PKEY_CTX_get_params(c->outer, params) != 1)
        return 0;
    if (padding != RSA_PKCS1_OAEP_PADDING)
        return refuse(c, "it decrypts with OAEP only (rsa_padding_mode:oaep)");
    if (label && params[3].return_size > 0)
        return refuse(c, "it decrypts OAEP without a label only");
    use->scheme = KH_SCHEME_RSA_OAEP;
    if (!kh_pkey_hash(c->key, digest, &use->hash) ||
        !kh_pkey_hash(c->key, mgf, &use->mgf_hash))
        return 0;
    if (use->hash == KH_HASH_NONE)
        use->hash = KH_HASH_SHA1;
    if (use->mgf_hash == KH_HASH_NONE)
        use->mgf_hash = use->hash;
    return 1;
}

static int decrypt(void *ctx, unsigned char *out, size_t *out_len, size_t size,
    const unsigned char *in, size_t in_len)
{
    struct cipher *c = ctx;
    struct kh_key_use use = {.input = in, .input_len = in_len};
    size_t modulus;

    if (!c->key)
        return 0;
    modulus = (size_t)EVP_PKEY_get_size(c->key->public_key);
    if (c->refused)
        return refuse(c, "a parameter of the decryption was refused before");
    if (!read_use(c, &use))
        return 0;
    *out_len = modulus;
    if (!out)
        return 1;
    if (in_len != modulus)
        return refuse(c, "the ciphertext is not as long as the key");
    return kh_pkey_use(c->key, &use, out, out_len, size);
}

const OSSL_ALGORITHM *kh_module_asym(const struct kh_module *module)
{
    static const OSSL_DISPATCH rsa[] = {
        {OSSL_FUNC_ASYM_CIPHER_NEWCTX, (void (*)(void))cipher_new},
        {OSSL_FUNC_ASYM_CIPHER_FREECTX, (void (*)(void))cipher_free},
        {OSSL_FUNC_ASYM_CIPHER_DUPCTX, (void (*)(void))cipher_dup},
        {OSSL_FUNC_ASYM_CIPHER_ENCRYPT_INIT, (void (*)(void))encrypt_init},
        {OSSL_FUNC_ASYM_CIPHER_ENCRYPT, (void (*)(void))encrypt},
        {OSSL_FUNC_ASYM_CIPHER_DECRYPT_INIT, (void (*)(void))decrypt_init},
        {OSSL_FUNC_ASYM_CIPHER_DECRYPT, (void (*)(void))decrypt},
        {OSSL_FUNC_ASYM_CIPHER_SET_CTX_PARAMS, (void (*)(void))set_params},
        {OSSL_FUNC_ASYM_CIPHER_SETTABLE_CTX_PARAMS, (void (*)(void))settable},
        {OSSL_FUNC_ASYM_CIPHER_GET_CTX_PARAMS, (void (*)(void))get_params},
        {OSSL_FUNC_ASYM_CIPHER_GETTABLE_CTX_PARAMS, (void (*)(void))gettable},
        {0, NULL},
    };
    static const OSSL_ALGORITHM algorithms[] = {
        {"RSA:rsaEncryption:1.2.840.113549.1.1.1", KH_MODULE_PROPERTY, rsa,
            "RSA-OAEP in the HSM"},
        {0},
    };

    (void)module;
    return algorithms;
}
