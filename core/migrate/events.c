#include "core/migrate/internal.h"

#include "core/migrate/progress.h"
#include "core/name.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TELL_EVERY_NS 100000000ULL
#define NOTE_EVERY_NS 1000000000ULL

static uint64_t monotonic(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000ULL + (uint64_t)t.tv_nsec;
}

/* Holding `lock`. */
static void tell(struct kh_migration *m, struct kh_migration_event *event)
{
    event->phase = m->phase;
    event->done = m->done;
    event->total = m->total;
    if (m->o.event)
        m->o.event(m->o.arg, event);
}

void kh_tell_phase(struct kh_migration *m, kh_migration_phase phase, uint64_t total)
{
    struct kh_migration_event event = {.kind = KH_EVENT_PHASE, .version = -1};

    pthread_mutex_lock(&m->lock);
    m->phase = phase;
    m->done = 0;
    m->total = total;
    m->told = monotonic();
    m->noted = m->told;
    tell(m, &event);
    pthread_mutex_unlock(&m->lock);
    kh_progress_write(m, &event);
}

void kh_tell_done(struct kh_migration *m, uint64_t done)
{
    pthread_mutex_lock(&m->lock);
    m->done += done;
    pthread_mutex_unlock(&m->lock);
}

void kh_tell_progress(struct kh_migration *m, bool force)
{
    struct kh_migration_event event = {.kind = KH_EVENT_PROGRESS, .version = -1};
    uint64_t now = monotonic();
    bool note = false;

    pthread_mutex_lock(&m->lock);
    if (force || now - m->told >= TELL_EVERY_NS) {
        m->told = now;
        tell(m, &event);
        note = now - m->noted >= NOTE_EVERY_NS;
        m->noted = note ? now : m->noted;
    }
    pthread_mutex_unlock(&m->lock);
    if (note)
        kh_progress_write(m, &event);
}

/* Holding `lock`. A copy for the report; when memory is short the event was told all the
 * same. */
static void keep(struct kh_migration *m, const struct kh_migration_event *event)
{
    struct kh_kept_event *more = m->kept;

    if (m->kept_count == KH_FINDINGS_KEPT)
        return;
    if ((m->kept_count & (m->kept_count - 1)) == 0)
        more = realloc(more, (m->kept_count ? 2 * m->kept_count : 1) * sizeof *more);
    if (!more)
        return;
    m->kept = more;
    more[m->kept_count++] = (struct kh_kept_event){.kind = event->kind,
        .code = strdup(event->code),
        .name = event->name ? strdup(event->name) : NULL,
        .version = event->version,
        .message = strdup(event->message)};
}

static void tell_words(struct kh_migration *m, struct kh_migration_event *event,
    const char *name, const char *message)
{
    char escaped[KH_NAME_ESCAPED_MAX];

    event->name = name ? kh_name_escape(name, escaped, sizeof escaped) : NULL;
    event->message = message;
    if (event->version > (int64_t)KH_VERSION_MAX) /* a file that is no version at all */
        event->version = -1;
    pthread_mutex_lock(&m->lock);
    if (event->kind == KH_EVENT_FINDING)
        m->result.findings++;
    keep(m, event);
    tell(m, event);
    pthread_mutex_unlock(&m->lock);
}

void kh_tell_finding(struct kh_migration *m, const char *code, const char *name,
    int64_t version, const char *format, ...)
{
    struct kh_migration_event event = {
        .kind = KH_EVENT_FINDING, .code = code, .version = version};
    char message[640];
    va_list args;

    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    tell_words(m, &event, name, message);
}

void kh_tell_note(
    struct kh_migration *m, const char *code, const char *name, const char *format, ...)
{
    struct kh_migration_event event = {
        .kind = KH_EVENT_NOTE, .code = code, .version = -1};
    char message[640];
    va_list args;

    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    tell_words(m, &event, name, message);
}

void kh_count(struct kh_migration *m, uint64_t *counter, uint64_t more)
{
    pthread_mutex_lock(&m->lock);
    *counter += more;
    pthread_mutex_unlock(&m->lock);
}

void kh_forget_events(struct kh_migration *m)
{
    for (size_t i = 0; i < m->kept_count; i++) {
        free(m->kept[i].code);
        free(m->kept[i].name);
        free(m->kept[i].message);
    }
    free(m->kept);
    m->kept = NULL;
    m->kept_count = 0;
}

const char *kh_migration_phase_name(kh_migration_phase phase)
{
    static const char *const names[] = {
        [KH_PHASE_PLAN] = "plan",
        [KH_PHASE_COPY] = "copy",
        [KH_PHASE_VERIFY] = "verify",
        [KH_PHASE_COMMIT] = "commit",
    };

    return (unsigned)phase < sizeof names / sizeof names[0] ? names[phase] : "unknown";
}

const char *kh_migration_outcome_name(kh_migration_outcome outcome)
{
    switch (outcome) {
    case KH_MIGRATION_PLANNED:
        return "planned";
    case KH_MIGRATION_COMMITTED:
        return "committed";
    case KH_MIGRATION_FINDINGS:
        return "findings";
    case KH_MIGRATION_INTERRUPTED:
        return "interrupted";
    case KH_MIGRATION_UNAVAILABLE:
        return "unavailable";
    case KH_MIGRATION_FAILED:
        break;
    }
    return "failed";
}
