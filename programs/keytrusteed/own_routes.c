#include "programs/keytrusteed/own_routes.h"

#include "core/secmem.h"
#include "server/health.h"
#include "server/reply.h"

#include <string.h>

static void answer_fingerprint(struct kh_app *app, struct kh_request *request)
{
    char text[KH_TLS_FINGERPRINT];
    struct kh_error err = {0};
    kh_status st = kh_tls_fingerprint(app->tls, text, sizeof text, &err);

    if (st == KH_OK)
        st = kh_buf_copy(&request->response.body, text, strlen(text), &err);
    if (st != KH_OK) {
        kh_reply_status(request, st, &err);
        return;
    }
    request->response.status = 200;
    request->response.type = "text/plain; charset=utf-8";
}

void kt_root(struct kh_app *app, struct kh_request *request)
{
    if (strcmp(request->query, "a=fingerprint") == 0)
        answer_fingerprint(app, request);
    else
        kh_response_error(&request->response, 400, "invalid",
            "unknown action; what there is: /?a=fingerprint", NULL);
}

void kt_test_hsm(struct kh_app *app, struct kh_request *request)
{
    struct kh_backend *backend = app->backend;
    struct kh_error err = {0};
    struct kh_info info = {0};

    if (kh_backend_capabilities(backend) & KH_CAP_HARDWARE) {
        kh_test_hsm(app, request);
        return;
    }
    if (kh_backend_info(backend, &info, &err) == KH_OK && info.sealed)
        request->outcome = KH_REFUSED; /* the deposits have moved: see moved.h */
    kh_reply_later(request, 503,
        "no HSM is behind this server yet: the backend is a file store; integrate one "
        "with 'ktadmin keyhsm'",
        60);
}
