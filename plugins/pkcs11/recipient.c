#include "plugins/pkcs11/envelope.h"

#include "plugins/pkcs11/recipient.h"
#include "provider/failure.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

/* A SubjectPublicKeyInfo of RSA-16384 has 2 KiB. */
#define SPKI_MAX 4096

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

/* The parts of a SubjectPublicKeyInfo into CERTIFICATE as they are, without making a key
 * of them. */
static bool set_key_parts(
    X509 *certificate, const X509_ALGOR *algorithm, const ASN1_BIT_STRING *bits)
{
    const ASN1_OBJECT *type;
    const void *value;
    int value_type;
    ASN1_OBJECT *curve = NULL;
    unsigned char *copy;

    X509_ALGOR_get0(&type, &value_type, &value, algorithm);
    if (value_type == V_ASN1_OBJECT)
        curve = OBJ_dup(value);
    else if (value_type != V_ASN1_NULL)
        return false;
    copy = OPENSSL_memdup(ASN1_STRING_get0_data(bits), (size_t)ASN1_STRING_length(bits));
    if (copy && (curve || value_type == V_ASN1_NULL) &&
        X509_PUBKEY_set0_param(X509_get_X509_PUBKEY(certificate), OBJ_dup(type),
            value_type, curve, copy, ASN1_STRING_length(bits)) == 1)
        return true;
    ASN1_OBJECT_free(curve);
    OPENSSL_free(copy);
    return false;
}

static bool set_key(X509 *certificate, const unsigned char *spki, size_t len)
{
    const unsigned char *at = spki;
    const unsigned char *end = spki + len;
    X509_ALGOR *algorithm = NULL;
    ASN1_BIT_STRING *bits = NULL;
    long body;
    int tag;
    int class;
    bool ok = false;

    if (ASN1_get_object(&at, &body, &tag, &class, (long)len) == V_ASN1_CONSTRUCTED &&
        tag == V_ASN1_SEQUENCE && at + body == end)
        algorithm = d2i_X509_ALGOR(NULL, &at, end - at);
    if (algorithm)
        bits = d2i_ASN1_BIT_STRING(NULL, &at, end - at);
    if (bits && at == end)
        ok = set_key_parts(certificate, algorithm, bits);
    ASN1_BIT_STRING_free(bits);
    X509_ALGOR_free(algorithm);
    return ok;
}

static bool fill(X509 *certificate, const struct kh_envelopes *envelopes,
    const struct kh_key_id *id, const unsigned char *spki, size_t spki_len)
{
    return X509_set_version(certificate, X509_VERSION_3) == 1 &&
           ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1) == 1 &&
           X509_gmtime_adj(X509_getm_notBefore(certificate), 0) &&
           X509_gmtime_adj(X509_getm_notAfter(certificate), 86400) &&
           set_name(certificate) && set_key_id(certificate, id) &&
           set_key(certificate, spki, spki_len) &&
           X509_sign(certificate, envelopes->signer, envelopes->digest) > 0;
}

/*
 * Encodes CERTIFICATE and reads it again, which makes its key. X509_set_pubkey would run
 * an encoder and a decoder, each of which costs libcrypto 3.0 more than the rest of this
 * file. The last call has libcrypto read the extensions now, and not under a lock in the
 * first seal.
 */
static X509 *finish(X509 *certificate, const struct kh_envelopes *envelopes)
{
    unsigned char *der = NULL;
    int len = i2d_X509(certificate, &der);
    const unsigned char *at = der;
    X509 *again = len > 0 ? X509_new_ex(envelopes->libctx, envelopes->properties) : NULL;

    if (again && d2i_X509(&again, &at, len) && X509_check_purpose(again, -1, 0) != 1) {
        X509_free(again);
        again = NULL;
    }
    OPENSSL_free(der);
    return again;
}

/* CMS names a recipient through a certificate; this one exists in memory only. */
static X509 *make_certificate(const struct kh_envelopes *envelopes,
    const struct kh_key_id *id, const unsigned char *spki, size_t spki_len)
{
    X509 *draft = X509_new_ex(envelopes->libctx, envelopes->properties);
    X509 *certificate = NULL;

    if (draft && fill(draft, envelopes, id, spki, spki_len))
        certificate = finish(draft, envelopes);
    X509_free(draft);
    return certificate;
}

kh_status kh_recipient_new(struct kh_recipient **out, struct kh_envelopes *envelopes,
    const struct kh_key_id *id, const char *profile, const unsigned char *spki,
    size_t spki_len, struct kh_error *err)
{
    const struct profile *found = find_profile(profile);
    struct kh_recipient *recipient;
    X509 *certificate;
    EVP_PKEY *key;

    *out = NULL;
    if (!found)
        return kh_fail(err, KH_INVALID, "profile '%.32s' is not known", profile);
    if (id->len == 0 || id->len > KH_KEY_ID_MAX)
        return kh_fail(err, KH_INVALID, "key id: %zu bytes", id->len);
    if (spki_len > SPKI_MAX)
        return kh_fail(err, KH_INVALID, "public key: %zu bytes are too many", spki_len);
    kh_provider_begin();
    certificate = make_certificate(envelopes, id, spki, spki_len);
    key = certificate ? X509_get0_pubkey(certificate) : NULL;
    if (!key || !fits(key, found)) {
        X509_free(certificate);
        return key ? kh_fail(
                         err, KH_INVALID, "public key: not one for profile %s", profile)
                   : kh_provider_fail(err, KH_INVALID, "public key");
    }
    recipient = calloc(1, sizeof *recipient);
    if (!recipient) {
        X509_free(certificate);
        return kh_fail(err, KH_FATAL, "recipient: no memory");
    }
    recipient->certificate = certificate;
    recipient->type = found->type;
    recipient->oaep = found->oaep ? found->oaep() : NULL;
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
