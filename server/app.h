/* What the handlers of a daemon share. */
#ifndef KH_SERVER_APP_H
#define KH_SERVER_APP_H

#include "core/backend.h"
#include "server/http.h"
#include "server/router.h"

struct kh_budget;
struct kh_hello;
struct kh_metrics;

struct kh_app {
    struct kh_backend *backend;
    size_t data_max; /* largest data of a deposit, from the backend */
    const struct kh_route *routes;
    size_t route_count;
    struct kh_http *http;
    struct kh_pool *pool;
    struct kh_tls *tls;
    struct kh_metrics *metrics;
    struct kh_hello *hello;
    struct kh_budget *budget;
    atomic_bool draining;

    /* Loop thread only. */
    unsigned stuck;           /* requests past their deadline that have not come back */
    bool fatal;               /* a backend answered KH_FATAL */
    void (*on_fatal)(void *); /* called once, with arg, after the answer is on its way */
    void *arg;
};

#endif
