/* Which module and token keyhsm doctor and keyhsm bench examine: what the command line
 * says, else keyhsm.ini. */
#ifndef KH_KEYHSM_PROBE_TARGET_H
#define KH_KEYHSM_PROBE_TARGET_H

#include "programs/common/setup.h"
#include "programs/keyhsm/probe_run.h"

/* What the user said; zero-initialise. The strings are argv's. */
struct kh_probe_args {
    struct kh_setup_args setup;
    const char *module;
    const char *init_args;
    const char *label;
    const char *serial;
    const char *slot;
    const char *pin_source;
    const char *timeout;
    bool in_use;
};

/* The rows of an option table that fill ARGS. */
#define KH_PROBE_OPTIONS(args)                                                           \
    {"module", 0, "FILE", "the PKCS#11 module, in place of the configured one",          \
        &(args).module, NULL, 0},                                                        \
        {"init-args", 0, "TEXT", "what C_Initialize is told, where a module wants it",   \
            &(args).init_args, NULL, 0},                                                 \
        {"token-label", 0, "LABEL", "the token with this label", &(args).label, NULL,    \
            0},                                                                          \
        {"token-serial", 0, "SERIAL", "the token with this serial number",               \
            &(args).serial, NULL, 0},                                                    \
        {"slot", 0, "N", "the token in this slot", &(args).slot, NULL, 0},               \
        {"pin-source", 0, "SOURCE", "where the PIN comes from", &(args).pin_source,      \
            NULL, 0},                                                                    \
        {"timeout", 0, "SECONDS", "a call that takes longer hangs (60)",                 \
            &(args).timeout, NULL, 0},                                                   \
    {                                                                                    \
        "in-use", 0, NULL, "also when deposits are stored there already",                \
            &(args).in_use, NULL, 0                                                      \
    }

/* Of one run. The strings of the target are those of ARGS and SETUP. */
struct kh_probe_place {
    struct kh_setup setup;
    struct kh_probe_target target;
    const char *pin_source;
};

/* Reads the configuration, sets secret memory up, finds the probe. KH_INVALID: usage or
 * configuration. KH_REFUSED: deposits are stored there and --in-use was not given: a call
 * that is killed in the middle may cost a token its keys. */
KH_CHECK kh_status kh_probe_place_open(
    struct kh_probe_place *place, const struct kh_probe_args *args, struct kh_error *err);
void kh_probe_place_close(struct kh_probe_place *place);

/*
 * Runs the stages "token" and "login", with the PIN read between them; FACTS get what
 * they found, and "login.works" whatever happened on the way. A PIN is tried once, and
 * never when it is locked or at its last try. KH_OK: whatever the module did.
 */
KH_CHECK kh_status kh_probe_place_enter(
    struct kh_probe_place *place, json_t *facts, struct kh_error *err);

/* A decimal number from LOW to HIGH in TEXT, which option NAME has; NULL: OTHERWISE. */
KH_CHECK kh_status kh_probe_number(const char *name, const char *text,
    const unsigned bounds[3], unsigned *out, struct kh_error *err);

#endif
