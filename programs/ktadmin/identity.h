/* The client's certificate and private key, read once, before any connection. */
#ifndef KH_KTADMIN_IDENTITY_H
#define KH_KTADMIN_IDENTITY_H

#include "programs/ktadmin/http.h"

#include <openssl/ssl.h>

struct kh_identity {
    EVP_PKEY *key;
    const char *certfile;     /* the caller's */
    struct kh_buf passphrase; /* that opened the key; empty when it needed none */
};

/*
 * Reads the key through OSSL_STORE (PEM in PKCS#8 or PKCS#1, password-protected or not,
 * DER, or a provider's URI) and checks that the certificate is there and belongs to it.
 * A person at a terminal has three tries for the passphrase, any other source one.
 * KH_INVALID: a file is missing or wrong, the passphrase is wrong or was not given.
 */
KH_CHECK kh_status kh_identity_load(struct kh_identity *identity,
    const struct kh_http_options *options, struct kh_error *err);
/* True when CTX has taken both. */
bool kh_identity_use(const struct kh_identity *identity, SSL_CTX *ctx);
void kh_identity_free(struct kh_identity *identity);

#endif
