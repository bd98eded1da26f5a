/*
 * Names that keytrusteed keeps for itself: what several servers share lies beside the
 * deposits, in the same backend, sealed as they are. Callers never see them: keytrusteed
 * refuses them by name and leaves them out of listings. keyhsmd serves them like any
 * other, and migrations and backups take them along.
 */
#ifndef KH_SERVER_INTERNAL_NAME_H
#define KH_SERVER_INTERNAL_NAME_H

#include <stdbool.h>
#include <string.h>

#define KH_INTERNAL "kt-internal."

static inline bool kh_name_internal(const char *name)
{
    return strncmp(name, KH_INTERNAL, sizeof KH_INTERNAL - 1) == 0;
}

#endif
