/*
 * Kerberos tickets in HTTP (RFC 4559), taken by MIT's GSSAPI: SPNEGO tokens and raw
 * Kerberos ones, each complete in one request. Nothing is kept between two requests but
 * the library's replay cache (KRB5RCACHENAME), and what a client delegates is dropped.
 *
 * The keytab may hold several principals HTTP/host: whichever the ticket is for serves,
 * others (host/, nfs/) do not. The library reads the file at every ticket, so new keys
 * count at once; kh_spnego_new checks it.
 */
#ifndef KH_SERVER_SPNEGO_H
#define KH_SERVER_SPNEGO_H

#include "server/auth_failure.h"
#include "server/principal.h"

#include <keyhsm/types.h>

#define KH_SPNEGO_TOKEN_MAX 65536 /* bytes of a token in base64: tickets with a PAC */

struct kh_spnego;

/* KEYTAB: a file with at least one principal HTTP/host. KH_INVALID, naming it, when it
 * cannot be read, others may read it, or it has none. *OUT goes to kh_spnego_free. */
KH_CHECK kh_status kh_spnego_new(
    struct kh_spnego **out, const char *keytab, struct kh_error *err);

/* The realm of krb5.conf; KH_INVALID when there is none. */
KH_CHECK kh_status kh_krb5_realm(char out[256], struct kh_error *err);

/* A ticket that was good; or, in `failure` alone, why it was not. */
struct kh_spnego_result {
    char principal[sizeof((struct kh_principal *)0)->krb5];
    char *token; /* base64, for the client; malloc'd, wiped by its owner; NULL: none */
    kh_auth_failure failure;
};

/*
 * Looks at TOKEN, LEN bytes of base64. KH_OK fills OUT. KH_INVALID: no token at all (not
 * base64, not GSSAPI's, too long). KH_REFUSED: a ticket that does not serve: expired,
 * replayed, clocks too far apart, for another service, anonymous, more than one round.
 * KH_INVALID and KH_REFUSED fill OUT->failure.
 * KH_UNAVAILABLE: the server's own fault, such as a keytab that has gone. Waits for the
 * replay cache's file. Thread safe.
 */
KH_CHECK kh_status kh_spnego_accept(const struct kh_spnego *spnego, const char *token,
    size_t len, struct kh_spnego_result *out, struct kh_error *err);

/* NULL is fine. */
void kh_spnego_free(struct kh_spnego *spnego);

#endif
