/* What open needs, looked at one by one without a login (kh_plugin.examine). */
#ifndef KH_PKCS11_EXAMINE_H
#define KH_PKCS11_EXAMINE_H

#include <keyhsm/plugin.h>

/* Findings "state directory", "PKCS#11 module", "token", "PIN", in this order; "token"
 * and what of "PIN" is the token's only when there is a module and a token to look at.
 * The module is initialised and finalised: not while a token is open in this process. */
KH_CHECK kh_status kh_pkcs11_examine(
    const struct kh_host *host, kh_finding_fn fn, void *arg, struct kh_error *err);

#endif
