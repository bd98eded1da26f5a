#include "plugins/pkcs11/envelope.h"

#include "plugins/pkcs11/recipient.h"
#include "provider/failure.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

struct profile {
    const char *name;
    kh_key_type type;
    const EVP_MD *(*oaep)(void);
};

static const struct profile profiles[] = {
    {"ecdh-p256", KH_KEY_EC_P256, NULL},
    {"rsa-oaep-sha256", KH_KEY_RSA, EVP_sha256},
    {"rsa-oaep-sha1", KH_KEY_RSA, EVP_sha1},
};

static const struct profile *find_profile(const char *name)
{
    for (size_t i = 0; i < sizeof profiles / sizeof profiles[0]; i++) {
        if (strcmp(profiles[i].name, name) == 0)
            return &profiles[i];
    }
    return NULL;
}

static bool fits(const EVP_PKEY *key, const struct profile *profile)
{
    char group[32] = "";

    if (profile->type == KH_KEY_RSA)
        return EVP_PKEY_is_a(key, "RSA") && EVP_PKEY_get_bits(key) >= 2048;
    return EVP_PKEY_is_a(key, "EC") &&
           EVP_PKEY_get_group_name(key, group, sizeof group, NULL) == 1 &&
           strcmp(group, SN_X9_62_prime256v1) == 0;
}

static bool set_name(X509 *certificate)
{
    X509_NAME *name = X509_get_subject_name(certificate);

    return X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_ASC,
               (const unsigned char *)"deposit key", -1, -1, 0) == 1 &&
           X509_set_issuer_name(certificate, name) == 1;
}

static bool set_key_id(X509 *certificate, const struct kh_key_id *id)
{
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
    bool ok = value && ASN1_OCTET_STRING_set(value, id->bytes, (int)id->len) == 1 &&
              X509_add1_ext_i2d(certificate, NID_subject_key_identifier, value, 0,
                  X509V3_ADD_DEFAULT) == 1;

    ASN1_OCTET_STRING_free(value);
    return ok;
}

/* CMS names a recipient through a certificate; this one exists in memory only. The last
 * call makes libcrypto read the extensions now, and not under a lock in the first seal.
 */
static bool fill(X509 *certificate, EVP_PKEY *key, const struct kh_envelopes *envelopes,
    const struct kh_key_id *id)
{
    return X509_set_version(certificate, X509_VERSION_3) == 1 &&
           ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1) == 1 &&
           X509_gmtime_adj(X509_getm_notBefore(certificate), 0) &&
           X509_gmtime_adj(X509_getm_notAfter(certificate), 86400) &&
           set_name(certificate) && set_key_id(certificate, id) &&
           X509_set_pubkey(certificate, key) == 1 &&
           X509_sign(certificate, envelopes->signer, envelopes->digest) > 0 &&
           X509_check_purpose(certificate, -1, 0) == 1;
}

static kh_status read_key(EVP_PKEY **key, const struct kh_envelopes *envelopes,
    const unsigned char *spki, size_t spki_len, struct kh_error *err)
{
    const unsigned char *at = spki;

    if (spki_len > 4096)
        return kh_fail(err, KH_INVALID, "public key: %zu bytes are too many", spki_len);
    *key = d2i_PUBKEY_ex(
        NULL, &at, (long)spki_len, envelopes->libctx, envelopes->properties);
    if (!*key || at != spki + spki_len)
        return kh_provider_fail(
            err, KH_INVALID, "public key: not a SubjectPublicKeyInfo");
    return KH_OK;
}

kh_status kh_recipient_new(struct kh_recipient **out, struct kh_envelopes *envelopes,
    const struct kh_key_id *id, const char *profile, const unsigned char *spki,
    size_t spki_len, struct kh_error *err)
{
    const struct profile *found = find_profile(profile);
    struct kh_recipient *recipient = NULL;
    EVP_PKEY *key = NULL;
    kh_status status;

    *out = NULL;
    if (!found)
        return kh_fail(err, KH_INVALID, "profile '%.32s' is not known", profile);
    if (id->len == 0 || id->len > KH_KEY_ID_MAX)
        return kh_fail(err, KH_INVALID, "key id: %zu bytes", id->len);
    kh_provider_begin();
    status = read_key(&key, envelopes, spki, spki_len, err);
    if (status == KH_OK && !fits(key, found))
        status = kh_fail(err, KH_INVALID, "public key: not one for profile %s", profile);
    if (status == KH_OK && !(recipient = calloc(1, sizeof *recipient)))
        status = kh_fail(err, KH_FATAL, "recipient: no memory");
    if (status == KH_OK) {
        recipient->type = found->type;
        recipient->oaep = found->oaep ? found->oaep() : NULL;
        recipient->certificate = X509_new_ex(envelopes->libctx, envelopes->properties);
        if (!recipient->certificate || !fill(recipient->certificate, key, envelopes, id))
            status = kh_provider_fail(err, KH_FATAL, "recipient certificate");
    }
    EVP_PKEY_free(key);
    if (status != KH_OK) {
        kh_recipient_free(recipient);
        return status;
    }
    *out = recipient;
    return KH_OK;
}

void kh_recipient_free(struct kh_recipient *recipient)
{
    if (!recipient)
        return;
    X509_free(recipient->certificate);
    free(recipient);
}
