#include "plugins/pkcs11/find.h"

#include <stdlib.h>
#include <string.h>

static bool there(const CK_ATTRIBUTE *attribute)
{
    return attribute->ulValueLen != (CK_ULONG)-1 && attribute->ulValueLen > 0;
}

static bool is_true(const CK_ATTRIBUTE *attribute, const CK_BBOOL *value)
{
    return attribute->ulValueLen == sizeof(CK_BBOOL) && *value == CK_TRUE;
}

static bool is_false(const CK_ATTRIBUTE *attribute, const CK_BBOOL *value)
{
    return attribute->ulValueLen == sizeof(CK_BBOOL) && *value == CK_FALSE;
}

/* PKCS#11 2.40, 5.7.5: what cannot be given is marked by its length, and the rest is
 * given. */
static bool partial(CK_RV rv)
{
    return rv == CKR_ATTRIBUTE_TYPE_INVALID || rv == CKR_ATTRIBUTE_SENSITIVE ||
           rv == CKR_BUFFER_TOO_SMALL;
}

CK_RV kh_look_at(struct kh_call *call, CK_OBJECT_HANDLE handle, struct kh_look *look)
{
    CK_OBJECT_CLASS class = 0;
    CK_BBOOL flags[6] = {0};
    unsigned char id[KH_KEY_ID_MAX];
    CK_ATTRIBUTE a[] = {
        {CKA_CLASS, &class, sizeof class},
        {CKA_ID, id, sizeof id},
        {CKA_TOKEN, &flags[0], 1},
        {CKA_PRIVATE, &flags[1], 1},
        {CKA_SENSITIVE, &flags[2], 1},
        {CKA_ALWAYS_SENSITIVE, &flags[3], 1},
        {CKA_EXTRACTABLE, &flags[4], 1},
        {CKA_NEVER_EXTRACTABLE, &flags[5], 1},
        {CKA_EC_PARAMS, NULL, 0},
        {CKA_MODULUS, NULL, 0},
        {CKA_VALUE_LEN, NULL, 0},
    };
    CK_RV rv = kh_said(call, "C_GetAttributeValue",
        call->p11->C_GetAttributeValue(call->session, handle, a, sizeof a / sizeof a[0]));

    memset(look, 0, sizeof *look);
    /* SoftHSM's word for an object whose class was not written yet when the process was
     * killed: nothing of it can be read, by anybody. It looks like an object without
     * attributes. */
    if (rv == CKR_ATTRIBUTE_VALUE_INVALID)
        return CKR_OK;
    if (rv != CKR_OK && !partial(rv))
        return rv;
    look->has_class = a[0].ulValueLen == sizeof class;
    look->private_key = look->has_class && class == CKO_PRIVATE_KEY;
    look->secret_key = look->has_class && class == CKO_SECRET_KEY;
    if (there(&a[1]) && a[1].ulValueLen <= sizeof id) {
        look->id.len = a[1].ulValueLen;
        memcpy(look->id.bytes, id, look->id.len);
    }
    look->token = is_true(&a[2], &flags[0]);
    look->private = is_true(&a[3], &flags[1]);
    look->sensitive = is_true(&a[4], &flags[2]);
    look->always_sensitive = is_true(&a[5], &flags[3]);
    look->extractable = !is_false(&a[6], &flags[4]);
    look->never_extractable = is_true(&a[7], &flags[5]);
    look->material = look->secret_key ? there(&a[10]) : there(&a[8]) || there(&a[9]);
    return CKR_OK;
}

const char *kh_look_fault(const struct kh_look *look, const struct kh_wanted *wanted)
{
    const struct kh_key_id *id = wanted->id;

    if (wanted->secret_key ? !look->secret_key : !look->private_key)
        return wanted->secret_key ? "it is not a secret key" : "it is not a private key";
    if (look->id.len != id->len || memcmp(look->id.bytes, id->bytes, id->len) != 0)
        return "it has another id";
    if (!look->material)
        return "it is half-made: it has no key material";
    if (!look->token)
        return "it is not stored on the token (CKA_TOKEN)";
    if (!look->private)
        return "it is not private (CKA_PRIVATE)";
    if (!look->sensitive || !look->always_sensitive)
        return "it is not sensitive (CKA_SENSITIVE)";
    if (look->extractable || !look->never_extractable)
        return "it is extractable (CKA_EXTRACTABLE)";
    return NULL;
}
