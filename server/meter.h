/*
 * Meters: counters and gauges that any part of a daemon registers by name, and that GET
 * /metrics shows beside its own.
 *
 *     struct kh_meter *hits = kh_metrics_counter(
 *         app->metrics, "keyhsm_kms_cache_hits_total", "Keys found in the cache.");
 *     ...
 *     kh_meter_add(hits, 1);
 *
 * Names follow Prometheus: keyhsm_ first, base units (seconds, bytes), _total at the end
 * of a counter and of nothing else. Help is one sentence, without newline or backslash.
 * Every string must be static or outlive the metrics; a label's value is copied.
 *
 * All functions are thread safe. Metrics or a meter may be NULL: nothing is counted; so a
 * part works without metrics, in a test for instance, and need not look whether it has
 * them.
 */
#ifndef KH_SERVER_METER_H
#define KH_SERVER_METER_H

#include <keyhsm/types.h>

struct kh_meter;
struct kh_metrics;

/* The counter or gauge NAME, which starts at 0 and is shown from now on. The same name
 * again gives the same meter. NULL: no memory, or the name is one of the other kind or no
 * good name. It lives as long as METRICS. */
struct kh_meter *kh_metrics_counter(
    struct kh_metrics *metrics, const char *name, const char *help);
struct kh_meter *kh_metrics_gauge(
    struct kh_metrics *metrics, const char *name, const char *help);

/* One series of a family: NAME{LABEL="VALUE"}. */
struct kh_series {
    const char *name;
    const char *help;
    const char *label;
    const char *value; /* any text; there must be few different ones */
};
struct kh_meter *kh_metrics_counter_of(
    struct kh_metrics *metrics, const struct kh_series *series);
struct kh_meter *kh_metrics_gauge_of(
    struct kh_metrics *metrics, const struct kh_series *series);

/* Adds to a counter; the value is shown at the next look. */
void kh_meter_add(struct kh_meter *meter, uint64_t n);
/* Sets a gauge. */
void kh_meter_set(struct kh_meter *meter, int64_t value);

/* Runs FN before the meters are shown, on the worker that answers, so that it can set
 * gauges; it must not block for long. Looks at the same time run it at the same time.
 * GONE, or NULL, gets ARG when METRICS are freed. False: no memory, and ARG stays the
 * caller's. */
KH_CHECK bool kh_metrics_before(struct kh_metrics *metrics, void (*fn)(void *arg),
    void *arg, void (*gone)(void *arg));

#endif
