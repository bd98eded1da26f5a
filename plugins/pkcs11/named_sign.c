#include "plugins/pkcs11/named_ops.h"

#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>

#define RAW_MAX (2 * 48) /* P-384 */

CK_RV kh_named_c_sign(struct kh_call *call, struct kh_named_work *work,
    CK_MECHANISM *mechanism, const struct kh_buf *in, struct kh_buf *out)
{
    CK_ULONG len = out->len;
    CK_RV rv = kh_said(
        call, "C_SignInit", call->p11->C_SignInit(call->session, mechanism, work->key));

    if (rv != CKR_OK)
        return kh_named_lacks(call, work, rv);
    rv = kh_said(call, "C_Sign",
        call->p11->C_Sign(call->session, in->data, in->len, out->data, &len));
    if (rv != CKR_OK && (call->quirks & KH_QUIRK_LATE_REFUSAL))
        return kh_named_lacks(call, work, rv);
    if (rv == CKR_OK && len > out->len)
        rv = CKR_FUNCTION_FAILED;
    if (rv == CKR_OK)
        out->len = len;
    return rv;
}

/* Ed25519 without context and prehash needs no parameters (PKCS#11 3.0, 2.3.14). */
CK_RV kh_named_ed25519(struct kh_call *call, struct kh_named_work *work)
{
    const struct kh_key_use *use = work->use->use;
    struct kh_buf *out = work->use->out;
    unsigned char message[KH_KEY_INPUT_MAX];
    struct kh_buf in = {.data = message, .len = use->input_len, .cap = sizeof message};
    CK_MECHANISM mechanism = {CKM_EDDSA, NULL, 0};
    CK_RV rv;

    memcpy(message, use->input, use->input_len);
    out->len = work->room;
    rv = kh_named_c_sign(call, work, &mechanism, &in, out);
    OPENSSL_cleanse(message, use->input_len);
    return rv == CKR_OK && out->len != 64 ? CKR_FUNCTION_FAILED : rv;
}

/* ECDSA-Sig-Value of r and s, each HALF bytes. */
static bool encode(const unsigned char *raw, size_t half, struct kh_buf *out)
{
    ECDSA_SIG *sig = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(raw, (int)half, NULL);
    BIGNUM *s = BN_bin2bn(raw + half, (int)half, NULL);
    unsigned char *at = out->data;
    int len = -1;

    if (sig && r && s && ECDSA_SIG_set0(sig, r, s) == 1) {
        r = NULL;
        s = NULL;
        if (i2d_ECDSA_SIG(sig, NULL) <= (int)out->len)
            len = i2d_ECDSA_SIG(sig, &at);
    }
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(sig);
    if (len > 0)
        out->len = (size_t)len;
    return len > 0;
}

/* A digest is a number: zeros in front of it change nothing. */
static size_t zeros_before(const struct kh_call *call, size_t len)
{
    enum { SHA1 = 20, SHA256 = 32 };

    if (!(call->quirks & KH_QUIRK_DIGEST_LENGTHS) || len >= SHA256 || len == SHA1)
        return 0;
    return SHA256 - len;
}

/* A digest longer than the curve's order is cut to its leftmost bits (FIPS 186-5, 6.4.1),
 * which not every token does. */
CK_RV kh_named_ecdsa(struct kh_call *call, struct kh_named_work *work)
{
    const struct kh_key_use *use = work->use->use;
    size_t half = work->kind->coordinate;
    unsigned char digest[KH_KEY_INPUT_MAX];
    unsigned char raw[RAW_MAX];
    struct kh_buf in = {.data = digest,
        .len = use->input_len < half ? use->input_len : half,
        .cap = sizeof digest};
    struct kh_buf sig = {.data = raw, .len = sizeof raw, .cap = sizeof raw};
    CK_MECHANISM mechanism = {CKM_ECDSA, NULL, 0};
    size_t zeros;
    CK_RV rv;

    zeros = zeros_before(call, in.len);
    memset(digest, 0, zeros);
    memcpy(digest + zeros, use->input, in.len);
    in.len += zeros;
    rv = kh_named_c_sign(call, work, &mechanism, &in, &sig);
    if (rv != CKR_OK)
        return rv;
    work->use->out->len = work->room;
    if (sig.len != 2 * half || !encode(raw, half, work->use->out))
        return kh_said(call, "C_Sign", CKR_FUNCTION_FAILED);
    return CKR_OK;
}
