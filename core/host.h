/* The host table that a plugin gets at open (keyhsm/plugin.h), filled with the core's
 * services. */
#ifndef KH_CORE_HOST_H
#define KH_CORE_HOST_H

#include "core/config.h"
#include "core/guise.h"
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

/* The guise for calls of PLUGIN: of the owner of what its option with KH_OPT_PLACE names.
 */
void kh_host_guise(const struct kh_host_origin *origin, const struct kh_plugin *plugin,
    struct kh_guise *guise);

#endif
