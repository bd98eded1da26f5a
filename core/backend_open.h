/* An open backend from inside. For core/backend.c and core/backend_deposit.c only. */
#ifndef KH_CORE_BACKEND_OPEN_H
#define KH_CORE_BACKEND_OPEN_H

#include "core/backend.h"
#include "core/host.h"

#include <pthread.h>
#include <stdatomic.h>

struct kh_backend {
    const struct kh_plugin *plugin;
    char *name;
    char *section;
    struct kh_host_origin origin;
    struct kh_host host;
    void *ctx;
    _Atomic uint64_t data_max; /* 0: not known yet */
    /* Calls hold it shared; those of a plugin without KH_CAP_THREADSAFE, and close,
     * exclusively. */
    pthread_rwlock_t lock;
};

/* Before a method: takes the lock; gives the error object that the plugin is promised
 * (ERR, or OWN when ERR is NULL), cleared. */
struct kh_error *kh_backend_enter(
    struct kh_backend *backend, struct kh_error *err, struct kh_error *own);
/* After a method that returned ST: frees the lock; sees to it that a failure has words.
 * Returns ST. */
KH_CHECK kh_status kh_backend_leave(
    struct kh_backend *backend, kh_status st, struct kh_error *err);
/* KH_REFUSED "backend NAME cannot WHAT" unless the plugin has (one of) CAPABILITY. */
KH_CHECK kh_status kh_backend_need(const struct kh_backend *backend, uint32_t capability,
    const char *what, struct kh_error *err);

#endif
