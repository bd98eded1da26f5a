/* The client's certificate and private key, read once, before any connection. */
#ifndef KH_REMOTE_IDENTITY_H
#define KH_REMOTE_IDENTITY_H

#include "plugins/keyhsm/options.h"

#include <openssl/ssl.h>

struct kh_identity {
    EVP_PKEY *key;
    X509 *certificate;
    STACK_OF(X509) * chain;
};

/* Of libcrypto, what is once in a process: as kh_curl_start. Thread safe. */
void kh_identity_start(void);

/*
 * Reads the key through OSSL_STORE (PEM in PKCS#8 or PKCS#1, password-protected or not,
 * DER, or a provider's URI) and checks that the certificate is there and belongs to it. A
 * passphrase is asked for only when the key needs one; at a prompt three times, else
 * once. KH_INVALID: a file is missing or wrong, the passphrase is wrong or was not given.
 * Without a client_certificate there is nothing to read. Free with kh_identity_free
 * either way.
 */
KH_CHECK kh_status kh_identity_load(struct kh_identity *identity,
    const struct kh_remote_settings *settings, struct kh_error *err);
/* True when CTX has taken all of it. Thread safe. */
bool kh_identity_use(const struct kh_identity *identity, SSL_CTX *ctx);
void kh_identity_free(struct kh_identity *identity);

#endif
