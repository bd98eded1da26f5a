/* The point of no return: the seal at the source. */
#include "core/migrate/internal.h"

static kh_status mark(struct kh_migration *m, struct kh_error *err)
{
    /* What a later run needs to finish the destruction as this one was asked to. */
    const char *const facts[][2] = {
        {"keep_source", m->o.keep_source ? "yes" : "no"},
        {"state", "sealing"},
    };
    kh_status st;

    kh_step(m, KH_STEP_MARK, false);
    st = kh_journal_set_facts(m->journal, facts, sizeof facts / sizeof facts[0], err);
    if (st == KH_OK)
        kh_step(m, KH_STEP_MARK, true);
    return st;
}

static kh_status seal(struct kh_migration *m, struct kh_error *err)
{
    char words[256];
    struct kh_seal seal = {.destination = words,
        .migration = m->result.migration,
        .keep_source = m->o.keep_source};
    kh_status st;

    snprintf(words, sizeof words, "%s %s", kh_backend_name(m->o.destination),
        m->destination.identity);
    kh_step(m, KH_STEP_SEAL, false);
    st = kh_backend_seal(m->o.source, &seal, err);
    if (st == KH_OK)
        kh_step(m, KH_STEP_SEAL, true);
    return st;
}

kh_status kh_commit(struct kh_migration *m, struct kh_error *err)
{
    struct kh_error later = {0};
    kh_status st;

    kh_tell_phase(m, KH_PHASE_COMMIT, 0);
    st = kh_same_places(m, err);
    if (st == KH_OK && kh_cancelled(m))
        st = kh_stop_interrupted(m, err);
    if (st == KH_OK)
        st = mark(m, err);
    if (st == KH_OK)
        st = seal(m, err);
    if (st != KH_OK)
        return st;
    m->result.outcome = KH_MIGRATION_COMMITTED;
    /* Committed. What fails from here on is told and undoes nothing. */
    if (kh_report_write(m, &later) != KH_OK)
        kh_tell_note(m, "report", NULL, "no report was written: %s", later.message);
    kh_step(m, KH_STEP_FINISH, false);
    if (kh_journal_set_fact(m->journal, "state", "committed", &later) != KH_OK)
        kh_tell_note(m, "journal", NULL, "%s", later.message);
    kh_step(m, KH_STEP_FINISH, true);
    return KH_OK;
}
