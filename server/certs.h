/*
 * The certificates that a daemon depends on, and the days they have left: its own (as it
 * shows it now), those that its backend names, pinned clients, authorities. Read from
 * their files at most once a minute. None of them is a secret.
 */
#ifndef KH_SERVER_CERTS_H
#define KH_SERVER_CERTS_H

#include "core/backend.h"
#include "server/tls.h"

#include <jansson.h>

/* Trusted clients that are listed; there may be more. */
#define KH_CERTS_CLIENTS_MAX 50
/* Fewer days left than these are worth a note. */
#define KH_CERTS_SOON 30

struct kh_certs;

/* NULL: no memory. */
struct kh_certs *kh_certs_new(void);
/* NULL is fine. */
void kh_certs_free(struct kh_certs *certs);

/*
 * {"list":[{"role","file","subject","sha256","not_after","days_left","problem"},...],
 * "more":N}: a new reference; NULL without memory. `days_left` counts whole days, and is
 * negative when it has ended; members that are not known are null. Those that end first
 * stand first among the trusted clients. Thread safe.
 */
json_t *kh_certs_json(
    struct kh_certs *certs, struct kh_tls *tls, const struct kh_backend *backend);

#endif
