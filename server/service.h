/*
 * A daemon around one backend: the loop, signals, systemd, reload, drain.
 *
 *     kh_service_new     configuration checked, certificates loaded; no port, no backend
 *     kh_service_run     listens, serves until SIGTERM or SIGINT
 *     kh_service_free
 *
 * SIGHUP reads certificates, CA and revocation lists again and reopens the log; on an
 * error the old ones stay in use and the log says why.
 */
#ifndef KH_SERVER_SERVICE_H
#define KH_SERVER_SERVICE_H

#include "core/backend.h"
#include "core/config.h"
#include "server/app.h"

struct kh_service;

/* What a daemon is. Everything must outlive the service; patterns must be unique. */
struct kh_service_options {
    const char *name; /* of the daemon, for people */
    const struct kh_route *routes;
    size_t route_count;
    bool client_optional;                     /* callers may come without a certificate */
    struct kh_gate *gate;                     /* or NULL (app.h) */
    struct kh_authn *authn;                   /* or NULL (app.h) */
    const struct kh_authn_extra *authn_extra; /* or NULL (app.h) */
    bool (*refused)(
        void *arg, struct kh_app *app, struct kh_request *request); /* app.h */
    void (*reload)(void *arg); /* on the loop, at SIGHUP, after certificates; or NULL */
    void (*tick)(void *arg);   /* on the loop, about once a second; or NULL */
    void (*changed)(void *arg, const char *name); /* app.h */
    void *arg;
    struct kh_kms *kms; /* app.h; or NULL */
    size_t large_body;  /* of routes with KH_ROUTE_LARGE; 0: as [server] max_body says */
};

/* CONFIG must outlive it; OPTIONS is copied. KH_INVALID for anything wrong in [server],
 * [tls] or [openssl] or in the files they name. */
KH_CHECK kh_status kh_service_new(struct kh_service **out, const struct kh_config *config,
    const struct kh_service_options *options, struct kh_error *err);

/* The name of the backend that is served now, "" before kh_service_run. Thread safe. */
const char *kh_service_serves(void *service);

/* Where meters are registered (meter.h), from here until kh_service_free. */
struct kh_metrics *kh_service_metrics(struct kh_service *service);

/*
 * Serves BACKEND, which stays the caller's, until it is told to stop, and first purges
 * test deposits that a killed daemon left there (hello.h). KH_OK: stopped as
 * told, every request that was begun has been answered. KH_UNAVAILABLE: the port cannot
 * be opened. KH_FATAL: the backend cannot go on; end the process with status 1, so that
 * it verifies on its next start. When requests hang in the backend past the drain
 * deadline the process ends here, with status 1.
 */
KH_CHECK kh_status kh_service_run(
    struct kh_service *service, struct kh_backend *backend, struct kh_error *err);

void kh_service_free(struct kh_service *service);

#endif
