/*
 * keyhsmd: serves the deposits of one backend over mutual TLS. Runs in the foreground
 * (systemd Type=notify) and never forks.
 */
#include "core/backend.h"
#include "core/log.h"
#include "programs/common/setup.h"
#include "programs/keyhsmd/routes.h"
#include "server/service.h"

#include <stdlib.h>

enum { EXIT_BACKEND = 5 };

static struct kh_setup_args args;
static const char *backend_name = "pkcs11";
static const char *listen_on;
static const char *port;
static bool check_config;

static const struct kh_cli_option options[] = {
    KH_SETUP_OPTIONS(args),
    {"backend", 'b', "NAME", "the backend to serve (pkcs11)", &backend_name, NULL, 0},
    {"listen", 0, "ADDRESS", "as --set server.listen=ADDRESS", &listen_on, NULL, 0},
    {"port", 'p', "PORT", "as --set server.port=PORT", &port, NULL, 0},
    {"check-config", 0, NULL, "check configuration and certificates, then end",
        &check_config, NULL, 0},
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

/* --listen and --port are --set in short. */
static void add_setting(const char *key, const char *value)
{
    if (value && !kh_setup_add_set(&args, key, value))
        kh_cli_die(&cli, KH_EXIT_USAGE, "too many settings");
}

/* Opens the backend and serves it; the exit status. */
static int serve(struct kh_service *service, const struct kh_setup *setup)
{
    struct kh_backend *backend = NULL;
    struct kh_error err = {0};
    kh_status st = kh_backend_open(
        &backend, backend_name, setup->plugin_dir, setup->config, KH_OPEN_SERVE, &err);

    if (st != KH_OK) {
        kh_log(KH_LOG_ERROR, "backend %s: %s", backend_name, err.message);
        return st == KH_INVALID ? KH_EXIT_USAGE : EXIT_BACKEND;
    }
    st = kh_service_run(service, backend, &err);
    if (st != KH_OK)
        kh_log(KH_LOG_ERROR, "%s", err.message);
    kh_backend_close(backend);
    return kh_exit_code(st);
}

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
    add_setting("server.listen", listen_on);
    add_setting("server.port", port);
    wish.backends = backend_name;
    st = kh_setup(&setup, &wish, &err);
    if (st == KH_OK)
        st = kh_service_new(&service, setup.config,
            &(struct kh_service_options){
                .routes = kh_keyhsmd_routes, .route_count = kh_keyhsmd_route_count},
            &err);
    if (st != KH_OK)
        kh_cli_die(&cli, kh_exit_code(st), "%s", err.message);
    if (!check_config)
        status = serve(service, &setup);
    kh_service_free(service);
    kh_setup_free(&setup);
    return status;
}
