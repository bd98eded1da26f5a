#include "core/catalog/internal.h"

#include <stdlib.h>
#include <string.h>

static int64_t version_or_latest(uint32_t version)
{
    return version == KH_LATEST ? -1 : (int64_t)version;
}

static kh_status not_there(const char *name, uint32_t version, struct kh_error *err)
{
    if (version == KH_LATEST)
        return kh_fail(err, KH_NOT_FOUND, "there is no deposit '%s'", name);
    return kh_fail(
        err, KH_NOT_FOUND, "there is no version %u of deposit '%s'", version, name);
}

static bool read_state(sqlite3_stmt *stmt, int at, kh_state *state)
{
    int value = sqlite3_column_int(stmt, at);

    *state = value == KH_DELETED ? KH_DELETED : KH_ACTIVE;
    return value == KH_ACTIVE || value == KH_DELETED;
}

static bool read_version(sqlite3_stmt *stmt, int at, uint32_t *version)
{
    int64_t value = sqlite3_column_int64(stmt, at);

    *version = (uint32_t)value;
    return value >= 0 && value <= KH_VERSION_MAX;
}

/* ---- one version
 * ------------------------------------------------------------------------ */

static kh_status read_row(struct kh_conn *conn, sqlite3_stmt *stmt,
    struct kh_catalog_row *row, struct kh_error *err)
{
    const void *envelope = sqlite3_column_blob(stmt, 5);
    size_t len = (size_t)sqlite3_column_bytes(stmt, 5);

    if (!read_version(stmt, 0, &row->version) || !read_state(stmt, 1, &row->state) ||
        !kh_column_id(stmt, 3, &row->key) ||
        !kh_column_text(stmt, 4, row->profile, sizeof row->profile) || !envelope ||
        len == 0)
        return kh_conn_odd(conn, "versions", err);
    row->created = sqlite3_column_int64(stmt, 2);
    row->envelope = malloc(len);
    if (!row->envelope)
        return kh_fail(err, KH_FATAL, "no memory for the envelope of '%s'", row->name);
    memcpy(row->envelope, envelope, len);
    row->envelope_len = len;
    return KH_OK;
}

/* What is asked of one version. */
struct question {
    enum kh_sql sql;
    const char *name;
    uint32_t version;
};

/* CONN and STMT, which the caller gives back, stand at the row of the answer. */
static kh_status look_up(struct kh_catalog *catalog, const struct question *q,
    struct kh_conn **conn, sqlite3_stmt **stmt, struct kh_error *err)
{
    bool any = false;
    kh_status status = kh_reader_take(catalog->ctx, conn, err);

    if (status == KH_OK)
        status = kh_stmt_take(*conn, q->sql, stmt, err);
    if (status == KH_OK)
        status = kh_stmt_row(*conn, *stmt,
            kh_bind_text(*stmt, 1, q->name) |
                sqlite3_bind_int64(*stmt, 2, version_or_latest(q->version)),
            &any, err);
    return status == KH_OK && !any ? not_there(q->name, q->version, err) : status;
}

static kh_status get(struct kh_catalog *catalog, const char *name, uint32_t version,
    bool with_deleted, struct kh_catalog_row *row, struct kh_error *err)
{
    KH_CLEANUP_READER struct kh_conn *conn = NULL;
    KH_CLEANUP_STMT sqlite3_stmt *stmt = NULL;
    struct kh_catalog_row found = {0};
    const struct question q = {KH_SQL_ROW_GET, name, version};
    kh_status status = look_up(catalog, &q, &conn, &stmt, err);

    if (status != KH_OK)
        return status;
    if (sqlite3_column_int(stmt, 1) == KH_DELETED && !with_deleted)
        return kh_fail(err, KH_NOT_FOUND, "deposit '%s' is deleted", name);
    snprintf(found.name, sizeof found.name, "%s", name);
    status = read_row(conn, stmt, &found, err);
    if (status == KH_OK)
        *row = found;
    return status;
}

static void row_free(struct kh_catalog *catalog, struct kh_catalog_row *row)
{
    (void)catalog;
    free(row->envelope);
    memset(row, 0, sizeof *row);
}

static kh_status stat(struct kh_catalog *catalog, const char *name, uint32_t version,
    struct kh_stat *out, struct kh_error *err)
{
    KH_CLEANUP_READER struct kh_conn *conn = NULL;
    KH_CLEANUP_STMT sqlite3_stmt *stmt = NULL;
    struct kh_stat st = {0};
    const struct question q = {KH_SQL_ROW_STAT, name, version};
    kh_status status = look_up(catalog, &q, &conn, &stmt, err);

