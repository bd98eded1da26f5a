#include "server/peer.h"

#include "server/query.h"
#include "server/reply.h"

static const struct {
    uint32_t bit;
    const char *word;
} capabilities[] = {
    {KH_CAP_READ, "read"},
    {KH_CAP_WRITE, "write"},
    {KH_CAP_LIST, "list"},
    {KH_CAP_EXPORT, "export"},
    {KH_CAP_SEAL, "seal"},
    {KH_CAP_HARDWARE, "hardware"},
    {KH_CAP_THREADSAFE, "threadsafe"},
    {KH_CAP_LEGACY_NAMES, "legacy_names"},
};

static json_t *capabilities_json(uint32_t has)
{
    json_t *list = json_array();

    for (size_t i = 0; i < sizeof capabilities / sizeof capabilities[0]; i++) {
        if ((has & capabilities[i].bit) &&
            json_array_append_new(list, json_string(capabilities[i].word)) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/* A path in it need not be UTF-8, JSON must be. */
static json_t *text(const char *value)
{
    json_t *string = json_string(value);

    return string ? string : json_string("(not printable)");
}

static json_t *info_json(struct kh_backend *backend, const struct kh_info *info)
{
    return json_pack("{s:s,s:o,s:o,s:o,s:o,s:I,s:I,s:I,s:I,s:b,s:o,s:b,s:o}", "name",
        kh_backend_name(backend), "place", text(info->place), "identity",
        text(info->identity), "key_scope", text(info->key_scope), "profile",
        text(info->profile), "data_max", (json_int_t)info->data_max, "versions",
        (json_int_t)info->versions, "keys", (json_int_t)info->keys, "max_keys",
        (json_int_t)info->max_keys, "sealed", info->sealed, "sealed_for",
        text(info->sealed_for), "read_only", info->read_only, "capabilities",
        capabilities_json(kh_backend_capabilities(backend)));
}

void kh_peer_backend(struct kh_app *app, struct kh_request *request)
{
    struct kh_error err = {0};
    struct kh_info info = {0};
    struct kh_query query;
    kh_status st = kh_query_parse(request->query, 0, &query, &err);

    if (st == KH_OK)
        st = kh_backend_info(app->backend, &info, &err);
    info.data_max = kh_backend_data_max(app->backend);
    if (st == KH_OK)
        kh_reply_json(request, 200, info_json(app->backend, &info));
    else
        kh_reply_status(request, st, &err);
}

void kh_peer_usage(struct kh_app *app, struct kh_request *request)
{
    struct kh_error err = {0};
    struct kh_usage usage = {0};
    struct kh_query query;
    kh_status st = kh_query_parse(request->query, 0, &query, &err);

    if (st == KH_OK)
        st = kh_backend_usage(app->backend, &usage, &err);
    if (st == KH_OK)
        kh_reply_json(request, 200,
            json_pack("{s:I,s:I,s:I,s:I,s:I,s:I}", "deposits", (json_int_t)usage.deposits,
                "deleted_deposits", (json_int_t)usage.deleted_deposits, "versions",
                (json_int_t)usage.versions, "deleted_versions",
                (json_int_t)usage.deleted_versions, "memory", (json_int_t)usage.memory,
                "memory_free", (json_int_t)usage.memory_free));
    else
        kh_reply_status(request, st, &err);
}

void kh_peer_room(struct kh_app *app, struct kh_request *request)
{
    struct kh_error err = {0};
    struct kh_query query;
    kh_status st = kh_query_parse(request->query, KH_QUERY_VERSIONS, &query, &err);

    if (st == KH_OK && query.versions == 0)
        st = kh_fail(&err, KH_INVALID, "query: versions is missing");
    if (st == KH_OK)
        st = kh_backend_reserve(app->backend, query.versions, &err);
    if (st == KH_OK)
        kh_reply_json(
            request, 200, json_pack("{s:I}", "versions", (json_int_t)query.versions));
    else
        kh_reply_status(request, st, &err);
}

void kh_peer_backed_up(struct kh_app *app, struct kh_request *request)
{
    struct kh_error err = {0};
    kh_status st = kh_backend_backed_up(app->backend, &err);

    if (st == KH_OK)
        kh_reply_json(request, 200, json_pack("{s:b}", "backed_up", 1));
    else
        kh_reply_status(request, st, &err);
}
