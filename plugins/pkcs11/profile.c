#include "plugins/pkcs11/profile.h"

#include "plugins/pkcs11/keys.h"
#include "plugins/pkcs11/ops.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

struct trial {
    const char *profile;
    kh_key_type type;
    unsigned bits;
    kh_oaep_hash hash;
};

/* An RSA trial is made with 2048 bits whatever the deposit keys will have: 4096 take
 * seconds. */
static const struct trial trials[] = {
    {"ecdh-p256", KH_KEY_EC_P256, 256, KH_OAEP_SHA1},
    {"rsa-oaep-sha256", KH_KEY_RSA, 2048, KH_OAEP_SHA256},
    {"rsa-oaep-sha1", KH_KEY_RSA, 2048, KH_OAEP_SHA1},
};

#define SECRET_LEN 32

/* The software's half: what the token must come to, and what it gets to come to it. */
struct challenge {
    unsigned char input[512];
    size_t input_len;
    unsigned char answer[SECRET_LEN];
};

static EVP_PKEY *public_key(const struct kh_public_half *half)
{
    const unsigned char *at = half->spki;

    return d2i_PUBKEY(NULL, &at, (long)half->spki_len);
}

static bool challenge_ecdh(EVP_PKEY *peer, struct challenge *c)
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

static bool challenge_oaep(EVP_PKEY *key, const EVP_MD *md, struct challenge *c)
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

static bool make_challenge(
    const struct trial *trial, const struct kh_public_half *half, struct challenge *c)
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

static CK_RV answer(struct kh_call *call, const struct trial *trial, CK_OBJECT_HANDLE key,
    const struct challenge *c)
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
    if (rv == CKR_OK &&
        (oaep.out_len != SECRET_LEN || CRYPTO_memcmp(out, c->answer, SECRET_LEN) != 0))
        rv = kh_verdict(
            call, kh_fail(call->err, KH_REFUSED, "the token's answer is wrong"));
    OPENSSL_cleanse(out, sizeof out);
    return rv;
}

/* The private half must be what the template asked for, and must not come out when asked.
 */
static CK_RV keeps_secret(
    struct kh_call *call, const struct trial *trial, CK_OBJECT_HANDLE key)
{
    unsigned char value[1024];
    CK_ATTRIBUTE a = {trial->type == KH_KEY_EC_P256 ? CKA_VALUE : CKA_PRIVATE_EXPONENT,
        value, sizeof value};
    struct kh_look look;
    CK_RV rv = kh_look_at(call, key, &look);

    if (rv != CKR_OK)
        return rv;
    if (!look.private || !look.sensitive || look.extractable || !look.material)
        return kh_verdict(call, kh_fail(call->err, KH_REFUSED,
                                    "the token does not honour CKA_PRIVATE, "
                                    "CKA_SENSITIVE and CKA_EXTRACTABLE=false"));
    rv = call->p11->C_GetAttributeValue(call->session, key, &a, 1);
    OPENSSL_cleanse(value, sizeof value);
    if (rv == CKR_OK && a.ulValueLen != 0 && a.ulValueLen != (CK_ULONG)-1)
        return kh_verdict(call, kh_fail(call->err, KH_REFUSED,
                                    "the token gives a sensitive private key away"));
    return CKR_OK;
}

static CK_RV try_one(struct kh_call *call, void *arg)
{
    const struct trial *trial = arg;
    struct kh_key_spec spec = {.type = trial->type, .bits = trial->bits};
    struct kh_public_half half = {0};
    struct challenge challenge = {.input_len = 0};
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
    CK_RV rv = kh_key_make(call, &spec, &key, &half);

    if (rv == CKR_OK)
        rv = keeps_secret(call, trial, key);
    if (rv == CKR_OK && !make_challenge(trial, &half, &challenge))
        rv = kh_verdict(call, kh_fail(call->err, KH_FATAL,
                                  "libcrypto made no trial for %s", trial->profile));
    if (rv == CKR_OK)
        rv = answer(call, trial, key, &challenge);
    if (key != CK_INVALID_HANDLE)
        (void)call->p11->C_DestroyObject(call->session, key);
    free(half.spki);
    OPENSSL_cleanse(&challenge, sizeof challenge);
    return rv;
}

/* The one place where a mechanism's own bounds count: they cannot be found by a trial of
 * 2048 bits. */
static kh_status check_bits(struct kh_token *token, unsigned bits, struct kh_error *err)
{
    CK_MECHANISM_INFO info = {0};
    CK_RV rv = token->module.p11->C_GetMechanismInfo(
        token->slot.id, CKM_RSA_PKCS_KEY_PAIR_GEN, &info);

    if (rv != CKR_OK)
        return kh_rv_fail(err, "C_GetMechanismInfo(CKM_RSA_PKCS_KEY_PAIR_GEN)", rv);
    if (bits < info.ulMinKeySize || bits > info.ulMaxKeySize)
        return kh_fail(err, KH_REFUSED,
            "token '%s' makes RSA keys of %lu to %lu bits, not %u (option key_type)",
            token->slot.label, (unsigned long)info.ulMinKeySize,
            (unsigned long)info.ulMaxKeySize, bits);
    return KH_OK;
}

/* 0: any kind; 256: EC; else the RSA modulus. */
static unsigned wanted_bits(const char *wanted)
{
    if (strcmp(wanted, "auto") == 0)
        return 0;
    return strncmp(wanted, "rsa-", 4) == 0 ? (unsigned)strtoul(wanted + 4, NULL, 10)
                                           : 256;
}

kh_status kh_profile_find(
    struct kh_token *token, const char *wanted, struct kh_error *err)
{
    unsigned bits = wanted_bits(wanted);
    char story[320] = "";

    for (size_t i = 0; i < sizeof trials / sizeof trials[0]; i++) {
        struct trial trial = trials[i];
        size_t len = strlen(story);
        kh_status st = KH_OK;

        if (bits != 0 && (bits == 256) != (trial.type == KH_KEY_EC_P256))
            continue;
        if (bits > 256)
            st = check_bits(token, bits, err);
        if (st == KH_OK)
            st = kh_run(token, try_one, &trial, NULL, err);
        if (st == KH_OK) {
            token->facts.key_type = trial.type;
            token->facts.key_bits = bits ? bits : trial.bits;
            (void)snprintf(
                token->facts.profile, sizeof token->facts.profile, "%s", trial.profile);
            return KH_OK;
        }
        if (st == KH_FATAL)
            return st;
        (void)snprintf(story + len, sizeof story - len, "%s%s: %.90s", len ? "; " : "",
            trial.profile, err->message);
    }
    return kh_fail(err, KH_REFUSED,
        "token '%s' cannot hold deposit keys (key_type = %s): %s", token->slot.label,
        wanted, story);
}
