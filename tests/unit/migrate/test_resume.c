/* Between two runs: what the journal saves, what moved meanwhile, what a sealed source
 * says. */
#include "tests/unit/migrate/lab.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static atomic_uint reads;

static void count_reads(void *arg, kh_migration_step step, bool after)
{
    (void)arg;
    if (step == KH_STEP_READ && !after)
        atomic_fetch_add(&reads, 1);
}

/* The first run of each test: all is copied, then the attestation fails. */
static void run_without_commit(struct lab *lab)
{
    lab_fault(lab, LAB_VAULT, "attest", true);
    KH_ASSERT_FAILS(lab_run(lab), KH_CORRUPT, lab->err, "not sealed");
    CU_ASSERT_PTR_NOT_NULL(lab_find(lab, "key", "beta"));
    lab_fault(lab, LAB_VAULT, "attest", false);
    CU_ASSERT_FALSE(lab_sealed(lab));
}

static void unchanged_versions_are_not_read_again(void)
{
    struct lab lab;

    lab_make(&lab);
    lab_fill(&lab);
    lab_save(&lab);
    run_without_commit(&lab);
    atomic_store(&reads, 0);
    lab.options.step = count_reads;
    KH_ASSERT_OK(lab_run(&lab), lab.err);
    CU_ASSERT_EQUAL(atomic_load(&reads), 0);
    CU_ASSERT_EQUAL(lab.result.present, LAB_VERSIONS);
    CU_ASSERT_EQUAL(lab.result.copied, 0);
    CU_ASSERT_EQUAL(lab.result.verified, LAB_VERSIONS);
    CU_ASSERT_TRUE(lab_vault_equals_saved(&lab));
    lab_free(&lab);
}

static void a_new_version_at_the_source_is_copied_by_the_next_run(void)
{
    struct lab lab;

    lab_make(&lab);
    lab_fill(&lab);
    run_without_commit(&lab);
    lab_put(&lab, LAB_SOURCE, "beta", 1, "rolled meanwhile");
    lab_save(&lab);
    atomic_store(&reads, 0);
    lab.options.step = count_reads;
    KH_ASSERT_OK(lab_run(&lab), lab.err);
    CU_ASSERT_EQUAL(atomic_load(&reads), 1);
    CU_ASSERT_TRUE(lab_vault_equals_saved(&lab));
    lab_free(&lab);
}

static void a_deletion_and_a_restoration_at_the_source_are_followed(void)
{
    struct lab lab;

    lab_make(&lab);
    lab_fill(&lab);
    run_without_commit(&lab);
    lab_open(&lab);
    KH_ASSERT_OK(kh_backend_remove(lab.source, "alpha", 1, &lab.err), lab.err);
    KH_ASSERT_OK(kh_backend_restore(lab.source, "deleted", 0, &lab.err), lab.err);
    lab_close(&lab);
    lab_save(&lab);
    KH_ASSERT_OK(lab_run(&lab), lab.err);
    CU_ASSERT_TRUE(lab_vault_equals_saved(&lab));
    lab_free(&lab);
}

static void a_purge_at_the_source_between_two_runs_is_a_finding_with_a_remedy(void)
{
    struct lab lab;

    lab_make(&lab);
    lab_fill(&lab);
    run_without_commit(&lab);
    lab_open(&lab);
    KH_ASSERT_OK(kh_backend_purge(lab.source, "beta", 0, &lab.err), lab.err);
    lab_close(&lab);
    CU_ASSERT_EQUAL(lab_run(&lab), KH_REFUSED);
    CU_ASSERT_EQUAL(lab.result.outcome, KH_MIGRATION_FINDINGS);
    CU_ASSERT_PTR_NOT_NULL_FATAL(lab_find(&lab, "left-behind", "beta"));
    CU_ASSERT_PTR_NOT_NULL(
        strstr(lab_find(&lab, "left-behind", "beta")->message, "purge 'beta' version 0"));
    lab_open(&lab);
    KH_ASSERT_OK(kh_backend_purge(lab.vault, "beta", 0, &lab.err), lab.err);
    lab_close(&lab);
    lab_save(&lab);
    KH_ASSERT_OK(lab_run(&lab), lab.err);
    CU_ASSERT_TRUE(lab_vault_equals_saved(&lab));
    lab_free(&lab);
}

