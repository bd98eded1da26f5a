/* A catalog seen from outside: opened to be read only, and copied while it is served. */
#include "core/catalog/catalog.h"

#include "core/catalog/internal.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static kh_status check_file(const char *path, struct kh_error *err)
{
    struct stat st;

    if (path[0] != '/' || strlen(path) > 4000)
        return kh_fail(err, KH_INVALID,
            "catalog %s: not an absolute path of at most 4000 bytes", path);
    if (lstat(path, &st) != 0)
        return kh_fail(err, errno == ENOENT ? KH_NOT_FOUND : KH_UNAVAILABLE,
            "catalog %s: %s", path, strerrordesc_np(errno));
    if (!S_ISREG(st.st_mode))
        return kh_fail(err, KH_REFUSED, "catalog %s: not a regular file", path);
    return KH_OK;
}

static void close_reader(struct kh_catalog *catalog)
{
    kh_pool_close(catalog->ctx);
    kh_cat_free(catalog->ctx);
}

kh_status kh_catalog_open_reader(
    const char *path, struct kh_catalog **catalog, struct kh_error *err)
{
    kh_status status = check_file(path, err);
    struct kh_conn *conn = NULL;
    struct kh_cat *cat;

    *catalog = NULL;
    if (status != KH_OK)
        return status;
    cat = kh_cat_new(path);
    if (!cat)
        return kh_fail(err, KH_FATAL, "catalog %s: no memory", path);
    cat->face.close = close_reader;
    kh_read_methods(&cat->face);
    kh_check_methods(&cat->face);
    kh_keys_methods(&cat->face);
    kh_contents_methods(&cat->face);
    kh_named_methods(&cat->face);
    status = kh_reader_take(cat, &conn, err);
    if (status == KH_OK)
        status = kh_schema_recognise(conn, err);
    kh_reader_done(&conn);
    if (status != KH_OK) {
        close_reader(&cat->face);
        return status;
    }
    *catalog = &cat->face;
    return KH_OK;
}

/* The file is made first, so that it is private from its first moment. */
static kh_status make_private(const char *to, struct kh_error *err)
{
    int fd = open(to, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0)
        return kh_fail(err, errno == EEXIST ? KH_EXISTS : KH_UNAVAILABLE,
            "cannot make %s: %s", to, strerrordesc_np(errno));
    (void)close(fd);
    return KH_OK;
}

static kh_status vacuum_into(struct kh_conn *conn, const char *to, struct kh_error *err)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(conn->db, "VACUUM INTO ?1", -1, &stmt, NULL);

    if (rc == SQLITE_OK)
        rc = sqlite3_bind_text(stmt, 1, to, -1, SQLITE_STATIC);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(stmt);
    (void)sqlite3_finalize(stmt);
    if (rc == SQLITE_DONE)
        return KH_OK;
    /* What stands in the way is nearly always the disk of the copy. */
    (void)kh_conn_fail(conn, rc, err);
    if ((rc & 0xff) == SQLITE_FULL || (rc & 0xff) == SQLITE_IOERR)
        return kh_fail(err, KH_UNAVAILABLE, "cannot copy catalog %s to %s: %s",
            conn->cat->path, to,
            (rc & 0xff) == SQLITE_FULL ? "no space left" : sqlite3_errstr(rc));
    return err ? err->status : KH_FATAL;
}

kh_status kh_catalog_copy(const char *path, const char *to, struct kh_error *err)
{
    struct kh_conn conn = {0};
    struct kh_cat *cat;
    kh_status status = check_file(path, err);

    if (status != KH_OK)
        return status;
    cat = kh_cat_new(path);
    if (!cat)
        return kh_fail(err, KH_FATAL, "catalog %s: no memory", path);
    status = make_private(to, err);
    if (status == KH_OK) {
        status = kh_conn_open(&conn, cat, SQLITE_OPEN_READONLY, err);
        if (status == KH_OK) {
            /* Only the writer checkpoints (pool.c says why). */
            (void)sqlite3_db_config(conn.db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
            status = kh_conn_exec(&conn,
                "PRAGMA wal_autocheckpoint = 0; PRAGMA mmap_size = 0;"
                "PRAGMA trusted_schema = OFF; PRAGMA cache_size = -2048;",
                err);
        }
        if (status == KH_OK)
            status = kh_schema_recognise(&conn, err);
        if (status == KH_OK)
            status = vacuum_into(&conn, to, err);
        kh_conn_close(&conn);
        if (status != KH_OK)
            (void)unlink(to);
    }
    kh_cat_free(cat);
    return status;
}
