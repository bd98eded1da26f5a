/* Inside of the target that is a daemon: target_server*.c and status_remote.c only. */
#ifndef KH_KTADMIN_TARGET_SERVER_H
#define KH_KTADMIN_TARGET_SERVER_H

#include "programs/ktadmin/http.h"
#include "programs/ktadmin/target.h"

/* One request; anything but 2xx becomes the status it stands for. */
KH_CHECK kh_status kh_target_call(struct kh_target *target,
    const struct kh_http_request *request, struct kh_http_response *response,
    struct kh_error *err);

/* The methods of struct kh_target_ops for named keys. */
KH_CHECK kh_status kh_target_key_create(
    struct kh_target *target, struct kh_named_key *key, struct kh_error *err);
KH_CHECK kh_status kh_target_key_stat(struct kh_target *target, const char *name,
    struct kh_named_key *key, struct kh_error *err);
KH_CHECK kh_status kh_target_key_list(
    struct kh_target *target, kh_key_fn fn, void *arg, struct kh_error *err);
KH_CHECK kh_status kh_target_key_sign(struct kh_target *target, const char *name,
    const struct kh_key_use *use, struct kh_buf *out, struct kh_error *err);
KH_CHECK kh_status kh_target_key_change(struct kh_target *target, const char *name,
    kh_key_change change, struct kh_error *err);

#endif
