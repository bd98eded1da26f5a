/* What the plan finds, and that it writes nothing. */
#include "tests/unit/migrate/lab.h"

#include "core/backend_key.h"
#include "core/deposit.h"
#include "core/secmem.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void untouched(struct lab *lab, unsigned at_vault)
{
    CU_ASSERT_EQUAL(lab_count(lab, LAB_VAULT), at_vault);
    CU_ASSERT_FALSE(lab_sealed(lab));
    CU_ASSERT_EQUAL(
        kh_test_shell("ls '%s'/*.journal 2>/dev/null", lab->state_dir) != 0, true);
}

static void all_findings_are_told_at_once_each_with_its_reason(void)
{
    struct lab lab;

    lab_make(&lab);
    lab_fill(&lab);
    lab_put(&lab, LAB_SOURCE, "-begins badly", 0, "x");
    lab_put(&lab, LAB_SOURCE, "has/slash", 0, "x");
    lab_put(&lab, LAB_SOURCE, "has/slash", 1, "y");
    lab_spoil(&lab, LAB_SOURCE, "gaps", 70);
    lab_put(&lab, LAB_VAULT, "beta", 0, "other");
    lab_fault(&lab, LAB_VAULT, "room", true);
    KH_ASSERT_FAILS(
        lab_run(&lab), KH_REFUSED, lab.err, "5 finding(s); nothing was written");
    CU_ASSERT_EQUAL(lab.result.findings, 5);
    CU_ASSERT_EQUAL(lab_findings(&lab), 5);
    CU_ASSERT_PTR_NOT_NULL(lab_find(&lab, "bad-name", "-begins%20badly"));
    CU_ASSERT_PTR_NOT_NULL(lab_find(&lab, "bad-name", "has%2Fslash"));
    CU_ASSERT_PTR_NOT_NULL(lab_find(&lab, "corrupt", "gaps"));
    CU_ASSERT_PTR_NOT_NULL(lab_find(&lab, "clash", "beta"));
    CU_ASSERT_PTR_NOT_NULL(lab_find(&lab, "room", NULL));
    untouched(&lab, 1);
    CU_ASSERT_EQUAL(kh_test_shell("grep -q has%%2Fslash '%s'", lab.result.report), 0);
    lab_free(&lab);
}

static void a_dry_run_changes_nothing_and_says_planned(void)
{
    struct lab lab;

    lab_make(&lab);
    lab_fill(&lab);
    lab_save(&lab);
    lab.options.dry_run = true;
    KH_ASSERT_OK(lab_run(&lab), lab.err);
    CU_ASSERT_EQUAL(lab.result.outcome, KH_MIGRATION_PLANNED);
    CU_ASSERT_EQUAL(lab.result.versions, LAB_VERSIONS);
    CU_ASSERT_NOT_EQUAL(access(lab.state_dir, F_OK), 0);
    CU_ASSERT_TRUE(lab_source_equals_saved(&lab));
    untouched(&lab, 0);
    lab_free(&lab);
}

static void a_corrupt_entry_of_the_source_stops_the_run_by_name(void)
{
    struct lab lab;

    lab_make(&lab);
    lab_fill(&lab);
    lab_spoil(&lab, LAB_SOURCE, "binary", 0);
    CU_ASSERT_EQUAL(lab_run(&lab), KH_REFUSED);
    CU_ASSERT_PTR_NOT_NULL_FATAL(lab_find(&lab, "corrupt", "binary"));
    CU_ASSERT_STRING_EQUAL(lab_find(&lab, "corrupt", "binary")->message, "torn file");
    CU_ASSERT_EQUAL(lab.result.outcome, KH_MIGRATION_FINDINGS);
    untouched(&lab, 0);
    lab_free(&lab);
}

static void same_content_at_the_destination_is_fine_and_counted(void)
{
    struct lab lab;

    lab_make(&lab);
    lab_fill(&lab);
    lab_save(&lab);
    lab_put(&lab, LAB_VAULT, "alpha", 1, "second");
    KH_ASSERT_OK(lab_run(&lab), lab.err);
    CU_ASSERT_EQUAL(lab.result.present, 1);
    CU_ASSERT_EQUAL(lab.result.copied, LAB_VERSIONS - 1);
    CU_ASSERT_TRUE(lab_vault_equals_saved(&lab));
    lab_free(&lab);
}

