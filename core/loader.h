/*
 * Loads plugins. The only place that knows libltdl. A list of refusals (DESIGN 4):
 * name syntax ([a-z][a-z0-9_]*, 1..32), absolute directory, the file DIR/NAME.so regular,
 * owned by root or the effective user and not writable by group or others (the directory
 * too), it loads, the symbol is there, abi, size, name equal to the file's, not loaded
 * twice under another path, mandatory methods present for its capabilities. Each refusal
 * names the file and the reason.
 */
#ifndef KH_CORE_LOADER_H
#define KH_CORE_LOADER_H

#include <keyhsm/plugin.h>

/* The compiled-in plugin directory, with every backend; and that of keytrusteed, which
 * has no pkcs11: a key server never has the HSM's PIN. */
extern const char *const kh_plugin_dir;
extern const char *const kh_trustee_plugin_dir;

/* Where a plugin is looked for when no directory is given: in FIRST and, when it is not
 * there, in SECOND (NULL: only in FIRST). Unless this is called it is kh_plugin_dir
 * alone. For main, before there are threads; the strings must stay. */
void kh_loader_search(const char *first, const char *second);

/* Loads NAME from DIR (NULL: see kh_loader_search). The same NAME and DIR again gives the
 * same plugin. Plugins stay resident until the process ends: vendors' modules do not
 * survive unloading. KH_INVALID, KH_NOT_FOUND or KH_REFUSED. Thread safe. */
KH_CHECK kh_status kh_loader_load(const char *dir, const char *name,
    const struct kh_plugin **plugin, struct kh_error *err);

#endif
