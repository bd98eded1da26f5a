#include "server/content.h"

#include "core/deposit.h"
#include "core/record.h"
#include "core/secmem.h"
#include "server/budget.h"
#include "server/json.h"
#include "server/reply.h"

#include <string.h>
#include <time.h>

static void answer_too_large(struct kh_app *app, struct kh_request *request)
{
    char text[96];

    snprintf(text, sizeof text, "the data is larger than %llu bytes",
        (unsigned long long)kh_backend_data_max(app->backend));
    kh_response_error(&request->response, 413, "too_large", text, request->name);
}

/* Used-up secret memory is this request's bad luck, not the daemon's end. */
static void answer_failure(
    struct kh_request *request, kh_status st, const struct kh_error *err)
{
    if (st == KH_FATAL)
        kh_reply_later(request, 503, err->message, 1);
    else
        kh_reply_status(request, st, err);
}

static kh_status take_attributes(
    json_t *object, struct kh_attrs *out, struct kh_error *err)
{
    const char *name;
    json_t *value;
    kh_status st = KH_OK;

    if (!object)
        return KH_OK;
    if (!json_is_object(object))
        return kh_fail(err, KH_INVALID, "attributes: a JSON object of strings is needed");
    json_object_foreach(object, name, value)
    {
        if (!json_is_string(value))
            return kh_fail(err, KH_INVALID, "attributes: every value must be a string");
        st = kh_attrs_set(out, name, json_string_value(value), err);
        if (st != KH_OK)
            break;
    }
    return st;
}

/* What a copy brings along: when it was made, and whether it is deleted. */
static kh_status take_history(
    const json_t *body, struct kh_deposit *deposit, struct kh_error *err)
{
    const json_t *created = json_object_get(body, "created");
    const json_t *state = json_object_get(body, "state");
    const char *word = json_string_value(state);
    struct kh_error why = {0};

    if (created && !json_is_string(created))
        return kh_fail(err, KH_INVALID, "created: a string is needed");
    if (created &&
        kh_time_parse(json_string_value(created), &deposit->created, &why) != KH_OK)
        return kh_fail(err, KH_INVALID, "created: %s", why.message);
    if (state && (!word || (strcmp(word, "active") != 0 && strcmp(word, "deleted") != 0)))
        return kh_fail(err, KH_INVALID, "state: \"active\" or \"deleted\" is needed");
    if (state && strcmp(word, "deleted") == 0)
        deposit->state = KH_DELETED;
    return KH_OK;
}

static kh_status take_members(
    json_t *body, bool copies, struct kh_deposit *deposit, struct kh_error *err)
{
    static const char *const copied[] = {"data", "attributes", "created", "state", NULL};
    static const char *const made[] = {"data", "attributes", NULL};
    json_t *data = json_object_get(body, "data");
    struct kh_error why = {0};
    kh_status st = kh_json_only(body, copies ? copied : made, err);

    if (st == KH_OK)
        st = take_history(body, deposit, err);
    if (st == KH_OK && !json_is_string(data))
        st = kh_fail(err, KH_INVALID, "data: a base64 string is needed");
    if (st == KH_OK)
        st = take_attributes(json_object_get(body, "attributes"), &deposit->attrs, err);
    if (st == KH_OK) {
        st = kh_base64_decode(
            json_string_value(data), json_string_length(data), &deposit->data, &why);
        if (st != KH_OK)
            st = kh_fail(err, st, "data: %s", why.message);
    }
    return st;
}

static kh_status take_json(
    struct kh_request *request, struct kh_deposit *deposit, struct kh_error *err)
{
    bool copies =
        (request->route->flags & KH_ROUTE_COPIES) && request->method == KH_METHOD_PUT;
    json_t *body = NULL;
    kh_status st = kh_json_parse(request->body, request->body_len, &body, err);

    if (st == KH_OK)
        st = take_members(body, copies, deposit, err);
    json_decref(body);
    return st;
}

bool kh_content_take(
    struct kh_app *app, struct kh_request *request, struct kh_deposit *deposit)
{
    struct kh_error err = {0};
    kh_status st;

    memcpy(deposit->name, request->name, sizeof deposit->name);
    deposit->created = (int64_t)time(NULL);
    if (strcmp(request->content_type, "application/octet-stream") == 0) {
        if (request->body_len > kh_backend_data_max(app->backend)) {
            answer_too_large(app, request);
            return false;
        }
        st = kh_buf_copy(&deposit->data, request->body, request->body_len, &err);
    } else if (strcmp(request->content_type, "application/json") == 0) {
        kh_budget_take(app->budget, request->body_len);
        st = take_json(request, deposit, &err);
        kh_budget_give(app->budget, request->body_len);
    } else {
        kh_response_error(&request->response, 415, "unsupported",
            "Content-Type must be application/json or application/octet-stream",
            request->name);
        return false;
    }
    if (st != KH_OK)
        answer_failure(request, st, &err);
    else if (deposit->data.len > kh_backend_data_max(app->backend))
        answer_too_large(app, request);
    return st == KH_OK && deposit->data.len <= kh_backend_data_max(app->backend);
}
