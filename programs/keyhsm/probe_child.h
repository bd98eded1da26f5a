/* The process that a module is examined in: its descriptors, its limits. */
#ifndef KH_KEYHSM_PROBE_CHILD_H
#define KH_KEYHSM_PROBE_CHILD_H

#include "programs/common/helper.h"
#include "programs/keyhsm/probe_run.h"

struct kh_probe_child {
    struct kh_helper helper;
    int report; /* to read its lines from */
    int output; /* to read from what it prints */
};

/* Starts STAGE with the PIN in a pipe. No core dump, no large files, dies with us.
 * KH_UNAVAILABLE: no pipe or process. */
KH_CHECK kh_status kh_probe_start(struct kh_probe_child *child,
    const struct kh_probe_target *target, const char *stage, struct kh_error *err);
/* Closes the descriptors; the process has been waited for. */
void kh_probe_close(struct kh_probe_child *child);

#endif
