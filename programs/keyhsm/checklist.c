#include "programs/keyhsm/checklist.h"

#include "core/deposit.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum outcome { OK, WARNING, FAILED, SKIPPED, OUTCOMES };

static const char *const words[OUTCOMES] = {"ok", "warning", "failed", "unchecked"};

struct entry {
    enum outcome outcome;
    char *name;
    char *detail;
    char *remedy; /* NULL: none */
};

/* Entries are kept for JSON only. They are no jansson objects yet: the first stand here
 * before secret memory is set up, which changes how jansson allocates. */
struct kh_checklist {
    bool json;
    bool incomplete; /* no memory for one */
    unsigned counts[OUTCOMES];
    struct entry *entries;
    size_t entry_count;
};

struct kh_checklist *kh_checklist_new(bool json)
{
    struct kh_checklist *list = calloc(1, sizeof *list);

    if (list)
        list->json = json;
    return list;
}

/* A copy that JSON can take: a token's label may be in whatever character set. */
static char *copy(const char *text)
{
    char *out = strdup(text);

    if (out && !kh_utf8_valid(out, strlen(out))) {
        for (char *c = out; *c; c++) {
            if ((unsigned char)*c >= 0x80)
                *c = '?';
        }
    }
    return out;
}

static void drop(struct entry *entry)
{
    free(entry->name);
    free(entry->detail);
    free(entry->remedy);
}

static void keep(
    struct kh_checklist *list, enum outcome outcome, const struct kh_finding *finding)
{
    struct entry *more =
        realloc(list->entries, (list->entry_count + 1) * sizeof *list->entries);
    struct entry entry = {outcome, copy(finding->check), copy(finding->detail),
        finding->remedy ? copy(finding->remedy) : NULL};

    if (more)
        list->entries = more;
    if (!more || !entry.name || !entry.detail || (finding->remedy && !entry.remedy)) {
        drop(&entry);
        list->incomplete = true;
        return;
    }
    list->entries[list->entry_count++] = entry;
}

static void add(
    struct kh_checklist *list, enum outcome outcome, const struct kh_finding *finding)
{
    list->counts[outcome]++;
    if (list->json) {
        keep(list, outcome, finding);
        return;
    }
    printf("%-10s%-18s%s\n", words[outcome], finding->check, finding->detail);
    if (finding->remedy)
        printf("%-28s-> %s\n", "", finding->remedy);
    (void)fflush(stdout); /* the next one may take its time */
}

KH_PRINTF(4, 0)
static void add_text(struct kh_checklist *list, enum outcome outcome, const char *name,
    const char *format, va_list args)
{
    char detail[1024];
    const struct kh_finding finding = {.check = name, .detail = detail};

    (void)vsnprintf(detail, sizeof detail, format, args);
    add(list, outcome, &finding);
}

void kh_check_ok(struct kh_checklist *list, const char *name, const char *detail, ...)
{
    va_list args;

    va_start(args, detail);
    add_text(list, OK, name, detail, args);
    va_end(args);
}

void kh_check_skipped(struct kh_checklist *list, const char *name, const char *why, ...)
{
    va_list args;

    va_start(args, why);
    add_text(list, SKIPPED, name, why, args);
    va_end(args);
}

void kh_check_warning(
    struct kh_checklist *list, const char *name, const char *detail, const char *remedy)
{
    const struct kh_finding finding = {.check = name, .detail = detail, .remedy = remedy};

    add(list, WARNING, &finding);
}

void kh_check_failed(struct kh_checklist *list, const char *name,
    const struct kh_error *err, const char *remedy)
{
    const struct kh_finding finding = {name, err->status, err->message, remedy};

    add(list, FAILED, &finding);
}

void kh_check_finding(void *list, const struct kh_finding *finding)
{
    add(list, finding->status == KH_OK ? OK : FAILED, finding);
}

unsigned kh_checklist_failures(const struct kh_checklist *list)
{
    return list->counts[FAILED];
}

static void print_sum(const struct kh_checklist *list)
{
    unsigned all = 0;

    for (size_t i = 0; i < OUTCOMES; i++)
        all += list->counts[i];
    printf("%u checks: %u ok", all, list->counts[OK]);
    for (size_t i = OK + 1; i < OUTCOMES; i++) {
        if (list->counts[i] > 0)
            printf(", %u %s", list->counts[i], words[i]);
    }
    fputc('\n', stdout);
}

static bool print_json(const struct kh_checklist *list)
{
    json_t *checks = json_array();
    json_t *root;
    bool ok = checks && !list->incomplete;

    for (size_t i = 0; ok && i < list->entry_count; i++) {
        const struct entry *e = &list->entries[i];

        ok = json_array_append_new(checks,
                 json_pack("{s:s,s:s,s:s,s:s?}", "check", e->name, "status",
                     words[e->outcome], "detail", e->detail, "remedy", e->remedy)) == 0;
    }
    root = json_pack("{s:b,s:o}", "ok", list->counts[FAILED] == 0, "checks", checks);
    ok = ok && root && json_dumpf(root, stdout, JSON_INDENT(2)) == 0;
    fputc('\n', stdout);
    json_decref(root);
    return ok;
}

static void destroy(struct kh_checklist *list)
{
    for (size_t i = 0; i < list->entry_count; i++)
        drop(&list->entries[i]);
    free(list->entries);
    free(list);
}

kh_status kh_checklist_end(struct kh_checklist *list, struct kh_error *err)
{
    bool ok = true;

    if (list->json)
        ok = print_json(list);
    else
        print_sum(list);
    destroy(list);
    if (!ok || fflush(stdout) != 0 || ferror(stdout))
        return kh_fail(err, KH_UNAVAILABLE, "standard output cannot be written: %m");
    return KH_OK;
}
