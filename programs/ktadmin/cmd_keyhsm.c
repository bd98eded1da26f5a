#include "core/secret.h"
#include "programs/ktadmin/commands.h"
#include "programs/ktadmin/integrate.h"

#include <string.h>

static const char more[] =
    "Meets keyhsmd, and with --trust pins its certificate; moves all deposits of this "
    "server's\n"
    "store behind the HSM, after asking; then makes keyhsm the backend in "
    "keytrustee.ini. It may be\n"
    "interrupted at any time: run the same command again to go on.\n"
    "\n"
    "Exit codes: 0 integrated (or a dry run found nothing in the way), 1 failed or not "
    "confirmed,\n"
    "2 usage or configuration, 3 findings: nothing was moved, 4 interrupted, 5 keyhsmd "
    "is "
    "not\n"
    "reached, 7 refused (another certificate than the pinned one, deposits remain) or "
    "busy.";

static void check_disable(const struct kh_cli *cli, const struct kh_integration_args *a)
{
    if (a->server || a->certfile || a->keyfile || a->trust || a->replace_pin ||
        a->passphrase || a->passphrase_source || a->migration.engine.dry_run)
        kh_cli_die(cli, KH_EXIT_USAGE,
            "--disable stands alone: keytrustee.ini says where keyhsmd is");
}

static void check(const struct kh_cli *cli, const struct kh_integration_args *a)
{
    struct kh_error err = {0};

    if (!a->server || !a->certfile || !a->keyfile)
        kh_cli_die(cli, KH_EXIT_USAGE,
            "--server, --client-certfile and --client-keyfile are needed");
    if (a->replace_pin && !a->trust)
        kh_cli_die(cli, KH_EXIT_USAGE, "--replace-pin goes with --trust");
    if (a->passphrase && a->passphrase_source)
        kh_cli_die(cli, KH_EXIT_USAGE,
            "--passphrase and --passphrase-source exclude each other");
    if (a->passphrase_source && kh_secret_check(a->passphrase_source, &err) != KH_OK)
        kh_cli_die(cli, KH_EXIT_USAGE, "--passphrase-source: %s", err.message);
    if (a->setup.config && *a->setup.config != '/')
        kh_cli_die(cli, KH_EXIT_USAGE,
            "--config %s: give an absolute path, the file "
            "is going to be changed",
            a->setup.config);
    if (a->migration.engine.state_dir && *a->migration.engine.state_dir != '/')
        kh_cli_die(cli, KH_EXIT_USAGE, "--state-dir: '%s' is not an absolute path",
            a->migration.engine.state_dir);
}

int kh_cmd_keyhsm(int argc, char **argv)
{
    struct kh_integration_args a = {.program = "ktadmin keyhsm"};
    struct kh_migration_options *engine = &a.migration.engine;
    bool disable = false;
    const struct kh_cli_option options[] = {
        {"server", 's', "URL", "keyhsmd: https://HOST:PORT", &a.server, NULL, 0},
        {"client-certfile", 0, "FILE", "this server's certificate, PEM", &a.certfile,
            NULL, 0},
        {"client-keyfile", 0, "FILE", "its private key: PEM, or a URI that OpenSSL knows",
            &a.keyfile, NULL, 0},
        {"passphrase", 0, NULL, "ask for the password of the private key", &a.passphrase,
            NULL, 0},
        {"passphrase-source", 0, "SOURCE",
            "or take it from file:/PATH, credential:NAME or fd:N", &a.passphrase_source,
            NULL, 0},
        {"trust", 0, NULL, "pin the certificate that keyhsmd shows", &a.trust, NULL, 0},
        {"replace-pin", 0, NULL, "let it take the place of another pin", &a.replace_pin,
            NULL, 0},
        {"yes", 'y', NULL, "do not ask", &a.migration.yes, NULL, 0},
        {"dry-run", 'n', NULL, "look at everything, print all findings, change nothing",
            &engine->dry_run, NULL, 0},
        {"json", 'j', NULL, "one event a line on standard output", &a.migration.json,
            NULL, 0},
        {"keep-source", 0, NULL, "seal the store, but destroy nothing in it",
            &engine->keep_source, NULL, 0},
        {"suggest-names", 0, "FILE", "write new names for those that break the rule",
            &engine->suggest_names, NULL, 0},
        {"name-map", 0, "FILE", "give deposits the new names of FILE", &engine->name_map,
            NULL, 0},
        {"state-dir", 0, "DIR", "journals and reports (" KH_MIGRATION_STATE_DIR ")",
            &engine->state_dir, NULL, 0},
        {"disable", 0, NULL, "leave keyhsmd, when no deposit remains there", &disable,
            NULL, 0},
        KH_SETUP_OPTIONS(a.setup),
    };
    const struct kh_cli cli = {.program = a.program,
        .arguments = "",
        .summary =
            "Integrates this server with keyhsmd: trust, migration, configuration.",
        .options = options,
        .option_count = sizeof options / sizeof options[0],
        .more = more};
    int first = kh_cli_parse(&cli, argc, argv, false);

    if (first < argc)
        kh_cli_die(&cli, KH_EXIT_USAGE, "one argument too many: '%s'", argv[first]);
    if (disable) {
        check_disable(&cli, &a);
        return kh_disintegrate(&a);
    }
    check(&cli, &a);
    return kh_integrate(&a);
}
