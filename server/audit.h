/*
 * The audit log: who asked for what, and what came of it. One JSON object a line, chained
 * by hashes, only ever appended to.
 *
 *     {"seq":7,"time":"2026-11-24T10:00:00.123Z","id":"...","principal":"CN=alice",
 *      "certificate":"3f0c...","operation":"get","deposit":"key","version":"0",
 *      "status":200,"prev":"HEX","hash":"HEX"}
 *
 * (one line, without blanks). `seq` counts from 1 and goes on for ever. `prev` is the
 * `hash` of the entry before, 64 zeros for the first. `hash` is the SHA-256, in
 * lower-case hex, of the line without its member hash: the bytes from '{' to the end of
 * prev's value, and '}'. With other tools:
 *
 *     sed -n 7p audit.log | sed 's/,"hash":"[0-9a-f]*"}$/}/' | tr -d '\n' | sha256sum
 *
 * So an entry cannot be changed, removed or moved without all later ones being made anew,
 * and a hash noted elsewhere (the daemon's own log has one at every start and stop) shows
 * that, too. It does not show who did it, and it does not stop anybody: root can write
 * another log, but not one that has the noted hash.
 *
 * Three operations are the log's own: audit.start, audit.rotate (the first entry after
 * kh_audit_reopen) and audit.recover. The last stands behind bytes that are no entry,
 * because the process or the disk ended in the middle of a write: they stay where they
 * are, end in "#torn", and the entry holds their number (torn_bytes) and SHA-256
 * (torn_hash), "#torn" and its newline included. What was torn had not been acknowledged.
 *
 * Beside FILE stand FILE.lock (held by the daemon) and FILE.head (seq and hash of the
 * last entry): the chain goes on when FILE was moved away while the daemon was down, and
 * a FILE that ends before its head is noticed.
 */
#ifndef KH_SERVER_AUDIT_H
#define KH_SERVER_AUDIT_H

#include <keyhsm/types.h>

#define KH_AUDIT_HASH 65 /* bytes of a hash in hex, with the NUL */

struct kh_audit;

/* What the daemon says of one request. Strings may be NULL (for ""), and are cut to 512
 * bytes. What is not UTF-8 is written as U+FFFD. */
struct kh_audit_entry {
    const char *id;          /* of the request */
    const char *principal;   /* kh_principal_name (principal.h) */
    const char *certificate; /* SHA-256, hex */
    const char *operation;
    const char *deposit;
    const char *version;
    const char *user;      /* short name; not in the line when "" */
    const char *real_user; /* who acted for USER; not in the line when "" */
    int status;            /* HTTP status */
};

/*
 * Opens PATH for appending, makes it (0640) when there is none, and goes on with its
 * chain; a torn end is marked, see above. Writes the entry audit.start. KH_BUSY: another
 * process has it open. KH_CORRUPT: its last line is no entry that was written, or entries
 * are missing at its end; the message says how to go on. KH_INVALID: no regular file, or
 * others may write it. KH_UNAVAILABLE: cannot be opened or written. Not thread safe.
 */
KH_CHECK kh_status kh_audit_open(
    struct kh_audit **out, const char *path, struct kh_error *err);

/*
 * Appends ENTRY; when it returns KH_OK the entry is on the disk (fdatasync, shared with
 * other threads that wait). KH_UNAVAILABLE: it cannot be written now (disk full), and a
 * later call may work. KH_FATAL: fdatasync failed, and every later call fails. What
 * failed may stand in the file all the same. Any thread.
 */
KH_CHECK kh_status kh_audit_write(
    struct kh_audit *audit, const struct kh_audit_entry *entry, struct kh_error *err);

/*
 * After the file was renamed: makes a new one, which begins with audit.rotate, and closes
 * the old. Does nothing when the name still stands for the open file. On failure the log
 * goes on in the old file, or, when audit.rotate could not be written, in the new one;
 * KH_REFUSED: something else stands under the name. Any thread.
 */
KH_CHECK kh_status kh_audit_reopen(struct kh_audit *audit, struct kh_error *err);

/* LEN bytes of LINE are an entry, its newline not included; valid during the call. */
typedef void (*kh_audit_line_fn)(void *arg, const char *line, size_t len);

/* Calls FN for the last entries of the open file, the newest first, at most MAX, as far
 * as they stand in its last 64 KiB; what is no entry is left out. Entries that are
 * written meanwhile wait. KH_UNAVAILABLE: it cannot be read. Any thread. */
KH_CHECK kh_status kh_audit_tail(struct kh_audit *audit, unsigned max,
    kh_audit_line_fn fn, void *arg, struct kh_error *err);

/* No thread may be inside. NULL is fine. */
void kh_audit_close(struct kh_audit *audit);

/* What somebody noted of the log earlier. */
struct kh_audit_expected {
    uint64_t seq;     /* 0: not known */
    const char *hash; /* 64 lower-case hex digits; NULL: not known */
};

/* What a verification saw, as far as it came. */
struct kh_audit_report {
    uint64_t entries;
    uint64_t first; /* seq */
    uint64_t last;
    uint64_t torn; /* places with bytes of an interrupted write */
    char head[KH_AUDIT_HASH];
};

/*
 * Reads FILES, oldest first, as one chain, which may begin anywhere ("-" is standard
 * input). KH_CORRUPT, "FILE:LINE: what is wrong", for the first line that was changed, is
 * missing or stands elsewhere, and when an entry with EXPECTED's seq and hash is not
 * there. KH_NOT_FOUND, KH_UNAVAILABLE: a file cannot be read. The log may be in use: it
 * is read up to where it ended at the start, and an unfinished last line is counted in
 * TORN. EXPECTED may be NULL. Thread safe.
 */
KH_CHECK kh_status kh_audit_verify(const char *const *files, size_t count,
    const struct kh_audit_expected *expected, struct kh_audit_report *report,
    struct kh_error *err);

#endif
