/* The recovery ladder on a real token under the fault module: what a caller sees, and
 * what it cost. */
#include "tests/unit/pkcs11/faulty.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct rig rig;
static struct kh_public_half half;

/* A token with key 1 on it, and no faults yet. */
static void begin(void)
{
    faulty_make(&rig);
    rig_set(&rig, "call_deadline=20");
    rig_host(&rig);
    KH_ASSERT_OK_FATAL(rig_open(&rig), rig.err);
    KH_ASSERT_OK_FATAL(rig_generate(&rig, 1, &half), rig.err);
}

static void end(void)
{
    faulty_plan("%s", "");
    free(half.spki);
    rig_end(&rig);
}

static void pause_ms(long ms)
{
    struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    (void)nanosleep(&ts, NULL);
}

/* Calls until the breaker lets a call through, however long that takes on a slow machine.
 */
static kh_status until_usable(void)
{
    kh_status st = KH_UNAVAILABLE;

    for (int i = 0; i < 600 && st == KH_UNAVAILABLE; i++) {
        st = rig_ecdh(&rig, 1, &rig.err);
        if (st == KH_UNAVAILABLE)
            pause_ms(100);
    }
    return st;
}

static void a_lost_session_is_not_seen(void)
{
    static const char *const codes[] = {"0xB3", "0xB0", "0x90", "0x91"};

    begin();
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        faulty_plan("C_DeriveKey rv=%s count=1", codes[i]);
        CU_ASSERT_TRUE(rig_agrees(&rig, 1, &half));
        CU_ASSERT_EQUAL(faulty_calls("C_DeriveKey"), 2);
        CU_ASSERT_EQUAL(faulty_calls("C_Initialize"), 0);
        CU_ASSERT_EQUAL(faulty_calls("C_Login"), 0);
    }
    end();
}

static void a_session_that_fails_twice_is_an_outage_for_this_caller_only(void)
{
    begin();
    faulty_plan("C_DeriveKey rv=0xB3 count=2");
    KH_ASSERT_FAILS(rig_ecdh(&rig, 1, &rig.err), KH_UNAVAILABLE, rig.err,
        "CKR_SESSION_HANDLE_INVALID");
    CU_ASSERT_TRUE(rig_agrees(&rig, 1, &half));
    end();
}

static void the_loss_of_all_sessions_costs_one_login(void)
{
    begin();
    faulty_plan("C_DeriveKey lose_sessions count=1");
    CU_ASSERT_TRUE(rig_agrees(&rig, 1, &half));
    CU_ASSERT_EQUAL(faulty_calls("C_Login"), 1);
    CU_ASSERT_EQUAL(faulty_calls("C_Initialize"), 1);
    CU_ASSERT_TRUE(rig_agrees(&rig, 1, &half));
    CU_ASSERT_EQUAL(faulty_calls("C_Login"), 1);
    end();
}

static void a_dead_device_is_initialised_again(void)
{
    static const char *const codes[] = {"0x30", "0x32", "0xE0", "0xE1", "0x190"};

    begin();
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        faulty_plan("C_DeriveKey rv=%s count=1", codes[i]);
        CU_ASSERT_TRUE(rig_agrees(&rig, 1, &half));
        CU_ASSERT_EQUAL(faulty_calls("C_Finalize"), 1);
        CU_ASSERT_EQUAL(faulty_calls("C_Initialize"), 1);
        CU_ASSERT_EQUAL(faulty_calls("C_Login"), 1);
    }
    end();
}

static void a_device_that_stays_dead_opens_the_breaker_and_comes_back(void)
{
    begin();
    faulty_plan("* rv=0x30");
    KH_ASSERT_FAILS(
        rig_ecdh(&rig, 1, &rig.err), KH_UNAVAILABLE, rig.err, "CKR_DEVICE_ERROR");
    /* While it is open nobody asks the module, but for a try now and then. */
    for (int i = 0; i < 50; i++)
        CU_ASSERT_EQUAL(rig_ecdh(&rig, 1, &rig.err), KH_UNAVAILABLE);
    CU_ASSERT_EQUAL(faulty_calls("C_DeriveKey"), 1);
    CU_ASSERT_TRUE(faulty_calls("C_Initialize") < 50);
    CU_ASSERT_EQUAL(kh_token_probe(rig.token, &rig.err), KH_UNAVAILABLE);
    faulty_plan("%s", "");
    CU_ASSERT_EQUAL(until_usable(), KH_OK);
    CU_ASSERT_TRUE(rig_agrees(&rig, 1, &half));
    KH_ASSERT_OK(kh_token_probe(rig.token, &rig.err), rig.err);
    end();
}

