/* The operations on deposit keys: ECDH, OAEP decryption, random bytes. */
#ifndef KH_PKCS11_OPS_H
#define KH_PKCS11_OPS_H

#include "plugins/pkcs11/run.h"

#define KH_ECDH_LEN 32 /* the X coordinate of P-256 */

/* CKM_ECDH1_DERIVE with CKD_NULL by a handle, and the value of the session object it
 * makes. */
CK_RV kh_ecdh_handle(struct kh_call *call, CK_OBJECT_HANDLE key,
    const unsigned char *peer, size_t peer_len, unsigned char secret[KH_ECDH_LEN]);

/* The same on any curve: PEER is an uncompressed point, LEN the bytes of a coordinate. */
#define KH_ECDH_POINT_MAX 97 /* P-384 */
struct kh_ecdh {
    const unsigned char *peer;
    size_t peer_len; /* at most KH_ECDH_POINT_MAX */
    unsigned char *secret;
    size_t len;
};
CK_RV kh_ecdh_derive(
    struct kh_call *call, CK_OBJECT_HANDLE key, const struct kh_ecdh *ecdh);

/* CKM_RSA_PKCS_OAEP by a handle. OUT has room for *OUT_LEN bytes, at least the modulus.
 */
struct kh_oaep {
    kh_oaep_hash hash;
    const unsigned char *in;
    size_t in_len;
    unsigned char *out;
    size_t out_len;
};
CK_RV kh_oaep_handle(struct kh_call *call, CK_OBJECT_HANDLE key, struct kh_oaep *oaep);

#endif
