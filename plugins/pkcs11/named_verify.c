#include "plugins/pkcs11/named.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

/* One verification. Digests are fetched by the store's properties. */
struct verification {
    OSSL_LIB_CTX *libctx;
    const char *properties;
    EVP_PKEY *key;
    const struct kh_key_use *use;
    const struct kh_buf *signature;
};

EVP_PKEY *kh_named_public(struct kh_store *store, const struct kh_named_key *key)
{
    const unsigned char *at = key->public_key;

    return d2i_PUBKEY_ex(NULL, &at, (long)key->public_len,
        kh_provider_libctx(store->provider), kh_provider_properties(store->provider));
}

static EVP_MD *digest_of(const struct verification *v, kh_key_hash hash)
{
    static const char *const names[] = {
        NULL, "SHA1", "SHA2-224", "SHA2-256", "SHA2-384", "SHA2-512"};

    return hash > KH_HASH_NONE && hash < sizeof names / sizeof names[0]
               ? EVP_MD_fetch(v->libctx, names[hash], v->properties)
               : NULL;
}

/* Ed25519 has no digest to set. */
static bool verify_message(const struct verification *v)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx &&
              EVP_DigestVerifyInit_ex(
                  ctx, NULL, NULL, v->libctx, v->properties, v->key, NULL) > 0 &&
              EVP_DigestVerify(ctx, v->signature->data, v->signature->len, v->use->input,
                  v->use->input_len) == 1;

    EVP_MD_CTX_free(ctx);
    return ok;
}

static bool set_padding(EVP_PKEY_CTX *ctx, const struct verification *v, const EVP_MD *md)
{
    bool ok = !md || EVP_PKEY_CTX_set_signature_md(ctx, md) > 0;
    EVP_MD *mgf;

    if (!ok || v->use->scheme == KH_SCHEME_ECDSA)
        return ok;
    if (v->use->scheme == KH_SCHEME_RSA_PKCS1)
        return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) > 0;
    mgf = digest_of(v, v->use->mgf_hash);
    ok = mgf && EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) > 0 &&
         EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, mgf) > 0 &&
         EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, (int)v->use->salt_len) > 0;
    EVP_MD_free(mgf);
    return ok;
}

static bool verify_digest(const struct verification *v)
{
    EVP_MD *md = digest_of(v, v->use->hash);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(v->libctx, v->key, v->properties);
    bool ok = ctx && (md || v->use->hash == KH_HASH_NONE) &&
              EVP_PKEY_verify_init(ctx) > 0 && set_padding(ctx, v, md) &&
              EVP_PKEY_verify(ctx, v->signature->data, v->signature->len, v->use->input,
                  v->use->input_len) == 1;

    EVP_PKEY_CTX_free(ctx);
    EVP_MD_free(md);
    return ok;
}

kh_status kh_named_verify(struct kh_store *store, const struct kh_named_key *key,
    const struct kh_key_use *use, const struct kh_buf *signature, struct kh_error *err)
{
    const struct verification v = {kh_provider_libctx(store->provider),
        kh_provider_properties(store->provider), kh_named_public(store, key), use,
        signature};
    bool ok = v.key &&
              (use->scheme == KH_SCHEME_ED25519 ? verify_message(&v) : verify_digest(&v));

    EVP_PKEY_free(v.key);
    ERR_clear_error();
    return ok ? KH_OK
              : kh_fail(err, KH_CORRUPT,
                    "named key '%s': what the token made with it does not match its "
                    "public half: it is not used",
                    key->name);
}
