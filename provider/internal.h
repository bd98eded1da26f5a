/* What the files of this folder share. Nothing outside it includes this. */
#ifndef KH_PROVIDER_INTERNAL_H
#define KH_PROVIDER_INTERNAL_H

#include "provider/provider.h"

#include <openssl/core.h>
#include <openssl/core_dispatch.h>
#include <openssl/ec.h>
#include <openssl/types.h>

#define KH_PROVIDER_NAME "keyhsm"
/* Ours alone: names this provider whatever the default properties are. */
#define KH_PROVIDER_OURS "provider=" KH_PROVIDER_NAME
#define KH_PROVIDER_SEED "KEYHSM-SEED"

/* The parameter through which a token key gets into a key object: struct kh_token_key by
 * value. */
#define KH_PARAM_TOKEN_KEY "keyhsm-token-key"

#define KH_P256_POINT 65
#define KH_P256_SECRET 32

/* The provider's context: one per library context. Read-only once it is set up, so no
 * lock. */
struct kh_provctx {
    struct kh_token_ops ops;
    OSSL_LIB_CTX *libctx; /* the one that the provider is loaded in */
    EVP_KDF *x963;        /* owned */
    EC_GROUP *p256;       /* owned */
};

/*
 * A key object: a key on the token, or the public half of somebody else's EC key.
 * Immutable once libcrypto has it in an EVP_PKEY that threads share.
 */
struct kh_provkey {
    const struct kh_provctx *prov;
    kh_key_type type;
    bool on_token;  /* TOKEN is valid: there is a private half */
    bool has_group; /* EC: the parameters are known, and are P-256 */
    struct kh_token_key token;
    unsigned char point[KH_P256_POINT]; /* uncompressed, on the curve */
    size_t point_len;                   /* 0: no public half */
};

/* Key objects, shared by both key types (keymgmt.c). */
void *kh_provkey_new(void *provctx, kh_key_type type);
void kh_provkey_free(void *keydata);
void *kh_provkey_dup(const void *keydata, int selection);
/* Takes the token key out of PARAMS. 1: there was one of the right type; 0: none; -1:
 * refused. */
int kh_provkey_import_token(struct kh_provkey *key, const OSSL_PARAM params[]);

/* The token, by name. Each leaves this thread's last error and an entry in libcrypto's
 * queue when it fails (token.c). 1 or 0, as libcrypto wants. */
int kh_provctx_ecdh(const struct kh_provctx *prov, const struct kh_token_key *key,
    const unsigned char *point, unsigned char secret[KH_P256_SECRET]);
int kh_provctx_oaep(const struct kh_provctx *prov, const struct kh_token_key *key,
    kh_oaep_hash hash, const unsigned char *in, unsigned char *out, size_t *out_len);
int kh_provctx_random(const struct kh_provctx *prov, unsigned char *out, size_t len);

/* KH_UNAVAILABLE, naming it, when LIBCTX lacks an algorithm that envelopes need, or has
 * only ours where it has to be an ordinary provider's. So it is said at start what would
 * be missed in the middle of a migration (needs.c). */
KH_CHECK kh_status kh_provider_needs(
    OSSL_LIB_CTX *libctx, const char *properties, struct kh_error *err);

/* The entry point that libcrypto calls (dispatch.c). */
OSSL_provider_init_fn kh_provider_init;

extern const OSSL_DISPATCH kh_keymgmt_ec[];
extern const OSSL_DISPATCH kh_keymgmt_rsa[];
extern const OSSL_DISPATCH kh_keyexch_ecdh[];
extern const OSSL_DISPATCH kh_asym_rsa[];
extern const OSSL_DISPATCH kh_rand_seed[];

#endif
