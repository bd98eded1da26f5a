/*
 * What requests were like over the last hour: how many, how many failed, how long they
 * took. A ring of buckets in memory, about 40 KiB, gone with the process.
 */
#ifndef KH_SERVER_HISTORY_H
#define KH_SERVER_HISTORY_H

#include <keyhsm/types.h>

#define KH_HISTORY_POINTS 120
#define KH_HISTORY_STEP 30 /* seconds of a point */

struct kh_history_point {
    uint32_t count;
    uint32_t failed; /* of these, answered with a status of 500 or more */
    double p50_ms;   /* half of them took no longer; 0 without any */
    double p99_ms;
};

struct kh_history_view {
    /* Oldest first; the last one is being filled. */
    struct kh_history_point points[KH_HISTORY_POINTS];
    struct kh_history_point hour; /* all of them together */
    double last_seconds;          /* how much of the last point has passed; above 0 */
};

struct kh_history;

/* NULL: no memory. */
struct kh_history *kh_history_new(void);
/* NULL is fine. */
void kh_history_free(struct kh_history *history);

/* One request answered with HTTP status STATUS after NS nanoseconds, at NOW_MS on the
 * monotonic clock (kh_clock_ms). Thread safe. */
void kh_history_add(struct kh_history *history, uint64_t now_ms, int status, uint64_t ns);

/* The hour that ends at NOW_MS. Percentiles are exact to a fifth of their value. Thread
 * safe. */
void kh_history_read(
    struct kh_history *history, uint64_t now_ms, struct kh_history_view *out);

#endif
