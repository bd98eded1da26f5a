/* The token of keyhsm setup: found, made when it is software, and signed in to for real.
 */
#ifndef KH_KEYHSM_SIGNIN_H
#define KH_KEYHSM_SIGNIN_H

#include "programs/keyhsm/wizard.h"

/* Zero-initialise; free with kh_signin_free. */
struct kh_signin {
    struct kh_buf pin; /* of this run; empty: the daemon's source has it */
    bool pin_missing;  /* the file of pin_source has to be written with it */
    bool made;         /* a token was made */
    struct kh_info info;
};

/* Module, token and source of the PIN, asked for and looked at; makes a SoftHSM token
 * when the operator wants one. KH_UNAVAILABLE, KH_REFUSED: it cannot be used, in words.
 */
KH_CHECK kh_status kh_signin_choose(
    struct kh_wizard *w, struct kh_signin *signin, struct kh_error *err);

/* Reads the PIN of this run when it is not where the daemon will find it. */
KH_CHECK kh_status kh_signin_pin(
    const struct kh_wizard *w, struct kh_signin *signin, struct kh_error *err);

/* Opens the backend as the daemon will, with one login, and closes it again. Leaves no
 * state directory behind when it fails. KH_BUSY: a daemon has it open. */
KH_CHECK kh_status kh_signin_try(
    const struct kh_wizard *w, struct kh_signin *signin, struct kh_error *err);

void kh_signin_free(struct kh_signin *signin);

#endif
