/* The ten invariants of a migration (DESIGN 8), each a test of its name. */
#include "tests/unit/migrate/lab.h"

#include "core/deposit.h"
#include "core/migrate/migrate.h"

#include <stdlib.h>
#include <string.h>

static void i1_nothing_is_written_unless_all_names_and_sizes_pass(void)
{
    KH_CLEANUP_DEPOSIT struct kh_deposit large = {.name = "too-large"};
    struct lab lab;

    lab_make(&lab);
    lab_fill(&lab);
    lab_put(&lab, LAB_SOURCE, "zz last\tone", 0, "wild name");
    CU_ASSERT_EQUAL(lab_run(&lab), KH_REFUSED);
    CU_ASSERT_EQUAL(lab.result.outcome, KH_MIGRATION_FINDINGS);
    CU_ASSERT_PTR_NOT_NULL(lab_find(&lab, "bad-name", "zz%20last%09one"));
    CU_ASSERT_EQUAL(lab_count(&lab, LAB_VAULT), 0);
    lab_free(&lab);

    lab_make(&lab);
    lab_fill(&lab);
    large.data = (struct kh_buf){calloc(1, 70000), 70000, 70000};
    lab_put_deposit(&lab, LAB_SOURCE, &large);
    free(large.data.data);
    large.data = (struct kh_buf){0};
    CU_ASSERT_EQUAL(lab_run(&lab), KH_REFUSED);
    CU_ASSERT_PTR_NOT_NULL(lab_find(&lab, "too-large", "too-large"));
    CU_ASSERT_EQUAL(lab_count(&lab, LAB_VAULT), 0);
    CU_ASSERT_FALSE(lab_sealed(&lab));
    lab_free(&lab);
}

static void i2_source_stays_byte_for_byte_until_the_copy_is_committed(void)
{
    static const char *const faults[] = {"flip", "lost", "attest"};
    struct lab lab;

    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        lab_make(&lab);
        lab_fill(&lab);
        lab_save(&lab);
        lab_fault(&lab, LAB_VAULT, faults[i], true);
        CU_ASSERT_NOT_EQUAL(lab_run(&lab), KH_OK);
        CU_ASSERT_EQUAL(lab.result.outcome, KH_MIGRATION_FAILED);
        CU_ASSERT_TRUE(lab_source_equals_saved(&lab));
        CU_ASSERT_FALSE(lab_sealed(&lab));
        lab_fault(&lab, LAB_VAULT, faults[i], false);
        KH_ASSERT_OK(lab_run(&lab), lab.err);
        CU_ASSERT_TRUE(lab_vault_equals_saved(&lab));
        lab_free(&lab);
    }
}

static void i3_same_name_with_other_content_stops_and_is_not_overwritten(void)
{
    struct lab lab;

    lab_make(&lab);
    lab_fill(&lab);
    lab_put(&lab, LAB_VAULT, "alpha", 1, "somebody else's");
    CU_ASSERT_EQUAL(lab_run(&lab), KH_REFUSED);
    CU_ASSERT_EQUAL(lab.result.outcome, KH_MIGRATION_FINDINGS);
    CU_ASSERT_PTR_NOT_NULL_FATAL(lab_find(&lab, "clash", "alpha"));
    CU_ASSERT_EQUAL(lab_find(&lab, "clash", "alpha")->version, 1);
    CU_ASSERT_EQUAL(lab_count(&lab, LAB_VAULT), 1);
    lab_free(&lab);
}

/* A stranger that comes after the plan, in the moment before the put. */
static void put_stranger(void *arg, kh_migration_step step, bool after)
{
    struct lab *lab = arg;

    if (step == KH_STEP_BIND && after)
        lab_put(lab, LAB_VAULT, "beta", 0, "a stranger's");
}

static void i3_a_clash_that_appears_after_the_plan_stops_the_copy(void)
{
    struct lab lab;

    lab_make(&lab);
    lab_fill(&lab);
    lab_save(&lab);
    lab.options.step = put_stranger;
    KH_ASSERT_FAILS(lab_run(&lab), KH_EXISTS, lab.err, "'beta' version 0");
    CU_ASSERT_EQUAL(lab.result.outcome, KH_MIGRATION_FAILED);
    CU_ASSERT_FALSE(lab_sealed(&lab));
    CU_ASSERT_TRUE(lab_source_equals_saved(&lab));
    lab_free(&lab);
}

static atomic_bool cancel;
static atomic_uint puts_seen;

static void cancel_at_third_put(void *arg, kh_migration_step step, bool after)
{
    (void)arg;
    if (step == KH_STEP_PUT && after && atomic_fetch_add(&puts_seen, 1) == 2)
        atomic_store(&cancel, true);
}

