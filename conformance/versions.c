/* Versions: created once, never overwritten, found by number or as the latest. */
#include "conformance/contract.h"

#include "core/secmem.h"

static kh_status put(const char *name, uint32_t version, const char *text,
    kh_put_mode mode, struct kh_error *err)
{
    KH_CLEANUP_DEPOSIT struct kh_deposit d;

    kh_contract_make(&d, name, version, text, strlen(text));
    return kh_backend_put(kh_contract_backend(), &d, mode, err);
}

static bool latest_is(
    const char *name, bool with_deleted, uint32_t version, const char *text)
{
    KH_CLEANUP_DEPOSIT struct kh_deposit d = {0};
    struct kh_error err = {0};

    if (kh_backend_get(kh_contract_backend(), name, KH_LATEST, with_deleted, &d, &err) !=
        KH_OK) {
        fprintf(stderr, "    %s\n", err.message);
        return false;
    }
    return d.version == version && d.data.len == strlen(text) &&
           memcmp(d.data.data, text, d.data.len) == 0;
}

static void a_second_deposit_of_one_name_exists_and_changes_nothing(void)
{
    const char *name = kh_contract_name("twice");
    struct kh_error err = {0};

    kh_contract_put(name, 0, "first", KH_PUT_NEW);
    KH_ASSERT_FAILS(put(name, 0, "second", KH_PUT_NEW, &err), KH_EXISTS, err, name);
    KH_ASSERT_FAILS(put(name, 1, "second", KH_PUT_NEW, &err), KH_EXISTS, err, name);
    KH_ASSERT_FAILS(put(name, 0, "first", KH_PUT_NEW, &err), KH_EXISTS, err, name);
    CU_ASSERT_TRUE(latest_is(name, true, 0, "first"));
}

static void a_version_that_is_there_exists_and_is_not_changed(void)
{
    const char *name = kh_contract_name("version");
    struct kh_error err = {0};

    kh_contract_put(name, 0, "zero", KH_PUT_NEW);
    kh_contract_put(name, 1, "one", KH_PUT_VERSION);
    KH_ASSERT_FAILS(put(name, 0, "other", KH_PUT_VERSION, &err), KH_EXISTS, err, name);
    KH_ASSERT_FAILS(put(name, 1, "other", KH_PUT_VERSION, &err), KH_EXISTS, err, name);
    CU_ASSERT_TRUE(latest_is(name, false, 1, "one"));
}

static void a_deleted_version_still_exists_for_a_put(void)
{
    const char *name = kh_contract_name("deleted");
    struct kh_error err = {0};

    kh_contract_put(name, 0, "zero", KH_PUT_NEW);
    KH_ASSERT_OK(
        kh_backend_remove(kh_contract_backend(), name, KH_ALL_VERSIONS, &err), err);
    KH_ASSERT_FAILS(put(name, 0, "again", KH_PUT_NEW, &err), KH_EXISTS, err, name);
    KH_ASSERT_FAILS(put(name, 0, "again", KH_PUT_VERSION, &err), KH_EXISTS, err, name);
    CU_ASSERT_TRUE(latest_is(name, true, 0, "zero"));
}

static void a_copy_may_come_in_any_order_and_with_gaps(void)
{
    const char *name = kh_contract_name("gaps");
    struct kh_error err = {0};
    struct kh_stat stat;

    kh_contract_put(name, 7, "seven", KH_PUT_VERSION);
    kh_contract_put(name, 2, "two", KH_PUT_VERSION);
    kh_contract_put(name, KH_VERSION_MAX, "last", KH_PUT_VERSION);
    CU_ASSERT_TRUE(latest_is(name, false, KH_VERSION_MAX, "last"));
    CU_ASSERT_EQUAL(kh_contract_get_status(name, 0, true), KH_NOT_FOUND);
    CU_ASSERT_EQUAL(kh_contract_get_status(name, 2, false), KH_OK);
    KH_ASSERT_OK(kh_backend_stat(kh_contract_backend(), name, 2, &stat, &err), err);
    CU_ASSERT_EQUAL(stat.versions, 3);
    CU_ASSERT_EQUAL(stat.highest, KH_VERSION_MAX);
}

