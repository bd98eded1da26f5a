/* The host table that a plugin gets at open (keyhsm/plugin.h), filled with the core's services. */
#ifndef KH_CORE_HOST_H
#define KH_CORE_HOST_H

#include "core/config.h"
#include <keyhsm/plugin.h>

/* Fills *HOST for backend INSTANCE, whose options stand in SECTION ("backend.NAME") of CONFIG. All
 * pointers must outlive the host. */
void kh_host_init(struct kh_host *host, const char *instance, const char *section,
    const struct kh_config *config, kh_open_mode mode);

#endif
