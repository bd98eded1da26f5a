/* The directory of a key trustee server, CONFDIR, and what lies in CONFDIR/.ssl. */
#ifndef KH_KTADMIN_CONFDIR_H
#define KH_KTADMIN_CONFDIR_H

#include <keyhsm/types.h>

#include <limits.h>

#define KH_CONFDIR_DEFAULT "/var/lib/keytrustee/.keytrustee"

/* Names below CONFDIR. They are an interface: runbooks have them. */
#define KH_CONFDIR_SSL ".ssl"
#define KH_CONFDIR_CERTIFICATE ".ssl/ssl-cert-keytrustee.pem"
#define KH_CONFDIR_KEY ".ssl/ssl-cert-keytrustee-pk.pem"
#define KH_CONFDIR_PIN ".ssl/ssl-cert-keyhsm.pem"
#define KH_CONFDIR_LOCK ".ssl/keyhsm.lock" /* one integration at a time */
#define KH_CONFDIR_SEAL "seal.json"        /* of a store that was left */

/* CONFDIR/FILE. KH_INVALID: too long. */
KH_CHECK kh_status kh_confdir_path(
    char out[PATH_MAX], const char *confdir, const char *file, struct kh_error *err);

/* Makes CONFDIR/.ssl (0700, of CONFDIR's owner) when it is missing. KH_REFUSED when it is
 * no directory, or others may write into it; KH_UNAVAILABLE. */
KH_CHECK kh_status kh_confdir_make_ssl(const char *confdir, struct kh_error *err);

/* Gives PATH, which must exist, to the owner of CONFDIR. Root only can, so nothing
 * happens for others. KH_UNAVAILABLE. */
KH_CHECK kh_status kh_confdir_give(
    const char *confdir, const char *path, struct kh_error *err);

#endif