static void other_deposits_at_the_destination_are_a_note_and_stay(void)
{
    struct lab lab;

    lab_make(&lab);
    lab_fill(&lab);
    lab_put(&lab, LAB_VAULT, "stranger", 0, "x");
    lab_put(&lab, LAB_VAULT, "stranger", 1, "y");
    KH_ASSERT_OK(lab_run(&lab), lab.err);
    CU_ASSERT_EQUAL(lab.result.others, 2);
    CU_ASSERT_PTR_NOT_NULL(lab_find(&lab, "others", NULL));
    CU_ASSERT_EQUAL(lab_count(&lab, LAB_VAULT), LAB_VERSIONS + 2);
    lab_free(&lab);
}

static void a_version_only_the_destination_has_is_a_finding(void)
{
    struct lab lab;

    lab_make(&lab);
    lab_fill(&lab);
    lab_put(&lab, LAB_VAULT, "beta", 5, "x");
    CU_ASSERT_EQUAL(lab_run(&lab), KH_REFUSED);
    CU_ASSERT_PTR_NOT_NULL_FATAL(lab_find(&lab, "extra-version", "beta"));
    CU_ASSERT_EQUAL(lab_find(&lab, "extra-version", "beta")->version, 5);
    untouched(&lab, 1);
    lab_free(&lab);
}

static void a_state_that_differs_without_a_journal_is_a_clash(void)
{
    struct lab lab;

    lab_make(&lab);
    lab_fill(&lab);
    lab_put(&lab, LAB_VAULT, "beta", 0, "only");
    lab_open(&lab);
    KH_ASSERT_OK(kh_backend_remove(lab.vault, "beta", 0, &lab.err), lab.err);
    lab_close(&lab);
    CU_ASSERT_EQUAL(lab_run(&lab), KH_REFUSED);
    CU_ASSERT_PTR_NOT_NULL(lab_find(&lab, "clash", "beta"));
    lab_free(&lab);
}

static void a_corrupt_copy_at_the_destination_is_a_finding(void)
{
    struct lab lab;

    lab_make(&lab);
    lab_fill(&lab);
    lab_put(&lab, LAB_VAULT, "beta", 0, "only");
    lab_spoil(&lab, LAB_VAULT, "beta", 0);
    CU_ASSERT_EQUAL(lab_run(&lab), KH_REFUSED);
    CU_ASSERT_PTR_NOT_NULL(lab_find(&lab, "destination-corrupt", "beta"));
    lab_free(&lab);
}

static void a_read_only_or_absent_destination_is_told_before_anything(void)
{
    struct lab lab;

    lab_make(&lab);
    lab_fill(&lab);
    lab_fault(&lab, LAB_VAULT, "readonly", true);
    CU_ASSERT_EQUAL(lab_run(&lab), KH_REFUSED);
    CU_ASSERT_PTR_NOT_NULL(lab_find(&lab, "read-only", NULL));
    untouched(&lab, 0);
    lab_fault(&lab, LAB_VAULT, "away", true);
    CU_ASSERT_EQUAL(lab_run(&lab), KH_UNAVAILABLE);
    CU_ASSERT_EQUAL(lab.result.outcome, KH_MIGRATION_UNAVAILABLE);
    untouched(&lab, 0);
    lab_free(&lab);
}

static void an_absent_source_is_a_failure_not_an_unavailable_destination(void)
{
    struct lab lab;

    lab_make(&lab);
    lab_fill(&lab);
    lab_fault(&lab, LAB_SOURCE, "away", true);
    CU_ASSERT_EQUAL(lab_run(&lab), KH_UNAVAILABLE);
    CU_ASSERT_EQUAL(lab.result.outcome, KH_MIGRATION_FAILED);
    lab_free(&lab);
}

