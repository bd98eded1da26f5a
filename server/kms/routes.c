#include "server/kms/internal.h"

#define READ (KH_METHOD_GET | KH_METHOD_HEAD)
#define FLAGS (KH_ROUTE_HADOOP | KH_ROUTE_RAW_NAME | KH_ROUTE_LARGE)

static void key(struct kh_app *app, struct kh_request *request)
{
    if (request->method == KH_METHOD_POST)
        kh_kms_roll(app, request);
    else if (request->method == KH_METHOD_DELETE)
        kh_kms_remove(app, request);
    else
        kh_kms_metadata(app, request);
}

/* clang-format off */
const struct kh_route kh_kms_routes[] = {
    {KH_METHOD_POST, "/kms/v1/keyversion/{name}/_eek", kh_kms_eek, FLAGS, {0}},
    {READ, "/kms/v1/key/{name}/_eek", kh_kms_generate, FLAGS, {0}},
    {READ, "/kms/v1/key/{name}/_metadata", kh_kms_metadata, FLAGS, {0}},
    {READ, "/kms/v1/key/{name}/_currentversion", kh_kms_current, FLAGS, {0}},
    {READ, "/kms/v1/key/{name}/_versions", kh_kms_versions, FLAGS, {0}},
    {KH_METHOD_POST, "/kms/v1/key/{name}/_reencryptbatch", kh_kms_reencrypt_batch, FLAGS, {0}},
    {KH_METHOD_POST, "/kms/v1/key/{name}/_invalidatecache", kh_kms_invalidate, FLAGS, {0}},
    {READ | KH_METHOD_POST | KH_METHOD_DELETE, "/kms/v1/key/{name}", key, FLAGS, {0}},
    {READ, "/kms/v1/keyversion/{name}", kh_kms_version, FLAGS, {0}},
    {READ, "/kms/v1/keys/metadata", kh_kms_keys_metadata, FLAGS, {0}},
    {READ, "/kms/v1/keys/names", kh_kms_names, FLAGS, {0}},
    {KH_METHOD_POST, "/kms/v1/keys", kh_kms_create, FLAGS, {0}},
    {KH_METHOD_POST, "/kms/v1/trustee/key/{name}", kh_kms_trustee, FLAGS, {0}},
    {READ | KH_METHOD_PUT | KH_METHOD_POST, "/kms/v1/", kh_kms_root, FLAGS, {0}},
    {READ | KH_METHOD_PUT | KH_METHOD_POST, "/kms/v1", kh_kms_root, FLAGS, {0}},
};
/* clang-format on */

const size_t kh_kms_route_count = sizeof kh_kms_routes / sizeof kh_kms_routes[0];
