/* An open backend from inside. For core/backend.c and core/backend_deposit.c only. */
#ifndef KH_CORE_BACKEND_OPEN_H
#define KH_CORE_BACKEND_OPEN_H

#include "core/backend.h"
#include "core/backend_calls.h"
#include "core/guise.h"
#include "core/host.h"

#include <pthread.h>
#include <stdatomic.h>

struct kh_backend {
    const struct kh_plugin *plugin;
    char *name;
    char *section;
    struct kh_host_origin origin;
    struct kh_host host;
    struct kh_guise guise; /* that calls run in, see KH_OPT_PLACE */
    void *ctx;
    struct kh_call_counts counts[KH_CALLS];
    _Atomic uint64_t data_max; /* 0: not known yet */
    /* Calls hold it shared; those of a plugin without KH_CAP_THREADSAFE, and close,
     * exclusively. */
    pthread_rwlock_t lock;
};

/* One method under way. */
struct kh_backend_call {
    kh_call what;
    uint64_t started;    /* monotonic nanoseconds; the wait for the lock counts */
    struct kh_error own; /* for a caller who wants no words */
};

/* Before a method: fills CALL, takes the lock, puts the guise on; gives the error object
 * that the plugin is promised (ERR, or CALL's own when ERR is NULL), cleared. */
struct kh_error *kh_backend_enter(struct kh_backend *backend,
    struct kh_backend_call *call, kh_call what, struct kh_error *err);
/* After a method that returned ST: takes the guise off, frees the lock, counts, sees to
 * it that a failure has words. Returns ST. */
KH_CHECK kh_status kh_backend_leave(struct kh_backend *backend,
    const struct kh_backend_call *call, kh_status st, struct kh_error *err);
/* KH_REFUSED "backend NAME cannot WHAT" unless the plugin has (one of) CAPABILITY. */
KH_CHECK kh_status kh_backend_need(const struct kh_backend *backend, uint32_t capability,
    const char *what, struct kh_error *err);

#endif
