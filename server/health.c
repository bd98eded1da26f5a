#include "server/health.h"

#include "server/hello.h"
#include "server/reply.h"

#include <time.h>

enum { READY_MS = 1000 };

void kh_healthz(struct kh_app *app, struct kh_request *request)
{
    (void)app;
    kh_reply_json(request, 200, json_pack("{s:s}", "status", "ok"));
}

/* Where anybody may ask, a crowd that asks must not keep the token busy: what was ready
 * is so for a second. What was not is asked again each time. */
static kh_status probe(
    struct kh_app *app, struct kh_backend *backend, struct kh_error *err)
{
    uint64_t now = kh_clock_ms();
    kh_status st;

    if (now < atomic_load(&app->ready_until))
        return KH_OK;
    st = kh_backend_probe(backend, err);
    if (st == KH_OK)
        atomic_store(&app->ready_until, now + READY_MS);
    return st;
}

void kh_readyz(struct kh_app *app, struct kh_request *request)
{
    struct kh_backend *backend = app->backend;
    struct kh_error err = {0};
    kh_status st;

    if (atomic_load(&app->draining)) {
        kh_reply_later(request, 503, "the daemon is stopping", 5);
        return;
    }
    st = probe(app, backend, &err);
    if (st == KH_OK)
        kh_reply_json(request, 200,
            json_pack(
                "{s:s,s:s}", "status", "ready", "backend", kh_backend_name(backend)));
    else if (st == KH_FATAL)
        kh_reply_status(request, st, &err);
    else { /* whatever it is, for a load balancer it is "not now" */
        kh_reply_later(request, 503, err.message, 5);
        request->outcome = st;
    }
}

void kh_test_hsm(struct kh_app *app, struct kh_request *request)
{
    char name[KH_NAME_MAX + 1] = "";
    struct kh_error err = {0};
    kh_status st;

    if (!kh_hello_admit(app->hello, kh_clock_ms())) {
        kh_reply_later(request, 429, "at most one test a second", 1);
        return;
    }
    st = kh_hello_run(app->hello, (int64_t)time(NULL), name, &err);
    if (st == KH_OK)
        kh_reply_json(request, 200, json_sprintf("Sample Key %s has been created", name));
    else
        kh_reply_status(request, st, &err);
}
