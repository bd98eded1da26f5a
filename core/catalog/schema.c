#include "core/catalog/internal.h"

#include "core/log.h"
#include <stdlib.h>
#include <string.h>

#define APPLICATION_ID "1263031117" /* "KHSM" */
#define SCHEMA 2

/* The envelope stands last, so that listing never reads its overflow pages. Names compare
 * as bytes (BINARY). A version cannot outlive its key, nor a key be forgotten under a
 * version. */
static const char deposits[] =
    "CREATE TABLE meta (name TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL)"
    " STRICT, WITHOUT ROWID;"
    "CREATE TABLE generation (one INTEGER PRIMARY KEY CHECK (one = 1),"
    " value INTEGER NOT NULL) STRICT;"
    "INSERT INTO generation VALUES (1, 0);"
    "CREATE TABLE keys (id BLOB PRIMARY KEY NOT NULL, token TEXT NOT NULL, scope TEXT "
    "NOT NULL,"
    " profile TEXT NOT NULL, state INTEGER NOT NULL CHECK (state IN (0, 1, 2)),"
    " created INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE INDEX keys_state ON keys (state);"
    "CREATE TABLE versions (seq INTEGER PRIMARY KEY, name TEXT COLLATE BINARY NOT NULL,"
    " version INTEGER NOT NULL CHECK (version BETWEEN 0 AND 2147483647),"
    " state INTEGER NOT NULL CHECK (state IN (0, 1)), created INTEGER NOT NULL,"
    " key BLOB NOT NULL REFERENCES keys (id), profile TEXT NOT NULL, envelope BLOB NOT "
    "NULL)"
    " STRICT;"
    "CREATE UNIQUE INDEX versions_name ON versions (name, version);"
    "CREATE INDEX versions_key ON versions (key);"
    "CREATE INDEX versions_deleted ON versions (name) WHERE state = 1;"
    "PRAGMA application_id = " APPLICATION_ID ";"
    "PRAGMA user_version = 1;";

/* Named keys. A deposit's key serves versions, a named one only itself. */
#define NAMED_COLUMNS                                                                    \
    "named_keys (seq INTEGER PRIMARY KEY, name TEXT COLLATE BINARY NOT NULL UNIQUE,"     \
    " kind TEXT NOT NULL, purposes INTEGER NOT NULL CHECK (purposes > 0),"               \
    " state INTEGER NOT NULL CHECK (state IN (0, 1)), created INTEGER NOT NULL,"         \
    " key BLOB NOT NULL UNIQUE"

static const char named[] =
    "CREATE TABLE " NAMED_COLUMNS " REFERENCES keys (id), public BLOB NOT NULL) STRICT;"
    "PRAGMA user_version = 2;";

/* What a catalog of an older schema lacks, in the order of the schemas. */
static const char *const steps[SCHEMA] = {deposits, named};

static kh_status number(
    struct kh_conn *conn, const char *text, int64_t *out, struct kh_error *err)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(conn->db, text, -1, &stmt, NULL);

    if (rc == SQLITE_OK)
        rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW)
        *out = sqlite3_column_int64(stmt, 0);
    (void)sqlite3_finalize(stmt);
    return rc == SQLITE_ROW ? KH_OK : kh_conn_fail(conn, rc, err);
}

/* A crash while tables were made leaves nothing of them: one transaction. */
static kh_status make_tables(struct kh_conn *conn, int64_t from, struct kh_error *err)
{
    kh_status status = kh_conn_exec(conn, "BEGIN IMMEDIATE", err);

    for (int64_t i = from; i < SCHEMA && status == KH_OK; i++)
        status = kh_conn_exec(conn, steps[i], err);
    if (status == KH_OK)
        status = kh_conn_exec(conn, "COMMIT", err);
    if (status != KH_OK && !sqlite3_get_autocommit(conn->db))
        (void)sqlite3_exec(conn->db, "ROLLBACK", NULL, NULL, NULL);
    return status;
}

/* *FOUND: the schema of what is there; 0: nothing is. */
static kh_status recognise(struct kh_conn *conn, int64_t *found, struct kh_error *err)
{
    int64_t application = 0;
    int64_t schema = 0;
    int64_t objects = 0;
    kh_status status = number(conn, "PRAGMA application_id", &application, err);

    if (status == KH_OK)
        status = number(conn, "PRAGMA user_version", &schema, err);
    if (status == KH_OK)
        status = number(conn, "SELECT count(*) FROM sqlite_schema", &objects, err);
    if (status != KH_OK)
        return status;
    *found = schema;
    if (application == 0 && schema == 0 && objects == 0)
        return KH_OK;
    if (application != strtoll(APPLICATION_ID, NULL, 10) || schema < 1)
        return kh_fail(err, KH_CORRUPT,
            "catalog %s: a database, but not a catalog of keyhsm", conn->cat->path);
    if (schema > SCHEMA)
        return kh_fail(err, KH_REFUSED,
            "catalog %s: written by a newer keyhsm (schema %lld, this one knows %d): "
            "upgrade this program",
            conn->cat->path, (long long)schema, SCHEMA);
    return KH_OK;
}

kh_status kh_schema_recognise(struct kh_conn *conn, struct kh_error *err)
{
    int64_t schema = 0;
    kh_status status = recognise(conn, &schema, err);

    if (status == KH_OK && schema == 0)
        return kh_fail(err, KH_CORRUPT, "catalog %s: an empty database, not a catalog",
            conn->cat->path);
    return status;
}

/* The table of a connection's own stands before one of the file in every statement. */
kh_status kh_schema_stand_in(struct kh_conn *conn, struct kh_error *err)
{
    int64_t schema = SCHEMA;
    kh_status status = number(conn, "PRAGMA user_version", &schema, err);

    if (status == KH_OK && schema == 1)
        status = kh_conn_exec(conn,
            "CREATE TEMP TABLE " NAMED_COLUMNS ", public BLOB NOT NULL) STRICT", err);
    return status;
}

static kh_status write_ahead(struct kh_conn *conn, struct kh_error *err)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(conn->db, "PRAGMA journal_mode = WAL", -1, &stmt, NULL);
    bool wal = false;

    if (rc == SQLITE_OK)
        rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW) {
        const char *mode = (const char *)sqlite3_column_text(stmt, 0);
        wal = mode && strcmp(mode, "wal") == 0;
    }
    (void)sqlite3_finalize(stmt);
    if (rc != SQLITE_ROW)
        return kh_conn_fail(conn, rc, err);
    if (!wal)
        return kh_fail(err, KH_UNAVAILABLE,
            "catalog %s: its file system cannot carry a write-ahead log (shared memory): "
            "use a local disk",
            conn->cat->path);
    return KH_OK;
}

kh_status kh_schema_ready(struct kh_conn *conn, struct kh_error *err)
{
    int64_t schema = 0;
    kh_status status = recognise(conn, &schema, err);

    if (status == KH_OK)
        status = write_ahead(conn, err);
    if (status == KH_OK && schema < SCHEMA)
        status = make_tables(conn, schema, err);
    if (status == KH_OK && schema > 0 && schema < SCHEMA)
        kh_log(KH_LOG_NOTICE,
            "catalog %s: brought from schema %lld to %d; programs older than this one "
            "do not open it any more",
            conn->cat->path, (long long)schema, SCHEMA);
    return status;
}
