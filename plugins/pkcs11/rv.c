#include "plugins/pkcs11/rv.h"

struct row {
    CK_RV rv;
    const char *name;
    kh_rung rung;
    kh_status status;
    const char *meaning; /* for an operator; NULL: the name says it */
};

#define ROW(code, rung, status, meaning)                                                 \
    {                                                                                    \
        code, #code, KH_RUNG_##rung, KH_##status, meaning                                \
    }

/* Classes as measured on five modules; GENERAL_ERROR and FUNCTION_FAILED are what SoftHSM
 * and openCryptoki also answer to a ciphertext they cannot decrypt, hence DOUBT and not
 * DEVICE. */
static const struct row rows[] = {
    {CKR_OK, "CKR_OK", KH_RUNG_NONE, KH_OK, NULL},
    ROW(CKR_SESSION_HANDLE_INVALID, SESSION, UNAVAILABLE, "the session is gone"),
    ROW(CKR_SESSION_CLOSED, SESSION, UNAVAILABLE, "the session is gone"),
    ROW(CKR_OPERATION_ACTIVE, SESSION, UNAVAILABLE,
        "the session is stuck in an operation"),
    ROW(CKR_OPERATION_NOT_INITIALIZED, SESSION, UNAVAILABLE, NULL),
    ROW(CKR_USER_NOT_LOGGED_IN, LOGIN, UNAVAILABLE, "the login is lost"),
    ROW(CKR_KEY_HANDLE_INVALID, HANDLE, UNAVAILABLE, "the key's handle is stale"),
    ROW(CKR_OBJECT_HANDLE_INVALID, HANDLE, UNAVAILABLE, "the object's handle is stale"),
    ROW(CKR_WRAPPING_KEY_HANDLE_INVALID, HANDLE, UNAVAILABLE,
        "the key's handle is stale"),
    ROW(CKR_UNWRAPPING_KEY_HANDLE_INVALID, HANDLE, UNAVAILABLE,
        "the key's handle is stale"),
    ROW(CKR_DEVICE_ERROR, DEVICE, UNAVAILABLE, "the token failed"),
    ROW(CKR_DEVICE_REMOVED, DEVICE, UNAVAILABLE, "the token was removed"),
    ROW(CKR_TOKEN_NOT_PRESENT, DEVICE, UNAVAILABLE, "the token is not there"),
    ROW(CKR_TOKEN_NOT_RECOGNIZED, DEVICE, UNAVAILABLE, "the token is not recognised"),
    ROW(CKR_CRYPTOKI_NOT_INITIALIZED, DEVICE, UNAVAILABLE,
        "the module is not initialised"),
    ROW(CKR_SLOT_ID_INVALID, DEVICE, UNAVAILABLE, "the slot is gone"),
    ROW(CKR_GENERAL_ERROR, DOUBT, UNAVAILABLE, NULL),
    ROW(CKR_FUNCTION_FAILED, DOUBT, UNAVAILABLE, NULL),
    ROW(CKR_FUNCTION_CANCELED, DOUBT, UNAVAILABLE, NULL),
    ROW(CKR_CANCEL, DOUBT, UNAVAILABLE, NULL),
    ROW(CKR_SESSION_COUNT, PRESSURE, UNAVAILABLE, "the token has no session left"),
    ROW(CKR_HOST_MEMORY, PRESSURE, UNAVAILABLE, "the module is out of memory"),
    ROW(CKR_DEVICE_MEMORY, PRESSURE, UNAVAILABLE, "the token is full"),
    ROW(CKR_PIN_INCORRECT, PERMANENT, REFUSED, "the PIN is wrong"),
    ROW(CKR_PIN_INVALID, PERMANENT, REFUSED,
        "the PIN has characters the token does not take"),
    ROW(CKR_PIN_LEN_RANGE, PERMANENT, REFUSED, "the PIN is too short or too long"),
    ROW(CKR_PIN_EXPIRED, PERMANENT, REFUSED, "the PIN has expired"),
    ROW(CKR_PIN_LOCKED, PERMANENT, REFUSED, "the PIN is locked"),
    ROW(CKR_USER_PIN_NOT_INITIALIZED, PERMANENT, REFUSED,
        "the token has no user PIN yet"),
    ROW(CKR_USER_TYPE_INVALID, PERMANENT, REFUSED, NULL),
    ROW(CKR_USER_ANOTHER_ALREADY_LOGGED_IN, PERMANENT, REFUSED, NULL),
    ROW(CKR_USER_ALREADY_LOGGED_IN, PERMANENT, REFUSED, NULL),
    ROW(CKR_USER_TOO_MANY_TYPES, PERMANENT, REFUSED, NULL),
    ROW(CKR_TOKEN_WRITE_PROTECTED, PERMANENT, REFUSED, "the token is write-protected"),
    ROW(CKR_SESSION_READ_ONLY, PERMANENT, REFUSED, "the token is write-protected"),
    ROW(CKR_MECHANISM_INVALID, PERMANENT, REFUSED, "the token lacks the mechanism"),
    ROW(CKR_MECHANISM_PARAM_INVALID, PERMANENT, REFUSED,
        "the token does not take the mechanism's parameters"),
    ROW(CKR_FUNCTION_NOT_SUPPORTED, PERMANENT, REFUSED, "the token lacks the function"),
    ROW(CKR_KEY_SIZE_RANGE, PERMANENT, REFUSED, "the token does not take this key size"),
    ROW(CKR_CURVE_NOT_SUPPORTED, PERMANENT, REFUSED, "the token lacks the curve"),
    ROW(CKR_DOMAIN_PARAMS_INVALID, PERMANENT, REFUSED, "the token lacks the curve"),
    ROW(CKR_KEY_TYPE_INCONSISTENT, PERMANENT, REFUSED, NULL),
    ROW(CKR_KEY_FUNCTION_NOT_PERMITTED, PERMANENT, REFUSED,
        "the key may not be used for this"),
    ROW(CKR_ATTRIBUTE_READ_ONLY, PERMANENT, REFUSED, NULL),
    ROW(CKR_ATTRIBUTE_SENSITIVE, PERMANENT, REFUSED, NULL),
    ROW(CKR_ATTRIBUTE_TYPE_INVALID, PERMANENT, REFUSED, NULL),
    ROW(CKR_ATTRIBUTE_VALUE_INVALID, PERMANENT, REFUSED, NULL),
    ROW(CKR_TEMPLATE_INCOMPLETE, PERMANENT, REFUSED, NULL),
    ROW(CKR_TEMPLATE_INCONSISTENT, PERMANENT, REFUSED, NULL),
    ROW(CKR_ACTION_PROHIBITED, PERMANENT, REFUSED, NULL),
    ROW(CKR_ARGUMENTS_BAD, PERMANENT, REFUSED, NULL),
    ROW(CKR_BUFFER_TOO_SMALL, PERMANENT, REFUSED, NULL),
    ROW(CKR_DATA_INVALID, PERMANENT, CORRUPT, NULL),
    ROW(CKR_DATA_LEN_RANGE, PERMANENT, CORRUPT, NULL),
    ROW(CKR_ENCRYPTED_DATA_INVALID, PERMANENT, CORRUPT, NULL),
    ROW(CKR_ENCRYPTED_DATA_LEN_RANGE, PERMANENT, CORRUPT, NULL),
    ROW(CKR_WRAPPED_KEY_INVALID, PERMANENT, CORRUPT, NULL),
    ROW(CKR_WRAPPED_KEY_LEN_RANGE, PERMANENT, CORRUPT, NULL),
    ROW(CKR_CRYPTOKI_ALREADY_INITIALIZED, PERMANENT, REFUSED,
        "another part of this process uses the module"),
    ROW(CKR_CANT_LOCK, PERMANENT, REFUSED, "the module cannot be used by threads"),
    ROW(CKR_NEED_TO_CREATE_THREADS, PERMANENT, REFUSED, NULL),
    ROW(CKR_RANDOM_NO_RNG, PERMANENT, REFUSED,
        "the token has no random number generator"),
    ROW(CKR_FIPS_SELF_TEST_FAILED, PERMANENT, UNAVAILABLE,
        "the module's self-test failed"),
};

/* A code that the table does not have: the token must say whether it is well. */
static const struct row unknown = {
    0, "unknown code", KH_RUNG_DOUBT, KH_UNAVAILABLE, NULL};
static const struct row vendor = {
    CKR_VENDOR_DEFINED, "CKR_VENDOR_DEFINED", KH_RUNG_DOUBT, KH_UNAVAILABLE, NULL};

static const struct row *find(CK_RV rv)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].rv == rv)
            return &rows[i];
    }
    return rv >= CKR_VENDOR_DEFINED ? &vendor : &unknown;
}

const char *kh_rv_name(CK_RV rv)
{
    return find(rv)->name;
}

kh_rung kh_rv_rung(CK_RV rv)
{
    return find(rv)->rung;
}

kh_status kh_rv_status(CK_RV rv)
{
    return find(rv)->status;
}

kh_status kh_rv_fail(struct kh_error *err, const char *call, CK_RV rv)
{
    const struct row *row = find(rv);

    return kh_fail(err, row->status, "%s: %s (0x%lx)%s%s", call, row->name,
        (unsigned long)rv, row->meaning ? ": " : "", row->meaning ? row->meaning : "");
}
