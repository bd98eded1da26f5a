#include "server/peer.h"

#include "core/name.h"
#include "server/deposits.h"
#include "server/query.h"
#include "server/reply.h"

#include <stdlib.h>
#include <string.h>

/* False: answered. A version has to be named, unless WITHOUT is allowed. */
static bool parse_version(
    struct kh_request *request, bool without, struct kh_query *query)
{
    struct kh_error err = {0};
    kh_status st = kh_query_parse(request->query, KH_QUERY_VERSION, query, &err);

    if (st == KH_OK && !query->has_version && !without)
        st = kh_fail(&err, KH_INVALID, "query: version is missing");
    if (st != KH_OK)
        kh_reply_status(request, st, &err);
    return st == KH_OK;
}

void kh_peer_stat(struct kh_app *app, struct kh_request *request)
{
    struct kh_error err = {0};
    struct kh_stat stat = {0};
    struct kh_query query;
    kh_status st;

    if (!parse_version(request, true, &query))
        return;
    st = kh_backend_stat(app->backend, request->name,
        query.has_version ? query.version : KH_LATEST, &stat, &err);
    if (st == KH_OK)
        kh_reply_json(request, 200,
            json_pack("{s:s,s:I,s:s,s:o,s:I,s:I}", "name", request->name, "version",
                (json_int_t)stat.version, "state", kh_state_name(stat.state), "created",
                kh_created_json(stat.created), "versions", (json_int_t)stat.versions,
                "highest", (json_int_t)stat.highest));
    else
        kh_reply_status(request, st, &err);
}

void kh_peer_fingerprint(struct kh_app *app, struct kh_request *request)
{
    unsigned char digest[KH_FINGERPRINT_LEN] = {0};
    char hex[2 * KH_FINGERPRINT_LEN + 1];
    struct kh_error err = {0};
    struct kh_query query;
    kh_status st;

    if (!parse_version(request, false, &query))
        return;
    st = kh_backend_fingerprint(app->backend, request->name, query.version, digest, &err);
    for (size_t i = 0; i < KH_FINGERPRINT_LEN; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    if (st == KH_OK)
        kh_reply_json(request, 200,
            json_pack("{s:s,s:I,s:s}", "name", request->name, "version",
                (json_int_t)query.version, "fingerprint", hex));
    else
        kh_reply_status(request, st, &err);
}

void kh_peer_attest(struct kh_app *app, struct kh_request *request)
{
    struct kh_error err = {0};
    struct kh_query query;
    kh_status st;

    if (!parse_version(request, false, &query))
        return;
    st = kh_backend_attest(app->backend, request->name, query.version, &err);
    if (st == KH_OK)
        kh_reply_json(request, 200,
            json_pack("{s:s,s:I}", "name", request->name, "version",
                (json_int_t)query.version));
    else
        kh_reply_status(request, st, &err);
}

/* ---- listing ---- */

/* The name percent-encoded, as in a path: a legacy one need not be UTF-8. */
static json_t *item_json(const struct kh_item *item)
{
    char escaped[KH_NAME_ESCAPED_MAX];
    json_t *entry = json_pack("{s:s,s:I,s:s,s:o}", "name",
        kh_name_escape(item->name, escaped, sizeof escaped), "version",
        (json_int_t)item->version, "state", kh_state_name(item->state), "created",
        kh_created_json(item->created));
    json_t *note;

    if (entry && item->status != KH_OK) {
        note = json_string(item->note);
        json_object_set_new(entry, "corrupt", note ? note : json_string("corrupt"));
    }
    return entry;
}

static kh_status list(struct kh_backend *backend, const struct kh_query *query,
    json_t *out, struct kh_error *err)
{
    struct kh_item *items = calloc(query->limit, sizeof *items);
    struct kh_cursor cursor = {.version = query->version};
    size_t count = 0;
    kh_status st = KH_OK;

    if (!items)
        return kh_fail(err, KH_BUSY, "no memory for the listing");
    memcpy(cursor.name, query->after, sizeof cursor.name);
    cursor.started = *cursor.name != '\0';
    st = kh_backend_list(backend, &cursor, items, query->limit, &count, err);
    for (size_t i = 0; st == KH_OK && i < count; i++) {
        if (json_array_append_new(out, item_json(&items[i])) != 0)
            st = kh_fail(err, KH_BUSY, "no memory for the listing");
    }
    free(items);
    return st;
}

void kh_peer_list(struct kh_app *app, struct kh_request *request)
{
    struct kh_error err = {0};
    struct kh_query query;
    json_t *versions = json_array();
    kh_status st = kh_query_parse(request->query,
        KH_QUERY_CURSOR | KH_QUERY_VERSION | KH_QUERY_LIMIT, &query, &err);

    if (st == KH_OK && query.has_version != (*query.after != '\0'))
        st = kh_fail(&err, KH_INVALID, "query: after and version go together");
    if (st == KH_OK)
        st = list(app->backend, &query, versions, &err);
    if (st == KH_OK)
        kh_reply_json(request, 200, json_pack("{s:O}", "versions", versions));
    else
        kh_reply_status(request, st, &err);
    json_decref(versions);
}
