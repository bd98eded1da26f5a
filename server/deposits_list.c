#include "core/deposit.h"
#include "core/name.h"
#include "server/deposits.h"
#include "server/gate.h"
#include "server/query.h"
#include "server/reply.h"

#include <stdlib.h>
#include <string.h>

enum { PAGE = 128 };

/* Versions in order, a page at a time. */
struct walk {
    struct kh_app *app;
    const struct kh_request *request;
    struct kh_backend *backend;
    struct kh_cursor cursor;
    struct kh_item items[PAGE];
    size_t count;
    size_t next;
};

/* *ITEM is NULL at the end. */
static kh_status step(
    struct walk *walk, const struct kh_item **item, struct kh_error *err)
{
    kh_status st = KH_OK;

    *item = NULL;
    if (walk->next == walk->count) {
        walk->next = walk->count = 0;
        st = kh_backend_list(
            walk->backend, &walk->cursor, walk->items, PAGE, &walk->count, err);
    }
    if (st == KH_OK && walk->next < walk->count) {
        *item = &walk->items[walk->next++];
        memcpy(walk->cursor.name, (*item)->name, sizeof walk->cursor.name);
        walk->cursor.version = (*item)->version;
        walk->cursor.started = true;
    }
    return st;
}

/* Legacy names need not be UTF-8, JSON must be. */
static json_t *name_json(const char *name)
{
    char escaped[KH_NAME_ESCAPED_MAX];

    if (kh_utf8_valid(name, strlen(name)))
        return json_string(name);
    return json_string(kh_name_escape(name, escaped, sizeof escaped));
}

/* All versions of one name, summed up. */
struct summary {
    char name[KH_NAME_MAX + 1];
    unsigned versions;
    uint32_t latest;
    bool active;
    bool corrupt;
};

static void begin(struct summary *sum, const struct kh_item *item)
{
    *sum = (struct summary){0};
    memcpy(sum->name, item->name, sizeof sum->name);
}

/* `latest` is what a GET would give: the highest active version, else the highest. */
static void include(struct summary *sum, const struct kh_item *item)
{
    bool active = item->state == KH_ACTIVE;

    if (active || !sum->active)
        sum->latest = item->version;
    sum->active = sum->active || active;
    sum->corrupt = sum->corrupt || item->status != KH_OK;
    sum->versions++;
}

/* Passes over what the caller has no right to see. False: no memory. */
static bool emit(const struct walk *walk, json_t *list, const struct summary *sum)
{
    json_t *entry;

    if (!kh_gate_allows(walk->app->gate, walk->request, KH_OP_LIST, sum->name))
        return true;
    entry = json_pack("{s:o,s:I,s:I,s:s}", "name", name_json(sum->name), "versions",
        (json_int_t)sum->versions, "latest", (json_int_t)sum->latest, "state",
        kh_state_name(sum->active ? KH_ACTIVE : KH_DELETED));

    if (entry && sum->corrupt)
        json_object_set_new(entry, "corrupt", json_true());
    return json_array_append_new(list, entry) == 0;
}

/* Fills LIST with up to LIMIT deposits; *NEXT is where to go on, or NULL. */
static kh_status collect(
    struct walk *walk, unsigned limit, json_t *list, json_t **next, struct kh_error *err)
{
    const struct kh_item *item = NULL;
    struct summary sum = {0};
    bool open = false;
    kh_status st;

    *next = json_null();
    while ((st = step(walk, &item, err)) == KH_OK && item) {
        if (open && strcmp(item->name, sum.name) != 0) {
            if (!emit(walk, list, &sum))
                return kh_fail(err, KH_BUSY, "no memory for the listing");
            open = false;
            if (json_array_size(list) == limit) {
                *next = name_json(sum.name);
                return KH_OK;
            }
        }
        if (!open)
            begin(&sum, item);
        open = true;
        include(&sum, item);
    }
    if (st == KH_OK && open && !emit(walk, list, &sum))
        st = kh_fail(err, KH_BUSY, "no memory for the listing");
    return st;
}

