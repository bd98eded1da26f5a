/* Base64 as the clients of a Hadoop KMS write it. Pure. */
#ifndef KH_KMS_BASE64_H
#define KH_KMS_BASE64_H

#include <keyhsm/types.h>

/* Characters that LEN bytes take in the form that is sent: url-safe, without padding (RFC
 * 4648 section 5). */
size_t kh_kms_base64_length(size_t len);

/* Writes them to OUT, without a NUL. */
void kh_kms_base64_encode(const unsigned char *data, size_t len, char *out);

/*
 * Decodes LEN characters of either alphabet, with or without padding, into OUT, which has
 * SIZE bytes; *USED is how many were written. False: another character, a length that no
 * encoder makes, bits after the end that are not zero, or more than SIZE bytes; then OUT
 * may hold a part.
 */
KH_CHECK bool kh_kms_base64_decode(
    const char *text, size_t len, unsigned char *out, size_t size, size_t *used);

#endif