static void a_deleted_version_can_be_copied_as_such(void)
{
    KH_CLEANUP_DEPOSIT struct kh_deposit d;
    struct kh_error err = {0};

    kh_contract_make(&d, kh_contract_name("copied"), 3, "gone", 4);
    d.state = KH_DELETED;
    KH_ASSERT_OK(kh_backend_put(kh_contract_backend(), &d, KH_PUT_VERSION, &err), err);
    CU_ASSERT_EQUAL(kh_contract_get_status(d.name, 3, false), KH_NOT_FOUND);
    CU_ASSERT_TRUE(kh_contract_holds(&d));
}

static void versions_keep_their_own_data_attributes_and_time(void)
{
    const char *name = kh_contract_name("own");

    for (uint32_t v = 0; v < 4; v++) {
        KH_CLEANUP_DEPOSIT struct kh_deposit d;
        struct kh_error err = {0};
        char text[32];

        snprintf(text, sizeof text, "version %u", (unsigned)v);
        kh_contract_make(&d, name, v, text, strlen(text));
        d.created += (int64_t)v * 60;
        KH_ASSERT_OK(kh_attrs_set(&d.attrs, "v", text, &err), err);
        KH_ASSERT_OK(kh_backend_put(kh_contract_backend(), &d,
                         v == 0 ? KH_PUT_NEW : KH_PUT_VERSION, &err),
            err);
        CU_ASSERT_TRUE(kh_contract_holds(&d));
    }
    CU_ASSERT_TRUE(latest_is(name, false, 3, "version 3"));
}

static void a_roll_takes_the_number_after_the_highest(void)
{
    KH_CLEANUP_DEPOSIT struct kh_deposit d;
    const char *name = kh_contract_name("roll");
    struct kh_error err = {0};

    kh_contract_put(name, 4, "four", KH_PUT_VERSION);
    kh_contract_make(&d, name, 0, "rolled", 6);
    KH_ASSERT_OK(kh_backend_roll(kh_contract_backend(), &d, &err), err);
    CU_ASSERT_EQUAL(d.version, 5);
    CU_ASSERT_TRUE(latest_is(name, false, 5, "rolled"));
    d.version = 0;
    snprintf(d.name, sizeof d.name, "%s", kh_contract_name("unrolled"));
    KH_ASSERT_FAILS(
        kh_backend_roll(kh_contract_backend(), &d, &err), KH_NOT_FOUND, err, d.name);
}

static void the_latest_is_the_highest_active_version(void)
{
    const char *name = kh_contract_name("latest");
    struct kh_backend *b = kh_contract_backend();
    struct kh_error err = {0};
    struct kh_stat stat;

    kh_contract_put(name, 0, "zero", KH_PUT_NEW);
    kh_contract_put(name, 1, "one", KH_PUT_VERSION);
    kh_contract_put(name, 2, "two", KH_PUT_VERSION);
    KH_ASSERT_OK(kh_backend_remove(b, name, 2, &err), err);
    CU_ASSERT_TRUE(latest_is(name, false, 1, "one"));
    CU_ASSERT_TRUE(latest_is(name, true, 1, "one"));
    KH_ASSERT_OK(kh_backend_stat(b, name, KH_LATEST, &stat, &err), err);
    CU_ASSERT_EQUAL(stat.version, 1);
    CU_ASSERT_EQUAL(stat.state, KH_ACTIVE);
    CU_ASSERT_EQUAL(stat.highest, 2);
    CU_ASSERT_EQUAL(stat.versions, 3);
}

