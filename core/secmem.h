/*
 * Secret memory: locked, not dumped, wiped when freed. Built on libcrypto's secure heap
 * (CRYPTO_secure_malloc), so that keys inside OpenSSL live there as well.
 */
#ifndef KH_CORE_SECMEM_H
#define KH_CORE_SECMEM_H

#include <keyhsm/types.h>

/* What to do when memory cannot be locked (RLIMIT_MEMLOCK). */
typedef enum kh_lock_policy { KH_LOCK_REQUIRED, KH_LOCK_PREFERRED } kh_lock_policy;

/*
 * Once per process, before any secret and before any thread: sets the secure heap up,
 * switches core dumps and ptrace by others off, makes jansson use the secure heap and
 * libcrypto wipe what it frees. SIZE is the secure heap's, in bytes, rounded down to a
 * power of two; 0: 16 MiB, or the largest part of it that can be locked. KH_REFUSED when
 * memory cannot be locked and POLICY is KH_LOCK_REQUIRED. A second call is KH_OK and
 * changes nothing.
 */
KH_CHECK kh_status kh_secmem_init(
    size_t size, kh_lock_policy policy, struct kh_error *err);

/* True when the secret heap is locked into memory. */
bool kh_secmem_locked(void);

/* LEN zeroed bytes of secret memory in *BUF (zeroed before). 0 gives an empty buffer. */
KH_CHECK kh_status kh_buf_alloc(struct kh_buf *buf, size_t len, struct kh_error *err);
/* A copy of LEN bytes at DATA. */
KH_CHECK kh_status kh_buf_copy(
    struct kh_buf *buf, const void *data, size_t len, struct kh_error *err);
/* Wipes, frees and zeroes *BUF. NULL and all-zero buffers are fine. */
void kh_buf_free(struct kh_buf *buf);
/* Equal in length and bytes; the time taken depends on the lengths only. */
bool kh_buf_equal(const struct kh_buf *a, const struct kh_buf *b);
/* For the `_cleanup_` habit: __attribute__((cleanup(kh_buf_free))) struct kh_buf b
 * = {0}; */
#define KH_CLEANUP_BUF __attribute__((cleanup(kh_buf_free)))

/* free() that wipes first (malloc'd memory of any size). NULL is fine. */
void kh_wipe_free(void *memory);

#endif
