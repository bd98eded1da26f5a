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

/* What the daemon is made of. */
struct daemon {
    struct kh_setup_wish wish;
    struct kh_setup setup;
    struct kh_authn *authn;
    struct kh_service *service;
};

static void on_reload(void *arg)
{
    struct daemon *daemon = arg;

    kh_daemon_reload_authn(daemon->authn, &daemon->wish);
}

static kh_status start(struct daemon *daemon, struct kh_error *err)
{
    kh_status st = kh_setup(&daemon->setup, &daemon->wish, err);

    if (st == KH_OK)
        st = kh_authn_new(&daemon->authn, KH_AUTHN_BOTH, daemon->setup.config, err);
    if (st == KH_OK)
        st = kh_service_new(&daemon->service, daemon->setup.config,
            &(struct kh_service_options){.name = "keyhsmd",
                .routes = kh_keyhsmd_routes,
                .route_count = kh_keyhsmd_route_count,
                .authn = daemon->authn,
                .reload = on_reload,
                .arg = daemon},
            err);
    return st;
}

int main(int argc, char **argv)
{
    static struct daemon daemon;
    struct kh_error err = {0};
    int status = KH_EXIT_OK;
    kh_status st;

    if (kh_cli_parse(&cli, argc, argv, false) < argc)
        kh_cli_die(&cli, KH_EXIT_USAGE, "no arguments are taken");
    kh_daemon_settings(&cli, &args, &daemon_args);
    daemon.wish = (struct kh_setup_wish){
        .program = "keyhsmd",
        .args = &args,
        .default_config = "/etc/keyhsm/keyhsm.ini",
        .backends = backend_name,
        .sections = kh_daemon_sections,
        .section_count = KH_DAEMON_SECTION_COUNT,
    };
    st = start(&daemon, &err);
    if (st != KH_OK)
        kh_cli_die(&cli, kh_exit_code(st), "%s", err.message);
    if (!daemon_args.check_config)
        status =
            kh_daemon_serve(daemon.service, &daemon.setup, &daemon.wish, backend_name);
    kh_service_free(daemon.service);
    kh_authn_free(daemon.authn);
    kh_setup_free(&daemon.setup);
    return status;
}
