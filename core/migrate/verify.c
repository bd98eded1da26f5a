/* Both ends once more, whole: every version there, unchanged since it was compared, its
 * key sound. */
#include "core/migrate/internal.h"

#include "core/name.h"

#include <openssl/crypto.h>
#include <string.h>

/* KH_OK and a finding when the copy is not as the journal says. */
static kh_status check_prints(struct kh_migration *m, const struct kh_item *item,
    const struct kh_journal_row *row, bool *fine, struct kh_error *err)
{
    unsigned char print[KH_FINGERPRINT_LEN] = {0};
    kh_status st =
        kh_backend_fingerprint(m->o.source, item->name, item->version, print, err);

    *fine = false;
    if (st != KH_OK)
        return st;
    if (CRYPTO_memcmp(print, row->source_print, sizeof print) != 0) {
        kh_tell_finding(m, "source-changed", item->name, item->version,
            "the source's bytes are not those that were copied");
        return KH_OK;
    }
    st = kh_at_destination(m, kh_backend_fingerprint(m->o.destination, row->destination,
                                  row->version, print, err));
    if (st == KH_UNAVAILABLE || st == KH_BUSY || st == KH_FATAL)
        return st;
    if (st != KH_OK) {
        kh_tell_finding(m, "missing", item->name, item->version, "%s", err->message);
        return KH_OK;
    }
    *fine = CRYPTO_memcmp(print, row->destination_print, sizeof print) == 0;
    if (!*fine)
        kh_tell_finding(m, "destination-changed", item->name, item->version,
            "the destination's bytes are not those that were compared");
    return KH_OK;
}

static kh_status attest(struct kh_migration *m, const struct kh_item *item,
    const struct kh_journal_row *row, struct kh_error *err)
{
    kh_status st;

    kh_step(m, KH_STEP_ATTEST, false);
    st = kh_at_destination(
        m, kh_backend_attest(m->o.destination, row->destination, row->version, err));
    if (st == KH_UNAVAILABLE || st == KH_BUSY || st == KH_FATAL)
        return st;
    if (st == KH_OK)
        kh_count(m, &m->result.verified, 1);
    else
        kh_tell_finding(m, "key", item->name, item->version, "%s", err->message);
    kh_step(m, KH_STEP_ATTEST, true);
    return KH_OK;
}

static kh_status verify_version(
    struct kh_migration *m, const struct kh_item *item, struct kh_error *err)
{
    struct kh_journal_row row;
    bool fine = false;
    kh_status st;

    kh_count(m, &m->at_source, 1);
    if (item->status != KH_OK) {
        kh_tell_finding(m, "corrupt", item->name, item->version, "%s", item->note);
        return KH_OK;
    }
    st = kh_journal_find(m->journal, item->name, item->version, &row, err);
    if (st == KH_NOT_FOUND) {
        kh_tell_finding(m, "not-copied", item->name, item->version,
            "it appeared at the source during the migration");
        return KH_OK;
    }
    if (st == KH_OK)
        st = check_prints(m, item, &row, &fine, err);
    if (st != KH_OK || !fine)
        return st;
    return attest(m, item, &row, err);
}

/* Counts what of the destination comes from the source, by the destination's own listing.
 * That each of them is as it was compared, its state included, the prints have said. */
static kh_status tally_resident(
    struct kh_migration *m, const struct kh_item *item, struct kh_error *err)
{
    const char *old = kh_name_map_from(m->map, item->name);
    struct kh_journal_row row;
    kh_status st;

    if (!old)
        return KH_OK;
    st = kh_journal_find(m->journal, old, item->version, &row, err);
    if (st == KH_NOT_FOUND)
        return KH_OK;
    if (st == KH_OK && item->status != KH_OK)
        kh_tell_finding(m, "destination-corrupt", old, item->version, "%s", item->note);
    else if (st == KH_OK)
        m->at_destination++;
    return st;
}

static kh_status check_counts(struct kh_migration *m, struct kh_error *err)
{
    kh_status st;

    if (m->at_source != m->result.versions)
        kh_tell_finding(m, "count", NULL, -1,
            "the source holds %llu versions now and held %llu when it was planned",
            (unsigned long long)m->at_source, (unsigned long long)m->result.versions);
    st = kh_at_destination(m, kh_walk_backend(m, m->o.destination, tally_resident, err));
    if (st == KH_OK && m->at_destination != m->at_source)
        kh_tell_finding(m, "count", NULL, -1,
            "the destination lists %llu of the source's %llu versions",
            (unsigned long long)m->at_destination, (unsigned long long)m->at_source);
    return st;
}

kh_status kh_verify(struct kh_migration *m, struct kh_error *err)
{
    uint64_t before = m->result.findings;
    kh_status st;

    kh_tell_phase(m, KH_PHASE_VERIFY, m->result.versions);
    kh_step(m, KH_STEP_VERIFY, false);
    m->result.verified = 0;
    kh_backend_attest_round(m->o.destination, true);
    st = kh_walk_source(m, NULL, verify_version, err);
    kh_backend_attest_round(m->o.destination, false);
    if (st == KH_OK)
        st = check_counts(m, err);
    if (st == KH_OK)
        st = kh_same_places(m, err);
    if (st != KH_OK)
        return st;
    if (m->result.findings != before)
        return kh_fail(err, KH_CORRUPT,
            "the verification found %llu difference(s); the source is intact and not "
            "sealed",
            (unsigned long long)(m->result.findings - before));
    kh_step(m, KH_STEP_VERIFY, true);
    return KH_OK;
}
