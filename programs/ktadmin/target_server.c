/* A target that is a daemon: each method is one request of its API (docs/api.md). */
#include "programs/ktadmin/target_server.h"

#include "core/deposit.h"
#include "core/name.h"
#include "core/secmem.h"
#include "programs/ktadmin/wire.h"

#include <stdlib.h>
#include <string.h>

enum { PATH_SIZE = 64 + KH_NAME_ESCAPED_MAX };

struct server_target {
    struct kh_target head;
    struct kh_http *http;
};

/* "/v1/deposits/NAME<suffix>[?version=N]". kh_name_escape writes exactly what RFC 3986
 * wants of a path segment. */
static void path_of(
    char out[PATH_SIZE], const char *name, const char *suffix, uint32_t version)
{
    char escaped[KH_NAME_ESCAPED_MAX];
    char query[32] = "";

    if (version <= KH_VERSION_MAX)
        snprintf(query, sizeof query, "?version=%u", version);
    snprintf(out, PATH_SIZE, "/v1/deposits/%s%s%s",
        kh_name_escape(name, escaped, sizeof escaped), suffix, query);
}

kh_status kh_target_call(struct kh_target *target, const struct kh_http_request *request,
    struct kh_http_response *response, struct kh_error *err)
{
    kh_status status =
        kh_http_run(((struct server_target *)target)->http, request, response, err);

    if (status == KH_OK && (response->status < 200 || response->status > 299)) {
        status = kh_wire_refusal(response, err);
        kh_http_response_free(response);
    }
    return status;
}

/* Data without attributes goes raw: no copy in base64 has to be held. */
static kh_status send_deposit(struct kh_target *target,
    const struct kh_http_request *head, struct kh_deposit *deposit, struct kh_error *err)
{
    KH_CLEANUP_BUF struct kh_buf json = {0};
    KH_CLEANUP_RESPONSE struct kh_http_response response = {0};
    struct kh_http_request request = *head;
    kh_status status = KH_OK;

    request.content_type = "application/octet-stream";
    request.body = &deposit->data;
    if (deposit->attrs.count > 0) {
        request.content_type = "application/json";
        request.body = &json;
        status = kh_wire_body(deposit, &json, err);
    }
    if (status == KH_OK)
        status = kh_target_call(target, &request, &response, err);
    if (status == KH_OK)
        status = kh_wire_stored(&response.body, deposit, err);
    return status;
}

static kh_status server_put(
    struct kh_target *target, struct kh_deposit *deposit, struct kh_error *err)
{
    char path[PATH_SIZE];
    struct kh_http_request request = {.method = "PUT", .path = path};

    path_of(path, deposit->name, "", KH_LATEST);
    return send_deposit(target, &request, deposit, err);
}

static kh_status server_roll(
    struct kh_target *target, struct kh_deposit *deposit, struct kh_error *err)
{
    char path[PATH_SIZE];
    struct kh_http_request request = {.method = "POST", .path = path};

    path_of(path, deposit->name, "/versions", KH_LATEST);
    return send_deposit(target, &request, deposit, err);
}

static kh_status server_get(struct kh_target *target, struct kh_deposit *deposit,
    bool with_attrs, struct kh_error *err)
{
    KH_CLEANUP_RESPONSE struct kh_http_response response = {0};
    char path[PATH_SIZE];
    struct kh_http_request request = {.method = "GET",
        .path = path,
        .accept = with_attrs ? "application/json" : "application/octet-stream"};
    kh_status status;

    path_of(path, deposit->name, "", deposit->version);
    status = kh_target_call(target, &request, &response, err);
    if (status == KH_OK)
        status = with_attrs ? kh_wire_deposit(&response.body, deposit, err)
                            : kh_wire_raw(&response, deposit, err);
    return status;
}

static kh_status server_list(
    struct kh_target *target, kh_entry_fn fn, void *arg, struct kh_error *err)
{
    char next[KH_NAME_MAX + 1] = "";
    kh_status status;

