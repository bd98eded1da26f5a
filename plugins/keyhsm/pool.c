#include "plugins/keyhsm/pool.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

struct kh_pool {
    const struct kh_http_shared *shared;
    pthread_mutex_t lock;
    pthread_cond_t given;
    struct kh_http *free[KH_REMOTE_CONNECTIONS_MAX]; /* a stack */
    unsigned free_count;
    unsigned made;
};

static void init_locks(struct kh_pool *pool)
{
    pthread_condattr_t attr;

    (void)pthread_mutex_init(&pool->lock, NULL);
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&pool->given, &attr);
    (void)pthread_condattr_destroy(&attr);
}

kh_status kh_pool_new(
    struct kh_pool **out, const struct kh_http_shared *shared, struct kh_error *err)
{
    struct kh_pool *pool = calloc(1, sizeof *pool);

    *out = pool;
    if (!pool)
        return kh_fail(err, KH_FATAL, "out of memory");
    pool->shared = shared;
    init_locks(pool);
    return KH_OK;
}

/* What was out belonged to threads that are not in this process: it is lost. A lock may
 * have been held by one of them. */
void kh_pool_forked(struct kh_pool *pool)
{
    init_locks(pool);
    for (unsigned i = 0; i < pool->free_count; i++)
        kh_http_forget(pool->free[i]);
    pool->free_count = 0;
    pool->made = 0;
}

void kh_pool_free(struct kh_pool *pool)
{
    if (!pool)
        return;
    for (unsigned i = 0; i < pool->free_count; i++)
        kh_http_free(pool->free[i]);
    (void)pthread_cond_destroy(&pool->given);
    (void)pthread_mutex_destroy(&pool->lock);
    free(pool);
}

static struct timespec deadline(long ms)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += ms / 1000;
    t.tv_nsec += ms % 1000 * 1000000L;
    if (t.tv_nsec >= 1000000000L) {
        t.tv_nsec -= 1000000000L;
        t.tv_sec++;
    }
    return t;
}

kh_status kh_pool_take(struct kh_pool *pool, struct kh_http **http, struct kh_error *err)
{
    const struct kh_remote_settings *s = pool->shared->settings;
    struct timespec until = deadline(s->request_ms);
    kh_status st = KH_OK;
    int waited = 0;

    *http = NULL;
    (void)pthread_mutex_lock(&pool->lock);
    while (pool->free_count == 0 && pool->made == s->connections && waited == 0)
        waited = pthread_cond_timedwait(&pool->given, &pool->lock, &until);
    if (pool->free_count > 0)
        *http = pool->free[--pool->free_count];
    else if (pool->made < s->connections)
        pool->made++;
    else
        st = kh_fail(err, KH_BUSY, "%s: all %u connections are in use",
            pool->shared->server, s->connections);
    (void)pthread_mutex_unlock(&pool->lock);
    if (st != KH_OK || *http)
        return st;
    st = kh_http_new(http, pool->shared, err);
    if (st != KH_OK) {
        (void)pthread_mutex_lock(&pool->lock);
        pool->made--;
        (void)pthread_cond_signal(&pool->given);
        (void)pthread_mutex_unlock(&pool->lock);
    }
    return st;
}

void kh_pool_give(struct kh_pool *pool, struct kh_http *http)
{
    (void)pthread_mutex_lock(&pool->lock);
    pool->free[pool->free_count++] = http;
    (void)pthread_cond_signal(&pool->given);
    (void)pthread_mutex_unlock(&pool->lock);
}
