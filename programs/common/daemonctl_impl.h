/* What daemonctl.c and daemonctl_start.c share. */
#ifndef KH_PROGRAMS_DAEMONCTL_IMPL_H
#define KH_PROGRAMS_DAEMONCTL_IMPL_H

#include "programs/common/daemonctl.h"

/* The lock on the pid file, which is emptied. KH_EXISTS: the daemon has it and says its
 * pid. KH_BUSY: somebody is about to start it. */
KH_CHECK kh_status kh_daemon_claim(
    const struct kh_daemon *daemon, int *lock, struct kh_error *err);

#endif
