/* Soft delete, its undoing, and purge, which has none. */
#include "conformance/contract.h"

static void a_removed_version_is_not_found_and_comes_back(void)
{
    const char *name = kh_contract_name("removed");
    struct kh_backend *b = kh_contract_backend();
    KH_CLEANUP_DEPOSIT struct kh_deposit d;
    struct kh_error err = {0};

    kh_contract_make(&d, name, 0, "data", 4);
    KH_ASSERT_OK(kh_backend_put(b, &d, KH_PUT_NEW, &err), err);
    KH_ASSERT_OK(kh_backend_remove(b, name, 0, &err), err);
    CU_ASSERT_EQUAL(kh_contract_get_status(name, 0, false), KH_NOT_FOUND);
    CU_ASSERT_EQUAL(kh_contract_get_status(name, KH_LATEST, false), KH_NOT_FOUND);
    d.state = KH_DELETED;
    CU_ASSERT_TRUE(kh_contract_holds(&d));
    KH_ASSERT_OK(kh_backend_restore(b, name, 0, &err), err);
    CU_ASSERT_EQUAL(kh_contract_get_status(name, 0, false), KH_OK);
    d.state = KH_ACTIVE;
    CU_ASSERT_TRUE(kh_contract_holds(&d));
}

static void removing_and_restoring_twice_is_the_same_as_once(void)
{
    const char *name = kh_contract_name("idempotent");
    struct kh_backend *b = kh_contract_backend();
    struct kh_error err = {0};

    kh_contract_put(name, 0, "data", KH_PUT_NEW);
    KH_ASSERT_OK(kh_backend_restore(b, name, 0, &err), err);
    KH_ASSERT_OK(kh_backend_remove(b, name, 0, &err), err);
    KH_ASSERT_OK(kh_backend_remove(b, name, 0, &err), err);
    KH_ASSERT_OK(kh_backend_remove(b, name, KH_ALL_VERSIONS, &err), err);
    CU_ASSERT_EQUAL(kh_contract_get_status(name, 0, true), KH_OK);
    KH_ASSERT_OK(kh_backend_restore(b, name, 0, &err), err);
    KH_ASSERT_OK(kh_backend_restore(b, name, KH_ALL_VERSIONS, &err), err);
    CU_ASSERT_EQUAL(kh_contract_get_status(name, 0, false), KH_OK);
}

static void one_version_is_removed_and_the_others_stay(void)
{
    const char *name = kh_contract_name("middle");
    struct kh_error err = {0};

    for (uint32_t v = 0; v < 3; v++)
        kh_contract_put(name, v, "data", v == 0 ? KH_PUT_NEW : KH_PUT_VERSION);
    KH_ASSERT_OK(kh_backend_remove(kh_contract_backend(), name, 1, &err), err);
    CU_ASSERT_EQUAL(kh_contract_get_status(name, 0, false), KH_OK);
    CU_ASSERT_EQUAL(kh_contract_get_status(name, 1, false), KH_NOT_FOUND);
    CU_ASSERT_EQUAL(kh_contract_get_status(name, 2, false), KH_OK);
}

static void all_versions_are_removed_and_restored_together(void)
{
    const char *name = kh_contract_name("together");
    struct kh_backend *b = kh_contract_backend();
    struct kh_error err = {0};

    for (uint32_t v = 0; v < 3; v++)
        kh_contract_put(name, v, "data", v == 0 ? KH_PUT_NEW : KH_PUT_VERSION);
    KH_ASSERT_OK(kh_backend_remove(b, name, KH_ALL_VERSIONS, &err), err);
    for (uint32_t v = 0; v < 3; v++)
        CU_ASSERT_EQUAL(kh_contract_get_status(name, v, false), KH_NOT_FOUND);
    KH_ASSERT_OK(kh_backend_restore(b, name, KH_ALL_VERSIONS, &err), err);
    for (uint32_t v = 0; v < 3; v++)
        CU_ASSERT_EQUAL(kh_contract_get_status(name, v, false), KH_OK);
}

static void a_purged_version_is_gone_for_ever(void)
{
    const char *name = kh_contract_name("purged");
    struct kh_backend *b = kh_contract_backend();
    struct kh_error err = {0};

    kh_contract_put(name, 0, "zero", KH_PUT_NEW);
    kh_contract_put(name, 1, "one", KH_PUT_VERSION);
    KH_ASSERT_OK(kh_backend_purge(b, name, 0, &err), err);
    CU_ASSERT_EQUAL(kh_contract_get_status(name, 0, true), KH_NOT_FOUND);
    CU_ASSERT_EQUAL(kh_contract_get_status(name, 1, false), KH_OK);
    KH_ASSERT_FAILS(kh_backend_restore(b, name, 0, &err), KH_NOT_FOUND, err, name);
    KH_ASSERT_FAILS(kh_backend_purge(b, name, 0, &err), KH_NOT_FOUND, err, name);
}

