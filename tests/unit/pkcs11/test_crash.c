/* kill -9 inside SoftHSM: what is left is swept, restored, and never used. */
#include "tests/unit/pkcs11/rig.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct rig rig;
static struct kh_public_half half;

static void begin(void)
{
    rig_make(&rig);
    KH_ASSERT_OK_FATAL(rig_open(&rig), rig.err);
    KH_ASSERT_OK_FATAL(rig_generate(&rig, 1, &half), rig.err);
    rig_close(&rig);
}

static void end(void)
{
    free(half.spki);
    rig_end(&rig);
}

static bool before; /* kill before a write, not in it */

/* Runs the victim, to be killed at write AT; true when it was. */
static bool kill_at(unsigned at, const char *what, unsigned n)
{
    /* A shell says 128 + 9 for a child that SIGKILL has ended. */
    int rc = kh_test_shell("%s TORN_WRITE_AT=%u '%s' '%s' %s %u >/dev/null 2>&1; exit $?",
        before ? "TORN_WRITE_BEFORE=1" : "", at, VICTIM, rig.soft.dir, what, n);

    CU_ASSERT_TRUE(rc == 0 || rc == 137);
    return rc == 137;
}

/* Opens the token as a start does: every half key with an id is destroyed, the rest
 * swept. */
static void start(unsigned half_made)
{
    struct kh_key_id id = rig_id(half_made);
    struct kh_error err = {0};
    size_t swept;
    unsigned complete;
    unsigned all;

    KH_ASSERT_OK_FATAL(rig_open(&rig), rig.err);
    (void)rig_count(&rig, NULL);
    /* Never used, whatever it is: a half key would kill us in C_DeriveKey. */
    CU_ASSERT_EQUAL(rig_ecdh(&rig, half_made, &err), KH_CORRUPT);
    KH_ASSERT_OK(kh_token_key_destroy(rig.token, &id, &rig.err), rig.err);
    KH_ASSERT_OK(kh_token_sweep_debris(rig.token, &swept, &rig.err), rig.err);
    all = rig_count(&rig, &complete);
    CU_ASSERT_EQUAL(complete, 1);
    CU_ASSERT_EQUAL(all, 1);
    CU_ASSERT_TRUE(rig_agrees(&rig, 1, &half));
    rig_close(&rig);
}

static void a_kill_at_any_write_of_a_key_leaves_nothing_that_is_used(void)
{
    unsigned at;
    unsigned killed = 0;

    begin();
    for (at = 1; at < 80; at++) {
        if (!kill_at(at, "generate", 100 + at))
            break;
        killed++;
        start(100 + at);
    }
    CU_ASSERT_TRUE(killed > 10); /* 33 with SoftHSM 2.6.1 */
    CU_ASSERT_TRUE(at < 80);     /* and at last it was left alive */
    end();
}

static void a_kill_between_two_writes_of_a_key_leaves_nothing_that_is_used(void)
{
    before = true;
    a_kill_at_any_write_of_a_key_leaves_nothing_that_is_used();
    before = false;
}

static void a_kill_in_a_login_leaves_a_token_that_the_next_start_restores(void)
{
    unsigned at;
    unsigned killed = 0;

    begin();
    /* With the guard there is no write; without it the token would be gone, and is put
     * back. */
    for (at = 1; at < 10 && kill_at(at, "login", 0); at++) {
        killed++;
        KH_ASSERT_OK_FATAL(rig_open(&rig), rig.err);
        CU_ASSERT_TRUE(rig_agrees(&rig, 1, &half));
        rig_close(&rig);
    }
    fprintf(stderr, "    killed in a guarded login: %u times\n", killed);
    CU_ASSERT_TRUE(at < 10);
    end();
}

static void a_login_of_another_program_that_is_killed_costs_nothing(void)
{
    unsigned killed = 0;

    begin();
    for (unsigned at = 1; at < 4; at++) {
        /* pkcs11-tool knows no guard: its login empties the token's file. */
        int rc = kh_test_shell(
            "SOFTHSM2_CONF='%s' TORN_WRITE_AT=%u LD_PRELOAD='%s' pkcs11-tool "
            "--module " SOFTHSM2_MODULE
            " --token-label lab --login --pin 1234 -O >/dev/null 2>&1",
            rig.soft.conf, at, TORN_WRITE_SO);

        killed += rc == 137 || rc == -1;
        KH_ASSERT_OK_FATAL(rig_open(&rig), rig.err);
        CU_ASSERT_TRUE(rig_agrees(&rig, 1, &half));
        rig_close(&rig);
    }
    CU_ASSERT_TRUE(killed > 0);
    end();
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"a_kill_at_any_write_of_a_key_leaves_nothing_that_is_used",
            a_kill_at_any_write_of_a_key_leaves_nothing_that_is_used},
        {"a_kill_between_two_writes_of_a_key_leaves_nothing_that_is_used",
            a_kill_between_two_writes_of_a_key_leaves_nothing_that_is_used},
        {"a_kill_in_a_login_leaves_a_token_that_the_next_start_restores",
            a_kill_in_a_login_leaves_a_token_that_the_next_start_restores},
        {"a_login_of_another_program_that_is_killed_costs_nothing",
            a_login_of_another_program_that_is_killed_costs_nothing},
    };

    return kh_test_main("pkcs11.crash", tests, sizeof tests / sizeof tests[0]);
}
