/* keyhsm doctor: may keys be stored behind this module, and how? */
#include "programs/common/ini_edit.h"
#include "programs/keyhsm/commands.h"
#include "programs/keyhsm/doctor_print.h"
#include "programs/keyhsm/probe_target.h"

#include <string.h>
#include <unistd.h>

enum { EXIT_UNSAFE = 3, HANGS_MAX = 2 };

struct doctor {
    struct kh_probe_args args;
    bool json;
    bool write;
    bool quick;
};

static const char *const stages[] = {
    "keys", "others", "secrecy", "objects", "sessions", "threads", "fork"};

/* On a terminal: it may take minutes. */
static void show(const char *stage)
{
    if (isatty(STDERR_FILENO))
        (void)fprintf(
            stderr, "\r\033[K%s%s", stage ? "looking at: " : "", stage ? stage : "");
}

/* What was made is removed whatever happened; a second process does it. */
static kh_status clean_up(
    const struct kh_probe_place *place, json_t *facts, struct kh_error *err)
{
    struct kh_probe_result result;

    show("what is left");
    return kh_probe_run(&place->target, "clean", facts, &result, err);
}

static kh_status examine(
    struct kh_probe_place *place, json_t *facts, struct kh_error *err)
{
    struct kh_probe_result result;
    unsigned hangs = 0;
    kh_status st;
    kh_status cleaned;

    show("module and token");
    st = kh_probe_place_enter(place, facts, err);
    if (st != KH_OK || !kh_fact_true(facts, "login.works"))
        return st;
    /* A module that hangs everywhere would be waited for in every stage. */
    for (size_t i = 0;
         st == KH_OK && hangs < HANGS_MAX && i < sizeof stages / sizeof stages[0]; i++) {
        show(stages[i]);
        st = kh_probe_run(&place->target, stages[i], facts, &result, err);
        hangs += st == KH_OK && result.end == KH_PROBE_HUNG;
    }
    cleaned = clean_up(place, facts, st == KH_OK ? err : NULL);
    return st == KH_OK ? cleaned : st;
}

/* ---- --write ---------------------------------------------------------------------- */

static kh_status write_advice(
    const struct doctor *doctor, const struct kh_advice *advice, struct kh_error *err)
{
    const struct kh_probe_args *args = &doctor->args;
    const char *path = args->setup.config ? args->setup.config : KH_KEYHSM_CONFIG;
    static const char section[] = "backend.pkcs11";
    bool token = args->module || args->label || args->serial || args->slot;
    char max_keys[16];
    char sessions[16];
    char kept[4200];
    const struct kh_ini_change changes[] = {
        {section, "key_type", advice->key_type},
        {section, "key_scope", advice->key_scope},
        {section, "max_keys", max_keys},
        {section, "sessions", sessions},
        {section, "token_label", args->label},
        {section, "token_serial", args->serial},
        {section, "slot", args->slot},
        {section, "module", args->module},
    };
    size_t count = args->module ? 8 : token ? 7 : 4;
    kh_status st;

    (void)snprintf(max_keys, sizeof max_keys, "%u", advice->max_keys);
    (void)snprintf(sessions, sizeof sessions, "%u", advice->sessions);
    st = kh_ini_edit(path, changes, count, kept, sizeof kept, err);
    if (st == KH_OK && !doctor->json)
        printf("Written to %s%s%s\n", path, *kept ? "; as it was: " : "", kept);
    return st;
}

/* ---- the command ------------------------------------------------------------------ */

static kh_status report(
    const struct doctor *doctor, json_t *facts, bool *safe, struct kh_error *err)
{
    static struct kh_diagnosis diagnosis;
    kh_status st = KH_OK;

    kh_diagnose(&diagnosis, facts, doctor->quick);
    *safe = diagnosis.safe;
    if (doctor->json)
        st = kh_doctor_print_json(&diagnosis, facts, err);
    else
        kh_doctor_print(&diagnosis, facts);
    if (st == KH_OK && doctor->write && *safe)
        st = write_advice(doctor, &diagnosis.advice, err);
    else if (st == KH_OK && doctor->write && !doctor->json)
        printf("Nothing was written.\n");
    if (st == KH_OK && (fflush(stdout) != 0 || ferror(stdout)))
        st = kh_fail(err, KH_UNAVAILABLE, "standard output cannot be written: %m");
    return st;
}

static int run(const struct doctor *doctor, const struct kh_cli *cli)
{
    struct kh_probe_place place = {.target = {.quick = doctor->quick, .threads = 1}};
    struct kh_error err = {0};
    kh_status st = kh_probe_place_open(&place, &doctor->args, &err);
    json_t *facts = NULL;
    bool safe = false;

    if (st == KH_OK)
        facts = json_object();
    if (st == KH_OK)
        st = facts ? examine(&place, facts, &err) : kh_fail(&err, KH_FATAL, "no memory");
    show(NULL);
    if (st == KH_OK)
        st = report(doctor, facts, &safe, &err);
    json_decref(facts);
    kh_probe_place_close(&place);
    if (st != KH_OK)
        kh_cli_die(cli, kh_exit_code(st), "%s", err.message);
    return safe ? KH_EXIT_OK : EXIT_UNSAFE;
}

int kh_cmd_doctor(int argc, char **argv)
{
    struct doctor doctor = {.json = false};
    const struct kh_cli_option options[] = {
        KH_PROBE_OPTIONS(doctor.args),
        {"quick", 'q', NULL, "without what takes long: large RSA keys, many objects",
            &doctor.quick, NULL, 0},
        {"write", 'w', NULL, "write what is recommended into the configuration, if safe",
            &doctor.write, NULL, 0},
        {"json", 'j', NULL, "print JSON", &doctor.json, NULL, 0},
        KH_SETUP_OPTIONS(doctor.args.setup),
    };
    const struct kh_cli cli = {.program = "keyhsm doctor",
        .arguments = "",
        .summary = "Examines a PKCS#11 module before anything is stored behind it.",
        .options = options,
        .option_count = sizeof options / sizeof options[0],
        .more =
            "The module runs in processes of its own, which may hang or crash. What "
            "they make on the token\nis labelled 'keyhsm doctor: may be destroyed' "
            "and removed again.\n"
            "SOURCE: prompt, file:/PATH, credential:NAME or fd:N.\n"
            "Exit codes: 0 safe, 1 failed, 2 usage or configuration, 3 unsafe, or not "
            "all that decides could be seen."};

    if (kh_cli_parse(&cli, argc, argv, false) < argc)
        kh_cli_die(&cli, KH_EXIT_USAGE, "no arguments are taken");
    return run(&doctor, &cli);
}
