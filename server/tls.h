/*
 * The TLS side of a server: TLS 1.2 or later with AEAD suites, a client certificate
 * (unless it is declared optional), trust decided in the handshake (trust.h),
 * certificates reloadable while it runs. Loop thread only, but for kh_tls_certificate and
 * kh_tls_fingerprint.
 */
#ifndef KH_SERVER_TLS_H
#define KH_SERVER_TLS_H

#include <keyhsm/types.h>

#include <openssl/ssl.h>

struct kh_tls;
struct kh_trust;

/* Strings are copied. Unset ones are NULL. */
struct kh_tls_options {
    const char *certificate; /* path or URI; its chain after it. Required */
    const char *key;         /* path or URI. Required */
    const char *passphrase;  /* its source (core/secret.h), or NULL */
    const char *trust_dir;   /* pins */
    const char *ca_file;     /* PEM; clients that chain to it are believed */
    const char *crl_file; /* PEM; with it, every certificate below the CA is looked up */
    bool only_13;         /* refuse TLS 1.2 as well */
    /* A client may come without a certificate; one that is shown must still be trusted.
     */
    bool client_optional;
};

/* KH_INVALID names the file that cannot be used. */
KH_CHECK kh_status kh_tls_new(
    struct kh_tls **out, const struct kh_tls_options *options, struct kh_error *err);

/* Reads certificate, key, CA and CRL again. On an error the old ones stay in use. A
 * passphrase that came from a prompt or a descriptor is remembered (in secret memory);
 * files are read again. */
KH_CHECK kh_status kh_tls_reload(struct kh_tls *tls, struct kh_error *err);

/* The server side of a new connection, or NULL (no memory). */
SSL *kh_tls_accept(struct kh_tls *tls);

struct kh_trust *kh_tls_trust(const struct kh_tls *tls);

/* What it was made with; valid as long as TLS. Thread safe. */
const struct kh_tls_options *kh_tls_made_with(const struct kh_tls *tls);

/* The certificate that the server shows now, or NULL; the caller's (X509_free). Thread
 * safe. */
X509 *kh_tls_certificate(struct kh_tls *tls);

/* "2048R/<SHA-256 of the server's certificate in hex>": size and kind (R: RSA, E:
 * elliptic curve) of its key before the slash. SIZE is KH_TLS_FINGERPRINT. Thread safe.
 */
#define KH_TLS_FINGERPRINT 96
KH_CHECK kh_status kh_tls_fingerprint(
    struct kh_tls *tls, char *out, size_t size, struct kh_error *err);

/* Whether a client may come without a certificate. */
bool kh_tls_client_optional(const struct kh_tls *tls);

void kh_tls_free(struct kh_tls *tls);

#endif
