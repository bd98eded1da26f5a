/*
 * The table that a plugin exports (keyhsm/plugin.h), judged before anything in it is
 * used.
 */
#ifndef KH_CORE_PLUGIN_TABLE_H
#define KH_CORE_PLUGIN_TABLE_H

#include <keyhsm/plugin.h>

/*
 * Looks at CANDIDATE, the table found in the file PATH of plugin NAME. A table of a
 * shorter plugin, built against older headers of the same ABI, is taken: *PLUGIN is then
 * a copy whose missing members are NULL, which lives as long as the process; else *PLUGIN
 * is CANDIDATE. KH_REFUSED names PATH and what is wrong: another ABI, too short, longer
 * than this program knows, another name, no version, a bad option table, a mandatory
 * method missing. Thread safe.
 */
KH_CHECK kh_status kh_plugin_accept(const struct kh_plugin *candidate, const char *name,
    const char *path, const struct kh_plugin **plugin, struct kh_error *err);

#endif