static void a_burst_of_device_errors_passes(void)
{
    begin();
    faulty_plan("* rv=0x30 count=10");
    CU_ASSERT_EQUAL(until_usable(), KH_OK);
    CU_ASSERT_TRUE(rig_agrees(&rig, 1, &half));
    end();
}

static void a_device_that_fails_again_right_after_recovery_opens_the_breaker(void)
{
    begin();
    faulty_plan("C_DeriveKey rv=0x30");
    KH_ASSERT_FAILS(
        rig_ecdh(&rig, 1, &rig.err), KH_UNAVAILABLE, rig.err, "CKR_DEVICE_ERROR");
    CU_ASSERT_EQUAL(faulty_calls("C_DeriveKey"), 2);
    CU_ASSERT_EQUAL(faulty_calls("C_Initialize"), 1);
    faulty_plan("%s", "");
    CU_ASSERT_EQUAL(until_usable(), KH_OK);
    end();
}

static void a_token_directory_that_was_away_is_found_again(void)
{
    begin();
    CU_ASSERT_EQUAL(
        kh_test_shell("mv '%s/tokens' '%s/away'", rig.soft.dir, rig.soft.dir), 0);
    CU_ASSERT_EQUAL(rig_ecdh(&rig, 1, &rig.err), KH_UNAVAILABLE);
    CU_ASSERT_EQUAL(
        kh_test_shell("mv '%s/away' '%s/tokens'", rig.soft.dir, rig.soft.dir), 0);
    CU_ASSERT_EQUAL(until_usable(), KH_OK);
    CU_ASSERT_TRUE(rig_agrees(&rig, 1, &half));
    end();
}

static void a_key_is_not_called_destroyed_while_its_token_is_away(void)
{
    struct kh_key_id id = rig_id(1);
    kh_status st;

    begin();
    CU_ASSERT_EQUAL(
        kh_test_shell("mv '%s/tokens' '%s/away'", rig.soft.dir, rig.soft.dir), 0);
    st = kh_token_key_destroy(rig.token, &id, &rig.err);
    CU_ASSERT_EQUAL(st, KH_UNAVAILABLE);
    CU_ASSERT_EQUAL(
        kh_token_key_attest(rig.token, &id, NULL, 0, &rig.err), KH_UNAVAILABLE);
    CU_ASSERT_EQUAL(
        kh_test_shell("mv '%s/away' '%s/tokens'", rig.soft.dir, rig.soft.dir), 0);
    CU_ASSERT_EQUAL(until_usable(), KH_OK);
    CU_ASSERT_TRUE(rig_agrees(&rig, 1, &half));
    end();
}

static void a_stale_handle_is_found_again(void)
{
    static const char *const codes[] = {"0x60", "0x82"};

    begin();
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        faulty_plan("C_DeriveKey rv=%s count=1", codes[i]);
        CU_ASSERT_TRUE(rig_agrees(&rig, 1, &half));
        CU_ASSERT_EQUAL(faulty_calls("C_FindObjectsInit"), 1);
        CU_ASSERT_EQUAL(faulty_calls("C_Initialize"), 0);
    }
    end();
}

static void a_handle_that_names_another_key_is_refused_and_found_again(void)
{
    struct kh_public_half second;
    struct kh_public_half third;
    struct kh_key_id id = rig_id(3);

    begin();
    KH_ASSERT_OK_FATAL(rig_generate(&rig, 2, &second), rig.err);
    KH_ASSERT_OK_FATAL(rig_generate(&rig, 3, &third), rig.err);
    /* A module may give handles to other objects once one was destroyed. */
    faulty_plan("* swap");
    KH_ASSERT_OK(kh_token_key_destroy(rig.token, &id, &rig.err), rig.err);
    CU_ASSERT_TRUE(rig_agrees(&rig, 1, &half));
    CU_ASSERT_TRUE(rig_agrees(&rig, 2, &second));
    free(second.spki);
    free(third.spki);
    end();
}

