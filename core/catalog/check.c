#include "core/catalog/internal.h"

#include <string.h>

static kh_status count_versions(
    struct kh_conn *conn, struct kh_catalog_counts *counts, struct kh_error *err)
{
    KH_CLEANUP_STMT sqlite3_stmt *stmt = NULL;
    bool row = false;
    kh_status status = kh_stmt_take(conn, KH_SQL_COUNT_VERSIONS, &stmt, err);

    if (status == KH_OK)
        status = kh_stmt_row(conn, stmt, SQLITE_OK, &row, err);
    if (status != KH_OK)
        return status;
    counts->deposits = (uint64_t)sqlite3_column_int64(stmt, 0);
    counts->versions = (uint64_t)sqlite3_column_int64(stmt, 1);
    counts->deleted = (uint64_t)sqlite3_column_int64(stmt, 2);
    return KH_OK;
}

static kh_status count_keys(
    struct kh_conn *conn, struct kh_catalog_counts *counts, struct kh_error *err)
{
    KH_CLEANUP_STMT sqlite3_stmt *stmt = NULL;
    bool row = false;
    kh_status status = kh_stmt_take(conn, KH_SQL_COUNT_KEYS, &stmt, err);

    if (status == KH_OK)
        status = kh_stmt_row(conn, stmt, SQLITE_OK, &row, err);
    while (status == KH_OK && row) {
        int state = sqlite3_column_int(stmt, 0);

        if (state < KH_KEY_PENDING || state > KH_KEY_DOOMED)
            return kh_conn_odd(conn, "keys", err);
        counts->keys[state] = (uint64_t)sqlite3_column_int64(stmt, 1);
        status = kh_stmt_row(conn, stmt, SQLITE_OK, &row, err);
    }
    return status;
}

static kh_status counts(
    struct kh_catalog *catalog, struct kh_catalog_counts *out, struct kh_error *err)
{
    KH_CLEANUP_READER struct kh_conn *conn = NULL;
    struct kh_catalog_counts counted = {0};
    kh_status status = kh_reader_take(catalog->ctx, &conn, err);

    if (status == KH_OK)
        status = count_versions(conn, &counted, err);
    if (status == KH_OK)
        status = count_keys(conn, &counted, err);
    if (status == KH_OK)
        *out = counted;
    return status;
}

static kh_status deleted_names(
    struct kh_catalog *catalog, uint64_t *count, struct kh_error *err)
{
    KH_CLEANUP_READER struct kh_conn *conn = NULL;
    KH_CLEANUP_STMT sqlite3_stmt *stmt = NULL;
    bool row = false;
    kh_status status = kh_reader_take(catalog->ctx, &conn, err);

    if (status == KH_OK)
        status = kh_stmt_take(conn, KH_SQL_COUNT_DELETED, &stmt, err);
    if (status == KH_OK)
        status = kh_stmt_row(conn, stmt, SQLITE_OK, &row, err);
    if (status == KH_OK)
        *count = row ? (uint64_t)sqlite3_column_int64(stmt, 0) : 0;
    return status;
}

/* SQLite's own check of pages, indexes and constraints: one row, "ok". */
static kh_status check_file(struct kh_conn *conn, struct kh_error *err)
{
    KH_CLEANUP_STMT sqlite3_stmt *stmt = NULL;
    const char *text;
    bool row = false;
    kh_status status = kh_stmt_take(conn, KH_SQL_CHECK_FILE, &stmt, err);

    if (status == KH_OK)
        status = kh_stmt_row(conn, stmt, SQLITE_OK, &row, err);
    if (status != KH_OK)
        return status;
    text = row ? (const char *)sqlite3_column_text(stmt, 0) : NULL;
    if (!text || strcmp(text, "ok") != 0)
        return kh_fail(err, KH_CORRUPT, "catalog %s is damaged: %s", conn->cat->path,
            text ? text : "no answer");
    return KH_OK;
}

/* WHICH finds one offender: what it is called, and a key id. FORMAT says what is wrong
 * with it. */
static kh_status check_none(
    struct kh_conn *conn, enum kh_sql which, const char *wrong, struct kh_error *err)
{
    KH_CLEANUP_STMT sqlite3_stmt *stmt = NULL;
    bool row = false;
    kh_status status = kh_stmt_take(conn, which, &stmt, err);

    if (status == KH_OK)
        status = kh_stmt_row(conn, stmt, SQLITE_OK, &row, err);
    if (status == KH_OK && row)
        return kh_fail(err, KH_CORRUPT, "catalog %s is damaged: %s %s", conn->cat->path,
            (const char *)sqlite3_column_text(stmt, 0), wrong);
    return status;
}

static kh_status check(struct kh_catalog *catalog, struct kh_error *err)
{
    KH_CLEANUP_READER struct kh_conn *conn = NULL;
    kh_status status = kh_reader_take(catalog->ctx, &conn, err);

    if (status == KH_OK)
        status = check_file(conn, err);
    if (status == KH_OK)
        status = check_none(
            conn, KH_SQL_CHECK_REFERENCES, "refers to a key that is missing", err);
    if (status == KH_OK)
        status = check_none(
            conn, KH_SQL_CHECK_STATES, "refers to a key that is not active", err);
    if (status == KH_OK)
        status = check_none(
            conn, KH_SQL_CHECK_IDLE, "is an active key that no version needs", err);
    if (status == KH_OK)
        status = check_none(
            conn, KH_SQL_CHECK_NAMES, "is the name of a key and of a deposit", err);
    return status;
}

void kh_check_methods(struct kh_catalog *face)
{
    face->counts = counts;
    face->deleted_names = deleted_names;
    face->check = check;
}
