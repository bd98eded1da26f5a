/* Many threads on one token while it is taken away from under them. Run under TSan too.
 */
#include "tests/unit/pkcs11/faulty.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define KEYS 4

static struct rig rig;
static struct kh_public_half halves[KEYS];
static atomic_uint wrong;       /* answers that were not the key's */
static atomic_uint unavailable; /* refusals with KH_UNAVAILABLE */
static atomic_uint failed;      /* any other refusal */
static atomic_uint done;
static atomic_bool stop;
static pthread_barrier_t barrier;

static void begin(void)
{
    faulty_make(&rig);
    rig_set(&rig, "sessions=4");
    rig_host(&rig);
    KH_ASSERT_OK_FATAL(rig_open(&rig), rig.err);
    for (unsigned i = 0; i < KEYS; i++)
        KH_ASSERT_OK_FATAL(rig_generate(&rig, i, &halves[i]), rig.err);
    wrong = unavailable = failed = done = 0;
    stop = false;
}

static void end(void)
{
    faulty_plan("%s", "");
    for (unsigned i = 0; i < KEYS; i++)
        free(halves[i].spki);
    rig_end(&rig);
}

static void use_once(unsigned n)
{
    struct kh_error err = {0};
    bool agrees;
    kh_status st = rig_agree(&rig, n, &halves[n], &agrees, &err);

    if (st == KH_OK)
        wrong += !agrees;
    else if (st == KH_UNAVAILABLE)
        unavailable++;
    else
        failed++;
    if (st != KH_OK && st != KH_UNAVAILABLE)
        fprintf(stderr, "    status %d: %s\n", (int)st, err.message);
    done++;
}

static void *one_call(void *arg)
{
    unsigned n = *(unsigned *)arg;

    (void)pthread_barrier_wait(&barrier);
    use_once(n);
    return NULL;
}

static void *many_calls(void *arg)
{
    unsigned n = *(unsigned *)arg;

    while (!stop)
        use_once(n);
    return NULL;
}

static void run_threads(unsigned count, void *(*fn)(void *), void (*meanwhile)(void))
{
    pthread_t threads[64];
    unsigned n[64];

    (void)pthread_barrier_init(&barrier, NULL, count);
    for (unsigned i = 0; i < count; i++) {
        n[i] = i % KEYS;
        if (pthread_create(&threads[i], NULL, fn, &n[i]) != 0)
            abort();
    }
    if (meanwhile)
        meanwhile();
    stop = true;
    for (unsigned i = 0; i < count; i++)
        (void)pthread_join(threads[i], NULL);
    (void)pthread_barrier_destroy(&barrier);
}

static void a_lost_login_is_mended_by_one_thread_of_64(void)
{
    begin();
    faulty_plan("C_DeriveKey logout count=1");
    run_threads(64, one_call, NULL);
    CU_ASSERT_EQUAL(done, 64);
    CU_ASSERT_EQUAL(wrong, 0);
    CU_ASSERT_EQUAL(failed, 0);
    CU_ASSERT_EQUAL(unavailable, 0);
    CU_ASSERT_EQUAL(faulty_calls("C_Login"), 1);
    end();
}

static void a_dead_device_is_mended_by_one_thread_of_64(void)
{
    begin();
    faulty_plan("C_DeriveKey rv=0x30 count=1");
    run_threads(64, one_call, NULL);
    CU_ASSERT_EQUAL(wrong, 0);
    CU_ASSERT_EQUAL(failed, 0);
    CU_ASSERT_EQUAL(unavailable, 0);
    CU_ASSERT_EQUAL(faulty_calls("C_Initialize"), 1);
    CU_ASSERT_EQUAL(faulty_calls("C_Login"), 1);
    end();
}

/* Takes the token away, in turns, until enough calls have gone through all of it. */
static void take_away(void)
{
    static const char *const plans[] = {"C_DeriveKey rv=0x30 count=1",
        "C_DeriveKey lose_sessions count=1", "C_DeriveKey rv=0xB3 count=2",
        "C_GetAttributeValue rv=0x82 count=1", "C_DeriveKey logout count=1",
        "C_OpenSession rv=0xB1 count=3;C_DeriveKey rv=0xB3 count=3"};

    for (unsigned i = 0; i < 60; i++) {
        unsigned before = done;

        faulty_plan("%s", plans[i % (sizeof plans / sizeof plans[0])]);
        while (done < before + 20) {
            struct timespec ts = {.tv_nsec = 1000000};

            (void)nanosleep(&ts, NULL);
        }
    }
    faulty_plan("%s", "");
}

static void re_initialisation_under_load_neither_crashes_nor_lies(void)
{
    begin();
    run_threads(8, many_calls, take_away);
    CU_ASSERT_EQUAL(wrong, 0);
    CU_ASSERT_EQUAL(failed, 0);
    CU_ASSERT_TRUE(done >= 1200);
    stop = false;
    for (unsigned i = 0; i < KEYS; i++)
        CU_ASSERT_TRUE(rig_agrees(&rig, i, &halves[i]));
    end();
}

