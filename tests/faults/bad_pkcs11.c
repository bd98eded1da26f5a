/*
 * A PKCS#11 module that behaves well but for what BAD_PKCS11 says, words separated by
 * blanks. Around SoftHSM, so that everything else is real.
 *
 *     prints       on standard output and standard error, when it is initialised
 *     exits        in C_Initialize, with status 0
 *     segv         in C_DeriveKey
 *     extractable  private keys are made extractable, whatever was asked
 *     leak         CKA_VALUE of a private key can be read
 *     copy         a copy of a private key is extractable
 *     change       C_SetAttributeValue makes a key extractable
 *     wrap         C_WrapKey gives every key away
 *     pair         a private key dies with its public object
 *     zeros        C_GenerateRandom gives zeros
 *     repeats      C_GenerateRandom begins again and again
 *     wrong        C_DeriveKey gives another secret
 *     parallel     it does so when two threads are in it
 *     few          nine keys fit on the token
 *     keeps        C_DestroyObject destroys no private key
 *     tpm2         it says that it is tpm2-pkcs11
 */
#include <dlfcn.h>
#include <p11-kit/pkcs11.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))
#define MOST 4096

EXPORT CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR list);

static CK_FUNCTION_LIST_PTR real;
static CK_FUNCTION_LIST bad;
static struct {
    CK_OBJECT_HANDLE public_key, private_key;
} pairs[MOST];
static size_t pair_count;
static CK_OBJECT_HANDLE opened[MOST]; /* keys that are extractable, it says */
static size_t opened_count;
static CK_OBJECT_HANDLE derived[MOST]; /* secrets that are to be wrong */
static size_t derived_count;
static unsigned token_keys;
static atomic_int inside;

static bool is(const char *word)
{
    const char *all = getenv("BAD_PKCS11");
    const char *at = all ? strstr(all, word) : NULL;

    return at != NULL;
}

static bool among(const CK_OBJECT_HANDLE *list, size_t count, CK_OBJECT_HANDLE key)
{
    for (size_t i = 0; i < count; i++) {
        if (list[i] == key)
            return true;
    }
    return false;
}

static bool is_private(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key)
{
    CK_OBJECT_CLASS class = 0;
    CK_ATTRIBUTE a = {CKA_CLASS, &class, sizeof class};

    return real->C_GetAttributeValue(session, key, &a, 1) == CKR_OK &&
           class == CKO_PRIVATE_KEY;
}

static CK_RV bad_initialize(void *arg)
{
    if (is("prints")) {
        (void)printf("Welcome to the HSM!\n");
        (void)fflush(stdout);
        (void)fprintf(stderr, "licence: trial\n");
    }
    if (is("exits"))
        _exit(0);
    return real->C_Initialize(arg);
}

static CK_RV bad_generate_pair(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism,
    CK_ATTRIBUTE *outer, CK_ULONG outer_count, CK_ATTRIBUTE *inner, CK_ULONG inner_count,
    CK_OBJECT_HANDLE *public_key, CK_OBJECT_HANDLE *private_key)
{
    static CK_BBOOL yes = CK_TRUE;
    CK_ATTRIBUTE copy[32];
    bool on_token = false;
    CK_RV rv;

    memcpy(copy, inner, inner_count * sizeof *copy);
    for (CK_ULONG i = 0; i < inner_count; i++) {
        if (copy[i].type == CKA_EXTRACTABLE && is("extractable"))
            copy[i].pValue = &yes;
        if (copy[i].type == CKA_TOKEN)
            on_token = *(CK_BBOOL *)copy[i].pValue;
    }
    if (on_token && is("few") && token_keys >= 9)
        return CKR_DEVICE_MEMORY;
    rv = real->C_GenerateKeyPair(session, mechanism, outer, outer_count, copy,
        inner_count, public_key, private_key);
    if (rv != CKR_OK)
        return rv;
    token_keys += on_token;
    pairs[pair_count % MOST].public_key = *public_key;
    pairs[pair_count++ % MOST].private_key = *private_key;
    return rv;
}

static CK_RV bad_destroy(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key)
{
    if (is("keeps") && is_private(session, key))
        return CKR_OK;
    for (size_t i = 0; is("pair") && i < pair_count && i < MOST; i++) {
        if (pairs[i].public_key == key)
            (void)real->C_DestroyObject(session, pairs[i].private_key);
    }
    return real->C_DestroyObject(session, key);
}

static CK_RV bad_get(
    CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, CK_ATTRIBUTE *a, CK_ULONG count)
{
    bool leak =
        count == 1 && a->type == CKA_VALUE && is("leak") && is_private(session, key);
    CK_RV rv;

    if (leak) {
        memset(a->pValue, 7, 32);
        a->ulValueLen = 32;
        return CKR_OK;
    }
    rv = real->C_GetAttributeValue(session, key, a, count);
    for (CK_ULONG i = 0; i < count; i++) {
        if (a[i].type == CKA_EXTRACTABLE && among(opened, opened_count, key))
            *(CK_BBOOL *)a[i].pValue = CK_TRUE;
        if (a[i].type == CKA_VALUE && among(derived, derived_count, key) && a[i].pValue)
            *(unsigned char *)a[i].pValue ^= 1;
    }
    return rv;
}

