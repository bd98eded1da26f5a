/*
 * Named keys on the token (keyhsm/key.h): made there for their purposes, used there. The
 * part of token.h for them; nothing above it sees a CK_ type.
 */
#ifndef KH_PKCS11_NAMED_TOKEN_H
#define KH_PKCS11_NAMED_TOKEN_H

#include "plugins/pkcs11/token.h"
#include <keyhsm/key.h>

struct kh_named_spec {
    kh_key_kind kind;
    uint32_t purposes;
    const char *label; /* CKA_LABEL */
};

/* As kh_token_key_generate: a key of SPEC->kind that can do SPEC->purposes and nothing
 * else, which is read back. PUBLIC_HALF stays empty for an AES key. KH_REFUSED, in words,
 * when the token cannot make such keys. */
KH_CHECK kh_status kh_token_named_generate(struct kh_token *token,
    const struct kh_key_id *id, const struct kh_named_spec *spec,
    struct kh_public_half *public_half, struct kh_error *err);

/* One use of the key ID of KIND. */
struct kh_named_use {
    struct kh_key_id id;
    kh_key_kind kind;
    const struct kh_key_use *use;
    struct kh_buf *out; /* in: len is the room; out: what was made of it */
};

/* The room that OUT must have for any use of a key of KIND: bytes. */
size_t kh_token_named_room(kh_key_kind kind);

/*
 * The private operation. KH_INVALID: a point that is none, a ciphertext or a wrapped key
 * that does not open. KH_REFUSED: the token has no such scheme. KH_CORRUPT: the key is
 * not on the token, or not as it must be. On failure OUT is wiped. Recovery is inside.
 */
KH_CHECK kh_status kh_token_named_use(
    struct kh_token *token, struct kh_named_use *use, struct kh_error *err);

/* Whether the key ID did, since it was last looked at, what only the key of its public
 * half can do; and that it did. */
bool kh_token_named_proven(struct kh_token *token, const struct kh_key_id *id);
void kh_token_named_set_proven(struct kh_token *token, const struct kh_key_id *id);

#endif
