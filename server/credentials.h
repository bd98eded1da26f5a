/*
 * A private key with its certificate chain, loaded through OSSL_STORE: PEM or DER files,
 * PKCS#1, PKCS#8 or PKCS#12, or any URI a loaded provider understands.
 */
#ifndef KH_SERVER_CREDENTIALS_H
#define KH_SERVER_CREDENTIALS_H

#include <keyhsm/types.h>

#include <openssl/ssl.h>

/* CERTIFICATE and KEY: absolute paths or URIs. PASSPHRASE opens a protected key; may be
 * empty. Puts both into CTX and checks that they belong together. KH_INVALID names the
 * file and the cause. */
KH_CHECK kh_status kh_credentials_load(SSL_CTX *ctx, const char *certificate,
    const char *key, const struct kh_buf *passphrase, struct kh_error *err);

#endif
