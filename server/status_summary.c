/* All of the status in one sentence, and what else an operator should know. */
#include "server/status_json.h"

#include "server/certs.h"

#include <string.h>

enum { NOTES_MAX = 8, PATIENCE = 5 };

bool kh_status_hardware(struct kh_app *app)
{
    return (kh_backend_capabilities(app->backend) & KH_CAP_HARDWARE) != 0;
}

/* ---- the sentence ---- */

static const char *near_name(struct kh_app *app)
{
    return kh_survey_remote(app->backend) ? "keyhsmd" : "the catalog";
}

static const char *far_name(struct kh_app *app)
{
    return kh_status_hardware(app) ? "token" : "file store";
}

/* The state, and its sentence in TEXT. */
static const char *judge(
    struct kh_app *app, const struct kh_survey_view *view, char *text, size_t size)
{
    const struct kh_link *near = &view->links[KH_LINK_NEAR];
    const struct kh_link *far = &view->links[KH_LINK_FAR];

    if (view->has_info && view->info.sealed) {
        snprintf(
            text, size, "The deposits have moved to the HSM: restart %s.", app->name);
        return "failed";
    }
    if (near->state == KH_LINK_FAILED) {
        snprintf(text, size, "%s cannot reach %s.", app->name, near_name(app));
        return "failed";
    }
    if (far->state == KH_LINK_FAILED) {
        snprintf(text, size, "The %s does not work.", far_name(app));
        return "failed";
    }
    if (far->state == KH_LINK_UNKNOWN || view->waiting > PATIENCE) {
        snprintf(text, size, "Waiting for an answer of the %s.", far_name(app));
        return "unknown";
    }
    snprintf(text, size, "All is well.");
    return "ok";
}

/* ---- the notes ---- */

static void note(json_t *notes, const char *format, ...) KH_PRINTF(2, 3);
static void note(json_t *notes, const char *format, ...)
{
    char text[512];
    va_list args;

    if (json_array_size(notes) == NOTES_MAX)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    (void)json_array_append_new(notes, kh_status_text(text));
}

static void note_certificate(json_t *notes, const json_t *cert)
{
    const json_t *left = json_object_get(cert, "days_left");
    const char *role = json_string_value(json_object_get(cert, "role"));
    const char *subject = json_string_value(json_object_get(cert, "subject"));
    const char *problem = json_string_value(json_object_get(cert, "problem"));
    json_int_t days = json_integer_value(left);

    if (problem)
        note(notes, "Certificate (%s): %s.", role, problem);
    else if (!json_is_integer(left) || days >= KH_CERTS_SOON)
        return;
    else if (days < 0)
        note(notes, "Certificate (%s, %.120s) has ended.", role, subject);
    else
        note(notes, "Certificate (%s, %.120s) ends in %lld days.", role, subject,
            (long long)days);
}

static void note_room(json_t *notes, const struct kh_info *info)
{
    if (info->max_keys && info->keys >= info->max_keys)
        note(
            notes, "No key is left: max_keys is reached, and nothing new can be stored.");
    else if (info->max_keys && info->keys >= info->max_keys - info->max_keys / 10)
        note(notes, "Fewer than a tenth of the keys that max_keys allows are left.");
    if (info->read_only && !info->sealed)
        note(notes, "Nothing can be changed: the backend is read-only.");
}

json_t *kh_status_summary(
    struct kh_app *app, const struct kh_survey_view *view, const json_t *certificates)
{
    const json_t *list = json_object_get(certificates, "list");
    json_t *notes = json_array();
    char text[160];
    const char *state = judge(app, view, text, sizeof text);

    if (view->has_info)
        note_room(notes, &view->info);
    for (size_t i = 0; i < json_array_size(list); i++)
        note_certificate(notes, json_array_get(list, i));
    if (strcmp(state, "ok") == 0 && json_array_size(notes) > 0) {
        state = "warning";
        snprintf(text, sizeof text, "Everything works; something needs attention.");
    }
    return json_pack("{s:s,s:s,s:o}", "state", state, "text", text, "notes", notes);
}
