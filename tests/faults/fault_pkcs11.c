/*
 * A PKCS#11 module that wraps a real one and fails on demand. Functions that a plan can
 * reach are wrapped; all others are the real module's own. See README.md.
 */
#include "tests/faults/fault_pkcs11.h"

#include "tests/faults/fault_call.h"
#include "tests/faults/plan.h"

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static CK_FUNCTION_LIST_PTR real;
static CK_FUNCTION_LIST wrapped;
static pid_t initialised_by;
static CK_SLOT_ID last_slot;

/* The handles of the first two private keys made, for `swap`. */
static pthread_mutex_t pair_mutex = PTHREAD_MUTEX_INITIALIZER;
static CK_OBJECT_HANDLE pair[2];

/* Calls share it. A token that loses its sessions or login does so between two calls:
 * SoftHSM frees what a call beside C_Logout or C_CloseAllSessions still uses. */
static pthread_rwlock_t real_calls = PTHREAD_RWLOCK_INITIALIZER;

static void disturb(CK_SESSION_HANDLE session, const struct fault *fault)
{
    if (!fault->lose_sessions && !fault->logout)
        return;
    (void)pthread_rwlock_wrlock(&real_calls);
    if (fault->lose_sessions)
        (void)real->C_CloseAllSessions(last_slot);
    if (fault->logout)
        (void)real->C_Logout(session);
    (void)pthread_rwlock_unlock(&real_calls);
}

bool fault_begin(
    struct fault_call *call, const char *function, CK_SESSION_HANDLE session, CK_RV *rv)
{
    call->function = function;
    plan_refresh();
    call->fault = plan_next(function);
    if (call->fault.kill_before)
        (void)kill(getpid(), SIGKILL);
    while (call->fault.hang && plan_hangs(function)) {
        (void)usleep(1000);
        plan_refresh();
    }
    if (call->fault.delay_us)
        (void)usleep(call->fault.delay_us);
    /* What several real modules do; SoftHSM goes on as if nothing had happened. */
    if (initialised_by != 0 && getpid() != initialised_by) {
        *rv = CKR_CRYPTOKI_NOT_INITIALIZED;
        return false;
    }
    disturb(session, &call->fault);
    *rv = call->fault.rv;
    if (call->fault.fail && !call->fault.after) {
        plan_log(function, *rv);
        return false;
    }
    (void)pthread_rwlock_rdlock(&real_calls);
    return true;
}

CK_RV fault_end(const struct fault_call *call, CK_RV rv)
{
    (void)pthread_rwlock_unlock(&real_calls);
    if (call->fault.kill_after)
        (void)kill(getpid(), SIGKILL);
    if (call->fault.fail && call->fault.after)
        rv = call->fault.rv;
    plan_log(call->function, rv);
    return rv;
}

void fault_shorten(const struct fault *fault, CK_ULONG *len)
{
    if (fault->shorten && *len != (CK_ULONG)-1)
        *len = *len > fault->shorten ? *len - fault->shorten : 0;
}

CK_OBJECT_HANDLE fault_swapped(const struct fault *fault, CK_OBJECT_HANDLE handle)
{
    CK_OBJECT_HANDLE other = handle;

    (void)pthread_mutex_lock(&pair_mutex);
    if (fault->swap && pair[1] != 0 && (handle == pair[0] || handle == pair[1]))
        other = handle == pair[0] ? pair[1] : pair[0];
    (void)pthread_mutex_unlock(&pair_mutex);
    return other;
}

static void remember(CK_OBJECT_HANDLE handle)
{
    (void)pthread_mutex_lock(&pair_mutex);
    if (pair[0] == 0)
        pair[0] = handle;
    else if (pair[1] == 0)
        pair[1] = handle;
    (void)pthread_mutex_unlock(&pair_mutex);
}

static CK_RV initialize(void *args)
{
    struct fault_call call;
    CK_RV rv;

    if (fault_begin(&call, "C_Initialize", 0, &rv))
        rv = fault_end(&call, real->C_Initialize(args));
    if (rv == CKR_OK)
        initialised_by = getpid();
    return rv;
}

static CK_RV finalize(void *reserved)
{
    struct fault_call call;
    CK_RV rv;

    if (fault_begin(&call, "C_Finalize", 0, &rv))
        rv = fault_end(&call, real->C_Finalize(reserved));
    if (rv == CKR_OK)
        initialised_by = 0;
    return rv;
}

static CK_RV get_slot_list(CK_BBOOL present, CK_SLOT_ID *list, CK_ULONG *count)
{
    struct fault_call call;
    CK_RV rv;

    if (fault_begin(&call, "C_GetSlotList", 0, &rv))
        rv = fault_end(&call, real->C_GetSlotList(present, list, count));
    return rv;
}

static CK_RV get_token_info(CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
    struct fault_call call;
    CK_RV rv;

    if (fault_begin(&call, "C_GetTokenInfo", 0, &rv))
        rv = fault_end(&call, real->C_GetTokenInfo(slot, info));
    if (rv == CKR_OK)
        info->flags |= call.fault.flags;
    return rv;
}

