/* A deposit's record: the JSON object inside every envelope, and base64 and time beside
 * it. */
#ifndef KH_CORE_RECORD_H
#define KH_CORE_RECORD_H

#include <keyhsm/types.h>

/* See kh_host.record_encode and record_decode in keyhsm/plugin.h. */
KH_CHECK kh_status kh_record_encode(
    const struct kh_deposit *deposit, struct kh_buf *out, struct kh_error *err);
KH_CHECK kh_status kh_record_decode(
    const unsigned char *text, size_t len, struct kh_deposit *out, struct kh_error *err);

/* RFC 3339 in UTC with seconds, "2026-11-24T06:03:29Z". OUT takes KH_TIME_LEN bytes. */
#define KH_TIME_LEN 21
void kh_time_format(int64_t seconds, char out[KH_TIME_LEN]);
KH_CHECK kh_status kh_time_parse(
    const char *text, int64_t *seconds, struct kh_error *err);

/* Base64 (RFC 4648 section 4, padded, no line breaks). Strict decoding: KH_INVALID for
 * anything that encode would not have written. OUT is secret memory. */
size_t kh_base64_length(size_t len);                                     /* no NUL */
void kh_base64_encode(const unsigned char *data, size_t len, char *out); /* adds a NUL */
KH_CHECK kh_status kh_base64_decode(
    const char *text, size_t len, struct kh_buf *out, struct kh_error *err);

#endif
