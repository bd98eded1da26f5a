#include "provider/module/signature.h"

#include "provider/module/failure.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

/*
 * Signatures by the daemon, verification with the public half here.
 *
 * Every operation has a verification of the default provider beside it, OUTER, even when
 * it signs: that one knows how parameters are written, what may be combined, and how an
 * algorithm is named in X.509 and CMS. What is signed is hashed here; the digest travels.
 */
struct operation {
    struct kh_module *module;
    struct kh_pkey *key;  /* one count of it */
    EVP_PKEY_CTX *outer;  /* of the public half, ready to verify */
    EVP_MD_CTX *verifier; /* digest operations: OUTER is its */
    EVP_MD_CTX *digest;   /* of what is to be signed; NULL for Ed25519, or no digest */
};

/* ---- birth, copies, death ---- */

static void *operation_new(void *provctx, const char *properties)
{
    struct operation *o = calloc(1, sizeof *o);

    (void)properties; /* what is fetched here is fetched from our own context */
    if (o)
        o->module = provctx;
    return o;
}

static void empty(struct operation *o)
{
    if (o->verifier)
        EVP_MD_CTX_free(o->verifier);
    else
        EVP_PKEY_CTX_free(o->outer);
    EVP_MD_CTX_free(o->digest);
    kh_pkey_free(o->key);
    *o = (struct operation){.module = o->module};
}

static void operation_free(void *ctx)
{
    if (ctx)
        empty(ctx);
    free(ctx);
}

/* A copy of FROM, or NULL. */
static EVP_MD_CTX *copy_digest(const EVP_MD_CTX *from)
{
    EVP_MD_CTX *to = EVP_MD_CTX_new();

    if (to && EVP_MD_CTX_copy_ex(to, from) == 1)
        return to;
    EVP_MD_CTX_free(to);
    return NULL;
}

static bool copy(struct operation *to, const struct operation *from)
{
    if (from->key)
        kh_pkey_up_ref(from->key);
    to->key = from->key;
    if (from->digest && !(to->digest = copy_digest(from->digest)))
        return false;
    if (from->verifier) {
        to->verifier = copy_digest(from->verifier);
        to->outer = to->verifier ? EVP_MD_CTX_get_pkey_ctx(to->verifier) : NULL;
        return to->outer != NULL;
    }
    if (from->outer)
        to->outer = EVP_PKEY_CTX_dup(from->outer);
    return to->outer || !from->outer;
}

static void *operation_dup(void *ctx)
{
    const struct operation *from = ctx;
    struct operation *to = operation_new(from->module, NULL);

    if (to && !copy(to, from)) {
        operation_free(to);
        return NULL;
    }
    return to;
}

/* ---- start ---- */

static bool take(struct operation *o, struct kh_pkey *key)
{
    if (!key || !key->whole)
        return false;
    empty(o);
    kh_pkey_up_ref(key);
    o->key = key;
    return true;
}

static int verify_init(void *ctx, void *keydata, const OSSL_PARAM params[])
{
    struct operation *o = ctx;
    struct kh_pkey *key = keydata;

    if (!take(o, key))
        return 0;
    o->outer = EVP_PKEY_CTX_new_from_pkey(key->module->inner, key->public_key, NULL);
    return o->outer && EVP_PKEY_verify_init_ex(o->outer, params) == 1;
}

static int sign_init(void *ctx, void *keydata, const OSSL_PARAM params[])
{
    return kh_pkey_may(keydata, KH_KEY_SIGN) && verify_init(ctx, keydata, params);
}

static int digest_verify_init(
    void *ctx, const char *mdname, void *keydata, const OSSL_PARAM params[])
{
    struct operation *o = ctx;
    struct kh_pkey *key = keydata;

    if (!take(o, key))
        return 0;
    o->verifier = EVP_MD_CTX_new();
    return o->verifier && EVP_DigestVerifyInit_ex(o->verifier, &o->outer,
                              mdname && *mdname ? mdname : NULL, key->module->inner, NULL,
                              key->public_key, params) == 1;
}

