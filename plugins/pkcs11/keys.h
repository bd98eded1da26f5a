/* Making a key pair: the templates, and the public half as SubjectPublicKeyInfo. */
#ifndef KH_PKCS11_KEYS_H
#define KH_PKCS11_KEYS_H

#include "plugins/pkcs11/find.h"

struct kh_key_spec {
    kh_key_type type;
    unsigned bits;
    bool on_token;              /* false: a session object, for a trial */
    const struct kh_key_id *id; /* NULL: none */
    const char *label;          /* NULL: none */
};

/* C_GenerateKeyPair with private half as DESIGN 6 says; reads the public half into
 * *PUBLIC_HALF (freed by the caller) and destroys it. PRIVATE_KEY is set as soon as the
 * pair exists, also on failure. */
CK_RV kh_key_make(struct kh_call *call, const struct kh_key_spec *spec,
    CK_OBJECT_HANDLE *private_key, struct kh_public_half *public_half);

/* A kh_work: destroys all objects with the id that ARG, a struct kh_key_id, is. */
CK_RV kh_key_destroy_found(struct kh_call *call, void *arg);

#endif
