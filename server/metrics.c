#include "server/metrics.h"

#include "server/exposition.h"
#include "server/meter_impl.h"

#include <stdlib.h>

/* Statuses that the daemon answers; the last place is for any other. */
static const int statuses[] = {200, 201, 204, 400, 401, 403, 404, 405, 409, 411, 413, 414,
    415, 429, 431, 500, 503, 504, 0};
/* Upper bounds in milliseconds; beyond the last is +Inf. */
static const double bounds[] = {
    0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 5000, 30000};

enum {
    STATUSES = sizeof statuses / sizeof statuses[0],
    BOUNDS = sizeof bounds / sizeof bounds[0]
};

struct cell {
    atomic_ullong by_status[KH_METHODS][STATUSES];
    atomic_ullong bucket[BOUNDS + 1];
    atomic_ullong sum_us;
};

struct kh_metrics {
    struct kh_meters meters;
    const struct kh_route *routes;
    size_t count;
    struct cell cells[]; /* one a route, and one for no route */
};

struct kh_metrics *kh_metrics_new(const struct kh_route *routes, size_t count)
{
    struct kh_metrics *metrics =
        calloc(1, sizeof *metrics + (count + 1) * sizeof metrics->cells[0]);

    if (metrics) {
        kh_meters_init(&metrics->meters);
        metrics->routes = routes;
        metrics->count = count;
    }
    return metrics;
}

void kh_metrics_free(struct kh_metrics *metrics)
{
    if (metrics)
        kh_meters_clear(&metrics->meters);
    free(metrics);
}

struct kh_meters *kh_metrics_meters(struct kh_metrics *metrics)
{
    return &metrics->meters;
}

static size_t status_index(int status)
{
    size_t i = 0;

    while (i < STATUSES - 1 && statuses[i] != status)
        i++;
    return i;
}

static size_t method_index(kh_method method)
{
    size_t i = 0;

    while (i < KH_METHODS - 1 && !((unsigned)method & (1u << i)))
        i++;
    return i;
}

void kh_metrics_count(struct kh_metrics *metrics, const struct kh_route *route,
    kh_method method, int status, uint64_t ns)
{
    size_t at = route ? (size_t)(route - metrics->routes) : metrics->count;
    struct cell *cell = &metrics->cells[at];
    size_t i = 0;

    while (i < BOUNDS && (double)ns / 1e6 > bounds[i])
        i++;
    atomic_fetch_add(&cell->by_status[method_index(method)][status_index(status)], 1);
    atomic_fetch_add(&cell->bucket[i], 1);
    atomic_fetch_add(&cell->sum_us, ns / 1000);
}

static const char *route_name(const struct kh_metrics *metrics, size_t i)
{
    return i < metrics->count ? metrics->routes[i].pattern : "none";
}

static const char *status_text(int status, char text[16])
{
    if (status == 0)
        return "other";
    snprintf(text, 16, "%d", status);
    return text;
}

static void print_requests(const struct kh_metrics *metrics, size_t i, FILE *to)
{
    const struct cell *cell = &metrics->cells[i];
    char text[16];

    for (size_t m = 0; m < KH_METHODS; m++) {
        for (size_t s = 0; s < STATUSES; s++) {
            unsigned long long n = atomic_load(&cell->by_status[m][s]);

            if (n > 0)
                fprintf(to,
                    "keyhsm_http_requests_total{route=\"%s\",method=\"%s\",status=\"%s\"}"
                    " %llu\n",
                    route_name(metrics, i), kh_method_name((kh_method)(1u << m)),
                    status_text(statuses[s], text), n);
        }
    }
}

static void print_durations(const struct kh_metrics *metrics, size_t i, FILE *to)
{
    static const char name[] = "keyhsm_http_request_duration_seconds";
    const struct cell *cell = &metrics->cells[i];
    const char *route = route_name(metrics, i);
    unsigned long long total = 0;

    for (size_t b = 0; b < BOUNDS; b++) {
        total += atomic_load(&cell->bucket[b]);
        fprintf(to, "%s_bucket{route=\"%s\",le=\"%g\"} %llu\n", name, route,
            bounds[b] / 1000, total);
    }
    total += atomic_load(&cell->bucket[BOUNDS]);
    fprintf(to, "%s_bucket{route=\"%s\",le=\"+Inf\"} %llu\n", name, route, total);
    fprintf(to, "%s_sum{route=\"%s\"} %.6f\n", name, route,
        (double)atomic_load(&cell->sum_us) / 1e6);
    fprintf(to, "%s_count{route=\"%s\"} %llu\n", name, route, total);
}

/* One series a route: patterns are unique in a route table. */
void kh_metrics_print(struct kh_metrics *metrics, FILE *to)
{
    kh_expose_head(to, "keyhsm_http_requests_total", "counter",
        "Requests answered; route none: refused before one was looked for.");
    for (size_t i = 0; i <= metrics->count; i++)
        print_requests(metrics, i, to);
    kh_expose_head(to, "keyhsm_http_request_duration_seconds", "histogram",
        "From a request's last byte to its answer.");
    for (size_t i = 0; i <= metrics->count; i++)
        print_durations(metrics, i, to);
    kh_meters_print(&metrics->meters, to);
}
