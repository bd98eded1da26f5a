#include "core/catalog/internal.h"

#include <string.h>

/* ---- insert
 * ----------------------------------------------------------------------------- */

struct insertion {
    const struct kh_catalog_row *row;
    bool only_new;
};

kh_status kh_name_free_on(
    struct kh_conn *conn, enum kh_sql which, const char *name, struct kh_error *err)
{
    KH_CLEANUP_STMT sqlite3_stmt *stmt = NULL;
    bool row = false;
    kh_status status = kh_stmt_take(conn, which, &stmt, err);

    if (status == KH_OK)
        status = kh_stmt_row(conn, stmt, kh_bind_text(stmt, 1, name), &row, err);
    if (status == KH_OK && row)
        return kh_fail(err, KH_EXISTS, "%s '%s' exists already",
            which == KH_SQL_NAMED_EXISTS ? "named key" : "deposit", name);
    return status;
}

kh_status kh_key_usable_on(struct kh_conn *conn, const struct kh_key_id *id,
    kh_key_state *state, struct kh_error *err)
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
        return kh_fail(err, KH_INVALID, "key %s was not announced to the catalog",
            kh_cat_id_text(id, text));
    *state = (kh_key_state)sqlite3_column_int(stmt, 4);
    if (*state == KH_KEY_DOOMED)
        return kh_fail(
            err, KH_REFUSED, "key %s is about to be destroyed", kh_cat_id_text(id, text));
    return KH_OK;
}

static kh_status add_row(
    struct kh_conn *conn, const struct kh_catalog_row *row, struct kh_error *err)
{
    KH_CLEANUP_STMT sqlite3_stmt *stmt = NULL;
    kh_status status = kh_stmt_take(conn, KH_SQL_ROW_INSERT, &stmt, err);
    int bound;
    int rc;

    if (status != KH_OK)
        return status;
    bound = kh_bind_text(stmt, 1, row->name) | sqlite3_bind_int64(stmt, 2, row->version) |
            sqlite3_bind_int(stmt, 3, (int)row->state) |
            sqlite3_bind_int64(stmt, 4, row->created) | kh_bind_id(stmt, 5, &row->key) |
            kh_bind_text(stmt, 6, row->profile) |
            sqlite3_bind_blob64(stmt, 7, row->envelope, row->envelope_len, SQLITE_STATIC);
    rc = bound == SQLITE_OK ? sqlite3_step(stmt) : SQLITE_NOMEM;
    if (rc == SQLITE_DONE)
        return KH_OK;
    if (rc == SQLITE_CONSTRAINT_UNIQUE)
        return kh_fail(err, KH_EXISTS, "version %u of deposit '%s' exists already",
            row->version, row->name);
    return kh_conn_fail(conn, rc, err);
}

static kh_status run_insert(struct kh_conn *conn, const void *arg, struct kh_error *err)
{
    const struct insertion *in = arg;
    kh_key_state state = KH_KEY_PENDING;
    kh_status status = kh_name_free_on(conn, KH_SQL_NAMED_EXISTS, in->row->name, err);

    if (status == KH_OK && in->only_new)
        status = kh_name_free_on(conn, KH_SQL_NAME_EXISTS, in->row->name, err);
    if (status == KH_OK)
        status = kh_key_usable_on(conn, &in->row->key, &state, err);
    if (status == KH_OK)
        status = add_row(conn, in->row, err);
    if (status == KH_OK && state == KH_KEY_PENDING)
        status = kh_key_set_state_on(conn, &in->row->key, KH_KEY_ACTIVE, err);
    return status;
}

static kh_status insert(struct kh_catalog *catalog, const struct kh_catalog_row *row,
    bool only_new, struct kh_error *err)
{
    struct insertion in = {row, only_new};

    if (row->name[0] == '\0' || row->version > KH_VERSION_MAX ||
        (row->state != KH_ACTIVE && row->state != KH_DELETED))
        return kh_fail(err, KH_INVALID, "version %u of deposit '%s' cannot be stored",
            row->version, row->name);
    if (!row->envelope || row->envelope_len == 0)
        return kh_fail(err, KH_INVALID, "version %u of deposit '%s' has no envelope",
            row->version, row->name);
    return kh_cat_write(catalog->ctx, run_insert, &in, err);
}

/* ---- state and purge
 * -------------------------------------------------------------------- */

struct change {
    const char *name;
    uint32_t version;
    kh_state state;
    const struct kh_key_id *keep;
};

