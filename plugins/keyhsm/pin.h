/*
 * The pinned certificate of keyhsmd. Who holds exactly this certificate's key is talked
 * to; name, issuer and dates are not asked.
 */
#ifndef KH_REMOTE_PIN_H
#define KH_REMOTE_PIN_H

#include <keyhsm/types.h>

#include <openssl/ssl.h>

#define KH_PIN_TEXT 65 /* SHA-256 in lower-case hex, NUL included */

struct kh_pin {
    const char *path; /* the caller's */
    char text[KH_PIN_TEXT];
};

/* Reads the certificate at PATH. KH_INVALID: unreadable, or there is none in it. */
KH_CHECK kh_status kh_pin_load(
    struct kh_pin *pin, const char *path, struct kh_error *err);

/* KH_REFUSED, with both fingerprints and the remedy, unless CERTIFICATE is the pinned one
 * of SERVER. Thread safe. */
KH_CHECK kh_status kh_pin_check(const struct kh_pin *pinned, const X509 *certificate,
    const char *server, struct kh_error *err);

#endif
