/* The key pair of a legacy store: store.key (PKCS#8 PEM, perhaps under a passphrase),
 * store.pem. */
#ifndef KH_SOFTFILE_KEYS_H
#define KH_SOFTFILE_KEYS_H

#include "plugins/softfile/libctx.h"

#include <keyhsm/plugin.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#define KH_SOFT_KEY_FILE "store.key"
#define KH_SOFT_CERT_FILE "store.pem"
#define KH_SOFT_IDENTITY_SIZE 96
#define KH_SOFT_DIGEST_SIZE 32

/* Read-only once loaded, so all threads share it. The library context is our own: what
 * else the process does with libcrypto does not change what a store means. */
struct kh_soft_keys {
    const struct kh_host *host;
    struct kh_soft_libctx own;
    OSSL_LIB_CTX *libctx; /* own.libctx */
    EVP_CIPHER *cipher;   /* AES-256-GCM */
    EVP_MD *sha256;
    EVP_PKEY *key; /* NULL in a sealed store */
    X509 *cert;
    struct kh_buf passphrase; /* only while the store is opened */
};

/* Sets up the library context. KH_UNAVAILABLE: no provider of it has what a store needs,
 * by the properties that were asked for. Free with kh_soft_keys_free also after a
 * failure. */
KH_CHECK kh_status kh_soft_keys_init(
    struct kh_soft_keys *keys, const struct kh_host *host, struct kh_error *err);
void kh_soft_keys_free(struct kh_soft_keys *keys);

/* Makes a key pair, "ec" (P-256) or "rsa" (3072 bits), in KEYS. */
KH_CHECK kh_status kh_soft_keys_generate(
    struct kh_soft_keys *keys, const char *type, struct kh_error *err);
/* Makes the self-signed certificate of KEYS->key, without end of validity (RFC
 * 5280 4.1.2.5). */
KH_CHECK kh_status kh_soft_keys_certify(struct kh_soft_keys *keys, struct kh_error *err);

/* Asks the host for the passphrase, unless there is none or it is known. NEW: a prompt
 * asks twice. */
KH_CHECK kh_status kh_soft_keys_passphrase(
    struct kh_soft_keys *keys, bool new_one, struct kh_error *err);
void kh_soft_keys_forget(struct kh_soft_keys *keys);

/* Write store.key and store.pem below DIRECTORY, durably, never over an existing one
 * (KH_EXISTS). The key is encrypted (PBES2, AES-256-CBC) when there is a passphrase. */
KH_CHECK kh_status kh_soft_keys_save_key(
    const struct kh_soft_keys *keys, const char *directory, struct kh_error *err);
KH_CHECK kh_status kh_soft_keys_save_cert(
    const struct kh_soft_keys *keys, const char *directory, struct kh_error *err);

/* Load from open directory DIRFD; DIRECTORY is for messages, OWNER of the files.
 * KH_REFUSED: wrong mode or owner, wrong or missing passphrase; KH_NOT_FOUND: no such
 * file; KH_CORRUPT: damaged, or (load_cert, when the key is there) a certificate of
 * another key. */
KH_CHECK kh_status kh_soft_keys_load_key(struct kh_soft_keys *keys, int dirfd,
    const char *directory, uid_t owner, struct kh_error *err);
KH_CHECK kh_status kh_soft_keys_load_cert(struct kh_soft_keys *keys, int dirfd,
    const char *directory, uid_t owner, struct kh_error *err);

/* "softfile:" and the SHA-256 of the certificate in hexadecimal: what names the store for
 * ever. */
KH_CHECK kh_status kh_soft_keys_identity(const struct kh_soft_keys *keys,
    char out[KH_SOFT_IDENTITY_SIZE], struct kh_error *err);

/* The key of a seal's digests: HKDF-SHA256 (RFC 5869) of the private key's PKCS#8 DER,
 * without salt, info "keyhsm softfile seal". 32 bytes in *OUT. */
KH_CHECK kh_status kh_soft_keys_seal_key(
    const struct kh_soft_keys *keys, struct kh_buf *out, struct kh_error *err);

/* The reason of libcrypto's last error in this thread, in OUT; empties its error queue.
 */
const char *kh_soft_ssl_reason(char *out, size_t size);

#endif
