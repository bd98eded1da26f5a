/*
 * Looks at a plugin's file by loading it, in a process of its own: what a stranger's
 * constructor does is done there.
 */
#ifndef KH_KEYHSM_BACKEND_LOOK_H
#define KH_KEYHSM_BACKEND_LOOK_H

#include "programs/keyhsm/backend/place.h"

#include <keyhsm/plugin.h>

enum { KH_LOOK_SECONDS = 10 };

/* Prints PLUGIN to standard output; in the other process. */
typedef void (*kh_look_fn)(const struct kh_plugin *plugin, const char *path);

/*
 * Loads the plugin of PLACE and has PRINT say what it is. What the plugin itself prints
 * while it is loaded goes nowhere. KH_REFUSED as the loader does, and also when loading
 * it crashes, ends the process or takes longer than SECONDS; KH_NOT_FOUND, KH_INVALID as
 * the loader. PRINT may be NULL. Not with other threads.
 */
KH_CHECK kh_status kh_plugin_look(const struct kh_plugin_place *place, unsigned seconds,
    kh_look_fn print, struct kh_error *err);

/* "READ WRITE LIST" for KH_CAP_* bits. */
void kh_capabilities_text(uint32_t capabilities, char *out, size_t size);

#endif
