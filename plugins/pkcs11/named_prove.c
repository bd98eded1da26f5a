/* Tasks that only the key of a public half can do. Deposit keys have theirs in
 * challenge.c, which knows no catalog. */
#include "plugins/pkcs11/named.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <string.h>

#define SECRET_LEN 32

static kh_status fill(
    struct kh_store *store, unsigned char *bytes, size_t len, struct kh_error *err)
{
    if (RAND_bytes_ex(kh_provider_libctx(store->provider), bytes, len, 0) == 1)
        return KH_OK;
    ERR_clear_error();
    return kh_fail(err, KH_UNAVAILABLE, "no random bytes to try a key with");
}

/* Software could not make the task, of a public half that the token gave. */
static kh_status no_task(const struct kh_catalog_named *named, struct kh_error *err)
{
    ERR_clear_error();
    return kh_fail(err, KH_CORRUPT,
        "named key '%s': its public half is of no use to OpenSSL", named->key.name);
}

/* Has the key do USE: OUT must come to WANTED. */
static kh_status answers(struct kh_store *store, const struct kh_catalog_named *named,
    const struct kh_key_use *use, const struct kh_buf *wanted, struct kh_error *err)
{
    struct kh_buf out = {0};
    kh_status status = kh_named_run(store, named, use, &out, err);

    if (status == KH_OK &&
        (out.len != wanted->len || CRYPTO_memcmp(out.data, wanted->data, out.len) != 0))
        status = kh_fail(err, KH_CORRUPT,
            "named key '%s': what the token made with it is not what its public half "
            "says: it is not used",
            named->key.name);
    store->host->buf_free(store->host, &out);
    return status;
}

/* ---- sign
 * ------------------------------------------------------------------------------ */

static kh_status prove_sign(
    struct kh_store *store, const struct kh_catalog_named *named, struct kh_error *err)
{
    unsigned char digest[SECRET_LEN];
    struct kh_key_use use = {.scheme = KH_SCHEME_RSA_PKCS1,
        .hash = KH_HASH_SHA256,
        .input = digest,
        .input_len = sizeof digest};
    struct kh_buf signature = {0};
    kh_status status = fill(store, digest, sizeof digest, err);

    if (named->key.kind == KH_KIND_ED25519)
        use.scheme = KH_SCHEME_ED25519;
    else if (named->key.kind == KH_KIND_EC_P256 || named->key.kind == KH_KIND_EC_P384)
        use.scheme = KH_SCHEME_ECDSA;
    if (status == KH_OK)
        status = kh_named_run(store, named, &use, &signature, err);
    if (status == KH_OK)
        status = kh_named_verify(store, &named->key, &use, &signature, err);
    store->host->buf_free(store->host, &signature);
    return status;
}

/* ---- decrypt
 * --------------------------------------------------------------------------- */

/* OAEP with SHA-1, the only one that all tokens have. */
static bool encrypt(struct kh_store *store, EVP_PKEY *key, const struct kh_buf *secret,
    unsigned char *out, size_t *out_len)
{
    OSSL_LIB_CTX *libctx = kh_provider_libctx(store->provider);
    const char *properties = kh_provider_properties(store->provider);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(libctx, key, properties);
    EVP_MD *sha1 = EVP_MD_fetch(libctx, "SHA1", properties);
    bool ok = ctx && sha1 && EVP_PKEY_encrypt_init(ctx) > 0 &&
              EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) > 0 &&
              EVP_PKEY_CTX_set_rsa_oaep_md(ctx, sha1) > 0 &&
              EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, sha1) > 0 &&
              EVP_PKEY_encrypt(ctx, out, out_len, secret->data, secret->len) > 0;

    EVP_MD_free(sha1);
    EVP_PKEY_CTX_free(ctx);
    return ok;
}

static kh_status prove_decrypt(
    struct kh_store *store, const struct kh_catalog_named *named, struct kh_error *err)
{
    unsigned char bytes[SECRET_LEN];
    unsigned char sealed[512];
    size_t sealed_len = sizeof sealed;
    const struct kh_buf secret = {
        .data = bytes, .len = sizeof bytes, .cap = sizeof bytes};
    EVP_PKEY *key = kh_named_public(store, &named->key);
    kh_status status = fill(store, bytes, sizeof bytes, err);
    struct kh_key_use use = {.scheme = KH_SCHEME_RSA_OAEP,
        .hash = KH_HASH_SHA1,
        .mgf_hash = KH_HASH_SHA1,
        .input = sealed};