static void attest_finds_a_swapped_handle_without_a_hint(void)
{
    struct kh_public_half second;
    struct kh_key_id id = rig_id(1);
    bool agrees;

    begin();
    KH_ASSERT_OK_FATAL(rig_generate(&rig, 2, &second), rig.err);
    faulty_plan("* swap");
    KH_ASSERT_OK(rig_agree(&rig, 1, &half, &agrees, &rig.err), rig.err);
    CU_ASSERT_FALSE(agrees); /* the envelope's tag would tell the caller */
    KH_ASSERT_OK(kh_token_key_attest(rig.token, &id, NULL, 0, &rig.err), rig.err);
    CU_ASSERT_TRUE(rig_agrees(&rig, 1, &half));
    free(second.spki);
    end();
}

static void session_exhaustion_shrinks_the_pool_and_passes(void)
{
    begin();
    faulty_plan("C_DeriveKey rv=0xB3 count=1;C_OpenSession rv=0xB1 count=1");
    KH_ASSERT_FAILS(
        rig_ecdh(&rig, 1, &rig.err), KH_UNAVAILABLE, rig.err, "CKR_SESSION_COUNT");
    CU_ASSERT_TRUE(rig_agrees(&rig, 1, &half));
    CU_ASSERT_EQUAL(faulty_calls("C_Initialize"), 0);
    end();
}

static void an_operation_left_active_costs_the_session_and_no_more(void)
{
    begin();
    faulty_plan("C_FindObjectsFinal rv=0x30 count=1;C_DeriveKey rv=0x60 count=1");
    CU_ASSERT_EQUAL(until_usable(), KH_OK);
    CU_ASSERT_TRUE(rig_agrees(&rig, 1, &half));
    end();
}

static void a_key_made_while_told_otherwise_is_not_doubled(void)
{
    static const char *const codes[] = {"0x30", "0x05", "0x06", "0xB3"};
    struct kh_public_half made;
    unsigned complete;

    begin();
    for (unsigned i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        faulty_plan("C_GenerateKeyPair after rv=%s count=1", codes[i]);
        KH_ASSERT_OK(rig_generate(&rig, 10 + i, &made), rig.err);
        CU_ASSERT_EQUAL(faulty_calls("C_GenerateKeyPair"), 2);
        faulty_plan("%s", "");
        CU_ASSERT_TRUE(rig_agrees(&rig, 10 + i, &made));
        CU_ASSERT_EQUAL(rig_count(&rig, &complete), 2 + i);
        CU_ASSERT_EQUAL(complete, 2 + i);
        free(made.spki);
    }
    end();
}

static void a_key_that_cannot_be_made_leaves_nothing(void)
{
    struct kh_public_half made;

    begin();
    faulty_plan("C_GenerateKeyPair after rv=0x05 count=2");
    KH_ASSERT_FAILS(
        rig_generate(&rig, 2, &made), KH_UNAVAILABLE, rig.err, "CKR_GENERAL_ERROR");
    CU_ASSERT_PTR_NULL(made.spki);
    CU_ASSERT_EQUAL(rig_count(&rig, NULL), 1);
    end();
}

static void outputs_of_a_wrong_length_are_refused(void)
{
    struct kh_public_half made;
    kh_status st;

    begin();
    faulty_plan("C_GetAttributeValue short=1");
    CU_ASSERT_NOT_EQUAL(rig_ecdh(&rig, 1, &rig.err), KH_OK);
    st = rig_generate(&rig, 2, &made);
    CU_ASSERT_NOT_EQUAL(st, KH_OK);
    faulty_plan("%s", "");
    CU_ASSERT_EQUAL(until_usable(), KH_OK);
    CU_ASSERT_EQUAL(rig_count(&rig, NULL), 1);
    end();
}

