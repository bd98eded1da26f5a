#include "programs/keyhsmd/routes.h"

#include "server/deposits.h"
#include "server/health.h"
#include "server/metrics.h"

#define READ (KH_METHOD_GET | KH_METHOD_HEAD)

/* clang-format off */
const struct kh_route kh_keyhsmd_routes[] = {
    {READ | KH_METHOD_PUT | KH_METHOD_DELETE, "/v1/deposits/{name}", kh_deposit_one, 0},
    {READ, "/v1/deposits", kh_deposit_list, 0},
    {READ | KH_METHOD_POST, "/v1/deposits/{name}/versions", kh_deposit_versions, 0},
    {KH_METHOD_POST, "/v1/deposits/{name}/undelete", kh_deposit_undelete, 0},
    {KH_METHOD_POST, "/v1/deposits/{name}/purge", kh_deposit_purge, 0},
    {READ, "/healthz", kh_healthz, KH_ROUTE_INLINE},
    {READ, "/readyz", kh_readyz, 0},
    {READ, "/metrics", kh_metrics_handler, 0},
    {KH_METHOD_GET, "/test_hsm", kh_test_hsm, 0},
};
/* clang-format on */

const size_t kh_keyhsmd_route_count =
    sizeof kh_keyhsmd_routes / sizeof kh_keyhsmd_routes[0];
