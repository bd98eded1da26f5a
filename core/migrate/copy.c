/* Each version: read, put, read back through the hardware, compare, journal. */
#include "core/migrate/internal.h"

#include "core/deposit.h"

#include <string.h>

/* The source moved its state since an earlier run put the copy there: the copy follows.
 */
static kh_status follow_state(
    struct kh_migration *m, const struct kh_deposit *deposit, struct kh_error *err)
{
    kh_status st;

    kh_step(m, KH_STEP_FOLLOW, false);
    if (deposit->state == KH_DELETED)
        st = kh_backend_remove(m->o.destination, deposit->name, deposit->version, err);
    else
        st = kh_backend_restore(m->o.destination, deposit->name, deposit->version, err);
    if (st == KH_OK)
        kh_step(m, KH_STEP_FOLLOW, true);
    return kh_at_destination(m, st);
}

/* Creates only. *EXISTED: somebody, perhaps an earlier run, was there before. */
static kh_status put(struct kh_migration *m, const struct kh_deposit *deposit,
    bool *existed, struct kh_error *err)
{
    kh_status st;

    kh_step(m, KH_STEP_PUT, false);
    st = kh_at_destination(
        m, kh_backend_put(m->o.destination, deposit, KH_PUT_VERSION, err));
    *existed = st == KH_EXISTS;
    if (st == KH_OK)
        kh_count(m, &m->result.copied, 1);
    if (st != KH_OK && st != KH_EXISTS)
        return st;
    kh_step(m, KH_STEP_PUT, true);
    return KH_OK;
}

static kh_status compare(struct kh_migration *m, const char *old,
    const struct kh_deposit *deposit, kh_relation *relation, struct kh_error *err)
{
    kh_status st;

    kh_step(m, KH_STEP_READ_BACK, false);
    st = kh_relate(m, old, deposit, relation, err);
    if (st == KH_OK)
        kh_step(m, KH_STEP_READ_BACK, true);
    return st;
}

/* After this the destination holds DEPOSIT, seen through the hardware; or KH_OK is not
 * returned. */
static kh_status settle(struct kh_migration *m, const char *old,
    const struct kh_deposit *deposit, struct kh_error *err)
{
    kh_relation relation = KH_ABSENT;
    bool existed = false;
    kh_status st = put(m, deposit, &existed, err);

    if (st == KH_OK)
        st = compare(m, old, deposit, &relation, err);
    if (st == KH_OK && relation == KH_STATE_MOVED && existed) {
        st = follow_state(m, deposit, err);
        if (st == KH_OK)
            st = compare(m, old, deposit, &relation, err);
    }
    if (st != KH_OK)
        return st;
    kh_step(m, KH_STEP_COMPARE, false);
    if (relation == KH_CLASH && existed)
        return kh_fail(err, KH_EXISTS,
            "'%s' version %u: the destination holds it with other content; nothing is "
            "overwritten",
            deposit->name, deposit->version);
    if (relation != KH_SAME)
        return kh_fail(err, KH_CORRUPT,
            "'%s' version %u: what the destination gives back is not what was stored "
            "there; the "
            "source is intact",
            deposit->name, deposit->version);
    kh_step(m, KH_STEP_COMPARE, true);
    return KH_OK;
}

static kh_status copy_version(
    struct kh_migration *m, const struct kh_item *item, struct kh_error *err)
{
    KH_CLEANUP_DEPOSIT struct kh_deposit deposit = {0};
    struct kh_journal_row row = {.version = item->version};
    kh_status st;

    memcpy(row.name, item->name, sizeof row.name);
    kh_step(m, KH_STEP_READ, false);
    /* The print first: should the file change under us, the verification finds it. */
    st = kh_backend_fingerprint(
        m->o.source, item->name, item->version, row.source_print, err);
    if (st == KH_OK)
        st = kh_read_source(m, item, &deposit, err);
    if (st == KH_OK)
        st = kh_rename_deposit(m, &deposit, err);
    if (st != KH_OK)
        return st;
    kh_step(m, KH_STEP_READ, true);
    st = settle(m, item->name, &deposit, err);
    if (st != KH_OK)
        return st;
    memcpy(row.destination, deposit.name, sizeof row.destination);
    st = kh_at_destination(m, kh_backend_fingerprint(m->o.destination, deposit.name,
                                  deposit.version, row.destination_print, err));
    return st == KH_OK ? kh_journal_add(m->journal, &row, err) : st;
}

static kh_status copy_if_needed(
    struct kh_migration *m, const struct kh_item *item, struct kh_error *err)
{
    bool unchanged = false;
    kh_status st = kh_journaled_unchanged(m, item, &unchanged, err);

    if (st != KH_OK || unchanged)
        return st;
    return copy_version(m, item, err);
}

kh_status kh_copy(struct kh_migration *m, struct kh_error *err)
{
    struct kh_error flush_error = {0};
    kh_status st;
    kh_status flushed;

    kh_tell_phase(m, KH_PHASE_COPY, m->result.versions);
    st = kh_walk_source(m, NULL, copy_if_needed, err);
    /* Also after a failure: the next run need not look again at what is done. */
    flushed = kh_journal_flush(m->journal, &flush_error);
    if (st == KH_OK && flushed != KH_OK) {
        *err = flush_error;
        return flushed;
    }
    return st;
}
