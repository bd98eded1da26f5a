#include "server/status_json.h"

#include "core/record.h"
#include "server/trust.h"

#include <string.h>

json_t *kh_status_text(const char *text)
{
    json_t *string = *text ? json_string(text) : json_null();

    return string ? string : json_string("(not printable)");
}

json_t *kh_status_time(int64_t seconds)
{
    char text[KH_TIME_LEN];

    if (seconds == 0)
        return json_null();
    kh_time_format(seconds, text);
    return json_string(text);
}

/* ---- the chain ---- */

static const char *state_word(enum kh_link_state state)
{
    return state == KH_LINK_OK ? "ok" : state == KH_LINK_FAILED ? "failed" : "unknown";
}

static json_t *link_json(const char *from, const char *to, const struct kh_link *link)
{
    bool failed = link->state == KH_LINK_FAILED;

    return json_pack("{s:s,s:s,s:s,s:o,s:o,s:o,s:o}", "from", from, "to", to, "state",
        state_word(link->state), "since", kh_status_time(link->since), "error",
        failed ? kh_status_text(link->error) : json_null(), "last_error",
        kh_status_text(link->error), "last_error_at", kh_status_time(link->error_at));
}

/* Whoever reads this has come through it. */
static json_t *clients_json(struct kh_app *app)
{
    struct kh_http_counts counts = kh_http_count(app->http);

    return json_pack("{s:s,s:s,s:s,s:o,s:n,s:n,s:n,s:I,s:I,s:I}", "from", "clients", "to",
        app->name, "state", "ok", "since", kh_status_time(app->started), "error",
        "last_error", "last_error_at", "connections", (json_int_t)counts.connections,
        "accepted", (json_int_t)counts.accepted, "refused",
        (json_int_t)kh_trust_refusals(kh_tls_trust(app->tls)));
}

json_t *kh_status_links(struct kh_app *app, const struct kh_survey_view *view)
{
    const struct kh_link *near = &view->links[KH_LINK_NEAR];
    const struct kh_link *far = &view->links[KH_LINK_FAR];

    if (kh_survey_remote(app->backend))
        return json_pack("[o,o,o]", clients_json(app),
            link_json(app->name, "keyhsmd", near), link_json("keyhsmd", "token", far));
    if (kh_status_hardware(app))
        return json_pack("[o,o,o]", clients_json(app), link_json(app->name, "token", far),
            link_json(app->name, "catalog", near));
    return json_pack("[o,o]", clients_json(app), link_json(app->name, "file store", far));
}

/* ---- what is stored ---- */

json_t *kh_status_backend(struct kh_app *app, const struct kh_survey_view *view)
{
    const struct kh_info *info = &view->info;

    return json_pack("{s:s,s:b,s:o,s:o,s:o,s:b,s:o,s:b,s:o,s:o}", "name",
        kh_backend_name(app->backend), "hardware", kh_status_hardware(app), "place",
        kh_status_text(info->place), "key_scope", kh_status_text(info->key_scope),
        "profile", kh_status_text(info->profile), "sealed", info->sealed, "sealed_for",
        kh_status_text(info->sealed_for), "read_only", info->read_only, "at",
        kh_status_time(view->counted_at), "problem", kh_status_text(view->problem));
}

json_t *kh_status_deposits(const struct kh_survey_view *view)
{
    const struct kh_usage *usage = &view->usage;

    if (!view->has_info)
        return json_null();
    if (!view->has_usage)
        return json_pack("{s:I}", "stored", (json_int_t)view->info.versions);
    return json_pack("{s:I,s:I,s:I,s:I,s:I}", "stored", (json_int_t)view->info.versions,
        "live", (json_int_t)usage->deposits, "deleted",
        (json_int_t)usage->deleted_deposits, "versions", (json_int_t)usage->versions,
        "deleted_versions", (json_int_t)usage->deleted_versions);
}

json_t *kh_status_token(struct kh_app *app, const struct kh_survey_view *view)
{
    const struct kh_info *info = &view->info;
    bool told = view->usage.memory > 0;

    if (!view->has_info || !kh_status_hardware(app))
        return json_null();
    return json_pack("{s:I,s:o,s:o,s:o}", "keys", (json_int_t)info->keys, "max_keys",
        info->max_keys ? json_integer((json_int_t)info->max_keys) : json_null(), "memory",
        told ? json_integer((json_int_t)view->usage.memory) : json_null(), "memory_free",
        told ? json_integer((json_int_t)view->usage.memory_free) : json_null());
}

/* ---- requests ---- */

/* Milliseconds with as many digits as mean something; null without a request. */
static json_t *millis(const struct kh_history_point *point, double ms)
{
    double grain = ms < 10 ? 100 : ms < 100 ? 10 : 1;

    return point->count ? json_real((double)(int64_t)(ms * grain + 0.5) / grain)
                        : json_null();
}

static json_t *hour_json(const struct kh_history_point *hour)
{
    return json_pack("{s:I,s:I,s:o,s:o}", "count", (json_int_t)hour->count, "failed",
        (json_int_t)hour->failed, "p50", millis(hour, hour->p50_ms), "p99",
        millis(hour, hour->p99_ms));
}

json_t *kh_status_requests(struct kh_history *history)
{
    struct kh_history_view view;
    json_t *count = json_array();
    json_t *failed = json_array();
    json_t *p50 = json_array();
    json_t *p99 = json_array();

    kh_history_read(history, kh_clock_ms(), &view);
    for (size_t i = 0; i < KH_HISTORY_POINTS; i++) {
        const struct kh_history_point *point = &view.points[i];

        (void)json_array_append_new(count, json_integer((json_int_t)point->count));
        (void)json_array_append_new(failed, json_integer((json_int_t)point->failed));
        (void)json_array_append_new(p50, millis(point, point->p50_ms));
        (void)json_array_append_new(p99, millis(point, point->p99_ms));
    }
    return json_pack("{s:i,s:f,s:o,s:o,s:o,s:o,s:o}", "step", KH_HISTORY_STEP,
        "last_seconds", view.last_seconds, "hour", hour_json(&view.hour), "count", count,
        "failed", failed, "p50", p50, "p99", p99);
}
