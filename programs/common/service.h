/*
 * start, stop, shutdown, restart, reload and status of a daemon, for the tool that goes
 * with it: through systemd when it runs this host and has the unit, else by daemonctl.h.
 */
#ifndef KH_PROGRAMS_SERVICE_H
#define KH_PROGRAMS_SERVICE_H

#include "programs/common/setup.h"

/* What is known of a daemon that runs. */
struct kh_service_state {
    bool serving;      /* its port is open */
    int ready;         /* 1 yes, 0 no, -1 it was not asked */
    char address[320]; /* where it serves, or would */
    char detail[512];  /* why it is not ready, or was not asked */
};

struct kh_service_kind {
    const char *tool;     /* the words before the verb: "keyhsm" */
    const char *daemon;   /* the program, beside the tool's own: "keyhsmd" */
    const char *unit;     /* "keyhsmd.service" */
    const char *config;   /* its configuration unless --config says otherwise */
    const char *backends; /* that it opens whatever its configuration says; may be NULL */
    const struct kh_section *sections;
    size_t section_count;
    const char *user; /* whom root has it run as, when there is such a user */
    const char *pid_file;
    const char *log_file;
    /* Looks at one that runs, from outside; may be NULL. */
    void (*look)(const struct kh_setup *setup, struct kh_service_state *state);
};

/* ARGV[0] is the verb. Returns the exit status: 0 done, 1 failed, 2 usage or
 * configuration; status: 3 it does not run. */
int kh_service_command(const struct kh_service_kind *kind, int argc, char **argv);

#endif
