#include "programs/keytrusteed/own_routes.h"

#include "core/secmem.h"
#include "server/deposits.h"
#include "server/health.h"
#include "server/kms/kms.h"
#include "server/query.h"
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

void kt_deposit_purge(struct kh_app *app, struct kh_request *request)
{
    struct kh_error err = {0};
    struct kh_query query;
    kh_status st = KH_OK;

    /* A wrong query is refused below. */
    if (kh_query_parse(request->query, KH_QUERY_VERSION, &query, &err) == KH_OK)
        st = kh_kms_purging(app, request->name,
            query.has_version ? query.version : KH_ALL_VERSIONS, &err);
    if (st == KH_OK)
        kh_deposit_purge(app, request);
    else
        kh_reply_status(request, st, &err);
}
