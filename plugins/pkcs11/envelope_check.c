#include "plugins/pkcs11/envelope_check.h"

#include <openssl/asn1.h>
#include <openssl/objects.h>
#include <string.h>

/* Identifier octets (X.690 8.1.2) of what the profile consists of. */
enum {
    DER_INTEGER = 0x02,
    DER_BIT_STRING = 0x03,
    DER_OCTET_STRING = 0x04,
    DER_OID = 0x06,
    DER_SEQUENCE = 0x30,
    DER_SET = 0x31,
    DER_CONTEXT_0 = 0x80,
    DER_EXPLICIT_0 = 0xa0,
    DER_EXPLICIT_1 = 0xa1
};

struct span {
    const unsigned char *at;
    long len;
};

/* Takes the element with identifier ID off the front of IN; its content goes to BODY. */
static bool take(struct span *in, unsigned char id, struct span *body)
{
    const unsigned char *at = in->at;
    int tag;
    int class;
    int form;

    if (in->len < 2 || *at != id)
        return false;
    form = ASN1_get_object(&at, &body->len, &tag, &class, in->len);
    if (form != 0 && form != V_ASN1_CONSTRUCTED) /* broken, or of indefinite length */
        return false;
    body->at = at;
    in->len -= (long)(at - in->at) + body->len;
    in->at = at + body->len;
    return true;
}

/* Takes an element that must be the only one in IN. */
static bool take_only(struct span *in, unsigned char id, struct span *body)
{
    return take(in, id, body) && in->len == 0;
}

static bool take_oid(struct span *in, int nid)
{
    const ASN1_OBJECT *want = OBJ_nid2obj(nid);
    struct span oid;

    return take(in, DER_OID, &oid) && (size_t)oid.len == OBJ_length(want) &&
           memcmp(oid.at, OBJ_get0_data(want), OBJ_length(want)) == 0;
}

static bool take_number(struct span *in, unsigned char value)
{
    struct span number;

    return take(in, DER_INTEGER, &number) && number.len == 1 && *number.at == value;
}

static bool is_id(const struct span *id, const struct kh_key_id *want)
{
    return (size_t)id->len == want->len && memcmp(id->at, want->bytes, want->len) == 0;
}

/* OriginatorPublicKey: an uncompressed point, the parameters are the recipient's (RFC
 * 5753 3.1.1). */
static bool ephemeral_key_fits(struct span *in)
{
    struct span choice;
    struct span key;
    struct span algorithm;
    struct span bits;

    return take(in, DER_EXPLICIT_0, &choice) &&
           take_only(&choice, DER_EXPLICIT_1, &key) &&
           take(&key, DER_SEQUENCE, &algorithm) &&
           take_oid(&algorithm, NID_X9_62_id_ecPublicKey) && algorithm.len == 0 &&
           take_only(&key, DER_BIT_STRING, &bits) && bits.len == 66 && bits.at[0] == 0 &&
           bits.at[1] == 4;
}

/* RecipientEncryptedKeys with one member; the wrapped key is 8 bytes longer (RFC 3394).
 */
static bool encrypted_key_fits(struct span *keys, const struct kh_key_id *want)
{
    struct span key;
    struct span choice;
    struct span id;
    struct span wrapped;

    return take_only(keys, DER_SEQUENCE, &key) && take(&key, DER_EXPLICIT_0, &choice) &&
           take_only(&choice, DER_OCTET_STRING, &id) && is_id(&id, want) &&
           take_only(&key, DER_OCTET_STRING, &wrapped) && wrapped.len == 40;
}

/* KeyAgreeRecipientInfo (RFC 5652 6.2.2). */
static bool agreement_fits(struct span *info, const struct kh_key_id *want)
{
    struct span algorithm;
    struct span wrap;
    struct span keys;

    return take_number(info, 3) && ephemeral_key_fits(info) &&
           take(info, DER_SEQUENCE, &algorithm) &&
           take_oid(&algorithm, NID_dhSinglePass_stdDH_sha256kdf_scheme) &&
           take_only(&algorithm, DER_SEQUENCE, &wrap) &&
           take_oid(&wrap, NID_id_aes256_wrap) && wrap.len == 0 &&
           take_only(info, DER_SEQUENCE, &keys) && encrypted_key_fits(&keys, want);
}

/* SHA-256 without parameters, as libcrypto writes it (RFC 5754 2). */
static bool sha256_fits(struct span *in)
{
    struct span algorithm;

    return take_only(in, DER_SEQUENCE, &algorithm) && take_oid(&algorithm, NID_sha256) &&
           algorithm.len == 0;
}

