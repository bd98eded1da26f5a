#include "core/catalog/internal.h"

#include "core/log.h"
#include <string.h>

/*
 * Group commit. Every write is a request on its caller's stack. The one writer thread
 * begins a transaction, takes all requests that wait, runs each inside a savepoint (so
 * that one's KH_EXISTS undoes only itself), commits once, and only then answers them all.
 * While the disk is flushing, the next group gathers.
 *
 * When the commit fails every request of the group fails with it, also those that had a
 * verdict of their own: a KH_EXISTS may rest on a neighbour's row that is not there after
 * all.
 */
struct kh_request {
    kh_write_fn fn;
    const void *arg;
    kh_status status;
    struct kh_error err;
    bool done;
    pthread_cond_t answered;
    struct kh_request *next;
};

/* Pages in the log before it is copied into the database; before readers are waited for.
 */
#define CHECKPOINT_FRAMES 1000
#define CHECKPOINT_WAIT_FRAMES 16000

static void rollback(struct kh_conn *conn)
{
    if (!sqlite3_get_autocommit(conn->db))
        (void)sqlite3_exec(conn->db, "ROLLBACK", NULL, NULL, NULL);
}

/* Durability is lost, or nobody knows: no write is accepted any more, and the log is left
 * as it is for the next start, which then verifies everything. */
static void latch(struct kh_cat *cat, const struct kh_error *err)
{
    bool first;

    pthread_mutex_lock(&cat->lock);
    first = !cat->broken;
    cat->broken = true;
    pthread_mutex_unlock(&cat->lock);
    if (first) {
        kh_log(KH_LOG_ERROR,
            "%s: durability is lost, no further write is accepted; restart to "
            "verify the catalog",
            err->message);
        (void)sqlite3_db_config(
            cat->writer.db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    }
}

/* One request in its savepoint. Other than KH_OK: the whole transaction is gone. */
static kh_status run_one(
    struct kh_conn *conn, struct kh_request *request, struct kh_error *err)
{
    kh_status status = kh_conn_run(conn, KH_SQL_SAVEPOINT, err);

    if (status != KH_OK)
        return status;
    request->status = request->fn(conn, request->arg, &request->err);
    if (sqlite3_get_autocommit(
            conn->db)) { /* disk full and the like undo the transaction */
        *err = request->err;
        return request->status;
    }
    if (request->status == KH_FATAL || request->status == KH_UNAVAILABLE) {
        *err = request->err;
        return request->status;
    }
    if (request->status != KH_OK)
        status = kh_conn_run(conn, KH_SQL_ROLLBACK_TO, err);
    if (status == KH_OK)
        status = kh_conn_run(conn, KH_SQL_RELEASE, err);
    return status;
}

static kh_status run_group(
    struct kh_conn *conn, struct kh_request *group, struct kh_error *err)
{
    kh_status status = kh_conn_run(conn, KH_SQL_BEGIN, err);
    bool wrote = false;

    for (struct kh_request *r = group; r && status == KH_OK; r = r->next) {
        status = run_one(conn, r, err);
        wrote = wrote || r->status == KH_OK;
    }
    if (status == KH_OK && wrote)
        status = kh_conn_run(conn, KH_SQL_GENERATION_NEXT, err);
    if (status == KH_OK)
        status = kh_conn_run(conn, KH_SQL_COMMIT, err);
    if (status != KH_OK)
        rollback(conn);
    return status;
}

static void answer(struct kh_cat *cat, struct kh_request *group)
{
    pthread_mutex_lock(&cat->lock);
    while (group) {
        struct kh_request *next =
            group->next; /* the request is gone once it is answered */

        group->done = true;
        pthread_cond_signal(&group->answered);
        group = next;
    }
    pthread_mutex_unlock(&cat->lock);
}

/* After the answers, so that no caller waits for it. Its errors count: a page that was
 * copied but not flushed is a lost one. */
static void checkpoint(struct kh_cat *cat)
{
    struct kh_error err = {0};
    bool wait = cat->wal_frames >= CHECKPOINT_WAIT_FRAMES;
    int rc;

    if (cat->wal_frames < CHECKPOINT_FRAMES || cat->broken)
        return;
    rc = sqlite3_wal_checkpoint_v2(cat->writer.db, NULL,
        wait ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    if (rc == SQLITE_OK || (rc & 0xff) == SQLITE_BUSY)
        return;
    if (kh_conn_fail(&cat->writer, rc, &err) == KH_UNAVAILABLE)
        kh_log(KH_LOG_WARNING, "%s: the write-ahead log is kept until there is room",
            err.message);
    else
        latch(cat, &err);
}

static void serve(struct kh_cat *cat, struct kh_request *group)
{
    struct kh_error err = {0};
    kh_status status;

    if (cat->broken) /* only this thread sets it */
        status = kh_fail(&err, KH_FATAL,
            "catalog %s: durability was lost earlier; restart to "
            "verify it",
            cat->path);
    else
        status = run_group(&cat->writer, group, &err);
    if (status == KH_FATAL && !cat->broken)
        latch(cat, &err);
    for (struct kh_request *r = group; r && status != KH_OK; r = r->next) {
        r->status = status;
        r->err = err;
        r->err.status = status;
    }
    answer(cat, group);
    checkpoint(cat);
}

static void *writer_main(void *arg)
{
    struct kh_cat *cat = arg;

    for (;;) {
        struct kh_request *group;

        pthread_mutex_lock(&cat->lock);
        while (!cat->first && !cat->stop)
            pthread_cond_wait(&cat->wake, &cat->lock);
        group = cat->first;
        cat->first = cat->last = NULL;
        pthread_mutex_unlock(&cat->lock);
        if (!group)
            return NULL;
        serve(cat, group);
    }
}

kh_status kh_cat_write(
    struct kh_cat *cat, kh_write_fn fn, const void *arg, struct kh_error *err)
{
    struct kh_request request = {
        .fn = fn, .arg = arg, .answered = PTHREAD_COND_INITIALIZER};

    pthread_mutex_lock(&cat->lock);
    if (cat->last)
        cat->last->next = &request;
    else
        cat->first = &request;
    cat->last = &request;
    pthread_cond_signal(&cat->wake);
    while (!request.done)
        pthread_cond_wait(&request.answered, &cat->lock);
    pthread_mutex_unlock(&cat->lock);
    pthread_cond_destroy(&request.answered);
    if (request.status != KH_OK && err)
        *err = request.err;
    return request.status;
}

static int count_frames(void *arg, sqlite3 *db, const char *schema, int frames)
{
    struct kh_cat *cat = arg;

    (void)db;
    (void)schema;
    cat->wal_frames = frames;
    return SQLITE_OK;
}

kh_status kh_writer_start(struct kh_cat *cat, struct kh_error *err)
{
    int rc;

    /* Replaces SQLite's own automatic checkpoint, which drops errors. */
    (void)sqlite3_wal_hook(cat->writer.db, count_frames, cat);
    rc = pthread_create(&cat->thread, NULL, writer_main, cat);
    if (rc != 0)
        return kh_fail(err, KH_FATAL, "catalog %s: no thread for the writer: %s",
            cat->path, strerrordesc_np(rc));
    cat->thread_runs = true;
    return KH_OK;
}

void kh_writer_stop(struct kh_cat *cat)
{
    if (!cat->thread_runs)
        return;
    pthread_mutex_lock(&cat->lock);
    cat->stop = true;
    pthread_cond_signal(&cat->wake);
    pthread_mutex_unlock(&cat->lock);
    pthread_join(cat->thread, NULL);
    cat->thread_runs = false;
}
