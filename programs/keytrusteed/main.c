/*
 * keytrusteed: the key server that clients talk to. Serves one backend over TLS: the file
 * store before the integration with an HSM, a keyhsmd after it. Runs in the foreground
 * (systemd Type=notify) and never forks.
 */
#include "core/loader.h"
#include "programs/common/daemon.h"
#include "programs/keytrusteed/moved.h"
#include "programs/keytrusteed/rights.h"
#include "programs/keytrusteed/routes.h"
#include "server/kms/kms.h"
#include "server/metrics.h"

#include <stdlib.h>

static struct kh_setup_args args;
static const char *backend_name;
static struct kh_daemon_args daemon_args;

static const struct kh_cli_option options[] = {
    KH_SETUP_OPTIONS(args),
    {"backend", 'b', "NAME", "as --set server.backend=NAME", &backend_name, NULL, 0},
    KH_DAEMON_OPTIONS(daemon_args),
};

static const struct kh_cli cli = {
    .program = "keytrusteed",
    .arguments = "",
    .summary = "Serves deposits to those who may have them, over TLS, in the foreground.",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .more = "SIGHUP reads certificates, trust and rules again and reopens the logs;\n"
            "SIGTERM finishes what was begun and ends.\n"
            "Exit status: 0 stopped as told, 1 failed, 2 wrong usage or configuration,\n"
            "5 the backend cannot be opened.",
};

/* What the daemon is made of, in the order it is made. */
struct daemon {
    struct kh_setup_wish wish;
    struct kh_setup setup;
    struct kh_gate *gate;
    struct kh_kms *kms; /* NULL: not enabled */
    struct kh_route *routes;
    struct kt_mover *mover;
    struct kh_authn *authn;
    struct kh_service *service;
};

static bool on_refused(void *arg, struct kh_app *app, struct kh_request *request)
{
    return kt_moved(((struct daemon *)arg)->mover, app, request);
}

static void on_reload(void *arg)
{
    struct daemon *daemon = arg;

    kh_kms_changed(daemon->kms, NULL); /* even when the file cannot be read */
    kt_rights_reload(daemon->gate, daemon->kms, &daemon->wish);
    kh_daemon_reload_authn(daemon->authn, &daemon->wish);
}

static void on_tick(void *arg)
{
    kh_kms_tick(((struct daemon *)arg)->kms);
}

static void on_changed(void *arg, const char *name)
{
    kh_kms_changed(((struct daemon *)arg)->kms, name);
}

static kh_status make_service(struct daemon *daemon, struct kh_error *err)
{
    const struct kh_config *config = daemon->setup.config;
    struct kh_service_options wanted = {
        .name = "keytrusteed",
        .client_optional = true,
        .gate = daemon->gate,
        .authn = daemon->authn,
        .refused = on_refused,
        .reload = on_reload,
        .tick = on_tick,
        .changed = on_changed,
        .arg = daemon,
        .kms = daemon->kms,
        .authn_extra = kh_kms_extra(daemon->kms),
    };
    kh_status st;

    daemon->routes = kt_routes_new(daemon->kms != NULL, &wanted.route_count);
    if (!daemon->routes)
        return kh_fail(err, KH_FATAL, "no memory for the daemon");
    wanted.routes = daemon->routes;
    if (daemon->kms)
        wanted.large_body = (size_t)kh_config_int(config, "kms", "max_body");
    st = kh_service_new(&daemon->service, config, &wanted, err);
    if (st == KH_OK && daemon->kms)
        st = kh_kms_meters(daemon->kms, kh_service_metrics(daemon->service), err);
    return st;
}

static kh_status start(struct daemon *daemon, struct kh_error *err)
{
    const struct kh_config *config;
    kh_status st = kh_setup(&daemon->setup, &daemon->wish, err);

    if (st != KH_OK)
        return st;
    config = daemon->setup.config;
    daemon->mover =
        kt_mover_new(&daemon->wish, kh_config_bool(config, "server", "follow"));
    if (!daemon->mover)
        return kh_fail(err, KH_FATAL, "no memory for the daemon");
    if (daemon_args.check_config)
        st = kt_rights_check(config, err);
    else
        st = kt_rights_open(&daemon->gate, config, err);
    if (st == KH_OK)
        st = kh_authn_new(&daemon->authn, KH_AUTHN_EITHER, config, err);
    return st;
}

/* The KMS, and whether the backend can do what it is set to. */
static kh_status make_kms(struct daemon *daemon, struct kh_error *err)
{
    const struct kh_config *config = daemon->setup.config;
    const struct kh_plugin *plugin = NULL;
    kh_status st = kh_kms_new(&daemon->kms, config, err);

    if (st == KH_OK)
        st = kh_loader_load(daemon->setup.plugin_dir,
            kh_config_string(config, "server", "backend"), &plugin, err);
    return st == KH_OK ? kh_kms_check(daemon->kms, plugin, err) : st;
}

int main(int argc, char **argv)
{
    static struct daemon daemon;
    struct kh_error err = {0};
    int status = KH_EXIT_OK;
    kh_status st;

    kh_loader_search(kh_trustee_plugin_dir, NULL);
    if (kh_cli_parse(&cli, argc, argv, false) < argc)
        kh_cli_die(&cli, KH_EXIT_USAGE, "no arguments are taken");
    kh_daemon_set(&cli, &args, "server.backend", backend_name);
    kh_daemon_settings(&cli, &args, &daemon_args);
    daemon.wish = (struct kh_setup_wish){
        .program = "keytrusteed",
        .args = &args,
        .default_config = "/etc/keytrustee/keytrustee.ini",
        .backend_configured = true,
        .sections = kh_keytrusteed_sections,
        .section_count = KH_KEYTRUSTEED_SECTION_COUNT,
    };
    st = start(&daemon, &err);
    if (st == KH_OK)
        st = make_kms(&daemon, &err);
    if (st == KH_OK)
        st = make_service(&daemon, &err);
    if (st != KH_OK)
        kh_cli_die(&cli, kh_exit_code(st), "%s", err.message);
    if (!daemon_args.check_config)
        status = kh_daemon_serve(daemon.service, &daemon.setup, &daemon.wish,
            kh_config_string(daemon.setup.config, "server", "backend"));
    kh_service_free(daemon.service);
    kh_kms_free(daemon.kms);
    free(daemon.routes);
    kt_mover_free(daemon.mover);
    kh_authn_free(daemon.authn);
    kh_gate_free(daemon.gate);
    kh_setup_free(&daemon.setup);
    return status;
}
