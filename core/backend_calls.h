/* What has been asked of a backend, and how it answered: counted at every method, for the
 * metrics of a daemon. */
#ifndef KH_CORE_BACKEND_CALLS_H
#define KH_CORE_BACKEND_CALLS_H

#include <keyhsm/types.h>

#include <stdatomic.h>

/* The methods that are counted, in the order of the plugin's table. */
typedef enum kh_call {
    KH_CALL_OPEN,
    KH_CALL_PROBE,
    KH_CALL_INFO,
    KH_CALL_RESERVE,
    KH_CALL_CHECK,
    KH_CALL_RANDOM,
    KH_CALL_SEAL,
    KH_CALL_PUT,
    KH_CALL_GET,
    KH_CALL_STAT,
    KH_CALL_LIST,
    KH_CALL_REMOVE,
    KH_CALL_RESTORE,
    KH_CALL_PURGE,
    KH_CALL_FINGERPRINT,
    KH_CALL_ATTEST,
    KH_CALL_ATTEST_ROUND,
    KH_CALL_USAGE,
    KH_CALL_BACKED_UP,
    KH_CALL_KEY_CREATE,
    KH_CALL_KEY_STAT,
    KH_CALL_KEY_LIST,
    KH_CALL_KEY_USE,
    KH_CALL_KEY_CHANGE
} kh_call;

enum {
    KH_CALLS = KH_CALL_KEY_CHANGE + 1,
    KH_CALL_STATUSES = KH_FATAL + 1,
    KH_CALL_BOUNDS = 13 /* of the histogram; what is beyond the last has a place too */
};

/* Upper bounds of the durations, in seconds, rising. */
extern const double kh_call_bounds[KH_CALL_BOUNDS];

/* Of one method, since the backend was opened. */
struct kh_call_counts {
    atomic_ullong by_status[KH_CALL_STATUSES];
    atomic_ullong by_duration[KH_CALL_BOUNDS + 1];
    atomic_ullong sum_us; /* microseconds in all calls */
};

/* "put", as the metrics call it. Static. */
const char *kh_call_name(kh_call call);

/* One call that took NS nanoseconds. A status that there is not counts as KH_FATAL.
 * Thread safe. */
void kh_call_count(struct kh_call_counts *counts, kh_status status, uint64_t ns);

#endif
