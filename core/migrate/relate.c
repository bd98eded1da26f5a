#include "core/migrate/internal.h"

#include "core/deposit.h"
#include "core/name.h"

#include <openssl/crypto.h>
#include <string.h>

kh_status kh_at_destination(struct kh_migration *m, kh_status st)
{
    if (st == KH_UNAVAILABLE || st == KH_BUSY)
        atomic_store(&m->destination_lost, true);
    return st;
}

const char *kh_target_name(const struct kh_migration *m, const char *name)
{
    return kh_name_map_to(m->map, name);
}

kh_status kh_rename_deposit(
    const struct kh_migration *m, struct kh_deposit *deposit, struct kh_error *err)
{
    const char *target = kh_target_name(m, deposit->name);
    char legacy[KH_NAME_ESCAPED_MAX];
    const char *has;

    if (strcmp(target, deposit->name) == 0)
        return KH_OK;
    kh_name_escape(deposit->name, legacy, sizeof legacy);
    has = kh_attrs_get(&deposit->attrs, KH_LEGACY_NAME);
    if (has && strcmp(has, legacy) != 0)
        return kh_fail(err, KH_INVALID,
            "it is to be renamed, and has an attribute '%s' already; nothing may be "
            "lost: remove "
            "the attribute or the renaming",
            KH_LEGACY_NAME);
    if (!has && deposit->attrs.count >= KH_ATTRS_MAX)
        return kh_fail(err, KH_INVALID,
            "it is to be renamed, and has %d attributes already: no room for '%s'",
            KH_ATTRS_MAX, KH_LEGACY_NAME);
    snprintf(deposit->name, sizeof deposit->name, "%s", target);
    return kh_attrs_set(&deposit->attrs, KH_LEGACY_NAME, legacy, err);
}

kh_status kh_read_source(struct kh_migration *m, const struct kh_item *item,
    struct kh_deposit *out, struct kh_error *err)
{
    kh_status st = kh_backend_get(m->o.source, item->name, item->version, true, out, err);

    if (st != KH_OK)
        return st;
    if (strcmp(out->name, item->name) != 0 || out->version != item->version ||
        out->state != item->state) {
        char escaped[KH_NAME_ESCAPED_MAX];

        kh_deposit_free(out);
        return kh_fail(err, KH_CORRUPT,
            "%s version %u: read as another deposit than listed",
            kh_name_escape(item->name, escaped, sizeof escaped), item->version);
    }
    return KH_OK;
}

kh_status kh_earlier_row(struct kh_migration *m, const char *name, uint32_t version,
    struct kh_journal_row *row, struct kh_error *err)
{
    struct kh_error none = {0};
    kh_status st = KH_NOT_FOUND;

    if (m->journal_has_rows)
        st = kh_journal_find(m->journal, name, version, row, &none);
    if (st == KH_NOT_FOUND) {
        *row = (struct kh_journal_row){0};
        return KH_OK;
    }
    if (st != KH_OK)
        *err = none;
    return st;
}

/* Did an earlier run of this migration put there what is there now? */
static kh_status ours(struct kh_migration *m, const char *old,
    const struct kh_deposit *want, bool *answer, struct kh_error *err)
{
    unsigned char print[KH_FINGERPRINT_LEN] = {0};
    struct kh_journal_row row;
    kh_status st = kh_earlier_row(m, old, want->version, &row, err);

    *answer = false;
    if (st != KH_OK || strcmp(row.destination, want->name) != 0)
        return st;
    st = kh_at_destination(m,
        kh_backend_fingerprint(m->o.destination, want->name, want->version, print, err));
    if (st == KH_OK)
        *answer = CRYPTO_memcmp(print, row.destination_print, sizeof print) == 0;
    return st;
}

kh_status kh_relate(struct kh_migration *m, const char *old,
    const struct kh_deposit *want, kh_relation *relation, struct kh_error *err)
{
    KH_CLEANUP_DEPOSIT struct kh_deposit have = {0};
    bool from_us = false;
    kh_status st = kh_at_destination(
        m, kh_backend_get(m->o.destination, want->name, want->version, true, &have, err));

    if (st == KH_NOT_FOUND) {
        *relation = KH_ABSENT;
        return KH_OK;
    }
    if (st != KH_OK)
        return st;
    if (kh_deposit_equal(want, &have)) {
        *relation = KH_SAME;
        return KH_OK;
    }
    *relation = KH_CLASH;
    have.state = want->state;
    if (kh_deposit_equal(want, &have)) {
        st = ours(m, old, want, &from_us, err);
        if (st == KH_OK && from_us)
            *relation = KH_STATE_MOVED;
    }
    return st;
}

kh_status kh_journaled_unchanged(struct kh_migration *m, const struct kh_item *item,
    bool *unchanged, struct kh_error *err)
{
    unsigned char print[KH_FINGERPRINT_LEN] = {0};
    struct kh_journal_row row;
    struct kh_error none = {0};
    kh_status st = kh_earlier_row(m, item->name, item->version, &row, err);

    *unchanged = false;
    if (st != KH_OK || strcmp(row.destination, kh_target_name(m, item->name)) != 0)
        return st;
    /* Whatever goes wrong with a fingerprint only means: look at it the long way. */
    st = kh_backend_fingerprint(m->o.source, item->name, item->version, print, &none);
    if (st != KH_OK || CRYPTO_memcmp(print, row.source_print, sizeof print) != 0)
        return KH_OK;
    st = kh_at_destination(m, kh_backend_fingerprint(m->o.destination, row.destination,
                                  row.version, print, &none));
    *unchanged =
        st == KH_OK && CRYPTO_memcmp(print, row.destination_print, sizeof print) == 0;
    return KH_OK;
}

kh_status kh_same_places(struct kh_migration *m, struct kh_error *err)
{
    struct kh_info now = {0};
    kh_status st = kh_at_destination(m, kh_backend_info(m->o.destination, &now, err));

    if (st != KH_OK)
        return st;
    if (strcmp(now.identity, m->destination.identity) != 0)
        return kh_fail(err, KH_REFUSED,
            "the destination is not the one that was planned: now %s, planned %s",
            now.place, m->destination.place);
    memset(&now, 0, sizeof now);
    st = kh_backend_info(m->o.source, &now, err);
    if (st != KH_OK)
        return st;
    if (strcmp(now.identity, m->source.identity) != 0)
        return kh_fail(err, KH_REFUSED,
            "the source is not the one that was planned: now %s, planned %s", now.place,
            m->source.place);
    return KH_OK;
}
