/* keytrusteed's routes: one table. */
#ifndef KH_PROGRAMS_KEYTRUSTEED_ROUTES_H
#define KH_PROGRAMS_KEYTRUSTEED_ROUTES_H

#include "server/router.h"

extern const struct kh_route kt_routes[];
extern const size_t kt_route_count;

#endif
