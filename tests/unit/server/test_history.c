/* The last hour of requests, on a clock that the test turns. */
#include "server/history.h"

#include "tests/lib/testlib.h"

#include <pthread.h>
#include <stdlib.h>

#define MS 1000000ULL /* nanoseconds */
#define STEP (1000ULL * KH_HISTORY_STEP)
#define LAST (KH_HISTORY_POINTS - 1)

static struct kh_history *history;
static struct kh_history_view view;

static void begin(void)
{
    history = kh_history_new();
    CU_ASSERT_PTR_NOT_NULL_FATAL(history);
}

static void look(uint64_t now_ms)
{
    kh_history_read(history, now_ms, &view);
}

static void a_new_one_is_empty(void)
{
    begin();
    for (uint64_t now = 0; now <= 2; now++) {
        look(now * 1000 * STEP);
        CU_ASSERT_EQUAL(view.hour.count, 0);
        CU_ASSERT_EQUAL(view.hour.p99_ms, 0);
        for (size_t i = 0; i < KH_HISTORY_POINTS; i++)
            CU_ASSERT_EQUAL(view.points[i].count, 0);
    }
    kh_history_free(history);
}

static void the_clock_may_be_at_its_beginning(void)
{
    begin();
    kh_history_add(history, 0, 200, MS);
    look(0);
    CU_ASSERT_EQUAL(view.points[LAST].count, 1);
    CU_ASSERT_EQUAL(view.hour.count, 1);
    CU_ASSERT_TRUE(view.last_seconds > 0);
    kh_history_free(history);
}

static void requests_stand_where_they_were(void)
{
    uint64_t now = 1000 * STEP;

    begin();
    kh_history_add(history, now, 200, MS);
    kh_history_add(history, now + STEP - 1, 200, MS);
    kh_history_add(history, now + STEP, 200, MS);
    look(now + STEP + 15000);
    CU_ASSERT_EQUAL(view.points[LAST].count, 1);
    CU_ASSERT_EQUAL(view.points[LAST - 1].count, 2);
    CU_ASSERT_EQUAL(view.points[LAST - 2].count, 0);
    CU_ASSERT_EQUAL(view.hour.count, 3);
    CU_ASSERT_DOUBLE_EQUAL(view.last_seconds, 15, 0.1);
    kh_history_free(history);
}

static void what_is_older_than_an_hour_is_gone(void)
{
    uint64_t now = 1000 * STEP;

    begin();
    kh_history_add(history, now, 200, MS);
    look(now + (KH_HISTORY_POINTS - 1) * STEP);
    CU_ASSERT_EQUAL(view.points[0].count, 1);
    look(now + KH_HISTORY_POINTS * STEP);
    CU_ASSERT_EQUAL(view.hour.count, 0);
    /* Its place is taken by another. */
    kh_history_add(history, now + KH_HISTORY_POINTS * STEP, 500, MS);
    look(now + KH_HISTORY_POINTS * STEP);
    CU_ASSERT_EQUAL(view.points[LAST].count, 1);
    CU_ASSERT_EQUAL(view.points[LAST].failed, 1);
    CU_ASSERT_EQUAL(view.hour.count, 1);
    kh_history_free(history);
}

static void only_the_servers_own_failures_count_as_such(void)
{
    static const int statuses[] = {200, 201, 204, 400, 401, 403, 404, 409, 429};

    begin();
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++)
        kh_history_add(history, 0, statuses[i], MS);
    look(0);
    CU_ASSERT_EQUAL(view.hour.failed, 0);
    kh_history_add(history, 0, 500, MS);
    kh_history_add(history, 0, 503, MS);
    look(0);
    CU_ASSERT_EQUAL(view.hour.failed, 2);
    CU_ASSERT_EQUAL(view.hour.count, 11);
    kh_history_free(history);
}

/* Within a fifth, as the header says. */
static void near(double got, double wanted)
{
    if (got < wanted * 0.8 || got > wanted * 1.2)
        fprintf(stderr, "    %g ms, wanted about %g\n", got, wanted);
    CU_ASSERT_TRUE(got >= wanted * 0.8 && got <= wanted * 1.2);
}

static void percentiles_are_about_right(void)
{
    begin();
    for (unsigned i = 1; i <= 1000; i++) /* 0.1 ms to 100 ms */
        kh_history_add(history, 0, 200, i * MS / 10);
    look(0);
    near(view.points[LAST].p50_ms, 50);
    near(view.points[LAST].p99_ms, 99);
    near(view.hour.p50_ms, 50);
    kh_history_free(history);
}

static void one_slow_request_in_two_hundred_does_not_move_the_median(void)
{
    begin();
    for (unsigned i = 0; i < 199; i++)
        kh_history_add(history, 0, 200, 2 * MS);
    kh_history_add(history, 0, 200, 20000 * MS);
    look(0);
    CU_ASSERT_TRUE(view.hour.p50_ms < 3);
    CU_ASSERT_TRUE(view.hour.p99_ms < 3);
    for (unsigned i = 0; i < 5; i++)
        kh_history_add(history, 0, 200, 20000 * MS);
    look(0);
    CU_ASSERT_TRUE(view.hour.p50_ms < 3);
    CU_ASSERT_TRUE(view.hour.p99_ms > 15000);
    kh_history_free(history);
}

static void durations_without_end_are_kept_in_the_last_slot(void)
{
    begin();
    kh_history_add(history, 0, 200, 0);
    kh_history_add(history, 0, 200, UINT64_MAX);
    look(0);
    CU_ASSERT_EQUAL(view.hour.count, 2);
    CU_ASSERT_TRUE(view.hour.p50_ms <= 0.064);
    CU_ASSERT_TRUE(view.hour.p99_ms > 60000);
    kh_history_free(history);
}

static void *add_many(void *arg)
{
    for (uint64_t i = 0; i < 20000; i++)
        kh_history_add(history, i, i % 10 ? 200 : 503, MS);
    return arg;
}

static void threads_lose_nothing(void)
{
    pthread_t threads[4];

    begin();
    for (size_t i = 0; i < 4; i++)
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, add_many, NULL), 0);
    for (size_t i = 0; i < 100; i++)
        look(20000);
    for (size_t i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    look(20000);
    CU_ASSERT_EQUAL(view.hour.count, 80000);
    CU_ASSERT_EQUAL(view.hour.failed, 8000);
    kh_history_free(history);
}

static void freeing_nothing_is_fine(void)
{
    kh_history_free(NULL);
    CU_PASS("it returned");
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"a new one is empty", a_new_one_is_empty},
        {"the clock may be at its beginning", the_clock_may_be_at_its_beginning},
        {"requests stand where they were", requests_stand_where_they_were},
        {"what is older than an hour is gone", what_is_older_than_an_hour_is_gone},
        {"only the server's own failures count as such",
            only_the_servers_own_failures_count_as_such},
        {"percentiles are about right", percentiles_are_about_right},
        {"one slow request in two hundred does not move the median",
            one_slow_request_in_two_hundred_does_not_move_the_median},
        {"durations without end are kept in the last slot",
            durations_without_end_are_kept_in_the_last_slot},
        {"threads lose nothing", threads_lose_nothing},
        {"freeing nothing is fine", freeing_nothing_is_fine},
    };

    return kh_test_main("server/history", tests, sizeof tests / sizeof tests[0]);
}
