/* What plugins/keyhsm gets of a daemon, given by the provider to the same code. */
#ifndef KH_MODULE_HOST_H
#define KH_MODULE_HOST_H

#include <keyhsm/plugin.h>

/*
 * Secret memory (pages of its own, left out of core dumps, locked where the limit of the
 * process allows it, wiped), no log, no passphrases. Nothing else is filled in. Static,
 * thread safe.
 */
const struct kh_host *kh_module_host(void);

#endif
