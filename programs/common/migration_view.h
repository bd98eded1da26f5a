/* Events of a migration on standard error (a bar on a terminal, lines elsewhere) or as
 * JSON lines. */
#ifndef KH_PROGRAMS_MIGRATION_VIEW_H
#define KH_PROGRAMS_MIGRATION_VIEW_H

#include "core/migrate/migrate.h"

/* Zero-initialise but for the first members. One migration, one thread at a time. */
struct kh_migration_view {
    const char *program;
    bool json; /* on OUT; nothing on ERR but the bar-less messages */
    bool tty;  /* ERR is a terminal: draw a bar */
    FILE *out;
    FILE *err;
    uint64_t (*clock)(void); /* monotonic, ns */

    uint64_t phase_began;
    uint64_t last_line;
    bool bar_shown;
};

/* For struct kh_migration_options.event, with the view as its argument. */
void kh_migration_view_event(void *view, const struct kh_migration_event *event);
/* One line on ERR, "program: ..."; takes the bar away first. */
void kh_migration_view_say(struct kh_migration_view *view, const char *format, ...)
    KH_PRINTF(2, 3);
/* Takes the bar away. */
void kh_migration_view_clear(struct kh_migration_view *view);
/* The last word: a summary line, or the JSON result. */
void kh_migration_view_result(
    struct kh_migration_view *view, const struct kh_migration_result *result, int status);

uint64_t kh_monotonic(void);

#endif
