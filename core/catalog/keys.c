#include "core/catalog/internal.h"

#include <string.h>

/* ---- columns
 * ---------------------------------------------------------------------------- */

static kh_status read_key(struct kh_conn *conn, sqlite3_stmt *stmt,
    struct kh_catalog_key *out, struct kh_error *err)
{
    struct kh_catalog_key key = {0};
    int state = sqlite3_column_int(stmt, 4);

    if (!kh_column_id(stmt, 0, &key.id) ||
        !kh_column_text(stmt, 1, key.token, sizeof key.token) ||
        !kh_column_text(stmt, 2, key.scope, sizeof key.scope) ||
        !kh_column_text(stmt, 3, key.profile, sizeof key.profile) ||
        state < KH_KEY_PENDING || state > KH_KEY_DOOMED)
        return kh_conn_odd(conn, "keys", err);
    key.state = (kh_key_state)state;
    key.created = sqlite3_column_int64(stmt, 5);
    *out = key;
    return KH_OK;
}

/* The rows of STMT, already bound, at most MAX by its own LIMIT. */
static kh_status read_keys(struct kh_conn *conn, sqlite3_stmt *stmt, int bound,
    struct kh_catalog_key *keys, size_t *count, struct kh_error *err)
{
    size_t n = 0;
    bool row;
    kh_status status = kh_stmt_row(conn, stmt, bound, &row, err);

    while (status == KH_OK && row) {
        status = read_key(conn, stmt, &keys[n++], err);
        if (status == KH_OK)
            status = kh_stmt_row(conn, stmt, SQLITE_OK, &row, err);
    }
    if (status == KH_OK)
        *count = n;
    return status;
}

/* ---- reads
 * ------------------------------------------------------------------------------ */

kh_status kh_key_get_on(struct kh_conn *conn, const struct kh_key_id *id,
    struct kh_catalog_key *key, struct kh_error *err)
{
    KH_CLEANUP_STMT sqlite3_stmt *stmt = NULL;
    char text[2 * KH_KEY_ID_MAX + 1];
    bool row = false;
    kh_status status = kh_stmt_take(conn, KH_SQL_KEY_GET, &stmt, err);

    if (status == KH_OK)
        status = kh_stmt_row(conn, stmt, kh_bind_id(stmt, 1, id), &row, err);
    if (status != KH_OK)
        return status;
    if (!row)
        return kh_fail(
            err, KH_NOT_FOUND, "key %s is not in the catalog", kh_cat_id_text(id, text));
    return read_key(conn, stmt, key, err);
}

static kh_status key_get(struct kh_catalog *catalog, const struct kh_key_id *id,
    struct kh_catalog_key *key, struct kh_error *err)
{
    KH_CLEANUP_READER struct kh_conn *conn = NULL;
    kh_status status = kh_reader_take(catalog->ctx, &conn, err);

    return status == KH_OK ? kh_key_get_on(conn, id, key, err) : status;
}

static kh_status key_list(struct kh_catalog *catalog, const struct kh_key_id *after,
    struct kh_catalog_key *keys, size_t max, size_t *count, struct kh_error *err)
{
    KH_CLEANUP_READER struct kh_conn *conn = NULL;
    KH_CLEANUP_STMT sqlite3_stmt *stmt = NULL;
    kh_status status = kh_reader_take(catalog->ctx, &conn, err);
    int bound;

    if (status == KH_OK)
        status = kh_stmt_take(conn, KH_SQL_KEY_LIST, &stmt, err);
    if (status != KH_OK)
        return status;
    bound = after ? kh_bind_id(stmt, 1, after) : sqlite3_bind_zeroblob(stmt, 1, 0);
    bound |= sqlite3_bind_int64(stmt, 2, (int64_t)max);
    return read_keys(conn, stmt, bound, keys, count, err);
}

static kh_status keys_in_state(struct kh_catalog *catalog, kh_key_state state,
    struct kh_catalog_key *keys, size_t max, size_t *count, struct kh_error *err)
{
    KH_CLEANUP_READER struct kh_conn *conn = NULL;
    KH_CLEANUP_STMT sqlite3_stmt *stmt = NULL;
    kh_status status = kh_reader_take(catalog->ctx, &conn, err);
    int bound;

    if (status == KH_OK)
        status = kh_stmt_take(conn, KH_SQL_KEY_IN_STATE, &stmt, err);
    if (status != KH_OK)
        return status;
    bound =
        sqlite3_bind_int(stmt, 1, (int)state) | sqlite3_bind_int64(stmt, 2, (int64_t)max);
    return read_keys(conn, stmt, bound, keys, count, err);
}

kh_status kh_key_uses_on(struct kh_conn *conn, const struct kh_key_id *id, uint64_t *uses,
    struct kh_error *err)
{
    KH_CLEANUP_STMT sqlite3_stmt *stmt = NULL;
    bool row = false;
    kh_status status = kh_stmt_take(conn, KH_SQL_KEY_USES, &stmt, err);

    if (status == KH_OK)
        status = kh_stmt_row(conn, stmt, kh_bind_id(stmt, 1, id), &row, err);
    if (status == KH_OK)
        *uses = row ? (uint64_t)sqlite3_column_int64(stmt, 0) : 0;
    return status;
}

static kh_status key_uses(struct kh_catalog *catalog, const struct kh_key_id *id,
    uint64_t *uses, struct kh_error *err)
{
    KH_CLEANUP_READER struct kh_conn *conn = NULL;
    kh_status status = kh_reader_take(catalog->ctx, &conn, err);

    return status == KH_OK ? kh_key_uses_on(conn, id, uses, err) : status;
}

void kh_keys_methods(struct kh_catalog *face)
{
    face->key_get = key_get;
    face->key_list = key_list;
    face->keys_in_state = keys_in_state;
    face->key_uses = key_uses;
}
