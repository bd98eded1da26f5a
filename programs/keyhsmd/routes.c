#include "programs/keyhsmd/routes.h"

#include "server/deposits.h"
#include "server/health.h"
#include "server/keys.h"
#include "server/metrics.h"
#include "server/page.h"
#include "server/peer.h"
#include "server/status.h"

#define READ (KH_METHOD_GET | KH_METHOD_HEAD)
#define KEYS (KH_ROUTE_KEYS | KH_ROUTE_KNOWN)

/* clang-format off */
const struct kh_route kh_keyhsmd_routes[] = {
    {READ | KH_METHOD_PUT | KH_METHOD_DELETE, "/v1/deposits/{name}", kh_deposit_one, KH_ROUTE_COPIES | KH_ROUTE_KNOWN, {0}},
    {READ, "/v1/deposits", kh_deposit_list, KH_ROUTE_KNOWN, {0}},
    {READ | KH_METHOD_POST, "/v1/deposits/{name}/versions", kh_deposit_versions, KH_ROUTE_KNOWN, {0}},
    {KH_METHOD_POST, "/v1/deposits/{name}/undelete", kh_deposit_undelete, KH_ROUTE_KNOWN, {0}},
    {KH_METHOD_POST, "/v1/deposits/{name}/purge", kh_deposit_purge, KH_ROUTE_KNOWN, {0}},
    {READ | KH_METHOD_POST, "/v1/keys", kh_key_all, KEYS, {0}},
    {READ | KH_METHOD_DELETE, "/v1/keys/{name}", kh_key_one, KEYS, {0}},
    {READ, "/v1/keys/{name}/public", kh_key_public, KEYS, {0}},
    {KH_METHOD_POST, "/v1/keys/{name}/sign", kh_key_sign, KEYS, {0}},
    {KH_METHOD_POST, "/v1/keys/{name}/decrypt", kh_key_decrypt, KEYS, {0}},
    {KH_METHOD_POST, "/v1/keys/{name}/derive", kh_key_derive, KEYS, {0}},
    {KH_METHOD_POST, "/v1/keys/{name}/wrap", kh_key_wrap, KEYS, {0}},
    {KH_METHOD_POST, "/v1/keys/{name}/unwrap", kh_key_unwrap, KEYS, {0}},
    {KH_METHOD_POST, "/v1/keys/{name}/undelete", kh_key_undelete, KEYS, {0}},
    {KH_METHOD_POST, "/v1/keys/{name}/purge", kh_key_purge, KEYS, {0}},
    {READ, "/v1/deposits/{name}/stat", kh_peer_stat, KH_ROUTE_KNOWN, {0}},
    {READ, "/v1/deposits/{name}/fingerprint", kh_peer_fingerprint, KH_ROUTE_KNOWN, {0}},
    {READ, "/v1/deposits/{name}/attest", kh_peer_attest, KH_ROUTE_KNOWN, {0}},
    {READ, "/v1/versions", kh_peer_list, KH_ROUTE_KNOWN, {0}},
    {READ, "/v1/backend", kh_peer_backend, KH_ROUTE_WATCH | KH_ROUTE_KNOWN, {0}},
    {READ, "/v1/backend/usage", kh_peer_usage, KH_ROUTE_WATCH | KH_ROUTE_KNOWN, {0}},
    {KH_METHOD_POST, "/v1/random", kh_peer_random, KH_ROUTE_KNOWN, {0}},
    {READ, "/v1/backend/room", kh_peer_room, KH_ROUTE_KNOWN, {0}},
    {READ, "/v1/backend/backed-up", kh_peer_backed_up, KH_ROUTE_KNOWN, {0}},
    {READ, "/healthz", kh_healthz, KH_ROUTE_INLINE | KH_ROUTE_WATCH, {0}},
    {READ, "/readyz", kh_readyz, KH_ROUTE_WATCH, {0}},
    {READ, "/metrics", kh_metrics_handler, KH_ROUTE_WATCH, {0}},
    {READ, "/v1/status", kh_status_handler, KH_ROUTE_WATCH, {0}},
    {READ, "/", kh_page, KH_ROUTE_WATCH, {0}},
    {KH_METHOD_GET, "/test_hsm", kh_test_hsm, 0, {0}},
};
/* clang-format on */

const size_t kh_keyhsmd_route_count =
    sizeof kh_keyhsmd_routes / sizeof kh_keyhsmd_routes[0];
