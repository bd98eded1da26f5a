/* The pin: keyhsmd's certificate, as CONFDIR/.ssl keeps it. */
#ifndef KH_KTADMIN_PIN_H
#define KH_KTADMIN_PIN_H

#include <keyhsm/types.h>

#include <openssl/x509.h>

/* The first certificate of PEM file PATH; free with X509_free. Follows no symbolic link.
 * KH_NOT_FOUND, KH_UNAVAILABLE; KH_CORRUPT when there is none in it. */
KH_CHECK kh_status kh_pin_read(X509 **out, const char *path, struct kh_error *err);

/* Writes CERTIFICATE to PATH, mode 0600, durably, in place of what is there. */
KH_CHECK kh_status kh_pin_write(
    const char *path, X509 *certificate, struct kh_error *err);

/* Days until CERTIFICATE ends; negative when it has ended. */
int kh_certificate_days_left(const X509 *certificate);

/* Subject, SHA-256 and validity, three lines on TO, and what is odd about it as a
 * certificate of HOST (a name or an address; NULL: not asked). */
void kh_certificate_show(FILE *to, X509 *certificate, const char *host);

#endif
