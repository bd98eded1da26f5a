/* A small world for the engine's tests: two places (place.c), a state directory, and an
 * ear for events. */
#ifndef TEST_MIGRATE_LAB_H
#define TEST_MIGRATE_LAB_H

#include "core/migrate/migrate.h"
#include "tests/lib/testlib.h"

#define LAB_EVENTS 256

struct lab_event {
    kh_migration_event_kind kind;
    kh_migration_phase phase;
    char code[32];
    char name[64];
    int64_t version;
    char message[256];
};

struct lab {
    const char *root;
    char *source_dir;
    char *vault_dir;
    char *state_dir;
    char *saved_dir; /* what lab_save kept of the source */
    struct kh_config *config;
    struct kh_backend *source;
    struct kh_backend *vault;
    struct kh_migration_options options; /* backends are filled in by lab_open */
    struct lab_event events[LAB_EVENTS];
    unsigned event_count;
    unsigned progress_count;
    struct kh_migration_result result; /* of the last lab_plan or lab_run */
    struct kh_error err;
};

void lab_make(struct lab *lab);
/* Opens both ends for a migration, as a program does; lab_close undoes it. */
void lab_open(struct lab *lab);
void lab_close(struct lab *lab);
void lab_free(struct lab *lab);

/* Puts one version into an end (opened or not). */
enum lab_end { LAB_SOURCE, LAB_VAULT };
void lab_put(struct lab *lab, enum lab_end end, const char *name, uint32_t version,
    const char *data);
void lab_put_deposit(struct lab *lab, enum lab_end end, const struct kh_deposit *deposit);
/* Ten names, some with several versions, deleted ones, attributes, NULs, nothing at all,
 * 64 KiB. */
#define LAB_VERSIONS 16U
#define LAB_DEPOSITS 10U
void lab_fill(struct lab *lab);

/* Faults of place.c. */
void lab_fault(struct lab *lab, enum lab_end end, const char *fault, bool on);
/* Spoils the stored file of one version. */
void lab_spoil(struct lab *lab, enum lab_end end, const char *name, uint32_t version);

/* One whole program run in this process: open, plan, run, close. */
kh_status lab_run(struct lab *lab);
/* The same up to the plan. */
kh_status lab_plan(struct lab *lab);

/* Keeps a copy of the source's files; then: are the vault's the same, byte for byte? */
void lab_save(struct lab *lab);
bool lab_vault_equals_saved(struct lab *lab);
bool lab_source_equals_saved(struct lab *lab);
unsigned lab_count(struct lab *lab, enum lab_end end); /* stored versions */
bool lab_sealed(struct lab *lab);

/* The event of that code about NAME (NULL: any), or NULL. */
const struct lab_event *lab_find(
    const struct lab *lab, const char *code, const char *name);
unsigned lab_findings(const struct lab *lab);

#endif
