/* What a named key did, judged by software with its public half alone. */
#ifndef KH_CONFORMANCE_PROOF_H
#define KH_CONFORMANCE_PROOF_H

#include <keyhsm/key.h>
#include <openssl/evp.h>

/* The use of SCHEME that signs a digest of HASH; for KH_HASH_NONE a message of 64 bytes.
 * PSS: MGF1 of the same function, a salt as long as the digest. Its input is static. */
struct kh_key_use kh_proof_signing(kh_key_scheme scheme, kh_key_hash hash);

/* KEY's public half, to be freed; NULL when it is none. */
EVP_PKEY *kh_proof_public(const struct kh_named_key *key);
/* Whether KEY's public half is of its kind. */
bool kh_proof_fits(const struct kh_named_key *key);

/* Whether SIGNATURE, made by USE, is KEY's. */
bool kh_proof_verifies(const struct kh_named_key *key, const struct kh_key_use *use,
    const struct kh_buf *signature);

/* A peer of the moment, and what it comes to with KEY. */
struct kh_proof_agreement {
    unsigned char point[97]; /* the peer's, uncompressed */
    size_t point_len;
    unsigned char secret[48]; /* the X coordinate */
    size_t secret_len;
};
/* False: KEY's public half agrees with nobody. */
bool kh_proof_agree(const struct kh_named_key *key, struct kh_proof_agreement *out);

/* OAEP of HASH and MGF1 of it: TEXT sealed to KEY. OUT has 512 bytes of room. Length; 0:
 * it could not be done. */
size_t kh_proof_seal(const struct kh_named_key *key, kh_key_hash hash, const char *text,
    unsigned char out[512]);

#endif