    if (status != KH_OK)
        return status;
    snprintf(st.name, sizeof st.name, "%s", name);
    if (!read_version(stmt, 0, &st.version) || !read_state(stmt, 1, &st.state) ||
        !read_version(stmt, 4, &st.highest))
        return kh_conn_odd(conn, "versions", err);
    st.created = sqlite3_column_int64(stmt, 2);
    st.versions = (uint32_t)sqlite3_column_int64(stmt, 3);
    *out = st;
    return KH_OK;
}

/* ---- listing
 * ---------------------------------------------------------------------------- */

static kh_status read_item(
    struct kh_conn *conn, sqlite3_stmt *stmt, struct kh_item *out, struct kh_error *err)
{
    struct kh_item item = {.status = KH_OK};

    if (!kh_column_text(stmt, 0, item.name, sizeof item.name) ||
        !read_version(stmt, 1, &item.version) || !read_state(stmt, 2, &item.state))
        return kh_conn_odd(conn, "versions", err);
    item.created = sqlite3_column_int64(stmt, 3);
    *out = item;
    return KH_OK;
}

static kh_status list(struct kh_catalog *catalog, const struct kh_cursor *after,
    struct kh_item *items, size_t max, size_t *count, struct kh_error *err)
{
    KH_CLEANUP_READER struct kh_conn *conn = NULL;
    KH_CLEANUP_STMT sqlite3_stmt *stmt = NULL;
    bool begun = after && after->started;
    size_t n = 0;
    bool row = false;
    int bound;
    kh_status status = kh_reader_take(catalog->ctx, &conn, err);

    if (status == KH_OK)
        status = kh_stmt_take(conn, KH_SQL_ROW_LIST, &stmt, err);
    if (status != KH_OK)
        return status;
    /* Before the first: no name is empty. A version beyond the last is what a caller may
     * use to skip a name, so it is not turned into a smaller one. */
    bound = kh_bind_text(stmt, 1, begun ? after->name : "") |
            sqlite3_bind_int64(stmt, 2, begun ? (int64_t)after->version : -1) |
            sqlite3_bind_int64(stmt, 3, (int64_t)max);
    status = kh_stmt_row(conn, stmt, bound, &row, err);
    while (status == KH_OK && row && n < max) {
        status = read_item(conn, stmt, &items[n++], err);
        if (status == KH_OK)
            status = kh_stmt_row(conn, stmt, SQLITE_OK, &row, err);
    }
    if (status == KH_OK)
        *count = n;
    return status;
}

/* ---- facts
 * ------------------------------------------------------------------------------ */

static kh_status meta_get(struct kh_catalog *catalog, const char *name, char *value,
    size_t size, struct kh_error *err)
{
    KH_CLEANUP_READER struct kh_conn *conn = NULL;
    KH_CLEANUP_STMT sqlite3_stmt *stmt = NULL;
    bool row = false;
    kh_status status = kh_reader_take(catalog->ctx, &conn, err);

    if (status == KH_OK)
        status = kh_stmt_take(conn, KH_SQL_META_GET, &stmt, err);
    if (status == KH_OK)
        status = kh_stmt_row(conn, stmt, kh_bind_text(stmt, 1, name), &row, err);
    if (status != KH_OK)
        return status;
    if (!row)
        return kh_fail(err, KH_NOT_FOUND, "the catalog has no fact '%s'", name);
    if (!kh_column_text(stmt, 0, value, size))
        return kh_fail(err, KH_INVALID,
            "the catalog's fact '%s' is longer than %zu bytes", name, size - 1);
    return KH_OK;
}

static kh_status generation(
    struct kh_catalog *catalog, uint64_t *value, struct kh_error *err)
{
    KH_CLEANUP_READER struct kh_conn *conn = NULL;
    KH_CLEANUP_STMT sqlite3_stmt *stmt = NULL;
    bool row = false;
    kh_status status = kh_reader_take(catalog->ctx, &conn, err);

    if (status == KH_OK)
        status = kh_stmt_take(conn, KH_SQL_GENERATION, &stmt, err);
    if (status == KH_OK)
        status = kh_stmt_row(conn, stmt, SQLITE_OK, &row, err);
    if (status != KH_OK)
        return status;
    if (!row)
        return kh_conn_odd(conn, "generation", err);
    *value = (uint64_t)sqlite3_column_int64(stmt, 0);
    return KH_OK;
}

void kh_read_methods(struct kh_catalog *face)
{
    face->get = get;
    face->row_free = row_free;
    face->stat = stat;
    face->list = list;
    face->meta_get = meta_get;
    face->generation = generation;
}
