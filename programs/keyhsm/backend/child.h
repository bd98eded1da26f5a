/* One run of the program under watch: its process and its pipes. */
#ifndef KH_KEYHSM_BACKEND_CHILD_H
#define KH_KEYHSM_BACKEND_CHILD_H

#include "programs/common/helper.h"
#include "programs/keyhsm/backend/suite.h"

enum { KH_CHILD_EVENTS, KH_CHILD_OUT, KH_CHILD_ERR, KH_CHILD_PIPES };

struct kh_child {
    struct kh_helper helper;
    int pipes[KH_CHILD_PIPES]; /* the ends that are read */
};

/* Starts SUITE's program behind the test AFTER ("": from the first), with limits on
 * files, descriptors and core dumps. KH_UNAVAILABLE: no process or no pipe. */
KH_CHECK kh_status kh_child_start(struct kh_child *child, const struct kh_suite *suite,
    const char *after, struct kh_error *err);
/* Bytes of memory it has; 0 when it has ended. */
size_t kh_child_memory(const struct kh_child *child);
/* Kills it, if it lives; waits for it; closes the pipes. Its wait status. */
int kh_child_end(struct kh_child *child);

#endif
