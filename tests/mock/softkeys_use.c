#include "tests/mock/softkeys.h"

#include <keyhsm/key_words.h>
#include <openssl/rsa.h>

static const EVP_MD *md(kh_key_hash hash)
{
    return EVP_get_digestbyname(kh_key_word(kh_key_hash_words(), hash));
}

static bool set_padding(EVP_PKEY_CTX *ctx, const struct kh_key_use *use)
{
    switch (use->scheme) {
    case KH_SCHEME_RSA_PKCS1:
        return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) > 0;
    case KH_SCHEME_RSA_PSS:
        return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) > 0 &&
               EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, md(use->mgf_hash)) > 0 &&
               EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, (int)use->salt_len) > 0;
    default:
        return use->scheme == KH_SCHEME_ECDSA;
    }
}

static bool sign_digest(
    EVP_PKEY_CTX *ctx, const struct kh_key_use *use, unsigned char *out, size_t *len)
{
    return EVP_PKEY_sign_init(ctx) > 0 && set_padding(ctx, use) &&
           (use->hash == KH_HASH_NONE ||
               EVP_PKEY_CTX_set_signature_md(ctx, md(use->hash)) > 0) &&
           EVP_PKEY_sign(ctx, out, len, use->input, use->input_len) > 0;
}

static bool decrypt(
    EVP_PKEY_CTX *ctx, const struct kh_key_use *use, unsigned char *out, size_t *len)
{
    return EVP_PKEY_decrypt_init(ctx) > 0 &&
           EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) > 0 &&
           EVP_PKEY_CTX_set_rsa_oaep_md(ctx, md(use->hash)) > 0 &&
           EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, md(use->mgf_hash)) > 0 &&
           EVP_PKEY_decrypt(ctx, out, len, use->input, use->input_len) > 0;
}

static bool derive(const struct soft_key *key, EVP_PKEY_CTX *ctx,
    const struct kh_key_use *use, unsigned char *out, size_t *len)
{
    EVP_PKEY *peer = EVP_PKEY_new();
    bool done = peer && EVP_PKEY_copy_parameters(peer, key->pair) > 0 &&
                EVP_PKEY_set1_encoded_public_key(peer, use->input, use->input_len) > 0 &&
                EVP_PKEY_derive_init(ctx) > 0 &&
                EVP_PKEY_derive_set_peer(ctx, peer) > 0 &&
                EVP_PKEY_derive(ctx, out, len) > 0;

    EVP_PKEY_free(peer);
    return done;
}

static bool sign_message(const struct soft_key *key, const struct kh_key_use *use,
    unsigned char *out, size_t *len)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool done = ctx && EVP_DigestSignInit(ctx, NULL, NULL, NULL, key->pair) > 0 &&
                EVP_DigestSign(ctx, out, len, use->input, use->input_len) > 0;

    EVP_MD_CTX_free(ctx);
    return done;
}

static bool wrap(const struct soft_key *key, const struct kh_key_use *use,
    unsigned char *out, size_t *len)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int used = 0;
    bool done = false;

    if (ctx) {
        EVP_CIPHER_CTX_set_flags(ctx, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
        done = EVP_CipherInit_ex(ctx, EVP_aes_256_wrap(), NULL, key->aes, NULL,
                   use->scheme == KH_SCHEME_AES_WRAP) > 0 &&
               EVP_CipherUpdate(ctx, out, &used, use->input, (int)use->input_len) > 0;
    }
    EVP_CIPHER_CTX_free(ctx);
    *len = (size_t)used;
    return done;
}

static bool use_pair(const struct soft_key *key, const struct kh_key_use *use,
    unsigned char *out, size_t *len)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key->pair, NULL);
    bool done = ctx != NULL;

    if (done && use->scheme == KH_SCHEME_RSA_OAEP)
        done = decrypt(ctx, use, out, len);
    else if (done && use->scheme == KH_SCHEME_ECDH)
        done = derive(key, ctx, use, out, len);
    else if (done)
        done = sign_digest(ctx, use, out, len);
    EVP_PKEY_CTX_free(ctx);
    return done;
}

bool soft_use(const struct soft_key *key, const struct kh_key_use *use,
    unsigned char *out, size_t *len)
{
    if (use->scheme == KH_SCHEME_AES_WRAP || use->scheme == KH_SCHEME_AES_UNWRAP)
        return wrap(key, use, out, len);
    if (use->scheme == KH_SCHEME_ED25519)
        return sign_message(key, use, out, len);
    return use_pair(key, use, out, len);
}
