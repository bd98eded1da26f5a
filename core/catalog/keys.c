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

static kh_status get_on(struct kh_conn *conn, const struct kh_key_id *id,
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
            err, KH_NOT_FOUND, "key %s is not in the catalog", kh_id_text(id, text));
    return read_key(conn, stmt, key, err);
}

static kh_status key_get(struct kh_catalog *catalog, const struct kh_key_id *id,
    struct kh_catalog_key *key, struct kh_error *err)
{
    KH_CLEANUP_READER struct kh_conn *conn = NULL;
    kh_status status = kh_reader_take(catalog->ctx, &conn, err);

    return status == KH_OK ? get_on(conn, id, key, err) : status;
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

static kh_status uses_on(struct kh_conn *conn, const struct kh_key_id *id, uint64_t *uses,
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

    return status == KH_OK ? uses_on(conn, id, uses, err) : status;
}

/* ---- writes
 * ----------------------------------------------------------------------------- */

struct announcement {
    const struct kh_catalog_key *keys;
    size_t count;
};

static kh_status add_key(
    struct kh_conn *conn, const struct kh_catalog_key *key, struct kh_error *err)
{
    KH_CLEANUP_STMT sqlite3_stmt *stmt = NULL;
    char text[2 * KH_KEY_ID_MAX + 1];
    kh_status status;
    int bound;

    if (key->id.len == 0 || key->id.len > KH_KEY_ID_MAX)
        return kh_fail(err, KH_INVALID, "a key id of %zu bytes", key->id.len);
    status = kh_stmt_take(conn, KH_SQL_KEY_ADD, &stmt, err);
    if (status != KH_OK)
        return status;
    bound = kh_bind_id(stmt, 1, &key->id) | kh_bind_text(stmt, 2, key->token) |
            kh_bind_text(stmt, 3, key->scope) | kh_bind_text(stmt, 4, key->profile) |
            sqlite3_bind_int64(stmt, 5, key->created);
    if (bound == SQLITE_OK && sqlite3_step(stmt) == SQLITE_DONE)
        return KH_OK;
    if (sqlite3_extended_errcode(conn->db) == SQLITE_CONSTRAINT_PRIMARYKEY)
        return kh_fail(err, KH_EXISTS, "key %s is in the catalog already",
            kh_id_text(&key->id, text));
    return kh_conn_fail(conn, sqlite3_extended_errcode(conn->db), err);
}

static kh_status announce(struct kh_conn *conn, const void *arg, struct kh_error *err)
{
    const struct announcement *a = arg;
    kh_status status = KH_OK;

    for (size_t i = 0; i < a->count && status == KH_OK; i++)
        status = add_key(conn, &a->keys[i], err);
    return status;
}

static kh_status key_announce(struct kh_catalog *catalog,
    const struct kh_catalog_key *keys, size_t count, struct kh_error *err)
{
    struct announcement a = {keys, count};

    return kh_cat_write(catalog->ctx, announce, &a, err);
}

static kh_status must_be_idle(
    struct kh_conn *conn, const struct kh_key_id *id, struct kh_error *err)
{
    char text[2 * KH_KEY_ID_MAX + 1];
    uint64_t uses = 0;
    kh_status status = uses_on(conn, id, &uses, err);

    if (status == KH_OK && uses > 0)
        return kh_fail(err, KH_REFUSED, "key %s is needed by %llu version(s)",
            kh_id_text(id, text), (unsigned long long)uses);
    return status;
}

static kh_status doom(struct kh_conn *conn, const void *arg, struct kh_error *err)
{
    KH_CLEANUP_STMT sqlite3_stmt *stmt = NULL;
    struct kh_catalog_key key;
    kh_status status = get_on(conn, arg, &key, err);
    int bound;

    if (status == KH_OK)
        status = must_be_idle(conn, arg, err);
    if (status == KH_OK)
        status = kh_stmt_take(conn, KH_SQL_KEY_SET_STATE, &stmt, err);
    if (status != KH_OK)
        return status;
    bound = kh_bind_id(stmt, 1, arg) | sqlite3_bind_int(stmt, 2, KH_KEY_DOOMED);
    return kh_stmt_run(conn, stmt, bound, err);
}

static kh_status key_doom(
    struct kh_catalog *catalog, const struct kh_key_id *id, struct kh_error *err)
{
    return kh_cat_write(catalog->ctx, doom, id, err);
}

static kh_status forget(struct kh_conn *conn, const void *arg, struct kh_error *err)
{
    KH_CLEANUP_STMT sqlite3_stmt *stmt = NULL;
    kh_status status = must_be_idle(conn, arg, err);

    if (status == KH_OK)
        status = kh_stmt_take(conn, KH_SQL_KEY_FORGET, &stmt, err);
    if (status != KH_OK)
        return status;
    return kh_stmt_run(conn, stmt, kh_bind_id(stmt, 1, arg), err);
}

static kh_status key_forget(
    struct kh_catalog *catalog, const struct kh_key_id *id, struct kh_error *err)
{
    return kh_cat_write(catalog->ctx, forget, id, err);
}

void kh_keys_methods(struct kh_catalog *face)
{
    face->key_announce = key_announce;
    face->key_get = key_get;
    face->key_list = key_list;
    face->keys_in_state = keys_in_state;
    face->key_doom = key_doom;
    face->key_forget = key_forget;
    face->key_uses = key_uses;
}
