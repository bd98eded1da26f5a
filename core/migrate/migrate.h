/*
 * Migration: a one-way copy of every deposit from a backend that may be left to one that
 * keeps keys in hardware, and the sealing of the first (DESIGN 8). It sees backends only
 * through core/backend.h.
 *
 *     check -> open -> plan -> (somebody says yes) -> run -> close
 *
 * The caller opens both backends in KH_OPEN_MIGRATE, so nobody else writes to either end
 * meanwhile. One migration object is used by one thread; it makes its own threads inside
 * plan and run. See README.md for the state machine and what survives an interruption
 * where.
 */
#ifndef KH_CORE_MIGRATE_H
#define KH_CORE_MIGRATE_H

#include "core/backend.h"

#include <stdatomic.h>

#define KH_MIGRATION_STATE_DIR "/var/lib/keyhsm/migrations"
#define KH_MIGRATION_JOBS_DEFAULT 8U
#define KH_MIGRATION_JOBS_MAX 64U
/* The attribute that keeps the old name of a renamed deposit, percent-encoded. */
#define KH_LEGACY_NAME "legacy-name"

/* How a migration ended. From 0 on the numbers are the exit statuses of the programs. */
typedef enum kh_migration_outcome {
    KH_MIGRATION_PLANNED = -1, /* nothing was changed yet (all there is of a dry run) */
    KH_MIGRATION_COMMITTED =
        0,                   /* sealed now or earlier; or there was nothing to migrate */
    KH_MIGRATION_FAILED = 1, /* anything else; the source is intact */
    KH_MIGRATION_FINDINGS = 3, /* the plan found reasons to stop; nothing was written */
    /* asked to stop, or waiting for a backup (KH_REFUSED, in words); run again to go on
     */
    KH_MIGRATION_INTERRUPTED = 4,
    KH_MIGRATION_UNAVAILABLE = 5 /* the destination went away; run again to go on */
} kh_migration_outcome;

typedef enum kh_migration_phase {
    KH_PHASE_PLAN,
    KH_PHASE_COPY,
    KH_PHASE_VERIFY,
    KH_PHASE_COMMIT
} kh_migration_phase;

/*
 * The steps a test may stop at. READ to COMPARE happen once per copied version, on any
 * worker thread; JOURNAL is one durable group of rows, on the journal's thread; FOLLOW is
 * a change of state made at the source between two runs, repeated at the destination.
 */
typedef enum kh_migration_step {
    KH_STEP_PLAN,
    KH_STEP_BIND,
    KH_STEP_READ,
    KH_STEP_PUT,
    KH_STEP_READ_BACK,
    KH_STEP_FOLLOW,
    KH_STEP_COMPARE,
    KH_STEP_JOURNAL,
    KH_STEP_VERIFY,
    KH_STEP_ATTEST,
    KH_STEP_MARK,
    KH_STEP_SEAL,
    KH_STEP_REPORT,
    KH_STEP_FINISH,
    KH_STEP_COUNT
} kh_migration_step;

typedef enum kh_migration_event_kind {
    KH_EVENT_PHASE,    /* a phase begins */
    KH_EVENT_PROGRESS, /* DONE of TOTAL (0: not known yet), at most ten a second */
    KH_EVENT_FINDING,  /* a reason not to go on */
    KH_EVENT_NOTE      /* worth telling, stops nothing */
} kh_migration_event_kind;

struct kh_migration_event {
    kh_migration_event_kind kind;
    kh_migration_phase phase;
    uint64_t done;
    uint64_t total;
    const char *code;    /* of a finding or note: "bad-name", "corrupt", "clash", ... */
    const char *name;    /* the deposit's, percent-encoded; NULL when it is about none */
    int64_t version;     /* -1: about the whole deposit */
    const char *message; /* one line */
};

