#include "core/migrate/json.h"

#include "core/deposit.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* Names come percent-encoded; a plugin's message may hold anything. */
static void percent_string(FILE *to, const char *text)
{
    fputc('"', to);
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (*p < 0x20 || *p > 0x7e || *p == '"' || *p == '\\')
            fprintf(to, "%%%02X", *p);
        else
            fputc(*p, to);
    }
    fputc('"', to);
}

void kh_json_string(FILE *to, const char *text)
{
    json_t *string = json_string(text); /* NULL: not UTF-8 */

    if (!string || json_dumpf(string, to, JSON_ENCODE_ANY | JSON_ENSURE_ASCII) != 0)
        percent_string(to, text);
    json_decref(string);
}

void kh_json_member(FILE *to, const char *key, const char *value)
{
    fprintf(to, ",\"%s\":", key);
    kh_json_string(to, value);
}

void kh_json_number(FILE *to, const char *key, uint64_t number)
{
    fprintf(to, ",\"%s\":%" PRIu64, key, number);
}

void kh_migration_event_json(FILE *to, const struct kh_migration_event *event)
{
    static const char *const kinds[] = {"phase", "progress", "finding", "note"};

    fprintf(to, "{\"event\":\"%s\",\"phase\":\"%s\"", kinds[event->kind],
        kh_migration_phase_name(event->phase));
    if (event->kind == KH_EVENT_PROGRESS || event->kind == KH_EVENT_PHASE) {
        kh_json_number(to, "done", event->done);
        kh_json_number(to, "total", event->total);
    } else {
        kh_json_member(to, "code", event->code);
        if (event->name)
            kh_json_member(to, "name", event->name);
        if (event->version >= 0)
            kh_json_number(to, "version", (uint64_t)event->version);
        kh_json_member(to, "message", event->message);
    }
    fputc('}', to);
}

void kh_migration_result_json(FILE *to, const struct kh_migration_result *r)
{
    kh_json_member(to, "outcome", kh_migration_outcome_name(r->outcome));
    kh_json_member(to, "migration", r->migration);
    kh_json_member(to, "source", r->source);
    kh_json_member(to, "destination", r->destination);
    kh_json_number(to, "deposits", r->deposits);
    kh_json_number(to, "versions", r->versions);
    kh_json_number(to, "deleted", r->deleted);
    kh_json_number(to, "present", r->present);
    kh_json_number(to, "copied", r->copied);
    kh_json_number(to, "verified", r->verified);
    kh_json_number(to, "renamed", r->renamed);
    kh_json_number(to, "others", r->others);
    kh_json_number(to, "findings", r->findings);
    fprintf(to, ",\"sealed_before\":%s,\"empty\":%s", r->sealed_before ? "true" : "false",
        r->empty ? "true" : "false");
}
