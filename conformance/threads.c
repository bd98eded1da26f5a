/* Many threads on one instance, as a daemon's workers are. */
#include "conformance/contract.h"

#include "core/secmem.h"

#include <pthread.h>
#include <stdatomic.h>

enum { THREADS = 8, ROUNDS = 12 };

static void run(void *(*fn)(void *), void *args, size_t size)
{
    pthread_t threads[THREADS];

    for (size_t i = 0; i < THREADS; i++)
        CU_ASSERT_EQUAL_FATAL(
            pthread_create(&threads[i], NULL, fn, (char *)args + i * size), 0);
    for (size_t i = 0; i < THREADS; i++)
        (void)pthread_join(threads[i], NULL);
}

/* CUnit's assertions are for one thread; threads report and the test asserts. */
struct racer {
    const char *name;
    unsigned char mark;
    kh_status status;
    struct kh_error err;
    pthread_barrier_t *start;
};

static void *put_same(void *arg)
{
    struct racer *r = arg;
    KH_CLEANUP_DEPOSIT struct kh_deposit d;

    kh_contract_make(&d, r->name, 0, &r->mark, 1);
    (void)pthread_barrier_wait(r->start);
    r->status = kh_backend_put(kh_contract_backend(), &d, KH_PUT_NEW, &r->err);
    return NULL;
}

static void of_eight_puts_of_one_name_exactly_one_wins(void)
{
    struct racer racers[THREADS] = {0};
    KH_CLEANUP_DEPOSIT struct kh_deposit got = {0};
    const char *name = kh_contract_name("race");
    struct kh_error err = {0};
    pthread_barrier_t start;
    unsigned char winner = 0xff;
    size_t wins = 0;

    (void)kh_contract_backend();
    (void)pthread_barrier_init(&start, NULL, THREADS);
    for (size_t i = 0; i < THREADS; i++)
        racers[i] =
            (struct racer){.name = name, .mark = (unsigned char)i, .start = &start};
    run(put_same, racers, sizeof racers[0]);
    for (size_t i = 0; i < THREADS; i++) {
        if (racers[i].status == KH_OK) {
            winner = racers[i].mark;
            wins++;
        } else {
            KH_ASSERT_FAILS(racers[i].status, KH_EXISTS, racers[i].err, name);
        }
    }
    CU_ASSERT_EQUAL(wins, 1);
    KH_ASSERT_OK(
        kh_backend_get(kh_contract_backend(), name, KH_LATEST, false, &got, &err), err);
    CU_ASSERT_EQUAL_FATAL(got.data.len, 1);
    CU_ASSERT_EQUAL(got.data.data[0], winner);
    (void)pthread_barrier_destroy(&start);
}

static void *roll_same(void *arg)
{
    struct racer *r = arg;

    r->status = KH_OK;
    for (int i = 0; i < ROUNDS && r->status == KH_OK; i++) {
        KH_CLEANUP_DEPOSIT struct kh_deposit d;

        kh_contract_make(&d, r->name, 0, "roll", 4);
        r->status = kh_backend_roll(kh_contract_backend(), &d, &r->err);
    }
    return NULL;
}

static void rolls_of_eight_threads_all_get_a_number_of_their_own(void)
{
    struct racer racers[THREADS] = {0};
    const char *name = kh_contract_name("rolls");
    struct kh_error err = {0};
    struct kh_stat stat;

    kh_contract_put(name, 0, "x", KH_PUT_NEW);
    for (size_t i = 0; i < THREADS; i++)
        racers[i].name = name;
    run(roll_same, racers, sizeof racers[0]);
    for (size_t i = 0; i < THREADS; i++)
        KH_ASSERT_OK(racers[i].status, racers[i].err);
    KH_ASSERT_OK(
        kh_backend_stat(kh_contract_backend(), name, KH_LATEST, &stat, &err), err);
    CU_ASSERT_EQUAL(stat.versions, THREADS * ROUNDS + 1);
    CU_ASSERT_EQUAL(stat.highest, THREADS * ROUNDS);
}

/* Each thread has a deposit of its own to write, and reads the next one's. */
struct worker {
    char names[THREADS][KH_NAME_MAX + 1];
    size_t index;
    atomic_int *bad;
};

static bool as_expected(const struct kh_deposit *d)
{
    char text[KH_NAME_MAX + 32];
    int n = snprintf(text, sizeof text, "%s/%u", d->name, (unsigned)d->version);

    return d->data.len == (size_t)n && memcmp(d->data.data, text, d->data.len) == 0;
}

