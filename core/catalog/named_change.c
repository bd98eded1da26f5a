#include "core/catalog/internal.h"

#include <keyhsm/key_words.h>

static int bind_named(sqlite3_stmt *stmt, const struct kh_catalog_named *named)
{
    const struct kh_named_key *key = &named->key;
    const char *kind = kh_key_word(kh_key_kind_words(), key->kind);
    int bound = kh_bind_text(stmt, 1, key->name) | kh_bind_text(stmt, 2, kind) |
                sqlite3_bind_int64(stmt, 3, key->purposes) |
                sqlite3_bind_int(stmt, 4, (int)key->state) |
                sqlite3_bind_int64(stmt, 5, key->created) |
                kh_bind_id(stmt, 6, &named->id);

    return bound |
           sqlite3_bind_blob64(stmt, 7, key->public_key, key->public_len, SQLITE_STATIC);
}

static kh_status add_named(
    struct kh_conn *conn, const struct kh_catalog_named *named, struct kh_error *err)
{
    KH_CLEANUP_STMT sqlite3_stmt *stmt = NULL;
    char text[2 * KH_KEY_ID_MAX + 1];
    kh_status status = kh_stmt_take(conn, KH_SQL_NAMED_INSERT, &stmt, err);
    int bound;
    int rc;

    if (status != KH_OK)
        return status;
    bound = bind_named(stmt, named);
    rc = bound == SQLITE_OK ? sqlite3_step(stmt) : SQLITE_NOMEM;
    if (rc == SQLITE_DONE)
        return KH_OK;
    /* The name was found free: it is the key of the token. */
    if (rc == SQLITE_CONSTRAINT_UNIQUE)
        return kh_fail(err, KH_INVALID, "key %s has another name already",
            kh_cat_id_text(&named->id, text));
    return kh_conn_fail(conn, rc, err);
}

static kh_status run_insert(struct kh_conn *conn, const void *arg, struct kh_error *err)
{
    const struct kh_catalog_named *named = arg;
    kh_key_state state = KH_KEY_PENDING;
    kh_status status = kh_name_free_on(conn, KH_SQL_NAME_EXISTS, named->key.name, err);

    if (status == KH_OK)
        status = kh_name_free_on(conn, KH_SQL_NAMED_EXISTS, named->key.name, err);
    if (status == KH_OK)
        status = kh_key_usable_on(conn, &named->id, &state, err);
    if (status == KH_OK)
        status = add_named(conn, named, err);
    if (status == KH_OK && state == KH_KEY_PENDING)
        status = kh_key_set_state_on(conn, &named->id, KH_KEY_ACTIVE, err);
    return status;
}

static kh_status named_insert(struct kh_catalog *catalog,
    const struct kh_catalog_named *named, struct kh_error *err)
{
    const struct kh_named_key *key = &named->key;

    if (key->name[0] == '\0' || !kh_key_word(kh_key_kind_words(), key->kind) ||
        key->purposes == 0 || (key->purposes & ~kh_key_kind_purposes(key->kind)) != 0 ||
        (key->state != KH_ACTIVE && key->state != KH_DELETED))
        return kh_fail(err, KH_INVALID, "named key '%s' of kind %d cannot be stored",
            key->name, (int)key->kind);
    if (key->public_len > sizeof key->public_key ||
        (key->public_len == 0) != (key->kind == KH_KIND_AES_256))
        return kh_fail(err, KH_INVALID, "named key '%s': %zu bytes of a public half",
            key->name, key->public_len);
    return kh_cat_write(catalog->ctx, run_insert, named, err);
}

struct named_state {
    const char *name;
    kh_state state;
};

static kh_status none_there(const char *name, struct kh_error *err)
{
    return kh_fail(err, KH_NOT_FOUND, "there is no named key '%s'", name);
}

static kh_status run_set_state(
    struct kh_conn *conn, const void *arg, struct kh_error *err)
{
    KH_CLEANUP_STMT sqlite3_stmt *stmt = NULL;
    const struct named_state *change = arg;
    kh_status status = kh_stmt_take(conn, KH_SQL_NAMED_SET_STATE, &stmt, err);

    if (status == KH_OK)
        status = kh_stmt_run(conn, stmt,
            kh_bind_text(stmt, 1, change->name) |
                sqlite3_bind_int(stmt, 2, (int)change->state),
            err);
    if (status == KH_OK && sqlite3_changes(conn->db) == 0)
        return none_there(change->name, err);
    return status;
}

static kh_status named_set_state(
    struct kh_catalog *catalog, const char *name, kh_state state, struct kh_error *err)
{
    struct named_state change = {name, state};

    return kh_cat_write(catalog->ctx, run_set_state, &change, err);
}

/* One statement that takes the name and nothing else. */
static kh_status run_named(
    struct kh_conn *conn, enum kh_sql which, const char *name, struct kh_error *err)
{
    KH_CLEANUP_STMT sqlite3_stmt *stmt = NULL;
    kh_status status = kh_stmt_take(conn, which, &stmt, err);

    if (status == KH_OK)
        status = kh_stmt_run(conn, stmt, kh_bind_text(stmt, 1, name), err);
    if (status == KH_OK && sqlite3_changes(conn->db) == 0)
        return none_there(name, err);
    return status;
}

static kh_status run_purge(struct kh_conn *conn, const void *arg, struct kh_error *err)
{
    kh_status status = run_named(conn, KH_SQL_NAMED_DOOM_KEY, arg, err);

    return status == KH_OK ? run_named(conn, KH_SQL_NAMED_PURGE, arg, err) : status;
}

static kh_status named_purge(
    struct kh_catalog *catalog, const char *name, struct kh_error *err)
{
    return kh_cat_write(catalog->ctx, run_purge, name, err);
}

void kh_named_change_methods(struct kh_catalog *face)
{
    face->named_insert = named_insert;
    face->named_set_state = named_set_state;
    face->named_purge = named_purge;
}
