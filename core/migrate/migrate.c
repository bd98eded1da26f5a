#include "core/migrate/internal.h"
#include "core/migrate/progress.h"

#include <stdlib.h>
#include <string.h>

static kh_status check_options(struct kh_migration_options *o, struct kh_error *err)
{
    if (o->jobs == 0)
        o->jobs = KH_MIGRATION_JOBS_DEFAULT;
    if (o->jobs > KH_MIGRATION_JOBS_MAX)
        return kh_fail(
            err, KH_INVALID, "%u jobs; at most %u", o->jobs, KH_MIGRATION_JOBS_MAX);
    return kh_migrate_check(
        kh_backend_plugin(o->source), kh_backend_plugin(o->destination), err);
}

static kh_status read_places(struct kh_migration *m, struct kh_error *err)
{
    kh_status st = kh_backend_info(m->o.source, &m->source, err);

    if (st == KH_OK)
        st =
            kh_at_destination(m, kh_backend_info(m->o.destination, &m->destination, err));
    if (st != KH_OK)
        return st;
    snprintf(m->result.source, sizeof m->result.source, "%s", m->source.place);
    snprintf(
        m->result.destination, sizeof m->result.destination, "%s", m->destination.place);
    if (m->source.sealed)
        return kh_fail(err, KH_REFUSED, "%s is sealed: its deposits live in %s",
            m->source.place, m->source.sealed_for);
    if (m->source.identity[0] == '\0' || m->destination.identity[0] == '\0')
        return kh_fail(err, KH_REFUSED, "%s says nothing of its identity",
            m->source.identity[0] ? m->destination.place : m->source.place);
    return kh_bind_paths(m, err);
}

kh_status kh_migrate_open(struct kh_migration **out,
    const struct kh_migration_options *options, struct kh_error *err)
{
    struct kh_migration *m = calloc(1, sizeof *m);
    kh_status st;

    *out = NULL;
    if (!m)
        return kh_fail(err, KH_FATAL, "out of memory");
    pthread_mutex_init(&m->lock, NULL);
    m->o = *options;
    m->result.outcome = KH_MIGRATION_FAILED;
    st = check_options(&m->o, err);
    if (st == KH_OK)
        st = read_places(m, err);
    if (st == KH_OK && m->o.name_map)
        st = kh_name_map_load(&m->map, m->o.name_map, err);
    if (st == KH_OK && m->o.suggest_names && !(m->suggestions = kh_suggestions_new()))
        st = kh_fail(err, KH_FATAL, "out of memory");
    if (st != KH_OK) {
        kh_migrate_close(m);
        return st;
    }
    *out = m;
    return KH_OK;
}

void kh_migrate_close(struct kh_migration *m)
{
    if (!m)
        return;
    kh_progress_end(m);
    kh_journal_close(m->journal);
    kh_name_map_free(m->map);
    kh_suggestions_free(m->suggestions);
    kh_forget_events(m);
    pthread_mutex_destroy(&m->lock);
    free(m);
}

const struct kh_migration_result *kh_migrate_result(const struct kh_migration *m)
{
    return &m->result;
}

/* How it ended, from ST and what was seen on the way; and a report, so far as one can be
 * written. */
static void conclude(struct kh_migration *m, kh_status st, bool in_plan)
{
    struct kh_error later = {0};

    if (st == KH_OK)
        return;
    if (atomic_load(&m->interrupted) || m->waiting)
        m->result.outcome = KH_MIGRATION_INTERRUPTED;
    else if (atomic_load(&m->destination_lost))
        m->result.outcome = KH_MIGRATION_UNAVAILABLE;
    else if (in_plan && m->result.findings > 0)
        m->result.outcome = KH_MIGRATION_FINDINGS;
    else
        m->result.outcome = KH_MIGRATION_FAILED;
    if (m->o.dry_run && !m->o.report_path)
        return;
    if (kh_report_write(m, &later) != KH_OK)
        kh_tell_note(m, "report", NULL, "no report was written: %s", later.message);
}

static kh_status write_suggestions(struct kh_migration *m, struct kh_error *err)
{
    kh_status st;

    if (!m->suggestions || kh_suggestions_count(m->suggestions) == 0)
        return KH_OK;
    st = kh_suggestions_write(m->suggestions, m->map, m->o.suggest_names, err);
    if (st == KH_OK)
        kh_tell_note(m, "suggestions", NULL,
            "%zu new name(s) proposed in %s: look at them, then use --name-map",
            kh_suggestions_count(m->suggestions), m->o.suggest_names);
    return st;
}

static kh_status look_at_everything(struct kh_migration *m, struct kh_error *err)
{
    kh_status st = kh_backend_probe(m->o.source, err);

    if (st == KH_OK)
        st = kh_bind_look(m, err);
    if (st == KH_OK)
        st = kh_inspect_map(m, err);
    if (st == KH_OK)
        st = kh_walk_source(m, kh_inspect_name, kh_inspect, err);
    if (st != KH_OK)
        return st;
    m->result.empty = m->result.versions == 0;
    if (m->result.empty)
        kh_tell_note(m, "empty", NULL, "%s holds no deposits", m->source.place);
    if (!m->result.empty || m->o.seal_empty)
        st = kh_inspect_destination(m, err);
    if (st == KH_OK)
        st = write_suggestions(m, err);
    return st;
}

kh_status kh_migrate_plan(struct kh_migration *m, struct kh_error *err)
{
    struct kh_error later = {0};
    kh_status st;

    kh_tell_phase(m, KH_PHASE_PLAN, 0);
    kh_step(m, KH_STEP_PLAN, false);
    st = look_at_everything(m, err);
    if (st == KH_OK && m->result.findings > 0)
        st = kh_fail(err, KH_REFUSED, "%llu finding(s); nothing was written",
            (unsigned long long)m->result.findings);
    if (st == KH_OK) {
        kh_step(m, KH_STEP_PLAN, true);
        m->planned = true;
        m->result.outcome = KH_MIGRATION_PLANNED;
        if (m->o.dry_run && m->o.report_path && kh_report_write(m, &later) != KH_OK)
            kh_tell_note(m, "report", NULL, "no report was written: %s", later.message);
    }
    conclude(m, st, true);
    return st;
}

/* The last moment at which the source still holds everything. */
static kh_status must_be_backed_up(struct kh_migration *m, struct kh_error *err)
{
    kh_status st = kh_at_destination(m, kh_backend_backed_up(m->o.destination, err));

    m->waiting = st == KH_REFUSED;
    return st;
}

kh_status kh_migrate_run(struct kh_migration *m, struct kh_error *err)
{
    kh_status st;

    if (!m->planned)
        return kh_fail(
            err, KH_REFUSED, "a migration runs only after a plan without findings");
    if (m->o.dry_run)
        return KH_OK;
    if (m->result.empty && !m->o.seal_empty) {
        m->result.outcome = KH_MIGRATION_COMMITTED;
        return KH_OK;
    }
    m->planned = false;
    st = kh_bind(m, err);
    if (st == KH_OK)
        st = kh_copy(m, err);
    if (st == KH_OK)
        st = kh_verify(m, err);
    if (st == KH_OK)
        st = must_be_backed_up(m, err);
    if (st == KH_OK)
        st = kh_commit(m, err);
    conclude(m, st, false);
    return st;
}
