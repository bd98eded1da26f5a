#include "server/budget.h"
#include "server/pool.h"
#include "server/ratelimit.h"

#include "tests/lib/testlib.h"

#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>

struct task {
    struct kh_job job;
    int done;
};

static sem_t begun;
static sem_t gate;

static void quick(struct kh_job *job)
{
    ((struct task *)job)->done++;
}

/* Says that it has begun, and waits to be let go. */
static void held(struct kh_job *job)
{
    sem_post(&begun);
    sem_wait(&gate);
    ((struct task *)job)->done++;
}

static struct kh_pool *new_pool(unsigned threads, unsigned queue)
{
    struct kh_pool *pool = NULL;
    struct kh_error err = {0};

    sem_init(&begun, 0, 0);
    sem_init(&gate, 0, 0);
    KH_ASSERT_OK_FATAL(kh_pool_new(&pool, threads, queue, &err), err);
    return pool;
}

/* Collects until COUNT jobs have come back. */
static void collect(struct kh_pool *pool, size_t count)
{
    while (count > 0) {
        struct pollfd fd = {kh_pool_fd(pool), POLLIN, 0};

        CU_ASSERT_EQUAL_FATAL(poll(&fd, 1, 60000), 1);
        for (struct kh_job *job = kh_pool_collect(pool); job; job = job->next)
            count--;
    }
}

static void every_job_runs_once_and_comes_back(void)
{
    struct kh_pool *pool = new_pool(4, 1000);
    static struct task tasks[1000];

    for (size_t i = 0; i < 1000; i++) {
        tasks[i] = (struct task){.job.run = quick};
        CU_ASSERT_FATAL(kh_pool_submit(pool, &tasks[i].job));
    }
    collect(pool, 1000);
    for (size_t i = 0; i < 1000; i++)
        CU_ASSERT_EQUAL(tasks[i].done, 1);
    CU_ASSERT_PTR_NULL(kh_pool_collect(pool));
    kh_pool_free(pool);
}

static void a_full_queue_takes_nothing(void)
{
    struct kh_pool *pool = new_pool(1, 2);
    struct task tasks[4];

    for (size_t i = 0; i < 4; i++)
        tasks[i] = (struct task){.job.run = held};
    CU_ASSERT(kh_pool_submit(pool, &tasks[0].job));
    sem_wait(&begun); /* the only worker is busy now */
    CU_ASSERT(kh_pool_submit(pool, &tasks[1].job));
    CU_ASSERT(kh_pool_submit(pool, &tasks[2].job));
    CU_ASSERT_EQUAL(kh_pool_count(pool).waiting, 2);
    CU_ASSERT_EQUAL(kh_pool_count(pool).refused, 0);
    CU_ASSERT_FALSE(kh_pool_submit(pool, &tasks[3].job));
    CU_ASSERT_EQUAL(kh_pool_count(pool).refused, 1);
    CU_ASSERT_EQUAL(kh_pool_count(pool).busy, 1);
    CU_ASSERT_EQUAL(kh_pool_count(pool).limit, 2);
    for (int i = 0; i < 3; i++)
        sem_post(&gate);
    collect(pool, 3);
    CU_ASSERT_EQUAL(tasks[3].done, 0);
    CU_ASSERT_EQUAL(kh_pool_count(pool).waiting, 0);
    kh_pool_free(pool);
}

static void freeing_runs_what_is_queued(void)
{
    struct kh_pool *pool = new_pool(1, 10);
    struct task tasks[5];

    for (size_t i = 0; i < 5; i++) {
        tasks[i] = (struct task){.job.run = i ? quick : held};
        CU_ASSERT(kh_pool_submit(pool, &tasks[i].job));
    }
    sem_post(&gate);
    kh_pool_free(pool);
    for (size_t i = 0; i < 5; i++)
        CU_ASSERT_EQUAL(tasks[i].done, 1);
}

static void a_pool_of_nobody_is_refused(void)
{
    struct kh_pool *pool = (struct kh_pool *)&begun;
    struct kh_error err = {0};

    KH_ASSERT_FAILS(kh_pool_new(&pool, 0, 1, &err), KH_FATAL, err, "at least one");
    CU_ASSERT_PTR_NULL(pool);
    kh_pool_free(NULL);
}