static kh_status new_walk(struct kh_app *app, const struct kh_request *request,
    struct walk **out, struct kh_error *err)
{
    struct walk *walk = calloc(1, sizeof *walk);

    *out = walk;
    if (!walk) {
        (void)kh_fail(err, KH_BUSY, "no memory for the listing");
        return KH_BUSY;
    }
    walk->app = app;
    walk->request = request;
    walk->backend = app->backend; /* all of a listing comes from one */
    return KH_OK;
}

void kh_deposit_list(struct kh_app *app, struct kh_request *request)
{
    struct kh_error err = {0};
    struct walk *walk = NULL;
    json_t *list = json_array();
    json_t *next = NULL;
    struct kh_query query;
    kh_status st =
        kh_query_parse(request->query, KH_QUERY_AFTER | KH_QUERY_LIMIT, &query, &err);

    if (st == KH_OK)
        st = new_walk(app, request, &walk, &err);
    if (st == KH_OK && *query.after) { /* behind every version of that name */
        memcpy(walk->cursor.name, query.after, sizeof walk->cursor.name);
        walk->cursor.version = KH_VERSION_MAX;
        walk->cursor.started = true;
    }
    if (st == KH_OK)
        st = collect(walk, query.limit, list, &next, &err);
    if (st == KH_OK)
        kh_reply_json(
            request, 200, json_pack("{s:O,s:O}", "deposits", list, "next", next));
    else
        kh_reply_status(request, st, &err);
    json_decref(next);
    json_decref(list);
    free(walk);
}

/* A place in the order shortly before NAME: nothing that follows today's rule lies
 * between, and what else does is passed over. */
static void place_before(const char *name, struct kh_cursor *cursor)
{
    size_t len = strlen(name);

    memcpy(cursor->name, name, len + 1);
    cursor->name[len - 1] = (char)((unsigned char)name[len - 1] - 1);
    if (cursor->name[len - 1] && len < KH_NAME_MAX) {
        cursor->name[len] = '~';
        cursor->name[len + 1] = '\0';
    }
    cursor->version = KH_VERSION_MAX;
    cursor->started = cursor->name[0] != '\0';
}

static kh_status read_versions(
    struct walk *walk, const char *name, json_t *list, struct kh_error *err)
{
    const struct kh_item *item = NULL;
    kh_status st;

    place_before(name, &walk->cursor);
    while (
        (st = step(walk, &item, err)) == KH_OK && item && strcmp(item->name, name) <= 0) {
        json_t *entry;

        if (strcmp(item->name, name) != 0)
            continue;
        entry = json_pack("{s:I,s:s,s:o}", "version", (json_int_t)item->version, "state",
            kh_state_name(item->state), "created", kh_created_json(item->created));
        if (entry && item->status != KH_OK)
            json_object_set_new(entry, "corrupt", json_true());
        if (json_array_append_new(list, entry) != 0)
            return kh_fail(err, KH_BUSY, "no memory for the listing");
    }
    if (st == KH_OK && json_array_size(list) == 0)
        st = kh_fail(err, KH_NOT_FOUND, "%s: no such deposit", name);
    return st;
}

void kh_deposit_history(struct kh_app *app, struct kh_request *request)
{
    struct kh_error err = {0};
    struct walk *walk = NULL;
    json_t *list = json_array();
    struct kh_query query;
    kh_status st = kh_query_parse(request->query, 0, &query, &err);

    if (st == KH_OK)
        st = new_walk(app, request, &walk, &err);
    if (st == KH_OK)
        st = read_versions(walk, request->name, list, &err);
    if (st == KH_OK)
        kh_reply_json(request, 200,
            json_pack("{s:s,s:O}", "name", request->name, "versions", list));
    else
        kh_reply_status(request, st, &err);
    json_decref(list);
    free(walk);
}