struct kh_migration_options {
    struct kh_backend *source;      /* borrowed; outlives the migration */
    struct kh_backend *destination; /* the same; not needed by kh_migrate_sealed */
    unsigned jobs;                  /* 1 .. KH_MIGRATION_JOBS_MAX; 0: the default */
    bool dry_run;         /* plan only, even when run is called: no journal is made */
    bool keep_source;     /* seal, but destroy nothing at the source */
    bool seal_empty;      /* seal a source that holds nothing */
    const char *name_map; /* path; NULL: names stay */
    const char *suggest_names; /* path to write a map for bad names to; must not exist */
    const char *state_dir;     /* NULL: KH_MIGRATION_STATE_DIR; made with mode 0700 */
    const char *report_path;   /* NULL: KEY.report.json in the state directory */

    /* Set to true (a signal handler may) to stop after the items in hand. NULL: never. */
    const atomic_bool *cancelled;
    /* Tells what happens; never called twice at a time, but from several threads. NULL:
     * nobody listens. The event and its strings are valid during the call. */
    void (*event)(void *arg, const struct kh_migration_event *event);
    /* For tests: called before (AFTER false) and after each step. NULL in programs. */
    void (*step)(void *arg, kh_migration_step step, bool after);
    void *arg;
};

struct kh_migration_result {
    kh_migration_outcome outcome;
    char migration[33];    /* id */
    char source[256];      /* place */
    char destination[256]; /* place; once sealed: what the seal says */
    char report[512];      /* path of the report that was written, or "" */
    uint64_t deposits;     /* names at the source */
    uint64_t versions;     /* versions at the source, deleted ones included */
    uint64_t deleted;      /* of these, deleted */
    uint64_t bytes;        /* of data that had to be looked at */
    uint64_t present;      /* versions that were at the destination before this run */
    uint64_t copied;       /* versions this run put there */
    uint64_t verified;     /* versions confirmed equal at the end */
    uint64_t renamed;      /* deposits with a new name */
    uint64_t others;       /* versions at the destination that are not from the source */
    uint64_t findings;     /* reasons to stop */
    bool sealed_before;    /* the source was sealed already when the run began */
    bool empty;            /* the source holds nothing */
};

struct kh_migration;

/*
 * May deposits move from plugin SOURCE to plugin DESTINATION? The one place where the way
 * back is closed (invariant I7): KH_REFUSED with words when a capability is missing.
 * Needs no open backend.
 */
KH_CHECK kh_status kh_migrate_check(const struct kh_plugin *source,
    const struct kh_plugin *destination, struct kh_error *err);

/*
 * *SEALED: was the source left by an earlier migration? Then what a crash may have left
 * of the destruction is finished (as that migration was asked to), and RESULT says where
 * the deposits are. Needs the source only: the destination may be in service.
 */
KH_CHECK kh_status kh_migrate_sealed(const struct kh_migration_options *options,
    bool *sealed, struct kh_migration_result *result, struct kh_error *err);

/* OPTIONS is copied, its strings are borrowed. KH_REFUSED: capabilities, a sealed source.
 * KH_INVALID: an option or the name map. */
KH_CHECK kh_status kh_migrate_open(struct kh_migration **out,
    const struct kh_migration_options *options, struct kh_error *err);

/*
 * Looks at everything and writes nothing at either end. Every finding is an event. KH_OK:
 * may be run (or the source is empty, result.empty). KH_REFUSED: there are findings.
 */
KH_CHECK kh_status kh_migrate_plan(struct kh_migration *migration, struct kh_error *err);

/*
 * Copies, verifies, seals. Only after a plan that was KH_OK. KH_OK means sealed (or
 * empty, or a dry run). On anything else result.outcome says whether running again goes
 * on.
 */
KH_CHECK kh_status kh_migrate_run(struct kh_migration *migration, struct kh_error *err);

/* What is known so far; valid until close. */
const struct kh_migration_result *kh_migrate_result(const struct kh_migration *migration);

/* NULL is fine. */
void kh_migrate_close(struct kh_migration *migration);

/* "plan", "copy", "verify", "commit"; "committed", "failed", ... */
const char *kh_migration_phase_name(kh_migration_phase phase);
const char *kh_migration_outcome_name(kh_migration_outcome outcome);

#endif
