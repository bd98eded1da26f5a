/* The report file: what was done, found and renamed, for people and programs. */
#include "core/migrate/internal.h"

#include "core/fileio.h"
#include "core/guise.h"
#include "core/migrate/json.h"
#include "core/name.h"
#include "core/record.h"
#include "core/version.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

struct renaming_list {
    FILE *to;
    bool any;
};

static void put_renaming(void *arg, const char *name, const char *destination)
{
    struct renaming_list *list = arg;
    char escaped[KH_NAME_ESCAPED_MAX];

    fprintf(list->to, "%s\n{\"old\":", list->any ? "," : "");
    list->any = true;
    kh_json_string(list->to, kh_name_escape(name, escaped, sizeof escaped));
    kh_json_member(list->to, "new", destination);
    fputc('}', list->to);
}

static void put_events(struct kh_migration *m, FILE *to)
{
    fputs(",\n\"events\":[", to);
    for (size_t i = 0; i < m->kept_count; i++) {
        const struct kh_kept_event *k = &m->kept[i];
        const struct kh_migration_event event = {.kind = k->kind,
            .phase = m->phase,
            .code = k->code ? k->code : "",
            .name = k->name,
            .version = k->version,
            .message = k->message ? k->message : ""};

        fputs(i ? ",\n" : "\n", to);
        kh_migration_event_json(to, &event);
    }
    fputs("]", to);
}

static kh_status compose(struct kh_migration *m, FILE *to, struct kh_error *err)
{
    struct renaming_list list = {.to = to};
    char now[KH_TIME_LEN];
    kh_status st = KH_OK;

    kh_time_format(time(NULL), now);
    fprintf(to, "{\"program\":\"keyhsm %s\"", kh_version);
    kh_json_member(to, "time", now);
    kh_json_member(to, "source_identity", m->source.identity);
    kh_json_member(to, "destination_identity", m->destination.identity);
    fprintf(to, ",\"source_kept\":%s", m->o.keep_source ? "true" : "false");
    kh_migration_result_json(to, &m->result);
    put_events(m, to);
    fputs(",\n\"renamings\":[", to);
    if (m->journal)
        st = kh_journal_renamed(m->journal, put_renaming, &list, err);
    fputs("]}\n", to);
    return st;
}

/* Where the operator wants it, as himself; else in the state directory, as its owner. */
static kh_status put_file(
    struct kh_migration *m, const char *text, size_t len, struct kh_error *err)
{
    struct kh_guise guise;
    kh_status st = KH_OK;

    kh_guise_of(&guise, m->o.report_path ? NULL : m->state_dir);
    kh_guise_push(&guise);
    if (!m->o.report_path)
        st = kh_dir_make(m->state_dir, 0700, err);
    if (st == KH_OK)
        st = kh_file_write(m->report_path, text, len, 0600, false, err);
    kh_guise_pop();
    return st;
}

kh_status kh_report_write(struct kh_migration *m, struct kh_error *err)
{
    char *text = NULL;
    size_t len = 0;
    FILE *to = open_memstream(&text, &len);
    kh_status st;

    if (!to)
        return kh_fail(err, KH_FATAL, "out of memory");
    kh_step(m, KH_STEP_REPORT, false);
    st = compose(m, to, err);
    if (fclose(to) != 0 && st == KH_OK)
        st = kh_fail(err, KH_FATAL, "out of memory");
    if (st == KH_OK)
        st = put_file(m, text, len, err);
    free(text);
    if (st == KH_OK) {
        snprintf(m->result.report, sizeof m->result.report, "%s", m->report_path);
        kh_step(m, KH_STEP_REPORT, true);
    }
    return st;
}