/* RSAES-OAEP-params (RFC 4055 4.1): none, which means SHA-1, or SHA-256 for both; never a
 * label. */
static bool oaep_fits(struct span *in)
{
    struct span hash;
    struct span mask;
    struct span mgf;

    if (in->len == 0)
        return true;
    return take(in, DER_EXPLICIT_0, &hash) && sha256_fits(&hash) &&
           take_only(in, DER_EXPLICIT_1, &mask) && take_only(&mask, DER_SEQUENCE, &mgf) &&
           take_oid(&mgf, NID_mgf1) && sha256_fits(&mgf);
}

/* KeyTransRecipientInfo (RFC 5652 6.2.1). */
static bool transport_fits(struct span *info, const struct kh_token_key *key)
{
    struct span id;
    struct span algorithm;
    struct span oaep;
    struct span wrapped;

    return take_number(info, 2) && take(info, DER_CONTEXT_0, &id) &&
           is_id(&id, &key->id) && take(info, DER_SEQUENCE, &algorithm) &&
           take_oid(&algorithm, NID_rsaesOaep) &&
           take_only(&algorithm, DER_SEQUENCE, &oaep) && oaep_fits(&oaep) &&
           take_only(info, DER_OCTET_STRING, &wrapped) &&
           (size_t)wrapped.len == key->bits / 8;
}

static kh_status check_recipient(
    struct span *recipients, const struct kh_token_key *key, struct kh_error *err)
{
    bool agreement = key->type == KH_KEY_EC_P256;
    struct span info;

    if (!take(recipients, agreement ? DER_EXPLICIT_1 : DER_SEQUENCE, &info))
        return kh_fail(err, KH_CORRUPT, "envelope: not for a key of this type");
    if (recipients->len != 0)
        return kh_fail(err, KH_CORRUPT, "envelope: more than one recipient");
    if (!(agreement ? agreement_fits(&info, &key->id) : transport_fits(&info, key)))
        return kh_fail(
            err, KH_CORRUPT, "envelope: not for this key, or its key data is broken");
    return KH_OK;
}

/* EncryptedContentInfo with GCMParameters; aes-ICVlen has to be the 16 that the tag is
 * long. */
static bool content_fits(struct span *info, size_t *content_len)
{
    struct span algorithm;
    struct span parameters;
    struct span nonce;
    struct span content;

    if (!take_oid(info, NID_pkcs7_data) || !take(info, DER_SEQUENCE, &algorithm) ||
        !take_oid(&algorithm, NID_aes_256_gcm) ||
        !take_only(&algorithm, DER_SEQUENCE, &parameters) ||
        !take(&parameters, DER_OCTET_STRING, &nonce) || nonce.len != 12 ||
        !take_number(&parameters, 16) || parameters.len != 0 ||
        !take_only(info, DER_CONTEXT_0, &content))
        return false;
    *content_len = (size_t)content.len;
    return true;
}

kh_status kh_envelope_check(const unsigned char *der, size_t der_len,
    const struct kh_token_key *key, size_t *content_len, struct kh_error *err)
{
    struct span in = {der, (long)der_len};
    struct span info;
    struct span wrapper;
    struct span body;
    struct span recipients;
    struct span content;
    struct span tag;
    kh_status status;

    if (der_len > KH_ENVELOPE_MAX)
        return kh_fail(err, KH_CORRUPT, "envelope: %zu bytes, more than %u", der_len,
            KH_ENVELOPE_MAX);
    if (!take_only(&in, DER_SEQUENCE, &info) ||
        !take_oid(&info, NID_id_smime_ct_authEnvelopedData) ||
        !take_only(&info, DER_EXPLICIT_0, &wrapper) ||
        !take_only(&wrapper, DER_SEQUENCE, &body) || !take_number(&body, 0) ||
        !take(&body, DER_SET, &recipients))
        return kh_fail(
            err, KH_CORRUPT, "envelope: not CMS AuthEnvelopedData, or cut short");
    status = check_recipient(&recipients, key, err);
    if (status != KH_OK)
        return status;
    if (!take(&body, DER_SEQUENCE, &content) || !content_fits(&content, content_len))
        return kh_fail(err, KH_CORRUPT, "envelope: content is not AES-256-GCM data");
    if (!take_only(&body, DER_OCTET_STRING, &tag) || tag.len != 16)
        return kh_fail(
            err, KH_CORRUPT, "envelope: tag is not 16 bytes, or attributes follow");
    return KH_OK;
}