static void the_bucket_gives_a_burst_and_then_one_an_interval(void)
{
    struct kh_rate rate;

    kh_rate_init(&rate, 3, 1000, 5000);
    for (int i = 0; i < 3; i++)
        CU_ASSERT(kh_rate_take(&rate, 5000));
    CU_ASSERT_FALSE(kh_rate_take(&rate, 5000));
    CU_ASSERT_FALSE(kh_rate_take(&rate, 5999));
    CU_ASSERT(kh_rate_take(&rate, 6000));
    CU_ASSERT_FALSE(kh_rate_take(&rate, 6001));
}

static void the_bucket_never_holds_more_than_its_burst(void)
{
    struct kh_rate rate;

    kh_rate_init(&rate, 2, 1000, 0);
    CU_ASSERT(kh_rate_take(&rate, UINT64_MAX / 2));
    CU_ASSERT(kh_rate_take(&rate, UINT64_MAX / 2));
    CU_ASSERT_FALSE(kh_rate_take(&rate, UINT64_MAX / 2));
}

static void a_clock_that_steps_back_gives_nothing(void)
{
    struct kh_rate rate;

    kh_rate_init(&rate, 1, 1000, 10000);
    CU_ASSERT(kh_rate_take(&rate, 10000));
    CU_ASSERT_FALSE(kh_rate_take(&rate, 0));
    CU_ASSERT_FALSE(kh_rate_take(&rate, 10500));
    CU_ASSERT(kh_rate_take(&rate, 11000));
}

struct taker {
    struct kh_budget *budget;
    atomic_bool has;
    sem_t asks;
};

static void *take_later(void *arg)
{
    struct taker *taker = arg;

    sem_post(&taker->asks);
    kh_budget_take(taker->budget, 60);
    atomic_store(&taker->has, true);
    kh_budget_give(taker->budget, 60);
    return NULL;
}

static void a_budget_makes_the_second_wait(void)
{
    struct taker taker = {.budget = kh_budget_new(100)};
    pthread_t thread;

    CU_ASSERT_PTR_NOT_NULL_FATAL(taker.budget);
    sem_init(&taker.asks, 0, 0);
    kh_budget_take(taker.budget, 50);
    pthread_create(&thread, NULL, take_later, &taker);
    sem_wait(&taker.asks);
    for (int i = 0; i < 100; i++)
        sched_yield();
    CU_ASSERT_FALSE(atomic_load(&taker.has)); /* cannot be true: 50 + 60 is over */
    kh_budget_give(taker.budget, 50);
    pthread_join(thread, NULL);
    CU_ASSERT(atomic_load(&taker.has));
    kh_budget_free(taker.budget);
}

static void one_that_never_fits_goes_alone(void)
{
    struct kh_budget *budget = kh_budget_new(10);

    kh_budget_take(budget, 1000); /* would hang otherwise */
    kh_budget_give(budget, 1000);
    kh_budget_take(budget, 10);
    kh_budget_give(budget, 10);
    CU_PASS("it went");
    kh_budget_free(budget);
    kh_budget_free(NULL);
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"every job runs once and comes back", every_job_runs_once_and_comes_back},
        {"a full queue takes nothing", a_full_queue_takes_nothing},
        {"freeing runs what is queued", freeing_runs_what_is_queued},
        {"a pool of nobody is refused", a_pool_of_nobody_is_refused},
        {"the bucket gives a burst and then one an interval",
            the_bucket_gives_a_burst_and_then_one_an_interval},
        {"the bucket never holds more than its burst",
            the_bucket_never_holds_more_than_its_burst},
        {"a clock that steps back gives nothing", a_clock_that_steps_back_gives_nothing},
        {"a budget makes the second wait", a_budget_makes_the_second_wait},
        {"one that never fits goes alone", one_that_never_fits_goes_alone},
    };

    return kh_test_main("server pool", tests, sizeof tests / sizeof tests[0]);
}