static void i4_interrupted_and_run_again_gives_the_same_end(void)
{
    struct lab lab;

    lab_make(&lab);
    lab_fill(&lab);
    lab_save(&lab);
    atomic_store(&cancel, false);
    atomic_store(&puts_seen, 0);
    lab.options.cancelled = &cancel;
    lab.options.step = cancel_at_third_put;
    KH_ASSERT_FAILS(lab_run(&lab), KH_BUSY, lab.err, "run the same command again");
    CU_ASSERT_EQUAL(lab.result.outcome, KH_MIGRATION_INTERRUPTED);
    CU_ASSERT_TRUE(lab_count(&lab, LAB_VAULT) >= 3);
    CU_ASSERT_TRUE(lab_count(&lab, LAB_VAULT) < LAB_VERSIONS);
    CU_ASSERT_TRUE(lab_source_equals_saved(&lab));
    atomic_store(&cancel, false);
    lab.options.step = NULL;
    KH_ASSERT_OK(lab_run(&lab), lab.err);
    CU_ASSERT_TRUE(lab.result.present >= 3);
    CU_ASSERT_EQUAL(lab.result.present + lab.result.copied, LAB_VERSIONS);
    CU_ASSERT_EQUAL(lab_count(&lab, LAB_VAULT), LAB_VERSIONS);
    CU_ASSERT_TRUE(lab_vault_equals_saved(&lab));
    lab_free(&lab);
}

static void i5_every_version_state_time_and_attribute_is_equal_afterwards(void)
{
    struct lab lab;

    lab_make(&lab);
    lab_fill(&lab);
    lab_save(&lab);
    KH_ASSERT_OK(lab_run(&lab), lab.err);
    CU_ASSERT_EQUAL(lab.result.outcome, KH_MIGRATION_COMMITTED);
    CU_ASSERT_EQUAL(lab.result.deposits, LAB_DEPOSITS);
    CU_ASSERT_EQUAL(lab.result.versions, LAB_VERSIONS);
    CU_ASSERT_EQUAL(lab.result.deleted, 3);
    CU_ASSERT_EQUAL(lab.result.copied, LAB_VERSIONS);
    CU_ASSERT_EQUAL(lab.result.verified, LAB_VERSIONS);
    CU_ASSERT_EQUAL(lab_count(&lab, LAB_VAULT), LAB_VERSIONS);
    CU_ASSERT_TRUE(lab_vault_equals_saved(&lab));
    CU_ASSERT_TRUE(lab_sealed(&lab));
    CU_ASSERT_EQUAL(lab_count(&lab, LAB_SOURCE), 0);
    lab_free(&lab);
}

static void i6_no_plaintext_and_no_digest_of_it_in_journal_or_report(void)
{
    struct lab lab;

    lab_make(&lab);
    lab_put(&lab, LAB_SOURCE, "canary", 0, "CANARY-7d1f-plaintext");
    KH_ASSERT_OK(lab_run(&lab), lab.err);
    CU_ASSERT_NOT_EQUAL(kh_test_shell("grep -rqa CANARY-7d1f '%s'", lab.state_dir), 0);
    /* SHA-256 and base64 of the data. */
    CU_ASSERT_NOT_EQUAL(
        kh_test_shell(
            "grep -rqa \"$(printf CANARY-7d1f-plaintext | sha256sum | cut -c1-64)\" "
            "'%s'",
            lab.state_dir),
        0);
    CU_ASSERT_NOT_EQUAL(
        kh_test_shell(
            "P=$(printf CANARY-7d1f-plaintext | openssl dgst -sha256 -binary | "
            "od -An -tx1 | tr -d ' \\n'); cat '%s'/* | od -An -v -tx1 | tr -d ' \\n' | "
            "grep -q \"$P\"",
            lab.state_dir),
        0);
    /* The journal is there, holds the name, and nobody else may read it. */
    CU_ASSERT_EQUAL(kh_test_shell("grep -qa canary '%s'/*.journal", lab.state_dir), 0);
    CU_ASSERT_EQUAL(
        kh_test_shell("[ -z \"$(find '%s' -perm /077)\" ]", lab.state_dir), 0);
    lab_free(&lab);
}

static void i7_no_way_out_of_hardware(void)
{
    struct kh_migration *m = NULL;
    struct lab lab;

    lab_make(&lab);
    lab_open(&lab);
    lab.options.source = lab.vault;
    lab.options.destination = lab.source;
    KH_ASSERT_FAILS(kh_migrate_open(&m, &lab.options, &lab.err), KH_REFUSED, lab.err,
        "no way back from 'placevault'");
    CU_ASSERT_PTR_NULL(m);
    lab.options.source = lab.vault;
    lab.options.destination = lab.vault;
    KH_ASSERT_FAILS(
        kh_migrate_open(&m, &lab.options, &lab.err), KH_REFUSED, lab.err, "no way back");
    lab.options.source = lab.source;
    lab.options.destination = lab.source;
    KH_ASSERT_FAILS(kh_migrate_open(&m, &lab.options, &lab.err), KH_REFUSED, lab.err,
        "does not keep keys in hardware");
    lab_free(&lab);
}

static void turn_identity(void *arg, kh_migration_step step, bool after)
{
    if (step == KH_STEP_VERIFY && !after)
        lab_fault(arg, LAB_VAULT, "identity", true);
}

