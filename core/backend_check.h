/* What the core checks before and after a plugin's method, so that no plugin repeats it.
 * Thread safe. */
#ifndef KH_CORE_BACKEND_CHECK_H
#define KH_CORE_BACKEND_CHECK_H

#include <keyhsm/plugin.h>

/* A deposit's name: 1 to KH_NAME_MAX bytes. NAME may be NULL (KH_INVALID). */
KH_CHECK kh_status kh_check_name_length(const char *name, struct kh_error *err);

/* A version number, or STAND_IN (KH_LATEST, KH_ALL_VERSIONS; 0: none is allowed). */
KH_CHECK kh_status kh_check_version(
    uint32_t version, uint32_t stand_in, struct kh_error *err);

/* A deposit as put takes it: name, version, state, data of at most DATA_MAX bytes,
 * attributes. The name rule is left out with LEGACY_NAMES. */
KH_CHECK kh_status kh_check_deposit(const struct kh_deposit *deposit, uint64_t data_max,
    bool legacy_names, struct kh_error *err);

#endif
