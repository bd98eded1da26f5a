#include "plugins/pkcs11/keys.h"
#include "plugins/pkcs11/publichalf.h"

#include <stdlib.h>
#include <string.h>

/* RFC 5480, 2.1.1.1: secp256r1, DER. */
static const unsigned char p256_oid[] = {
    0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
static const unsigned char exponent_65537[] = {0x01, 0x00, 0x01};

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
    rv = ec ? kh_public_read_ec(call, public_key, "prime256v1", public_half)
            : kh_public_read_rsa(call, public_key, spec->bits, public_half);
    if (rv != CKR_OK)
        return rv; /* it goes with the session, or is found by its id */
    rv = kh_destroy(call, public_key, spec->id);
    if (rv != CKR_OK) {
        free(public_half->spki);
        *public_half = (struct kh_public_half){0};
    }
    return rv;
}
