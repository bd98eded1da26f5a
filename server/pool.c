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

struct kh_pool {
    pthread_mutex_t mutex;
    pthread_cond_t work;
    struct list queue;
    struct list done;
    unsigned waiting;
    unsigned limit;
    bool ending;
    int fd;
    unsigned threads;
    pthread_t *ids;
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

/* One wake-up for a batch: only the job that finds the list empty writes. */
static void finish(struct kh_pool *pool, struct kh_job *job)
{
    bool first = !pool->done.first;
    uint64_t one = 1;

    append(&pool->done, job);
    if (first && write(pool->fd, &one, sizeof one) != (ssize_t)sizeof one)
        abort(); /* an eventfd below its maximum takes every write */
}

static void *work(void *arg)
{
    struct kh_pool *pool = arg;

    pthread_mutex_lock(&pool->mutex);
    for (;;) {
        struct kh_job *job = take(&pool->queue);

        if (job) {
            pool->waiting--;
            pthread_mutex_unlock(&pool->mutex);
            job->run(job);
            pthread_mutex_lock(&pool->mutex);
            finish(pool, job);
        } else if (pool->ending) {
            break;
        } else {
            pthread_cond_wait(&pool->work, &pool->mutex);
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
    while (started < threads && !pthread_create(&pool->ids[started], NULL, work, pool))
        started++;
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
    pthread_cond_init(&pool->work, NULL);
    pool->queue.tail = &pool->queue.first;
    pool->done.tail = &pool->done.first;
    pool->limit = queue;
    pool->ids = calloc(threads, sizeof *pool->ids);
    pool->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (pool->ids && pool->fd >= 0)
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
    bool taken;

    pthread_mutex_lock(&pool->mutex);
    taken = !pool->ending && pool->waiting < pool->limit;
    if (taken) {
        append(&pool->queue, job);
        pool->waiting++;
        pthread_cond_signal(&pool->work);
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

unsigned kh_pool_waiting(struct kh_pool *pool)
{
    unsigned waiting;

    pthread_mutex_lock(&pool->mutex);
    waiting = pool->waiting;
    pthread_mutex_unlock(&pool->mutex);
    return waiting;
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
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->mutex);
    for (unsigned i = 0; i < pool->threads; i++)
        pthread_join(pool->ids[i], NULL);
    if (pool->fd >= 0)
        close(pool->fd);
    free(pool->ids);
    pthread_cond_destroy(&pool->work);
    pthread_mutex_destroy(&pool->mutex);
    free(pool);
}
