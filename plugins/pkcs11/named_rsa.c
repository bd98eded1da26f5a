#include "plugins/pkcs11/named_ops.h"

#include <keyhsm/key_words.h>
#include <openssl/crypto.h>
#include <string.h>

#define PREFIX_MAX 19

/* A hash function to PKCS#11, and the DigestInfo before its digest (RFC 8017, 9.2). */
static const struct hash {
    CK_MECHANISM_TYPE mechanism;
    CK_RSA_PKCS_MGF_TYPE mgf;
    unsigned char prefix[PREFIX_MAX];
    size_t prefix_len;
} hashes[] = {
    [KH_HASH_SHA1] = {CKM_SHA_1, CKG_MGF1_SHA1,
        {0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00,
            0x04, 0x14},
        15},
    [KH_HASH_SHA224] = {CKM_SHA224, CKG_MGF1_SHA224,
        {0x30, 0x2d, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04,
            0x02, 0x04, 0x05, 0x00, 0x04, 0x1c},
        19},
    [KH_HASH_SHA256] = {CKM_SHA256, CKG_MGF1_SHA256,
        {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04,
            0x02, 0x01, 0x05, 0x00, 0x04, 0x20},
        19},
    [KH_HASH_SHA384] = {CKM_SHA384, CKG_MGF1_SHA384,
        {0x30, 0x41, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04,
            0x02, 0x02, 0x05, 0x00, 0x04, 0x30},
        19},
    [KH_HASH_SHA512] = {CKM_SHA512, CKG_MGF1_SHA512,
        {0x30, 0x51, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04,
            0x02, 0x03, 0x05, 0x00, 0x04, 0x40},
        19},
};

/* One of the modulus's length, or something went wrong. */
static CK_RV sign(struct kh_call *call, struct kh_named_work *work,
    CK_MECHANISM *mechanism, const struct kh_buf *in)
{
    struct kh_buf *out = work->use->out;
    CK_RV rv;

    out->len = work->room;
    rv = kh_named_c_sign(call, work, mechanism, in, out);
    return rv == CKR_OK && out->len != work->room ? CKR_FUNCTION_FAILED : rv;
}

CK_RV kh_named_rsa_pkcs1(struct kh_call *call, struct kh_named_work *work)
{
    const struct kh_key_use *use = work->use->use;
    const struct hash *hash = &hashes[use->hash]; /* KH_HASH_NONE: no prefix */
    unsigned char info[PREFIX_MAX + KH_KEY_INPUT_MAX];
    struct kh_buf in = {
        .data = info, .len = hash->prefix_len + use->input_len, .cap = sizeof info};
    CK_MECHANISM mechanism = {CKM_RSA_PKCS, NULL, 0};

    memcpy(info, hash->prefix, hash->prefix_len);
    memcpy(info + hash->prefix_len, use->input, use->input_len);
    return sign(call, work, &mechanism, &in);
}

CK_RV kh_named_rsa_pss(struct kh_call *call, struct kh_named_work *work)
{
    const struct kh_key_use *use = work->use->use;
    unsigned char digest[64];
    struct kh_buf in = {.data = digest, .len = use->input_len, .cap = sizeof digest};
    CK_RSA_PKCS_PSS_PARAMS params = {.hashAlg = hashes[use->hash].mechanism,
        .mgf = hashes[use->mgf_hash].mgf,
        .sLen = use->salt_len};
    CK_MECHANISM mechanism = {CKM_RSA_PKCS_PSS, &params, sizeof params};

    if (use->input_len > sizeof digest)
        return kh_said(call, "digest", CKR_DATA_LEN_RANGE);
    memcpy(digest, use->input, use->input_len);
    return sign(call, work, &mechanism, &in);
}

/* Unpadding in software, for hash functions that a token has not, would make the token
 * undo any RSA at all with a key, and what comes out differ in time: it is refused. */
CK_RV kh_named_rsa_oaep(struct kh_call *call, struct kh_named_work *work)
{
    const struct kh_key_use *use = work->use->use;
    CK_RSA_PKCS_OAEP_PARAMS params = {.hashAlg = hashes[use->hash].mechanism,
        .mgf = hashes[use->mgf_hash].mgf,
        .source = CKZ_DATA_SPECIFIED};
    CK_MECHANISM mechanism = {CKM_RSA_PKCS_OAEP, &params, sizeof params};
    unsigned char in[512];
    CK_ULONG len = work->room;
    CK_RV rv;

    if (use->input_len > sizeof in)
        return kh_said(call, "ciphertext", CKR_ENCRYPTED_DATA_LEN_RANGE);
    memcpy(in, use->input, use->input_len);
    rv = kh_said(call, "C_DecryptInit",
        call->p11->C_DecryptInit(call->session, &mechanism, work->key));
    if (rv != CKR_OK)
        return kh_named_lacks(call, work, rv);
    rv = kh_said(call, "C_Decrypt",
        call->p11->C_Decrypt(
            call->session, in, use->input_len, work->use->out->data, &len));
    if (rv == CKR_OK && len > work->room)
        rv = CKR_DEVICE_ERROR;
    if (kh_named_doubtful(rv))
        return kh_named_bad_input(call, "the ciphertext does not open with this key");
    if (rv == CKR_OK)
        work->use->out->len = len;
    return kh_named_lacks(call, work, rv);
}
