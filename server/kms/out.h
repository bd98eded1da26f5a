/* Writes an answer's JSON straight into its body. Not thread safe on one answer. */
#ifndef KH_KMS_OUT_H
#define KH_KMS_OUT_H

#include "server/http.h"

struct kh_kms_out {
    struct kh_buf body;
    bool secret;
    bool full; /* it did not fit: answered as 500 */
};

/* Room for CAP bytes, at least 1: in secret memory with SECRET; else in ordinary memory,
 * which grows as it is needed. Both are wiped when they are freed. KH_BUSY: none is
 * free. */
KH_CHECK kh_status kh_kms_out_begin(
    struct kh_kms_out *out, size_t cap, bool secret, struct kh_error *err);

/* LEN bytes more, all of which the caller writes. NULL: they do not fit. */
char *kh_kms_out_take(struct kh_kms_out *out, size_t len);
/* As it is. */
void kh_kms_out_raw(struct kh_kms_out *out, const char *text);
/* A JSON string of TEXT, which is UTF-8; NULL gives null. At most kh_kms_out_room(TEXT)
 * bytes. */
void kh_kms_out_string(struct kh_kms_out *out, const char *text);
size_t kh_kms_out_room(const char *text);
/* A JSON string: url-safe base64 without padding. */
void kh_kms_out_base64(struct kh_kms_out *out, const unsigned char *data, size_t len);
void kh_kms_out_number(struct kh_kms_out *out, int64_t number);

/* The answer is STATUS with what was written; OUT is empty again. */
void kh_kms_out_send(struct kh_kms_out *out, struct kh_request *request, int status);
/* Throws away what was written. */
void kh_kms_out_drop(struct kh_kms_out *out);

#endif