static void *make_keys(void *arg)
{
    unsigned base = 100 + 10 * *(unsigned *)arg;

    (void)pthread_barrier_wait(&barrier);
    for (unsigned i = 0; i < 5; i++) {
        struct kh_error err = {0};
        struct kh_key_id id = rig_id(base + i);
        struct kh_public_half half = {0};
        bool agrees = false;

        if (kh_token_key_generate(rig.token, &id, "x", &half, &err) != KH_OK ||
            rig_agree(&rig, base + i, &half, &agrees, &err) != KH_OK) {
            fprintf(stderr, "    key %u: %s\n", base + i, err.message);
            failed++;
        }
        wrong += !agrees;
        if (i % 2 && kh_token_key_destroy(rig.token, &id, &err) != KH_OK) {
            fprintf(stderr, "    key %u, destroying: %s\n", base + i, err.message);
            failed++;
        }
        free(half.spki);
    }
    return NULL;
}

static void keys_are_made_used_and_destroyed_by_many_threads(void)
{
    unsigned complete;

    begin();
    run_threads(4, make_keys, NULL);
    CU_ASSERT_EQUAL(wrong, 0);
    CU_ASSERT_EQUAL(failed, 0);
    CU_ASSERT_EQUAL(rig_count(&rig, &complete), KEYS + 4 * 3);
    CU_ASSERT_EQUAL(complete, KEYS + 4 * 3);
    end();
}

static void *slow_call(void *arg)
{
    use_once(*(unsigned *)arg);
    return NULL;
}

static void busy_sessions_turn_a_caller_away_at_its_deadline(void)
{
    pthread_t thread;
    unsigned n = 0;
    struct kh_error err = {0};

    faulty_make(&rig);
    rig_set(&rig, "sessions=1");
    rig_set(&rig, "call_deadline=1");
    rig_host(&rig);
    KH_ASSERT_OK_FATAL(rig_open(&rig), rig.err);
    for (unsigned i = 0; i < KEYS; i++)
        KH_ASSERT_OK_FATAL(rig_generate(&rig, i, &halves[i]), rig.err);
    wrong = unavailable = failed = done = 0;
    faulty_plan("C_DeriveKey hang");
    if (pthread_create(&thread, NULL, slow_call, &n) != 0)
        abort();
    while (faulty_calls("C_DeriveKey") == 0) {
        struct timespec ts = {.tv_nsec = 1000000};

        (void)nanosleep(&ts, NULL);
    }
    KH_ASSERT_FAILS(rig_ecdh(&rig, 1, &err), KH_UNAVAILABLE, err, "sessions");
    faulty_plan("%s", "");
    (void)pthread_join(thread, NULL);
    CU_ASSERT_EQUAL(wrong + failed + unavailable, 0);
    end();
}

static void *make_one(void *arg)
{
    const struct kh_key_id id = rig_id(*(unsigned *)arg);
    struct kh_public_half half = {0};
    struct kh_error err = {0};

    if (kh_token_key_generate(rig.token, &id, "x", &half, &err) != KH_OK) {
        fprintf(stderr, "    key: %s\n", err.message);
        failed++;
    }
    free(half.spki);
    return NULL;
}

/* SoftHSM breaks a key that is made beside a search. */
static void a_making_that_has_to_search_is_alone(void)
{
    pthread_t thread;
    unsigned n = 100;
    struct kh_public_half half;

    faulty_make(&rig);
    rig_set(&rig, "sessions=4");
    rig_set(&rig, "call_deadline=1");
    rig_host(&rig);
    KH_ASSERT_OK_FATAL(rig_open(&rig), rig.err);
    failed = 0;
    faulty_plan("C_FindObjectsInit hang count=1");
    if (pthread_create(&thread, NULL, make_one, &n) != 0)
        abort();
    while (faulty_calls("C_FindObjectsInit") == 0) {
        struct timespec ts = {.tv_nsec = 1000000};

        (void)nanosleep(&ts, NULL);
    }
    KH_ASSERT_FAILS(
        rig_generate(&rig, 101, &half), KH_UNAVAILABLE, rig.err, "busy making");
    faulty_plan("%s", "");
    (void)pthread_join(thread, NULL);
    CU_ASSERT_EQUAL(failed, 0);
    KH_ASSERT_OK(rig_generate(&rig, 101, &half), rig.err);
    free(half.spki);
    rig_end(&rig);
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"a_lost_login_is_mended_by_one_thread_of_64",
            a_lost_login_is_mended_by_one_thread_of_64},
        {"a_dead_device_is_mended_by_one_thread_of_64",
            a_dead_device_is_mended_by_one_thread_of_64},
        {"re_initialisation_under_load_neither_crashes_nor_lies",
            re_initialisation_under_load_neither_crashes_nor_lies},
        {"keys_are_made_used_and_destroyed_by_many_threads",
            keys_are_made_used_and_destroyed_by_many_threads},
        {"a_making_that_has_to_search_is_alone", a_making_that_has_to_search_is_alone},
        {"busy_sessions_turn_a_caller_away_at_its_deadline",
            busy_sessions_turn_a_caller_away_at_its_deadline},
    };

    return kh_test_main("pkcs11.threads", tests, sizeof tests / sizeof tests[0]);
}
