#include "plugins/pkcs11/profile.h"

#include "plugins/pkcs11/challenge.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

/* Where a trial's pair has to be on the token, one that was cut short is found by this.
 */
static const char trial_id[] = "keyhsm-trial";

/* An RSA trial is made with 2048 bits whatever the deposit keys will have: 4096 take
 * seconds. */
static const struct kh_trial trials[] = {
    {"ecdh-p256", KH_KEY_EC_P256, 256, KH_OAEP_SHA1},
    {"rsa-oaep-sha256", KH_KEY_RSA, 2048, KH_OAEP_SHA256},
    {"rsa-oaep-sha1", KH_KEY_RSA, 2048, KH_OAEP_SHA1},
};

/* The private half must be what the template asked for, and must not come out when asked.
 */
static CK_RV keeps_secret(
    struct kh_call *call, const struct kh_trial *trial, CK_OBJECT_HANDLE key)
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

/* Whoever has the PIN may ask for a copy: one that can leave the token makes it a file
 * with a password. Each wish alone: together they may be refused for one of them. */
static bool copies_leave(struct kh_call *call, CK_OBJECT_HANDLE key)
{
    CK_BBOOL yes = CK_TRUE;
    CK_BBOOL no = CK_FALSE;
    CK_ATTRIBUTE wishes[] = {
        {CKA_EXTRACTABLE, &yes, sizeof yes}, {CKA_SENSITIVE, &no, sizeof no}};
    bool leaves = false;

    for (size_t i = 0; !leaves && i < sizeof wishes / sizeof wishes[0]; i++) {
        CK_OBJECT_HANDLE copy = CK_INVALID_HANDLE;
        struct kh_look look;

        if (call->p11->C_CopyObject(call->session, key, &wishes[i], 1, &copy) != CKR_OK)
            continue;
        leaves = kh_look_at(call, copy, &look) == CKR_OK &&
                 (look.extractable || !look.sensitive);
        (void)call->p11->C_DestroyObject(call->session, copy);
    }
    return leaves;
}

/* One trial, and what it found beside the answer. */
struct attempt {
    struct kh_trial trial;
    bool leaves; /* a private key can leave the token in a copy */
};

static CK_RV try_one(struct kh_call *call, void *arg)
{
    struct attempt *attempt = arg;
    const struct kh_trial *trial = &attempt->trial;
    struct kh_key_id id = {.len = sizeof trial_id - 1};
    bool stays = call->quirks & KH_QUIRK_PAIR_ON_TOKEN;
    struct kh_key_spec spec = {.type = trial->type,
        .bits = trial->bits,
        .id = stays ? &id : NULL,
        .label = stays ? trial_id : NULL};
    struct kh_public_half half = {0};
    struct kh_challenge challenge = {.input_len = 0};
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
    CK_RV rv = CKR_OK;

    memcpy(id.bytes, trial_id, id.len);
    if (stays)
        rv = kh_key_destroy_found(call, &id);
    if (rv == CKR_OK)
        rv = kh_key_make(call, &spec, &key, &half);
    if (rv == CKR_OK)
        rv = keeps_secret(call, trial, key);
    if (rv == CKR_OK && !kh_challenge_make(&challenge, trial, &half))
        rv = kh_verdict(call, kh_fail(call->err, KH_FATAL,
                                  "libcrypto made no trial for %s", trial->profile));
    if (rv == CKR_OK)
        rv = kh_challenge_answer(call, trial, key, &challenge);
    attempt->leaves = rv == CKR_OK && copies_leave(call, key);
    if (key != CK_INVALID_HANDLE)
        (void)kh_destroy(call, key, spec.id);
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

/* Nothing that is stored there would be behind more than the PIN. */
static kh_status check_leaves(
    struct kh_token *token, const struct attempt *attempt, struct kh_error *err)
{
    const struct kh_host *host = token->host;

    if (!attempt->leaves)
        return KH_OK;
    if (!host->option_bool(host, "allow_unprotected"))
        return kh_fail(err, KH_REFUSED,
            "token '%s' (%s) lets private keys go: it makes extractable copies of them "
            "for "
            "whoever has the PIN, so nothing is safer there than in a file with a "
            "password. For a trial, or if that is what you want, set allow_unprotected = "
            "yes",
            token->slot.label, token->module.description);
    host->log(host, KH_LOG_WARNING,
        "token '%s': private keys can leave it in copies; used all the same, as "
        "allow_unprotected says",
        token->slot.label);
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
        struct attempt attempt = {.trial = trials[i]};
        const struct kh_trial trial = trials[i];
        size_t len = strlen(story);
        kh_status st = KH_OK;

        if (bits != 0 && (bits == 256) != (trial.type == KH_KEY_EC_P256))
            continue;
        if (bits > 256)
            st = check_bits(token, bits, err);
        if (st == KH_OK)
            st = kh_run(token, try_one, &attempt, NULL, err);
        if (st == KH_OK) {
            token->facts.key_type = trial.type;
            token->facts.key_bits = bits ? bits : trial.bits;
            (void)snprintf(
                token->facts.profile, sizeof token->facts.profile, "%s", trial.profile);
            return check_leaves(token, &attempt, err);
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
