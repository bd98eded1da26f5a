#include "core/migrate/journal_db.h"

#include "core/guise.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* "KHMJ": what application_id says of our file; user_version counts layouts. */
enum { APPLICATION_ID = 0x4b484d4a, LAYOUT = 1 };

enum statement { FACT_GET, FACT_SET, ROW_SET, ROW_GET, ROW_COUNT, RENAMED, STATEMENTS };

static const char *const statement_text[STATEMENTS] = {
    [FACT_GET] = "SELECT value FROM fact WHERE key = ?1",
    [FACT_SET] = "INSERT OR REPLACE INTO fact (key, value) VALUES (?1, ?2)",
    [ROW_SET] = "INSERT OR REPLACE INTO item (name, version, destination, source_print,"
                " destination_print) VALUES (?1, ?2, ?3, ?4, ?5)",
    [ROW_GET] = "SELECT destination, source_print, destination_print FROM item"
                " WHERE name = ?1 AND version = ?2",
    [ROW_COUNT] = "SELECT count(*) FROM item",
    [RENAMED] = "SELECT DISTINCT name, destination FROM item WHERE name <> destination"
                " ORDER BY name",
};

/* Names are blobs: the legacy store has some that are no text. */
static const char schema[] =
    "CREATE TABLE fact (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE item (name BLOB NOT NULL, version INTEGER NOT NULL,"
    " destination BLOB NOT NULL, source_print BLOB NOT NULL, destination_print BLOB NOT "
    "NULL,"
    " PRIMARY KEY (name, version)) WITHOUT ROWID;"
    "PRAGMA application_id = 0x4b484d4a; PRAGMA user_version = 1;";

struct kh_journal_db {
    sqlite3 *handle;
    sqlite3_stmt *statements[STATEMENTS];
    char path[512];
};

static kh_status failed(struct kh_journal_db *db, struct kh_error *err)
{
    int code = sqlite3_errcode(db->handle) & 0xff;

    if (code == SQLITE_BUSY || code == SQLITE_LOCKED)
        return kh_fail(
            err, KH_BUSY, "%s: another process is using this journal", db->path);
    if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB)
        return kh_fail(err, KH_CORRUPT,
            "%s: damaged journal (%s); it holds no secret: move it away and run again, "
            "everything is "
            "then compared anew",
            db->path, sqlite3_errmsg(db->handle));
    return kh_fail(err, KH_UNAVAILABLE, "%s: %s", db->path, sqlite3_errmsg(db->handle));
}

static kh_status execute(struct kh_journal_db *db, const char *sql, struct kh_error *err)
{
    return sqlite3_exec(db->handle, sql, NULL, NULL, NULL) == SQLITE_OK ? KH_OK
                                                                        : failed(db, err);
}

static kh_status read_number(
    struct kh_journal_db *db, const char *sql, int64_t *number, struct kh_error *err)
{
    sqlite3_stmt *s = NULL;
    kh_status st = KH_OK;

    if (sqlite3_prepare_v2(db->handle, sql, -1, &s, NULL) != SQLITE_OK)
        return failed(db, err);
    if (sqlite3_step(s) == SQLITE_ROW)
        *number = sqlite3_column_int64(s, 0);
    else
        st = failed(db, err);
    sqlite3_finalize(s);
    return st;
}

/* An empty file becomes a journal; anything else must be one. */
static kh_status check_layout(struct kh_journal_db *db, struct kh_error *err)
{
    int64_t pages = 0;
    int64_t id = 0;
    int64_t layout = 0;
    kh_status st = read_number(db, "PRAGMA page_count", &pages, err);

    if (st == KH_OK)
        st = read_number(db, "PRAGMA application_id", &id, err);
    if (st == KH_OK)
        st = read_number(db, "PRAGMA user_version", &layout, err);
    if (st != KH_OK)
        return st;
    if (id == 0 && layout == 0 && pages <= 1) {
        char sql[sizeof schema + 32];

        snprintf(sql, sizeof sql, "BEGIN IMMEDIATE; %s COMMIT;", schema);
        return execute(db, sql, err);
    }
    if (id != APPLICATION_ID)
        return kh_fail(err, KH_CORRUPT, "%s: not the journal of a migration", db->path);
    if (layout != LAYOUT)
        return kh_fail(err, KH_REFUSED,
            "%s: a journal of layout %lld, this program knows %d", db->path,
            (long long)layout, LAYOUT);
    return KH_OK;
}

/* SQLite makes files with the umask; this one is made first, with the mode it must have.
 */
