/* The SHA-256 fingerprint of a certificate, as openssl x509 -fingerprint -sha256 prints
 * it. */
#ifndef KH_KTADMIN_FINGERPRINT_H
#define KH_KTADMIN_FINGERPRINT_H

#include <keyhsm/types.h>

#define KH_FINGERPRINT_TEXT (32 * 3)

/* Of the first certificate in PEM file PATH. KH_CORRUPT when there is none in it. */
KH_CHECK kh_status kh_certificate_fingerprint(
    const char *path, char out[KH_FINGERPRINT_TEXT], struct kh_error *err);

#endif
