/* What keyhsmd answers. */
#ifndef KH_KEYHSMD_ROUTES_H
#define KH_KEYHSMD_ROUTES_H

#include "server/router.h"

extern const struct kh_route kh_keyhsmd_routes[];
extern const size_t kh_keyhsmd_route_count;

#endif