static void a_deleted_version_can_be_purged(void)
{
    const char *name = kh_contract_name("deletedpurged");
    struct kh_backend *b = kh_contract_backend();
    struct kh_error err = {0};

    kh_contract_put(name, 0, "zero", KH_PUT_NEW);
    KH_ASSERT_OK(kh_backend_remove(b, name, 0, &err), err);
    KH_ASSERT_OK(kh_backend_purge(b, name, 0, &err), err);
    CU_ASSERT_EQUAL(kh_contract_get_status(name, KH_LATEST, true), KH_NOT_FOUND);
}

static void a_purged_deposit_frees_its_name(void)
{
    const char *name = kh_contract_name("free");
    struct kh_backend *b = kh_contract_backend();
    KH_CLEANUP_DEPOSIT struct kh_deposit d;
    struct kh_error err = {0};

    kh_contract_put(name, 0, "zero", KH_PUT_NEW);
    kh_contract_put(name, 1, "one", KH_PUT_VERSION);
    KH_ASSERT_OK(kh_backend_remove(b, name, 1, &err), err);
    KH_ASSERT_OK(kh_backend_purge(b, name, KH_ALL_VERSIONS, &err), err);
    CU_ASSERT_EQUAL(kh_contract_get_status(name, KH_LATEST, true), KH_NOT_FOUND);
    KH_ASSERT_FAILS(
        kh_backend_purge(b, name, KH_ALL_VERSIONS, &err), KH_NOT_FOUND, err, name);
    kh_contract_make(&d, name, 0, "new life", 8);
    KH_ASSERT_OK(kh_backend_put(b, &d, KH_PUT_NEW, &err), err);
    CU_ASSERT_TRUE(kh_contract_holds(&d));
}

static void what_is_not_there_cannot_be_removed_restored_or_purged(void)
{
    const char *name = kh_contract_name("nothing");
    struct kh_backend *b = kh_contract_backend();
    struct kh_error err = {0};

    KH_ASSERT_FAILS(kh_backend_remove(b, name, 0, &err), KH_NOT_FOUND, err, name);
    KH_ASSERT_FAILS(
        kh_backend_remove(b, name, KH_ALL_VERSIONS, &err), KH_NOT_FOUND, err, name);
    KH_ASSERT_FAILS(kh_backend_restore(b, name, 0, &err), KH_NOT_FOUND, err, name);
    KH_ASSERT_FAILS(kh_backend_purge(b, name, 0, &err), KH_NOT_FOUND, err, name);
    kh_contract_put(name, 0, "zero", KH_PUT_NEW);
    KH_ASSERT_FAILS(kh_backend_remove(b, name, 1, &err), KH_NOT_FOUND, err, name);
    KH_ASSERT_FAILS(kh_backend_restore(b, name, 1, &err), KH_NOT_FOUND, err, name);
    KH_ASSERT_FAILS(kh_backend_purge(b, name, 1, &err), KH_NOT_FOUND, err, name);
}

static void a_deleted_deposit_is_not_rolled(void)
{
    KH_CLEANUP_DEPOSIT struct kh_deposit d;
    const char *name = kh_contract_name("norolling");
    struct kh_error err = {0};

    kh_contract_put(name, 0, "zero", KH_PUT_NEW);
    KH_ASSERT_OK(
        kh_backend_remove(kh_contract_backend(), name, KH_ALL_VERSIONS, &err), err);
    kh_contract_make(&d, name, 0, "one", 3);
    KH_ASSERT_FAILS(
        kh_backend_roll(kh_contract_backend(), &d, &err), KH_REFUSED, err, name);
}

struct kh_contract_group kh_contract_states(void)
{
    static const struct kh_test tests[] = {
        {"a_removed_version_is_not_found_and_comes_back",
            a_removed_version_is_not_found_and_comes_back},
        {"removing_and_restoring_twice_is_the_same_as_once",
            removing_and_restoring_twice_is_the_same_as_once},
        {"one_version_is_removed_and_the_others_stay",
            one_version_is_removed_and_the_others_stay},
        {"all_versions_are_removed_and_restored_together",
            all_versions_are_removed_and_restored_together},
        {"a_purged_version_is_gone_for_ever", a_purged_version_is_gone_for_ever},
        {"a_deleted_version_can_be_purged", a_deleted_version_can_be_purged},
        {"a_purged_deposit_frees_its_name", a_purged_deposit_frees_its_name},
        {"what_is_not_there_cannot_be_removed_restored_or_purged",
            what_is_not_there_cannot_be_removed_restored_or_purged},
        {"a_deleted_deposit_is_not_rolled", a_deleted_deposit_is_not_rolled},
    };

    return (struct kh_contract_group){
        KH_CAP_READ | KH_CAP_WRITE | KH_CAP_LIST, tests, sizeof tests / sizeof tests[0]};
}