static int bind_which(sqlite3_stmt *stmt, const struct change *c)
{
    int64_t version = c->version == KH_ALL_VERSIONS ? -1 : (int64_t)c->version;

    return kh_bind_text(stmt, 1, c->name) | sqlite3_bind_int64(stmt, 2, version);
}

static kh_status none_there(const struct change *c, struct kh_error *err)
{
    if (c->version == KH_ALL_VERSIONS)
        return kh_fail(err, KH_NOT_FOUND, "there is no deposit '%s'", c->name);
    return kh_fail(
        err, KH_NOT_FOUND, "there is no version %u of deposit '%s'", c->version, c->name);
}

static kh_status run_set_state(
    struct kh_conn *conn, const void *arg, struct kh_error *err)
{
    KH_CLEANUP_STMT sqlite3_stmt *stmt = NULL;
    const struct change *c = arg;
    kh_status status = kh_stmt_take(conn, KH_SQL_ROW_SET_STATE, &stmt, err);

    if (status == KH_OK)
        status = kh_stmt_run(conn, stmt,
            bind_which(stmt, c) | sqlite3_bind_int(stmt, 3, (int)c->state), err);
    if (status == KH_OK && sqlite3_changes(conn->db) == 0)
        return none_there(c, err);
    return status;
}

static kh_status set_state(struct kh_catalog *catalog, const char *name, uint32_t version,
    kh_state state, struct kh_error *err)
{
    struct change c = {name, version, state, NULL};

    return kh_cat_write(catalog->ctx, run_set_state, &c, err);
}

static kh_status doom_keys(
    struct kh_conn *conn, const struct change *c, struct kh_error *err)
{
    KH_CLEANUP_STMT sqlite3_stmt *stmt = NULL;
    kh_status status = kh_stmt_take(conn, KH_SQL_ROW_DOOM_KEYS, &stmt, err);

    if (status != KH_OK)
        return status;
    return kh_stmt_run(
        conn, stmt, bind_which(stmt, c) | kh_bind_id(stmt, 3, c->keep), err);
}

static kh_status run_purge(struct kh_conn *conn, const void *arg, struct kh_error *err)
{
    KH_CLEANUP_STMT sqlite3_stmt *stmt = NULL;
    const struct change *c = arg;
    kh_status status = doom_keys(conn, c, err);

    if (status == KH_OK)
        status = kh_stmt_take(conn, KH_SQL_ROW_PURGE, &stmt, err);
    if (status == KH_OK)
        status = kh_stmt_run(conn, stmt, bind_which(stmt, c), err);
    if (status == KH_OK && sqlite3_changes(conn->db) == 0)
        return none_there(c, err);
    return status;
}

static kh_status purge(struct kh_catalog *catalog, const char *name, uint32_t version,
    const struct kh_key_id *keep, struct kh_error *err)
{
    struct change c = {name, version, KH_ACTIVE, keep};

    return kh_cat_write(catalog->ctx, run_purge, &c, err);
}

/* ---- facts
 * ------------------------------------------------------------------------------ */

struct fact {
    const char *name, *value;
};

static kh_status run_meta_set(struct kh_conn *conn, const void *arg, struct kh_error *err)
{
    KH_CLEANUP_STMT sqlite3_stmt *stmt = NULL;
    const struct fact *fact = arg;
    kh_status status = kh_stmt_take(conn, KH_SQL_META_SET, &stmt, err);
    int rc;

    if (status != KH_OK)
        return status;
    rc = kh_bind_text(stmt, 1, fact->name) | kh_bind_text(stmt, 2, fact->value);
    rc = rc == SQLITE_OK ? sqlite3_step(stmt) : SQLITE_NOMEM;
    if (rc == SQLITE_DONE)
        return KH_OK;
    if (rc == SQLITE_CONSTRAINT_PRIMARYKEY)
        return kh_fail(
            err, KH_EXISTS, "the catalog's fact '%s' is set already", fact->name);
    return kh_conn_fail(conn, rc, err);
}

static kh_status meta_set(
    struct kh_catalog *catalog, const char *name, const char *value, struct kh_error *err)
{
    struct fact fact = {name, value};

    return kh_cat_write(catalog->ctx, run_meta_set, &fact, err);
}

void kh_rows_methods(struct kh_catalog *face)
{
    face->insert = insert;
    face->set_state = set_state;
    face->purge = purge;
    face->meta_set = meta_set;
}
