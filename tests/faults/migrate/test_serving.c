/* Invariant I10: under a migration a daemon that serves the store goes on reading, and
 * its writes are told to come again later. The store is served in this process, the
 * migration is another. */
#include "core/deposit.h"
#include "core/secmem.h"
#include "tests/faults/migrate/real_lab.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int to_test[2];
static int to_child[2];
static kh_migration_step stop_at;

/* Tells the test that the step is reached, and waits until it may go on. */
static void hold(void *arg, kh_migration_step step, bool after)
{
    static atomic_bool held;
    char c = 'x';

    (void)arg;
    if (step != stop_at || after || atomic_exchange(&held, true))
        return;
    if (write(to_test[1], &c, 1) != 1 || read(to_child[0], &c, 1) != 1)
        _exit(99);
}

static int migrate_and_hold(struct real_lab *lab)
{
    lab->options.step = hold;
    return real_migrate(lab);
}

static void read_all_and_write_none(struct real_lab *lab, struct kh_backend *served)
{
    KH_CLEANUP_DEPOSIT struct kh_deposit d = {0};
    KH_CLEANUP_DEPOSIT struct kh_deposit more = {.name = "brand-new"};

    KH_ASSERT_OK(kh_backend_get(served, "deposit-001", 0, true, &d, &lab->err), lab->err);
    KH_ASSERT_FAILS(
        kh_backend_put(served, &more, KH_PUT_NEW, &lab->err), KH_BUSY, lab->err, "");
    CU_ASSERT_TRUE(strlen(lab->err.message) > 0);
    KH_ASSERT_FAILS(
        kh_backend_remove(served, "deposit-001", 0, &lab->err), KH_BUSY, lab->err, "");
}

static void serve_while_it_stands_at(kh_migration_step step)
{
    struct kh_backend *served = NULL;
    KH_CLEANUP_DEPOSIT struct kh_deposit d = {0};
    KH_CLEANUP_DEPOSIT struct kh_deposit own = {.name = "written-before"};
    struct real_lab lab;
    int status = 0;
    pid_t child;
    char c = 'x';

    real_make(&lab, "epoch", 5);
    stop_at = step;
    CU_ASSERT_EQUAL_FATAL(pipe(to_test) | pipe(to_child), 0);
    KH_ASSERT_OK_FATAL(kh_backend_open(&served, "softfile", TEST_PLUGIN_DIR, lab.config,
                           KH_OPEN_SERVE, &lab.err),
        lab.err);
    KH_ASSERT_OK(kh_backend_put(served, &own, KH_PUT_NEW, &lab.err), lab.err);
    KH_ASSERT_OK(kh_backend_purge(served, own.name, 0, &lab.err), lab.err);
    child = real_start(&lab, migrate_and_hold);
    CU_ASSERT_EQUAL_FATAL(read(to_test[0], &c, 1), 1);
    read_all_and_write_none(&lab, served);
    CU_ASSERT_EQUAL_FATAL(write(to_child[1], &c, 1), 1);
    CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
    CU_ASSERT_EQUAL(status, 0);
    /* Sealed under the daemon's feet: it says where the deposits went. */
    KH_ASSERT_FAILS(kh_backend_get(served, "deposit-001", 0, true, &d, &lab.err),
        KH_REFUSED, lab.err, "pkcs11");
    kh_backend_close(served);
    CU_ASSERT_EQUAL(real_child(&lab, real_compare), 0);
    for (int i = 0; i < 2; i++) {
        (void)close(to_test[i]);
        (void)close(to_child[i]);
    }
    real_free(&lab);
}

static void i10_reads_go_on_and_writes_wait_during_the_copy(void)
{
    serve_while_it_stands_at(KH_STEP_PUT);
}

static void i10_reads_go_on_and_writes_wait_up_to_the_seal(void)
{
    serve_while_it_stands_at(KH_STEP_SEAL);
}

static const struct kh_test tests[] = {
    {"i10_reads_go_on_and_writes_wait_during_the_copy",
        i10_reads_go_on_and_writes_wait_during_the_copy},
    {"i10_reads_go_on_and_writes_wait_up_to_the_seal",
        i10_reads_go_on_and_writes_wait_up_to_the_seal},
};

int main(void)
{
    return kh_test_main("a served migration", tests, sizeof tests / sizeof tests[0]);
}
