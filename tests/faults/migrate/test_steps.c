/* kill -9, and SIGINT or SIGTERM, before and after every step of a migration from a real
 * legacy store to a real token; each time the next run ends it, and nothing is lost,
 * doubled or left on the token. */
#include "programs/common/migration_ask.h"
#include "tests/faults/migrate/real_lab.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DEPOSITS = 6 };

struct point {
    kh_migration_step step;
    bool after;
    unsigned nth;
    int signal;
};

static struct point point;
static atomic_uint seen;

static void strike(void *arg, kh_migration_step step, bool after)
{
    (void)arg;
    if (step == point.step && after == point.after &&
        atomic_fetch_add(&seen, 1) + 1 == point.nth)
        (void)kill(getpid(), point.signal);
}

static int migrate_and_be_struck(struct real_lab *lab)
{
    atomic_store(&seen, 0);
    lab->options.step = strike;
    if (point.signal != SIGKILL)
        lab->options.cancelled = kh_migration_catch_signals(KH_MIGRATION_INTERRUPTED);
    return real_migrate(lab);
}

static void check_half_way(struct real_lab *lab)
{
    if (!real_sealed(lab))
        CU_ASSERT_TRUE(real_source_intact(lab));
}

static void strike_at(kh_migration_step step, unsigned nth, int signal)
{
    for (int after = 0; after <= 1; after++) {
        struct real_lab lab;
        int status;

        real_make(&lab, "deposit", DEPOSITS);
        point = (struct point){step, after, nth, signal};
        status = real_child(&lab, migrate_and_be_struck);
        if (signal == SIGKILL) {
            CU_ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        } else {
            /* Up to the seal it stops; later it is too late to stop, and it ends well. */
            bool late = step >= KH_STEP_MARK;

            CU_ASSERT_TRUE(WIFEXITED(status));
            CU_ASSERT_EQUAL(WEXITSTATUS(status),
                late ? KH_MIGRATION_COMMITTED : KH_MIGRATION_INTERRUPTED);
        }
        check_half_way(&lab);
        CU_ASSERT_TRUE(real_finish(&lab));
        real_free(&lab);
    }
}

static void kill_9_at_the_plan(void)
{
    strike_at(KH_STEP_PLAN, 1, SIGKILL);
    strike_at(KH_STEP_BIND, 1, SIGKILL);
}

static void kill_9_at_the_copy(void)
{
    strike_at(KH_STEP_READ, 3, SIGKILL);
    strike_at(KH_STEP_PUT, 4, SIGKILL);
    strike_at(KH_STEP_READ_BACK, 5, SIGKILL);
    strike_at(KH_STEP_COMPARE, 6, SIGKILL);
    strike_at(KH_STEP_JOURNAL, 1, SIGKILL);
}

static void kill_9_at_the_verification(void)
{
    strike_at(KH_STEP_VERIFY, 1, SIGKILL);
    strike_at(KH_STEP_ATTEST, 4, SIGKILL);
}

static void kill_9_at_the_commit(void)
{
    strike_at(KH_STEP_MARK, 1, SIGKILL);
    strike_at(KH_STEP_SEAL, 1, SIGKILL);
    strike_at(KH_STEP_REPORT, 1, SIGKILL);
    strike_at(KH_STEP_FINISH, 1, SIGKILL);
}

static void sigint_at_every_step(void)
{
    strike_at(KH_STEP_PLAN, 1, SIGINT);
    strike_at(KH_STEP_READ, 1, SIGINT);
    strike_at(KH_STEP_PUT, 2, SIGINT);
    strike_at(KH_STEP_READ_BACK, 3, SIGINT);
    strike_at(KH_STEP_SEAL, 1, SIGINT);
}

static void sigterm_at_every_step(void)
{
    strike_at(KH_STEP_BIND, 1, SIGTERM);
    strike_at(KH_STEP_COMPARE, 4, SIGTERM);
    strike_at(KH_STEP_JOURNAL, 1, SIGTERM);
    strike_at(KH_STEP_VERIFY, 1, SIGTERM);
    strike_at(KH_STEP_ATTEST, 5, SIGTERM);
    strike_at(KH_STEP_MARK, 1, SIGTERM);
    strike_at(KH_STEP_REPORT, 1, SIGTERM);
    strike_at(KH_STEP_FINISH, 1, SIGTERM);
}

/* Runs one test alone when its name is given: ctest runs them side by side. */
int main(int argc, char **argv)
{
    static const struct kh_test tests[] = {
        {"kill_9_at_the_plan", kill_9_at_the_plan},
        {"kill_9_at_the_copy", kill_9_at_the_copy},
        {"kill_9_at_the_verification", kill_9_at_the_verification},
        {"kill_9_at_the_commit", kill_9_at_the_commit},
        {"sigint_at_every_step", sigint_at_every_step},
        {"sigterm_at_every_step", sigterm_at_every_step},
    };
    size_t count = sizeof tests / sizeof tests[0];

    for (size_t i = 0; argc > 1 && i < count; i++) {
        if (strcmp(argv[1], tests[i].name) == 0)
            return kh_test_main(argv[1], &tests[i], 1);
    }
    return argc > 1 ? 2 : kh_test_main("a real migration, struck", tests, count);
}
