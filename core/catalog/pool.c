#include "core/catalog/internal.h"

#include <stdlib.h>

/* Reads take microseconds beside a token's milliseconds: few connections serve many
 * threads. */
#define READERS_MAX 8

/* The bug of SQLite 3.40.1 (WAL reset) needs a second connection that checkpoints. These
 * never do: no automatic checkpoint, none at close, and they cannot write at all. */
static const char settings[] = "PRAGMA wal_autocheckpoint = 0;"
                               "PRAGMA mmap_size = 0;"
                               "PRAGMA cell_size_check = ON;"
                               "PRAGMA trusted_schema = OFF;"
                               "PRAGMA temp_store = MEMORY;"
                               "PRAGMA cache_size = -256;";

static kh_status open_reader(
    struct kh_cat *cat, struct kh_conn **out, struct kh_error *err)
{
    struct kh_conn *conn = calloc(1, sizeof *conn);
    kh_status status;

    if (!conn)
        return kh_fail(err, KH_FATAL, "catalog %s: no memory for a reader", cat->path);
    status = kh_conn_open(conn, cat, SQLITE_OPEN_READONLY, err);
    if (status == KH_OK) {
        (void)sqlite3_db_config(conn->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
        status = kh_conn_exec(conn, settings, err);
    }
    if (status == KH_OK)
        status = kh_schema_stand_in(conn, err);
    if (status == KH_OK)
        status = kh_conn_exec(conn, "PRAGMA query_only = ON", err);
    if (status != KH_OK) {
        kh_conn_close(conn);
        free(conn);
        return status;
    }
    *out = conn;
    return KH_OK;
}

kh_status kh_reader_take(struct kh_cat *cat, struct kh_conn **conn, struct kh_error *err)
{
    kh_status status;

    pthread_mutex_lock(&cat->pool_lock);
    while (!cat->idle && cat->open_readers == READERS_MAX)
        pthread_cond_wait(&cat->pool_wake, &cat->pool_lock);
    *conn = cat->idle;
    if (cat->idle)
        cat->idle = cat->idle->next;
    else
        cat->open_readers++;
    pthread_mutex_unlock(&cat->pool_lock);
    if (*conn)
        return KH_OK;
    status = open_reader(cat, conn, err);
    if (status != KH_OK) {
        pthread_mutex_lock(&cat->pool_lock);
        cat->open_readers--;
        pthread_cond_signal(&cat->pool_wake);
        pthread_mutex_unlock(&cat->pool_lock);
    }
    return status;
}

void kh_reader_done(struct kh_conn **conn)
{
    struct kh_cat *cat;

    if (!*conn)
        return;
    cat = (*conn)->cat;
    pthread_mutex_lock(&cat->pool_lock);
    (*conn)->next = cat->idle;
    cat->idle = *conn;
    pthread_cond_signal(&cat->pool_wake);
    pthread_mutex_unlock(&cat->pool_lock);
    *conn = NULL;
}

void kh_pool_close(struct kh_cat *cat)
{
    while (cat->idle) {
        struct kh_conn *conn = cat->idle;

        cat->idle = conn->next;
        kh_conn_close(conn);
        free(conn);
    }
    cat->open_readers = 0;
}
