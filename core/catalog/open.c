#include "core/catalog/catalog.h"

#include "core/catalog/internal.h"
#include "core/guise.h"
#include "core/log.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* synchronous = FULL flushes the log at every commit; secure_delete overwrites what is
 * purged. No memory map: an I/O error must be an error, not a signal. */
static const char settings[] = "PRAGMA synchronous = FULL;"
                               "PRAGMA foreign_keys = ON;"
                               "PRAGMA secure_delete = ON;"
                               "PRAGMA mmap_size = 0;"
                               "PRAGMA cell_size_check = ON;"
                               "PRAGMA trusted_schema = OFF;"
                               "PRAGMA temp_store = MEMORY;"
                               "PRAGMA journal_size_limit = 16777216;"
                               "PRAGMA cache_size = -2048;";

static kh_status sync_parent(const char *path, struct kh_error *err)
{
    char dir[4096];
    char *slash;
    int fd;

    snprintf(dir, sizeof dir, "%s", path);
    slash = strrchr(dir, '/');
    slash[slash == dir ? 1 : 0] = '\0';
    fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0) {
        int cause = errno;

        if (fd >= 0)
            close(fd);
        return kh_fail(err, fd < 0 ? KH_UNAVAILABLE : KH_FATAL,
            "catalog directory %s: %s", dir, strerrordesc_np(cause));
    }
    close(fd);
    return KH_OK;
}

/* Makes the file, so that it has the right mode from its first moment (SQLite gives the
 * log and its index the mode of the database), or looks at the one that is there. */
static kh_status prepare_file(const char *path, struct kh_error *err)
{
    struct stat st;
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd >= 0) {
        close(fd);
        return sync_parent(path, err);
    }
    if (errno != EEXIST)
        return kh_fail(err, KH_UNAVAILABLE, "catalog %s: cannot make it: %s", path,
            strerrordesc_np(errno));
    if (lstat(path, &st) != 0)
        return kh_fail(
            err, KH_UNAVAILABLE, "catalog %s: %s", path, strerrordesc_np(errno));
    if (!S_ISREG(st.st_mode))
        return kh_fail(err, KH_REFUSED, "catalog %s: not a regular file", path);
    if (st.st_uid != kh_guise_user())
        return kh_fail(err, KH_REFUSED,
            "catalog %s: belongs to uid %u, not to this process's %u", path,
            (unsigned)st.st_uid, (unsigned)kh_guise_user());
    if (st.st_mode & 077)
        return kh_fail(err, KH_REFUSED, "catalog %s: mode %04o, expected 0600", path,
            (unsigned)st.st_mode & 07777);
    return KH_OK;
}

/* A log with content was left by a process that did not close: killed, or stopped by an
 * I/O error. */
static bool left_unclean(const char *path)
{
    char log[4096];
    struct stat st;

    snprintf(log, sizeof log, "%s-wal", path);
    return stat(log, &st) == 0 && st.st_size > 0;
}

static kh_status open_writer(struct kh_cat *cat, struct kh_error *err)
{
    kh_status status = kh_conn_open(&cat->writer, cat, SQLITE_OPEN_READWRITE, err);

    if (status != KH_OK)
        return status;
    (void)sqlite3_db_config(cat->writer.db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    status = kh_conn_exec(&cat->writer, settings, err);
    if (status == KH_OK)
        status = kh_schema_ready(&cat->writer, err);
    return status;
}

static void close_catalog(struct kh_catalog *catalog)
{
    struct kh_cat *cat = catalog->ctx;

    kh_writer_stop(cat);
    kh_pool_close(cat); /* before the writer: the last one to close checkpoints and
                           removes the log */
    kh_conn_close(&cat->writer);
    kh_cat_free(cat);
}

void kh_cat_free(struct kh_cat *cat)
{
    pthread_cond_destroy(&cat->pool_wake);
    pthread_mutex_destroy(&cat->pool_lock);
    pthread_cond_destroy(&cat->wake);
    pthread_mutex_destroy(&cat->lock);
    free(cat->path);
    free(cat);
}

struct kh_cat *kh_cat_new(const char *path)
{
    struct kh_cat *cat = calloc(1, sizeof *cat);

    if (!cat || !(cat->path = strdup(path))) {
        free(cat);
        return NULL;
    }
    cat->face.size = sizeof cat->face;
    cat->face.ctx = cat;
    pthread_mutex_init(&cat->lock, NULL);
    pthread_cond_init(&cat->wake, NULL);
    pthread_mutex_init(&cat->pool_lock, NULL);
    pthread_cond_init(&cat->pool_wake, NULL);
    return cat;
}

static struct kh_cat *new_catalog(const char *path)
{
    struct kh_cat *cat = kh_cat_new(path);

    if (!cat)
        return NULL;
    cat->face.close = close_catalog;
    kh_keys_methods(&cat->face);
    kh_keys_change_methods(&cat->face);
    kh_rows_methods(&cat->face);
    kh_read_methods(&cat->face);
    kh_check_methods(&cat->face);
    kh_contents_methods(&cat->face);
    kh_named_methods(&cat->face);
    kh_named_change_methods(&cat->face);
    return cat;
}

static kh_status start(struct kh_cat *cat, bool verify, struct kh_error *err)
{
    uint64_t generation = 0;
    kh_status status = open_writer(cat, err);

    if (status == KH_OK)
        status = cat->face.generation(&cat->face, &generation, err);
    if (status == KH_OK && verify) {
        kh_log(
            KH_LOG_NOTICE, "catalog %s: was not closed cleanly, verifying it", cat->path);
        status = cat->face.check(&cat->face, err);
    }
    if (status == KH_OK)
        status = kh_writer_start(cat, err);
    if (status == KH_OK)
        kh_log(KH_LOG_INFO, "catalog %s: generation %llu, sqlite %s", cat->path,
            (unsigned long long)generation, sqlite3_libversion());
    return status;
}

kh_status kh_catalog_open_sqlite(
    const char *path, struct kh_catalog **catalog, struct kh_error *err)
{
    struct kh_cat *cat;
    kh_status status;
    bool verify;

    if (path[0] != '/' || strlen(path) > 4000)
        return kh_fail(err, KH_INVALID,
            "catalog %s: not an absolute path of at most 4000 bytes", path);
    status = prepare_file(path, err);
    if (status != KH_OK)
        return status;
    verify = left_unclean(path);
    cat = new_catalog(path);
    if (!cat)
        return kh_fail(err, KH_FATAL, "catalog %s: no memory", path);
    status = start(cat, verify, err);
    if (status != KH_OK) {
        /* Leave the evidence: what a refused catalog's log holds is not merged into it.
         */
        if (cat->writer.db)
            (void)sqlite3_db_config(
                cat->writer.db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
        close_catalog(&cat->face);
        return status;
    }
    *catalog = &cat->face;
    return KH_OK;
}
