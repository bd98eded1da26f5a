/* The text of a JSON string, for scan.c. */
#ifndef KH_KMS_SCAN_TEXT_H
#define KH_KMS_SCAN_TEXT_H

#include "server/kms/scan.h"

/* Reads from behind the opening quote to behind the closing one. With OUT the text is
 * decoded into it: less than SIZE bytes, a NUL follows, *LEN (may be NULL) is without it,
 * and it is UTF-8. Without OUT it is only passed. */
KH_CHECK bool kh_kms_scan_text(
    struct kh_kms_scan *scan, char *out, size_t size, size_t *len);

#endif
