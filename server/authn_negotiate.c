/* A ticket in Authorization: Negotiate (RFC 4559), complete in one request. */
#include "server/authn_impl.h"

#include "core/log.h"
#include "core/secmem.h"
#include "server/hadoop.h"
#include "server/reply.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The token behind the scheme, which counts in any case (RFC 9110 11.1); NULL: another
 * scheme, or none. */
static const char *token_of(const char *authorization)
{
    static const char scheme[] = "Negotiate";
    size_t len = sizeof scheme - 1;

    if (!authorization || strncasecmp(authorization, scheme, len) != 0 ||
        !authorization[len] || !strchr(" \t", authorization[len]))
        return NULL;
    return authorization + len + strspn(authorization + len, " \t");
}

/* 403: who it is is known, or cannot ever be told from this. */
static void forbid(struct kh_request *request, const char *why)
{
    if (kh_hadoop_route(request))
        kh_hadoop_page(request, 403, why);
    else
        kh_response_error(&request->response, 403, "forbidden", why, request->name);
}

static void refuse(struct kh_request *request, kh_status st, const struct kh_error *err)
{
    kh_log(KH_LOG_NOTICE, "request %s from %s: no ticket that serves: %s", request->id,
        request->address, err->message);
    if (st == KH_INVALID && kh_hadoop_route(request))
        forbid(request, err->message);
    else if (st == KH_INVALID || st == KH_REFUSED)
        kh_authn_refuse(request, err->message);
    else
        kh_reply_later(request, 503, "tickets cannot be looked at now; see the log", 5);
}

static kh_authn_step use(struct kh_authn *authn, const struct kh_krb5 *krb5,
    struct kh_request *request, struct kh_spnego_result *ticket)
{
    struct kh_principal *who = &request->principal;
    struct kh_error err = {0};

    if (ticket->token &&
        asprintf(&request->authenticate, "Negotiate %s", ticket->token) < 0)
        request->authenticate = NULL;
    if (kh_local_map(krb5->local, ticket->principal, who->user, &err) != KH_OK ||
        !kh_authn_listed(authn, ticket->principal)) {
        kh_log(KH_LOG_NOTICE, "request %s from %s: %s", request->id, request->address,
            err.status != KH_OK ? err.message : "not in [auth] principals");
        kh_authn_failed(request,
            err.status != KH_OK ? KH_AUTH_FAILURE_REALM : KH_AUTH_FAILURE_UNLISTED);
        forbid(request, err.status != KH_OK ? err.message
                                            : "your principal is not among those that "
                                              "may come ([auth] principals)");
        return KH_AUTHN_ANSWERED;
    }
    memcpy(who->krb5, ticket->principal, sizeof who->krb5);
    who->auth = KH_AUTH_KERBEROS;
    return KH_AUTHN_OK;
}

kh_authn_step kh_authn_negotiate(struct kh_authn *authn, struct kh_request *request)
{
    const char *token = token_of(request->presented.authorization);
    struct kh_spnego_result ticket;
    struct kh_error err = {0};
    struct kh_krb5 *krb5;
    kh_authn_step step = KH_AUTHN_ANSWERED;
    kh_status st;

    if (!token)
        return KH_AUTHN_NEXT;
    krb5 = kh_krb5_get(authn);
    st = kh_spnego_accept(krb5->spnego, token, strlen(token), &ticket, &err);
    if (st == KH_OK)
        step = use(authn, krb5, request, &ticket);
    else
        refuse(request, st, &err);
    if (st == KH_INVALID || st == KH_REFUSED)
        kh_authn_failed(request, ticket.failure);
    kh_wipe_free(ticket.token);
    kh_krb5_put(krb5);
    return step;
}
