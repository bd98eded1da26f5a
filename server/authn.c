#include "server/authn_impl.h"

#include "core/secmem.h"
#include "server/hadoop.h"
#include "server/meter.h"
#include "server/reply.h"
#include "server/router.h"

#include <stdlib.h>
#include <time.h>

static const char certificate[] = "Certificate realm=\"keytrustee\"";

/* What can be shown here. A client of Hadoop's looks at one challenge alone. */
static void add_challenges(struct kh_request *request)
{
    const struct kh_authn *authn = request->app ? request->app->authn : NULL;
    bool hadoop = kh_hadoop_route(request);

    if (!hadoop || !authn || !(authn->kerberos || authn->simple))
        kh_response_header(&request->response, "WWW-Authenticate", "%s", certificate);
    if (authn && authn->kerberos)
        kh_response_header(&request->response, "WWW-Authenticate", "Negotiate");
    else if (hadoop && authn && authn->simple)
        kh_response_header(&request->response, "WWW-Authenticate", "PseudoAuth");
}

static const char *wanted(const struct kh_request *request)
{
    const struct kh_authn *authn = request->app ? request->app->authn : NULL;

    if (!authn || !authn->kerberos)
        return "a client certificate that this server trusts is needed";
    return authn->kind == KH_AUTHN_BOTH
               ? "a Kerberos ticket is needed on top of the certificate"
               : "a client certificate that this server trusts, or a Kerberos ticket, is "
                 "needed";
}

void kh_authn_refuse(struct kh_request *request, const char *message)
{
    if (kh_hadoop_route(request))
        kh_hadoop_page(request, 401, message ? message : "Authentication required");
    else
        kh_response_error(&request->response, 401, "unauthenticated",
            message ? message : wanted(request), request->name);
    add_challenges(request);
}

void kh_authn_failed(const struct kh_request *request, kh_auth_failure why)
{
    if (request->app)
        kh_meter_add(request->app->auth_failures[why], 1);
}

void kh_authn_headers(struct kh_request *request)
{
    if (request->authenticate) {
        kh_response_header(
            &request->response, "WWW-Authenticate", "%s", request->authenticate);
        /* Else libcurl takes the connection for logged in. */
        kh_response_header(&request->response, "Persistent-Auth", "false");
    }
    if (request->set_cookie)
        kh_response_header(&request->response, "Set-Cookie", "%s", request->set_cookie);
    kh_wipe_free(request->authenticate);
    kh_wipe_free(request->set_cookie);
    request->authenticate = NULL;
    request->set_cookie = NULL;
}

static uint64_t now_ms(void)
{
    struct timespec now = {0};

    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* What is wrong with the cookie, should nothing else tell who calls. */
struct doubt {
    const char *why; /* NULL: nothing was shown */
    kh_auth_failure failure;
};

static kh_authn_step by_cookie(
    const struct kh_app *app, struct kh_request *request, struct doubt *doubt)
{
    *doubt = (struct doubt){NULL, KH_AUTH_FAILURE_NOTHING};
    if (!app->authn || !app->authn->cookies || !kh_hadoop_route(request))
        return KH_AUTHN_NEXT;
    switch (kh_cookie_check(app->authn->cookies, request->presented.cookies, now_ms(),
        &request->principal, &doubt->why)) {
    case KH_COOKIE_GOOD:
        return KH_AUTHN_OK;
    case KH_COOKIE_FORGED:
        doubt->failure = KH_AUTH_FAILURE_COOKIE;
        break;
    case KH_COOKIE_EXPIRED:
        doubt->failure = KH_AUTH_FAILURE_COOKIE_EXPIRED;
        break;
    case KH_COOKIE_NONE:
        break;
    }
    return KH_AUTHN_NEXT;
}

/* A ticket, or a name where that is enough; either is worth a cookie. */
static kh_authn_step by_request(const struct kh_app *app, struct kh_request *request)
{
    struct kh_authn *authn = app->authn;
    kh_authn_step step = KH_AUTHN_NEXT;

    if (!authn)
        return KH_AUTHN_NEXT;
    if (authn->kerberos)
        step = kh_authn_negotiate(authn, request);
    else if (authn->simple && kh_hadoop_route(request))
        step = kh_authn_simple(request);
    if (step == KH_AUTHN_OK && authn->cookies && kh_hadoop_route(request))
        request->set_cookie =
            kh_cookie_make(authn->cookies, &request->principal, now_ms());
    return step;
}

static kh_authn_step by_certificate(const struct kh_app *app, struct kh_request *request)
{
    struct kh_principal *who = &request->principal;

    if (!*who->fingerprint ||
        (app->authn && app->authn->kerberos && app->authn->kind == KH_AUTHN_BOTH))
        return KH_AUTHN_NEXT;
    who->auth = KH_AUTH_CERTIFICATE;
    if (!app->authn || !app->authn->certificate_user || !kh_user_valid(who->user))
        who->user[0] = '\0';
    return KH_AUTHN_OK;
}

static kh_authn_step by_token(const struct kh_app *app, struct kh_request *request)
{
    const struct kh_authn_extra *extra = app->authn_extra;

    if (!extra || !extra->token || !kh_hadoop_route(request))
        return KH_AUTHN_NEXT;
    return extra->token(extra->arg, request);
}

/* Refused here only where somebody asks for an identity: keyhsmd's handshake did. */
static kh_authn_step stranger(
    const struct kh_app *app, struct kh_request *request, const struct doubt *doubt)
{
    if (!app->gate && !kh_hadoop_route(request) && !(app->authn && app->authn->kerberos))
        return KH_AUTHN_OK;
    kh_authn_failed(request, doubt->failure);
    kh_authn_refuse(request, doubt->why);
    return KH_AUTHN_ANSWERED;
}

/* False: a handshake, which is answered. */
static bool goes_on(struct kh_request *request)
{
    if (!kh_hadoop_route(request) || request->method != KH_METHOD_OPTIONS)
        return true;
    request->response.status = 200; /* 204 breaks Hadoop's client */
    return false;
}

static bool when_known(const struct kh_app *app, struct kh_request *request)
{
    const struct kh_authn_extra *extra = app->authn_extra;

    if (kh_hadoop_route(request) && extra && extra->identified &&
        extra->identified(extra->arg, request) == KH_AUTHN_ANSWERED)
        return false;
    return goes_on(request);
}

bool kh_authn_enter(struct kh_app *app, struct kh_request *request)
{
    struct doubt doubt;
    kh_authn_step step;

    if (!kh_route_identity(request->route)) {
        request->principal.user[0] = '\0'; /* nobody said that it counts */
        return true;
    }
    step = by_cookie(app, request, &doubt);
    if (step == KH_AUTHN_NEXT) {
        step = by_token(app, request);
        if (step != KH_AUTHN_NEXT)
            return step == KH_AUTHN_OK && goes_on(request);
        step = by_request(app, request);
    }
    if (step == KH_AUTHN_NEXT)
        step = by_certificate(app, request);
    if (step == KH_AUTHN_NEXT)
        step = stranger(app, request, &doubt);
    return step == KH_AUTHN_OK && when_known(app, request);
}
