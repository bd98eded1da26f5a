#include "programs/keytrusteed/routes.h"

#include "programs/keytrusteed/own_routes.h"
#include "server/deposits.h"
#include "server/health.h"
#include "server/keys.h"
#include "server/kms/kms.h"
#include "server/metrics.h"
#include "server/page.h"
#include "server/status.h"

#include <stdlib.h>
#include <string.h>

#define READ (KH_METHOD_GET | KH_METHOD_HEAD)

/* clang-format off */
static const struct kh_route own[] = {
    {READ | KH_METHOD_PUT | KH_METHOD_DELETE, "/v1/deposits/{name}", kh_deposit_one, 0,
        {.read = KH_OP_GET, .put = KH_OP_PUT, .remove = KH_OP_DELETE}},
    {READ, "/v1/deposits", kh_deposit_list, 0, {.read = KH_OP_LIST}},
    {READ | KH_METHOD_POST, "/v1/deposits/{name}/versions", kh_deposit_versions, 0,
        {.read = KH_OP_GET, .post = KH_OP_PUT}},
    {KH_METHOD_POST, "/v1/deposits/{name}/undelete", kh_deposit_undelete, 0,
        {.post = KH_OP_DELETE}},
    {KH_METHOD_POST, "/v1/deposits/{name}/purge", kt_deposit_purge, 0, {.post = KH_OP_PURGE}},
    {READ | KH_METHOD_POST, "/v1/keys", kh_key_all, KH_ROUTE_KEYS,
        {.read = KH_OP_LIST, .post = KH_OP_PUT}},
    {READ | KH_METHOD_DELETE, "/v1/keys/{name}", kh_key_one, KH_ROUTE_KEYS,
        {.read = KH_OP_GET, .remove = KH_OP_DELETE}},
    {READ, "/v1/keys/{name}/public", kh_key_public, KH_ROUTE_KEYS, {.read = KH_OP_GET}},
    {KH_METHOD_POST, "/v1/keys/{name}/sign", kh_key_sign, KH_ROUTE_KEYS, {.post = KH_OP_USE}},
    {KH_METHOD_POST, "/v1/keys/{name}/decrypt", kh_key_decrypt, KH_ROUTE_KEYS,
        {.post = KH_OP_USE}},
    {KH_METHOD_POST, "/v1/keys/{name}/derive", kh_key_derive, KH_ROUTE_KEYS,
        {.post = KH_OP_USE}},
    {KH_METHOD_POST, "/v1/keys/{name}/wrap", kh_key_wrap, KH_ROUTE_KEYS, {.post = KH_OP_USE}},
    {KH_METHOD_POST, "/v1/keys/{name}/unwrap", kh_key_unwrap, KH_ROUTE_KEYS,
        {.post = KH_OP_USE}},
    {KH_METHOD_POST, "/v1/keys/{name}/undelete", kh_key_undelete, KH_ROUTE_KEYS,
        {.post = KH_OP_DELETE}},
    {KH_METHOD_POST, "/v1/keys/{name}/purge", kh_key_purge, KH_ROUTE_KEYS,
        {.post = KH_OP_PURGE}},
    {READ, "/healthz", kh_healthz, KH_ROUTE_INLINE | KH_ROUTE_WATCH, {0}},
    {READ, "/readyz", kh_readyz, KH_ROUTE_WATCH, {0}},
    {READ, "/metrics", kh_metrics_handler, KH_ROUTE_KNOWN | KH_ROUTE_WATCH, {0}},
    {KH_METHOD_GET, "/test_hsm", kt_test_hsm, 0, {0}},
    {READ, "/v1/status", kh_status_handler, KH_ROUTE_WATCH, {.read = KH_OP_STATUS}},
    {READ, "/", kh_page, KH_ROUTE_WATCH, {.read = KH_OP_STATUS}},
    {READ, "/?", kt_root, KH_ROUTE_INLINE, {0}},
};
/* clang-format on */

struct kh_route *kt_routes_new(bool kms, size_t *count)
{
    const size_t own_count = sizeof own / sizeof own[0];
    struct kh_route *routes;

    *count = own_count + (kms ? kh_kms_route_count : 0);
    routes = calloc(*count, sizeof *routes);
    if (!routes)
        return NULL;
    memcpy(routes, own, sizeof own);
    if (kms)
        memcpy(routes + own_count, kh_kms_routes, kh_kms_route_count * sizeof *routes);
    return routes;
}
