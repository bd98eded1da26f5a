#include "plugins/pkcs11/named_kind.h"

#include <keyhsm/key_words.h>

/* RFC 5480, 2.1.1.1: secp256r1, secp384r1; RFC 8410, 3: id-Ed25519. DER. */
static const unsigned char p256[] = {
    0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
static const unsigned char p384[] = {0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22};
static const unsigned char ed25519[] = {0x06, 0x03, 0x2b, 0x65, 0x70};
/* PKCS#11 3.0, 2.3.10 names the curve by a PrintableString: modules follow either. */
static const unsigned char ed25519_name[] = {
    0x13, 0x0c, 'e', 'd', 'w', 'a', 'r', 'd', 's', '2', '5', '5', '1', '9'};

#define MECHANISM(type) type, #type

static const struct kh_named_kind kinds[] = {
    {.kind = KH_KIND_EC_P256,
        .generate = CKM_EC_KEY_PAIR_GEN,
        .generate_name = "CKM_EC_KEY_PAIR_GEN",
        .group = "prime256v1",
        .params = p256,
        .params_len = sizeof p256,
        .bits = 256,
        .coordinate = 32,
        .output_room = 80},
    {.kind = KH_KIND_EC_P384,
        .generate = CKM_EC_KEY_PAIR_GEN,
        .generate_name = "CKM_EC_KEY_PAIR_GEN",
        .group = "secp384r1",
        .params = p384,
        .params_len = sizeof p384,
        .bits = 384,
        .coordinate = 48,
        .output_room = 112},
    {.kind = KH_KIND_ED25519,
        .generate = CKM_EC_EDWARDS_KEY_PAIR_GEN,
        .generate_name = "CKM_EC_EDWARDS_KEY_PAIR_GEN",
        .params = ed25519,
        .params_len = sizeof ed25519,
        .params_else = ed25519_name,
        .params_else_len = sizeof ed25519_name,
        .coordinate = 32,
        .output_room = 64},
    {.kind = KH_KIND_RSA_2048,
        .generate = CKM_RSA_PKCS_KEY_PAIR_GEN,
        .generate_name = "CKM_RSA_PKCS_KEY_PAIR_GEN",
        .bits = 2048,
        .output_room = 256},
    {.kind = KH_KIND_RSA_3072,
        .generate = CKM_RSA_PKCS_KEY_PAIR_GEN,
        .generate_name = "CKM_RSA_PKCS_KEY_PAIR_GEN",
        .bits = 3072,
        .output_room = 384},
    {.kind = KH_KIND_RSA_4096,
        .generate = CKM_RSA_PKCS_KEY_PAIR_GEN,
        .generate_name = "CKM_RSA_PKCS_KEY_PAIR_GEN",
        .bits = 4096,
        .output_room = 512},
    {.kind = KH_KIND_AES_256,
        .generate = CKM_AES_KEY_GEN,
        .generate_name = "CKM_AES_KEY_GEN",
        .output_room = 72},
};

const struct kh_named_kind *kh_named_kind(kh_key_kind kind)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (kinds[i].kind == kind)
            return &kinds[i];
    }
    return NULL;
}

/* What a purpose of a kind needs of the token. */
static struct kh_named_mechanism for_purpose(
    const struct kh_named_kind *kind, uint32_t purpose)
{
    bool rsa = kind->generate == CKM_RSA_PKCS_KEY_PAIR_GEN;

    if (purpose == KH_KEY_DERIVE)
        return (struct kh_named_mechanism){
            MECHANISM(CKM_ECDH1_DERIVE), CKF_DERIVE, kind->bits};
    if (purpose == KH_KEY_DECRYPT)
        return (struct kh_named_mechanism){
            MECHANISM(CKM_RSA_PKCS_OAEP), CKF_DECRYPT, kind->bits};
    if (purpose == KH_KEY_WRAP)
        return (struct kh_named_mechanism){
            MECHANISM(CKM_AES_KEY_WRAP), CKF_WRAP | CKF_UNWRAP, 0};
    if (kind->kind == KH_KIND_ED25519)
        return (struct kh_named_mechanism){MECHANISM(CKM_EDDSA), CKF_SIGN, 0};
    if (rsa)
        return (struct kh_named_mechanism){MECHANISM(CKM_RSA_PKCS), CKF_SIGN, kind->bits};
    return (struct kh_named_mechanism){MECHANISM(CKM_ECDSA), CKF_SIGN, kind->bits};
}

static CK_RV need(struct kh_call *call, const struct kh_named_kind *kind,
    const struct kh_named_mechanism *mechanism)
{
    const char *word = kh_key_word(kh_key_kind_words(), kind->kind);
    const char *label = call->token->slot.label;
    CK_MECHANISM_INFO info = {0};
    CK_RV rv = kh_said(call, "C_GetMechanismInfo",
        call->p11->C_GetMechanismInfo(call->token->slot.id, mechanism->type, &info));

    if (rv == CKR_MECHANISM_INVALID ||
        (rv == CKR_OK && (info.flags & mechanism->flags) != mechanism->flags))
        return kh_verdict(
            call, kh_fail(call->err, KH_REFUSED,
                      "token '%s' has no keys of kind %s for this purpose: it lacks %s",
                      label, word, mechanism->name));
    if (rv == CKR_OK && mechanism->bits != 0 &&
        (mechanism->bits < info.ulMinKeySize || mechanism->bits > info.ulMaxKeySize))
        return kh_verdict(
            call, kh_fail(call->err, KH_REFUSED,
                      "token '%s' has no keys of kind %s: its %s is for %lu to %lu bits",
                      label, word, mechanism->name, (unsigned long)info.ulMinKeySize,
                      (unsigned long)info.ulMaxKeySize));
    return rv;
}

CK_RV kh_named_need(
    struct kh_call *call, const struct kh_named_kind *kind, uint32_t purposes)
{
    struct kh_named_mechanism mechanism = {kind->generate, kind->generate_name,
        kind->kind == KH_KIND_AES_256 ? CKF_GENERATE : CKF_GENERATE_KEY_PAIR, kind->bits};
    CK_RV rv = need(call, kind, &mechanism);

    for (uint32_t bit = KH_KEY_SIGN; bit <= KH_KEY_WRAP && rv == CKR_OK; bit <<= 1) {
        if (purposes & bit) {
            mechanism = for_purpose(kind, bit);
            rv = need(call, kind, &mechanism);
        }
    }
    return rv;
}
