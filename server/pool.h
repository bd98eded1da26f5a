/*
 * A bounded pool of worker threads. Token calls block, so handlers run here; finished
 * jobs come back to the loop through an eventfd.
 */
#ifndef KH_SERVER_POOL_H
#define KH_SERVER_POOL_H

#include <keyhsm/types.h>

/* One unit of work; embed it. RUN is called on a worker thread. */
struct kh_job {
    struct kh_job *next;
    void (*run)(struct kh_job *job);
};

struct kh_pool;

/* THREADS workers and at most QUEUE jobs waiting. Signals are blocked in the workers. */
KH_CHECK kh_status kh_pool_new(
    struct kh_pool **out, unsigned threads, unsigned queue, struct kh_error *err);

/* False when the queue is full: nothing was taken. Thread safe. */
KH_CHECK bool kh_pool_submit(struct kh_pool *pool, struct kh_job *job);

/* Readable when jobs have finished; owned by the pool. */
int kh_pool_fd(const struct kh_pool *pool);
/* All finished jobs, in the order they finished, linked by `next`; NULL when there are
 * none. */
struct kh_job *kh_pool_collect(struct kh_pool *pool);

struct kh_pool_counts {
    unsigned threads;
    unsigned busy;    /* threads that run a job */
    unsigned waiting; /* jobs that no thread runs yet */
    unsigned limit;   /* the most that may wait */
    uint64_t refused; /* jobs that kh_pool_submit did not take */
};

/* As they are at this moment. Thread safe. */
struct kh_pool_counts kh_pool_count(struct kh_pool *pool);
unsigned kh_pool_threads(const struct kh_pool *pool);

/* Runs what is queued, ends the threads, frees. Collect afterwards is not possible: the
 * caller has seen its jobs come back. NULL is fine. */
void kh_pool_free(struct kh_pool *pool);

#endif