static void a_copy_that_was_tampered_with_between_two_runs_is_a_clash(void)
{
    struct lab lab;

    lab_make(&lab);
    lab_fill(&lab);
    run_without_commit(&lab);
    lab_open(&lab);
    KH_ASSERT_OK(kh_backend_purge(lab.vault, "beta", 0, &lab.err), lab.err);
    lab_close(&lab);
    lab_put(&lab, LAB_VAULT, "beta", 0, "tampered");
    CU_ASSERT_EQUAL(lab_run(&lab), KH_REFUSED);
    CU_ASSERT_PTR_NOT_NULL(lab_find(&lab, "clash", "beta"));
    lab_free(&lab);
}

static void tamper_before_verification(void *arg, kh_migration_step step, bool after)
{
    struct lab *lab = arg;

    if (step == KH_STEP_VERIFY && !after)
        lab_spoil(lab, LAB_VAULT, "beta", 0);
}

static void a_copy_that_changes_between_copy_and_verification_is_found(void)
{
    struct lab lab;

    lab_make(&lab);
    lab_fill(&lab);
    lab_save(&lab);
    lab.options.step = tamper_before_verification;
    KH_ASSERT_FAILS(lab_run(&lab), KH_CORRUPT, lab.err, "not sealed");
    CU_ASSERT_PTR_NOT_NULL(lab_find(&lab, "destination-changed", "beta"));
    CU_ASSERT_EQUAL(lab.result.outcome, KH_MIGRATION_FAILED);
    CU_ASSERT_FALSE(lab_sealed(&lab));
    CU_ASSERT_TRUE(lab_source_equals_saved(&lab));
    lab_free(&lab);
}

static void add_to_source(void *arg, kh_migration_step step, bool after)
{
    struct lab *lab = arg;

    if (step == KH_STEP_VERIFY && !after)
        lab_put(lab, LAB_SOURCE, "beta", 9, "sneaked in past the lock");
}

static void a_source_that_grows_during_the_migration_is_not_sealed(void)
{
    struct lab lab;

    lab_make(&lab);
    lab_fill(&lab);
    lab.options.step = add_to_source;
    KH_ASSERT_FAILS(lab_run(&lab), KH_CORRUPT, lab.err, "not sealed");
    CU_ASSERT_PTR_NOT_NULL(lab_find(&lab, "not-copied", "beta"));
    CU_ASSERT_PTR_NOT_NULL(lab_find(&lab, "count", NULL));
    CU_ASSERT_FALSE(lab_sealed(&lab));
    lab_free(&lab);
}

static atomic_uint puts_seen;

static void lose_destination(void *arg, kh_migration_step step, bool after)
{
    if (step == KH_STEP_PUT && after && atomic_fetch_add(&puts_seen, 1) == 4)
        lab_fault(arg, LAB_VAULT, "away", true);
}

static void a_destination_lost_in_the_middle_is_told_and_resumed(void)
{
    struct lab lab;

    lab_make(&lab);
    lab_fill(&lab);
    lab_save(&lab);
    atomic_store(&puts_seen, 0);
    lab.options.step = lose_destination;
    CU_ASSERT_EQUAL(lab_run(&lab), KH_UNAVAILABLE);
    CU_ASSERT_EQUAL(lab.result.outcome, KH_MIGRATION_UNAVAILABLE);
    CU_ASSERT_TRUE(lab_source_equals_saved(&lab));
    lab_fault(&lab, LAB_VAULT, "away", false);
    lab.options.step = NULL;
    KH_ASSERT_OK(lab_run(&lab), lab.err);
    CU_ASSERT_TRUE(lab.result.present >= 4);
    CU_ASSERT_TRUE(lab_vault_equals_saved(&lab));
    lab_free(&lab);
}

/* ---- after the seal
 * -------------------------------------------------------------------- */

static void check_sealed(struct lab *lab, bool want)
{
    bool sealed = !want;

    lab_open(lab);
    lab->options.destination = NULL; /* may be in service */
    KH_ASSERT_OK(
        kh_migrate_sealed(&lab->options, &sealed, &lab->result, &lab->err), lab->err);
    CU_ASSERT_EQUAL(sealed, want);
    lab_close(lab);
}

static void a_second_migration_is_told_where_the_deposits_live(void)
{
    struct kh_migration *m = NULL;
    struct lab lab;

    lab_make(&lab);
    lab_fill(&lab);
    check_sealed(&lab, false);
    KH_ASSERT_OK(lab_run(&lab), lab.err);
    check_sealed(&lab, true);
    CU_ASSERT_TRUE(lab.result.sealed_before);
    CU_ASSERT_EQUAL(lab.result.outcome, KH_MIGRATION_COMMITTED);
    CU_ASSERT_PTR_NOT_NULL(strstr(lab.result.destination, "placevault "));
    CU_ASSERT_PTR_NOT_NULL(strstr(lab.result.destination, lab.vault_dir));
    lab_open(&lab);
    KH_ASSERT_FAILS(
        kh_migrate_open(&m, &lab.options, &lab.err), KH_REFUSED, lab.err, "is sealed");
    lab_free(&lab);
}

