/* keytrusteed's routes: one table. */
#ifndef KH_PROGRAMS_KEYTRUSTEED_ROUTES_H
#define KH_PROGRAMS_KEYTRUSTEED_ROUTES_H

#include "server/router.h"

/* The routes, with those of the KMS when KMS is set, to be freed; *COUNT is how many.
 * NULL: no memory. */
struct kh_route *kt_routes_new(bool kms, size_t *count);

#endif
