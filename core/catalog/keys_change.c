#include "core/catalog/internal.h"

kh_status kh_key_set_state_on(struct kh_conn *conn, const struct kh_key_id *id,
    kh_key_state state, struct kh_error *err)
{
    KH_CLEANUP_STMT sqlite3_stmt *stmt = NULL;
    kh_status status = kh_stmt_take(conn, KH_SQL_KEY_SET_STATE, &stmt, err);
    int bound;

    if (status != KH_OK)
        return status;
    bound = kh_bind_id(stmt, 1, id) | sqlite3_bind_int(stmt, 2, (int)state);
    return kh_stmt_run(conn, stmt, bound, err);
}

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
            kh_cat_id_text(&key->id, text));
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
    kh_status status = kh_key_uses_on(conn, id, &uses, err);

    if (status == KH_OK && uses > 0)
        return kh_fail(err, KH_REFUSED, "key %s is needed by %llu version(s) or name(s)",
            kh_cat_id_text(id, text), (unsigned long long)uses);
    return status;
}

static kh_status doom(struct kh_conn *conn, const void *arg, struct kh_error *err)
{
    struct kh_catalog_key key;
    kh_status status = kh_key_get_on(conn, arg, &key, err);

    if (status == KH_OK)
        status = must_be_idle(conn, arg, err);
    if (status == KH_OK)
        status = kh_key_set_state_on(conn, arg, KH_KEY_DOOMED, err);
    return status;
}

static kh_status key_doom(
    struct kh_catalog *catalog, const struct kh_key_id *id, struct kh_error *err)
{
    return kh_cat_write(catalog->ctx, doom, id, err);
}

struct departure {
    const struct kh_key_id *ids;
    size_t count;
};

static kh_status forget_one(
    struct kh_conn *conn, const struct kh_key_id *id, struct kh_error *err)
{
    KH_CLEANUP_STMT sqlite3_stmt *stmt = NULL;
    kh_status status = must_be_idle(conn, id, err);

    if (status == KH_OK)
        status = kh_stmt_take(conn, KH_SQL_KEY_FORGET, &stmt, err);
    if (status != KH_OK)
        return status;
    return kh_stmt_run(conn, stmt, kh_bind_id(stmt, 1, id), err);
}

static kh_status forget(struct kh_conn *conn, const void *arg, struct kh_error *err)
{
    const struct departure *d = arg;
    kh_status status = KH_OK;

    for (size_t i = 0; i < d->count && status == KH_OK; i++)
        status = forget_one(conn, &d->ids[i], err);
    return status;
}

static kh_status keys_forget(struct kh_catalog *catalog, const struct kh_key_id *ids,
    size_t count, struct kh_error *err)
{
    struct departure d = {ids, count};

    return kh_cat_write(catalog->ctx, forget, &d, err);
}

static kh_status key_forget(
    struct kh_catalog *catalog, const struct kh_key_id *id, struct kh_error *err)
{
    return keys_forget(catalog, id, 1, err);
}

void kh_keys_change_methods(struct kh_catalog *face)
{
    face->key_announce = key_announce;
    face->key_doom = key_doom;
    face->key_forget = key_forget;
    face->keys_forget = keys_forget;
}
