/* NSS's software token as a module of PKCS#11: it wants its parameters in C_Initialize,
 * from NSS_PKCS11_PARAMETERS, which no program but NSS gives. A module that really is
 * unsafe. */
#include <dlfcn.h>
#include <p11-kit/pkcs11.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

EXPORT CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR list);

static CK_FUNCTION_LIST_PTR real;
static CK_FUNCTION_LIST shown;

static CK_RV initialize(void *arg)
{
    CK_C_INITIALIZE_ARGS args = {.flags = CKF_OS_LOCKING_OK};

    (void)arg;
    args.pReserved = getenv("NSS_PKCS11_PARAMETERS");
    return real->C_Initialize(&args);
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR list)
{
    void *module = dlopen("libsoftokn3.so", RTLD_NOW);
    void *symbol = module ? dlsym(module, "C_GetFunctionList") : NULL;
    CK_C_GetFunctionList get;

    if (!symbol)
        return CKR_GENERAL_ERROR;
    memcpy(&get, &symbol, sizeof get);
    if (get(&real) != CKR_OK)
        return CKR_GENERAL_ERROR;
    shown = *real;
    shown.C_Initialize = initialize;
    shown.C_GetFunctionList = C_GetFunctionList;
    *list = &shown;
    return CKR_OK;
}
