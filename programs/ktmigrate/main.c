/* ktmigrate: moves every deposit of one backend behind the HSM of another, once and for
 * all. */
#include "programs/common/migration.h"

#include <stdlib.h>

static const char more[] =
    "Plans first and prints all it finds; asks; copies and reads back each version "
    "through the\n"
    "HSM; verifies all; then seals the source, which from then on gives nothing away. It "
    "may be\n"
    "interrupted at any time before: run the same command again to go on.\n"
    "\n"
    "Exit status:\n"
    "  0  the deposits live in the destination and the source is sealed; also: it was so "
    "already,\n"
    "     there was nothing to migrate, or a dry run found nothing in the way\n"
    "  1  failed, or not confirmed; the source is intact\n"
    "  2  usage or configuration\n"
    "  3  the plan has findings; nothing was written\n"
    "  4  interrupted; run again to go on\n"
    "  5  the destination is unavailable; run again to go on";

struct arguments {
    struct kh_setup_args setup;
    struct kh_migration_request request;
    const char *jobs;
};

static unsigned parse_jobs(const struct kh_cli *cli, const char *text)
{
    char *end = NULL;
    unsigned long jobs;

    if (!text)
        return KH_MIGRATION_JOBS_DEFAULT;
    jobs = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || jobs < 1 || jobs > KH_MIGRATION_JOBS_MAX)
        kh_cli_die(cli, KH_EXIT_USAGE, "--jobs: '%s' is not 1 to %u", text,
            KH_MIGRATION_JOBS_MAX);
    return (unsigned)jobs;
}

static void check(const struct kh_cli *cli, const struct arguments *a)
{
    const struct kh_migration_request *r = &a->request;
    const char *state_dir = r->engine.state_dir;
    struct kh_error err = {0};

    if (!r->from || !r->to)
        kh_cli_die(cli, KH_EXIT_USAGE,
            "--from and --to are needed, e.g. --from softfile --to "
            "pkcs11");
    if (state_dir && state_dir[0] != '/')
        kh_cli_die(
            cli, KH_EXIT_USAGE, "--state-dir: '%s' is not an absolute path", state_dir);
    if (kh_migration_check(r, a->setup.plugin_dir, &err) != KH_OK)
        kh_cli_die(cli, kh_exit_code(err.status == KH_REFUSED ? KH_REFUSED : KH_INVALID),
            "%s", err.message);
}

static int migrate(const struct kh_cli *cli, const struct arguments *a)
{
    char backends[256];
    const struct kh_setup_wish wish = {
        .program = cli->program,
        .args = &a->setup,
        .default_config = "/etc/keyhsm/keyhsm.ini",
        .backends = backends,
        .sections = kh_keytrusteed_sections,
        .section_count = KH_KEYTRUSTEED_SECTION_COUNT,
    };
    struct kh_setup setup;
    struct kh_error err = {0};
    int status;

    snprintf(backends, sizeof backends, "%s,%s", a->request.from, a->request.to);
    if (kh_setup(&setup, &wish, &err) != KH_OK)
        kh_cli_die(cli, kh_exit_code(err.status), "%s", err.message);
    status = kh_migration_main(&a->request, &setup);
    kh_setup_free(&setup);
    return status;
}

int main(int argc, char **argv)
{
    struct arguments a = {.request = {.program = "ktmigrate"}};
    struct kh_migration_options *engine = &a.request.engine;
    const struct kh_cli_option options[] = {
        {"from", 'f', "NAME", "the backend to leave", &a.request.from, NULL, 0},
        {"to", 't', "NAME", "the backend to move to", &a.request.to, NULL, 0},
        {"dry-run", 'n', NULL, "plan and print all findings, change nothing",
            &engine->dry_run, NULL, 0},
        {"yes", 'y', NULL, "do not ask", &a.request.yes, NULL, 0},
        {"jobs", 'j', "N", "copies under way at a time, 1 to 64 (default 8)", &a.jobs,
            NULL, 0},
        {"json", 0, NULL, "one event a line on standard output", &a.request.json, NULL,
            0},
        {"keep-source", 0, NULL, "seal the source, but destroy nothing in it",
            &engine->keep_source, NULL, 0},
        {"seal-empty", 0, NULL, "seal a source that holds nothing", &engine->seal_empty,
            NULL, 0},
        {"suggest-names", 0, "FILE", "write new names for those that break the rule",
            &engine->suggest_names, NULL, 0},
        {"name-map", 0, "FILE", "give deposits the new names of FILE", &engine->name_map,
            NULL, 0},
        {"state-dir", 0, "DIR", "journals and reports (/var/lib/keyhsm/migrations)",
            &engine->state_dir, NULL, 0},
        {"report", 0, "FILE", "where to write the report", &engine->report_path, NULL, 0},
        KH_SETUP_OPTIONS(a.setup),
    };
    const struct kh_cli cli = {"ktmigrate", "",
        "Moves the deposits of a key store behind an HSM, and seals the store.", options,
        sizeof options / sizeof options[0], more};
    int operand = kh_cli_parse(&cli, argc, argv, false);

    if (operand < argc)
        kh_cli_die(&cli, KH_EXIT_USAGE, "no operand is expected: '%s'", argv[operand]);
    engine->jobs = parse_jobs(&cli, a.jobs);
    check(&cli, &a);
    return migrate(&cli, &a);
}
