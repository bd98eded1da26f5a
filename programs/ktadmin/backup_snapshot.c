#include "core/backup/facts.h"
#include "core/catalog/catalog.h"
#include "programs/ktadmin/backup.h"

#include <stdlib.h>
#include <string.h>

static kh_status add_file(struct kh_backup_manifest *manifest, kh_backup_role role,
    const char *file, struct kh_error *err)
{
    struct kh_backup_member *m = kh_backup_manifest_add(manifest);

    if (!m || !(m->file = strdup(file)))
        return kh_fail(err, KH_FATAL, "out of memory");
    m->role = role;
    m->mode = 0600;
    (void)snprintf(m->name, sizeof m->name, "%s",
        role == KH_ROLE_CATALOG ? KH_BACKUP_CATALOG : "keys.csv");
    return kh_backup_measure(m, err);
}

static void note_token(
    struct kh_backup_facts *facts, const struct kh_config *config, const char *state_dir)
{
    const char *label = kh_config_string(config, "backend.pkcs11", "token_label");
    const char *module = kh_config_string(config, "backend.pkcs11", "module");

    (void)snprintf(
        facts->token_label, sizeof facts->token_label, "%s", label ? label : "");
    (void)snprintf(facts->module, sizeof facts->module, "%s", module ? module : "");
    (void)snprintf(facts->state_dir, sizeof facts->state_dir, "%s", state_dir);
}

kh_status kh_backup_snapshot(struct kh_backup_manifest *manifest,
    const struct kh_backup_place *place, const char *scratch, struct kh_error *err)
{
    const char *state_dir = kh_backup_state_dir(place);
    char catalog[PATH_MAX];
    char copy[PATH_MAX];
    char keys[PATH_MAX];
    kh_status st;

    if (!state_dir)
        return KH_OK;
    if (snprintf(catalog, sizeof catalog, "%s/" KH_BACKUP_CATALOG, state_dir) >=
            (int)sizeof catalog ||
        snprintf(copy, sizeof copy, "%s/" KH_BACKUP_CATALOG, scratch) >=
            (int)sizeof copy ||
        snprintf(keys, sizeof keys, "%s/keys.csv", scratch) >= (int)sizeof keys)
        return kh_fail(err, KH_INVALID, "%.64s...: the path is too long", scratch);
    st = kh_catalog_copy(catalog, copy, err);
    if (st == KH_OK)
        st = kh_backup_facts_read(&manifest->facts, copy, true, err);
    if (st == KH_OK)
        st = kh_backup_keys_write(copy, keys, err);
    note_token(&manifest->facts, place->keyhsm.config, state_dir);
    if (st == KH_OK)
        st = add_file(manifest, KH_ROLE_CATALOG, copy, err);
    if (st == KH_OK)
        kh_backup_owner(&manifest->members[manifest->count - 1], catalog);
    return st == KH_OK ? add_file(manifest, KH_ROLE_KEYS, keys, err) : st;
}
