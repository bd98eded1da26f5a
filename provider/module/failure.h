/*
 * Errors on the OpenSSL queue. An application sees "keyhsm::unknown name:'web' ..." from
 * ERR_print_errors, and the reason's number from ERR_GET_REASON.
 */
#ifndef KH_MODULE_FAILURE_H
#define KH_MODULE_FAILURE_H

#include "provider/module/module.h"

/* The numbers are an interface: none is given another meaning. 1 to 8 are those of
 * kh_status. */
enum kh_reason {
    KH_REASON_NOT_FOUND = KH_NOT_FOUND,
    KH_REASON_EXISTS = KH_EXISTS,
    KH_REASON_REFUSED = KH_REFUSED,
    KH_REASON_INVALID = KH_INVALID,
    KH_REASON_BUSY = KH_BUSY,
    KH_REASON_UNAVAILABLE = KH_UNAVAILABLE,
    KH_REASON_CORRUPT = KH_CORRUPT,
    KH_REASON_FATAL = KH_FATAL,
    KH_REASON_CONFIG = 20,   /* the provider's section, or its environment */
    KH_REASON_URI = 21,      /* not keyhsm:NAME[?version=N] */
    KH_REASON_NOT_A_KEY = 22 /* a key was wanted, and there is none in the deposit */
};

/* For OSSL_FUNC_PROVIDER_GET_REASON_STRINGS. Static. */
const OSSL_ITEM *kh_module_reasons(void);

/* One entry: REASON and one line that names the thing and the cause. Never a secret.
 * Thread safe. */
KH_PRINTF(3, 4)
void kh_module_fail(
    const struct kh_module *module, enum kh_reason reason, const char *format, ...);

/* The same for what kh_client_* and the like left in ERR. */
void kh_module_raise(const struct kh_module *module, const struct kh_error *err);

#endif
