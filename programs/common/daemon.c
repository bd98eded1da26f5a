#include "programs/common/daemon.h"

#include "core/backend.h"
#include "core/log.h"
#include "programs/common/configured.h"

enum { EXIT_BACKEND = 5 };

void kh_daemon_set(const struct kh_cli *cli, struct kh_setup_args *setup, const char *key,
    const char *value)
{
    if (value && !kh_setup_add_set(setup, key, value))
        kh_cli_die(cli, KH_EXIT_USAGE, "too many settings");
}

void kh_daemon_settings(const struct kh_cli *cli, struct kh_setup_args *setup,
    const struct kh_daemon_args *args)
{
    kh_daemon_set(cli, setup, "server.listen", args->listen_on);
    kh_daemon_set(cli, setup, "server.port", args->port);
}

void kh_daemon_reload_authn(struct kh_authn *authn, const struct kh_setup_wish *wish)
{
    struct kh_setup fresh = {0};
    struct kh_error err = {0};
    kh_status st = kh_setup_configure(&fresh, wish, &err);

    if (st == KH_OK)
        st = kh_authn_reload(authn, fresh.config, &err);
    if (st == KH_OK)
        kh_log(KH_LOG_NOTICE, "reload: keytab, rules of [auth_to_local] and secret of "
                              "cookies were read again");
    else
        kh_log(KH_LOG_ERROR, "reload: [auth] stays as it was: %s", err.message);
    kh_setup_free(&fresh);
}

int kh_daemon_serve(struct kh_service *service, const struct kh_setup *setup,
    const struct kh_setup_wish *wish, const char *name)
{
    struct kh_backend *backend = NULL;
    struct kh_error err = {0};
    kh_status st = kh_backend_open(
        &backend, name, setup->plugin_dir, setup->config, KH_OPEN_SERVE, &err);

    if (st != KH_OK) {
        kh_log(KH_LOG_ERROR, "backend %s: %s", name, err.message);
        return st == KH_INVALID ? KH_EXIT_USAGE : EXIT_BACKEND;
    }
    kh_configured_watch(kh_service_metrics(service), wish, kh_service_serves, service);
    st = kh_service_run(service, backend, &err);
    if (st != KH_OK)
        kh_log(KH_LOG_ERROR, "%s", err.message);
    kh_backend_close(backend);
    return kh_exit_code(st);
}
