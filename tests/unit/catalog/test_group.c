#include "support.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#define THREADS 16
#define EACH 40

struct worker {
    struct kh_catalog *catalog;
    pthread_barrier_t *barrier;
    unsigned number;
    unsigned won;
    unsigned wrong; /* a status that must not happen */
};

static void run_threads(struct kh_catalog *c, struct worker *w, void *(*body)(void *))
{
    pthread_t threads[THREADS];
    pthread_barrier_t barrier;

    pthread_barrier_init(&barrier, NULL, THREADS);
    for (unsigned i = 0; i < THREADS; i++) {
        w[i] = (struct worker){.catalog = c, .barrier = &barrier, .number = i};
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, body, &w[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&barrier);
}

/* Every thread wants the same names, under keys of its own. */
static void *contend(void *arg)
{
    struct worker *w = arg;
    struct kh_error err = {0};
    char name[16];

    pthread_barrier_wait(w->barrier);
    for (unsigned i = 0; i < EACH; i++) {
        unsigned key = w->number * EACH + i;
        kh_status status;

        if (announce(w->catalog, key, "deposit", &err) != KH_OK)
            w->wrong++;
        snprintf(name, sizeof name, "name%u", i);
        status = insert(w->catalog, name, 0, key, &err);
        w->won += status == KH_OK;
        w->wrong += status != KH_OK && status != KH_EXISTS;
    }
    return NULL;
}

static void of_many_creators_of_a_name_exactly_one_wins(void)
{
    struct kh_catalog *c = catalog_new(NULL);
    struct kh_catalog_counts counts = {0};
    struct worker w[THREADS];
    struct kh_error err = {0};
    unsigned won = 0;
    unsigned wrong = 0;

    run_threads(c, w, contend);
    for (unsigned i = 0; i < THREADS; i++) {
        won += w[i].won;
        wrong += w[i].wrong;
    }
    CU_ASSERT_EQUAL(wrong, 0);
    CU_ASSERT_EQUAL(won, EACH);
    KH_ASSERT_OK(c->counts(c, &counts, &err), err);
    CU_ASSERT_EQUAL(counts.versions, EACH);
    CU_ASSERT_EQUAL(counts.keys[KH_KEY_ACTIVE], EACH);
    CU_ASSERT_EQUAL(counts.keys[KH_KEY_PENDING], (THREADS - 1) * EACH);
    KH_ASSERT_OK(c->check(c, &err), err);
    c->close(c);
}

static void writes_that_wait_share_a_commit(void)
{
    struct kh_catalog *c = catalog_new(NULL);
    struct worker w[THREADS];
    unsigned requests = 2 * THREADS * EACH; /* an announcement and an insert each */
    unsigned commits;

    run_threads(c, w, contend);
    /* One generation per commit with at least one success. 16 threads that never pause
     * cannot all have been alone: fewer commits than successful requests. */
    commits = (unsigned)generation_of(c);
    CU_ASSERT(commits > 0);
    CU_ASSERT(commits < (requests - (THREADS - 1) * EACH));
    c->close(c);
}

static void *own_rows(void *arg)
{
    struct worker *w = arg;
    struct kh_error err = {0};
    char name[32];

    pthread_barrier_wait(w->barrier);
    for (unsigned i = 0; i < EACH; i++) {
        struct kh_catalog_row row = {0};
        unsigned key = w->number * EACH + i;

        snprintf(name, sizeof name, "t%u-%u", w->number, i);
        if (announce(w->catalog, key, "deposit", &err) != KH_OK ||
            insert(w->catalog, name, 0, key, &err) != KH_OK ||
            w->catalog->get(w->catalog, name, 0, false, &row, &err) != KH_OK ||
            memcmp(row.envelope + 12, name, strlen(name)) != 0)
            w->wrong++;
        w->catalog->row_free(w->catalog, &row);
        if (i % 3 == 0 && w->catalog->purge(w->catalog, name, 0, NULL, &err) != KH_OK)
            w->wrong++;
    }
    return NULL;
}

static void a_thread_reads_what_it_was_told_is_written(void)
{
    struct kh_catalog *c = catalog_new(NULL);
    struct kh_catalog_counts counts = {0};
    struct worker w[THREADS];
    struct kh_error err = {0};
    unsigned purged = THREADS * ((EACH + 2) / 3);

    run_threads(c, w, own_rows);
    for (unsigned i = 0; i < THREADS; i++)
        CU_ASSERT_EQUAL(w[i].wrong, 0);
    KH_ASSERT_OK(c->counts(c, &counts, &err), err);
    CU_ASSERT_EQUAL(counts.versions, THREADS * EACH - purged);
    CU_ASSERT_EQUAL(counts.keys[KH_KEY_DOOMED], purged);
    KH_ASSERT_OK(c->check(c, &err), err);
    c->close(c);
}

struct watch {
    struct kh_catalog *catalog;
    atomic_bool stop;
    unsigned wrong;
};

static void *watch_generation(void *arg)
{
    struct watch *w = arg;
    struct kh_error err = {0};
    uint64_t last = 0;

    while (!atomic_load(&w->stop)) {
        uint64_t now = 0;

        if (w->catalog->generation(w->catalog, &now, &err) != KH_OK || now < last)
            w->wrong++;
        last = now;
    }
    return NULL;
}

static void the_generation_never_shrinks_under_load(void)
{
    struct kh_catalog *c = catalog_new(NULL);
    struct watch watch = {.catalog = c};
    struct worker w[THREADS];
    pthread_t thread;
    struct kh_error err = {0};
    uint64_t before;

    CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, watch_generation, &watch), 0);
    run_threads(c, w, own_rows);
    atomic_store(&watch.stop, true);
    pthread_join(thread, NULL);
    CU_ASSERT_EQUAL(watch.wrong, 0);
    before = generation_of(c);
    CU_ASSERT_EQUAL(insert(c, "t0-1", 0, 1, &err), KH_EXISTS); /* nothing was written */
    CU_ASSERT_EQUAL(generation_of(c), before);
    c->close(c);
}

/* The log must not grow with the number of writes: the writer checkpoints it. */
static void the_write_ahead_log_stays_bounded(void)
{
    const char *path;
    struct kh_catalog *c = catalog_new(&path);
    static unsigned char envelope[65536];
    struct kh_catalog_row row = {.envelope = envelope, .envelope_len = sizeof envelope};
    struct kh_error err = {0};
    char command[800];

    for (unsigned i = 0; i < 400; i++) { /* 26 MB, 6,400 pages and more */
        KH_ASSERT_OK_FATAL(announce(c, i, "deposit", &err), err);
        snprintf(row.name, sizeof row.name, "d%u", i);
        row.key = key_id(i);
        KH_ASSERT_OK_FATAL(c->insert(c, &row, true, &err), err);
    }
    snprintf(command, sizeof command, "test $(stat -c %%s '%s-wal') -lt 12000000", path);
    CU_ASSERT_EQUAL(kh_test_shell("%s", command), 0);
    c->close(c);
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"of_many_creators_of_a_name_exactly_one_wins",
            of_many_creators_of_a_name_exactly_one_wins},
        {"writes_that_wait_share_a_commit", writes_that_wait_share_a_commit},
        {"a_thread_reads_what_it_was_told_is_written",
            a_thread_reads_what_it_was_told_is_written},
        {"the_generation_never_shrinks_under_load",
            the_generation_never_shrinks_under_load},
        {"the_write_ahead_log_stays_bounded", the_write_ahead_log_stays_bounded},
    };
    return kh_test_main("catalog: group", tests, sizeof tests / sizeof tests[0]);
}
