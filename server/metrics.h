/* Counters, and the Prometheus text format (version 0.0.4). */
#ifndef KH_SERVER_METRICS_H
#define KH_SERVER_METRICS_H

#include "server/app.h"
#include "server/meter.h"

struct kh_metrics;

/* NULL: no memory. ROUTES must outlive it. */
struct kh_metrics *kh_metrics_new(const struct kh_route *routes, size_t count);
void kh_metrics_free(struct kh_metrics *metrics);

/* One finished request. ROUTE is one of the routes, or NULL. Thread safe. */
void kh_metrics_count(struct kh_metrics *metrics, const struct kh_route *route,
    kh_method method, int status, uint64_t ns);

/* Requests by route, method and status, their durations, and every meter (meter.h).
 * Thread safe. */
void kh_metrics_print(struct kh_metrics *metrics, FILE *to);

/* GET /metrics: the above, and gauges of the engine, the pool and the backend. */
void kh_metrics_handler(struct kh_app *app, struct kh_request *request);

#endif
