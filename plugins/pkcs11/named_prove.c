#include "plugins/pkcs11/named.h"

#include <keyhsm/key_words.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <string.h>

#define SECRET_LEN 32

static const char *digest_name(kh_key_hash hash)
{
    static const char *const names[] = {
        NULL, "SHA1", "SHA2-224", "SHA2-256", "SHA2-384", "SHA2-512"};

    return hash < sizeof names / sizeof names[0] ? names[hash] : NULL;
}

static EVP_PKEY *public_of(struct kh_store *store, const struct kh_named_key *key)
{
    const unsigned char *at = key->public_key;

    return d2i_PUBKEY_ex(NULL, &at, (long)key->public_len,
        kh_provider_libctx(store->provider), kh_provider_properties(store->provider));
}

static kh_status wrong(const struct kh_named_key *key, struct kh_error *err)
{
    ERR_clear_error();
    return kh_fail(err, KH_CORRUPT,
        "named key '%s': what the token made with it does not match its public half: it "
        "is not used",
        key->name);
}

/* ---- signatures
 * ------------------------------------------------------------------------ */

static bool verify_digest(EVP_PKEY_CTX *ctx, const struct kh_key_use *use,
    const EVP_MD *md, const struct kh_buf *signature)
{
    return EVP_PKEY_verify_init(ctx) > 0 &&
           (!md || EVP_PKEY_CTX_set_signature_md(ctx, md) > 0) &&
           EVP_PKEY_verify(
               ctx, signature->data, signature->len, use->input, use->input_len) == 1;
}

kh_status kh_named_verify(struct kh_store *store, const struct kh_named_key *key,
    const struct kh_key_use *use, const struct kh_buf *signature, struct kh_error *err)
{
    OSSL_LIB_CTX *libctx = kh_provider_libctx(store->provider);
    const char *properties = kh_provider_properties(store->provider);
    const char *name = digest_name(use->hash);
    EVP_MD *md = name ? EVP_MD_fetch(libctx, name, properties) : NULL;
    EVP_PKEY *pkey = public_of(store, key);
    EVP_PKEY_CTX *ctx =
        pkey ? EVP_PKEY_CTX_new_from_pkey(libctx, pkey, properties) : NULL;
    bool ok = ctx && (!name || md) && verify_digest(ctx, use, md, signature);

    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(pkey);
    EVP_MD_free(md);
    return ok ? KH_OK : wrong(key, err);
}

/* ---- tasks
 * ------------------------------------------------------------------------------ */

static kh_status fill(
    struct kh_store *store, unsigned char *bytes, size_t len, struct kh_error *err)
{
    if (RAND_bytes_ex(kh_provider_libctx(store->provider), bytes, len, 0) == 1)
        return KH_OK;
    return kh_fail(err, KH_UNAVAILABLE, "no random bytes to try a key with");
}

static kh_status prove_sign(
    struct kh_store *store, const struct kh_catalog_named *named, struct kh_error *err)
{
    unsigned char digest[SECRET_LEN];
    struct kh_key_use use = {.scheme = KH_SCHEME_ECDSA,
        .hash = KH_HASH_SHA256,
        .input = digest,
        .input_len = sizeof digest};
    struct kh_buf signature = {0};
    kh_status status = fill(store, digest, sizeof digest, err);

    if (status == KH_OK)
        status = kh_named_run(store, named, &use, &signature, err);
    if (status == KH_OK)
        status = kh_named_verify(store, &named->key, &use, &signature, err);
    store->host->buf_free(store->host, &signature);
    return status;
}

static kh_status prove_wrap(
    struct kh_store *store, const struct kh_catalog_named *named, struct kh_error *err)
{
    const struct kh_host *host = store->host;
    unsigned char secret[SECRET_LEN];
    struct kh_key_use use = {
        .scheme = KH_SCHEME_AES_WRAP, .input = secret, .input_len = sizeof secret};
    struct kh_buf wrapped = {0};
    struct kh_buf opened = {0};
    kh_status status = fill(store, secret, sizeof secret, err);

    if (status == KH_OK)
        status = kh_named_run(store, named, &use, &wrapped, err);
    use = (struct kh_key_use){
        .scheme = KH_SCHEME_AES_UNWRAP, .input = wrapped.data, .input_len = wrapped.len};
    if (status == KH_OK)
        status = kh_named_run(store, named, &use, &opened, err);
    if (status == KH_OK && (opened.len != sizeof secret ||
                               CRYPTO_memcmp(opened.data, secret, sizeof secret) != 0))
        status = kh_fail(err, KH_CORRUPT,
            "named key '%s': the token opened another key than it wrapped",
            named->key.name);
    host->buf_free(host, &wrapped);
    host->buf_free(host, &opened);
    OPENSSL_cleanse(secret, sizeof secret);
    return status;
}

kh_status kh_named_prove(struct kh_store *store, const struct kh_catalog_named *named,
    uint32_t purposes, struct kh_error *err)
{
    kh_status status = KH_OK;

    if (purposes & KH_KEY_SIGN)
        status = prove_sign(store, named, err);
    if (status == KH_OK && (purposes & KH_KEY_WRAP))
        status = prove_wrap(store, named, err);
    if (status == KH_INVALID) { /* the task was in order */
        struct kh_error why = *err;

        return kh_fail(err, KH_CORRUPT, "%s", why.message);
    }
    return status;
}
