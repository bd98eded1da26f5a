/* What the fault module exports beside C_GetFunctionList, for a test in the same process
 * (dlsym). */
#ifndef KH_TEST_FAULT_PKCS11_H
#define KH_TEST_FAULT_PKCS11_H

#include <p11-kit/pkcs11.h>

#define FAULT_EXPORT __attribute__((visibility("default")))

FAULT_EXPORT CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR list);
/* Replaces the plan ("" : no faults). Lines end with a newline or a semicolon. */
FAULT_EXPORT void fault_pkcs11_plan(const char *text);
/* How often FUNCTION was called since the module was loaded. */
FAULT_EXPORT unsigned long fault_pkcs11_calls(const char *function);
/* Forgets which private keys were made first (for `swap`). */
FAULT_EXPORT void fault_pkcs11_forget(void);

#endif