static void an_interrupted_destruction_is_finished(void)
{
    struct lab lab;

    lab_make(&lab);
    lab_fill(&lab);
    lab_save(&lab);
    lab_fault(&lab, LAB_SOURCE, "halfseal", true);
    CU_ASSERT_EQUAL(lab_run(&lab), KH_UNAVAILABLE);
    CU_ASSERT_TRUE(lab_sealed(&lab));
    CU_ASSERT_EQUAL(lab_count(&lab, LAB_SOURCE), LAB_VERSIONS);
    lab_fault(&lab, LAB_SOURCE, "halfseal", false);
    lab.options.dry_run = true; /* which only looks */
    check_sealed(&lab, true);
    CU_ASSERT_EQUAL(lab_count(&lab, LAB_SOURCE), LAB_VERSIONS);
    lab.options.dry_run = false;
    check_sealed(&lab, true);
    CU_ASSERT_EQUAL(lab_count(&lab, LAB_SOURCE), 0);
    CU_ASSERT_TRUE(lab_vault_equals_saved(&lab));
    lab_free(&lab);
}

static void a_source_that_was_kept_stays_kept(void)
{
    struct lab lab;

    lab_make(&lab);
    lab_fill(&lab);
    lab_save(&lab);
    lab.options.keep_source = true;
    KH_ASSERT_OK(lab_run(&lab), lab.err);
    CU_ASSERT_TRUE(lab_sealed(&lab));
    CU_ASSERT_TRUE(lab_source_equals_saved(&lab));
    lab.options.keep_source =
        false; /* a second run does not destroy what the first kept */
    check_sealed(&lab, true);
    CU_ASSERT_TRUE(lab_source_equals_saved(&lab));
    lab_free(&lab);
}

static void a_sealed_source_without_its_journal_is_not_destroyed(void)
{
    struct lab lab;

    lab_make(&lab);
    lab_fill(&lab);
    lab.options.keep_source = true;
    KH_ASSERT_OK(lab_run(&lab), lab.err);
    CU_ASSERT_EQUAL(kh_test_shell("rm '%s'/*.journal", lab.state_dir), 0);
    lab.options.keep_source = false;
    check_sealed(&lab, true);
    CU_ASSERT_EQUAL(lab_count(&lab, LAB_SOURCE), LAB_VERSIONS);
    lab_free(&lab);
}

static const struct kh_test tests[] = {
    {"unchanged_versions_are_not_read_again", unchanged_versions_are_not_read_again},
    {"a_new_version_at_the_source_is_copied_by_the_next_run",
        a_new_version_at_the_source_is_copied_by_the_next_run},
    {"a_deletion_and_a_restoration_at_the_source_are_followed",
        a_deletion_and_a_restoration_at_the_source_are_followed},
    {"a_purge_at_the_source_between_two_runs_is_a_finding_with_a_remedy",
        a_purge_at_the_source_between_two_runs_is_a_finding_with_a_remedy},
    {"a_copy_that_was_tampered_with_between_two_runs_is_a_clash",
        a_copy_that_was_tampered_with_between_two_runs_is_a_clash},
    {"a_copy_that_changes_between_copy_and_verification_is_found",
        a_copy_that_changes_between_copy_and_verification_is_found},
    {"a_source_that_grows_during_the_migration_is_not_sealed",
        a_source_that_grows_during_the_migration_is_not_sealed},
    {"a_destination_lost_in_the_middle_is_told_and_resumed",
        a_destination_lost_in_the_middle_is_told_and_resumed},
    {"a_second_migration_is_told_where_the_deposits_live",
        a_second_migration_is_told_where_the_deposits_live},
    {"an_interrupted_destruction_is_finished", an_interrupted_destruction_is_finished},
    {"a_source_that_was_kept_stays_kept", a_source_that_was_kept_stays_kept},
    {"a_sealed_source_without_its_journal_is_not_destroyed",
        a_sealed_source_without_its_journal_is_not_destroyed},
};

int main(void)
{
    return kh_test_main("migration resume", tests, sizeof tests / sizeof tests[0]);
}
