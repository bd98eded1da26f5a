/*
 * keyhsmd: serves the deposits of one backend over mutual TLS. Runs in the foreground
 * (systemd Type=notify) and never forks.
 */
#include "programs/common/daemon.h"
#include "programs/keyhsmd/routes.h"

static struct kh_setup_args args;
static const char *backend_name = "pkcs11";
static struct kh_daemon_args daemon_args;

static const struct kh_cli_option options[] = {
    KH_SETUP_OPTIONS(args),
    {"backend", 'b', "NAME", "the backend to serve (pkcs11)", &backend_name, NULL, 0},
    KH_DAEMON_OPTIONS(daemon_args),
};

static const struct kh_cli cli = {
    .program = "keyhsmd",
    .arguments = "",
    .summary = "Serves the deposits of one backend over mutual TLS, in the foreground.",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .more = "SIGHUP reads certificates and trust again; SIGTERM finishes what was begun "
            "and ends.\n"
            "Exit status: 0 stopped as told, 1 failed, 2 wrong usage or configuration,\n"
            "5 the backend cannot be opened.",
};

int main(int argc, char **argv)
{
    struct kh_setup setup = {0};
    struct kh_setup_wish wish = {
        .program = "keyhsmd",
        .args = &args,
        .default_config = "/etc/keyhsm/keyhsm.ini",
        .sections = kh_daemon_sections,
        .section_count = KH_DAEMON_SECTION_COUNT,
    };
    struct kh_service *service = NULL;
    struct kh_error err = {0};
    int status = KH_EXIT_OK;
    kh_status st;

    if (kh_cli_parse(&cli, argc, argv, false) < argc)
        kh_cli_die(&cli, KH_EXIT_USAGE, "no arguments are taken");
    kh_daemon_settings(&cli, &args, &daemon_args);
    wish.backends = backend_name;
    st = kh_setup(&setup, &wish, &err);
    if (st == KH_OK)
        st = kh_service_new(&service, setup.config,
            &(struct kh_service_options){.name = "keyhsmd",
                .routes = kh_keyhsmd_routes,
                .route_count = kh_keyhsmd_route_count},
            &err);
    if (st != KH_OK)
        kh_cli_die(&cli, kh_exit_code(st), "%s", err.message);
    if (!daemon_args.check_config)
        status = kh_daemon_serve(service, &setup, &wish, backend_name);
    kh_service_free(service);
    kh_setup_free(&setup);
    return status;
}
