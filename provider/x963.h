/*
 * What an ECDH key exchange of libcrypto is told beside the keys: a cofactor mode, and
 * whether the X9.63 KDF (RFC 5753, 7.2) runs over the shared secret. One for the exchange
 * in the process (keyexch.c) and that of the loadable module. Knows libcrypto only.
 */
#ifndef KH_PROVIDER_X963_H
#define KH_PROVIDER_X963_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/core.h>
#include <openssl/types.h>

#define KH_X963_NAME 64

/* One thread at a time, as the exchange that it is a part of. */
struct kh_x963 {
    int cofactor_mode; /* accepted and without effect: our curves have cofactor 1 */
    bool on;           /* else the plain shared secret is the result */
    char digest[KH_X963_NAME];
    char digest_properties[KH_X963_NAME];
    size_t out_len;
    unsigned char *ukm; /* owned */
    size_t ukm_len;
};

/* As a new exchange has it: no KDF. */
void kh_x963_init(struct kh_x963 *kdf);
/* Frees what it owns, not itself. */
void kh_x963_clear(struct kh_x963 *kdf);
/* TO is written whole. 0: out of memory, TO owns nothing. */
int kh_x963_copy(struct kh_x963 *to, const struct kh_x963 *from);

/* As OSSL_FUNC_keyexch_set_ctx_params and its three companions have it. PARAMS may be
 * NULL. 1 or 0: a parameter that cannot be. */
int kh_x963_set(struct kh_x963 *kdf, const OSSL_PARAM params[]);
int kh_x963_get(const struct kh_x963 *kdf, OSSL_PARAM params[]);
const OSSL_PARAM *kh_x963_settable(void);
const OSSL_PARAM *kh_x963_gettable(void);

/* Bytes of the result, the shared secret having Z_LEN; 0: parameters are missing. */
size_t kh_x963_size(const struct kh_x963 *kdf, size_t z_len);
/* The result, kh_x963_size bytes, from the shared secret Z; the KDF, when there is one,
 * is X963 (EVP_KDF "X963KDF"). 1 or 0. Z is the caller's to wipe. */
int kh_x963_run(const struct kh_x963 *kdf, EVP_KDF *x963, unsigned char *z, size_t z_len,
    unsigned char *out);

#endif
