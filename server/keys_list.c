#include "core/backend_key.h"
#include "server/gate.h"
#include "server/keys.h"
#include "server/query.h"
#include "server/reply.h"

#include <stdlib.h>
#include <string.h>

enum { PAGE = 32 };

/* Keys in the order of their names, a page at a time. */
struct walk {
    struct kh_backend *backend; /* all of a listing comes from one */
    char after[KH_NAME_MAX + 1];
    struct kh_named_key keys[PAGE];
    size_t count;
    size_t next;
};

/* *KEY is NULL at the end. */
static kh_status step(
    struct walk *walk, const struct kh_named_key **key, struct kh_error *err)
{
    kh_status st = KH_OK;

    *key = NULL;
    if (walk->next == walk->count) {
        walk->next = walk->count = 0;
        memset(walk->keys, 0, sizeof walk->keys);
        st = kh_backend_key_list(walk->backend, *walk->after ? walk->after : NULL,
            walk->keys, PAGE, &walk->count, err);
    }
    if (st == KH_OK && walk->next < walk->count) {
        *key = &walk->keys[walk->next++];
        memcpy(walk->after, (*key)->name, sizeof walk->after);
    }
    return st;
}

/* Fills LIST with up to LIMIT keys that the caller may see; NEXT is the last one's name
 * when there are more, else "". */
static kh_status collect(struct walk *walk, struct kh_app *app,
    const struct kh_request *request, const struct kh_query *query, json_t *list,
    char next[KH_NAME_MAX + 1], struct kh_error *err)
{
    const struct kh_named_key *key = NULL;
    char last[KH_NAME_MAX + 1] = "";
    kh_status st;

    *next = '\0';
    while ((st = step(walk, &key, err)) == KH_OK && key) {
        if (!kh_gate_allows(app->gate, request, KH_OP_LIST, key->name))
            continue;
        if (json_array_size(list) == query->limit) {
            memcpy(next, last, sizeof last);
            break;
        }
        if (json_array_append_new(list, kh_key_json(key)) != 0)
            return kh_fail(err, KH_BUSY, "no memory for the listing");
        memcpy(last, key->name, sizeof last);
    }
    return st;
}

void kh_key_list(struct kh_app *app, struct kh_request *request)
{
    char next[KH_NAME_MAX + 1] = "";
    struct kh_error err = {0};
    struct kh_query query;
    struct walk *walk = calloc(1, sizeof *walk);
    json_t *list = json_array();
    kh_status st =
        kh_query_parse(request->query, KH_QUERY_AFTER | KH_QUERY_LIMIT, &query, &err);

    if (st == KH_OK && (!walk || !list))
        st = kh_fail(&err, KH_BUSY, "no memory for the listing");
    if (st == KH_OK && walk) {
        walk->backend = app->backend;
        memcpy(walk->after, query.after, sizeof walk->after);
        st = collect(walk, app, request, &query, list, next, &err);
    }
    if (st == KH_OK)
        kh_reply_json(request, 200,
            json_pack("{s:O,s:s?}", "keys", list, "next", *next ? next : NULL));
    else
        kh_reply_status(request, st, &err);
    json_decref(list);
    free(walk);
}
