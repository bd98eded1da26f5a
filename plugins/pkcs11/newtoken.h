/* A fresh token, where tokens are software (kh_plugin.create). */
#ifndef KH_PKCS11_NEWTOKEN_H
#define KH_PKCS11_NEWTOKEN_H

#include <keyhsm/plugin.h>

/* Initialises a blank token of SoftHSM with the label, the user PIN and the security
 * officer's PIN that CREATION names. KH_EXISTS: a token of this label is there.
 * KH_INVALID: a label or PIN that the token cannot have. KH_REFUSED: the module is not
 * SoftHSM's; a device is initialised with its vendor's tools, which know about its
 * domains, backups and policies. Not while a token is open in this process. */
KH_CHECK kh_status kh_pkcs11_create(
    const struct kh_host *host, const struct kh_creation *creation, struct kh_error *err);

#endif
