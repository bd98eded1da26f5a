/* The function list that tells each call before it is made: whoever reads knows in which
 * one a process hung or died. */
#include "plugins/pkcs11/doctor/probe.h"

static CK_FUNCTION_LIST_PTR real;
static CK_FUNCTION_LIST traced;

static CK_RV back(CK_RV rv)
{
    kh_probe_leave();
    return rv;
}

static CK_RV told_Initialize(void *arg)
{
    kh_probe_enter("C_Initialize");
    return back(real->C_Initialize(arg));
}

static CK_RV told_Finalize(void *arg)
{
    kh_probe_enter("C_Finalize");
    return back(real->C_Finalize(arg));
}

static CK_RV told_GetInfo(CK_INFO *info)
{
    kh_probe_enter("C_GetInfo");
    return back(real->C_GetInfo(info));
}

static CK_RV told_GetSlotList(CK_BBOOL present, CK_SLOT_ID *list, CK_ULONG *count)
{
    kh_probe_enter("C_GetSlotList");
    return back(real->C_GetSlotList(present, list, count));
}

static CK_RV told_GetSlotInfo(CK_SLOT_ID slot, CK_SLOT_INFO *info)
{
    kh_probe_enter("C_GetSlotInfo");
    return back(real->C_GetSlotInfo(slot, info));
}

static CK_RV told_GetTokenInfo(CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
    kh_probe_enter("C_GetTokenInfo");
    return back(real->C_GetTokenInfo(slot, info));
}

static CK_RV told_GetMechanismInfo(
    CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO *info)
{
    kh_probe_enter("C_GetMechanismInfo");
    return back(real->C_GetMechanismInfo(slot, type, info));
}

static CK_RV told_OpenSession(CK_SLOT_ID slot, CK_FLAGS flags, void *arg,
    CK_NOTIFY notify, CK_SESSION_HANDLE *session)
{
    kh_probe_enter("C_OpenSession");
    return back(real->C_OpenSession(slot, flags, arg, notify, session));
}

static CK_RV told_CloseSession(CK_SESSION_HANDLE session)
{
    kh_probe_enter("C_CloseSession");
    return back(real->C_CloseSession(session));
}

static CK_RV told_CloseAllSessions(CK_SLOT_ID slot)
{
    kh_probe_enter("C_CloseAllSessions");
    return back(real->C_CloseAllSessions(slot));
}

static CK_RV told_Login(
    CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR *pin, CK_ULONG len)
{
    kh_probe_enter("C_Login");
    return back(real->C_Login(session, user, pin, len));
}

static CK_RV told_Logout(CK_SESSION_HANDLE session)
{
    kh_probe_enter("C_Logout");
    return back(real->C_Logout(session));
}

static CK_RV told_CreateObject(CK_SESSION_HANDLE session, CK_ATTRIBUTE *template,
    CK_ULONG count, CK_OBJECT_HANDLE *object)
{
    kh_probe_enter("C_CreateObject");
    return back(real->C_CreateObject(session, template, count, object));
}

static CK_RV told_CopyObject(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
    CK_ATTRIBUTE *template, CK_ULONG count, CK_OBJECT_HANDLE *copy)
{
    kh_probe_enter("C_CopyObject");
    return back(real->C_CopyObject(session, object, template, count, copy));
}

static CK_RV told_DestroyObject(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object)
{
    kh_probe_enter("C_DestroyObject");
    return back(real->C_DestroyObject(session, object));
}

static CK_RV told_GetAttributeValue(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
    CK_ATTRIBUTE *template, CK_ULONG count)
{
    kh_probe_enter("C_GetAttributeValue");
    return back(real->C_GetAttributeValue(session, object, template, count));
}

static CK_RV told_SetAttributeValue(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
    CK_ATTRIBUTE *template, CK_ULONG count)
{
    kh_probe_enter("C_SetAttributeValue");
    return back(real->C_SetAttributeValue(session, object, template, count));
}

static CK_RV told_FindObjectsInit(
    CK_SESSION_HANDLE session, CK_ATTRIBUTE *template, CK_ULONG count)
{
    kh_probe_enter("C_FindObjectsInit");
    return back(real->C_FindObjectsInit(session, template, count));
}

static CK_RV told_FindObjects(
    CK_SESSION_HANDLE session, CK_OBJECT_HANDLE *list, CK_ULONG max, CK_ULONG *count)
{
    kh_probe_enter("C_FindObjects");
    return back(real->C_FindObjects(session, list, max, count));
}

static CK_RV told_FindObjectsFinal(CK_SESSION_HANDLE session)
{
    kh_probe_enter("C_FindObjectsFinal");
    return back(real->C_FindObjectsFinal(session));
}

static CK_RV told_EncryptInit(
    CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    kh_probe_enter("C_EncryptInit");
    return back(real->C_EncryptInit(session, mechanism, key));
}

