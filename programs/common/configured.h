/*
 * What the configuration on the disk says, beside what the daemon was started with: for
 * the metrics, so that an operator is told of an HSM that is configured and not used, of
 * a change that waits for a restart, and of a file that the next start would refuse.
 */
#ifndef KH_PROGRAMS_CONFIGURED_H
#define KH_PROGRAMS_CONFIGURED_H

#include "programs/common/setup.h"

struct kh_metrics;

/*
 * Registers, and sets at every look at METRICS, these gauges:
 *
 *     keyhsm_config_valid            1 when the file can be read and is right
 *     keyhsm_config_restart_needed   1 when it names another backend than SERVED
 *     keyhsm_hsm_configured          1 when it has a section of a backend with hardware
 *
 * SERVED is called for the name of the backend that is served now. WISH and ARG must
 * outlive METRICS. Without memory nothing is registered.
 */
void kh_configured_watch(struct kh_metrics *metrics, const struct kh_setup_wish *wish,
    const char *(*served)(void *arg), void *arg);

#endif
