/*
 * A migration as an operator sees it: the question, the lines, the progress, the exit
 * status (DESIGN 11). ktmigrate and `ktadmin keyhsm` are two doors to it.
 */
#ifndef KH_PROGRAMS_MIGRATION_H
#define KH_PROGRAMS_MIGRATION_H

#include "core/migrate/migrate.h"
#include "programs/common/setup.h"

struct kh_migration_request {
    const char *program; /* for messages */
    const char *from;    /* backend names */
    const char *to;
    bool yes;                           /* do not ask */
    bool json;                          /* one event a line on standard output */
    struct kh_migration_options engine; /* all but backends and callbacks */
    /* Called once, with ARG, after a yes (or when nothing is asked) and before anything
     * is written; on anything but KH_OK nothing is. NULL: nothing to do. */
    kh_status (*begin)(void *arg, struct kh_error *err);
    void *arg;
};

/* KH_REFUSED, with words, when deposits cannot move from FROM to TO at all. Opens
 * nothing, so that it can be told before a PIN is asked for. KH_INVALID: no such plugin.
 */
KH_CHECK kh_status kh_migration_check(const struct kh_migration_request *request,
    const char *plugin_dir, struct kh_error *err);

/* Opens both ends, plans, asks, runs, closes; prints everything. Returns the exit status.
 * Catches SIGINT and SIGTERM from then on. */
int kh_migration_main(
    const struct kh_migration_request *request, const struct kh_setup *setup);

#endif
