/* What both daemons' mains have in common: the options beside KH_SETUP_OPTIONS, and
 * serving a backend until the service ends. */
#ifndef KH_PROGRAMS_DAEMON_H
#define KH_PROGRAMS_DAEMON_H

#include "programs/common/setup.h"
#include "server/authn.h"
#include "server/service.h"

/* What the user said; zero-initialise. The strings are argv's. */
struct kh_daemon_args {
    const char *listen_on; /* --listen ADDRESS */
    const char *port;      /* --port PORT */
    bool check_config;     /* --check-config */
};

/* The rows of a daemon's option table that fill ARGS. */
#define KH_DAEMON_OPTIONS(args)                                                          \
    {"listen", 0, "ADDRESS", "as --set server.listen=ADDRESS", &(args).listen_on, NULL,  \
        0},                                                                              \
        {"port", 'p', "PORT", "as --set server.port=PORT", &(args).port, NULL, 0},       \
    {                                                                                    \
        "check-config", 0, NULL, "check configuration and certificates, then end",       \
            &(args).check_config, NULL, 0                                                \
    }

/* --KEY=VALUE is --set in short; VALUE may be NULL. Ends the process when there are too
 * many. */
void kh_daemon_set(const struct kh_cli *cli, struct kh_setup_args *setup, const char *key,
    const char *value);
/* kh_daemon_set for --listen and --port. */
void kh_daemon_settings(const struct kh_cli *cli, struct kh_setup_args *setup,
    const struct kh_daemon_args *args);

/* At SIGHUP: reads the configuration that WISH names again, and AUTHN's part of it
 * (authn.h). What came of it is logged; on an error what was there stays. */
void kh_daemon_reload_authn(struct kh_authn *authn, const struct kh_setup_wish *wish);

/* Opens backend NAME and serves it; what goes wrong is logged. The metrics tell what the
 * configuration file says that WISH reads (configured.h). The exit status: 5 when the
 * backend cannot be opened, else as kh_exit_code. */
int kh_daemon_serve(struct kh_service *service, const struct kh_setup *setup,
    const struct kh_setup_wish *wish, const char *name);

#endif
