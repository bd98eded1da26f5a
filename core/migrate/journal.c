#include "core/migrate/journal.h"

#include "core/migrate/journal_db.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Rows in one group at most, and how long the writer gathers a smaller one. Longer groups
 * cost the disk less, and the destination's own commits share that disk. */
enum { GROUP = 256, GATHER_MS = 250 };

/*
 * Two locks: `lock` guards the queue and flags, `db_lock` the connection. The writer
 * takes them one after the other, never both.
 */
struct kh_journal {
    pthread_mutex_t db_lock;
    struct kh_journal_db *db;
    struct kh_journal_hook hook;

    pthread_mutex_t lock;
    pthread_cond_t work; /* for the writer: rows, a flush, the end */
    pthread_cond_t
        space; /* for the others: the queue was taken, a group became durable */
    pthread_t writer;
    bool writer_runs;
    bool ending;
    unsigned flushers; /* threads that wait for durability now */
    struct kh_journal_row *queue;
    size_t queued;
    uint64_t accepted; /* rows ever queued */
    uint64_t durable;  /* rows ever written */
    kh_status failed;
    struct kh_error error;
};

static kh_status write_group(struct kh_journal *j, const struct kh_journal_row *rows,
    size_t count, struct kh_error *err)
{
    kh_status st;

    if (j->hook.call)
        j->hook.call(j->hook.arg, false);
    pthread_mutex_lock(&j->db_lock);
    st = kh_journal_db_add(j->db, rows, count, err);
    pthread_mutex_unlock(&j->db_lock);
    if (st == KH_OK && j->hook.call)
        j->hook.call(j->hook.arg, true);
    return st;
}

/* Waits, holding `lock`, until a group is worth writing. False: the end, and nothing is
 * queued. */
static bool gather(struct kh_journal *j)
{
    struct timespec until;

    while (j->queued == 0 && !j->ending)
        pthread_cond_wait(&j->work, &j->lock);
    if (j->queued == 0)
        return false;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += GATHER_MS * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_nsec -= 1000000000L;
        until.tv_sec++;
    }
    while (j->queued < GROUP && !j->ending && j->flushers == 0) {
        if (pthread_cond_timedwait(&j->work, &j->lock, &until) != 0)
            break;
    }
    return true;
}

static void *write_groups(void *arg)
{
    struct kh_journal *j = arg;
    struct kh_journal_row *rows = calloc(GROUP, sizeof *rows);
    struct kh_error err = {0};

    pthread_mutex_lock(&j->lock);
    if (!rows)
        j->failed = kh_fail(&j->error, KH_FATAL, "out of memory");
    while (rows && j->failed == KH_OK && gather(j)) {
        size_t count = j->queued;
        kh_status st;

        memcpy(rows, j->queue, count * sizeof *rows);
        j->queued = 0;
        pthread_cond_broadcast(&j->space);
        pthread_mutex_unlock(&j->lock);
        st = write_group(j, rows, count, &err);
        pthread_mutex_lock(&j->lock);
        if (st == KH_OK) {
            j->durable += count;
        } else {
            j->failed = st;
            j->error = err;
        }
        pthread_cond_broadcast(&j->space);
    }
    pthread_cond_broadcast(&j->space);
    pthread_mutex_unlock(&j->lock);
    free(rows);
    return NULL;
}

static void init_sync(struct kh_journal *j)
{
    pthread_condattr_t attr;

    pthread_mutex_init(&j->db_lock, NULL);
    pthread_mutex_init(&j->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&j->work, &attr);
    pthread_cond_init(&j->space, &attr);
    pthread_condattr_destroy(&attr);
}

kh_status kh_journal_open(struct kh_journal **out, const char *path, bool create,
    const struct kh_journal_hook *hook, struct kh_error *err)
{
    struct kh_journal *j = calloc(1, sizeof *j);
    kh_status st;

    *out = NULL;
    if (!j)
        return kh_fail(err, KH_FATAL, "out of memory");
    init_sync(j);
    if (hook)
        j->hook = *hook;
    j->queue = calloc(GROUP, sizeof *j->queue);
    st = j->queue ? kh_journal_db_open(&j->db, path, create, err)
                  : kh_fail(err, KH_FATAL, "out of memory");
    if (st == KH_OK && pthread_create(&j->writer, NULL, write_groups, j) != 0)
        st = kh_fail(err, KH_FATAL, "%s: cannot start the journal's thread", path);
    if (st != KH_OK) {
        kh_journal_close(j);
        return st;
    }
    j->writer_runs = true;
    *out = j;
    return KH_OK;
}

