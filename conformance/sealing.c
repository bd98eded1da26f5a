/* A store that is migrated from: kept still while it is copied, sealed when it is left.
 * These tests run last and in this order: the place stays sealed. */
#include "conformance/contract.h"

#include <unistd.h>

static const struct kh_seal seal = {.destination = "the contract's destination",
    .migration = "contract-migration",
    .keep_source = false};

static struct kh_backend *migration;

static void during_a_migration_others_read_and_do_not_write(void)
{
    const char *name = kh_contract_name("busy");
    KH_CLEANUP_DEPOSIT struct kh_deposit d;
    struct kh_backend *b = kh_contract_backend();
    struct kh_error err = {0};
    char pid[24];

    snprintf(pid, sizeof pid, "%ld", (long)getpid());
    kh_contract_put(name, 0, "x", KH_PUT_NEW);
    KH_ASSERT_OK_FATAL(kh_contract_open(&migration, KH_OPEN_MIGRATE, &err), err);
    CU_ASSERT_EQUAL(kh_contract_get_status(name, 0, false), KH_OK);
    kh_contract_make(&d, name, 1, "x", 1);
    KH_ASSERT_FAILS(kh_backend_put(b, &d, KH_PUT_VERSION, &err), KH_BUSY, err, pid);
    KH_ASSERT_FAILS(kh_backend_remove(b, name, 0, &err), KH_BUSY, err, pid);
    KH_ASSERT_FAILS(kh_backend_purge(b, name, 0, &err), KH_BUSY, err, pid);
    /* The migration itself may. */
    KH_ASSERT_OK(kh_backend_put(migration, &d, KH_PUT_VERSION, &err), err);
    CU_ASSERT_EQUAL(kh_contract_get_status(name, 1, false), KH_OK);
}

static void a_second_migration_is_refused_with_the_pid_of_the_first(void)
{
    struct kh_backend *second = NULL;
    struct kh_error err = {0};
    char pid[24];

    snprintf(pid, sizeof pid, "%ld", (long)getpid());
    KH_ASSERT_FAILS(kh_contract_open(&second, KH_OPEN_MIGRATE, &err), KH_BUSY, err, pid);
}

static void after_a_migration_others_write_again(void)
{
    kh_backend_close(migration);
    migration = NULL;
    kh_contract_put(kh_contract_name("again"), 0, "x", KH_PUT_NEW);
}

static void only_a_migration_seals(void)
{
    struct kh_error err = {0};

    KH_ASSERT_FAILS(kh_backend_seal(kh_contract_backend(), &seal, &err), KH_REFUSED, err,
        "migration");
    kh_contract_put(kh_contract_name("unsealed"), 0, "x", KH_PUT_NEW);
}

static void check_refusals(struct kh_backend *b, const char *name)
{
    KH_CLEANUP_DEPOSIT struct kh_deposit d;
    struct kh_deposit got = {0};
    struct kh_error err = {0};
    struct kh_item item;
    struct kh_stat stat;
    size_t count = 0;

    kh_contract_make(&d, name, 9, "x", 1);
    KH_ASSERT_FAILS(
        kh_backend_get(b, name, 0, true, &got, &err), KH_REFUSED, err, seal.destination);
    CU_ASSERT_TRUE(kh_contract_is_zero(&got, sizeof got));
    KH_ASSERT_FAILS(
        kh_backend_put(b, &d, KH_PUT_VERSION, &err), KH_REFUSED, err, seal.destination);
    KH_ASSERT_FAILS(
        kh_backend_stat(b, name, 0, &stat, &err), KH_REFUSED, err, seal.destination);
    KH_ASSERT_FAILS(kh_backend_list(b, NULL, &item, 1, &count, &err), KH_REFUSED, err,
        seal.destination);
    KH_ASSERT_FAILS(
        kh_backend_remove(b, name, 0, &err), KH_REFUSED, err, seal.destination);
    KH_ASSERT_FAILS(
        kh_backend_restore(b, name, 0, &err), KH_REFUSED, err, seal.destination);
    KH_ASSERT_FAILS(
        kh_backend_purge(b, name, 0, &err), KH_REFUSED, err, seal.destination);
    KH_ASSERT_FAILS(kh_backend_probe(b, &err), KH_REFUSED, err, seal.destination);
}

static char sealed_name[KH_NAME_MAX + 1];
static char identity[192];

static void after_the_seal_nobody_reads_or_writes(void)
{
    struct kh_backend *daemon = kh_contract_backend();
    struct kh_error err = {0};
    struct kh_info info;

    KH_ASSERT_OK(kh_backend_info(daemon, &info, &err), err);
    snprintf(identity, sizeof identity, "%s", info.identity);
    snprintf(sealed_name, sizeof sealed_name, "%s", kh_contract_name("sealed"));
    kh_contract_put(sealed_name, 0, "x", KH_PUT_NEW);
    KH_ASSERT_OK_FATAL(kh_contract_open(&migration, KH_OPEN_MIGRATE, &err), err);
    KH_ASSERT_OK_FATAL(kh_backend_seal(migration, &seal, &err), err);
    check_refusals(migration, sealed_name);
    check_refusals(daemon, sealed_name);
}

static void a_second_seal_changes_nothing(void)
{
    struct kh_error err = {0};

    KH_ASSERT_OK(kh_backend_seal(migration, &seal, &err), err);
    kh_backend_close(migration);
    migration = NULL;
    KH_ASSERT_OK_FATAL(kh_contract_open(&migration, KH_OPEN_MIGRATE, &err), err);
    KH_ASSERT_OK(kh_backend_seal(migration, &seal, &err), err);
    kh_backend_close(migration);
    migration = NULL;
}

static void a_sealed_place_opens_and_says_where_its_deposits_are(void)
{
    struct kh_backend *tool = NULL;
    struct kh_error err = {0};
    struct kh_info info;

    kh_contract_close();
    KH_ASSERT_OK_FATAL(kh_contract_open(&tool, KH_OPEN_TOOL, &err), err);
    KH_ASSERT_OK(kh_backend_info(tool, &info, &err), err);
    CU_ASSERT_TRUE(info.sealed);
    CU_ASSERT_STRING_EQUAL(info.sealed_for, seal.destination);
    CU_ASSERT_STRING_EQUAL(info.identity, identity);
    check_refusals(tool, sealed_name);
    kh_backend_close(tool);
}

struct kh_contract_group kh_contract_sealing(void)
{
    static const struct kh_test tests[] = {
        {"during_a_migration_others_read_and_do_not_write",
            during_a_migration_others_read_and_do_not_write},
        {"a_second_migration_is_refused_with_the_pid_of_the_first",
            a_second_migration_is_refused_with_the_pid_of_the_first},
        {"after_a_migration_others_write_again", after_a_migration_others_write_again},
        {"only_a_migration_seals", only_a_migration_seals},
        {"after_the_seal_nobody_reads_or_writes", after_the_seal_nobody_reads_or_writes},
        {"a_second_seal_changes_nothing", a_second_seal_changes_nothing},
        {"a_sealed_place_opens_and_says_where_its_deposits_are",
            a_sealed_place_opens_and_says_where_its_deposits_are},
    };

    return (struct kh_contract_group){
        KH_CAP_SEAL | KH_CAP_READ | KH_CAP_WRITE | KH_CAP_LIST, tests,
        sizeof tests / sizeof tests[0]};
}