    do {
        KH_CLEANUP_RESPONSE struct kh_http_response response = {0};
        char escaped[KH_NAME_ESCAPED_MAX];
        char before[KH_NAME_MAX + 1];
        char path[PATH_SIZE];
        struct kh_http_request request = {.method = "GET", .path = path};

        memcpy(before, next, sizeof before);
        snprintf(path, sizeof path, "/v1/deposits?limit=1000%s%s", *next ? "&after=" : "",
            kh_name_escape(next, escaped, sizeof escaped));
        status = kh_target_call(target, &request, &response, err);
        if (status == KH_OK)
            status = kh_wire_list(&response.body, fn, arg, next, err);
        if (status == KH_OK && *next && strcmp(next, before) <= 0)
            status =
                kh_fail(err, KH_UNAVAILABLE, "the daemon's listing does not move on");
    } while (status == KH_OK && *next);
    return status;
}

static kh_status server_versions(struct kh_target *target, const char *name,
    kh_version_fn fn, void *arg, struct kh_error *err)
{
    KH_CLEANUP_RESPONSE struct kh_http_response response = {0};
    char path[PATH_SIZE];
    struct kh_http_request request = {.method = "GET", .path = path};
    kh_status status;

    path_of(path, name, "/versions", KH_LATEST);
    status = kh_target_call(target, &request, &response, err);
    if (status == KH_OK)
        status = kh_wire_versions(&response.body, fn, arg, err);
    return status;
}

static kh_status change(
    struct kh_target *target, const struct kh_http_request *request, struct kh_error *err)
{
    KH_CLEANUP_RESPONSE struct kh_http_response response = {0};

    return kh_target_call(target, request, &response, err);
}

static kh_status server_remove(
    struct kh_target *target, const char *name, uint32_t version, struct kh_error *err)
{
    char path[PATH_SIZE];
    struct kh_http_request request = {.method = "DELETE", .path = path};

    path_of(path, name, "", version);
    return change(target, &request, err);
}

static kh_status server_restore(
    struct kh_target *target, const char *name, uint32_t version, struct kh_error *err)
{
    char path[PATH_SIZE];
    struct kh_http_request request = {.method = "POST", .path = path};

    path_of(path, name, "/undelete", version);
    return change(target, &request, err);
}

static kh_status server_purge(
    struct kh_target *target, const char *name, uint32_t version, struct kh_error *err)
{
    char path[PATH_SIZE];
    struct kh_http_request request = {.method = "POST", .path = path};

    path_of(path, name, "/purge", version);
    return change(target, &request, err);
}

static void server_close(struct kh_target *target)
{
    kh_http_close(((struct server_target *)target)->http);
    free(target);
}

static const struct kh_target_ops server_ops = {
    .put = server_put,
    .roll = server_roll,
    .get = server_get,
    .list = server_list,
    .versions = server_versions,
    .remove = server_remove,
    .restore = server_restore,
    .purge = server_purge,
    .key_create = kh_target_key_create,
    .key_stat = kh_target_key_stat,
    .key_list = kh_target_key_list,
    .key_sign = kh_target_key_sign,
    .key_change = kh_target_key_change,
    .close = server_close,
};

kh_status kh_target_server(
    struct kh_target **out, const struct kh_target_options *options, struct kh_error *err)
{
    struct kh_http_options http = {.server = options->server,
        .socket = options->socket,
        .certfile = options->client_certfile,
        .keyfile = options->client_keyfile,
        .cacert = options->cacert,
        .negotiate = options->negotiate,
        .passphrase_source = options->passphrase ? "prompt" : options->passphrase_source};
    struct server_target *self;
    kh_status status;

    *out = NULL;
    self = calloc(1, sizeof *self);
    if (!self)
        return kh_fail(err, KH_FATAL, "out of memory");
    self->head.ops = &server_ops;
    status = kh_http_open(&self->http, &http, err);
    if (status != KH_OK) {
        free(self);
        return status;
    }
    *out = &self->head;
    return KH_OK;
}