/* The digest of what is signed, of the function that OUTER settled on. */
static int start_digest(struct operation *o)
{
    char name[64] = "";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, name, sizeof name),
        OSSL_PARAM_construct_end(),
    };
    kh_key_hash hash;
    EVP_MD *md;
    int ok;

    if (EVP_PKEY_CTX_get_params(o->outer, params) != 1 ||
        !kh_pkey_hash(o->key, name, &hash))
        return 0;
    md = EVP_MD_fetch(o->module->inner, name, NULL);
    o->digest = EVP_MD_CTX_new();
    ok = md && o->digest && EVP_DigestInit_ex2(o->digest, md, NULL) == 1;
    EVP_MD_free(md);
    return ok;
}

static int digest_sign_init(
    void *ctx, const char *mdname, void *keydata, const OSSL_PARAM params[])
{
    struct operation *o = ctx;

    if (!kh_pkey_may(keydata, KH_KEY_SIGN) ||
        !digest_verify_init(ctx, mdname, keydata, params))
        return 0;
    return strcmp(o->key->type, "ED25519") == 0 || start_digest(o);
}

/* ---- the work ---- */

static int wrong_length(const struct operation *o, size_t len)
{
    kh_module_fail(o->module, KH_REASON_UNAVAILABLE,
        "key '%s': what the daemon gives for a signature has %zu bytes", o->key->name,
        len);
    return 0;
}

static int sign(void *ctx, unsigned char *sig, size_t *len, size_t size,
    const unsigned char *tbs, size_t tbs_len)
{
    struct operation *o = ctx;
    struct kh_key_use use = {.input = tbs, .input_len = tbs_len};
    size_t most;

    if (!o->key || !o->outer)
        return 0;
    most = (size_t)EVP_PKEY_get_size(o->key->public_key);
    *len = most;
    if (!sig)
        return 1;
    if (size < most) {
        kh_module_fail(o->module, KH_REASON_INVALID,
            "key '%s': a signature has %zu bytes, the buffer %zu", o->key->name, most,
            size);
        return 0;
    }
    if (!kh_signature_use(o->key, o->outer, &use) ||
        !kh_pkey_use(o->key, &use, sig, len, most))
        return 0;
    /* ECDSA's vary, all others are as long as the key. */
    return use.scheme == KH_SCHEME_ECDSA ? *len > 0 || wrong_length(o, *len)
                                         : *len == most || wrong_length(o, *len);
}

static int verify(void *ctx, const unsigned char *sig, size_t len,
    const unsigned char *tbs, size_t tbs_len)
{
    const struct operation *o = ctx;

    return o->outer && EVP_PKEY_verify(o->outer, sig, len, tbs, tbs_len) == 1;
}

static int sign_update(void *ctx, const unsigned char *data, size_t len)
{
    const struct operation *o = ctx;

    return o->digest && EVP_DigestUpdate(o->digest, data, len) == 1;
}

static int sign_final(void *ctx, unsigned char *sig, size_t *len, size_t size)
{
    struct operation *o = ctx;
    unsigned char md[EVP_MAX_MD_SIZE];
    unsigned md_len = 0;

    if (!o->digest)
        return 0;
    if (sig && EVP_DigestFinal_ex(o->digest, md, &md_len) != 1)
        return 0;
    return sign(ctx, sig, len, size, md, md_len);
}

static int verify_update(void *ctx, const unsigned char *data, size_t len)
{
    const struct operation *o = ctx;

    return o->verifier && EVP_DigestVerifyUpdate(o->verifier, data, len) == 1;
}

static int verify_final(void *ctx, const unsigned char *sig, size_t len)
{
    const struct operation *o = ctx;

    return o->verifier && EVP_DigestVerifyFinal(o->verifier, sig, len) == 1;
}

/* Ed25519, which has no other form. */
static int verify_message(void *ctx, const unsigned char *sig, size_t len,
    const unsigned char *tbs, size_t tbs_len)
{
    const struct operation *o = ctx;

    return o->verifier && EVP_DigestVerify(o->verifier, sig, len, tbs, tbs_len) == 1;
}

/* ---- parameters ---- */

static int set_params(void *ctx, const OSSL_PARAM params[])
{
    struct operation *o = ctx;

    return !params || (o->outer && EVP_PKEY_CTX_set_params(o->outer, params) == 1);
}

