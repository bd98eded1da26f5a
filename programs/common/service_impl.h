/* What service.c and service_run.c share. */
#ifndef KH_PROGRAMS_SERVICE_IMPL_H
#define KH_PROGRAMS_SERVICE_IMPL_H

#include "programs/common/daemonctl.h"
#include "programs/common/prompted.h"
#include "programs/common/service.h"

#include <limits.h>

#define KH_SERVICE_ARGS (2 * KH_SETUP_SETS_MAX + 32)

/* One command. */
struct kh_service_run {
    const struct kh_service_kind *kind;
    const struct kh_cli *cli;
    struct kh_setup_args args;
    const char *backend;
    const char *pid_file;
    const char *log_file;
    const char *timeout;
    const char *user; /* --user */
    bool direct;
    bool json;

    struct kh_setup setup;
    const char *serves; /* the backend it will open */
    struct kh_prompted prompted;
    char program[PATH_MAX];
    char config[PATH_MAX]; /* absolute; "" for the daemon's own default */
    char *argv[KH_SERVICE_ARGS];
    struct kh_user runs_as; /* DAEMON.user is it, or NULL */
    char log_set[PATH_MAX + 32];
    struct kh_daemon daemon;
};

/* Reads the configuration; fills DAEMON. */
KH_CHECK kh_status kh_service_prepare(struct kh_service_run *run, struct kh_error *err);
/* Asks for the secrets the daemon would ask for. */
KH_CHECK kh_status kh_service_secrets(struct kh_service_run *run, struct kh_error *err);

/* Each prints what it did and returns the exit status. */
int kh_service_start(struct kh_service_run *run);
int kh_service_stop(struct kh_service_run *run);
int kh_service_shutdown(struct kh_service_run *run);
int kh_service_restart(struct kh_service_run *run);
int kh_service_reload(struct kh_service_run *run);
int kh_service_status(struct kh_service_run *run);
/* `start debug`: becomes the daemon. */
int kh_service_debug(struct kh_service_run *run);

/* Is the unit there, and systemd, and nothing said that it would not know? */
bool kh_service_by_systemd(const struct kh_service_run *run);
/* Becomes `systemctl VERB UNIT`. */
int kh_service_systemctl(const struct kh_service_run *run, const char *verb);

#endif
