/* What the files of the engine share. */
#ifndef KH_MIGRATE_INTERNAL_H
#define KH_MIGRATE_INTERNAL_H

#include "core/migrate/journal.h"
#include "core/migrate/migrate.h"
#include "core/migrate/namemap.h"

#include <pthread.h>

/* Findings and notes kept for the report; all are told as events. */
#define KH_FINDINGS_KEPT 10000U

struct kh_kept_event {
    kh_migration_event_kind kind;
    char *code;
    char *name; /* or NULL */
    int64_t version;
    char *message;
};

/*
 * `lock` guards the counters in `result`, the kept events, the progress and the event
 * callback. It is never held across a call of a backend or of the journal.
 */
struct kh_migration {
    struct kh_migration_options o;
    struct kh_migration_result result;
    struct kh_info source;      /* as the plan saw it */
    struct kh_info destination; /* the same; the run insists on its identity */
    struct kh_name_map *map;
    struct kh_journal *journal; /* NULL: none made yet */
    struct kh_journal_hook journal_hook;
    bool journal_has_rows; /* from an earlier run */
    bool planned;

    char state_dir[400];
    char journal_path[512];
    char report_path[512];

    pthread_mutex_t lock;
    kh_migration_phase phase;
    uint64_t done;
    uint64_t total;
    uint64_t told;             /* monotonic time of the last progress event, ns */
    uint64_t noted;            /* of the last note of it (progress.h), ns */
    atomic_bool progress_made; /* there is a file of it */
    struct kh_kept_event *kept;
    size_t kept_count;

    atomic_bool interrupted;      /* stopped because asked to */
    bool waiting;                 /* for a backup: stopped in front of the commit */
    atomic_bool destination_lost; /* a call to it gave KH_UNAVAILABLE or KH_BUSY */

    uint64_t at_source;              /* versions the verification saw there */
    uint64_t at_destination;         /* of these, listed by the destination */
    char last_name[KH_NAME_MAX + 1]; /* of the listing, in the plan */
    bool keys_looked_for;            /* named keys of the destination, in the plan */
    bool keys_there;
    struct kh_suggestions *suggestions;
};

/* ---- events.c -------------------------------------------------------------------------
 */

void kh_tell_phase(struct kh_migration *m, kh_migration_phase phase, uint64_t total);
/* DONE more. */
void kh_tell_done(struct kh_migration *m, uint64_t done);
/* An event when the last one is a while ago, or with FORCE. */
void kh_tell_progress(struct kh_migration *m, bool force);
/* NAME as it is stored (escaped here), or NULL; VERSION or -1. */
void kh_tell_finding(struct kh_migration *m, const char *code, const char *name,
    int64_t version, const char *format, ...) KH_PRINTF(5, 6);
void kh_tell_note(struct kh_migration *m, const char *code, const char *name,
    const char *format, ...) KH_PRINTF(4, 5);
void kh_count(struct kh_migration *m, uint64_t *counter, uint64_t more);
void kh_forget_events(struct kh_migration *m);

static inline void kh_step(struct kh_migration *m, kh_migration_step step, bool after)
{
    if (m->o.step)
        m->o.step(m->o.arg, step, after);
}

static inline bool kh_cancelled(const struct kh_migration *m)
{
    return m->o.cancelled && atomic_load(m->o.cancelled);
}

/* ---- walk.c ---------------------------------------------------------------------------
 */

typedef kh_status (*kh_walk_fn)(
    struct kh_migration *m, const struct kh_item *item, struct kh_error *err);

/*
 * Lists the source once. IN_ORDER (may be NULL) sees each version in order, on the
 * caller's thread; WORK sees each on one of the worker threads. The first failure ends
 * the walk. KH_BUSY and m->interrupted when it was cancelled: the items in hand were
 * finished.
 */
KH_CHECK kh_status kh_walk_source(
    struct kh_migration *m, kh_walk_fn in_order, kh_walk_fn work, struct kh_error *err);

