#include "plugins/softfile/unlock.h"

#include <openssl/ec.h>
#include <openssl/objects.h>
#include <string.h>

/* An uncompressed point of P-256 (SEC 1, 2.3.3). */
enum { P256_POINT = 65, UNCOMPRESSED = 0x04 };

static bool is_for(CMS_RecipientInfo *recipient, X509 *cert)
{
    STACK_OF(CMS_RecipientEncryptedKey) * keys;

    if (CMS_RecipientInfo_type(recipient) == CMS_RECIPINFO_TRANS)
        return CMS_RecipientInfo_ktri_cert_cmp(recipient, cert) == 0;
    if (CMS_RecipientInfo_type(recipient) != CMS_RECIPINFO_AGREE)
        return false;
    keys = CMS_RecipientInfo_kari_get0_reks(recipient);
    for (int i = 0; i < sk_CMS_RecipientEncryptedKey_num(keys); i++) {
        if (CMS_RecipientEncryptedKey_cert_cmp(
                sk_CMS_RecipientEncryptedKey_value(keys, i), cert) == 0)
            return true;
    }
    return false;
}

bool kh_soft_is_for_us(const struct kh_soft_keys *keys, CMS_ContentInfo *cms)
{
    STACK_OF(CMS_RecipientInfo) *recipients = CMS_get0_RecipientInfos(cms);

    for (int i = 0; i < sk_CMS_RecipientInfo_num(recipients); i++) {
        if (is_for(sk_CMS_RecipientInfo_value(recipients, i), keys->cert))
            return true;
    }
    return false;
}

static bool is_p256(const EVP_PKEY *key)
{
    char group[32] = "";

    return EVP_PKEY_is_a(key, "EC") &&
           EVP_PKEY_get_group_name(key, group, sizeof group, NULL) == 1 &&
           strcmp(group, SN_X9_62_prime256v1) == 0;
}

/*
 * Gives the sender's point to CTX, which CMS does itself when it finds none there. It
 * would multiply it by the order of the group first, and that costs as much as the
 * agreement. P-256 has cofactor 1: a point that is on the curve, which is checked when it
 * is read, is in the group. What does not look like one is left to CMS.
 */
static bool set_sender(
    const struct kh_soft_keys *keys, CMS_RecipientInfo *recipient, EVP_PKEY_CTX *ctx)
{
    X509_ALGOR *algorithm = NULL;
    ASN1_BIT_STRING *bits = NULL;
    EVP_PKEY *sender;
    int parameters = V_ASN1_UNDEF;
    bool ok = true;

    if (CMS_RecipientInfo_kari_get0_orig_id(
            recipient, &algorithm, &bits, NULL, NULL, NULL) != 1)
        return false;
    if (algorithm)
        X509_ALGOR_get0(NULL, &parameters, NULL, algorithm);
    if (!bits || ASN1_STRING_length(bits) != P256_POINT ||
        ASN1_STRING_get0_data(bits)[0] != UNCOMPRESSED ||
        (parameters != V_ASN1_UNDEF && parameters != V_ASN1_NULL))
        return true;
    sender = EVP_PKEY_new();
    ok = sender && EVP_PKEY_copy_parameters(sender, keys->key) == 1 &&
         EVP_PKEY_set1_encoded_public_key(
             sender, ASN1_STRING_get0_data(bits), P256_POINT) == 1 &&
         EVP_PKEY_derive_set_peer_ex(ctx, sender, 0) == 1;
    EVP_PKEY_free(sender);
    return ok;
}

/* The one key in RECIPIENT that was encrypted for us; no other is tried. */
static bool agree(
    const struct kh_soft_keys *keys, CMS_ContentInfo *cms, CMS_RecipientInfo *recipient)
{
    STACK_OF(CMS_RecipientEncryptedKey) *list =
        CMS_RecipientInfo_kari_get0_reks(recipient);

    for (int i = 0; i < sk_CMS_RecipientEncryptedKey_num(list); i++) {
        CMS_RecipientEncryptedKey *ours = sk_CMS_RecipientEncryptedKey_value(list, i);
        EVP_PKEY_CTX *ctx;

        if (CMS_RecipientEncryptedKey_cert_cmp(ours, keys->cert) != 0)
            continue;
        if (CMS_RecipientInfo_kari_set0_pkey(recipient, keys->key) != 1)
            return false;
        ctx = CMS_RecipientInfo_get0_pkey_ctx(recipient);
        return ctx && set_sender(keys, recipient, ctx) &&
               CMS_RecipientInfo_kari_decrypt(cms, recipient, ours) == 1;
    }
    return false;
}

bool kh_soft_unlock(const struct kh_soft_keys *keys, CMS_ContentInfo *cms)
{
    STACK_OF(CMS_RecipientInfo) *recipients = CMS_get0_RecipientInfos(cms);

    for (int i = 0; is_p256(keys->key) && i < sk_CMS_RecipientInfo_num(recipients); i++) {
        CMS_RecipientInfo *recipient = sk_CMS_RecipientInfo_value(recipients, i);

        if (CMS_RecipientInfo_type(recipient) == CMS_RECIPINFO_AGREE &&
            is_for(recipient, keys->cert))
            return agree(keys, cms, recipient);
    }
    return CMS_decrypt_set1_pkey_and_peer(cms, keys->key, keys->cert, NULL) == 1;
}
