/* The private operations of named keys, by a handle: what kh_token_named_use chooses
 * from. */
#ifndef KH_PKCS11_NAMED_OPS_H
#define KH_PKCS11_NAMED_OPS_H

#include "plugins/pkcs11/named_kind.h"
#include "plugins/pkcs11/named_token.h"
#include "plugins/pkcs11/run.h"

/* One operation inside the gate. The work may be run again: it does not change USE but
 * for the bytes and the length of out, whose room is ROOM. */
struct kh_named_work {
    struct kh_named_use *use;
    const struct kh_named_kind *kind;
    CK_OBJECT_HANDLE key;
    size_t room;
};

/* Each: CKR_OK and the result in use->out, or a CK_RV for the ladder, or a verdict. */
CK_RV kh_named_ecdsa(struct kh_call *call, struct kh_named_work *work);
CK_RV kh_named_wrap(struct kh_call *call, struct kh_named_work *work);
CK_RV kh_named_unwrap(struct kh_call *call, struct kh_named_work *work);

/* C_SignInit and C_Sign by MECHANISM of LEN bytes at IN. OUT has *OUT_LEN bytes of room,
 * and gets as many. */
CK_RV kh_named_c_sign(struct kh_call *call, struct kh_named_work *work,
    CK_MECHANISM *mechanism, const struct kh_buf *in, struct kh_buf *out);

/* The verdict on input that the token did not take: KH_INVALID, WHY in words. The session
 * is not used any more. */
CK_RV kh_named_bad_input(struct kh_call *call, const char *why);
/* Whether RV may come of the input alone. Modules say CKR_GENERAL_ERROR of a ciphertext
 * that does not open: whether the token is well is found out afterwards. */
bool kh_named_doubtful(CK_RV rv);

#endif
