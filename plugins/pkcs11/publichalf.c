#include "plugins/pkcs11/publichalf.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#define POINT_MAX 97 /* P-384, uncompressed */
#define MODULUS_MAX 1024

/* DER of a public key from parameters. CKR_OK, or what a short or wrong public half comes
 * to. */
static CK_RV encode(const char *type, OSSL_PARAM *params, struct kh_public_half *out)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    EVP_PKEY *key = NULL;
    unsigned char *der = NULL;
    int len = -1;

    /* For an EC point this checks that it is on the curve. */
    if (ctx && EVP_PKEY_fromdata_init(ctx) > 0 &&
        EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) > 0)
        len = i2d_PUBKEY(key, &der);
    if (len > 0) {
        out->spki = malloc((size_t)len);
        if (out->spki) {
            memcpy(out->spki, der, (size_t)len);
            out->spki_len = (size_t)len;
        }
    }
    OPENSSL_free(der);
    EVP_PKEY_free(key);
    EVP_PKEY_CTX_free(ctx);
    return out->spki ? CKR_OK : CKR_FUNCTION_FAILED;
}

/* CKA_EC_POINT is a DER OCTET STRING of the point; some modules give the point itself.
 * POINT has *LEN bytes of room. */
static CK_RV read_point(
    struct kh_call *call, CK_OBJECT_HANDLE handle, unsigned char *point, size_t *len)
{
    unsigned char value[POINT_MAX + 8];
    CK_ATTRIBUTE a = {CKA_EC_POINT, value, sizeof value};
    CK_RV rv = kh_said(call, "C_GetAttributeValue",
        call->p11->C_GetAttributeValue(call->session, handle, &a, 1));
    size_t skip;

    if (rv != CKR_OK)
        return rv;
    if (a.ulValueLen < 2 || a.ulValueLen > sizeof value)
        return CKR_FUNCTION_FAILED;
    skip = value[0] == 0x04 && value[1] == a.ulValueLen - 2 ? 2 : 0;
    if (a.ulValueLen - skip != *len)
        return CKR_FUNCTION_FAILED;
    memcpy(point, value + skip, *len);
    return CKR_OK;
}

CK_RV kh_public_read_ec(struct kh_call *call, CK_OBJECT_HANDLE handle, const char *group,
    struct kh_public_half *out)
{
    unsigned char point[POINT_MAX];
    size_t len = strcmp(group, "prime256v1") == 0 ? 65 : POINT_MAX;
    char name[16];
    OSSL_PARAM params[3];
    CK_RV rv = read_point(call, handle, point, &len);

    if (rv != CKR_OK)
        return rv;
    if (point[0] != 0x04) /* SEC 1, 2.3.3: uncompressed */
        return CKR_FUNCTION_FAILED;
    (void)snprintf(name, sizeof name, "%s", group);
    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, name, 0);
    params[1] = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, len);
    params[2] = OSSL_PARAM_construct_end();
    return encode("EC", params, out);
}

CK_RV kh_public_read_ed25519(
    struct kh_call *call, CK_OBJECT_HANDLE handle, struct kh_public_half *out)
{
    unsigned char point[32];
    size_t len = sizeof point;
    OSSL_PARAM params[2];
    CK_RV rv = read_point(call, handle, point, &len);

    if (rv != CKR_OK)
        return rv;
    params[0] = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, len);
    params[1] = OSSL_PARAM_construct_end();
    return encode("ED25519", params, out);
}

CK_RV kh_public_read_rsa(struct kh_call *call, CK_OBJECT_HANDLE handle, unsigned bits,
    struct kh_public_half *out)
{
    unsigned char modulus[MODULUS_MAX];
    unsigned char exponent[16];
    CK_ATTRIBUTE a[] = {{CKA_MODULUS, modulus, sizeof modulus},
        {CKA_PUBLIC_EXPONENT, exponent, sizeof exponent}};
    CK_RV rv = kh_said(call, "C_GetAttributeValue",
        call->p11->C_GetAttributeValue(call->session, handle, a, 2));
    OSSL_PARAM_BLD *bld;
    OSSL_PARAM *params = NULL;
    BIGNUM *n;
    BIGNUM *e;

    if (rv != CKR_OK)
        return rv;
    if (a[0].ulValueLen > sizeof modulus || a[1].ulValueLen > sizeof exponent)
        return CKR_FUNCTION_FAILED;
    bld = OSSL_PARAM_BLD_new();
    n = BN_bin2bn(modulus, (int)a[0].ulValueLen, NULL);
    e = BN_bin2bn(exponent, (int)a[1].ulValueLen, NULL);
    rv = CKR_FUNCTION_FAILED;
    if (bld && n && e && BN_num_bits(n) == (int)bits && BN_is_odd(e) &&
        OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, n) &&
        OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, e))
        params = OSSL_PARAM_BLD_to_param(bld);
    if (params)
        rv = encode("RSA", params, out);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(bld);
    BN_free(n);
    BN_free(e);
    return rv;
}
