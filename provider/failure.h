/*
 * Why an EVP or CMS call failed. libcrypto says 0 and leaves a queue; the token's own
 * error is kept by the provider beside it. These two turn both into one kh_error.
 */
#ifndef KH_PROVIDER_FAILURE_H
#define KH_PROVIDER_FAILURE_H

#include <keyhsm/types.h>

/* Forgets what earlier calls of this thread left. Before a sequence of libcrypto calls.
 */
void kh_provider_begin(void);

/*
 * After a libcrypto call failed: the token's error when a token call failed since
 * kh_provider_begin, else STATUS with "WHAT: libcrypto's reason". Clears both. Returns
 * the status it wrote.
 */
KH_CHECK kh_status kh_provider_fail(
    struct kh_error *err, kh_status status, const char *what);

#endif
