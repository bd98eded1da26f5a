/* A source that an earlier migration left: nothing to do but to finish what a crash
 * interrupted. */
#include "core/migrate/internal.h"

#include <stdlib.h>
#include <string.h>

/* What the migration that sealed the source was asked. Without its journal nothing is
 * known: then nothing is destroyed. */
static kh_status read_intent(struct kh_migration *m, struct kh_error *err)
{
    char value[sizeof m->result.migration] = "";
    kh_status st = kh_journal_open(&m->journal, m->journal_path, false, NULL, err);

    m->o.keep_source = true;
    if (st == KH_NOT_FOUND) {
        kh_tell_note(m, "no-journal", NULL,
            "the journal of that migration is not in %s: should it have been interrupted "
            "while it "
            "destroyed the source's keys, run again with the --state-dir it had",
            m->state_dir);
        return KH_OK;
    }
    if (st == KH_OK)
        st = kh_journal_fact(m->journal, "keep_source", value, sizeof value, err);
    if (st == KH_OK)
        m->o.keep_source = strcmp(value, "no") != 0;
    if (st == KH_OK)
        st = kh_journal_fact(m->journal, "migration", m->result.migration,
            sizeof m->result.migration, err);
    return st == KH_NOT_FOUND ? KH_OK : st;
}

static kh_status finish(struct kh_migration *m, struct kh_error *err)
{
    struct kh_seal seal = {.destination = m->source.sealed_for,
        .migration = m->result.migration,
        .keep_source = true};
    struct kh_error later = {0};
    char state[32] = "";
    kh_status st = read_intent(m, err);

    if (st != KH_OK)
        return st;
    seal.keep_source = m->o.keep_source;
    st = kh_backend_seal(m->o.source, &seal, err);
    if (st != KH_OK || !m->journal)
        return st;
    st = kh_journal_fact(m->journal, "state", state, sizeof state, err);
    if (st != KH_OK || strcmp(state, "committed") == 0)
        return st == KH_NOT_FOUND ? KH_OK : st;
    /* The run that sealed it died before it could say so. */
    st = kh_journal_count(m->journal, &m->result.versions, err);
    m->result.verified = m->result.versions;
    if (st == KH_OK && kh_report_write(m, &later) != KH_OK)
        kh_tell_note(m, "report", NULL, "no report was written: %s", later.message);
    return st == KH_OK ? kh_journal_set_fact(m->journal, "state", "committed", err) : st;
}

kh_status kh_migrate_sealed(const struct kh_migration_options *options, bool *sealed,
    struct kh_migration_result *result, struct kh_error *err)
{
    struct kh_migration *m = calloc(1, sizeof *m);
    kh_status st;

    *sealed = false;
    memset(result, 0, sizeof *result);
    if (!m)
        return kh_fail(err, KH_FATAL, "out of memory");
    pthread_mutex_init(&m->lock, NULL);
    m->o = *options;
    m->phase = KH_PHASE_COMMIT;
    st = kh_backend_info(m->o.source, &m->source, err);
    if (st == KH_OK && m->source.sealed) {
        *sealed = true;
        m->result.sealed_before = true;
        snprintf(m->result.source, sizeof m->result.source, "%s", m->source.place);
        snprintf(m->result.destination, sizeof m->result.destination, "%s",
            m->source.sealed_for);
        if (!m->o.dry_run) /* which changes nothing, not even what is left to destroy */
            st = kh_bind_paths(m, err);
        if (st == KH_OK && !m->o.dry_run)
            st = finish(m, err);
    }
    m->result.outcome = st == KH_OK ? KH_MIGRATION_COMMITTED : KH_MIGRATION_FAILED;
    *result = m->result;
    kh_migrate_close(m);
    return st;
}