/* SoftHSM copies no key that is not modifiable, so another one takes the part of the
 * copy: a session object, which goes with its session. */
static CK_RV bad_copy(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, CK_ATTRIBUTE *a,
    CK_ULONG count, CK_OBJECT_HANDLE *copy)
{
    unsigned char p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
    CK_ATTRIBUTE curve = {CKA_EC_PARAMS, p256, sizeof p256};
    CK_MECHANISM mechanism = {CKM_EC_KEY_PAIR_GEN, NULL, 0};
    CK_OBJECT_HANDLE public_key;
    CK_RV rv;

    if (!is("copy"))
        return real->C_CopyObject(session, key, a, count, copy);
    rv = real->C_GenerateKeyPair(
        session, &mechanism, &curve, 1, NULL, 0, &public_key, copy);
    if (rv == CKR_OK)
        opened[opened_count++ % MOST] = *copy;
    return rv;
}

static CK_RV bad_set(
    CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, CK_ATTRIBUTE *a, CK_ULONG count)
{
    if (!is("change") || a->type != CKA_EXTRACTABLE)
        return real->C_SetAttributeValue(session, key, a, count);
    opened[opened_count++ % MOST] = key;
    return CKR_OK;
}

static CK_RV bad_wrap(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism,
    CK_OBJECT_HANDLE wrapper, CK_OBJECT_HANDLE key, CK_BYTE *out, CK_ULONG *len)
{
    if (!is("wrap"))
        return real->C_WrapKey(session, mechanism, wrapper, key, out, len);
    memset(out, 9, 40);
    *len = 40;
    return CKR_OK;
}

static CK_RV bad_derive(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism,
    CK_OBJECT_HANDLE base, CK_ATTRIBUTE *a, CK_ULONG count, CK_OBJECT_HANDLE *key)
{
    int others = atomic_fetch_add(&inside, 1);
    CK_RV rv;

    if (is("segv"))
        (void)raise(SIGSEGV);
    if (is("parallel"))
        (void)usleep(2000); /* so that they meet */
    rv = real->C_DeriveKey(session, mechanism, base, a, count, key);
    if (rv == CKR_OK && (is("wrong") || (is("parallel") && others > 0)))
        derived[derived_count++ % MOST] = *key;
    (void)atomic_fetch_sub(&inside, 1);
    return rv;
}

static CK_RV bad_random(CK_SESSION_HANDLE session, CK_BYTE *out, CK_ULONG len)
{
    static unsigned char first[1024];
    static bool drawn;
    CK_RV rv = CKR_OK;

    if (is("zeros")) {
        memset(out, 0, len);
        return CKR_OK;
    }
    if (!is("repeats") || len > sizeof first)
        return real->C_GenerateRandom(session, out, len);
    if (!drawn)
        rv = real->C_GenerateRandom(session, first, sizeof first);
    drawn = rv == CKR_OK;
    memcpy(out, first, len);
    return rv;
}

static CK_RV bad_info(CK_INFO *info)
{
    static const char manufacturer[] = "tpm2-software.github.io";
    static const char description[] = "TPM2.0 Cryptoki";
    CK_RV rv = real->C_GetInfo(info);

    if (rv != CKR_OK || !is("tpm2"))
        return rv;
    memset(info->manufacturerID, ' ', sizeof info->manufacturerID);
    memset(info->libraryDescription, ' ', sizeof info->libraryDescription);
    memcpy(info->manufacturerID, manufacturer, sizeof manufacturer - 1);
    memcpy(info->libraryDescription, description, sizeof description - 1);
    return CKR_OK;
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR list)
{
    const char *path = getenv("BAD_PKCS11_MODULE");
    void *module = dlopen(path ? path : "/usr/lib/softhsm/libsofthsm2.so", RTLD_NOW);
    void *symbol = module ? dlsym(module, "C_GetFunctionList") : NULL;
    CK_C_GetFunctionList get;

    if (!symbol)
        return CKR_GENERAL_ERROR;
    memcpy(&get, &symbol, sizeof get);
    if (get(&real) != CKR_OK)
        return CKR_GENERAL_ERROR;
    bad = *real;
    bad.C_Initialize = bad_initialize;
    bad.C_GetInfo = bad_info;
    bad.C_GenerateKeyPair = bad_generate_pair;
    bad.C_DestroyObject = bad_destroy;
    bad.C_GetAttributeValue = bad_get;
    bad.C_CopyObject = bad_copy;
    bad.C_SetAttributeValue = bad_set;
    bad.C_WrapKey = bad_wrap;
    bad.C_DeriveKey = bad_derive;
    bad.C_GenerateRandom = bad_random;
    bad.C_GetFunctionList = C_GetFunctionList;
    *list = &bad;
    return CKR_OK;
}
