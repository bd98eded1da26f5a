/* The trust directory, as server/trust.h reads it. */
#ifndef KH_KEYHSM_PINS_H
#define KH_KEYHSM_PINS_H

#include <keyhsm/types.h>

#include <openssl/x509.h>

/* Pins CERTIFICATE durably in DIR, which is made (0755) when it is missing. *FRESH: it
 * was not pinned before. KH_REFUSED: the daemon would not believe the file. */
KH_CHECK kh_status kh_pin_add(
    const char *dir, X509 *certificate, bool *fresh, struct kh_error *err);

/* FINGERPRINT in either case, with or without colons. KH_INVALID, KH_NOT_FOUND. */
KH_CHECK kh_status kh_pin_remove(
    const char *dir, const char *fingerprint, struct kh_error *err);

/* One line a pin on stdout: fingerprint, end, subject; what the daemon would not believe
 * is said to be ignored. A missing DIR has no pins. */
KH_CHECK kh_status kh_pin_list(const char *dir, struct kh_error *err);

/* How many pins a daemon would believe now, and how many it would not (expired, writable
 * by others, damaged). A missing DIR has none. */
struct kh_pin_counts {
    unsigned believed;
    unsigned ignored;
};
KH_CHECK kh_status kh_pin_count(
    const char *dir, struct kh_pin_counts *counts, struct kh_error *err);

#endif
