#include "core/catalog/internal.h"

#include <keyhsm/key_words.h>
#include <string.h>

static bool read_kind(sqlite3_stmt *stmt, int at, kh_key_kind *kind)
{
    unsigned value = 0;
    bool known = kh_key_word_value(
        kh_key_kind_words(), (const char *)sqlite3_column_text(stmt, at), &value);

    *kind = (kh_key_kind)value;
    return known;
}

static bool read_purposes(sqlite3_stmt *stmt, int at, struct kh_named_key *key)
{
    int64_t value = sqlite3_column_int64(stmt, at);

    key->purposes = (uint32_t)value;
    return value > 0 && (value & ~(int64_t)kh_key_kind_purposes(key->kind)) == 0;
}

/* No key of AES has a public half: SQLite gives NULL for what is empty. */
static bool read_public(sqlite3_stmt *stmt, int at, struct kh_named_key *key)
{
    const void *bytes = sqlite3_column_blob(stmt, at);
    size_t len = (size_t)sqlite3_column_bytes(stmt, at);

    if (len > sizeof key->public_key || (len == 0) != (key->kind == KH_KIND_AES_256))
        return false;
    if (len > 0)
        memcpy(key->public_key, bytes, len);
    key->public_len = len;
    return true;
}

static kh_status read_named(struct kh_conn *conn, sqlite3_stmt *stmt,
    struct kh_named_key *out, struct kh_error *err)
{
    int state = sqlite3_column_int(stmt, 3);

    memset(out, 0, sizeof *out);
    if (!kh_column_text(stmt, 0, out->name, sizeof out->name) ||
        !read_kind(stmt, 1, &out->kind) || !read_purposes(stmt, 2, out) ||
        (state != KH_ACTIVE && state != KH_DELETED) || !read_public(stmt, 5, out)) {
        memset(out, 0, sizeof *out);
        return kh_conn_odd(conn, "named_keys", err);
    }
    out->state = (kh_state)state;
    out->created = sqlite3_column_int64(stmt, 4);
    return KH_OK;
}

static kh_status named_get(struct kh_catalog *catalog, const char *name,
    struct kh_catalog_named *named, struct kh_error *err)
{
    KH_CLEANUP_READER struct kh_conn *conn = NULL;
    KH_CLEANUP_STMT sqlite3_stmt *stmt = NULL;
    struct kh_catalog_named found = {0};
    bool row = false;
    kh_status status = kh_reader_take(catalog->ctx, &conn, err);

    if (status == KH_OK)
        status = kh_stmt_take(conn, KH_SQL_NAMED_GET, &stmt, err);
    if (status == KH_OK)
        status = kh_stmt_row(conn, stmt, kh_bind_text(stmt, 1, name), &row, err);
    if (status != KH_OK)
        return status;
    if (!row)
        return kh_fail(err, KH_NOT_FOUND, "there is no named key '%s'", name);
    status = read_named(conn, stmt, &found.key, err);
    if (status == KH_OK && !kh_column_id(stmt, 6, &found.id))
        status = kh_conn_odd(conn, "named_keys", err);
    if (status == KH_OK)
        *named = found;
    return status;
}

static kh_status named_list(struct kh_catalog *catalog, const char *after,
    struct kh_named_key *keys, size_t max, size_t *count, struct kh_error *err)
{
    KH_CLEANUP_READER struct kh_conn *conn = NULL;
    KH_CLEANUP_STMT sqlite3_stmt *stmt = NULL;
    size_t n = 0;
    bool row = false;
    kh_status status = kh_reader_take(catalog->ctx, &conn, err);

    if (status == KH_OK)
        status = kh_stmt_take(conn, KH_SQL_NAMED_LIST, &stmt, err);
    if (status != KH_OK)
        return status;
    /* Before the first: no name is empty. */
    status = kh_stmt_row(conn, stmt,
        kh_bind_text(stmt, 1, after ? after : "") |
            sqlite3_bind_int64(stmt, 2, (int64_t)max),
        &row, err);
    while (status == KH_OK && row && n < max) {
        status = read_named(conn, stmt, &keys[n++], err);
        if (status == KH_OK)
            status = kh_stmt_row(conn, stmt, SQLITE_OK, &row, err);
    }
    if (status == KH_OK)
        *count = n;
    return status;
}

void kh_named_methods(struct kh_catalog *face)
{
    face->named_get = named_get;
    face->named_list = named_list;
}
