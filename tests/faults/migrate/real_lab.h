/*
 * A real legacy store and a real SoftHSM token for the faults of a migration. Whatever
 * opens the token does so in a child process: a module is loaded, and logs in, once a
 * process.
 */
#ifndef TEST_FAULTS_REAL_LAB_H
#define TEST_FAULTS_REAL_LAB_H

#include "core/migrate/migrate.h"
#include "tests/lib/softhsm.h"
#include "tests/lib/testlib.h"

#include <sys/types.h>

struct real_lab {
    char *root;
    char *store;      /* the legacy store's directory */
    char *state;      /* of the pkcs11 plugin: the catalog */
    char *migrations; /* journals and reports */
    struct kh_test_token token;
    struct kh_config *config;
    unsigned versions; /* that were put */
    struct kh_migration_options options;
    struct kh_migration_result result; /* in the child that migrated */
    struct kh_error err;
};

/* SCOPE: "deposit" or "epoch". DEPOSITS names, with one to three versions each. */
void real_make(struct real_lab *lab, const char *scope, unsigned deposits);
void real_free(struct real_lab *lab);

/* Runs FN in a child; waits for it; its wait status. */
int real_child(struct real_lab *lab, int (*fn)(struct real_lab *lab));
/* Starts it only. */
pid_t real_start(struct real_lab *lab, int (*fn)(struct real_lab *lab));

/* For children. A whole program run; returns the exit status a program would have. */
int real_migrate(struct real_lab *lab);
/* Every version at the token equals what was put, and there is no other: 0. */
int real_compare(struct real_lab *lab);

/* By the tools of others: the token holds one private key a version, and the one that is
 * its identity (scope deposit); or no more than that (epoch). Nothing public. */
bool real_no_orphans(struct real_lab *lab);
bool real_sealed(const struct real_lab *lab);
/* Before the seal: the store still opens and holds everything that was put. */
bool real_source_intact(struct real_lab *lab);

/* Migrates until it is done, then all the checks; true when nothing was lost, doubled or
 * left over. */
bool real_finish(struct real_lab *lab);

#endif
