#include "server/pool.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct list {
    struct kh_job *first;
    struct kh_job **tail;
};

/*
 * Idle workers are a stack: the last to end is the first to be called, while its caches
 * and the processor it ran on are still warm.
 */
struct worker {
    pthread_t id;
    struct kh_pool *pool;
    pthread_cond_t wake;
    struct worker *below;
    bool called;
};

struct kh_pool {
    pthread_mutex_t mutex;
    struct worker *idle;
    struct list queue;
    struct list done;
    unsigned waiting;
    unsigned limit;
    unsigned busy;
    uint64_t refused;
    bool ending;
    int fd;
    unsigned threads;
    struct worker *workers;
};

static void append(struct list *list, struct kh_job *job)
{
    job->next = NULL;
    *list->tail = job;
    list->tail = &job->next;
}

static struct kh_job *take(struct list *list)
{
    struct kh_job *job = list->first;

    if (job) {
        list->first = job->next;
        if (!list->first)
            list->tail = &list->first;
        job->next = NULL;
    }
    return job;
}

/* With the mutex held and given back: the loop that wakes here wants it at once. One
 * wake-up for a batch: only the job that finds the list empty writes. */
static void finish(struct kh_pool *pool, struct kh_job *job)
{
    bool first = !pool->done.first;
    uint64_t one = 1;

    append(&pool->done, job);
    pthread_mutex_unlock(&pool->mutex);
    if (first && write(pool->fd, &one, sizeof one) != (ssize_t)sizeof one)
        abort(); /* an eventfd below its maximum takes every write */
    pthread_mutex_lock(&pool->mutex);
}

static void wait_for_work(struct worker *self)
{
    struct kh_pool *pool = self->pool;

    self->called = false;
    self->below = pool->idle;
    pool->idle = self;
    while (!self->called && !pool->ending)
        pthread_cond_wait(&self->wake, &pool->mutex);
}

static void *work(void *arg)
{
    struct worker *self = arg;
    struct kh_pool *pool = self->pool;

    pthread_mutex_lock(&pool->mutex);
    for (;;) {
        struct kh_job *job = take(&pool->queue);

        if (job) {
            pool->waiting--;
            pool->busy++;
            pthread_mutex_unlock(&pool->mutex);
            job->run(job);
            pthread_mutex_lock(&pool->mutex);
            pool->busy--;
            finish(pool, job);
        } else if (pool->ending) {
            break;
        } else {
            wait_for_work(self);
        }
    }
    pthread_mutex_unlock(&pool->mutex);
    return NULL;
}

/* Signals belong to the loop thread. */
static unsigned start_threads(struct kh_pool *pool, unsigned threads)
{
    sigset_t all;
    sigset_t before;
    unsigned started = 0;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (started < threads) {
        struct worker *worker = &pool->workers[started];

        worker->pool = pool;
        pthread_cond_init(&worker->wake, NULL);
        if (pthread_create(&worker->id, NULL, work, worker) != 0)
            break;
        started++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

kh_status kh_pool_new(
    struct kh_pool **out, unsigned threads, unsigned queue, struct kh_error *err)
{
    struct kh_pool *pool = calloc(1, sizeof *pool);

    *out = NULL;
    if (!pool)
        return kh_fail(err, KH_FATAL, "no memory for the worker pool");
    pthread_mutex_init(&pool->mutex, NULL);
    pool->queue.tail = &pool->queue.first;
    pool->done.tail = &pool->done.first;
    pool->limit = queue;
    pool->workers = calloc(threads, sizeof *pool->workers);
    pool->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (pool->workers && pool->fd >= 0)
        pool->threads = start_threads(pool, threads);
    if (pool->threads < threads || threads == 0) {
        kh_pool_free(pool);
        return kh_fail(err, KH_FATAL, "%u worker threads cannot be started: %s", threads,
            threads ? strerror(errno) : "at least one is needed");
    }
    *out = pool;
    return KH_OK;
}

bool kh_pool_submit(struct kh_pool *pool, struct kh_job *job)
{
    struct worker *worker = NULL;
    bool taken;

    pthread_mutex_lock(&pool->mutex);
    taken = !pool->ending && pool->waiting < pool->limit;
    if (taken) {
        append(&pool->queue, job);
        pool->waiting++;
        worker = pool->idle;
    } else {
        pool->refused++;
    }
    if (worker) {
        pool->idle = worker->below;
        worker->called = true;
        pthread_cond_signal(&worker->wake);
    }
    pthread_mutex_unlock(&pool->mutex);
    return taken;
}

int kh_pool_fd(const struct kh_pool *pool)
{
    return pool->fd;
}

struct kh_job *kh_pool_collect(struct kh_pool *pool)
{
    struct kh_job *jobs;
    uint64_t ignored;

    pthread_mutex_lock(&pool->mutex);
    if (read(pool->fd, &ignored, sizeof ignored) < 0 && errno != EAGAIN)
        abort(); /* our own descriptor was closed by somebody else */
    jobs = pool->done.first;
    pool->done.first = NULL;
    pool->done.tail = &pool->done.first;
    pthread_mutex_unlock(&pool->mutex);
    return jobs;
}

struct kh_pool_counts kh_pool_count(struct kh_pool *pool)
{
    struct kh_pool_counts counts;

    pthread_mutex_lock(&pool->mutex);
    counts = (struct kh_pool_counts){
        pool->threads, pool->busy, pool->waiting, pool->limit, pool->refused};
    pthread_mutex_unlock(&pool->mutex);
    return counts;
}

unsigned kh_pool_threads(const struct kh_pool *pool)
{
    return pool->threads;
}

void kh_pool_free(struct kh_pool *pool)
{
    if (!pool)
        return;
    pthread_mutex_lock(&pool->mutex);
    pool->ending = true;
    for (unsigned i = 0; i < pool->threads; i++)
        pthread_cond_signal(&pool->workers[i].wake);
    pthread_mutex_unlock(&pool->mutex);
    for (unsigned i = 0; i < pool->threads; i++) {
        pthread_join(pool->workers[i].id, NULL);
        pthread_cond_destroy(&pool->workers[i].wake);
    }
    if (pool->fd >= 0)
        close(pool->fd);
    free(pool->workers);
    pthread_mutex_destroy(&pool->mutex);
    free(pool);
}
