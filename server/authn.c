#include "server/authn.h"

#include "core/secmem.h"
#include "server/hadoop.h"
#include "server/reply.h"
#include "server/router.h"

#include <stdlib.h>

static const char certificate[] = "Certificate realm=\"keytrustee\"";

void kh_authn_refuse(struct kh_request *request, const char *message)
{
    if (kh_hadoop_route(request))
        kh_hadoop_page(request, 401, message ? message : "Authentication required");
    else
        kh_response_error(&request->response, 401, "unauthenticated",
            message ? message : "a client certificate that this server trusts is needed",
            request->name);
    kh_response_header(&request->response, "WWW-Authenticate", "%s", certificate);
}

void kh_authn_headers(struct kh_request *request)
{
    if (request->authenticate)
        kh_response_header(
            &request->response, "WWW-Authenticate", "%s", request->authenticate);
    if (request->set_cookie)
        kh_response_header(&request->response, "Set-Cookie", "%s", request->set_cookie);
    kh_wipe_free(request->authenticate);
    kh_wipe_free(request->set_cookie);
    request->authenticate = NULL;
    request->set_cookie = NULL;
}

static kh_authn_step by_certificate(struct kh_request *request)
{
    if (!*request->principal.fingerprint)
        return KH_AUTHN_NEXT;
    request->principal.auth = KH_AUTH_CERTIFICATE;
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
static kh_authn_step stranger(const struct kh_app *app, struct kh_request *request)
{
    if (!app->gate && !kh_hadoop_route(request))
        return KH_AUTHN_OK;
    kh_authn_refuse(request, NULL);
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
    kh_authn_step step;

    if (!kh_route_identity(request->route))
        return true;
    step = by_token(app, request);
    if (step != KH_AUTHN_NEXT)
        return step == KH_AUTHN_OK && goes_on(request);
    step = by_certificate(request);
    if (step == KH_AUTHN_NEXT)
        step = stranger(app, request);
    return step == KH_AUTHN_OK && when_known(app, request);
}
