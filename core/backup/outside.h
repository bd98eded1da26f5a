/* The frame of a backup file: where in it the contents are, and the CMS message. */
#ifndef KH_BACKUP_OUTSIDE_H
#define KH_BACKUP_OUTSIDE_H

#include <keyhsm/types.h>

#define KH_BACKUP_SUM_LEN 78 /* a line of sha256sum(1) */

struct kh_outside {
    int64_t at; /* of the ciphertext, or of the inner archive when it is in clear text */
    uint64_t len;
    unsigned char *message; /* DER, malloc'd; NULL: clear text */
    size_t message_len;
};

/* Reads the frame of FD, called PATH. Every byte outside of ciphertext and message must
 * be the one that sink.h writes. KH_INVALID: no backup; KH_CORRUPT: cut or altered;
 * KH_UNAVAILABLE. */
KH_CHECK kh_status kh_outside_read(
    struct kh_outside *outside, int fd, const char *path, struct kh_error *err);
/* The content of message.sha256 for a message of LEN bytes, with a NUL. False: no
 * SHA-256. Thread safe. */
KH_CHECK bool kh_outside_sum(
    const void *message, size_t len, char out[KH_BACKUP_SUM_LEN + 1]);
void kh_outside_free(struct kh_outside *outside);

#endif
