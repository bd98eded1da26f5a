/*
 * What the files of this folder share. One connection writes and belongs to one thread
 * (writer.c); a small pool of read-only connections serves the readers (pool.c); each
 * method of struct kh_catalog is a few lines on top of prepared statements (sql.c).
 */
#ifndef KH_CATALOG_INTERNAL_H
#define KH_CATALOG_INTERNAL_H

#include <keyhsm/catalog.h>
#include <pthread.h>
#include <sqlite3.h>

/* The prepared statements; their text is in statements.c. */
enum kh_sql {
    KH_SQL_BEGIN,
    KH_SQL_COMMIT,
    KH_SQL_SAVEPOINT,
    KH_SQL_ROLLBACK_TO,
    KH_SQL_RELEASE,
    KH_SQL_GENERATION,
    KH_SQL_GENERATION_NEXT,
    KH_SQL_META_GET,
    KH_SQL_META_SET,
    KH_SQL_KEY_ADD,
    KH_SQL_KEY_GET,
    KH_SQL_KEY_LIST,
    KH_SQL_KEY_IN_STATE,
    KH_SQL_KEY_SET_STATE,
    KH_SQL_KEY_FORGET,
    KH_SQL_KEY_USES,
    KH_SQL_ROW_INSERT,
    KH_SQL_ROW_GET,
    KH_SQL_ROW_STAT,
    KH_SQL_ROW_LIST,
    KH_SQL_ROW_SET_STATE,
    KH_SQL_ROW_DOOM_KEYS,
    KH_SQL_ROW_PURGE,
    KH_SQL_NAME_EXISTS,
    KH_SQL_COUNT_VERSIONS,
    KH_SQL_COUNT_KEYS,
    KH_SQL_COUNT_DELETED,
    KH_SQL_CHECK_FILE,
    KH_SQL_CHECK_REFERENCES,
    KH_SQL_CHECK_STATES,
    KH_SQL_CHECK_IDLE,
    KH_SQL_CONTENTS,
    KH_SQL_NAMED_INSERT,
    KH_SQL_NAMED_GET,
    KH_SQL_NAMED_LIST,
    KH_SQL_NAMED_EXISTS,
    KH_SQL_NAMED_SET_STATE,
    KH_SQL_NAMED_DOOM_KEY,
    KH_SQL_NAMED_PURGE,
    KH_SQL_CHECK_NAMES,
    KH_SQL_COUNT
};

/* One connection with its statements, prepared when first used. Never in two threads at
 * once. */
struct kh_conn {
    struct kh_cat *cat;
    sqlite3 *db;
    sqlite3_stmt *stmts[KH_SQL_COUNT];
    struct kh_conn *next; /* in the pool's list of idle ones */
};

struct kh_request;

struct kh_cat {
    struct kh_catalog face;
    char *path;

    struct kh_conn writer;
    pthread_t thread;
    bool thread_runs;
    int wal_frames; /* in the log after the last commit; writer thread only */

    pthread_mutex_t lock; /* guards the queue, stop, broken */
    pthread_cond_t wake;
    struct kh_request *first, *last;
    bool stop;
    bool broken; /* durability was lost: every write is KH_FATAL from now on */

    pthread_mutex_t pool_lock; /* guards idle and open_readers */
    pthread_cond_t pool_wake;
    struct kh_conn *idle;
    unsigned open_readers;
};

/* ---- open.c
 * -------------------------------------------------------------------------------- */

/* A catalog of PATH without methods and connections; NULL without memory. */
struct kh_cat *kh_cat_new(const char *path);
void kh_cat_free(struct kh_cat *cat);

extern const char *const kh_sql_texts[KH_SQL_COUNT];

/* ---- sql.c ----------------------------------------------------------------------------
 */

/* The status that SQLite result RC of CONN stands for, with a message that names the
 * file. */
kh_status kh_conn_fail(struct kh_conn *conn, int rc, struct kh_error *err);

/* Opens a connection (flags of sqlite3_open_v2); closes one with its statements. */
KH_CHECK kh_status kh_conn_open(
    struct kh_conn *conn, struct kh_cat *cat, int flags, struct kh_error *err);
void kh_conn_close(struct kh_conn *conn);
/* Runs TEXT, one or more statements without results. */
KH_CHECK kh_status kh_conn_exec(
    struct kh_conn *conn, const char *text, struct kh_error *err);

/* The statement WHICH of CONN, ready for binding. Give it back with kh_stmt_done (a
 * cleanup function: KH_CLEANUP_STMT), which ends its read transaction. */
KH_CHECK kh_status kh_stmt_take(
    struct kh_conn *conn, enum kh_sql which, sqlite3_stmt **stmt, struct kh_error *err);
void kh_stmt_done(sqlite3_stmt **stmt);
#define KH_CLEANUP_STMT __attribute__((cleanup(kh_stmt_done)))

/* BOUND is the or-ed result of the binds of STMT. Steps once: *ROW says whether a row
 * came. */