static CK_RV told_Encrypt(CK_SESSION_HANDLE session, CK_BYTE *in, CK_ULONG in_len,
    CK_BYTE *out, CK_ULONG *out_len)
{
    kh_probe_enter("C_Encrypt");
    return back(real->C_Encrypt(session, in, in_len, out, out_len));
}

static CK_RV told_DecryptInit(
    CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    kh_probe_enter("C_DecryptInit");
    return back(real->C_DecryptInit(session, mechanism, key));
}

static CK_RV told_Decrypt(CK_SESSION_HANDLE session, CK_BYTE *in, CK_ULONG in_len,
    CK_BYTE *out, CK_ULONG *out_len)
{
    kh_probe_enter("C_Decrypt");
    return back(real->C_Decrypt(session, in, in_len, out, out_len));
}

static CK_RV told_SignInit(
    CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    kh_probe_enter("C_SignInit");
    return back(real->C_SignInit(session, mechanism, key));
}

static CK_RV told_Sign(CK_SESSION_HANDLE session, CK_BYTE *in, CK_ULONG in_len,
    CK_BYTE *out, CK_ULONG *out_len)
{
    kh_probe_enter("C_Sign");
    return back(real->C_Sign(session, in, in_len, out, out_len));
}

static CK_RV told_GenerateKey(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism,
    CK_ATTRIBUTE *template, CK_ULONG count, CK_OBJECT_HANDLE *key)
{
    kh_probe_enter("C_GenerateKey");
    return back(real->C_GenerateKey(session, mechanism, template, count, key));
}

static CK_RV told_GenerateKeyPair(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism,
    CK_ATTRIBUTE *public_template, CK_ULONG public_count, CK_ATTRIBUTE *private_template,
    CK_ULONG private_count, CK_OBJECT_HANDLE *public_key, CK_OBJECT_HANDLE *private_key)
{
    kh_probe_enter("C_GenerateKeyPair");
    return back(real->C_GenerateKeyPair(session, mechanism, public_template, public_count,
        private_template, private_count, public_key, private_key));
}

static CK_RV told_WrapKey(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism,
    CK_OBJECT_HANDLE wrapper, CK_OBJECT_HANDLE key, CK_BYTE *out, CK_ULONG *out_len)
{
    kh_probe_enter("C_WrapKey");
    return back(real->C_WrapKey(session, mechanism, wrapper, key, out, out_len));
}

static CK_RV told_DeriveKey(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism,
    CK_OBJECT_HANDLE base, CK_ATTRIBUTE *template, CK_ULONG count, CK_OBJECT_HANDLE *key)
{
    kh_probe_enter("C_DeriveKey");
    return back(real->C_DeriveKey(session, mechanism, base, template, count, key));
}

static CK_RV told_GenerateRandom(CK_SESSION_HANDLE session, CK_BYTE *out, CK_ULONG len)
{
    kh_probe_enter("C_GenerateRandom");
    return back(real->C_GenerateRandom(session, out, len));
}

CK_FUNCTION_LIST_PTR kh_probe_trace(CK_FUNCTION_LIST_PTR module)
{
    real = module;
    traced = *module;
    traced.C_Initialize = told_Initialize;
    traced.C_Finalize = told_Finalize;
    traced.C_GetInfo = told_GetInfo;
    traced.C_GetSlotList = told_GetSlotList;
    traced.C_GetSlotInfo = told_GetSlotInfo;
    traced.C_GetTokenInfo = told_GetTokenInfo;
    traced.C_GetMechanismInfo = told_GetMechanismInfo;
    traced.C_OpenSession = told_OpenSession;
    traced.C_CloseSession = told_CloseSession;
    traced.C_CloseAllSessions = told_CloseAllSessions;
    traced.C_Login = told_Login;
    traced.C_Logout = told_Logout;
    traced.C_CreateObject = told_CreateObject;
    traced.C_CopyObject = told_CopyObject;
    traced.C_DestroyObject = told_DestroyObject;
    traced.C_GetAttributeValue = told_GetAttributeValue;
    traced.C_SetAttributeValue = told_SetAttributeValue;
    traced.C_FindObjectsInit = told_FindObjectsInit;
    traced.C_FindObjects = told_FindObjects;
    traced.C_FindObjectsFinal = told_FindObjectsFinal;
    traced.C_EncryptInit = told_EncryptInit;
    traced.C_Encrypt = told_Encrypt;
    traced.C_DecryptInit = told_DecryptInit;
    traced.C_Decrypt = told_Decrypt;
    traced.C_SignInit = told_SignInit;
    traced.C_Sign = told_Sign;
    traced.C_GenerateKey = told_GenerateKey;
    traced.C_GenerateKeyPair = told_GenerateKeyPair;
    traced.C_WrapKey = told_WrapKey;
    traced.C_DeriveKey = told_DeriveKey;
    traced.C_GenerateRandom = told_GenerateRandom;
    return &traced;
}
