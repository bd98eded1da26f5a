/*
 * Invariant I4 the hard way: kill -9 before and after every step, then run again and
 * compare all. The child dies inside the hook; nothing of it gets a chance to tidy up.
 */
#include "tests/unit/migrate/lab.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

struct kill_point {
    kh_migration_step step;
    bool after;
    unsigned nth; /* 1: the first time */
};

static struct kill_point point;
static atomic_uint seen;

static void die_here(void *arg, kh_migration_step step, bool after)
{
    (void)arg;
    if (step == point.step && after == point.after &&
        atomic_fetch_add(&seen, 1) + 1 == point.nth)
        (void)kill(getpid(), SIGKILL);
}

/* Runs a migration in a child that dies at POINT; true when it did. */
static bool die_at(struct lab *lab)
{
    int status = 0;
    pid_t child;

    atomic_store(&seen, 0);
    lab->options.step = die_here;
    (void)fflush(NULL);
    child = fork();
    if (child == 0)
        _exit(lab_run(lab) == KH_OK ? 0 : 1);
    if (child < 0 || waitpid(child, &status, 0) != child)
        abort();
    lab->options.step = NULL;
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

/* Either the source still has everything, or the seal stands and the vault has
 * everything. */
static void check_nothing_lost(struct lab *lab)
{
    if (lab_sealed(lab)) {
        CU_ASSERT_TRUE(lab_vault_equals_saved(lab));
    } else {
        CU_ASSERT_TRUE(lab_source_equals_saved(lab));
    }
}

static void finish_and_compare(struct lab *lab)
{
    struct kh_migration_result result;
    bool sealed = false;

    lab_open(lab);
    KH_ASSERT_OK(kh_migrate_sealed(&lab->options, &sealed, &result, &lab->err), lab->err);
    lab_close(lab);
    if (!sealed)
        KH_ASSERT_OK(lab_run(lab), lab->err);
    CU_ASSERT_TRUE(lab_sealed(lab));
    CU_ASSERT_TRUE(lab_vault_equals_saved(lab));
    CU_ASSERT_EQUAL(lab_count(lab, LAB_VAULT), LAB_VERSIONS);
    CU_ASSERT_EQUAL(lab_count(lab, LAB_SOURCE), 0);
    CU_ASSERT_EQUAL(kh_test_shell("ls '%s' | grep -q 'report.json$'", lab->state_dir), 0);
}

static void kill_at(kh_migration_step step, unsigned nth)
{
    for (int after = 0; after <= 1; after++) {
        struct lab lab;

        lab_make(&lab);
        lab_fill(&lab);
        lab_save(&lab);
        point = (struct kill_point){step, after, nth};
        CU_ASSERT_TRUE(die_at(&lab));
        check_nothing_lost(&lab);
        finish_and_compare(&lab);
        lab_free(&lab);
    }
}

static void kill_around_the_plan_and_the_binding(void)
{
    kill_at(KH_STEP_PLAN, 1);
    kill_at(KH_STEP_BIND, 1);
}

static void kill_around_each_copy_step(void)
{
    static const kh_migration_step steps[] = {
        KH_STEP_READ, KH_STEP_PUT, KH_STEP_READ_BACK, KH_STEP_COMPARE};

    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        kill_at(steps[i], 1);
        kill_at(steps[i], 7);
        kill_at(steps[i], LAB_VERSIONS);
    }
}

static void kill_around_the_journal(void)
{
    kill_at(KH_STEP_JOURNAL, 1);
}

static void kill_around_the_verification(void)
{
    kill_at(KH_STEP_VERIFY, 1);
    kill_at(KH_STEP_ATTEST, 1);
    kill_at(KH_STEP_ATTEST, LAB_VERSIONS);
}

static void kill_around_the_commit(void)
{
    kill_at(KH_STEP_MARK, 1);
    kill_at(KH_STEP_SEAL, 1);
    kill_at(KH_STEP_REPORT, 1);
    kill_at(KH_STEP_FINISH, 1);
}

/* Two runs: the first dies with copies made, then the source deletes one of them. */
static void kill_around_a_state_that_follows(void)
{
    for (int after = 0; after <= 1; after++) {
        struct lab lab;

        lab_make(&lab);
        lab_fill(&lab);
        point = (struct kill_point){KH_STEP_VERIFY, false, 1};
        CU_ASSERT_TRUE(die_at(&lab));
        lab_open(&lab);
        KH_ASSERT_OK(kh_backend_remove(lab.source, "beta", 0, &lab.err), lab.err);
        lab_close(&lab);
        lab_save(&lab);
        point = (struct kill_point){KH_STEP_FOLLOW, after, 1};
        CU_ASSERT_TRUE(die_at(&lab));
        check_nothing_lost(&lab);
        finish_and_compare(&lab);
        lab_free(&lab);
    }
}

static void several_kills_in_a_row_still_end_well(void)
{
    struct lab lab;

    lab_make(&lab);
    lab_fill(&lab);
    lab_save(&lab);
    for (unsigned nth = 1; nth <= 6; nth++) {
        point = (struct kill_point){KH_STEP_PUT, true, nth};
        CU_ASSERT_TRUE(die_at(&lab));
        check_nothing_lost(&lab);
    }
    finish_and_compare(&lab);
    lab_free(&lab);
}

static const struct kh_test tests[] = {
    {"kill_around_the_plan_and_the_binding", kill_around_the_plan_and_the_binding},
    {"kill_around_each_copy_step", kill_around_each_copy_step},
    {"kill_around_the_journal", kill_around_the_journal},
    {"kill_around_the_verification", kill_around_the_verification},
    {"kill_around_the_commit", kill_around_the_commit},
    {"kill_around_a_state_that_follows", kill_around_a_state_that_follows},
    {"several_kills_in_a_row_still_end_well", several_kills_in_a_row_still_end_well},
};

int main(void)
{
    return kh_test_main("migration kills", tests, sizeof tests / sizeof tests[0]);
}
