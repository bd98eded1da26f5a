/*
 * AES key wrap (RFC 3394) by C_WrapKey and C_UnwrapKey: what is wrapped is a session
 * object for the moment, which the token destroys again. A token's C_Encrypt with this
 * mechanism would need a key that may encrypt and decrypt at large.
 */
#include "plugins/pkcs11/named_ops.h"

#include <openssl/crypto.h>
#include <string.h>

#define WRAPPED_MAX 72

/* Out of the token and not kept, whatever became of the operation. A session object that
 * stays would keep a secret readable for as long as the session lives. */
static CK_RV destroy(struct kh_call *call, CK_OBJECT_HANDLE object, CK_RV rv)
{
    CK_RV gone = call->p11->C_DestroyObject(call->session, object);

    if (gone == CKR_OK)
        return rv;
    call->soiled = true; /* closing the session destroys it */
    return rv == CKR_OK ? kh_said(call, "C_DestroyObject", gone) : rv;
}

CK_RV kh_named_wrap(struct kh_call *call, struct kh_named_work *work)
{
    const struct kh_key_use *use = work->use->use;
    CK_OBJECT_CLASS class = CKO_SECRET_KEY;
    CK_KEY_TYPE type = CKK_GENERIC_SECRET;
    CK_BBOOL yes = CK_TRUE;
    CK_BBOOL no = CK_FALSE;
    unsigned char value[64];
    CK_ATTRIBUTE template[] = {
        {CKA_CLASS, &class, sizeof class},
        {CKA_KEY_TYPE, &type, sizeof type},
        {CKA_TOKEN, &no, sizeof no},
        {CKA_PRIVATE, &yes, sizeof yes},
        {CKA_EXTRACTABLE, &yes, sizeof yes},
        {CKA_VALUE, value, use->input_len},
    };
    CK_MECHANISM mechanism = {CKM_AES_KEY_WRAP, NULL, 0};
    CK_OBJECT_HANDLE object = CK_INVALID_HANDLE;
    CK_ULONG len = work->room;
    CK_RV rv;

    if (use->input_len > sizeof value)
        return kh_said(call, "key to wrap", CKR_DATA_LEN_RANGE);
    memcpy(value, use->input, use->input_len);
    rv = kh_said(call, "C_CreateObject",
        call->p11->C_CreateObject(
            call->session, template, sizeof template / sizeof template[0], &object));
    OPENSSL_cleanse(value, sizeof value);
    if (rv != CKR_OK)
        return rv;
    rv = kh_said(call, "C_WrapKey",
        call->p11->C_WrapKey(
            call->session, &mechanism, work->key, object, work->use->out->data, &len));
    if (rv == CKR_OK && len != use->input_len + 8)
        rv = CKR_FUNCTION_FAILED;
    if (rv == CKR_OK)
        work->use->out->len = len;
    return destroy(call, object, rv);
}

static CK_RV read_value(
    struct kh_call *call, struct kh_named_work *work, CK_OBJECT_HANDLE object)
{
    struct kh_buf *out = work->use->out;
    CK_ATTRIBUTE a = {CKA_VALUE, out->data, work->room};
    CK_RV rv = kh_said(call, "C_GetAttributeValue",
        call->p11->C_GetAttributeValue(call->session, object, &a, 1));

    /* A shorter key would be another key. */
    if (rv == CKR_OK && a.ulValueLen != work->use->use->input_len - 8)
        rv = CKR_FUNCTION_FAILED;
    if (rv == CKR_OK)
        out->len = a.ulValueLen;
    return rv;
}

CK_RV kh_named_unwrap(struct kh_call *call, struct kh_named_work *work)
{
    const struct kh_key_use *use = work->use->use;
    CK_OBJECT_CLASS class = CKO_SECRET_KEY;
    CK_KEY_TYPE type = CKK_GENERIC_SECRET;
    CK_BBOOL yes = CK_TRUE;
    CK_BBOOL no = CK_FALSE;
    CK_ATTRIBUTE template[] = {
        {CKA_CLASS, &class, sizeof class},
        {CKA_KEY_TYPE, &type, sizeof type},
        {CKA_TOKEN, &no, sizeof no},
        {CKA_PRIVATE, &yes, sizeof yes},
        {CKA_SENSITIVE, &no, sizeof no},
        {CKA_EXTRACTABLE, &yes, sizeof yes},
    };
    CK_MECHANISM mechanism = {CKM_AES_KEY_WRAP, NULL, 0};
    unsigned char wrapped[WRAPPED_MAX];
    CK_OBJECT_HANDLE object = CK_INVALID_HANDLE;
    CK_RV rv;

    if (use->input_len > sizeof wrapped)
        return kh_said(call, "wrapped key", CKR_WRAPPED_KEY_LEN_RANGE);
    memcpy(wrapped, use->input, use->input_len);
    rv = kh_said(call, "C_UnwrapKey",
        call->p11->C_UnwrapKey(call->session, &mechanism, work->key, wrapped,
            use->input_len, template, sizeof template / sizeof template[0], &object));
    if (kh_named_doubtful(rv))
        return kh_named_bad_input(
            call, "what was to be unwrapped was not wrapped by this key");
    if (rv != CKR_OK)
        return rv;
    return destroy(call, object, read_value(call, work, object));
}
