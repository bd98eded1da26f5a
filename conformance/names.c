/* Names: the rule of DESIGN 5, and what a legacy store may hold beyond it. */
#include "conformance/contract.h"

static const char *const wild[] = {"-dash", ".hidden", "with space", "a/b", "../up", "..",
    ".", "per%cent", "new\nline", "\xc3\xa4\xc3\xb6\xc3\xbc", "a%2Fb", "quote\"'", "_"};

static kh_status put_named(const char *name, struct kh_error *err)
{
    KH_CLEANUP_DEPOSIT struct kh_deposit d;

    kh_contract_make(&d, name, 0, "x", 1);
    return kh_backend_put(kh_contract_backend(), &d, KH_PUT_NEW, err);
}

static void purge_named(const char *name)
{
    struct kh_error err = {0};

    KH_ASSERT_OK(
        kh_backend_purge(kh_contract_backend(), name, KH_ALL_VERSIONS, &err), err);
}

static void a_name_of_one_byte_is_stored(void)
{
    KH_CLEANUP_DEPOSIT struct kh_deposit d;
    struct kh_error err = {0};

    kh_contract_make(&d, "7", 0, "one", 3);
    KH_ASSERT_OK(kh_backend_put(kh_contract_backend(), &d, KH_PUT_NEW, &err), err);
    CU_ASSERT_TRUE(kh_contract_holds(&d));
    purge_named("7");
}

static void a_name_of_255_bytes_is_stored(void)
{
    KH_CLEANUP_DEPOSIT struct kh_deposit d;
    char name[KH_NAME_MAX + 1];
    struct kh_error err = {0};
    size_t used;

    used = (size_t)snprintf(name, sizeof name, "%s", kh_contract_name("long-"));
    memset(name + used, 'z', KH_NAME_MAX - used);
    name[KH_NAME_MAX] = '\0';
    kh_contract_make(&d, name, 0, "long", 4);
    KH_ASSERT_OK(kh_backend_put(kh_contract_backend(), &d, KH_PUT_NEW, &err), err);
    CU_ASSERT_TRUE(kh_contract_holds(&d));
}

static void a_name_of_256_bytes_is_invalid(void)
{
    KH_CLEANUP_DEPOSIT struct kh_deposit d = {0};
    char name[KH_NAME_MAX + 2];
    struct kh_error err = {0};
    struct kh_stat stat;

    memset(name, 'a', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    KH_ASSERT_FAILS(kh_backend_get(kh_contract_backend(), name, 0, false, &d, &err),
        KH_INVALID, err, "255");
    KH_ASSERT_FAILS(kh_backend_stat(kh_contract_backend(), name, 0, &stat, &err),
        KH_INVALID, err, "255");
    KH_ASSERT_FAILS(
        kh_backend_purge(kh_contract_backend(), name, 0, &err), KH_INVALID, err, "255");
}

static void an_empty_name_is_invalid(void)
{
    struct kh_error err = {0};

    KH_ASSERT_FAILS(put_named("", &err), KH_INVALID, err, "empty");
}

static void every_letter_of_the_rule_may_be_in_a_name(void)
{
    KH_CLEANUP_DEPOSIT struct kh_deposit d;
    struct kh_error err = {0};
    char name[KH_NAME_MAX + 1];

    snprintf(name, sizeof name, "%s",
        kh_contract_name(
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._"));
    kh_contract_make(&d, name, 0, "x", 1);
    KH_ASSERT_OK(kh_backend_put(kh_contract_backend(), &d, KH_PUT_NEW, &err), err);
    CU_ASSERT_TRUE(kh_contract_holds(&d));
}

static void names_differ_by_case(void)
{
    char lower[KH_NAME_MAX + 1];
    char upper[KH_NAME_MAX + 1];
    KH_CLEANUP_DEPOSIT struct kh_deposit a;
    KH_CLEANUP_DEPOSIT struct kh_deposit b;
    struct kh_error err = {0};

    snprintf(lower, sizeof lower, "%s", kh_contract_name("case"));
    snprintf(upper, sizeof upper, "%s", lower);
    upper[strlen(upper) - 1] = 'E';
    kh_contract_make(&a, lower, 0, "lower", 5);
    kh_contract_make(&b, upper, 0, "upper", 5);
    KH_ASSERT_OK(kh_backend_put(kh_contract_backend(), &a, KH_PUT_NEW, &err), err);
    KH_ASSERT_OK(kh_backend_put(kh_contract_backend(), &b, KH_PUT_NEW, &err), err);
    CU_ASSERT_TRUE(kh_contract_holds(&a));
    CU_ASSERT_TRUE(kh_contract_holds(&b));
}

/* A store without KH_CAP_LEGACY_NAMES refuses each of them, one with it gives each of
 * them back. */
static void names_that_break_the_rule_are_refused_or_kept_exactly(void)
{
    for (size_t i = 0; i < sizeof wild / sizeof wild[0]; i++) {
        KH_CLEANUP_DEPOSIT struct kh_deposit d;
        struct kh_error err = {0};

        kh_contract_make(&d, wild[i], 0, wild[i], strlen(wild[i]));
        if (!kh_contract_has(KH_CAP_LEGACY_NAMES)) {
            KH_ASSERT_FAILS(kh_backend_put(kh_contract_backend(), &d, KH_PUT_NEW, &err),
                KH_INVALID, err, "");
            CU_ASSERT_EQUAL(
                kh_contract_get_status(wild[i], KH_LATEST, true), KH_NOT_FOUND);
            continue;
        }
        KH_ASSERT_OK(kh_backend_put(kh_contract_backend(), &d, KH_PUT_NEW, &err), err);
        CU_ASSERT_TRUE(kh_contract_holds(&d));
    }
    for (size_t i = 0;
         kh_contract_has(KH_CAP_LEGACY_NAMES) && i < sizeof wild / sizeof wild[0]; i++)
        purge_named(wild[i]);
}

static void a_name_nobody_stored_is_not_found(void)
{
    KH_CLEANUP_DEPOSIT struct kh_deposit d = {0};
    const char *name = kh_contract_name("nobody");
    struct kh_error err = {0};

    KH_ASSERT_FAILS(
        kh_backend_get(kh_contract_backend(), name, KH_LATEST, true, &d, &err),
        KH_NOT_FOUND, err, name);
}

struct kh_contract_group kh_contract_names(void)
{
    static const struct kh_test tests[] = {
        {"a_name_of_one_byte_is_stored", a_name_of_one_byte_is_stored},
        {"a_name_of_255_bytes_is_stored", a_name_of_255_bytes_is_stored},
        {"a_name_of_256_bytes_is_invalid", a_name_of_256_bytes_is_invalid},
        {"an_empty_name_is_invalid", an_empty_name_is_invalid},
        {"every_letter_of_the_rule_may_be_in_a_name",
            every_letter_of_the_rule_may_be_in_a_name},
        {"names_differ_by_case", names_differ_by_case},
        {"names_that_break_the_rule_are_refused_or_kept_exactly",
            names_that_break_the_rule_are_refused_or_kept_exactly},
        {"a_name_nobody_stored_is_not_found", a_name_nobody_stored_is_not_found},
    };

    return (struct kh_contract_group){
        KH_CAP_READ | KH_CAP_WRITE | KH_CAP_LIST, tests, sizeof tests / sizeof tests[0]};
}
