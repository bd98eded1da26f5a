#include "core/catalog/internal.h"

#include <errno.h>
#include <string.h>

/* How long a statement waits for a lock that only a stranger (a sqlite3 shell) can hold.
 */
#define BUSY_MS 5000

static int last_errno(sqlite3_file *file)
{
    int cause = 0;

    if (file && file->pMethods)
        (void)file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &cause);
    return cause;
}

/* The errno behind an I/O error. sqlite3_system_errno knows it only for some calls; the
 * file that failed, the log first, knows it for all. 0 when nobody does. */
static int cause_of(sqlite3 *db)
{
    sqlite3_file *file = NULL;
    int cause = 0;

    if (!db)
        return 0;
    if (sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &file) ==
        SQLITE_OK)
        cause = last_errno(file);
    if (!cause &&
        sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file) == SQLITE_OK)
        cause = last_errno(file);
    return cause ? cause : sqlite3_system_errno(db);
}

/* A write that the file system turned away is not a lost one: SQLite reports ENOSPC as
 * SQLITE_FULL, but a quota or a file size limit as an I/O error. */
static bool no_room(int rc, int cause)
{
    return rc == SQLITE_IOERR_WRITE &&
           (cause == ENOSPC || cause == EDQUOT || cause == EFBIG);
}

static kh_status status_of(int rc, int cause)
{
    if (no_room(rc, cause))
        return KH_UNAVAILABLE;
    switch (rc & 0xff) {
    case SQLITE_FULL:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return KH_UNAVAILABLE;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return KH_CORRUPT;
    default:
        return KH_FATAL; /* I/O errors, memory, misuse */
    }
}

kh_status kh_conn_fail(struct kh_conn *conn, int rc, struct kh_error *err)
{
    bool io = (rc & 0xff) == SQLITE_IOERR || (rc & 0xff) == SQLITE_CANTOPEN;
    int cause = io ? cause_of(conn->db) : 0;
    kh_status status = status_of(rc, cause);
    char text[96] = "";

    if (cause)
        snprintf(text, sizeof text, ": %s", strerrordesc_np(cause));
    return kh_fail(err, status, "catalog %s: %s (sqlite %d)%s", conn->cat->path,
        conn->db && sqlite3_extended_errcode(conn->db) == rc ? sqlite3_errmsg(conn->db)
                                                             : sqlite3_errstr(rc),
        rc, text);
}

kh_status kh_conn_open(
    struct kh_conn *conn, struct kh_cat *cat, int flags, struct kh_error *err)
{
    int rc;

    conn->cat = cat;
    rc = sqlite3_open_v2(cat->path, &conn->db,
        flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE,
        NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_busy_timeout(conn->db, BUSY_MS);
    if (rc != SQLITE_OK) {
        kh_status status = kh_conn_fail(conn, rc, err);
        kh_conn_close(conn);
        return status;
    }
    return KH_OK;
}

void kh_conn_close(struct kh_conn *conn)
{
    for (int i = 0; i < KH_SQL_COUNT; i++)
        (void)sqlite3_finalize(conn->stmts[i]);
    memset(conn->stmts, 0, sizeof conn->stmts);
    (void)sqlite3_close(conn->db);
    conn->db = NULL;
}

kh_status kh_conn_exec(struct kh_conn *conn, const char *text, struct kh_error *err)
{
    int rc = sqlite3_exec(conn->db, text, NULL, NULL, NULL);

    return rc == SQLITE_OK ? KH_OK : kh_conn_fail(conn, rc, err);
}

kh_status kh_stmt_take(
    struct kh_conn *conn, enum kh_sql which, sqlite3_stmt **stmt, struct kh_error *err)
{
    int rc;

    if (!conn->stmts[which]) {
        rc = sqlite3_prepare_v3(conn->db, kh_sql_texts[which], -1,
            SQLITE_PREPARE_PERSISTENT, &conn->stmts[which], NULL);
        if (rc != SQLITE_OK)
            return kh_conn_fail(conn, rc, err);
    }
    *stmt = conn->stmts[which];
    return KH_OK;
}

void kh_stmt_done(sqlite3_stmt **stmt)
{
    if (*stmt) {
        (void)sqlite3_reset(*stmt);
        (void)sqlite3_clear_bindings(*stmt);
        *stmt = NULL;
    }
}

kh_status kh_stmt_row(
    struct kh_conn *conn, sqlite3_stmt *stmt, int bound, bool *row, struct kh_error *err)
{
    int rc = bound == SQLITE_OK ? sqlite3_step(stmt) : SQLITE_NOMEM;

    *row = rc == SQLITE_ROW;
    if (rc == SQLITE_ROW || rc == SQLITE_DONE)
        return KH_OK;
    return kh_conn_fail(conn, rc, err);
}

kh_status kh_stmt_run(
    struct kh_conn *conn, sqlite3_stmt *stmt, int bound, struct kh_error *err)
{
    bool row;

    return kh_stmt_row(conn, stmt, bound, &row, err);
}

kh_status kh_conn_run(struct kh_conn *conn, enum kh_sql which, struct kh_error *err)
{
    KH_CLEANUP_STMT sqlite3_stmt *stmt = NULL;
    kh_status status = kh_stmt_take(conn, which, &stmt, err);

    return status == KH_OK ? kh_stmt_run(conn, stmt, SQLITE_OK, err) : status;
}

int kh_bind_text(sqlite3_stmt *stmt, int at, const char *text)
{
    return sqlite3_bind_text(stmt, at, text, -1, SQLITE_STATIC);
}

int kh_bind_id(sqlite3_stmt *stmt, int at, const struct kh_key_id *id)
{
    if (!id)
        return sqlite3_bind_null(stmt, at);
    return sqlite3_bind_blob(stmt, at, id->bytes, (int)id->len, SQLITE_STATIC);
}

bool kh_column_text(sqlite3_stmt *stmt, int at, char *out, size_t size)
{
    const unsigned char *text = sqlite3_column_text(stmt, at);
    size_t len = (size_t)sqlite3_column_bytes(stmt, at);

    if (!text || len >= size || memchr(text, 0, len))
        return false;
    memcpy(out, text, len);
    out[len] = '\0';
    return true;
}

bool kh_column_id(sqlite3_stmt *stmt, int at, struct kh_key_id *id)
{
    const void *bytes = sqlite3_column_blob(stmt, at);
    size_t len = (size_t)sqlite3_column_bytes(stmt, at);

    if (!bytes || len > sizeof id->bytes)
        return false;
    memcpy(id->bytes, bytes, len);
    id->len = len;
    return true;
}

kh_status kh_conn_odd(struct kh_conn *conn, const char *table, struct kh_error *err)
{
    return kh_fail(err, KH_CORRUPT,
        "catalog %s: table %s holds a row that was not written by keyhsm",
        conn->cat->path, table);
}

const char *kh_cat_id_text(const struct kh_key_id *id, char out[2 * KH_KEY_ID_MAX + 1])
{
    out[0] = '\0';
    for (size_t i = 0; i < id->len && i < KH_KEY_ID_MAX; i++)
        snprintf(out + 2 * i, 3, "%02x", id->bytes[i]);
    return out;
}
