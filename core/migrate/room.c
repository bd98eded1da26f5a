/* The plan's look at the destination as a place, and at the name map as a whole. */
#include "core/migrate/internal.h"

#include "core/name.h"

#include <openssl/crypto.h>
#include <string.h>

static kh_status at_source(struct kh_migration *m, const char *name, uint32_t version,
    bool *there, struct kh_error *err)
{
    struct kh_stat stat = {0};
    kh_status st = kh_backend_stat(m->o.source, name, version, &stat, err);

    *there = st == KH_OK || st == KH_CORRUPT;
    return st == KH_NOT_FOUND || st == KH_CORRUPT ? KH_OK : st;
}

static kh_status inspect_renaming(struct kh_migration *m, size_t i, struct kh_error *err)
{
    char escaped[KH_NAME_ESCAPED_MAX];
    const char *old;
    const char *other;
    const char *new_name;
    const char *before;
    bool there = false;
    kh_status st;

    kh_name_map_at(m->map, i, &old, &new_name);
    if (i > 0) {
        kh_name_map_at(m->map, i - 1, &other, &before);
        if (strcmp(before, new_name) == 0)
            kh_tell_finding(m, "collision", old, -1,
                "the map gives '%s' the same new name '%s'",
                kh_name_escape(other, escaped, sizeof escaped), new_name);
    }
    if (!kh_name_map_has(m->map, new_name)) {
        st = at_source(m, new_name, KH_LATEST, &there, err);
        if (st != KH_OK)
            return st;
        if (there)
            kh_tell_finding(m, "collision", old, -1,
                "its new name '%s' is that of another deposit of the source", new_name);
    }
    st = at_source(m, old, KH_LATEST, &there, err);
    if (st == KH_OK && !there)
        kh_tell_note(m, "unused-renaming", old, "the source has no deposit of that name");
    return st;
}

kh_status kh_inspect_map(struct kh_migration *m, struct kh_error *err)
{
    for (size_t i = 0; i < kh_name_map_count(m->map); i++) {
        kh_status st = inspect_renaming(m, i, err);

        if (st != KH_OK)
            return st;
    }
    return KH_OK;
}

/* Is ITEM, which the source has not (any more), a copy an earlier run made of OLD? */
static kh_status left_behind(struct kh_migration *m, const struct kh_item *item,
    const char *old, bool *answer, struct kh_error *err)
{
    unsigned char print[KH_FINGERPRINT_LEN] = {0};
    struct kh_journal_row row;
    kh_status st = kh_earlier_row(m, old, item->version, &row, err);

    *answer = false;
    if (st != KH_OK || strcmp(row.destination, item->name) != 0)
        return st;
    st = kh_at_destination(m,
        kh_backend_fingerprint(m->o.destination, item->name, item->version, print, err));
    *answer =
        st == KH_OK && CRYPTO_memcmp(print, row.destination_print, sizeof print) == 0;
    return st == KH_CORRUPT ? KH_OK : st;
}

static kh_status inspect_stranger(struct kh_migration *m, const struct kh_item *item,
    const char *old, struct kh_error *err)
{
    bool there = false;
    bool left = false;
    kh_status st = left_behind(m, item, old, &left, err);

    if (st != KH_OK)
        return st;
    if (left) {
        kh_tell_finding(m, "left-behind", old, item->version,
            "an earlier run copied it, and the source has lost it since: purge '%s' "
            "version %u at "
            "the destination too, or restore it at the source",
            item->name, item->version);
        return KH_OK;
    }
    st = at_source(m, old, KH_LATEST, &there, err);
    if (st != KH_OK)
        return st;
    if (there)
        kh_tell_finding(m, "extra-version", old, item->version,
            "the destination holds a version %u of '%s' that the source has not: the two "
            "would be "
            "mixed",
            item->version, item->name);
    else
        m->result.others++;
    return KH_OK;
}

static kh_status inspect_resident(
    struct kh_migration *m, const struct kh_item *item, struct kh_error *err)
{
    const char *old = kh_name_map_from(m->map, item->name);
    bool there = false;
    kh_status st;

    kh_tell_progress(m, false);
    if (!old) {
        m->result.others++;
        return KH_OK;
    }
    st = at_source(m, old, item->version, &there, err);
    if (st != KH_OK || there) /* what is there was compared by kh_inspect */
        return st;
    return inspect_stranger(m, item, old, err);
}

static kh_status inspect_room(struct kh_migration *m, struct kh_error *err)
{
    struct kh_error why = {0};
    uint64_t missing = m->result.versions - m->result.present;
    kh_status st;

    if (missing == 0)
        return KH_OK;
    if (!(kh_backend_plugin(m->o.destination)->reserve))
        return KH_OK;
    st = kh_backend_reserve(m->o.destination, missing, &why);
    if (st == KH_REFUSED || st == KH_UNAVAILABLE) {
        kh_tell_finding(m, "room", NULL, -1, "%s", why.message);
        return KH_OK;
    }
    if (st != KH_OK)
        *err = why;
    return kh_at_destination(m, st);
}

kh_status kh_inspect_destination(struct kh_migration *m, struct kh_error *err)
{
    kh_status st = kh_at_destination(m, kh_backend_probe(m->o.destination, err));

    if (st != KH_OK)
        return st;
    if (m->destination.read_only)
        kh_tell_finding(
            m, "read-only", NULL, -1, "%s takes no writes", m->destination.place);
    if (m->destination.sealed)
        kh_tell_finding(m, "destination-sealed", NULL, -1,
            "%s was left by a migration to %s", m->destination.place,
            m->destination.sealed_for);
    st =
        kh_at_destination(m, kh_walk_backend(m, m->o.destination, inspect_resident, err));
    if (st != KH_OK)
        return st;
    if (m->result.others > 0)
        kh_tell_note(m, "others", NULL,
            "the destination holds %llu version(s) that are not from this source; they "
            "stay as "
            "they are",
            (unsigned long long)m->result.others);
    return inspect_room(m, err);
}
