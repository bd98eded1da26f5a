#include "core/deposit.h"
#include "core/record.h"
#include "core/secmem.h"
#include "server/deposits.h"
#include "server/query.h"
#include "server/reply.h"

#include <string.h>

const char *kh_state_name(kh_state state)
{
    return state == KH_ACTIVE ? "active" : "deleted";
}

json_t *kh_created_json(int64_t created)
{
    char text[KH_TIME_LEN];

    if (created == 0)
        return json_null();
    kh_time_format(created, text);
    return json_string(text);
}

static json_t *attributes_json(const struct kh_attrs *attrs)
{
    json_t *object = json_object();

    for (size_t i = 0; i < attrs->count; i++) {
        if (json_object_set_new(
                object, attrs->list[i].name, json_string(attrs->list[i].value)) != 0) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

static json_t *data_json(const struct kh_buf *data)
{
    KH_CLEANUP_BUF struct kh_buf text = {0};
    struct kh_error err;
    size_t len = kh_base64_length(data->len);

    if (kh_buf_alloc(&text, len + 1, &err) != KH_OK)
        return NULL;
    kh_base64_encode(data->data, data->len, (char *)text.data);
    return json_stringn_nocheck((const char *)text.data, len);
}

static void add_headers(struct kh_response *response, const struct kh_deposit *deposit)
{
    char created[KH_TIME_LEN];

    kh_time_format(deposit->created, created);
    kh_response_header(response, "Deposit-Version", "%u", deposit->version);
    kh_response_header(response, "Deposit-Created", "%s", created);
}

static void answer_json(struct kh_request *request, const struct kh_deposit *deposit)
{
    kh_reply_json(request, 200,
        json_pack("{s:s,s:I,s:s,s:o,s:o,s:o}", "name", deposit->name, "version",
            (json_int_t)deposit->version, "state", kh_state_name(deposit->state),
            "created", kh_created_json(deposit->created), "attributes",
            attributes_json(&deposit->attrs), "data", data_json(&deposit->data)));
}

/* The bytes are handed on, not copied. */
static void answer_bytes(struct kh_request *request, struct kh_deposit *deposit)
{
    struct kh_response *response = &request->response;

    response->status = 200;
    response->type = "application/octet-stream";
    response->body = deposit->data;
    deposit->data = (struct kh_buf){0};
}

void kh_deposit_get(struct kh_app *app, struct kh_request *request)
{
    KH_CLEANUP_DEPOSIT struct kh_deposit deposit = {0};
    struct kh_error err = {0};
    struct kh_query query;
    unsigned allowed = KH_QUERY_VERSION;
    kh_status st;

    if (request->route->flags & KH_ROUTE_COPIES)
        allowed |= KH_QUERY_DELETED;
    st = kh_query_parse(request->query, allowed, &query, &err);

    if (st == KH_OK)
        st = kh_backend_get(app->backend, request->name,
            query.has_version ? query.version : KH_LATEST, query.deleted, &deposit, &err);
    if (st != KH_OK) {
        kh_reply_status(request, st, &err);
        return;
    }
    request->version = deposit.version;
    request->has_version = true;
    add_headers(&request->response, &deposit);
    if (request->wants_bytes)
        answer_bytes(request, &deposit);
    else
        answer_json(request, &deposit);
}
