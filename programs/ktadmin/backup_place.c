#include "core/secmem.h"
#include "programs/ktadmin/backup.h"
#include "programs/ktadmin/target.h"

#include <string.h>
#include <unistd.h>

static const char *found(const char *given, const char *usual)
{
    if (given)
        return given;
    return access(usual, F_OK) == 0 ? usual : NULL;
}

static kh_status read_keyhsm(
    struct kh_backup_place *place, const struct kh_setup_args *args, struct kh_error *err)
{
    const struct kh_setup_wish wish = {.program = "ktadmin",
        .args = args,
        .default_config = KH_DEFAULT_CONFIG,
        .backends = "pkcs11",
        .sections = kh_tool_sections,
        .section_count = KH_DAEMON_SECTION_COUNT};

    return kh_setup_configure(&place->keyhsm, &wish, err);
}

static kh_status read_trustee(struct kh_backup_place *place,
    const struct kh_setup_args *given, struct kh_error *err)
{
    struct kh_setup_args args = *given;
    const struct kh_setup_wish wish = {.program = "ktadmin",
        .args = &args,
        .sections = kh_keytrusteed_sections,
        .section_count = KH_KEYTRUSTEED_SECTION_COUNT};

    /* --set is about keyhsm.ini, unless there is none. */
    if (place->keyhsm_ini)
        args.set_count = 0;
    args.config = place->trustee_ini;
    return kh_setup_configure(&place->trustee, &wish, err);
}

static const struct kh_setup *first(const struct kh_backup_place *place)
{
    return place->keyhsm.config ? &place->keyhsm : &place->trustee;
}

kh_status kh_backup_place_read(struct kh_backup_place *place,
    const struct kh_backup_place_args *args, struct kh_error *err)
{
    const struct kh_setup_wish wish = {.program = "ktadmin", .args = &args->setup};
    kh_status st = KH_OK;

    memset(place, 0, sizeof *place);
    place->keyhsm_ini = found(args->setup.config, KH_DEFAULT_CONFIG);
    place->trustee_ini = found(args->trustee_ini, KH_KEYTRUSTEE_CONFIG);
    if (!place->keyhsm_ini && !place->trustee_ini)
        return kh_fail(err, KH_INVALID,
            "there is neither %s nor %s: --config and --keytrustee-config name others",
            KH_DEFAULT_CONFIG, KH_KEYTRUSTEE_CONFIG);
    if (place->keyhsm_ini)
        st = read_keyhsm(place, &args->setup, err);
    if (st == KH_OK && place->trustee_ini)
        st = read_trustee(place, &args->setup, err);
    if (st == KH_OK)
        st = kh_setup_memory(first(place), err);
    if (st == KH_OK)
        st = kh_setup_log(first(place), &wish, err);
    return st;
}

void kh_backup_place_free(struct kh_backup_place *place)
{
    kh_setup_free(&place->keyhsm);
    kh_setup_free(&place->trustee);
}

const struct kh_config *kh_backup_config(const struct kh_backup_place *place)
{
    return first(place)->config;
}

const char *kh_backup_state_dir(const struct kh_backup_place *place)
{
    return place->keyhsm.config
               ? kh_config_string(place->keyhsm.config, "backend.pkcs11", "state_dir")
               : NULL;
}
