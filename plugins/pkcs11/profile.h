/* Which kind of deposit key really works on this token: found by a trial, since mechanism
 * lists lie. */
#ifndef KH_PKCS11_PROFILE_H
#define KH_PKCS11_PROFILE_H

#include "plugins/pkcs11/parts.h"

/*
 * Sets key_type, key_bits and profile in TOKEN's facts by trying, with session objects:
 * ECDH on P-256, RSA-OAEP with SHA-256, RSA-OAEP with SHA-1; the first that gives the
 * right answer and keeps its private half to itself. WANTED is the option key_type.
 * KH_REFUSED: none does, and the message says what each trial came to; or private keys
 * can leave the token in copies, and option allow_unprotected does not accept that.
 */
KH_CHECK kh_status kh_profile_find(
    struct kh_token *token, const char *wanted, struct kh_error *err);

#endif
