/*
 * The journal of a migration: which versions were seen equal at both ends, and in what
 * stored form. A SQLite database (WAL, synchronous=FULL), so that 50,000 rows cost no
 * memory. It holds names and fingerprints of stored (encrypted) bytes; never a secret nor
 * a digest of one (invariant I6).
 *
 * A row only saves work: it lets the next run skip a version whose two stored forms are
 * unchanged. So rows are written in groups behind the workers' backs, and losing the last
 * group loses nothing.
 */
#ifndef KH_MIGRATE_JOURNAL_H
#define KH_MIGRATE_JOURNAL_H

#include <keyhsm/plugin.h>

struct kh_journal;

struct kh_journal_row {
    char name[KH_NAME_MAX + 1]; /* at the source */
    uint32_t version;
    char destination[KH_NAME_MAX + 1]; /* name there */
    unsigned char source_print[KH_FINGERPRINT_LEN];
    unsigned char destination_print[KH_FINGERPRINT_LEN];
};

/* Called on the writer's thread around each durable group; for tests. */
struct kh_journal_hook {
    void (*call)(void *arg, bool after);
    void *arg;
};

/*
 * Opens PATH; with CREATE makes it (mode 0600) when missing, else that is KH_NOT_FOUND.
 * KH_BUSY: another process has it. KH_CORRUPT: not a journal, or damaged. HOOK may be
 * NULL.
 */
KH_CHECK kh_status kh_journal_open(struct kh_journal **out, const char *path, bool create,
    const struct kh_journal_hook *hook, struct kh_error *err);
/* Writes what is queued, closes. NULL is fine. Errors of that last write are only lost
 * work. */
void kh_journal_close(struct kh_journal *journal);

/* Facts of the migration. get: KH_NOT_FOUND; VALUE is NUL terminated. set: durable on
 * return. */
KH_CHECK kh_status kh_journal_fact(struct kh_journal *journal, const char *key,
    char *value, size_t size, struct kh_error *err);
KH_CHECK kh_status kh_journal_set_fact(
    struct kh_journal *journal, const char *key, const char *value, struct kh_error *err);
/* Several at once, in one transaction: COUNT pairs of key and value. */
KH_CHECK kh_status kh_journal_set_facts(struct kh_journal *journal,
    const char *const (*pairs)[2], size_t count, struct kh_error *err);

/* Queues a row (replaces an older one of the same version). Waits when the queue is full.
 * Fails when an earlier group could not be written. Thread safe. */
KH_CHECK kh_status kh_journal_add(
    struct kh_journal *journal, const struct kh_journal_row *row, struct kh_error *err);
/* Returns when all rows queued before are durable. */
KH_CHECK kh_status kh_journal_flush(struct kh_journal *journal, struct kh_error *err);

/* The durable row of a version, or KH_NOT_FOUND. Thread safe. */
KH_CHECK kh_status kh_journal_find(struct kh_journal *journal, const char *name,
    uint32_t version, struct kh_journal_row *row, struct kh_error *err);
KH_CHECK kh_status kh_journal_count(
    struct kh_journal *journal, uint64_t *count, struct kh_error *err);
/* Calls FN for each deposit that got another name, in order of the old one. */
KH_CHECK kh_status kh_journal_renamed(struct kh_journal *journal,
    void (*fn)(void *arg, const char *name, const char *destination), void *arg,
    struct kh_error *err);

#endif
