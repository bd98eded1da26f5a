/*
 * An in-process OpenSSL 3 provider whose private keys live on a token (DESIGN 6).
 *
 * It serves key management, ECDH with the X9.63 KDF, RSA-OAEP decryption, and a seed
 * source from the token's own generator, in a library context of its own. Everything
 * above is plain EVP and CMS. The token is reached through struct kh_token_ops, so this
 * folder knows neither PKCS#11 nor the core.
 */
#ifndef KH_PROVIDER_H
#define KH_PROVIDER_H

#include <keyhsm/types.h>
#include <keyhsm/catalog.h> /* struct kh_key_id */
#include <openssl/types.h>

typedef enum kh_key_type { KH_KEY_EC_P256, KH_KEY_RSA } kh_key_type;
typedef enum kh_oaep_hash { KH_OAEP_SHA1, KH_OAEP_SHA256 } kh_oaep_hash;

/* A private key on the token, by id. No secret in it. */
struct kh_token_key {
    struct kh_key_id id;
    kh_key_type type;
    unsigned bits; /* RSA modulus bits; 256 for P-256 */
};

/*
 * What the token does. Called from any thread, many at once. Each returns a kh_status and
 * fills ERR.
 */
struct kh_token_ops {
    void *token;
    /* ECDH (PKCS#11 CKM_ECDH1_DERIVE, CKD_NULL): the X coordinate, 32 bytes, to SECRET.
     * PEER is the uncompressed point, 65 bytes. */
    KH_CHECK kh_status (*ecdh)(void *token, const struct kh_token_key *key,
        const unsigned char *peer, size_t peer_len, unsigned char secret[32],
        struct kh_error *err);
    /* RSAES-OAEP decryption without label. OUT has room for the modulus; *OUT_LEN is set.
     */
    KH_CHECK kh_status (*oaep_decrypt)(void *token, const struct kh_token_key *key,
        kh_oaep_hash hash, const unsigned char *in, size_t in_len, unsigned char *out,
        size_t *out_len, struct kh_error *err);
    /* LEN bytes of the token's random number generator. */
    KH_CHECK kh_status (*random)(
        void *token, unsigned char *out, size_t len, struct kh_error *err);
};

struct kh_provider;

/*
 * A library context with the token provider and PROVIDERS (comma separated, e.g.
 * "default" or "fips, base"), PROPERTIES as default property query ("" or "fips=yes"),
 * and its random generators seeded from the token (which is asked for a seed at once).
 * OPS is copied; its token must outlive the provider. KH_INVALID: a list or query that is
 * none. KH_UNAVAILABLE: a provider that cannot be loaded, or an algorithm that none of
 * them has with PROPERTIES; the message names it. "fips" also loads the system's
 * openssl.cnf, where its installation keeps the module's checksum.
 */
KH_CHECK kh_status kh_provider_new(struct kh_provider **out,
    const struct kh_token_ops *ops, const char *providers, const char *properties,
    struct kh_error *err);
/* NULL is fine. Every other thread that used the library context has ended by then, or
 * has called OPENSSL_thread_stop_ex(kh_provider_libctx(PROVIDER)): libcrypto keeps
 * generators per thread. */
void kh_provider_free(struct kh_provider *provider);
/* Owned by PROVIDER. */
OSSL_LIB_CTX *kh_provider_libctx(const struct kh_provider *provider);
const char *kh_provider_properties(const struct kh_provider *provider);

/* An EVP_PKEY that stands for KEY on the token, which is not asked. Freed by
 * EVP_PKEY_free. KH_INVALID: an id or a size that no key has. */
KH_CHECK kh_status kh_provider_key(struct kh_provider *provider,
    const struct kh_token_key *key, EVP_PKEY **pkey, struct kh_error *err);

/* The error that the last token call of this thread left (status KH_OK: none); cleared by
 * reading. libcrypto carries no kh_error, so a caller asks here why an EVP or CMS call
 * failed. */
void kh_provider_last_error(struct kh_error *err);

#endif
