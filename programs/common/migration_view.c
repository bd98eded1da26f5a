#include "programs/common/migration_view.h"

#include "core/migrate/json.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

enum { BAR_WIDTH = 24 };
#define SECOND 1000000000ULL
#define LINE_EVERY (10 * SECOND)

uint64_t kh_monotonic(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

void kh_migration_view_clear(struct kh_migration_view *v)
{
    if (v->bar_shown)
        fputs("\r\033[K", v->err);
    v->bar_shown = false;
    (void)fflush(v->err);
}

void kh_migration_view_say(struct kh_migration_view *v, const char *format, ...)
{
    va_list args;

    kh_migration_view_clear(v);
    fprintf(v->err, "%s: ", v->program);
    va_start(args, format);
    vfprintf(v->err, format, args);
    va_end(args);
    fputc('\n', v->err);
    (void)fflush(v->err);
}

/* "1234 of 5000 (24%), 310/s, 0:12 left"; without a total, what there is. */
static void describe(struct kh_migration_view *v, const struct kh_migration_event *event,
    char *out, size_t size)
{
    uint64_t took = v->clock() - v->phase_began;
    double rate = took > 0 ? (double)event->done * (double)SECOND / (double)took : 0;
    int used;

    if (event->total == 0) {
        snprintf(out, size, "%" PRIu64 " versions, %.0f/s", event->done, rate);
        return;
    }
    used = snprintf(out, size, "%" PRIu64 " of %" PRIu64 " (%d%%), %.0f/s", event->done,
        event->total, (int)(100 * event->done / event->total), rate);
    if (rate > 0 && used > 0 && (size_t)used < size) {
        unsigned left = (unsigned)((double)(event->total - event->done) / rate);

        snprintf(out + used, size - (size_t)used, ", %u:%02u left", left / 60, left % 60);
    }
}

static void draw_bar(struct kh_migration_view *v, const struct kh_migration_event *event)
{
    char words[120];
    char bar[BAR_WIDTH + 1];
    size_t full = event->total ? (size_t)(BAR_WIDTH * event->done / event->total) : 0;

    describe(v, event, words, sizeof words);
    memset(bar, '.', BAR_WIDTH);
    memset(bar, '#', full > BAR_WIDTH ? BAR_WIDTH : full);
    bar[BAR_WIDTH] = '\0';
    fprintf(v->err, "\r%-6s [%s] %s\033[K", kh_migration_phase_name(event->phase), bar,
        words);
    (void)fflush(v->err);
    v->bar_shown = true;
}

static void show_progress(
    struct kh_migration_view *v, const struct kh_migration_event *event)
{
    char words[120];
    uint64_t now = v->clock();

    if (v->tty) {
        draw_bar(v, event);
        return;
    }
    if (now - v->last_line < LINE_EVERY)
        return;
    v->last_line = now;
    describe(v, event, words, sizeof words);
    kh_migration_view_say(v, "%s: %s", kh_migration_phase_name(event->phase), words);
}

static void show_words(
    struct kh_migration_view *v, const struct kh_migration_event *event)
{
    const char *kind = event->kind == KH_EVENT_FINDING ? "finding" : "note";

    if (!event->name)
        kh_migration_view_say(v, "%s: %s: %s", kind, event->code, event->message);
    else if (event->version < 0)
        kh_migration_view_say(
            v, "%s: %s: %s: %s", kind, event->code, event->name, event->message);
    else
        kh_migration_view_say(v, "%s: %s: %s version %" PRId64 ": %s", kind, event->code,
            event->name, event->version, event->message);
}

void kh_migration_view_event(void *view, const struct kh_migration_event *event)
{
    struct kh_migration_view *v = view;

    if (event->kind == KH_EVENT_PHASE) {
        kh_migration_view_clear(v);
        v->phase_began = v->clock();
        v->last_line = v->phase_began;
    }
    if (v->json) {
        kh_migration_event_json(v->out, event);
        fputc('\n', v->out);
        (void)fflush(v->out);
    } else if (event->kind == KH_EVENT_PROGRESS) {
        show_progress(v, event);
    } else if (event->kind != KH_EVENT_PHASE) {
        show_words(v, event);
    }
}

void kh_migration_view_result(
    struct kh_migration_view *v, const struct kh_migration_result *r, int status)
{
    kh_migration_view_clear(v);
    if (v->json) {
        fputs("{\"event\":\"result\"", v->out);
        kh_json_number(v->out, "status", (uint64_t)status);
        kh_migration_result_json(v->out, r);
        kh_json_member(v->out, "report", r->report);
        fputs("}\n", v->out);
        (void)fflush(v->out);
        return;
    }
    if (r->versions > 0)
        kh_migration_view_say(v,
            "%" PRIu64 " deposits, %" PRIu64 " versions (%" PRIu64 " deleted): %" PRIu64
            " were there before, %" PRIu64 " copied, %" PRIu64 " verified",
            r->deposits, r->versions, r->deleted, r->present, r->copied, r->verified);
    if (r->report[0])
        kh_migration_view_say(v, "report: %s", r->report);
}
