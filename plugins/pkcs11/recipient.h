/* The insides of struct kh_recipient and struct kh_envelopes, for envelope.c and
 * recipient.c alone. */
#ifndef KH_PKCS11_RECIPIENT_H
#define KH_PKCS11_RECIPIENT_H

#include "plugins/pkcs11/envelope.h"

#include <openssl/types.h>

struct kh_envelopes {
    const struct kh_host *host;
    struct kh_provider *provider;
    OSSL_LIB_CTX *libctx;
    const char *properties;
    EVP_CIPHER *cipher; /* AES-256-GCM */
    EVP_PKEY *signer;   /* throw-away: signs the certificates that CMS wants and nobody
                           verifies */
    EVP_MD *digest;     /* SHA-256 */
};

struct kh_recipient {
    X509 *certificate;
    kh_key_type type;
    const EVP_MD *oaep; /* static */
};

#endif
