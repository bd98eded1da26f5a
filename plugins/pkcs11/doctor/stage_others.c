/* What no deposit needs today, for a later use: AES with a session key, and signatures.
 */
#include "plugins/pkcs11/doctor/probe.h"

#include <string.h>

static CK_BBOOL yes = CK_TRUE;
static CK_BBOOL no = CK_FALSE;

static CK_RV make_aes(struct kh_call *call, bool extractable, CK_OBJECT_HANDLE *key)
{
    CK_MECHANISM mechanism = {CKM_AES_KEY_GEN, NULL, 0};
    CK_ULONG len = 32;
    char label[] = KH_PROBE_LABEL;
    CK_ATTRIBUTE template[] = {
        {CKA_TOKEN, &no, sizeof no},
        {CKA_VALUE_LEN, &len, sizeof len},
        {CKA_LABEL, label, sizeof label - 1},
        {CKA_ENCRYPT, &yes, sizeof yes},
        {CKA_DECRYPT, &yes, sizeof yes},
        {CKA_WRAP, &yes, sizeof yes},
        {CKA_UNWRAP, &yes, sizeof yes},
        {CKA_EXTRACTABLE, extractable ? &yes : &no, sizeof yes},
    };

    return kh_said(call, "C_GenerateKey",
        call->p11->C_GenerateKey(call->session, &mechanism, template,
            sizeof template / sizeof template[0], key));
}

/* Encrypts and decrypts again. */
static CK_RV round_trip(
    struct kh_call *call, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    unsigned char clear[64];
    unsigned char sealed[128];
    unsigned char opened[128];
    CK_ULONG sealed_len = sizeof sealed;
    CK_ULONG opened_len = sizeof opened;
    CK_RV rv;

    memset(clear, 0xa7, sizeof clear);
    rv = kh_said(
        call, "C_EncryptInit", call->p11->C_EncryptInit(call->session, mechanism, key));
    if (rv == CKR_OK)
        rv = kh_said(call, "C_Encrypt",
            call->p11->C_Encrypt(
                call->session, clear, sizeof clear, sealed, &sealed_len));
    if (rv == CKR_OK)
        rv = kh_said(call, "C_DecryptInit",
            call->p11->C_DecryptInit(call->session, mechanism, key));
    if (rv == CKR_OK)
        rv = kh_said(call, "C_Decrypt",
            call->p11->C_Decrypt(call->session, sealed, sealed_len, opened, &opened_len));
    if (rv == CKR_OK &&
        (opened_len != sizeof clear || memcmp(opened, clear, sizeof clear) != 0))
        rv = kh_verdict(
            call, kh_fail(call->err, KH_REFUSED, "the token's answer is wrong"));
    return rv;
}

static void try_aes(struct kh_call *call, CK_OBJECT_HANDLE key)
{
    unsigned char iv[16] = {1};
    unsigned char counter[16] = {2};
    CK_GCM_PARAMS gcm = {.pIv = iv, .ulIvLen = 12, .ulIvBits = 96, .ulTagBits = 128};
    CK_AES_CTR_PARAMS ctr = {.ulCounterBits = 128};
    CK_MECHANISM by_gcm = {CKM_AES_GCM, &gcm, sizeof gcm};
    CK_MECHANISM by_ctr = {CKM_AES_CTR, &ctr, sizeof ctr};

    memcpy(ctr.cb, counter, sizeof ctr.cb);
    kh_fact_rv("aes.gcm", call, round_trip(call, &by_gcm, key));
    kh_fact_rv("aes.ctr", call, round_trip(call, &by_ctr, key));
}

static void try_wrap(struct kh_call *call, CK_OBJECT_HANDLE key)
{
    CK_MECHANISM mechanism = {CKM_AES_KEY_WRAP, NULL, 0};
    CK_OBJECT_HANDLE inner = CK_INVALID_HANDLE;
    unsigned char wrapped[128];
    CK_ULONG len = sizeof wrapped;
    CK_RV rv = make_aes(call, true, &inner);

    if (rv == CKR_OK)
        rv = kh_said(call, "C_WrapKey",
            call->p11->C_WrapKey(call->session, &mechanism, key, inner, wrapped, &len));
    kh_fact_rv("aes.key_wrap", call, rv);
    kh_probe_drop(call, inner);
}

static CK_RV make_signer(
    struct kh_call *call, CK_OBJECT_HANDLE *public_key, CK_OBJECT_HANDLE *private_key)
{
    CK_MECHANISM mechanism = {CKM_EC_KEY_PAIR_GEN, NULL, 0};
    unsigned char p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
    char label[] = KH_PROBE_LABEL;
    CK_ATTRIBUTE outer[] = {{CKA_TOKEN, &no, sizeof no}, {CKA_VERIFY, &yes, sizeof yes},
        {CKA_EC_PARAMS, p256, sizeof p256}, {CKA_LABEL, label, sizeof label - 1}};
    CK_ATTRIBUTE inner[] = {{CKA_TOKEN, &no, sizeof no}, {CKA_SIGN, &yes, sizeof yes},
        {CKA_LABEL, label, sizeof label - 1}};

    return kh_said(call, "C_GenerateKeyPair",
        call->p11->C_GenerateKeyPair(
            call->session, &mechanism, outer, 4, inner, 3, public_key, private_key));
}

static void try_signature(struct kh_call *call)
{
    CK_MECHANISM mechanism = {CKM_ECDSA, NULL, 0};
    CK_OBJECT_HANDLE public_key = CK_INVALID_HANDLE;
    CK_OBJECT_HANDLE private_key = CK_INVALID_HANDLE;
    unsigned char digest[32] = {3};
    unsigned char signature[128];
    CK_ULONG len = sizeof signature;
    CK_RV rv = make_signer(call, &public_key, &private_key);

    if (rv == CKR_OK)
        rv = kh_said(call, "C_SignInit",
            call->p11->C_SignInit(call->session, &mechanism, private_key));
    if (rv == CKR_OK)
        rv = kh_said(call, "C_Sign",
            call->p11->C_Sign(call->session, digest, sizeof digest, signature, &len));
    kh_fact_rv("ecdsa.sign", call, rv);
    kh_probe_drop(call, private_key);
    kh_probe_drop(call, public_key);
}

void kh_stage_others(struct kh_probe *probe)
{
    struct kh_call *call = &probe->call;
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
    CK_RV rv = make_aes(call, false, &key);

    kh_fact_rv("aes.generate", call, rv);
    if (rv == CKR_OK) {
        try_aes(call, key);
        try_wrap(call, key);
        kh_probe_drop(call, key);
    }
    try_signature(call);
}
