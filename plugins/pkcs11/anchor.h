/*
 * An object that is never destroyed, for modules that number objects by their place in a
 * list (KH_QUIRK_ANCHOR). tpm2-pkcs11 takes the first object's handle for 1: once that
 * object is gone, a new object gets a handle that another one has, and what is done to
 * the new one is done to the other: its C_DestroyObject destroys a deposit key.
 */
#ifndef KH_PKCS11_ANCHOR_H
#define KH_PKCS11_ANCHOR_H

#include "plugins/pkcs11/find.h"

/* Of the object that stays; keyhsm doctor's has the label of all it makes. */
#define KH_ANCHOR_LABEL "keyhsm: keep this object"

/* Makes the object, labelled LABEL, when the token has none of that label: before
 * anything else is made in this session. With other modules nothing is done. */
CK_RV kh_anchor_keep(struct kh_call *call, const char *label);

/* The same on the keeper session, with everybody else outside the gate. */
KH_CHECK kh_status kh_anchor_ready(struct kh_token *token, struct kh_error *err);

#endif
