/* The public half of a key pair, read from the token as SubjectPublicKeyInfo. */
#ifndef KH_PKCS11_PUBLICHALF_H
#define KH_PKCS11_PUBLICHALF_H

#include "plugins/pkcs11/run.h"

/* Each: CKR_OK and OUT, whose bytes the caller frees; or what the token said;
 * CKR_FUNCTION_FAILED for a public half that is none of its kind. */

/* GROUP: "prime256v1" or "secp384r1". The point is checked to be on the curve. */
CK_RV kh_public_read_ec(struct kh_call *call, CK_OBJECT_HANDLE handle, const char *group,
    struct kh_public_half *out);
CK_RV kh_public_read_ed25519(
    struct kh_call *call, CK_OBJECT_HANDLE handle, struct kh_public_half *out);
CK_RV kh_public_read_rsa(struct kh_call *call, CK_OBJECT_HANDLE handle, unsigned bits,
    struct kh_public_half *out);

#endif