void kh_journal_close(struct kh_journal *j)
{
    if (!j)
        return;
    if (j->writer_runs) {
        pthread_mutex_lock(&j->lock);
        j->ending = true;
        pthread_cond_broadcast(&j->work);
        pthread_mutex_unlock(&j->lock);
        pthread_join(j->writer, NULL);
    }
    kh_journal_db_close(j->db);
    pthread_cond_destroy(&j->space);
    pthread_cond_destroy(&j->work);
    pthread_mutex_destroy(&j->lock);
    pthread_mutex_destroy(&j->db_lock);
    free(j->queue);
    free(j);
}

static kh_status report_failure(struct kh_journal *j, struct kh_error *err)
{
    *err = j->error;
    return j->failed;
}

kh_status kh_journal_add(
    struct kh_journal *j, const struct kh_journal_row *row, struct kh_error *err)
{
    kh_status st = KH_OK;

    pthread_mutex_lock(&j->lock);
    while (j->queued == GROUP && j->failed == KH_OK)
        pthread_cond_wait(&j->space, &j->lock);
    if (j->failed != KH_OK) {
        st = report_failure(j, err);
    } else {
        j->queue[j->queued++] = *row;
        j->accepted++;
        if (j->queued == 1 || j->queued == GROUP)
            pthread_cond_signal(&j->work);
    }
    pthread_mutex_unlock(&j->lock);
    return st;
}

kh_status kh_journal_flush(struct kh_journal *j, struct kh_error *err)
{
    kh_status st = KH_OK;
    uint64_t wanted;

    pthread_mutex_lock(&j->lock);
    wanted = j->accepted;
    j->flushers++;
    pthread_cond_signal(&j->work);
    while (j->durable < wanted && j->failed == KH_OK)
        pthread_cond_wait(&j->space, &j->lock);
    j->flushers--;
    if (j->failed != KH_OK)
        st = report_failure(j, err);
    pthread_mutex_unlock(&j->lock);
    return st;
}

kh_status kh_journal_fact(
    struct kh_journal *j, const char *key, char *value, size_t size, struct kh_error *err)
{
    kh_status st;

    pthread_mutex_lock(&j->db_lock);
    st = kh_journal_db_fact(j->db, key, value, size, err);
    pthread_mutex_unlock(&j->db_lock);
    return st;
}

kh_status kh_journal_set_facts(struct kh_journal *j, const char *const (*pairs)[2],
    size_t count, struct kh_error *err)
{
    kh_status st;

    pthread_mutex_lock(&j->db_lock);
    st = kh_journal_db_set_facts(j->db, pairs, count, err);
    pthread_mutex_unlock(&j->db_lock);
    return st;
}

kh_status kh_journal_set_fact(
    struct kh_journal *j, const char *key, const char *value, struct kh_error *err)
{
    const char *const pair[1][2] = {{key, value}};

    return kh_journal_set_facts(j, pair, 1, err);
}

kh_status kh_journal_find(struct kh_journal *j, const char *name, uint32_t version,
    struct kh_journal_row *row, struct kh_error *err)
{
    kh_status st;

    pthread_mutex_lock(&j->db_lock);
    st = kh_journal_db_find(j->db, name, version, row, err);
    pthread_mutex_unlock(&j->db_lock);
    return st;
}

kh_status kh_journal_count(struct kh_journal *j, uint64_t *count, struct kh_error *err)
{
    kh_status st;

    pthread_mutex_lock(&j->db_lock);
    st = kh_journal_db_count(j->db, count, err);
    pthread_mutex_unlock(&j->db_lock);
    return st;
}

kh_status kh_journal_renamed(struct kh_journal *j,
    void (*fn)(void *arg, const char *name, const char *destination), void *arg,
    struct kh_error *err)
{
    kh_status st;

    pthread_mutex_lock(&j->db_lock);
    st = kh_journal_db_renamed(j->db, fn, arg, err);
    pthread_mutex_unlock(&j->db_lock);
    return st;
}
