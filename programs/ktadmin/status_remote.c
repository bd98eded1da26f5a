#include "programs/ktadmin/status_remote.h"

#include "programs/ktadmin/http.h"
#include "programs/ktadmin/output.h"
#include "programs/ktadmin/target_server.h"

#include <inttypes.h>
#include <string.h>

/* Member NAME of OBJECT as text; "-" when it is none, or no text. */
static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text ? text : "-";
}

static void line(const char *label, const char *text)
{
    printf("%-14s ", label);
    kh_print_text(stdout, text);
    putchar('\n');
}

static void print_summary(const json_t *root)
{
    const json_t *summary = json_object_get(root, "summary");
    const json_t *notes = json_object_get(summary, "notes");
    const json_t *note;
    size_t i;

    printf("%-14s ", "daemon");
    kh_print_text(stdout, text_of(root, "daemon"));
    printf(" ");
    kh_print_text(stdout, text_of(root, "version"));
    printf(" on ");
    kh_print_text(stdout, text_of(root, "host"));
    printf(", since ");
    kh_print_text(stdout, text_of(root, "started"));
    printf("\n%-14s ", "state");
    kh_print_text(stdout, text_of(summary, "state"));
    printf(": ");
    kh_print_text(stdout, text_of(summary, "text"));
    putchar('\n');
    json_array_foreach(notes, i, note)
        line("  note", json_string_value(note) ? json_string_value(note) : "-");
}

static void print_links(const json_t *root)
{
    const json_t *link;
    size_t i;

    json_array_foreach(json_object_get(root, "links"), i, link)
    {
        printf("%-14s ", i == 0 ? "links" : "");
        kh_print_text(stdout, text_of(link, "from"));
        printf(" to ");
        kh_print_text(stdout, text_of(link, "to"));
        printf(": ");
        kh_print_text(stdout, text_of(link, "state"));
        if (json_is_string(json_object_get(link, "error"))) {
            printf(": ");
            kh_print_text(stdout, text_of(link, "error"));
        }
        putchar('\n');
    }
}

/* Each certificate that ends within a month, or has ended, or cannot be read. */
static void print_certificates(const json_t *root)
{
    const json_t *list = json_object_get(json_object_get(root, "certificates"), "list");
    const json_t *certificate;
    size_t i;

    json_array_foreach(list, i, certificate)
    {
        const json_t *days = json_object_get(certificate, "days_left");
        char text[64];

        if (json_is_integer(days) && json_integer_value(days) >= 30)
            continue;
        snprintf(text, sizeof text, "%" JSON_INTEGER_FORMAT " days left, ",
            json_integer_value(days));
        printf("%-14s ", "certificate");
        if (json_is_integer(days))
            fputs(text, stdout);
        kh_print_text(
            stdout, text_of(certificate, json_is_integer(days) ? "subject" : "problem"));
        printf(", ");
        kh_print_text(stdout, text_of(certificate, "file"));
        putchar('\n');
    }
}

static void print(const json_t *root)
{
    const json_t *backend = json_object_get(root, "backend");
    const json_t *deposits = json_object_get(root, "deposits");

    print_summary(root);
    print_links(root);
    line("backend", text_of(backend, "name"));
    line("  place", text_of(backend, "place"));
    if (json_is_true(json_object_get(backend, "sealed")))
        line("  sealed for", text_of(backend, "sealed_for"));
    if (json_is_object(deposits) && json_object_get(deposits, "live"))
        printf("%-14s %" JSON_INTEGER_FORMAT " active, %" JSON_INTEGER_FORMAT
               " deleted\n",
            "deposits", json_integer_value(json_object_get(deposits, "live")),
            json_integer_value(json_object_get(deposits, "deleted")));
    else
        line("deposits", "not known");
    print_certificates(root);
}

/* Takes ROOT. */
static kh_status show(json_t *root, bool json, bool *serves, struct kh_error *err)
{
    const char *state = text_of(json_object_get(root, "summary"), "state");

    *serves = strcmp(state, "ok") == 0 || strcmp(state, "warning") == 0;
    if (json)
        return kh_json_print(root, err);
    print(root);
    json_decref(root);
    return KH_OK;
}

kh_status kh_status_remote(const struct kh_target_options *options, bool json,
    bool *serves, struct kh_error *err)
{
    const struct kh_http_request request = {.method = "GET", .path = "/v1/status"};
    KH_CLEANUP_RESPONSE struct kh_http_response response = {0};
    struct kh_target *target = NULL;
    json_t *root = NULL;
    kh_status status = kh_target_open(&target, options, err);

    *serves = false;
    if (status == KH_OK)
        status = kh_target_call(target, &request, &response, err);
    if (status == KH_OK) {
        root = json_loadb((const char *)response.body.data, response.body.len,
            JSON_REJECT_DUPLICATES, NULL);
        if (!json_is_object(root))
            status = kh_fail(err, KH_UNAVAILABLE,
                "%s: the answer is no status of a daemon", options->server);
    }
    if (status == KH_OK)
        status = show(root, json, serves, err);
    else
        json_decref(root);
    kh_target_close(target);
    return status;
}