static void a_listing_that_goes_back_is_refused(void)
{
    struct lab lab;

    lab_make(&lab);
    for (unsigned i = 0; i < 70; i++) {
        char name[16];

        snprintf(name, sizeof name, "n%03u", i);
        lab_put(&lab, LAB_SOURCE, name, 0, "x");
    }
    lab_fault(&lab, LAB_SOURCE, "backwards", true);
    KH_ASSERT_FAILS(lab_run(&lab), KH_FATAL, lab.err, "not in order");
    CU_ASSERT_EQUAL(lab.result.outcome, KH_MIGRATION_FAILED);
    untouched(&lab, 0);
    lab_free(&lab);
}

static void an_empty_source_is_said_and_sealed_only_when_asked(void)
{
    struct lab lab;

    lab_make(&lab);
    KH_ASSERT_OK(lab_run(&lab), lab.err);
    CU_ASSERT_TRUE(lab.result.empty);
    CU_ASSERT_EQUAL(lab.result.outcome, KH_MIGRATION_COMMITTED);
    CU_ASSERT_PTR_NOT_NULL(lab_find(&lab, "empty", NULL));
    untouched(&lab, 0);
    lab.options.seal_empty = true;
    KH_ASSERT_OK(lab_run(&lab), lab.err);
    CU_ASSERT_EQUAL(lab.result.outcome, KH_MIGRATION_COMMITTED);
    CU_ASSERT_TRUE(lab_sealed(&lab));
    lab_free(&lab);
}

static void an_empty_source_asks_nothing_of_the_destination(void)
{
    struct lab lab;

    lab_make(&lab);
    lab_fault(&lab, LAB_VAULT, "readonly", true);
    KH_ASSERT_OK(lab_run(&lab), lab.err);
    CU_ASSERT_TRUE(lab.result.empty);
    lab_free(&lab);
}

static void too_many_jobs_are_refused(void)
{
    struct kh_migration *m = NULL;
    struct lab lab;

    lab_make(&lab);
    lab_open(&lab);
    lab.options.jobs = KH_MIGRATION_JOBS_MAX + 1;
    KH_ASSERT_FAILS(
        kh_migrate_open(&m, &lab.options, &lab.err), KH_INVALID, lab.err, "at most 64");
    lab_free(&lab);
}

static void more_versions_than_the_queue_holds_all_arrive(void)
{
    enum { MANY = 300 };
    static const unsigned jobs[] = {1, KH_MIGRATION_JOBS_MAX};
    struct lab lab;

    for (size_t j = 0; j < sizeof jobs / sizeof jobs[0]; j++) {
        lab_make(&lab);
        lab.options.jobs = jobs[j];
        for (unsigned i = 0; i < MANY; i++) {
            char name[16];

            snprintf(name, sizeof name, "n%03u", i / 3);
            lab_put(&lab, LAB_SOURCE, name, i % 3, name);
        }
        lab_save(&lab);
        KH_ASSERT_OK(lab_run(&lab), lab.err);
        CU_ASSERT_EQUAL(lab.result.verified, MANY);
        CU_ASSERT_EQUAL(lab.result.deposits, MANY / 3);
        CU_ASSERT_TRUE(lab_vault_equals_saved(&lab));
        lab_free(&lab);
    }
}

/* A vault with named keys, in place of the lab's. */
static struct kh_backend *open_keyvault(struct kh_config **config, struct kh_error *err)
{
    struct kh_backend *vault = NULL;

    KH_ASSERT_OK_FATAL(kh_config_load(config, NULL, err), *err);
    KH_ASSERT_OK_FATAL(kh_backend_claim(*config, TEST_MOCK_DIR, "keyvault", err), *err);
    KH_ASSERT_OK_FATAL(kh_config_finish(*config, err), *err);
    KH_ASSERT_OK_FATAL(
        kh_backend_open(&vault, "keyvault", TEST_MOCK_DIR, *config, KH_OPEN_MIGRATE, err),
        *err);
    return vault;
}

