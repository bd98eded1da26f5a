#include "conformance/proof.h"

#include <keyhsm/key_words.h>
#include <openssl/core_names.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <string.h>

static const EVP_MD *md_of(kh_key_hash hash)
{
    switch (hash) {
    case KH_HASH_SHA1:
        return EVP_sha1();
    case KH_HASH_SHA224:
        return EVP_sha224();
    case KH_HASH_SHA256:
        return EVP_sha256();
    case KH_HASH_SHA384:
        return EVP_sha384();
    case KH_HASH_SHA512:
        return EVP_sha512();
    default:
        return NULL;
    }
}

struct kh_key_use kh_proof_signing(kh_key_scheme scheme, kh_key_hash hash)
{
    static const unsigned char digest[64] =
        "sixty-four bytes that stand for the digest of something signed.";
    bool pss = scheme == KH_SCHEME_RSA_PSS;
    bool mgf = pss || scheme == KH_SCHEME_RSA_OAEP;
    size_t len = hash == KH_HASH_NONE ? sizeof digest : kh_key_hash_len(hash);

    return (struct kh_key_use){.scheme = scheme,
        .hash = hash,
        .mgf_hash = mgf ? hash : KH_HASH_NONE,
        .salt_len = pss ? (uint32_t)len : 0,
        .input = digest,
        .input_len = len};
}

EVP_PKEY *kh_proof_public(const struct kh_named_key *key)
{
    const unsigned char *at = key->public_key;

    return key->public_len <= sizeof key->public_key
               ? d2i_PUBKEY(NULL, &at, (long)key->public_len)
               : NULL;
}

bool kh_proof_fits(const struct kh_named_key *key)
{
    static const struct {
        kh_key_kind kind;
        const char *type;
        int bits;
    } kinds[] = {{KH_KIND_EC_P256, "EC", 256}, {KH_KIND_EC_P384, "EC", 384},
        {KH_KIND_ED25519, "ED25519", 256}, {KH_KIND_RSA_2048, "RSA", 2048},
        {KH_KIND_RSA_3072, "RSA", 3072}, {KH_KIND_RSA_4096, "RSA", 4096}};
    EVP_PKEY *pkey = kh_proof_public(key);
    bool fits = key->kind == KH_KIND_AES_256 && key->public_len == 0;

    for (size_t i = 0; pkey && i < sizeof kinds / sizeof kinds[0]; i++) {
        if (kinds[i].kind == key->kind)
            fits = EVP_PKEY_is_a(pkey, kinds[i].type) &&
                   (EVP_PKEY_get_bits(pkey) == kinds[i].bits ||
                       key->kind == KH_KIND_ED25519);
    }
    EVP_PKEY_free(pkey);
    return fits;
}

static bool verifies_message(
    EVP_PKEY *pkey, const struct kh_key_use *use, const struct kh_buf *signature)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, pkey) > 0 &&
              EVP_DigestVerify(
                  ctx, signature->data, signature->len, use->input, use->input_len) == 1;

    EVP_MD_CTX_free(ctx);
    return ok;
}

static bool verifies_digest(
    EVP_PKEY *pkey, const struct kh_key_use *use, const struct kh_buf *signature)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(pkey, NULL);
    const EVP_MD *md = md_of(use->hash);
    bool ok = ctx && EVP_PKEY_verify_init(ctx) > 0 &&
              (!md || EVP_PKEY_CTX_set_signature_md(ctx, md) > 0);

    if (ok && use->scheme == KH_SCHEME_RSA_PSS)
        ok = EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) > 0 &&
             EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, md_of(use->mgf_hash)) > 0 &&
             EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, (int)use->salt_len) > 0;
    ok = ok && EVP_PKEY_verify(
                   ctx, signature->data, signature->len, use->input, use->input_len) == 1;
    EVP_PKEY_CTX_free(ctx);
    return ok;
}

bool kh_proof_verifies(const struct kh_named_key *key, const struct kh_key_use *use,
    const struct kh_buf *signature)
{
    EVP_PKEY *pkey = kh_proof_public(key);
    bool ok = pkey &&
              (use->scheme == KH_SCHEME_ED25519 ? verifies_message(pkey, use, signature)
                                                : verifies_digest(pkey, use, signature));

    EVP_PKEY_free(pkey);
    return ok;
}

static EVP_PKEY *make_peer(EVP_PKEY *like)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(like, NULL);
    EVP_PKEY *peer = NULL;

    if (ctx && EVP_PKEY_keygen_init(ctx) > 0)
        (void)EVP_PKEY_generate(ctx, &peer);
    EVP_PKEY_CTX_free(ctx);
    return peer;
}

bool kh_proof_agree(const struct kh_named_key *key, struct kh_proof_agreement *out)
{
    EVP_PKEY *theirs = kh_proof_public(key);
    EVP_PKEY *own = theirs ? make_peer(theirs) : NULL;
    EVP_PKEY_CTX *ctx = own ? EVP_PKEY_CTX_new(own, NULL) : NULL;
    bool ok;

    out->secret_len = sizeof out->secret;
    ok = ctx &&
         EVP_PKEY_get_octet_string_param(own, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY,
             out->point, sizeof out->point, &out->point_len) > 0 &&
         EVP_PKEY_derive_init(ctx) > 0 && EVP_PKEY_derive_set_peer(ctx, theirs) > 0 &&
         EVP_PKEY_derive(ctx, out->secret, &out->secret_len) > 0;
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(own);
    EVP_PKEY_free(theirs);
    return ok;
}

size_t kh_proof_seal(const struct kh_named_key *key, kh_key_hash hash, const char *text,
    unsigned char out[512])
{
    EVP_PKEY *pkey = kh_proof_public(key);
    EVP_PKEY_CTX *ctx = pkey ? EVP_PKEY_CTX_new(pkey, NULL) : NULL;
    size_t len = 512;
    bool ok =
        ctx && EVP_PKEY_encrypt_init(ctx) > 0 &&
        EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) > 0 &&
        EVP_PKEY_CTX_set_rsa_oaep_md(ctx, md_of(hash)) > 0 &&
        EVP_PKEY_encrypt(ctx, out, &len, (const unsigned char *)text, strlen(text)) > 0;

    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(pkey);
    return ok ? len : 0;
}
