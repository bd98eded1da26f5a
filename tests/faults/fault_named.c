#include "tests/faults/fault_call.h"

static CK_FUNCTION_LIST_PTR real;

static CK_RV generate_key(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism,
    CK_ATTRIBUTE *list, CK_ULONG count, CK_OBJECT_HANDLE *key)
{
    struct fault_call call;
    CK_RV rv;

    if (fault_begin(&call, "C_GenerateKey", session, &rv))
        rv = fault_end(&call, real->C_GenerateKey(session, mechanism, list, count, key));
    return rv;
}

static CK_RV create_object(CK_SESSION_HANDLE session, CK_ATTRIBUTE *list, CK_ULONG count,
    CK_OBJECT_HANDLE *object)
{
    struct fault_call call;
    CK_RV rv;

    if (fault_begin(&call, "C_CreateObject", session, &rv))
        rv = fault_end(&call, real->C_CreateObject(session, list, count, object));
    return rv;
}

static CK_RV sign_init(
    CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    struct fault_call call;
    CK_RV rv;

    if (!fault_begin(&call, "C_SignInit", session, &rv))
        return rv;
    if (call.fault.hide && call.fault.hidden == mechanism->mechanism)
        return fault_end(&call, CKR_MECHANISM_INVALID);
    return fault_end(
        &call, real->C_SignInit(session, mechanism, fault_swapped(&call.fault, key)));
}

static CK_RV sign(CK_SESSION_HANDLE session, CK_BYTE *in, CK_ULONG in_len, CK_BYTE *out,
    CK_ULONG *out_len)
{
    struct fault_call call;
    CK_RV rv;

    if (fault_begin(&call, "C_Sign", session, &rv))
        rv = fault_end(&call, real->C_Sign(session, in, in_len, out, out_len));
    if (rv == CKR_OK)
        fault_shorten(&call.fault, out_len);
    return rv;
}

static CK_RV wrap_key(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism,
    CK_OBJECT_HANDLE wrapping, CK_OBJECT_HANDLE key, CK_BYTE *out, CK_ULONG *out_len)
{
    struct fault_call call;
    CK_RV rv;

    if (fault_begin(&call, "C_WrapKey", session, &rv))
        rv = fault_end(
            &call, real->C_WrapKey(session, mechanism, wrapping, key, out, out_len));
    if (rv == CKR_OK)
        fault_shorten(&call.fault, out_len);
    return rv;
}

static CK_RV unwrap_key(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism,
    CK_OBJECT_HANDLE wrapping, CK_BYTE *in, CK_ULONG in_len, CK_ATTRIBUTE *list,
    CK_ULONG count, CK_OBJECT_HANDLE *key)
{
    struct fault_call call;
    CK_RV rv;

    if (fault_begin(&call, "C_UnwrapKey", session, &rv))
        rv = fault_end(&call, real->C_UnwrapKey(session, mechanism, wrapping, in, in_len,
                                  list, count, key));
    return rv;
}

void fault_wrap_named(CK_FUNCTION_LIST *wrapped, CK_FUNCTION_LIST_PTR list)
{
    real = list;
    wrapped->C_GenerateKey = generate_key;
    wrapped->C_CreateObject = create_object;
    wrapped->C_SignInit = sign_init;
    wrapped->C_Sign = sign;
    wrapped->C_WrapKey = wrap_key;
    wrapped->C_UnwrapKey = unwrap_key;
}