static void *read_and_write(void *arg)
{
    struct worker *w = arg;
    const char *mine = w->names[w->index];
    const char *theirs = w->names[(w->index + 1) % THREADS];

    for (uint32_t v = 0; v < ROUNDS; v++) {
        KH_CLEANUP_DEPOSIT struct kh_deposit d;
        KH_CLEANUP_DEPOSIT struct kh_deposit got = {0};
        struct kh_error err = {0};
        char text[KH_NAME_MAX + 32];
        kh_status st;

        snprintf(text, sizeof text, "%s/%u", mine, (unsigned)v);
        kh_contract_make(&d, mine, v, text, strlen(text));
        st = kh_backend_put(
            kh_contract_backend(), &d, v == 0 ? KH_PUT_NEW : KH_PUT_VERSION, &err);
        if (st != KH_OK)
            atomic_fetch_add(w->bad, 1);
        st = kh_backend_get(kh_contract_backend(), theirs, KH_LATEST, false, &got, &err);
        if (st != KH_NOT_FOUND && (st != KH_OK || !as_expected(&got)))
            atomic_fetch_add(w->bad, 1);
        if (st != KH_OK && st != KH_NOT_FOUND)
            fprintf(stderr, "    %s\n", err.message);
    }
    return NULL;
}

static void gets_and_puts_at_the_same_time_do_not_disturb_each_other(void)
{
    static struct worker workers[THREADS];
    atomic_int bad = 0;

    (void)kh_contract_backend();
    for (size_t i = 0; i < THREADS; i++)
        snprintf(workers[0].names[i], sizeof workers[0].names[i], "%s",
            kh_contract_name("rw"));
    for (size_t i = 0; i < THREADS; i++) {
        workers[i] = workers[0];
        workers[i].index = i;
        workers[i].bad = &bad;
    }
    run(read_and_write, workers, sizeof workers[0]);
    CU_ASSERT_EQUAL(atomic_load(&bad), 0);
}

static void *flip(void *arg)
{
    struct racer *r = arg;

    for (int i = 0; i < ROUNDS; i++) {
        struct kh_error err = {0};
        kh_status st = KH_OK;

        if (r->mark == 0) {
            st = i % 2 ? kh_backend_restore(kh_contract_backend(), r->name, 0, &err)
                       : kh_backend_remove(kh_contract_backend(), r->name, 0, &err);
        } else {
            st = kh_contract_get_status(r->name, 0, r->mark % 2);
            if (st == KH_NOT_FOUND && r->mark % 2 == 0)
                st = KH_OK; /* it may be deleted just now, but for who asks for deleted
                               ones */
        }
        if (st != KH_OK) {
            r->status = st;
            r->err = err;
        }
    }
    return NULL;
}

static void a_version_is_always_found_while_its_state_changes(void)
{
    struct racer racers[THREADS] = {0};
    const char *name = kh_contract_name("flip");

    kh_contract_put(name, 0, "x", KH_PUT_NEW);
    for (size_t i = 0; i < THREADS; i++)
        racers[i] = (struct racer){.name = name, .mark = (unsigned char)i};
    run(flip, racers, sizeof racers[0]);
    for (size_t i = 0; i < THREADS; i++)
        KH_ASSERT_OK(racers[i].status, racers[i].err);
}

static void *list_pages(void *arg)
{
    struct racer *r = arg;
    struct kh_cursor cursor = {0};
    struct kh_item items[16];
    size_t count = 1;

    r->status = KH_OK;
    while (r->status == KH_OK && count > 0) {
        r->status =
            kh_backend_list(kh_contract_backend(), &cursor, items, 16, &count, &r->err);
        for (size_t i = 0; r->status == KH_OK && i < count; i++) {
            if (items[i].status != KH_OK)
                r->status =
                    kh_fail(&r->err, KH_CORRUPT, "%s: %s", items[i].name, items[i].note);
            memcpy(cursor.name, items[i].name, sizeof cursor.name);
            cursor.version = items[i].version;
            cursor.started = true;
        }
    }
    return NULL;
}

static void *list_or_roll(void *arg)
{
    struct racer *r = arg;

    return r->mark < THREADS / 2 ? list_pages(arg) : roll_same(arg);
}

static void listings_and_rolls_at_the_same_time_do_not_disturb_each_other(void)
{
    struct racer racers[THREADS] = {0};
    const char *name = kh_contract_name("listroll");

    kh_contract_put(name, 0, "x", KH_PUT_NEW);
    for (size_t i = 0; i < THREADS; i++)
        racers[i] = (struct racer){.name = name, .mark = (unsigned char)i};
    run(list_or_roll, racers, sizeof racers[0]);
    for (size_t i = 0; i < THREADS; i++)
        KH_ASSERT_OK(racers[i].status, racers[i].err);
}

struct kh_contract_group kh_contract_threads(void)
{
    static const struct kh_test tests[] = {
        {"of_eight_puts_of_one_name_exactly_one_wins",
            of_eight_puts_of_one_name_exactly_one_wins},
        {"rolls_of_eight_threads_all_get_a_number_of_their_own",
            rolls_of_eight_threads_all_get_a_number_of_their_own},
        {"gets_and_puts_at_the_same_time_do_not_disturb_each_other",
            gets_and_puts_at_the_same_time_do_not_disturb_each_other},
        {"a_version_is_always_found_while_its_state_changes",
            a_version_is_always_found_while_its_state_changes},
        {"listings_and_rolls_at_the_same_time_do_not_disturb_each_other",
            listings_and_rolls_at_the_same_time_do_not_disturb_each_other},
    };

    return (struct kh_contract_group){
        KH_CAP_READ | KH_CAP_WRITE | KH_CAP_LIST, tests, sizeof tests / sizeof tests[0]};
}
