/* `ktadmin status --server`: what a running daemon says of itself. */
#ifndef KH_KTADMIN_STATUS_REMOTE_H
#define KH_KTADMIN_STATUS_REMOTE_H

#include "programs/ktadmin/target.h"

/* Asks the daemon that OPTIONS name for /v1/status and prints it: in words, or with JSON
 * as it came. *SERVES: it says that nothing is broken. As kh_target_open and
 * kh_http_run. */
KH_CHECK kh_status kh_status_remote(const struct kh_target_options *options, bool json,
    bool *serves, struct kh_error *err);

#endif