static void a_request_the_token_refuses_is_not_a_dead_device(void)
{
    struct kh_token_ops ops;
    struct kh_token_key key = {.id = rig_id(1), .type = KH_KEY_EC_P256, .bits = 256};
    unsigned char point[65] = {0x04, 1, 2, 3}; /* not on the curve */
    unsigned char secret[32];

    begin();
    faulty_plan("%s", "");
    kh_token_ops(rig.token, &ops);
    CU_ASSERT_NOT_EQUAL(
        ops.ecdh(ops.token, &key, point, sizeof point, secret, &rig.err), KH_OK);
    CU_ASSERT_EQUAL(faulty_calls("C_Initialize"), 0);
    CU_ASSERT_TRUE(rig_agrees(&rig, 1, &half));
    KH_ASSERT_FAILS(ops.ecdh(ops.token, &key, point, 64, secret, &rig.err), KH_CORRUPT,
        rig.err, "CKR_DATA_LEN_RANGE");
    end();
}

static void a_device_that_says_it_is_well_and_fails_is_started_again_in_the_end(void)
{
    begin();
    faulty_plan("C_DeriveKey rv=0x05");
    for (int i = 0; i < 4; i++)
        CU_ASSERT_EQUAL(rig_ecdh(&rig, 1, &rig.err), KH_UNAVAILABLE);
    CU_ASSERT_EQUAL(faulty_calls("C_Initialize"), 1);
    faulty_plan("%s", "");
    CU_ASSERT_EQUAL(until_usable(), KH_OK);
    end();
}

static void a_forked_child_is_refused(void)
{
    pid_t child;
    int status = 0;

    begin();
    child = fork();
    if (child == 0) {
        struct kh_error err = {0};
        kh_status st = rig_ecdh(&rig, 1, &err);

        kh_token_close(rig.token);
        _exit(st == KH_FATAL && strstr(err.message, "forked") ? 0 : 1);
    }
    CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
    CU_ASSERT_EQUAL(status, 0);
    CU_ASSERT_TRUE(rig_agrees(&rig, 1, &half));
    end();
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"a_lost_session_is_not_seen", a_lost_session_is_not_seen},
        {"a_session_that_fails_twice_is_an_outage_for_this_caller_only",
            a_session_that_fails_twice_is_an_outage_for_this_caller_only},
        {"the_loss_of_all_sessions_costs_one_login",
            the_loss_of_all_sessions_costs_one_login},
        {"a_dead_device_is_initialised_again", a_dead_device_is_initialised_again},
        {"a_device_that_stays_dead_opens_the_breaker_and_comes_back",
            a_device_that_stays_dead_opens_the_breaker_and_comes_back},
        {"a_burst_of_device_errors_passes", a_burst_of_device_errors_passes},
        {"a_device_that_fails_again_right_after_recovery_opens_the_breaker",
            a_device_that_fails_again_right_after_recovery_opens_the_breaker},
        {"a_token_directory_that_was_away_is_found_again",
            a_token_directory_that_was_away_is_found_again},
        {"a_key_is_not_called_destroyed_while_its_token_is_away",
            a_key_is_not_called_destroyed_while_its_token_is_away},
        {"a_stale_handle_is_found_again", a_stale_handle_is_found_again},
        {"a_handle_that_names_another_key_is_refused_and_found_again",
            a_handle_that_names_another_key_is_refused_and_found_again},
        {"attest_finds_a_swapped_handle_without_a_hint",
            attest_finds_a_swapped_handle_without_a_hint},
        {"session_exhaustion_shrinks_the_pool_and_passes",
            session_exhaustion_shrinks_the_pool_and_passes},
        {"an_operation_left_active_costs_the_session_and_no_more",
            an_operation_left_active_costs_the_session_and_no_more},
        {"a_key_made_while_told_otherwise_is_not_doubled",
            a_key_made_while_told_otherwise_is_not_doubled},
        {"a_key_that_cannot_be_made_leaves_nothing",
            a_key_that_cannot_be_made_leaves_nothing},
        {"outputs_of_a_wrong_length_are_refused", outputs_of_a_wrong_length_are_refused},
        {"a_request_the_token_refuses_is_not_a_dead_device",
            a_request_the_token_refuses_is_not_a_dead_device},
        {"a_device_that_says_it_is_well_and_fails_is_started_again_in_the_end",
            a_device_that_says_it_is_well_and_fails_is_started_again_in_the_end},
        {"a_forked_child_is_refused", a_forked_child_is_refused},
    };

    return kh_test_main("pkcs11.recover", tests, sizeof tests / sizeof tests[0]);
}