static CK_RV get_mechanism_info(
    CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO *info)
{
    struct fault_call call;
    CK_RV rv;

    if (!fault_begin(&call, "C_GetMechanismInfo", 0, &rv))
        return rv;
    if (call.fault.hide && call.fault.hidden == type)
        return fault_end(&call, CKR_MECHANISM_INVALID);
    return fault_end(&call, real->C_GetMechanismInfo(slot, type, info));
}

static CK_RV open_session(CK_SLOT_ID slot, CK_FLAGS flags, void *app, CK_NOTIFY notify,
    CK_SESSION_HANDLE *session)
{
    struct fault_call call;
    CK_RV rv;

    last_slot = slot;
    if (fault_begin(&call, "C_OpenSession", 0, &rv))
        rv = fault_end(&call, real->C_OpenSession(slot, flags, app, notify, session));
    return rv;
}

static CK_RV close_session(CK_SESSION_HANDLE session)
{
    struct fault_call call;
    CK_RV rv;

    if (fault_begin(&call, "C_CloseSession", session, &rv))
        rv = fault_end(&call, real->C_CloseSession(session));
    return rv;
}

static CK_RV get_session_info(CK_SESSION_HANDLE session, CK_SESSION_INFO *info)
{
    struct fault_call call;
    CK_RV rv;

    if (fault_begin(&call, "C_GetSessionInfo", session, &rv))
        rv = fault_end(&call, real->C_GetSessionInfo(session, info));
    return rv;
}

static CK_RV init_token(
    CK_SLOT_ID slot, CK_UTF8CHAR_PTR pin, CK_ULONG len, CK_UTF8CHAR_PTR label)
{
    struct fault_call call;
    CK_RV rv;

    if (fault_begin(&call, "C_InitToken", 0, &rv))
        rv = fault_end(&call, real->C_InitToken(slot, pin, len, label));
    return rv;
}

static CK_RV init_pin(CK_SESSION_HANDLE session, CK_UTF8CHAR_PTR pin, CK_ULONG len)
{
    struct fault_call call;
    CK_RV rv;

    if (fault_begin(&call, "C_InitPIN", session, &rv))
        rv = fault_end(&call, real->C_InitPIN(session, pin, len));
    return rv;
}

static CK_RV login(
    CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR *pin, CK_ULONG len)
{
    struct fault_call call;
    CK_RV rv;

    if (fault_begin(&call, "C_Login", session, &rv))
        rv = fault_end(&call, real->C_Login(session, user, pin, len));
    return rv;
}

static CK_RV find_objects_init(
    CK_SESSION_HANDLE session, CK_ATTRIBUTE *list, CK_ULONG count)
{
    struct fault_call call;
    CK_RV rv;

    if (fault_begin(&call, "C_FindObjectsInit", session, &rv))
        rv = fault_end(&call, real->C_FindObjectsInit(session, list, count));
    return rv;
}

static CK_RV find_objects(
    CK_SESSION_HANDLE session, CK_OBJECT_HANDLE *list, CK_ULONG max, CK_ULONG *count)
{
    struct fault_call call;
    CK_RV rv;

    if (fault_begin(&call, "C_FindObjects", session, &rv))
        rv = fault_end(&call, real->C_FindObjects(session, list, max, count));
    for (CK_ULONG i = 0; rv == CKR_OK && i < *count; i++)
        list[i] = fault_swapped(&call.fault, list[i]);
    return rv;
}

static CK_RV find_objects_final(CK_SESSION_HANDLE session)
{
    struct fault_call call;
    CK_RV rv;

    if (fault_begin(&call, "C_FindObjectsFinal", session, &rv))
        rv = fault_end(&call, real->C_FindObjectsFinal(session));
    return rv;
}

static CK_RV get_attribute_value(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
    CK_ATTRIBUTE *list, CK_ULONG count)
{
    struct fault_call call;
    CK_RV rv;

    if (!fault_begin(&call, "C_GetAttributeValue", session, &rv))
        return rv;
    rv = fault_end(&call, real->C_GetAttributeValue(
                              session, fault_swapped(&call.fault, object), list, count));
    for (CK_ULONG i = 0; i < count; i++) {
        if (call.fault.lie && list[i].type == call.fault.lie_type && list[i].pValue) {
            memcpy(list[i].pValue, &call.fault.lie_value, 1);
            list[i].ulValueLen = 1;
        }
        fault_shorten(&call.fault, &list[i].ulValueLen);
    }
    return rv;
}

static CK_RV generate_key_pair(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism,
    CK_ATTRIBUTE *public_list, CK_ULONG public_count, CK_ATTRIBUTE *private_list,
    CK_ULONG private_count, CK_OBJECT_HANDLE *public_key, CK_OBJECT_HANDLE *private_key)
{
    struct fault_call call;
    CK_BBOOL on_token = CK_FALSE;
    CK_RV rv;

    if (!fault_begin(&call, "C_GenerateKeyPair", session, &rv))
        return rv;
    if (call.fault.hide && call.fault.hidden == mechanism->mechanism)
        return fault_end(&call, CKR_MECHANISM_INVALID);
    rv = real->C_GenerateKeyPair(session, mechanism, public_list, public_count,
        private_list, private_count, public_key, private_key);
    for (CK_ULONG i = 0; i < private_count; i++) {
        if (private_list[i].type == CKA_TOKEN)
            memcpy(&on_token, private_list[i].pValue, 1);
    }
    if (rv == CKR_OK && on_token)
        remember(*private_key);
    return fault_end(&call, rv);
}

