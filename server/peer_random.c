#include "server/peer.h"

#include "core/secmem.h"
#include "server/json.h"
#include "server/query.h"
#include "server/reply.h"

#include <string.h>

/* How many bytes are wanted. */
static kh_status take_count(
    const struct kh_request *request, size_t *count, struct kh_error *err)
{
    static const char *const members[] = {"bytes", NULL};
    json_t *body = NULL;
    json_int_t bytes = 0;
    kh_status st = kh_json_parse(request->body, request->body_len, &body, err);

    if (st == KH_OK)
        st = kh_json_only(body, members, err);
    if (st == KH_OK)
        bytes = json_integer_value(json_object_get(body, "bytes"));
    if (st == KH_OK && (bytes < 1 || bytes > KH_RANDOM_MAX))
        st = kh_fail(
            err, KH_INVALID, "bytes: a number from 1 to %d is needed", KH_RANDOM_MAX);
    json_decref(body);
    *count = (size_t)bytes;
    return st;
}

static kh_status draw(
    struct kh_app *app, struct kh_request *request, struct kh_error *err)
{
    KH_CLEANUP_BUF struct kh_buf bytes = {0};
    struct kh_query query;
    size_t count;
    kh_status st = kh_query_parse(request->query, 0, &query, err);

    if (st == KH_OK)
        st = take_count(request, &count, err);
    if (st == KH_OK && kh_buf_alloc(&bytes, count, err) != KH_OK)
        st = kh_fail(err, KH_BUSY, "no secret memory is free for the answer");
    if (st == KH_OK)
        st = kh_backend_random(app->backend, &bytes, err);
    if (st != KH_OK)
        return st;
    request->response.status = 200;
    request->response.type = "application/octet-stream";
    request->response.body = bytes;
    bytes = (struct kh_buf){0};
    return KH_OK;
}

void kh_peer_random(struct kh_app *app, struct kh_request *request)
{
    struct kh_error err = {0};
    kh_status st;

    if (strcmp(request->content_type, "application/json") != 0) {
        kh_response_error(&request->response, 415, "unsupported",
            "Content-Type must be application/json", NULL);
        return;
    }
    st = draw(app, request, &err);
    if (st != KH_OK)
        kh_reply_status(request, st, &err);
}
