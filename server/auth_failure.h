/*
 * Why a caller was not let in: counted by reason, so that a wrong clock, a keytab that is
 * too old and somebody who tries are told apart. Who it was and from where is in the log.
 * A certificate that is refused ends in the handshake (keyhsm_tls_refused_total).
 */
#ifndef KH_SERVER_AUTH_FAILURE_H
#define KH_SERVER_AUTH_FAILURE_H

#include <keyhsm/types.h>

struct kh_meter;
struct kh_metrics;

typedef enum kh_auth_failure {
    KH_AUTH_FAILURE_NOTHING,        /* none was shown: also how a handshake begins */
    KH_AUTH_FAILURE_TICKET,         /* garbage, cut, anonymous, of another mechanism */
    KH_AUTH_FAILURE_EXPIRED,        /* a ticket that is over, or not yet good */
    KH_AUTH_FAILURE_REPLAYED,       /* one that came before */
    KH_AUTH_FAILURE_SKEW,           /* clocks differ too much */
    KH_AUTH_FAILURE_SERVICE,        /* for a service, or a key of it, that is not ours */
    KH_AUTH_FAILURE_REALM,          /* a principal that no rule of [auth_to_local] fits */
    KH_AUTH_FAILURE_UNLISTED,       /* not in [auth] principals */
    KH_AUTH_FAILURE_COOKIE,         /* hadoop.auth: forged, cut, too long */
    KH_AUTH_FAILURE_COOKIE_EXPIRED, /* hadoop.auth: over */
    KH_AUTH_FAILURE_TOKEN,          /* a delegation token: forged, over, cancelled */
    KH_AUTH_FAILURE_NAME,           /* user.name= is no name */
    KH_AUTH_FAILURE_PROXY,          /* doAs= of who may not, or from where he may not */
    KH_AUTH_FAILURES
} kh_auth_failure;

/* The word in label `reason`. */
const char *kh_auth_failure_word(kh_auth_failure why);

/* Registers keyhsm_auth_failures_total, every reason from the start: an alert does not
 * see a counter that appears with 1. METRICS may be NULL. */
void kh_auth_failure_meters(
    struct kh_metrics *metrics, struct kh_meter *meters[KH_AUTH_FAILURES]);

#endif
