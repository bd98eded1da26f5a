#include "plugins/pkcs11/keys.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>
#include <string.h>

/* RFC 5480, 2.1.1.1: secp256r1, DER. */
static const unsigned char p256_oid[] = {
    0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
static const unsigned char exponent_65537[] = {0x01, 0x00, 0x01};

#define POINT_LEN 65
#define MODULUS_MAX 1024

static CK_BBOOL yes = CK_TRUE;
static CK_BBOOL no = CK_FALSE;

/* What the attributes of both halves point to. */
struct values {
    struct kh_key_id id;
    char label[256];
    CK_ULONG bits;
    unsigned char parameters[sizeof p256_oid];
};

/* A public half on the token is found by its id should we die before it is destroyed. Its
 * use is left to the module: a TPM wants one use for both halves, and it has none. */
static CK_ULONG public_template(
    const struct kh_key_spec *spec, bool on_token, struct values *v, CK_ATTRIBUTE a[6])
{
    CK_ULONG n = 0;
    bool ec = spec->type == KH_KEY_EC_P256;

    a[n++] = (CK_ATTRIBUTE){CKA_TOKEN, on_token ? &yes : &no, sizeof no};
    a[n++] = (CK_ATTRIBUTE){CKA_PRIVATE, &no, sizeof no};
    if (ec) {
        memcpy(v->parameters, p256_oid, sizeof p256_oid);
        a[n++] = (CK_ATTRIBUTE){CKA_EC_PARAMS, v->parameters, sizeof p256_oid};
    } else {
        memcpy(v->parameters, exponent_65537, sizeof exponent_65537);
        a[n++] = (CK_ATTRIBUTE){CKA_MODULUS_BITS, &v->bits, sizeof v->bits};
        a[n++] =
            (CK_ATTRIBUTE){CKA_PUBLIC_EXPONENT, v->parameters, sizeof exponent_65537};
    }
    if (!on_token)
        a[n++] = (CK_ATTRIBUTE){ec ? CKA_DERIVE : CKA_ENCRYPT, &yes, sizeof yes};
    else if (spec->id)
        a[n++] = (CK_ATTRIBUTE){CKA_ID, v->id.bytes, v->id.len};
    return n;
}

static CK_ULONG private_template(
    const struct kh_key_spec *spec, bool on_token, struct values *v, CK_ATTRIBUTE a[14])
{
    CK_ULONG n = 0;
    bool ec = spec->type == KH_KEY_EC_P256;

    a[n++] = (CK_ATTRIBUTE){CKA_TOKEN, on_token ? &yes : &no, sizeof yes};
    a[n++] = (CK_ATTRIBUTE){CKA_PRIVATE, &yes, sizeof yes};
    a[n++] = (CK_ATTRIBUTE){CKA_SENSITIVE, &yes, sizeof yes};
    a[n++] = (CK_ATTRIBUTE){CKA_EXTRACTABLE, &no, sizeof no};
    a[n++] = (CK_ATTRIBUTE){CKA_MODIFIABLE, &no, sizeof no};
    a[n++] = (CK_ATTRIBUTE){ec ? CKA_DERIVE : CKA_DECRYPT, &yes, sizeof yes};
    a[n++] = (CK_ATTRIBUTE){ec ? CKA_DECRYPT : CKA_DERIVE, &no, sizeof no};
    a[n++] = (CK_ATTRIBUTE){CKA_SIGN, &no, sizeof no};
    a[n++] = (CK_ATTRIBUTE){CKA_UNWRAP, &no, sizeof no};
    if (spec->id)
        a[n++] = (CK_ATTRIBUTE){CKA_ID, v->id.bytes, v->id.len};
    if (spec->label) {
        (void)snprintf(v->label, sizeof v->label, "%s", spec->label);
        a[n++] = (CK_ATTRIBUTE){CKA_LABEL, v->label, strlen(v->label)};
    }
    return n;
}

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

/* CKA_EC_POINT is a DER OCTET STRING of the point; some modules give the point itself. */
static CK_RV read_ec(
    struct kh_call *call, CK_OBJECT_HANDLE handle, struct kh_public_half *out)
{
    unsigned char value[POINT_LEN + 8];
    unsigned char *point = value;
    char group[] = "prime256v1";
    CK_ATTRIBUTE a = {CKA_EC_POINT, value, sizeof value};
    OSSL_PARAM params[3];
    CK_RV rv = kh_said(call, "C_GetAttributeValue",
        call->p11->C_GetAttributeValue(call->session, handle, &a, 1));

    if (rv != CKR_OK)
        return rv;
    if (a.ulValueLen == POINT_LEN + 2 && value[0] == 0x04 && value[1] == POINT_LEN)
        point = value + 2;
    else if (a.ulValueLen != POINT_LEN)
        return CKR_FUNCTION_FAILED;
    if (point[0] != 0x04) /* SEC 1, 2.3.3: uncompressed */
        return CKR_FUNCTION_FAILED;
    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0);
    params[1] =
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, POINT_LEN);
    params[2] = OSSL_PARAM_construct_end();
    return encode("EC", params, out);
}

static CK_RV read_rsa(struct kh_call *call, CK_OBJECT_HANDLE handle, unsigned bits,
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

CK_RV kh_key_make(struct kh_call *call, const struct kh_key_spec *spec,
    CK_OBJECT_HANDLE *private_key, struct kh_public_half *public_half)
{
    bool ec = spec->type == KH_KEY_EC_P256;
    bool always = call->quirks & KH_QUIRK_PAIR_ON_TOKEN;
    CK_MECHANISM mechanism = {
        ec ? CKM_EC_KEY_PAIR_GEN : CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0};
    CK_ATTRIBUTE public_half_attributes[6];
    CK_ATTRIBUTE private_half_attributes[14];
    struct values v = {.bits = spec->bits};
    CK_OBJECT_HANDLE public_key = CK_INVALID_HANDLE;
    CK_ULONG public_count;
    CK_ULONG private_count;
    CK_RV rv;

    if (spec->id)
        v.id = *spec->id;
    public_count = public_template(spec, always, &v, public_half_attributes);
    private_count =
        private_template(spec, always || spec->on_token, &v, private_half_attributes);
    rv = kh_said(call, "C_GenerateKeyPair",
        call->p11->C_GenerateKeyPair(call->session, &mechanism, public_half_attributes,
            public_count, private_half_attributes, private_count, &public_key,
            private_key));
    if (rv != CKR_OK)
        return rv;
    rv = ec ? read_ec(call, public_key, public_half)
            : read_rsa(call, public_key, spec->bits, public_half);
    if (rv != CKR_OK)
        return rv; /* it goes with the session, or is found by its id */
    rv = kh_destroy(call, public_key, spec->id);
    if (rv != CKR_OK) {
        free(public_half->spki);
        *public_half = (struct kh_public_half){0};
    }
    return rv;
}
