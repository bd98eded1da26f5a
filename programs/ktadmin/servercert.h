/* The certificate that keytrusteed starts with, and shows to keyhsmd. */
#ifndef KH_KTADMIN_SERVERCERT_H
#define KH_KTADMIN_SERVERCERT_H

#include <keyhsm/types.h>

struct kh_server_certificate {
    const char *confdir;
    const char *address;           /* a host name or address; NULL: this machine's name */
    const char *passphrase_source; /* of the key, core/secret.h; NULL: not protected */
};

/*
 * Makes CONFDIR/.ssl with a self-signed certificate and its key, when no certificate is
 * there; says on standard output which of the two it was. Secret memory must be set up.
 * Nothing is ever overwritten: KH_EXISTS for a key without its certificate. KH_INVALID:
 * no address; two passphrases that differ. Otherwise as selfsigned.h and secret.h.
 */
KH_CHECK kh_status kh_server_certificate_make(
    const struct kh_server_certificate *wish, struct kh_error *err);

#endif
