/* The checks of keyhsm validate, one function a subject. Each reports all it finds. */
#ifndef KH_KEYHSM_CHECKS_H
#define KH_KEYHSM_CHECKS_H

#include "programs/common/setup.h"
#include "programs/keyhsm/checklist.h"
#include "programs/keyhsm/peer.h"

/* What the checks share; each may use what those before it found. */
struct kh_validation {
    struct kh_checklist *list;
    struct kh_setup setup;
    const char *backend;
    struct kh_settings settings;
    SSL_CTX *credentials; /* the daemon's certificate and key, as a client; may be NULL */
    X509 *certificate;    /* its certificate; NULL: it cannot be read. Owned by that */
    struct kh_peer peer;
};

/* Memory can be locked, the log can be opened. Afterwards secret memory is there. */
KH_CHECK kh_status kh_check_process(
    struct kh_validation *v, const struct kh_setup_wish *wish, struct kh_error *err);
/* Certificate, key, dates, purpose, file modes. */
void kh_check_tls(struct kh_validation *v);
/* Somebody is let in: pins, authorities, revocation lists. */
void kh_check_trust(struct kh_validation *v);
/* The port is free, or our daemon's. */
void kh_check_port(struct kh_validation *v);
/* The backend: what it needs, one login, what it stores, a sample. */
void kh_check_store(struct kh_validation *v);

#endif