static void a_name_that_a_key_has_at_the_destination_is_a_finding(void)
{
    struct kh_named_key key = {
        .name = "gamma", .kind = KH_KIND_AES_256, .purposes = KH_KEY_WRAP};
    struct kh_migration *m = NULL;
    struct kh_config *config = NULL;
    struct kh_backend *vault;
    struct lab lab;

    lab_make(&lab);
    lab_put(&lab, LAB_SOURCE, "beta", 0, "x");
    lab_put(&lab, LAB_SOURCE, "gamma", 0, "x");
    lab_put(&lab, LAB_SOURCE, "gamma", 1, "x");
    lab_open(&lab);
    vault = open_keyvault(&config, &lab.err);
    KH_ASSERT_OK_FATAL(kh_backend_key_create(vault, &key, &lab.err), lab.err);
    lab.options.destination = vault;
    KH_ASSERT_OK_FATAL(kh_migrate_open(&m, &lab.options, &lab.err), lab.err);
    KH_ASSERT_FAILS(
        kh_migrate_plan(m, &lab.err), KH_REFUSED, lab.err, "1 finding(s); nothing");
    CU_ASSERT_EQUAL(lab_findings(&lab), 1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(lab_find(&lab, "clash", "gamma"));
    CU_ASSERT_PTR_NOT_NULL(
        strstr(lab_find(&lab, "clash", "gamma")->message, "the name of a named key"));
    kh_migrate_close(m);
    KH_ASSERT_OK(kh_backend_key_change(vault, "gamma", KH_KEY_PURGE, &lab.err), lab.err);
    m = NULL;
    KH_ASSERT_OK_FATAL(kh_migrate_open(&m, &lab.options, &lab.err), lab.err);
    KH_ASSERT_OK(kh_migrate_plan(m, &lab.err), lab.err);
    kh_migrate_close(m);
    kh_backend_close(vault);
    kh_config_free(config);
    lab_free(&lab);
}

static const struct kh_test tests[] = {
    {"all_findings_are_told_at_once_each_with_its_reason",
        all_findings_are_told_at_once_each_with_its_reason},
    {"a_dry_run_changes_nothing_and_says_planned",
        a_dry_run_changes_nothing_and_says_planned},
    {"a_corrupt_entry_of_the_source_stops_the_run_by_name",
        a_corrupt_entry_of_the_source_stops_the_run_by_name},
    {"same_content_at_the_destination_is_fine_and_counted",
        same_content_at_the_destination_is_fine_and_counted},
    {"other_deposits_at_the_destination_are_a_note_and_stay",
        other_deposits_at_the_destination_are_a_note_and_stay},
    {"a_version_only_the_destination_has_is_a_finding",
        a_version_only_the_destination_has_is_a_finding},
    {"a_state_that_differs_without_a_journal_is_a_clash",
        a_state_that_differs_without_a_journal_is_a_clash},
    {"a_corrupt_copy_at_the_destination_is_a_finding",
        a_corrupt_copy_at_the_destination_is_a_finding},
    {"a_read_only_or_absent_destination_is_told_before_anything",
        a_read_only_or_absent_destination_is_told_before_anything},
    {"an_absent_source_is_a_failure_not_an_unavailable_destination",
        an_absent_source_is_a_failure_not_an_unavailable_destination},
    {"a_listing_that_goes_back_is_refused", a_listing_that_goes_back_is_refused},
    {"an_empty_source_is_said_and_sealed_only_when_asked",
        an_empty_source_is_said_and_sealed_only_when_asked},
    {"an_empty_source_asks_nothing_of_the_destination",
        an_empty_source_asks_nothing_of_the_destination},
    {"a_name_that_a_key_has_at_the_destination_is_a_finding",
        a_name_that_a_key_has_at_the_destination_is_a_finding},
    {"too_many_jobs_are_refused", too_many_jobs_are_refused},
    {"more_versions_than_the_queue_holds_all_arrive",
        more_versions_than_the_queue_holds_all_arrive},
};

int main(void)
{
    return kh_test_main("migration plan", tests, sizeof tests / sizeof tests[0]);
}
