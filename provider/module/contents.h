/*
 * What is in a deposit: PEM blocks (RFC 7468), one DER object, or bytes that only its
 * owner knows the meaning of. Found out by OpenSSL's own readers.
 */
#ifndef KH_MODULE_CONTENTS_H
#define KH_MODULE_CONTENTS_H

#include "provider/module/module.h"

#define KH_CONTENTS_MAX 256 /* PEM blocks that are looked at */

enum kh_content_kind {
    KH_CONTENT_KEY = 1,       /* PrivateKeyInfo, DER (RFC 5208) */
    KH_CONTENT_ENCRYPTED_KEY, /* EncryptedPrivateKeyInfo, DER */
    KH_CONTENT_PUBLIC_KEY,    /* SubjectPublicKeyInfo, DER */
    KH_CONTENT_CERTIFICATE,   /* DER */
    KH_CONTENT_CRL,           /* DER */
    KH_CONTENT_PKCS12,        /* DER; opened by libcrypto, which asks for its password */
    KH_CONTENT_RAW            /* the bytes */
};

struct kh_content {
    enum kh_content_kind kind;
    unsigned char *data;
    size_t len;
};

/* Zero-initialise. Free with kh_contents_free, which wipes. */
struct kh_contents {
    struct kh_content list[KH_CONTENTS_MAX];
    size_t count;
};

/* For PEM in the old encryption (Proc-Type: 4,ENCRYPTED) only. */
struct kh_asker {
    OSSL_PASSPHRASE_CALLBACK *callback; /* NULL: nobody can be asked */
    void *arg;
};

/*
 * Sorts DATA into OUT, at least one of them. KH_INVALID: empty, a block that is damaged
 * or has no end, a passphrase that is wrong or was not given. PEM blocks of other kinds
 * (parameters) are passed over. Thread safe.
 */
KH_CHECK kh_status kh_contents_read(struct kh_contents *out,
    const struct kh_module *module, const struct kh_buf *data,
    const struct kh_asker *asker, struct kh_error *err);
void kh_contents_free(struct kh_contents *contents);

/* "a private key", for a message. Static. */
const char *kh_content_word(enum kh_content_kind kind);

#endif
