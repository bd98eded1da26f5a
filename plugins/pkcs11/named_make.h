/* Making a named key on the token, and reading back what it may do. */
#ifndef KH_PKCS11_NAMED_MAKE_H
#define KH_PKCS11_NAMED_MAKE_H

#include "plugins/pkcs11/named_token.h"
#include "plugins/pkcs11/run.h"

/* C_GenerateKeyPair or C_GenerateKey. Reads the public half into *PUBLIC_HALF (freed by
 * the caller) and destroys it on the token. HANDLE is set as soon as the key exists, also
 * on failure. A verdict (KH_REFUSED) when the token has no mechanism for it. */
CK_RV kh_named_make(struct kh_call *call, const struct kh_named_spec *spec,
    const struct kh_key_id *id, CK_OBJECT_HANDLE *handle,
    struct kh_public_half *public_half);

/* *FAULT: what the key may do though its purposes do not have it, or the reverse, or that
 * it may be changed; NULL when it is as SPEC says. Static text. */
CK_RV kh_named_look(struct kh_call *call, const struct kh_named_spec *spec,
    CK_OBJECT_HANDLE handle, const char **fault);

#endif
