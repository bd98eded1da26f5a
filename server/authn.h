/*
 * Who is calling: finds the principal of a request before the gate (gate.h) asks what he
 * may do. Runs on a worker, because looking at a ticket may wait for files.
 *
 * In this order; the first that identifies the caller decides, and a way that was tried
 * and failed is only forgiven when a later one succeeds:
 *
 *   1. the cookie hadoop.auth, on Hadoop's routes
 *   2. kh_authn_extra.token: delegation tokens, on Hadoop's routes
 *   3. what the request shows: Authorization: Negotiate, or user.name= where a name alone
 *      is enough
 *   4. the client certificate of the connection
 *
 * Then kh_authn_extra.identified, on Hadoop's routes: acting for another, and what is
 * done about tokens. State is in the request or in the signed cookie, never in the
 * connection.
 */
#ifndef KH_SERVER_AUTHN_H
#define KH_SERVER_AUTHN_H

#include "core/config.h"
#include "server/app.h"

typedef enum kh_authn_step {
    KH_AUTHN_NEXT,    /* nothing there that concerns this way: go on */
    KH_AUTHN_OK,      /* request->principal is filled */
    KH_AUTHN_ANSWERED /* request->response is filled; nothing more is done */
} kh_authn_step;

/*
 * Ways of others, on routes with KH_ROUTE_HADOOP only. Called on workers, several at the
 * same time. Each may be NULL. The struct must outlive the service.
 */
struct kh_authn_extra {
    void *arg;
    /* When no cookie told who calls; the certificate, if there is one, stands in
     * request->principal, with auth KH_AUTH_NONE so far. OK: it carries its own proof
     * (principal.user and the like are filled, auth becomes KH_AUTH_TOKEN, no cookie is
     * set and `identified` is not called). ANSWERED: it was refused, or needed no
     * credentials. */
    kh_authn_step (*token)(void *arg, struct kh_request *request);
    /* When the caller is known in any other way. May replace principal.user (doAs:
     * real_user is then who was there before) or ANSWER. NEXT and OK are the same. */
    kh_authn_step (*identified)(void *arg, struct kh_request *request);
};

/* What a daemon's callers can be. */
typedef enum kh_authn_kind {
    KH_AUTHN_EITHER, /* keytrusteed: a certificate or a ticket */
    KH_AUTHN_BOTH    /* keyhsmd: with kerberos = yes a ticket on top of the certificate */
} kh_authn_kind;

/*
 * Reads [auth] and [auth_to_local] of CONFIG, which is not needed afterwards, and what
 * they name: keytab, secret of cookies. KH_INVALID, with file and line. *OUT goes to
 * kh_authn_free.
 */
KH_CHECK kh_status kh_authn_new(struct kh_authn **out, kh_authn_kind kind,
    const struct kh_config *config, struct kh_error *err);

/* The keytab and the rules of CONFIG in place of those before, and a new secret of
 * cookies. On an error what was there stays, and ERR says why. Which ways there are is
 * not changed. Any thread; requests under way finish by what they began with. */
KH_CHECK kh_status kh_authn_reload(
    struct kh_authn *authn, const struct kh_config *config, struct kh_error *err);

/* NULL is fine. No request may be under way. */
void kh_authn_free(struct kh_authn *authn);

/*
 * The short name of a Kerberos principal by the rules of [auth_to_local]. KH_REFUSED: no
 * rule fits, or AUTHN (may be NULL) has no Kerberos. Thread safe.
 */
KH_CHECK kh_status kh_authn_short(struct kh_authn *authn, const char *principal,
    char out[sizeof((struct kh_principal *)0)->user], struct kh_error *err);

/*
 * Fills request->principal for the route it was matched with. False: REQUEST is answered
 * (401 when an identity is needed and none was shown; a handshake's OPTIONS on a Hadoop
 * route 200). On routes without a need for an identity it does nothing. Thread safe.
 */
KH_CHECK bool kh_authn_enter(struct kh_app *app, struct kh_request *request);

/*
 * Answers 401 with every challenge that can be met here. MESSAGE says why (NULL: that
 * nothing was shown); on Hadoop routes it is also the reason phrase. request->app may be
 * NULL. Thread safe.
 */
void kh_authn_refuse(struct kh_request *request, const char *message);

/* Counts a caller of REQUEST, whose app may be NULL, that is not let in. Thread safe. */
void kh_authn_failed(const struct kh_request *request, kh_auth_failure why);

/* Adds request->authenticate and request->set_cookie to the answer, and forgets them.
 * Once, just before it is sent. */
void kh_authn_headers(struct kh_request *request);

#endif
