#include "programs/ktadmin/target_server.h"

#include "core/name.h"
#include "core/secmem.h"
#include "programs/ktadmin/wire.h"

#include <string.h>

enum { PATH_SIZE = 64 + KH_NAME_ESCAPED_MAX };

static void path_of(char out[PATH_SIZE], const char *name, const char *below)
{
    char escaped[KH_NAME_ESCAPED_MAX];

    snprintf(out, PATH_SIZE, "/v1/keys/%s%s",
        kh_name_escape(name, escaped, sizeof escaped), below);
}

/* A daemon of an older version does not know the path. */
static kh_status explain(kh_status status, struct kh_error *err)
{
    if (status != KH_NOT_FOUND)
        return status;
    return kh_fail(err, KH_REFUSED, "the daemon has no named keys: it is too old");
}

kh_status kh_target_key_create(
    struct kh_target *target, struct kh_named_key *key, struct kh_error *err)
{
    KH_CLEANUP_RESPONSE struct kh_http_response response = {0};
    KH_CLEANUP_BUF struct kh_buf body = {0};
    const struct kh_http_request request = {.method = "POST",
        .path = "/v1/keys",
        .content_type = "application/json",
        .body = &body};
    kh_status status = kh_wire_key_wish(key, &body, err);

    if (status == KH_OK)
        status = explain(kh_target_call(target, &request, &response, err), err);
    return status == KH_OK ? kh_wire_key(&response.body, key, err) : status;
}

kh_status kh_target_key_stat(struct kh_target *target, const char *name,
    struct kh_named_key *key, struct kh_error *err)
{
    KH_CLEANUP_RESPONSE struct kh_http_response response = {0};
    char path[PATH_SIZE];
    const struct kh_http_request request = {.method = "GET", .path = path};
    kh_status status;

    path_of(path, name, "");
    status = kh_target_call(target, &request, &response, err);
    return status == KH_OK ? kh_wire_key(&response.body, key, err) : status;
}

kh_status kh_target_key_list(
    struct kh_target *target, kh_key_fn fn, void *arg, struct kh_error *err)
{
    char next[KH_NAME_MAX + 1] = "";
    kh_status status;

    do {
        KH_CLEANUP_RESPONSE struct kh_http_response response = {0};
        char escaped[KH_NAME_ESCAPED_MAX];
        char before[KH_NAME_MAX + 1];
        char path[PATH_SIZE];
        const struct kh_http_request request = {.method = "GET", .path = path};

        memcpy(before, next, sizeof before);
        snprintf(path, sizeof path, "/v1/keys?limit=1000%s%s", *next ? "&after=" : "",
            kh_name_escape(next, escaped, sizeof escaped));
        status = explain(kh_target_call(target, &request, &response, err), err);
        if (status == KH_OK)
            status = kh_wire_keys(&response.body, fn, arg, next, err);
        if (status == KH_OK && *next && strcmp(next, before) <= 0)
            status =
                kh_fail(err, KH_UNAVAILABLE, "the daemon's listing does not move on");
    } while (status == KH_OK && *next);
    return status;
}

kh_status kh_target_key_sign(struct kh_target *target, const char *name,
    const struct kh_key_use *use, struct kh_buf *out, struct kh_error *err)
{
    KH_CLEANUP_RESPONSE struct kh_http_response response = {0};
    KH_CLEANUP_BUF struct kh_buf body = {0};
    char path[PATH_SIZE];
    const struct kh_http_request request = {.method = "POST",
        .path = path,
        .content_type = "application/json",
        .body = &body};
    kh_status status = kh_wire_key_use(use, &body, err);

    path_of(path, name, "/sign");
    if (status == KH_OK)
        status = kh_target_call(target, &request, &response, err);
    return status == KH_OK ? kh_wire_output(&response.body, out, err) : status;
}

kh_status kh_target_key_change(struct kh_target *target, const char *name,
    kh_key_change change, struct kh_error *err)
{
    KH_CLEANUP_RESPONSE struct kh_http_response response = {0};
    char path[PATH_SIZE];
    const struct kh_http_request request = {
        .method = change == KH_KEY_REMOVE ? "DELETE" : "POST", .path = path};

    path_of(path, name,
        change == KH_KEY_REMOVE    ? ""
        : change == KH_KEY_RESTORE ? "/undelete"
                                   : "/purge");
    return kh_target_call(target, &request, &response, err);
}
