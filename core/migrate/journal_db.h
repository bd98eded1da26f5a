/* The journal's database: statements on one connection. Not thread safe; journal.c holds
 * a lock. */
#ifndef KH_MIGRATE_JOURNAL_DB_H
#define KH_MIGRATE_JOURNAL_DB_H

#include "core/migrate/journal.h"

struct kh_journal_db;

KH_CHECK kh_status kh_journal_db_open(
    struct kh_journal_db **out, const char *path, bool create, struct kh_error *err);
void kh_journal_db_close(struct kh_journal_db *db);

KH_CHECK kh_status kh_journal_db_fact(struct kh_journal_db *db, const char *key,
    char *value, size_t size, struct kh_error *err);
KH_CHECK kh_status kh_journal_db_set_facts(struct kh_journal_db *db,
    const char *const (*pairs)[2], size_t count, struct kh_error *err);
/* All rows in one durable transaction. */
KH_CHECK kh_status kh_journal_db_add(struct kh_journal_db *db,
    const struct kh_journal_row *rows, size_t count, struct kh_error *err);
KH_CHECK kh_status kh_journal_db_find(struct kh_journal_db *db, const char *name,
    uint32_t version, struct kh_journal_row *row, struct kh_error *err);
KH_CHECK kh_status kh_journal_db_count(
    struct kh_journal_db *db, uint64_t *count, struct kh_error *err);
KH_CHECK kh_status kh_journal_db_renamed(struct kh_journal_db *db,
    void (*fn)(void *arg, const char *name, const char *destination), void *arg,
    struct kh_error *err);

#endif
