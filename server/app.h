/* What the handlers of a daemon share. */
#ifndef KH_SERVER_APP_H
#define KH_SERVER_APP_H

#include "core/backend.h"
#include "server/auth_failure.h"
#include "server/http.h"
#include "server/router.h"

struct kh_authn;
struct kh_authn_extra;
struct kh_budget;
struct kh_certs;
struct kh_gate;
struct kh_hello;
struct kh_history;
struct kh_kms;
struct kh_metrics;
struct kh_survey;

struct kh_app {
    /* What is served. Another may take its place (kh_app_use): a handler that calls it
     * twice takes it once. The one before stays open until the daemon ends. */
    _Atomic(struct kh_backend *) backend;
    atomic_ullong ready_until; /* monotonic milliseconds: it need not be asked before */
    struct kh_gate *gate;      /* NULL: everybody who may connect may do everything */
    struct kh_authn *authn;    /* NULL: a certificate is all that a caller can show */
    const struct kh_authn_extra *authn_extra; /* or NULL (authn.h) */
    /* On a worker, when the backend refused what was asked (KH_REFUSED). True: REQUEST is
     * run once more. May replace the answer. May be NULL. */
    bool (*refused)(void *arg, struct kh_app *app, struct kh_request *request);
    void *refused_arg;
    /* On a worker, after a request that may have changed the deposit NAME. May be NULL.
     */
    void (*changed)(void *arg, const char *name);
    void *changed_arg;
    struct kh_kms *kms; /* NULL: no KMS is served */
    size_t max_body;    /* of routes without KH_ROUTE_LARGE, bytes */
    const struct kh_route *routes;
    size_t route_count;
    struct kh_http *http;
    struct kh_pool *pool;
    struct kh_tls *tls;
    struct kh_metrics *metrics;
    struct kh_meter *auth_failures[KH_AUTH_FAILURES];
    const char *name;           /* of the daemon */
    int64_t started;            /* seconds since 1970 */
    struct kh_history *history; /* of the last hour's requests */
    struct kh_certs *certs;     /* certificates and how long they last */
    struct kh_survey *survey;   /* what the status page shows */
    struct kh_hello *hello;
    struct kh_budget *budget;
    atomic_bool draining;

    /* Loop thread only. */
    unsigned stuck;           /* requests past their deadline that have not come back */
    bool fatal;               /* a backend answered KH_FATAL */
    void (*on_fatal)(void *); /* called once, with arg, after the answer is on its way */
    void *arg;
};

/* Serves BACKEND, which stays the caller's, from now on. Thread safe. */
void kh_app_use(struct kh_app *app, struct kh_backend *backend);

#endif
