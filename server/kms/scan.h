/*
 * Reads the JSON (RFC 8259) of a request without building a tree of it: a batch of ten
 * thousand items would not fit into secret memory as one. Strict: UTF-8, no NUL, nothing
 * after the value. Pure.
 *
 *     kh_kms_scan_begin(&scan, text, len);
 *     if (kh_kms_scan_object(&scan))
 *         while (kh_kms_scan_member(&scan, key))
 *             ... one of string, integer, object, array, skip ...
 *     if (!kh_kms_scan_end(&scan)) ... scan.why ...
 *
 * The first mistake stays: after it every function answers false.
 */
#ifndef KH_KMS_SCAN_H
#define KH_KMS_SCAN_H

#include <keyhsm/types.h>

#define KH_KMS_SCAN_DEPTH 16
#define KH_KMS_SCAN_KEY 129 /* bytes of the longest member name, with its NUL */

struct kh_kms_scan {
    const unsigned char *at;
    const unsigned char *end;
    unsigned depth;
    bool first; /* nothing was read of the innermost object or array */
    const char
        *why; /* what is wrong; static storage; never quotes the text. NULL: none */
};

/* TEXT must stay as it is while it is read. */
void kh_kms_scan_begin(struct kh_kms_scan *scan, const unsigned char *text, size_t len);

/* The value that comes must be an object (array): goes into it. */
KH_CHECK bool kh_kms_scan_object(struct kh_kms_scan *scan);
KH_CHECK bool kh_kms_scan_array(struct kh_kms_scan *scan);

/* The next member's name in KEY, its value comes next; false at the end of the object. */
KH_CHECK bool kh_kms_scan_member(struct kh_kms_scan *scan, char key[KH_KMS_SCAN_KEY]);
/* True when one more item of the array comes next. */
KH_CHECK bool kh_kms_scan_item(struct kh_kms_scan *scan);

/* True, and it is behind it, when the value that comes is null. */
KH_CHECK bool kh_kms_scan_null(struct kh_kms_scan *scan);
/* The value that comes must be a string of less than SIZE bytes: decoded into OUT, with a
 * NUL; *LEN, which may be NULL, without it. */
KH_CHECK bool kh_kms_scan_string(
    struct kh_kms_scan *scan, char *out, size_t size, size_t *len);
/* The value that comes must be a whole number that fits into an int64_t. */
KH_CHECK bool kh_kms_scan_integer(struct kh_kms_scan *scan, int64_t *out);
/* Past the value that comes, whatever it is. */
KH_CHECK bool kh_kms_scan_skip(struct kh_kms_scan *scan);

/* True when all was read and well-formed. */
KH_CHECK bool kh_kms_scan_end(struct kh_kms_scan *scan);

/* Says that something is wrong that only the caller knows; false. */
bool kh_kms_scan_fail(struct kh_kms_scan *scan, const char *why);

#endif
