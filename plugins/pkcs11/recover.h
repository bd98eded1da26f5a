/* The two rungs that stop everybody: a new login, and a new initialisation of the module.
 */
#ifndef KH_PKCS11_RECOVER_H
#define KH_PKCS11_RECOVER_H

#include "plugins/pkcs11/parts.h"

/* From C_Initialize to a logged-in keeper session, for open and for recovery. CHOICE says
 * which token. The pool and the cache must be empty. On failure the module is finalised
 * again. */
KH_CHECK kh_status kh_bring_up(
    struct kh_token *token, const struct kh_slot_choice *choice, struct kh_error *err);

/*
 * Mends what broke in GENERATION: one thread does it, the others wait for it (until
 * DEADLINE) or find it done. RUNG is KH_RUNG_LOGIN or KH_RUNG_DEVICE. The token is found
 * again by its serial number. KH_UNAVAILABLE: it could not be mended; the breaker is
 * open.
 */
KH_CHECK kh_status kh_recover(struct kh_token *token, uint64_t generation, kh_rung rung,
    uint64_t deadline, struct kh_error *err);

#endif
