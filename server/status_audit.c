/* The last entries of the audit log, for the status. */
#include "server/status_json.h"

#include "server/gate.h"

enum { SHOWN = 20 };

struct listing {
    struct kh_app *app;
    const struct kh_request *request;
    json_t *entries;
    bool hidden; /* some names are not shown */
};

static const char *member(const json_t *entry, const char *name)
{
    const char *text = json_string_value(json_object_get(entry, name));

    return text ? text : "";
}

/* A name is for those who may list it. */
static void add(void *arg, const char *line, size_t len)
{
    struct listing *listing = arg;
    json_t *entry = json_loadb(line, len, 0, NULL);
    const char *name = member(entry, "deposit");
    bool hidden;

    if (!entry)
        return;
    hidden =
        *name && !kh_gate_allows(listing->app->gate, listing->request, KH_OP_LIST, name);
    listing->hidden = listing->hidden || hidden;
    (void)json_array_append_new(listing->entries,
        json_pack("{s:O?,s:s,s:o,s:o,s:s,s:o,s:b,s:o,s:O?}", "seq",
            json_object_get(entry, "seq"), "time", member(entry, "time"), "id",
            kh_status_text(member(entry, "id")), "principal",
            kh_status_text(member(entry, "principal")), "operation",
            member(entry, "operation"), "deposit",
            hidden ? json_null() : kh_status_text(name), "hidden", hidden, "version",
            kh_status_text(member(entry, "version")), "status",
            json_object_get(entry, "status")));
    json_decref(entry);
}

json_t *kh_status_audit(struct kh_app *app, const struct kh_request *request)
{
    struct listing listing = {.app = app, .request = request, .entries = json_array()};
    struct kh_error err = {0};
    kh_status st = kh_gate_recent(app->gate, SHOWN, add, &listing, &err);

    if (st == KH_NOT_FOUND) {
        json_decref(listing.entries);
        return json_null();
    }
    return json_pack("{s:o,s:b,s:o}", "entries", listing.entries, "hidden",
        listing.hidden, "problem", kh_status_text(st == KH_OK ? "" : err.message));
}
