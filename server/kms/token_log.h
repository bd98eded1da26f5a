/*
 * The events of delegation tokens (token_table.h), shared by every server of a backend:
 * each server writes what it does to tokens into deposits of its own (KMS_LOG_NAME,
 * some events each), and reads those of the others. What is here is known everywhere
 * KMS_LOG_FRESH_MS later, and survives a restart.
 */
#ifndef KH_SERVER_KMS_TOKEN_LOG_H
#define KH_SERVER_KMS_TOKEN_LOG_H

#include "core/backend.h"
#include "server/kms/token_table.h"

#define KMS_LOG_NAME "kt-internal.kms-dt."
#define KMS_LOG_FRESH_MS 5000  /* the others' events are looked for that often */
#define KMS_LOG_STALE_MS 60000 /* without success for so long, nothing is known */
#define KMS_LOG_PARTS 32       /* deposits of one server, before they are put together */

struct kms_log;

/* *OUT goes to kms_log_free. */
KH_CHECK kh_status kms_log_new(struct kms_log **out, struct kh_error *err);

/* What is known of ID in *OUT, which is zeroed when nothing is (*KNOWN false). Looks for
 * news first, when it is time. KH_UNAVAILABLE and the like: nothing is known, because the
 * backend could not be read. NOW: milliseconds since 1970. Thread safe; may block. */
struct kms_log_call {
    struct kh_backend *backend;
    int64_t now;
};
KH_CHECK kh_status kms_log_find(struct kms_log *log, const struct kms_log_call *call,
    const unsigned char id[16], struct kms_event *out, struct kh_error *err);

/* EVENT is durable, and known to this server, when KH_OK is returned. Events of several
 * callers go into one deposit. KH_BUSY: there are too many already. Thread safe; blocks.
 */
KH_CHECK kh_status kms_log_add(struct kms_log *log, const struct kms_log_call *call,
    const struct kms_event *event, struct kh_error *err);

/* For tests: the next look for news is due. */
void kms_log_expire(struct kms_log *log);

/* NULL is fine. Nobody may be inside. */
void kms_log_free(struct kms_log *log);

#endif
