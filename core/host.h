/* The host table that a plugin gets at open (keyhsm/plugin.h), filled with the core's
 * services. */
#ifndef KH_CORE_HOST_H
#define KH_CORE_HOST_H

#include "core/config.h"
#include <keyhsm/plugin.h>

/* Where a backend's options stand: SECTION ("backend.NAME") of CONFIG. */
struct kh_host_origin {
    const struct kh_config *config;
    const char *section;
};

/* Fills *HOST for backend INSTANCE. INSTANCE, ORIGIN and what it points to must outlive
 * the host. */
void kh_host_init(struct kh_host *host, const char *instance, kh_open_mode mode,
    struct kh_host_origin *origin);

#endif