static void the_latest_of_deleted_versions_is_the_highest_for_who_asks_for_deleted(void)
{
    const char *name = kh_contract_name("alldeleted");
    struct kh_backend *b = kh_contract_backend();
    struct kh_error err = {0};
    struct kh_stat stat;

    kh_contract_put(name, 0, "zero", KH_PUT_NEW);
    kh_contract_put(name, 1, "one", KH_PUT_VERSION);
    KH_ASSERT_OK(kh_backend_remove(b, name, KH_ALL_VERSIONS, &err), err);
    CU_ASSERT_EQUAL(kh_contract_get_status(name, KH_LATEST, false), KH_NOT_FOUND);
    CU_ASSERT_TRUE(latest_is(name, true, 1, "one"));
    KH_ASSERT_OK(kh_backend_stat(b, name, KH_LATEST, &stat, &err), err);
    CU_ASSERT_EQUAL(stat.version, 1);
    CU_ASSERT_EQUAL(stat.state, KH_DELETED);
}

static void the_stat_of_what_is_not_there_is_not_found_and_zero(void)
{
    const char *name = kh_contract_name("stat");
    struct kh_stat stat;
    struct kh_error err = {0};

    memset(&stat, 0xa5, sizeof stat);
    KH_ASSERT_FAILS(kh_backend_stat(kh_contract_backend(), name, KH_LATEST, &stat, &err),
        KH_NOT_FOUND, err, name);
    CU_ASSERT_TRUE(kh_contract_is_zero(&stat, sizeof stat));
    kh_contract_put(name, 0, "zero", KH_PUT_NEW);
    KH_ASSERT_FAILS(kh_backend_stat(kh_contract_backend(), name, 1, &stat, &err),
        KH_NOT_FOUND, err, name);
    CU_ASSERT_TRUE(kh_contract_is_zero(&stat, sizeof stat));
    KH_ASSERT_OK(kh_backend_stat(kh_contract_backend(), name, 0, &stat, &err), err);
    CU_ASSERT_STRING_EQUAL(stat.name, name);
    CU_ASSERT_EQUAL(stat.versions, 1);
    CU_ASSERT_TRUE(stat.created == 0 || stat.created == KH_CONTRACT_CREATED);
}

static void a_get_that_fails_gives_nothing(void)
{
    struct kh_deposit d;
    struct kh_error err = {0};

    memset(&d, 0xa5, sizeof d);
    KH_ASSERT_FAILS(kh_backend_get(kh_contract_backend(), kh_contract_name("none"),
                        KH_LATEST, false, &d, &err),
        KH_NOT_FOUND, err, "none");
    CU_ASSERT_TRUE(kh_contract_is_zero(&d, sizeof d));
}

struct kh_contract_group kh_contract_versions(void)
{
    static const struct kh_test tests[] = {
        {"a_second_deposit_of_one_name_exists_and_changes_nothing",
            a_second_deposit_of_one_name_exists_and_changes_nothing},
        {"a_version_that_is_there_exists_and_is_not_changed",
            a_version_that_is_there_exists_and_is_not_changed},
        {"a_deleted_version_still_exists_for_a_put",
            a_deleted_version_still_exists_for_a_put},
        {"a_copy_may_come_in_any_order_and_with_gaps",
            a_copy_may_come_in_any_order_and_with_gaps},
        {"a_deleted_version_can_be_copied_as_such",
            a_deleted_version_can_be_copied_as_such},
        {"versions_keep_their_own_data_attributes_and_time",
            versions_keep_their_own_data_attributes_and_time},
        {"a_roll_takes_the_number_after_the_highest",
            a_roll_takes_the_number_after_the_highest},
        {"the_latest_is_the_highest_active_version",
            the_latest_is_the_highest_active_version},
        {"the_latest_of_deleted_versions_is_the_highest_for_who_asks_for_deleted",
            the_latest_of_deleted_versions_is_the_highest_for_who_asks_for_deleted},
        {"the_stat_of_what_is_not_there_is_not_found_and_zero",
            the_stat_of_what_is_not_there_is_not_found_and_zero},
        {"a_get_that_fails_gives_nothing", a_get_that_fails_gives_nothing},
    };

    return (struct kh_contract_group){
        KH_CAP_READ | KH_CAP_WRITE | KH_CAP_LIST, tests, sizeof tests / sizeof tests[0]};
}
