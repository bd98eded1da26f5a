#include "core/loader.h"
#include "programs/common/cli.h"
#include "programs/common/helper.h"
#include "programs/keyhsm/backend/backend.h"
#include "programs/keyhsm/backend/look.h"
#include "programs/keyhsm/backend/report.h"

#include <stdlib.h>
#include <unistd.h>

enum { SETTINGS_MAX = 32, NOT_KEPT = 3, SECONDS = 120 };

struct check {
    const char *dir;
    const char *program;
    const char *settings[SETTINGS_MAX];
    unsigned setting_count;
    const char *seconds;
    const char *junit;
    const char *test;
    bool shared;
};

static void progress(const struct kh_suite *suite, const char *name)
{
    (void)fprintf(stderr, "\r\033[K%zu/%zu %s", suite->count, suite->expected, name);
}

static kh_status seconds(const char *text, unsigned *out, struct kh_error *err)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);

    if (*text < '0' || *text > '9' || *end || n < 1 || n > 86400)
        return kh_fail(err, KH_INVALID, "--timeout %.32s: 1 to 86400 seconds", text);
    *out = (unsigned)n;
    return KH_OK;
}

static kh_status run(const struct check *check, const char *word, struct kh_suite *suite,
    struct kh_error *err)
{
    static char found[PATH_MAX];
    kh_status st = kh_plugin_place(&suite->plugin, check->dir, word, err);
    struct kh_error why = {0};

    suite->program = check->program ? check->program : found;
    suite->settings = check->settings;
    suite->setting_count = check->setting_count;
    suite->shared = check->shared;
    suite->test = check->test;
    suite->seconds = SECONDS;
    suite->progress = isatty(STDERR_FILENO) ? progress : NULL;
    if (st == KH_OK && check->seconds)
        st = seconds(check->seconds, &suite->seconds, err);
    /* What cannot be loaded is told in the loader's words. */
    if (st == KH_OK)
        st = kh_plugin_look(&suite->plugin, suite->seconds, NULL, err);
    if (st == KH_OK && !check->program &&
        kh_helper_find("keyhsm-conformance", found, sizeof found, &why) != KH_OK)
        st = kh_fail(err, KH_UNAVAILABLE, "%s; it comes with the package libkeyhsm-dev",
            why.message);
    if (st == KH_OK)
        st = kh_suite_run(suite, err);
    if (suite->progress)
        (void)fputs("\r\033[K", stderr);
    return st;
}

int kh_cmd_backend_check(int argc, char **argv)
{
    struct check check = {.dir = kh_plugin_dir};
    const struct kh_cli_option options[] = {
        {"set", 0, "KEY=VALUE", "an option of [backend.NAME]; may be repeated",
            &check.setting_count, check.settings, SETTINGS_MAX},
        {"shared", 0, NULL, "two daemons may have the place open at once", &check.shared,
            NULL, 0},
        {"test", 0, "NAME", "run only this test", &check.test, NULL, 0},
        {"junit", 0, "FILE", "write the report as JUnit XML, too", &check.junit, NULL, 0},
        {"timeout", 0, "SECONDS", "a test may take that long (120)", &check.seconds, NULL,
            0},
        {"plugin-dir", 0, "DIR", "where a plugin given by name is", &check.dir, NULL, 0},
        {"suite", 0, "FILE", "the conformance suite to run", &check.program, NULL, 0},
    };
    const struct kh_cli cli = {.program = "keyhsm backend check",
        .arguments = "NAME|PATH",
        .summary = "Runs the contract of a backend on a plugin and reports.",
        .options = options,
        .option_count = sizeof options / sizeof options[0],
        .more = "The plugin runs in a process of its own, under limits. It is given a "
                "place made for the test: deposits are written and purged there, and a "
                "plugin that can be sealed is left sealed.\n"
                "Exit codes: 0 the contract is kept, 1 it could not be run, 2 usage, 3 "
                "it is not kept."};
    struct kh_suite *suite = calloc(1, sizeof *suite);
    int first = kh_cli_parse(&cli, argc, argv, false);
    struct kh_error err = {0};
    unsigned failures;
    kh_status st;

    if (first + 1 != argc)
        kh_cli_die(&cli, KH_EXIT_USAGE, "give one plugin");
    if (!suite)
        kh_cli_die(&cli, KH_EXIT_FAILED, "no memory");
    st = run(&check, argv[first], suite, &err);
    if (suite->count > 0)
        kh_report_print(suite);
    failures = kh_report_failures(suite);
    if (st == KH_OK && check.junit)
        st = kh_report_junit(suite, check.junit, &err);
    free(suite);
    if (st != KH_OK)
        kh_cli_die(&cli, kh_exit_code(st), "%s", err.message);
    return failures > 0 ? NOT_KEPT : KH_EXIT_OK;
}