static kh_status ensure_file(const char *path, bool create, struct kh_error *err)
{
    struct stat st;
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | (create ? O_CREAT : 0), 0600);

    if (fd < 0 && errno == ENOENT)
        return kh_fail(err, KH_NOT_FOUND, "%s: no such journal", path);
    if (fd < 0)
        return kh_fail(err, KH_UNAVAILABLE, "%s: %s", path, strerror(errno));
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || (st.st_mode & 077) ||
        (st.st_uid != kh_guise_user() && st.st_uid != 0)) {
        (void)close(fd);
        return kh_fail(err, KH_INVALID,
            "%s: must be a regular file of ours or of root with mode 0600", path);
    }
    (void)close(fd);
    return KH_OK;
}

static kh_status prepare(struct kh_journal_db *db, struct kh_error *err)
{
    for (size_t i = 0; i < STATEMENTS; i++) {
        if (sqlite3_prepare_v3(db->handle, statement_text[i], -1,
                SQLITE_PREPARE_PERSISTENT, &db->statements[i], NULL) != SQLITE_OK)
            return failed(db, err);
    }
    return KH_OK;
}

static kh_status open_as_owner(
    struct kh_journal_db **out, const char *path, bool create, struct kh_error *err)
{
    struct kh_journal_db *db;
    kh_status st;

    *out = NULL;
    st = ensure_file(path, create, err);
    if (st != KH_OK)
        return st;
    db = calloc(1, sizeof *db);
    if (!db)
        return kh_fail(err, KH_FATAL, "out of memory");
    snprintf(db->path, sizeof db->path, "%s", path);
    if (sqlite3_open_v2(path, &db->handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
            NULL) != SQLITE_OK)
        st = failed(db, err);
    /* Exclusive: one connection for its whole life, so that WAL needs no shared memory
     * file. */
    if (st == KH_OK)
        st = execute(db,
            "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL;"
            "PRAGMA synchronous = FULL; PRAGMA cache_size = -128;",
            err);
    if (st == KH_OK)
        st = check_layout(db, err);
    if (st == KH_OK)
        st = prepare(db, err);
    if (st != KH_OK) {
        kh_journal_db_close(db);
        return st;
    }
    *out = db;
    return KH_OK;
}

kh_status kh_journal_db_open(
    struct kh_journal_db **out, const char *path, bool create, struct kh_error *err)
{
    struct kh_guise guise;
    kh_status st;

    kh_guise_of(&guise, path);
    kh_guise_push(&guise);
    st = open_as_owner(out, path, create, err);
    kh_guise_pop();
    return st;
}

void kh_journal_db_close(struct kh_journal_db *db)
{
    if (!db)
        return;
    for (size_t i = 0; i < STATEMENTS; i++)
        sqlite3_finalize(db->statements[i]);
    sqlite3_close(db->handle);
    free(db);
}

kh_status kh_journal_db_fact(struct kh_journal_db *db, const char *key, char *value,
    size_t size, struct kh_error *err)
{
    sqlite3_stmt *s = db->statements[FACT_GET];
    kh_status st = KH_OK;
    int rc;

    sqlite3_bind_text(s, 1, key, -1, SQLITE_STATIC);
    rc = sqlite3_step(s);
    if (rc == SQLITE_DONE) {
        st = kh_fail(err, KH_NOT_FOUND, "%s: no fact '%s'", db->path, key);
    } else if (rc != SQLITE_ROW) {
        st = failed(db, err);
    } else if ((size_t)sqlite3_column_bytes(s, 0) >= size) {
        st = kh_fail(err, KH_CORRUPT, "%s: fact '%s' is too long", db->path, key);
    } else {
        snprintf(value, size, "%s", (const char *)sqlite3_column_text(s, 0));
    }
    sqlite3_reset(s);
    return st;
}

/* Ends a transaction: COMMIT after KH_OK, else ROLLBACK, keeping the first error. */
static kh_status finish(struct kh_journal_db *db, kh_status st, struct kh_error *err)
{
    if (st == KH_OK)
        st = execute(db, "COMMIT", err);
    if (st != KH_OK)
        (void)sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
    return st;
}

static kh_status step_write(
    struct kh_journal_db *db, sqlite3_stmt *s, struct kh_error *err)
{
    kh_status st = sqlite3_step(s) == SQLITE_DONE ? KH_OK : failed(db, err);

    sqlite3_reset(s);
    sqlite3_clear_bindings(s);
    return st;
}