static CK_RV destroy_object(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object)
{
    struct fault_call call;
    CK_RV rv;

    if (fault_begin(&call, "C_DestroyObject", session, &rv))
        rv = fault_end(
            &call, real->C_DestroyObject(session, fault_swapped(&call.fault, object)));
    return rv;
}

static CK_RV derive_key(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism,
    CK_OBJECT_HANDLE base, CK_ATTRIBUTE *list, CK_ULONG count, CK_OBJECT_HANDLE *key)
{
    struct fault_call call;
    CK_RV rv;

    if (!fault_begin(&call, "C_DeriveKey", session, &rv))
        return rv;
    if (call.fault.hide && call.fault.hidden == mechanism->mechanism)
        return fault_end(&call, CKR_MECHANISM_INVALID);
    return fault_end(&call, real->C_DeriveKey(session, mechanism,
                                fault_swapped(&call.fault, base), list, count, key));
}

static CK_RV decrypt_init(
    CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    struct fault_call call;
    CK_RV rv;

    if (!fault_begin(&call, "C_DecryptInit", session, &rv))
        return rv;
    if (call.fault.hide && call.fault.hidden == mechanism->mechanism)
        return fault_end(&call, CKR_MECHANISM_INVALID);
    return fault_end(
        &call, real->C_DecryptInit(session, mechanism, fault_swapped(&call.fault, key)));
}

static CK_RV decrypt(CK_SESSION_HANDLE session, CK_BYTE *in, CK_ULONG in_len,
    CK_BYTE *out, CK_ULONG *out_len)
{
    struct fault_call call;
    CK_RV rv;

    if (fault_begin(&call, "C_Decrypt", session, &rv))
        rv = fault_end(&call, real->C_Decrypt(session, in, in_len, out, out_len));
    if (rv == CKR_OK)
        fault_shorten(&call.fault, out_len);
    return rv;
}

static CK_RV generate_random(CK_SESSION_HANDLE session, CK_BYTE *out, CK_ULONG len)
{
    struct fault_call call;
    CK_RV rv;

    if (fault_begin(&call, "C_GenerateRandom", session, &rv))
        rv = fault_end(&call, real->C_GenerateRandom(session, out, len));
    return rv;
}

static void wrap(void)
{
    wrapped = *real;
    wrapped.C_Initialize = initialize;
    wrapped.C_Finalize = finalize;
    wrapped.C_GetSlotList = get_slot_list;
    wrapped.C_GetTokenInfo = get_token_info;
    wrapped.C_GetMechanismInfo = get_mechanism_info;
    wrapped.C_OpenSession = open_session;
    wrapped.C_CloseSession = close_session;
    wrapped.C_GetSessionInfo = get_session_info;
    wrapped.C_InitToken = init_token;
    wrapped.C_InitPIN = init_pin;
    wrapped.C_Login = login;
    wrapped.C_FindObjectsInit = find_objects_init;
    wrapped.C_FindObjects = find_objects;
    wrapped.C_FindObjectsFinal = find_objects_final;
    wrapped.C_GetAttributeValue = get_attribute_value;
    wrapped.C_GenerateKeyPair = generate_key_pair;
    wrapped.C_DestroyObject = destroy_object;
    wrapped.C_DeriveKey = derive_key;
    wrapped.C_DecryptInit = decrypt_init;
    wrapped.C_Decrypt = decrypt;
    wrapped.C_GenerateRandom = generate_random;
    fault_wrap_named(&wrapped, real);
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR list)
{
    const char *path = getenv("FAULT_PKCS11_MODULE");
    CK_C_GetFunctionList get_list;
    void *handle;
    void *symbol;

    if (!real) {
        handle = dlopen(
            path ? path : "/usr/lib/softhsm/libsofthsm2.so", RTLD_NOW | RTLD_LOCAL);
        symbol = handle ? dlsym(handle, "C_GetFunctionList") : NULL;
        if (!symbol) {
            fprintf(stderr, "fault_pkcs11: %s\n", dlerror());
            return CKR_GENERAL_ERROR;
        }
        memcpy(&get_list, &symbol, sizeof get_list);
        if (get_list(&real) != CKR_OK)
            return CKR_GENERAL_ERROR;
        wrap();
    }
    *list = &wrapped;
    return CKR_OK;
}

void fault_pkcs11_plan(const char *text)
{
    plan_set(text);
}

unsigned long fault_pkcs11_calls(const char *function)
{
    return plan_calls(function);
}

void fault_pkcs11_forget(void)
{
    (void)pthread_mutex_lock(&pair_mutex);
    pair[0] = pair[1] = 0;
    (void)pthread_mutex_unlock(&pair_mutex);
}
