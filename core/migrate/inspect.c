/* The plan's look at each version of the source: its name, whether it opens, whether it
 * fits. */
#include "core/migrate/internal.h"

#include "core/backend_key.h"
#include "core/deposit.h"
#include "core/name.h"

#include <string.h>

/* A place has few named keys or none, and asking for each of many names costs: whether
 * there are any is asked once. */
static kh_status look_for_keys(struct kh_migration *m, struct kh_error *err)
{
    struct kh_named_key first;
    size_t count = 0;
    kh_status st = KH_OK;

    if (m->keys_looked_for)
        return KH_OK;
    if (kh_backend_has_keys(m->o.destination))
        st = kh_at_destination(
            m, kh_backend_key_list(m->o.destination, NULL, &first, 1, &count, err));
    if (st == KH_REFUSED) /* a keyhsmd whose backend has none */
        st = KH_OK;
    m->keys_looked_for = st == KH_OK;
    m->keys_there = count > 0;
    return st;
}

/* Is NAME that of a named key at the destination? */
static kh_status is_keys_name(
    struct kh_migration *m, const char *name, bool *is, struct kh_error *err)
{
    struct kh_named_key key;
    kh_status st = look_for_keys(m, err);

    *is = false;
    if (st != KH_OK || !m->keys_there)
        return st;
    st = kh_at_destination(m, kh_backend_key_stat(m->o.destination, name, &key, err));
    *is = st == KH_OK;
    return st == KH_NOT_FOUND ? KH_OK : st;
}

/* Would a deposit of that NAME get in somebody's way, at either end or in the map? */
static kh_status name_taken(
    void *arg, const char *name, bool *taken, struct kh_error *err)
{
    struct kh_migration *m = arg;
    struct kh_stat stat = {0};
    kh_status st;

    *taken = true;
    if (m->map && kh_name_map_from(m->map, name) != name)
        return KH_OK;
    st = kh_backend_stat(m->o.source, name, KH_LATEST, &stat, err);
    if (st == KH_NOT_FOUND)
        st = kh_at_destination(
            m, kh_backend_stat(m->o.destination, name, KH_LATEST, &stat, err));
    if (st == KH_NOT_FOUND)
        return is_keys_name(m, name, taken, err);
    return st == KH_CORRUPT ? KH_OK : st;
}

/* Keys and deposits share their names. */
static kh_status check_key_names(
    struct kh_migration *m, const char *name, const char *target, struct kh_error *err)
{
    bool is = false;
    kh_status st = is_keys_name(m, target, &is, err);

    if (st == KH_OK && is)
        kh_tell_finding(m, "clash", name, -1,
            "'%s' is the name of a named key at the destination: give the deposit "
            "another "
            "(--name-map), or purge the key",
            target);
    return st;
}

kh_status kh_inspect_name(
    struct kh_migration *m, const struct kh_item *item, struct kh_error *err)
{
    const char *target = kh_target_name(m, item->name);
    struct kh_error rule = {0};

    m->result.versions++;
    if (item->state == KH_DELETED)
        m->result.deleted++;
    if (m->result.deposits > 0 && strcmp(item->name, m->last_name) == 0)
        return KH_OK;
    snprintf(m->last_name, sizeof m->last_name, "%s", item->name);
    m->result.deposits++;
    if (target != item->name)
        m->result.renamed++;
    if (kh_name_check(target, &rule) == KH_OK)
        return check_key_names(m, item->name, target, err);
    if (target == item->name)
        kh_tell_finding(m, "bad-name", item->name, -1, "%s", rule.message);
    else
        kh_tell_finding(
            m, "bad-name", item->name, -1, "new name in the map: %s", rule.message);
    return m->suggestions ? kh_suggestions_add(
                                m->suggestions, item->name, target, name_taken, m, err)
                          : KH_OK;
}

/* Does what was read fit the destination? Findings only. */
static void check_fit(
    struct kh_migration *m, const struct kh_item *item, struct kh_deposit *deposit)
{
    struct kh_error err = {0};

    kh_count(m, &m->result.bytes, deposit->data.len);
    if (m->destination.data_max > 0 && deposit->data.len > m->destination.data_max)
        kh_tell_finding(m, "too-large", item->name, item->version,
            "%zu bytes; the destination takes at most %llu", deposit->data.len,
            (unsigned long long)m->destination.data_max);
    if (kh_rename_deposit(m, deposit, &err) != KH_OK)
        kh_tell_finding(m, "attributes", item->name, item->version, "%s", err.message);
}

/* What stands at the destination under the same name and version? */
static kh_status check_clash(struct kh_migration *m, const struct kh_item *item,
    const struct kh_deposit *deposit, struct kh_error *err)
{
    kh_relation relation = KH_ABSENT;
    kh_status st = kh_relate(m, item->name, deposit, &relation, err);

    if (st == KH_CORRUPT) {
        kh_tell_finding(m, "destination-corrupt", item->name, item->version,
            "at the destination: %s", err->message);
        return KH_OK;
    }
    if (st != KH_OK)
        return st;
    if (relation == KH_CLASH)
        kh_tell_finding(m, "clash", item->name, item->version,
            "the destination holds '%s' version %u with other content, attributes, "
            "creation time "
            "or state; nothing is overwritten: look at both, purge or rename one",
            deposit->name, deposit->version);
    else if (relation != KH_ABSENT)
        kh_count(m, &m->result.present, 1);
    return KH_OK;
}

kh_status kh_inspect(
    struct kh_migration *m, const struct kh_item *item, struct kh_error *err)
{
    KH_CLEANUP_DEPOSIT struct kh_deposit deposit = {0};
    struct kh_error rule = {0};
    bool unchanged = false;
    kh_status st;

    if (item->status != KH_OK) {
        kh_tell_finding(m, "corrupt", item->name, item->version, "%s",
            item->note[0] ? item->note : "the source says it is corrupt");
        return KH_OK;
    }
    st = kh_journaled_unchanged(m, item, &unchanged, err);
    if (st != KH_OK)
        return st;
    if (unchanged) {
        kh_count(m, &m->result.present, 1);
        return KH_OK;
    }
    st = kh_read_source(m, item, &deposit, err);
    if (st == KH_CORRUPT || st == KH_NOT_FOUND || st == KH_INVALID) {
        kh_tell_finding(m, "corrupt", item->name, item->version, "%s", err->message);
        return KH_OK;
    }
    if (st != KH_OK)
        return st;
    check_fit(m, item, &deposit);
    /* The destination would refuse even the question. */
    if (kh_name_check(deposit.name, &rule) != KH_OK)
        return KH_OK;
    return check_clash(m, item, &deposit, err);
}