static void i8_another_token_in_the_middle_stops_before_the_seal(void)
{
    struct lab lab;

    lab_make(&lab);
    lab_fill(&lab);
    lab_save(&lab);
    lab.options.step = turn_identity;
    KH_ASSERT_FAILS(lab_run(&lab), KH_REFUSED, lab.err, "not the one that was planned");
    CU_ASSERT_FALSE(lab_sealed(&lab));
    /* And the next run remembers which one it began with. */
    lab.options.step = NULL;
    CU_ASSERT_EQUAL(lab_run(&lab), KH_REFUSED);
    CU_ASSERT_EQUAL(lab.result.outcome, KH_MIGRATION_FINDINGS);
    CU_ASSERT_PTR_NOT_NULL(lab_find(&lab, "other-destination", NULL));
    CU_ASSERT_TRUE(lab_source_equals_saved(&lab));
    lab_fault(&lab, LAB_VAULT, "identity", false);
    KH_ASSERT_OK(lab_run(&lab), lab.err);
    CU_ASSERT_TRUE(lab_vault_equals_saved(&lab));
    lab_free(&lab);
}

static void i9_only_a_sealed_source_is_a_success(void)
{
    struct lab lab;
    struct kh_migration *m = NULL;

    lab_make(&lab);
    lab_fill(&lab);
    lab_open(&lab);
    KH_ASSERT_OK_FATAL(kh_migrate_open(&m, &lab.options, &lab.err), lab.err);
    KH_ASSERT_FAILS(
        kh_migrate_run(m, &lab.err), KH_REFUSED, lab.err, "only after a plan");
    CU_ASSERT_EQUAL(kh_migrate_result(m)->outcome, KH_MIGRATION_FAILED);
    KH_ASSERT_OK_FATAL(kh_migrate_plan(m, &lab.err), lab.err);
    CU_ASSERT_EQUAL(kh_migrate_result(m)->outcome, KH_MIGRATION_PLANNED);
    CU_ASSERT_FALSE(lab_sealed(&lab));
    KH_ASSERT_OK_FATAL(kh_migrate_run(m, &lab.err), lab.err);
    CU_ASSERT_EQUAL(kh_migrate_result(m)->outcome, KH_MIGRATION_COMMITTED);
    CU_ASSERT_TRUE(lab_sealed(&lab));
    KH_ASSERT_FAILS(
        kh_migrate_run(m, &lab.err), KH_REFUSED, lab.err, "only after a plan");
    kh_migrate_close(m);
    lab_free(&lab);
}

static void i9_a_seal_that_fails_is_no_success(void)
{
    struct lab lab;

    lab_make(&lab);
    lab_fill(&lab);
    lab_fault(&lab, LAB_SOURCE, "halfseal", true);
    CU_ASSERT_EQUAL(lab_run(&lab), KH_UNAVAILABLE);
    CU_ASSERT_EQUAL(lab.result.outcome, KH_MIGRATION_FAILED);
    lab_free(&lab);
}

static void i10_two_migrations_of_one_source_exclude_each_other(void)
{
    struct kh_backend *second = NULL;
    struct lab lab;

    lab_make(&lab);
    lab_open(&lab);
    KH_ASSERT_FAILS(kh_backend_open(&second, "placesource", TEST_PLACE_DIR, lab.config,
                        KH_OPEN_MIGRATE, &lab.err),
        KH_BUSY, lab.err, "process");
    lab_free(&lab);
}

static const struct kh_test tests[] = {
    {"i1_nothing_is_written_unless_all_names_and_sizes_pass",
        i1_nothing_is_written_unless_all_names_and_sizes_pass},
    {"i2_source_stays_byte_for_byte_until_the_copy_is_committed",
        i2_source_stays_byte_for_byte_until_the_copy_is_committed},
    {"i3_same_name_with_other_content_stops_and_is_not_overwritten",
        i3_same_name_with_other_content_stops_and_is_not_overwritten},
    {"i3_a_clash_that_appears_after_the_plan_stops_the_copy",
        i3_a_clash_that_appears_after_the_plan_stops_the_copy},
    {"i4_interrupted_and_run_again_gives_the_same_end",
        i4_interrupted_and_run_again_gives_the_same_end},
    {"i5_every_version_state_time_and_attribute_is_equal_afterwards",
        i5_every_version_state_time_and_attribute_is_equal_afterwards},
    {"i6_no_plaintext_and_no_digest_of_it_in_journal_or_report",
        i6_no_plaintext_and_no_digest_of_it_in_journal_or_report},
    {"i7_no_way_out_of_hardware", i7_no_way_out_of_hardware},
    {"i8_another_token_in_the_middle_stops_before_the_seal",
        i8_another_token_in_the_middle_stops_before_the_seal},
    {"i9_only_a_sealed_source_is_a_success", i9_only_a_sealed_source_is_a_success},
    {"i9_a_seal_that_fails_is_no_success", i9_a_seal_that_fails_is_no_success},
    {"i10_two_migrations_of_one_source_exclude_each_other",
        i10_two_migrations_of_one_source_exclude_each_other},
};

int main(void)
{
    return kh_test_main("migration invariants", tests, sizeof tests / sizeof tests[0]);
}