kh_status kh_journal_db_set_facts(struct kh_journal_db *db, const char *const (*pairs)[2],
    size_t count, struct kh_error *err)
{
    sqlite3_stmt *s = db->statements[FACT_SET];
    kh_status st = execute(db, "BEGIN IMMEDIATE", err);

    if (st != KH_OK)
        return st;
    for (size_t i = 0; i < count && st == KH_OK; i++) {
        sqlite3_bind_text(s, 1, pairs[i][0], -1, SQLITE_STATIC);
        sqlite3_bind_text(s, 2, pairs[i][1], -1, SQLITE_STATIC);
        st = step_write(db, s, err);
    }
    return finish(db, st, err);
}

static void bind_name(sqlite3_stmt *s, int column, const char *name)
{
    sqlite3_bind_blob(s, column, name, (int)strlen(name), SQLITE_STATIC);
}

kh_status kh_journal_db_add(struct kh_journal_db *db, const struct kh_journal_row *rows,
    size_t count, struct kh_error *err)
{
    sqlite3_stmt *s = db->statements[ROW_SET];
    kh_status st = execute(db, "BEGIN IMMEDIATE", err);

    if (st != KH_OK)
        return st;
    for (size_t i = 0; i < count && st == KH_OK; i++) {
        bind_name(s, 1, rows[i].name);
        sqlite3_bind_int64(s, 2, rows[i].version);
        bind_name(s, 3, rows[i].destination);
        sqlite3_bind_blob(s, 4, rows[i].source_print, KH_FINGERPRINT_LEN, SQLITE_STATIC);
        sqlite3_bind_blob(
            s, 5, rows[i].destination_print, KH_FINGERPRINT_LEN, SQLITE_STATIC);
        st = step_write(db, s, err);
    }
    return finish(db, st, err);
}

/* False when the column does not fit what it must hold. */
static bool column_name(sqlite3_stmt *s, int column, char out[KH_NAME_MAX + 1])
{
    int len = sqlite3_column_bytes(s, column);

    if (len < 1 || len > KH_NAME_MAX)
        return false;
    memcpy(out, sqlite3_column_blob(s, column), (size_t)len);
    out[len] = '\0';
    return true;
}

static bool column_print(
    sqlite3_stmt *s, int column, unsigned char out[KH_FINGERPRINT_LEN])
{
    if (sqlite3_column_bytes(s, column) != KH_FINGERPRINT_LEN)
        return false;
    memcpy(out, sqlite3_column_blob(s, column), KH_FINGERPRINT_LEN);
    return true;
}

kh_status kh_journal_db_find(struct kh_journal_db *db, const char *name, uint32_t version,
    struct kh_journal_row *row, struct kh_error *err)
{
    sqlite3_stmt *s = db->statements[ROW_GET];
    kh_status st = KH_OK;
    int rc;

    memset(row, 0, sizeof *row);
    bind_name(s, 1, name);
    sqlite3_bind_int64(s, 2, version);
    rc = sqlite3_step(s);
    if (rc == SQLITE_DONE) {
        st = kh_fail(err, KH_NOT_FOUND, "%s: no row", db->path);
    } else if (rc != SQLITE_ROW) {
        st = failed(db, err);
    } else if (!column_name(s, 0, row->destination) ||
               !column_print(s, 1, row->source_print) ||
               !column_print(s, 2, row->destination_print)) {
        st = kh_fail(err, KH_CORRUPT, "%s: a row of the journal is malformed", db->path);
    } else {
        snprintf(row->name, sizeof row->name, "%s", name);
        row->version = version;
    }
    sqlite3_reset(s);
    return st;
}

kh_status kh_journal_db_count(
    struct kh_journal_db *db, uint64_t *count, struct kh_error *err)
{
    sqlite3_stmt *s = db->statements[ROW_COUNT];
    kh_status st = KH_OK;

    if (sqlite3_step(s) == SQLITE_ROW)
        *count = (uint64_t)sqlite3_column_int64(s, 0);
    else
        st = failed(db, err);
    sqlite3_reset(s);
    return st;
}

kh_status kh_journal_db_renamed(struct kh_journal_db *db,
    void (*fn)(void *arg, const char *name, const char *destination), void *arg,
    struct kh_error *err)
{
    sqlite3_stmt *s = db->statements[RENAMED];
    char name[KH_NAME_MAX + 1];
    char destination[KH_NAME_MAX + 1];
    kh_status st = KH_OK;
    int rc;

    while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
        if (column_name(s, 0, name) && column_name(s, 1, destination))
            fn(arg, name, destination);
    }
    if (rc != SQLITE_DONE)
        st = failed(db, err);
    sqlite3_reset(s);
    return st;
}