KH_CHECK kh_status kh_stmt_row(
    struct kh_conn *conn, sqlite3_stmt *stmt, int bound, bool *row, struct kh_error *err);
/* The same for a statement that returns no row. */
KH_CHECK kh_status kh_stmt_run(
    struct kh_conn *conn, sqlite3_stmt *stmt, int bound, struct kh_error *err);
/* Takes, runs and gives back a statement without parameters and results. */
KH_CHECK kh_status kh_conn_run(
    struct kh_conn *conn, enum kh_sql which, struct kh_error *err);

int kh_bind_text(sqlite3_stmt *stmt, int at, const char *text);
int kh_bind_id(
    sqlite3_stmt *stmt, int at, const struct kh_key_id *id); /* NULL: SQL NULL */
/* Columns. False when the value does not fit: a damaged database. */
bool kh_column_text(sqlite3_stmt *stmt, int at, char *out, size_t size);
bool kh_column_id(sqlite3_stmt *stmt, int at, struct kh_key_id *id);
/* KH_CORRUPT for a row whose values are not what this code writes. */
kh_status kh_conn_odd(struct kh_conn *conn, const char *table, struct kh_error *err);

/* Hexadecimal text of ID, for messages; returns OUT. */
const char *kh_cat_id_text(const struct kh_key_id *id, char out[2 * KH_KEY_ID_MAX + 1]);

/* ---- schema.c -------------------------------------------------------------------------
 */

/* Makes the tables of an empty database, adds what an older catalog lacks, or refuses a
 * database that is not ours or newer. */
KH_CHECK kh_status kh_schema_ready(struct kh_conn *conn, struct kh_error *err);

/* Before statements are prepared on a connection that only reads: gives it, empty, the
 * tables that a catalog of an older schema lacks. The file stays as it is. */
KH_CHECK kh_status kh_schema_stand_in(struct kh_conn *conn, struct kh_error *err);

/* Refuses one that is not ours, empty, or newer. */
KH_CHECK kh_status kh_schema_recognise(struct kh_conn *conn, struct kh_error *err);

/* ---- writer.c -------------------------------------------------------------------------
 */

/* A write: runs in the writer's thread, inside a savepoint of its own. Other than KH_OK
 * undoes it. */
typedef kh_status (*kh_write_fn)(
    struct kh_conn *conn, const void *arg, struct kh_error *err);
/* Queues FN(ARG) and waits until it is durable or has failed. */
KH_CHECK kh_status kh_cat_write(
    struct kh_cat *cat, kh_write_fn fn, const void *arg, struct kh_error *err);
KH_CHECK kh_status kh_writer_start(struct kh_cat *cat, struct kh_error *err);
/* Finishes what is queued and ends the thread. */
void kh_writer_stop(struct kh_cat *cat);

/* ---- pool.c ---------------------------------------------------------------------------
 */

/* A read-only connection; waits when all are in use. Give it back with kh_reader_done. */
KH_CHECK kh_status kh_reader_take(
    struct kh_cat *cat, struct kh_conn **conn, struct kh_error *err);
void kh_reader_done(struct kh_conn **conn);
#define KH_CLEANUP_READER __attribute__((cleanup(kh_reader_done)))
void kh_pool_close(struct kh_cat *cat);

/* ---- keys.c: on a connection, so that a write can use them as well
 * ---------------------- */

KH_CHECK kh_status kh_key_get_on(struct kh_conn *conn, const struct kh_key_id *id,
    struct kh_catalog_key *key, struct kh_error *err);
KH_CHECK kh_status kh_key_uses_on(struct kh_conn *conn, const struct kh_key_id *id,
    uint64_t *uses, struct kh_error *err);

KH_CHECK kh_status kh_key_set_state_on(struct kh_conn *conn, const struct kh_key_id *id,
    kh_key_state state, struct kh_error *err);
/* KH_OK for a key that something may come to need: its state in *STATE. KH_INVALID: not
 * announced. KH_REFUSED: doomed. */
KH_CHECK kh_status kh_key_usable_on(struct kh_conn *conn, const struct kh_key_id *id,
    kh_key_state *state, struct kh_error *err);

/* ---- rows.c: WHICH is KH_SQL_NAME_EXISTS (deposits) or KH_SQL_NAMED_EXISTS (keys)
 * ---------------------- */

/* KH_EXISTS when NAME is taken by one. */
KH_CHECK kh_status kh_name_free_on(
    struct kh_conn *conn, enum kh_sql which, const char *name, struct kh_error *err);

/* ---- the methods: each file fills its part of the face
 * --------------------------------- */

void kh_keys_methods(struct kh_catalog *face);
void kh_keys_change_methods(struct kh_catalog *face);
void kh_rows_methods(struct kh_catalog *face);
void kh_read_methods(struct kh_catalog *face);
void kh_check_methods(struct kh_catalog *face);
void kh_contents_methods(struct kh_catalog *face);
void kh_named_methods(struct kh_catalog *face);
void kh_named_change_methods(struct kh_catalog *face);

#endif
