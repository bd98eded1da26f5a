/* The journal's place, and the binding of a migration to its two ends (invariant I8). */
#include "core/migrate/internal.h"

#include "core/fileio.h"
#include "core/guise.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static kh_status hex_of(
    const void *data, size_t len, char *out, size_t bytes, struct kh_error *err)
{
    unsigned char digest[EVP_MAX_MD_SIZE];

    if (!EVP_Q_digest(NULL, "SHA256", NULL, data, len, digest, NULL))
        return kh_fail(err, KH_FATAL, "SHA-256 failed");
    for (size_t i = 0; i < bytes; i++)
        snprintf(out + 2 * i, 3, "%02x", digest[i]);
    return KH_OK;
}

/* The same source finds the same journal again, whatever its path or URL is called today.
 */
kh_status kh_bind_paths(struct kh_migration *m, struct kh_error *err)
{
    const char *dir = m->o.state_dir ? m->o.state_dir : KH_MIGRATION_STATE_DIR;
    char identity[320];
    char key[33];
    int len = snprintf(identity, sizeof identity, "%s %s", kh_backend_name(m->o.source),
        m->source.identity);
    kh_status st = hex_of(identity, (size_t)len, key, 16, err);

    if (st != KH_OK)
        return st;
    if (strlen(dir) >= sizeof m->state_dir)
        return kh_fail(err, KH_INVALID, "%s: path too long", dir);
    snprintf(m->state_dir, sizeof m->state_dir, "%s", dir);
    snprintf(m->journal_path, sizeof m->journal_path, "%s/%s.journal", m->state_dir, key);
    if (m->o.report_path && strlen(m->o.report_path) >= sizeof m->report_path)
        return kh_fail(err, KH_INVALID, "%s: path too long", m->o.report_path);
    if (m->o.report_path)
        snprintf(m->report_path, sizeof m->report_path, "%s", m->o.report_path);
    else
        snprintf(m->report_path, sizeof m->report_path, "%s/%s.report.json", m->state_dir,
            key);
    return KH_OK;
}

static kh_status new_id(struct kh_migration *m, struct kh_error *err)
{
    unsigned char random[16];

    if (RAND_bytes(random, sizeof random) != 1)
        return kh_fail(err, KH_FATAL, "no random numbers");
    for (size_t i = 0; i < sizeof random; i++)
        snprintf(m->result.migration + 2 * i, 3, "%02x", random[i]);
    return KH_OK;
}

static kh_status compare_fact(struct kh_migration *m, const char *key, const char *want,
    bool *same, struct kh_error *err)
{
    char value[256] = "";
    kh_status st = kh_journal_fact(m->journal, key, value, sizeof value, err);

    *same = st == KH_OK && strcmp(value, want) == 0;
    return st;
}

/* What stands in the journal against what is there now; a difference is a finding. */
static kh_status compare_binding(struct kh_migration *m, struct kh_error *err)
{
    char place[256] = "";
    char digest[65];
    bool same = false;
    kh_status st = kh_name_map_digest(m->map, digest, err);

    if (st == KH_OK)
        st = compare_fact(m, "destination", m->destination.identity, &same, err);
    if (st == KH_OK)
        st = kh_journal_fact(m->journal, "destination_place", place, sizeof place, err);
    if (st != KH_OK)
        return st;
    if (!same)
        kh_tell_finding(m, "other-destination", NULL, -1,
            "this migration began to %s; %s is another place. To give that one up, move "
            "%s away",
            place, m->destination.place, m->journal_path);
    st = compare_fact(m, "name_map", digest, &same, err);
    if (st != KH_OK)
        return st;
    if (!same)
        kh_tell_finding(m, "other-map", NULL, -1,
            "this migration began with other renamings; run it with the same name map. "
            "To begin "
            "anew, move %s away",
            m->journal_path);
    return KH_OK;
}

static void journal_step(void *arg, bool after)
{
    kh_step(arg, KH_STEP_JOURNAL, after);
}

static kh_status open_journal(struct kh_migration *m, bool create, struct kh_error *err)
{
    uint64_t rows = 0;
    kh_status st;

    m->journal_hook = (struct kh_journal_hook){journal_step, m};
    st = kh_journal_open(&m->journal, m->journal_path, create, &m->journal_hook, err);
    if (st != KH_OK)
        return st;
    st = kh_journal_count(m->journal, &rows, err);
    m->journal_has_rows = rows > 0;
    return st;
}

kh_status kh_bind_look(struct kh_migration *m, struct kh_error *err)
{
    kh_status st = open_journal(m, false, err);

    if (st == KH_NOT_FOUND)
        return new_id(m, err);
    if (st == KH_OK)
        st = kh_journal_fact(m->journal, "migration", m->result.migration,
            sizeof m->result.migration, err);
    if (st == KH_NOT_FOUND) /* a run that died while making it */
        return new_id(m, err);
    return st == KH_OK ? compare_binding(m, err) : st;
}

static kh_status write_binding(struct kh_migration *m, struct kh_error *err)
{
    char digest[65];
    char begun[32];
    kh_status st = kh_name_map_digest(m->map, digest, err);
    const char *const facts[][2] = {
        {"migration", m->result.migration},
        {"source", m->source.identity},
        {"source_place", m->source.place},
        {"destination", m->destination.identity},
        {"destination_place", m->destination.place},
        {"name_map", digest},
        {"begun", begun},
        {"state", "copying"},
    };

    snprintf(begun, sizeof begun, "%lld", (long long)time(NULL));
    if (st != KH_OK)
        return st;
    return kh_journal_set_facts(m->journal, facts, sizeof facts / sizeof facts[0], err);
}

/* In a state directory that is a daemon's, the files are, too. */
static kh_status make_journal(struct kh_migration *m, struct kh_error *err)
{
    struct kh_guise guise;
    kh_status st;

    kh_guise_of(&guise, m->state_dir);
    kh_guise_push(&guise);
    st = kh_dir_make(m->state_dir, 0700, err);
    kh_guise_pop();
    if (st == KH_OK)
        st = open_journal(m, true, err);
    if (st == KH_OK)
        st = kh_dir_sync(m->state_dir, err);
    return st;
}

kh_status kh_bind(struct kh_migration *m, struct kh_error *err)
{
    char known[sizeof m->result.migration] = "";
    kh_status st = kh_same_places(m, err);

    if (st != KH_OK)
        return st;
    kh_step(m, KH_STEP_BIND, false);
    if (!m->journal)
        st = make_journal(m, err);
    if (st == KH_OK)
        st = kh_journal_fact(m->journal, "migration", known, sizeof known, err);
    if (st == KH_NOT_FOUND)
        st = write_binding(m, err);
    if (st == KH_OK)
        kh_step(m, KH_STEP_BIND, true);
    return st;
}
