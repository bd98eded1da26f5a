/* Makers share the turn, a destroyer has it alone; and what that is for, on SoftHSM. */
#include "plugins/pkcs11/turn.h"

#include "plugins/pkcs11/clock.h"
#include "tests/unit/pkcs11/rig.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define THREADS 6
#define EACH 30

static struct kh_turn turn;
static struct kh_error err;

static uint64_t soon(void)
{
    return kh_clock_now() + KH_SECOND / 50;
}

static uint64_t late(void)
{
    return kh_clock_now() + 60 * KH_SECOND;
}

static void makers_share_and_a_destroyer_waits_for_them(void)
{
    CU_ASSERT_EQUAL_FATAL(kh_turn_init(&turn), 0);
    KH_ASSERT_OK(kh_turn_take(&turn, false, soon(), &err), err);
    KH_ASSERT_OK(kh_turn_take(&turn, false, soon(), &err), err);
    KH_ASSERT_FAILS(kh_turn_take(&turn, true, soon(), &err), KH_UNAVAILABLE, err, "busy");
    kh_turn_give(&turn, false);
    KH_ASSERT_FAILS(kh_turn_take(&turn, true, soon(), &err), KH_UNAVAILABLE, err, "busy");
    kh_turn_give(&turn, false);
    KH_ASSERT_OK(kh_turn_take(&turn, true, soon(), &err), err);
    kh_turn_give(&turn, true);
    kh_turn_free(&turn);
}

static void a_destroyer_is_alone(void)
{
    CU_ASSERT_EQUAL_FATAL(kh_turn_init(&turn), 0);
    KH_ASSERT_OK(kh_turn_take(&turn, true, soon(), &err), err);
    KH_ASSERT_FAILS(kh_turn_take(&turn, true, soon(), &err), KH_UNAVAILABLE, err, "busy");
    KH_ASSERT_FAILS(
        kh_turn_take(&turn, false, soon(), &err), KH_UNAVAILABLE, err, "busy");
    kh_turn_give(&turn, true);
    KH_ASSERT_OK(kh_turn_take(&turn, false, soon(), &err), err);
    kh_turn_give(&turn, false);
    kh_turn_free(&turn);
}

static void *destroy_once(void *arg)
{
    atomic_int *done = arg;

    if (kh_turn_take(&turn, true, late(), &(struct kh_error){0}) == KH_OK) {
        atomic_store(done, 1);
        kh_turn_give(&turn, true);
    }
    return NULL;
}

static void a_waiting_destroyer_goes_before_new_makers(void)
{
    pthread_t thread;
    atomic_int done = 0;

    CU_ASSERT_EQUAL_FATAL(kh_turn_init(&turn), 0);
    KH_ASSERT_OK_FATAL(kh_turn_take(&turn, false, soon(), &err), err);
    CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, destroy_once, &done), 0);
    /* Until it waits, new makers get in; from then on none does. */
    while (kh_turn_take(&turn, false, soon(), &err) == KH_OK)
        kh_turn_give(&turn, false);
    CU_ASSERT_EQUAL(atomic_load(&done), 0);
    kh_turn_give(&turn, false);
    KH_ASSERT_OK(kh_turn_take(&turn, false, late(), &err), err);
    CU_ASSERT_EQUAL(atomic_load(&done), 1);
    kh_turn_give(&turn, false);
    pthread_join(thread, NULL);
    kh_turn_free(&turn);
}

/* A retry makes good what goes wrong: that one was needed is what must not happen. */
static atomic_uint recoveries;

static void count_recoveries(
    const struct kh_host *host, kh_log_level level, const char *format, ...)
{
    (void)host, (void)level;
    if (strstr(format, "trying to recover"))
        atomic_fetch_add(&recoveries, 1);
}

struct churner {
    struct rig *rig;
    unsigned number;
    unsigned wrong;
};

static void *churn(void *arg)
{
    struct churner *c = arg;

    for (unsigned i = 0; i < EACH; i++) {
        struct kh_key_id id = rig_id(1000 * c->number + i);
        struct kh_public_half half = {0};
        struct kh_error why = {0};

        if (kh_token_key_generate(c->rig->token, &id, "churn", &half, &why) != KH_OK ||
            kh_token_key_destroy(c->rig->token, &id, &why) != KH_OK) {
            fprintf(stderr, "    key %u of thread %u: %s\n", i, c->number, why.message);
            c->wrong++;
        }
        free(half.spki);
    }
    return NULL;
}

static void keys_made_and_destroyed_side_by_side_leave_nothing(void)
{
    pthread_t threads[THREADS];
    struct churner churners[THREADS];
    struct rig rig;

    rig_make(&rig);
    atomic_store(&recoveries, 0);
    rig.host.log = count_recoveries;
    KH_ASSERT_OK_FATAL(rig_open(&rig), rig.err);
    (void)rig_count(&rig, NULL); /* so that no search of the token is needed */
    for (unsigned i = 0; i < THREADS; i++) {
        churners[i] = (struct churner){.rig = &rig, .number = i};
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, churn, &churners[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        CU_ASSERT_EQUAL(churners[i].wrong, 0);
    }
    CU_ASSERT_EQUAL(atomic_load(&recoveries), 0);
    CU_ASSERT_EQUAL(rig_count(&rig, NULL), 0);
    rig_end(&rig);
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"makers_share_and_a_destroyer_waits_for_them",
            makers_share_and_a_destroyer_waits_for_them},
        {"a_destroyer_is_alone", a_destroyer_is_alone},
        {"a_waiting_destroyer_goes_before_new_makers",
            a_waiting_destroyer_goes_before_new_makers},
        {"keys_made_and_destroyed_side_by_side_leave_nothing",
            keys_made_and_destroyed_side_by_side_leave_nothing},
    };

    return kh_test_main("pkcs11.turn", tests, sizeof tests / sizeof tests[0]);
}