    if (status == KH_OK && (!key || !encrypt(store, key, &secret, sealed, &sealed_len)))
        status = no_task(named, err);
    use.input_len = sealed_len;
    if (status == KH_OK)
        status = answers(store, named, &use, &secret, err);
    EVP_PKEY_free(key);
    OPENSSL_cleanse(bytes, sizeof bytes);
    return status;
}

/* ---- derive
 * ---------------------------------------------------------------------------- */

/* A pair of the moment: its point, and what it and KEY come to. */
static bool agree(
    struct kh_store *store, EVP_PKEY *key, struct kh_buf *point, struct kh_buf *secret)
{
    OSSL_LIB_CTX *libctx = kh_provider_libctx(store->provider);
    const char *properties = kh_provider_properties(store->provider);
    EVP_PKEY_CTX *make = EVP_PKEY_CTX_new_from_pkey(libctx, key, properties);
    EVP_PKEY *own = NULL;
    EVP_PKEY_CTX *derive = NULL;
    bool ok = make && EVP_PKEY_keygen_init(make) > 0 &&
              EVP_PKEY_generate(make, &own) > 0 &&
              EVP_PKEY_get_octet_string_param(own, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY,
                  point->data, point->cap, &point->len) > 0;

    if (ok)
        derive = EVP_PKEY_CTX_new_from_pkey(libctx, own, properties);
    secret->len = secret->cap;
    ok = derive && EVP_PKEY_derive_init(derive) > 0 &&
         EVP_PKEY_derive_set_peer(derive, key) > 0 &&
         EVP_PKEY_derive(derive, secret->data, &secret->len) > 0;
    EVP_PKEY_CTX_free(derive);
    EVP_PKEY_free(own);
    EVP_PKEY_CTX_free(make);
    return ok;
}

static kh_status prove_derive(
    struct kh_store *store, const struct kh_catalog_named *named, struct kh_error *err)
{
    unsigned char bytes[48];
    unsigned char peer[97];
    struct kh_buf secret = {.data = bytes, .cap = sizeof bytes};
    struct kh_buf point = {.data = peer, .cap = sizeof peer};
    EVP_PKEY *key = kh_named_public(store, &named->key);
    struct kh_key_use use = {.scheme = KH_SCHEME_ECDH, .input = peer};
    kh_status status;

    if (!key || !agree(store, key, &point, &secret)) {
        status = no_task(named, err);
    } else {
        use.input_len = point.len;
        status = answers(store, named, &use, &secret, err);
    }
    EVP_PKEY_free(key);
    OPENSSL_cleanse(bytes, sizeof bytes);
    return status;
}

/* ---- wrap
 * ------------------------------------------------------------------------------ */

static kh_status prove_wrap(
    struct kh_store *store, const struct kh_catalog_named *named, struct kh_error *err)
{
    unsigned char bytes[SECRET_LEN];
    const struct kh_buf secret = {
        .data = bytes, .len = sizeof bytes, .cap = sizeof bytes};
    struct kh_key_use use = {
        .scheme = KH_SCHEME_AES_WRAP, .input = bytes, .input_len = sizeof bytes};
    struct kh_buf wrapped = {0};
    kh_status status = fill(store, bytes, sizeof bytes, err);

    if (status == KH_OK)
        status = kh_named_run(store, named, &use, &wrapped, err);
    if (status == KH_OK) {
        use = (struct kh_key_use){.scheme = KH_SCHEME_AES_UNWRAP,
            .input = wrapped.data,
            .input_len = wrapped.len};
        status = answers(store, named, &use, &secret, err);
    }
    store->host->buf_free(store->host, &wrapped);
    OPENSSL_cleanse(bytes, sizeof bytes);
    return status;
}

kh_status kh_named_prove(struct kh_store *store, const struct kh_catalog_named *named,
    uint32_t purposes, struct kh_error *err)
{
    kh_status status = KH_OK;

    if (purposes & KH_KEY_SIGN)
        status = prove_sign(store, named, err);
    if (status == KH_OK && (purposes & KH_KEY_DECRYPT))
        status = prove_decrypt(store, named, err);
    if (status == KH_OK && (purposes & KH_KEY_DERIVE))
        status = prove_derive(store, named, err);
    if (status == KH_OK && (purposes & KH_KEY_WRAP))
        status = prove_wrap(store, named, err);
    if (status == KH_INVALID) { /* the task was in order */
        struct kh_error why = *err;

        return kh_fail(err, KH_CORRUPT, "%s", why.message);
    }
    return status;
}
