/* What keyhsm setup writes, once the token has let it in. */
#ifndef KH_KEYHSM_APPLY_H
#define KH_KEYHSM_APPLY_H

#include "programs/keyhsm/signin.h"

/* Could it be written? Half a pair of certificate and key, or a certificate to trust that
 * cannot be: KH_INVALID. Changes nothing. */
KH_CHECK kh_status kh_apply_check(const struct kh_wizard *w, struct kh_error *err);

/* Would the file be another one? */
KH_CHECK kh_status kh_apply_pending(
    const struct kh_wizard *w, bool *pending, struct kh_error *err);

/* PIN file, certificate with its key, trust directory, pin, configuration: makes what is
 * not there, keeps what is, and says each thing that it did. The configuration comes
 * last. */
KH_CHECK kh_status kh_apply(
    const struct kh_wizard *w, const struct kh_signin *signin, struct kh_error *err);

#endif
