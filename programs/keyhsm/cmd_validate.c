/* keyhsm validate: would a daemon start, and do its work? Every finding, not the first.
 */
#include "programs/keyhsm/checks.h"
#include "programs/keyhsm/commands.h"
#include "server/openssl.h"

#include <signal.h>

struct validate {
    struct kh_setup_args setup;
    const char *backend;
    bool json;
};

static const char configuration_check[] = "configuration";

/* As the daemon reads it; when only something required is missing the rest is looked at
 * all the same. */
static kh_status read_configuration(
    struct kh_validation *v, struct kh_setup_wish *wish, struct kh_error *err)
{
    struct kh_error why = {0};
    kh_status st = kh_setup_configure(&v->setup, wish, &why);

    if (st != KH_OK) {
        kh_check_failed(v->list, configuration_check, &why, "see keyhsm.ini(5)");
        wish->sections = kh_tool_sections;
        st = kh_setup_configure(&v->setup, wish, NULL);
    } else {
        kh_check_ok(v->list, configuration_check, "%s",
            kh_config_where(v->setup.config, "", NULL));
    }
    if (st != KH_OK)
        return kh_fail(err, KH_INVALID, "nothing else can be looked at without one");
    why = (struct kh_error){0};
    st = kh_settings_read(v->setup.config, &v->settings, &why);
    if (st == KH_OK)
        st = kh_openssl_configure(v->setup.config, &why);
    if (st != KH_OK)
        kh_check_failed(v->list, configuration_check, &why, "see keyhsm.ini(5)");
    return KH_OK;
}

static kh_status check_all(
    struct kh_validation *v, struct kh_setup_wish *wish, struct kh_error *err)
{
    kh_status st = read_configuration(v, wish, err);
    bool wrong = kh_checklist_failures(v->list) > 0;

    if (st == KH_OK)
        st = kh_check_process(v, wish, err);
    if (st != KH_OK)
        return st;
    kh_check_tls(v);
    kh_check_trust(v);
    kh_check_port(v);
    kh_check_store(v);
    return wrong ? kh_fail(err, KH_INVALID, "the configuration is wrong") : KH_OK;
}

static int run(const struct validate *validate, const struct kh_cli *cli)
{
    struct kh_setup_wish wish = {.program = "keyhsm",
        .args = &validate->setup,
        .default_config = KH_KEYHSM_CONFIG,
        .backends = validate->backend,
        .sections = kh_daemon_sections,
        .section_count = KH_DAEMON_SECTION_COUNT};
    struct kh_validation v = {
        .list = kh_checklist_new(validate->json), .backend = validate->backend};
    struct kh_error err = {0};
    struct kh_error printed = {0};
    kh_status st;
    int status;

    if (!v.list)
        kh_cli_die(cli, KH_EXIT_FAILED, "no memory");
    st = check_all(&v, &wish, &err);
    status = st != KH_OK                         ? kh_exit_code(st)
             : kh_checklist_failures(v.list) > 0 ? KH_EXIT_FAILED
                                                 : KH_EXIT_OK;
    SSL_CTX_free(v.credentials);
    if (kh_checklist_end(v.list, &printed) != KH_OK)
        kh_cli_die(cli, KH_EXIT_FAILED, "%s", printed.message);
    if (st != KH_OK)
        kh_cli_die(cli, status, "%s", err.message);
    kh_setup_free(&v.setup);
    return status;
}

int kh_cmd_validate(int argc, char **argv)
{
    struct validate validate = {.backend = "pkcs11"};
    const struct kh_cli_option options[] = {
        {"json", 'j', NULL, "print JSON", &validate.json, NULL, 0},
        {"backend", 'b', "NAME", "the backend the daemon serves (pkcs11)",
            &validate.backend, NULL, 0},
        KH_SETUP_OPTIONS(validate.setup),
    };
    const struct kh_cli cli = {.program = "keyhsm validate",
        .arguments = "",
        .summary = "Checks that a daemon of this configuration would start and work.",
        .options = options,
        .option_count = sizeof options / sizeof options[0],
        .more = "Logs in once at most. A daemon that runs is asked, not disturbed.\n"
                "Exit codes: 0 all is well, 1 a check failed, 2 usage or "
                "configuration."};

    if (kh_cli_parse(&cli, argc, argv, false) < argc)
        kh_cli_die(&cli, KH_EXIT_USAGE, "no arguments are taken");
    signal(SIGPIPE, SIG_IGN);
    return run(&validate, &cli);
}