/* Lists a backend on the caller's thread, FN for each; checks that the listing goes
 * forward. */
KH_CHECK kh_status kh_walk_backend(struct kh_migration *m, struct kh_backend *backend,
    kh_walk_fn fn, struct kh_error *err);

/* Notes a cancellation; its words. */
KH_CHECK kh_status kh_stop_interrupted(struct kh_migration *m, struct kh_error *err);

/* ---- relate.c -------------------------------------------------------------------------
 */

/* How a version stands at the destination. */
typedef enum kh_relation {
    KH_ABSENT,
    KH_SAME,
    KH_STATE_MOVED, /* put there by an earlier run; deleted or restored at the source
                       since */
    KH_CLASH        /* something else */
} kh_relation;

/* Passes ST on and remembers that the destination is gone when it says so. */
KH_CHECK kh_status kh_at_destination(struct kh_migration *m, kh_status st);

/* What the deposit is called at the destination; owned by the map or equal to NAME. */
const char *kh_target_name(const struct kh_migration *m, const char *name);

/* Reads ITEM from the source, gives it its new name. KH_INVALID: it cannot carry its old
 * name. */
KH_CHECK kh_status kh_read_source(struct kh_migration *m, const struct kh_item *item,
    struct kh_deposit *out, struct kh_error *err);
KH_CHECK kh_status kh_rename_deposit(
    const struct kh_migration *m, struct kh_deposit *deposit, struct kh_error *err);

/* The row an earlier run wrote about NAME and VERSION of the source. None: KH_OK, and
 * row->destination is "", which is no deposit's name. */
KH_CHECK kh_status kh_earlier_row(struct kh_migration *m, const char *name,
    uint32_t version, struct kh_journal_row *row, struct kh_error *err);

/* Reads the destination's copy of WANT (renamed), compares; OLD is its name at the
 * source. */
KH_CHECK kh_status kh_relate(struct kh_migration *m, const char *old,
    const struct kh_deposit *want, kh_relation *relation, struct kh_error *err);

/* *UNCHANGED: the journal knows ITEM and both stored forms are as it says. */
KH_CHECK kh_status kh_journaled_unchanged(struct kh_migration *m,
    const struct kh_item *item, bool *unchanged, struct kh_error *err);

/* KH_REFUSED unless both ends still are what the plan saw (invariant I8). */
KH_CHECK kh_status kh_same_places(struct kh_migration *m, struct kh_error *err);

/* ---- phases ---------------------------------------------------------------------------
 */

/* inspect.c: one version in the plan. */
KH_CHECK kh_status kh_inspect(
    struct kh_migration *m, const struct kh_item *item, struct kh_error *err);
KH_CHECK kh_status kh_inspect_name(
    struct kh_migration *m, const struct kh_item *item, struct kh_error *err);
/* room.c: the destination as a place, and the name map. */
KH_CHECK kh_status kh_inspect_map(struct kh_migration *m, struct kh_error *err);
KH_CHECK kh_status kh_inspect_destination(struct kh_migration *m, struct kh_error *err);
/* bind.c: the journal and whose it is. */
KH_CHECK kh_status kh_bind_paths(struct kh_migration *m, struct kh_error *err);
KH_CHECK kh_status kh_bind_look(struct kh_migration *m, struct kh_error *err);
KH_CHECK kh_status kh_bind(struct kh_migration *m, struct kh_error *err);

KH_CHECK kh_status kh_copy(struct kh_migration *m, struct kh_error *err);
KH_CHECK kh_status kh_verify(struct kh_migration *m, struct kh_error *err);
KH_CHECK kh_status kh_commit(struct kh_migration *m, struct kh_error *err);

/* report.c: writes the report of what is known now, durably. */
KH_CHECK kh_status kh_report_write(struct kh_migration *m, struct kh_error *err);

#endif
