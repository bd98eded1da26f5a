/*
 * Whom a server believes: pinned certificates, one PEM file named by its SHA-256
 * fingerprint (64 lower-case hex digits, ".pem") in the trust directory, and certificates
 * that chain to a configured CA. Pins are looked up at every handshake, so a file put
 * there is trusted at once.
 */
#ifndef KH_SERVER_TRUST_H
#define KH_SERVER_TRUST_H

#include <keyhsm/types.h>

#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

struct kh_trust;

/* DIR may be NULL (no pins); it may be missing (no pins yet). Copied. */
KH_CHECK kh_status kh_trust_new(
    struct kh_trust **out, const char *dir, struct kh_error *err);
void kh_trust_free(struct kh_trust *trust);

/* The path of the pin of FINGERPRINT (kh_cert_fingerprint) in DIR. KH_INVALID: too long.
 */
#define KH_PIN_PATH 4096
KH_CHECK kh_status kh_trust_pin_path(const char *dir, const char *fingerprint,
    char out[KH_PIN_PATH], struct kh_error *err);

/* True when exactly this certificate is pinned. A pin file that others may write is not
 * believed, and the log says so. */
bool kh_trust_pinned(const struct kh_trust *trust, X509 *cert);

/*
 * For SSL_CTX_set_cert_verify_callback, with the struct kh_trust as argument. A pinned
 * leaf is its own anchor; else the context's own store decides. Either way validity
 * dates, key strength and the clientAuth purpose are checked by libcrypto, and a refusal
 * is logged with its reason.
 */
int kh_trust_verify(X509_STORE_CTX *ctx, void *trust);

/* A number that changes when the directory does, or when kh_trust_changed was called.
 * Sessions of another generation are not resumed. Not thread safe. */
uint64_t kh_trust_generation(struct kh_trust *trust);
void kh_trust_changed(struct kh_trust *trust);

/* Handshakes that were refused for the certificate, since the start. Thread safe. */
uint64_t kh_trust_refusals(const struct kh_trust *trust);

/* SHA-256 of the DER form, 64 lower-case hex digits and NUL. */
void kh_cert_fingerprint(X509 *cert, char out[65]);
/* When it ends, seconds since 1970; -1: it does not say. */
int64_t kh_cert_expiry(const X509 *cert);
/* The earliest end of the certificates in LEN bytes of PEM; -1: there are none. */
int64_t kh_certs_expiry(const void *pem, size_t len);
/* The common name of the subject in UTF-8; "" when there is not exactly one, or it does
 * not fit, or it holds a NUL. */
void kh_cert_common_name(X509 *cert, char *out, size_t size);
/* RFC 2253 subject, cut to SIZE. */
void kh_cert_subject(X509 *cert, char *out, size_t size);

#endif