static int get_params(void *ctx, OSSL_PARAM params[])
{
    const struct operation *o = ctx;

    return !params || (o->outer && EVP_PKEY_CTX_get_params(o->outer, params) == 1);
}

/* The lists are static in libcrypto, so that they outlive the method they are asked of.
 */
static const OSSL_PARAM *list(const struct operation *o, const struct kh_module *module,
    const OSSL_PARAM *(*of)(const EVP_SIGNATURE *))
{
    const char *type = o && o->key ? o->key->type : "RSA";
    EVP_SIGNATURE *method = EVP_SIGNATURE_fetch(
        module->inner, strcmp(type, "EC") == 0 ? "ECDSA" : type, NULL);
    const OSSL_PARAM *out = method ? of(method) : NULL;

    EVP_SIGNATURE_free(method);
    return out;
}

static const OSSL_PARAM *settable(void *ctx, void *provctx)
{
    return list(ctx, provctx, EVP_SIGNATURE_settable_ctx_params);
}

static const OSSL_PARAM *gettable(void *ctx, void *provctx)
{
    return list(ctx, provctx, EVP_SIGNATURE_gettable_ctx_params);
}

/* ---- tables ---- */

/* clang-format off */
#define COMMON \
    {OSSL_FUNC_SIGNATURE_NEWCTX, (void (*)(void))operation_new}, \
    {OSSL_FUNC_SIGNATURE_FREECTX, (void (*)(void))operation_free}, \
    {OSSL_FUNC_SIGNATURE_DUPCTX, (void (*)(void))operation_dup}, \
    {OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, (void (*)(void))digest_sign_init}, \
    {OSSL_FUNC_SIGNATURE_DIGEST_VERIFY_INIT, (void (*)(void))digest_verify_init}, \
    {OSSL_FUNC_SIGNATURE_GET_CTX_PARAMS, (void (*)(void))get_params}, \
    {OSSL_FUNC_SIGNATURE_GETTABLE_CTX_PARAMS, (void (*)(void))gettable}
/* clang-format on */

static const OSSL_DISPATCH digests[] = {
    COMMON,
    {OSSL_FUNC_SIGNATURE_SIGN_INIT, (void (*)(void))sign_init},
    {OSSL_FUNC_SIGNATURE_SIGN, (void (*)(void))sign},
    {OSSL_FUNC_SIGNATURE_VERIFY_INIT, (void (*)(void))verify_init},
    {OSSL_FUNC_SIGNATURE_VERIFY, (void (*)(void))verify},
    {OSSL_FUNC_SIGNATURE_DIGEST_SIGN_UPDATE, (void (*)(void))sign_update},
    {OSSL_FUNC_SIGNATURE_DIGEST_SIGN_FINAL, (void (*)(void))sign_final},
    {OSSL_FUNC_SIGNATURE_DIGEST_VERIFY_UPDATE, (void (*)(void))verify_update},
    {OSSL_FUNC_SIGNATURE_DIGEST_VERIFY_FINAL, (void (*)(void))verify_final},
    {OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, (void (*)(void))set_params},
    {OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, (void (*)(void))settable},
    {0, NULL},
};

static const OSSL_DISPATCH messages[] = {
    COMMON,
    {OSSL_FUNC_SIGNATURE_DIGEST_SIGN, (void (*)(void))sign},
    {OSSL_FUNC_SIGNATURE_DIGEST_VERIFY, (void (*)(void))verify_message},
    {0, NULL},
};

const OSSL_ALGORITHM *kh_module_signature(const struct kh_module *module)
{
    static const OSSL_ALGORITHM algorithms[] = {
        {"ECDSA", KH_MODULE_PROPERTY, digests, "ECDSA in the HSM"},
        {"RSA:rsaEncryption:1.2.840.113549.1.1.1", KH_MODULE_PROPERTY, digests,
            "RSA PKCS #1 and PSS in the HSM"},
        {"ED25519:1.3.101.112", KH_MODULE_PROPERTY, messages, "Ed25519 in the HSM"},
        {0},
    };

    (void)module;
    return algorithms;
}
