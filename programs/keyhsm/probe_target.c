#include "programs/keyhsm/probe_target.h"

#include "core/log.h"
#include "core/secmem.h"
#include "core/secret.h"
#include "programs/keyhsm/commands.h"
#include "programs/keyhsm/diagnosis.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char section[] = "backend.pkcs11";

kh_status kh_probe_number(const char *name, const char *text, const unsigned bounds[3],
    unsigned *out, struct kh_error *err)
{
    char *end = NULL;
    unsigned long value;

    *out = bounds[2];
    if (!text)
        return KH_OK;
    errno = 0;
    value = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 ||
        value < bounds[0] || value > bounds[1])
        return kh_fail(err, KH_INVALID, "--%s: '%.32s' is no number from %u to %u", name,
            text, bounds[0], bounds[1]);
    *out = (unsigned)value;
    return KH_OK;
}

/* What the command line says of the token takes the place of all the file says of it. */
static void choose(struct kh_probe_place *place, const struct kh_probe_args *args)
{
    const struct kh_config *config = place->setup.config;
    struct kh_probe_target *t = &place->target;
    bool given = args->module || args->label || args->serial || args->slot;

    t->module = args->module ? args->module : kh_config_string(config, section, "module");
    t->label = given ? args->label : kh_config_string(config, section, "token_label");
    t->serial = given ? args->serial : kh_config_string(config, section, "token_serial");
    t->slot = given ? args->slot : kh_config_string(config, section, "slot");
    /* What one module is told is nothing to another. */
    t->init_args = args->init_args ? args->init_args
                   : args->module  ? NULL
                                   : kh_config_string(config, section, "init_args");
    t->softhsm2_conf = kh_config_string(config, section, "softhsm2_conf");
    place->pin_source = args->pin_source
                            ? args->pin_source
                            : kh_config_string(config, section, "pin_source");
}

static kh_status check_unused(const struct kh_probe_place *place,
    const struct kh_probe_args *args, struct kh_error *err)
{
    const char *dir = kh_config_string(place->setup.config, section, "state_dir");
    char path[4200];

    if (args->in_use || args->module || !dir)
        return KH_OK;
    (void)snprintf(path, sizeof path, "%s/catalog.db", dir);
    if (access(path, F_OK) != 0)
        return KH_OK;
    return kh_fail(err, KH_REFUSED,
        "deposits are stored on this token (%s): calls that hang are killed, and that "
        "may "
        "cost a software token its keys. Examine another token, or give --in-use once "
        "keyhsmd is stopped and token and catalog are backed up",
        path);
}

static kh_status check_slot(const struct kh_probe_args *args, struct kh_error *err)
{
    static const unsigned slots[3] = {0, 0xffffffffU, 0};
    unsigned ignored;

    return kh_probe_number("slot", args->slot, slots, &ignored, err);
}

kh_status kh_probe_place_open(
    struct kh_probe_place *place, const struct kh_probe_args *args, struct kh_error *err)
{
    static const unsigned timeouts[3] = {1, 600, 60};
    const struct kh_setup_wish wish = {.program = "keyhsm",
        .args = &args->setup,
        .default_config = KH_KEYHSM_CONFIG,
        .backends = "pkcs11",
        .sections = kh_tool_sections,
        .section_count = KH_DAEMON_SECTION_COUNT};
    kh_log_level level = KH_LOG_ERROR;
    kh_status st;

    (void)signal(SIGPIPE, SIG_IGN);
    st = kh_probe_number("timeout", args->timeout, timeouts, &place->target.timeout, err);
    if (st == KH_OK)
        st = check_slot(args, err);
    if (st == KH_OK)
        st = kh_setup_configure(&place->setup, &wish, err);
    if (st == KH_OK)
        st = kh_setup_memory(&place->setup, err);
    if (st == KH_OK && args->setup.log_level)
        st = kh_log_level_parse(args->setup.log_level, &level) == KH_OK
                 ? KH_OK
                 : kh_fail(err, KH_INVALID,
                       "--log-level: '%.64s' is not one of "
                       "error|warning|notice|info|debug",
                       args->setup.log_level);
    if (st == KH_OK)
        st = kh_log_open("keyhsm", "stderr", level, err);
    if (st == KH_OK)
        st = kh_probe_find(&place->target, err);
    if (st != KH_OK)
        return st;
    choose(place, args);
    return check_unused(place, args, err);
}

void kh_probe_place_close(struct kh_probe_place *place)
{
    kh_buf_free(&place->target.pin);
    kh_setup_free(&place->setup);
}

static void no_login(json_t *facts, const char *why)
{
    (void)json_object_set_new(
        facts, "login.works", json_pack("{s:b,s:s}", "value", false, "detail", why));
}

/* False: no login is to be tried. */
static bool get_pin(struct kh_probe_place *place, json_t *facts)
{
    struct kh_error why = {0};

    if (!kh_fact_true(facts, "pin.wanted") || kh_fact_true(facts, "pin.pad"))
        return true;
    if (!kh_fact_true(facts, "pin.not_locked") ||
        !kh_fact_true(facts, "pin.not_last_try") || !kh_fact_true(facts, "pin.set")) {
        no_login(facts, kh_fact_true(facts, "pin.set")
                            ? "not tried: it might lock the token"
                            : "the token has no user PIN yet");
        return false;
    }
    if (kh_secret_read(
            place->pin_source, "PIN of the token: ", &place->target.pin, &why) == KH_OK)
        return true;
    no_login(facts, why.message);
    return false;
}

kh_status kh_probe_place_enter(
    struct kh_probe_place *place, json_t *facts, struct kh_error *err)
{
    struct kh_probe_result result;
    kh_status st = kh_probe_run(&place->target, "token", facts, &result, err);

    (void)json_object_set_new(
        facts, "module.path", json_pack("{s:s}", "value", place->target.module));
    if (st != KH_OK || !kh_fact_true(facts, "token.info") || !get_pin(place, facts))
        return st;
    return kh_probe_run(&place->target, "login", facts, &result, err);
}
