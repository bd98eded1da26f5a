/* What is said when libcrypto fails. */
#ifndef KH_CORE_CRYPTO_H
#define KH_CORE_CRYPTO_H

/* The reason of libcrypto's last error in this thread, or FALLBACK; clears the thread's
 * queue. Static storage. */
const char *kh_crypto_reason(const char *fallback);

#endif
