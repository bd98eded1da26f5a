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
CK_RV kh_named_ed25519(struct kh_call *call, struct kh_named_work *work);
CK_RV kh_named_ecdh(struct kh_call *call, struct kh_named_work *work);
CK_RV kh_named_rsa_pkcs1(struct kh_call *call, struct kh_named_work *work);
CK_RV kh_named_rsa_pss(struct kh_call *call, struct kh_named_work *work);
CK_RV kh_named_rsa_oaep(struct kh_call *call, struct kh_named_work *work);
CK_RV kh_named_wrap(struct kh_call *call, struct kh_named_work *work);
CK_RV kh_named_unwrap(struct kh_call *call, struct kh_named_work *work);

/* C_SignInit and C_Sign by MECHANISM of LEN bytes at IN. OUT has *OUT_LEN bytes of room,
 * and gets as many. */
CK_RV kh_named_c_sign(struct kh_call *call, struct kh_named_work *work,
    CK_MECHANISM *mechanism, const struct kh_buf *in, struct kh_buf *out);

/* Before the token is asked: KH_INVALID for input that fits no key of this kind. */
KH_CHECK kh_status kh_named_check_input(
    const struct kh_named_kind *kind, const struct kh_key_use *use, struct kh_error *err);

/* RV, or the verdict KH_REFUSED, in words, when it says that the token has no such scheme
 * or none with these hash functions. */
CK_RV kh_named_lacks(struct kh_call *call, const struct kh_named_work *work, CK_RV rv);

/* The verdict on input that the token did not take: KH_INVALID, WHY in words. The session
 * is not used any more. */
CK_RV kh_named_bad_input(struct kh_call *call, const char *why);
/* Whether RV may come of the input alone. Modules say CKR_GENERAL_ERROR of a ciphertext
 * that does not open: whether the token is well is found out afterwards. */
bool kh_named_doubtful(CK_RV rv);

#endif
