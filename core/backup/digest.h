/* A running SHA-256. */
#ifndef KH_BACKUP_DIGEST_H
#define KH_BACKUP_DIGEST_H

#include <keyhsm/types.h>

struct kh_digest;

/* NULL: it cannot be had. Used by one thread. */
struct kh_digest *kh_digest_new(void);
/* NULL is false. */
KH_CHECK bool kh_digest_add(struct kh_digest *digest, const void *data, size_t len);
/* The lower-case hex text (64 digits and a NUL; "" on failure) into OUT, and frees
 * DIGEST. */
bool kh_digest_end(struct kh_digest *digest, char out[65]);

/* Of the whole file PATH. KH_NOT_FOUND, KH_UNAVAILABLE, KH_INVALID (no regular file). */
KH_CHECK kh_status kh_digest_file(const char *path, char out[65], struct kh_error *err);

#endif
