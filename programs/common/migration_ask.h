/* The question before a migration, and the signals during one. */
#ifndef KH_PROGRAMS_MIGRATION_ASK_H
#define KH_PROGRAMS_MIGRATION_ASK_H

#include <stdatomic.h>
#include <stdio.h>

/* Asks, word for word as the runbooks have it, on OUT; the answer comes from standard
 * input. True only for "y" or "yes". Ends (false) when CANCELLED becomes true or the
 * input does. */
_Bool kh_migration_ask(FILE *out, const atomic_bool *cancelled);

/* True for what counts as a yes: "y" or "yes", in any case, spaces around it ignored. */
_Bool kh_migration_is_yes(const char *answer);

/* From now on SIGINT and SIGTERM set the returned flag; a second one ends the process
 * with STATUS. SIGPIPE is ignored: a reader that goes away must not stop a migration. */
const atomic_bool *kh_migration_catch_signals(int status);

#endif
