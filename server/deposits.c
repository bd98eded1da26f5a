#include "server/deposits.h"

#include "core/deposit.h"
#include "core/name.h"
#include "core/record.h"
#include "server/content.h"
#include "server/query.h"
#include "server/reply.h"

/* False: answered. */
static bool parse_query(
    struct kh_request *request, unsigned allowed, struct kh_query *query)
{
    struct kh_error err = {0};
    kh_status st = kh_query_parse(request->query, allowed, query, &err);

    if (st != KH_OK)
        kh_reply_status(request, st, &err);
    return st == KH_OK;
}

static void answer_created(struct kh_request *request, const struct kh_deposit *deposit)
{
    char created[KH_TIME_LEN];

    request->version = deposit->version;
    request->has_version = true;
    kh_time_format(deposit->created, created);
    kh_reply_json(request, 201,
        json_pack("{s:s,s:I,s:s}", "name", deposit->name, "version",
            (json_int_t)deposit->version, "created", created));
}

/* A copy comes with its version number, and is the deposit's first one only if NEW. */
static void create(struct kh_app *app, struct kh_request *request)
{
    KH_CLEANUP_DEPOSIT struct kh_deposit deposit = {0};
    struct kh_error err = {0};
    struct kh_query query;
    kh_put_mode mode = KH_PUT_NEW;
    bool copies = request->route->flags & KH_ROUTE_COPIES;
    kh_status st;

    if (!parse_query(request, copies ? KH_QUERY_VERSION | KH_QUERY_NEW : 0, &query) ||
        !kh_content_take(app, request, &deposit))
        return;
    if (query.has_version) {
        deposit.version = query.version;
        mode = query.new_deposit ? KH_PUT_NEW : KH_PUT_VERSION;
    }
    /* Even where the backend holds older, wilder names: nobody makes new ones. */
    st = kh_name_check(deposit.name, &err);
    if (st == KH_OK)
        st = kh_backend_put(app->backend, &deposit, mode, &err);
    if (st == KH_OK)
        answer_created(request, &deposit);
    else
        kh_reply_status(request, st, &err);
}

static void roll(struct kh_app *app, struct kh_request *request)
{
    KH_CLEANUP_DEPOSIT struct kh_deposit deposit = {0};
    struct kh_error err = {0};
    struct kh_query query;
    kh_status st;

    if (!parse_query(request, 0, &query) || !kh_content_take(app, request, &deposit))
        return;
    st = kh_backend_roll(app->backend, &deposit, &err);
    if (st == KH_OK)
        answer_created(request, &deposit);
    else
        kh_reply_status(request, st, &err);
}

typedef kh_status (*change)(
    struct kh_backend *backend, const char *name, uint32_t version, struct kh_error *err);

/* remove, restore, purge: of one version, or of all. */
static bool apply(struct kh_app *app, struct kh_request *request, change what)
{
    struct kh_error err = {0};
    struct kh_query query;
    kh_status st;

    if (!parse_query(request, KH_QUERY_VERSION, &query))
        return false;
    request->version = query.version;
    request->has_version = query.has_version;
    st = what(app->backend, request->name,
        query.has_version ? query.version : KH_ALL_VERSIONS, &err);
    if (st != KH_OK)
        kh_reply_status(request, st, &err);
    return st == KH_OK;
}

void kh_deposit_one(struct kh_app *app, struct kh_request *request)
{
    if (request->method == KH_METHOD_PUT)
        create(app, request);
    else if (request->method != KH_METHOD_DELETE)
        kh_deposit_get(app, request);
    else if (apply(app, request, kh_backend_remove))
        request->response.status = 204;
}

void kh_deposit_versions(struct kh_app *app, struct kh_request *request)
{
    if (request->method == KH_METHOD_POST)
        roll(app, request);
    else
        kh_deposit_history(app, request);
}

void kh_deposit_undelete(struct kh_app *app, struct kh_request *request)
{
    if (apply(app, request, kh_backend_restore))
        kh_reply_json(request, 200, json_pack("{s:s}", "name", request->name));
}

void kh_deposit_purge(struct kh_app *app, struct kh_request *request)
{
    if (apply(app, request, kh_backend_purge))
        kh_reply_json(request, 200, json_pack("{s:s}", "name", request->name));
}
