#include "plugins/pkcs11/challenge.h"

#include "plugins/pkcs11/ops.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <string.h>

static EVP_PKEY *public_key(const struct kh_public_half *half)
{
    const unsigned char *at = half->spki;

    return d2i_PUBKEY(NULL, &at, (long)half->spki_len);
}

static bool challenge_ecdh(EVP_PKEY *peer, struct kh_challenge *c)
{
    EVP_PKEY *mine = EVP_EC_gen("P-256");
    EVP_PKEY_CTX *ctx = mine ? EVP_PKEY_CTX_new(mine, NULL) : NULL;
    size_t len = sizeof c->answer;
    bool ok = ctx && EVP_PKEY_derive_init(ctx) > 0 &&
              EVP_PKEY_derive_set_peer(ctx, peer) > 0 &&
              EVP_PKEY_derive(ctx, c->answer, &len) > 0 && len == sizeof c->answer &&
              EVP_PKEY_get_octet_string_param(mine, OSSL_PKEY_PARAM_PUB_KEY, c->input,
                  sizeof c->input, &c->input_len) > 0;

    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(mine);
    return ok;
}

static bool challenge_oaep(EVP_PKEY *key, const EVP_MD *md, struct kh_challenge *c)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    bool ok;

    memset(c->answer, 0x5a, sizeof c->answer);
    c->input_len = sizeof c->input;
    ok = ctx && EVP_PKEY_encrypt_init(ctx) > 0 &&
         EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) > 0 &&
         EVP_PKEY_CTX_set_rsa_oaep_md(ctx, md) > 0 &&
         EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, md) > 0 &&
         EVP_PKEY_encrypt(ctx, c->input, &c->input_len, c->answer, sizeof c->answer) > 0;
    EVP_PKEY_CTX_free(ctx);
    return ok;
}

bool kh_challenge_make(struct kh_challenge *c, const struct kh_trial *trial,
    const struct kh_public_half *half)
{
    EVP_PKEY *key = public_key(half);
    bool ok =
        key && (trial->type == KH_KEY_EC_P256
                       ? challenge_ecdh(key, c)
                       : challenge_oaep(key,
                             trial->hash == KH_OAEP_SHA1 ? EVP_sha1() : EVP_sha256(), c));

    EVP_PKEY_free(key);
    return ok;
}

CK_RV kh_challenge_answer(struct kh_call *call, const struct kh_trial *trial,
    CK_OBJECT_HANDLE key, const struct kh_challenge *c)
{
    unsigned char out[512];
    struct kh_oaep oaep = {.hash = trial->hash,
        .in = c->input,
        .in_len = c->input_len,
        .out = out,
        .out_len = trial->bits / 8};
    CK_RV rv;

    if (trial->type == KH_KEY_EC_P256) {
        oaep.out_len = KH_ECDH_LEN;
        rv = kh_ecdh_handle(call, key, c->input, c->input_len, out);
    } else {
        rv = kh_oaep_handle(call, key, &oaep);
    }
    if (rv == CKR_OK && (oaep.out_len != KH_CHALLENGE_LEN ||
                            CRYPTO_memcmp(out, c->answer, KH_CHALLENGE_LEN) != 0))
        rv = kh_verdict(
            call, kh_fail(call->err, KH_REFUSED, "the token's answer is wrong"));
    OPENSSL_cleanse(out, sizeof out);
    return rv;
}
