/* Names of the AES keys of the token scheme. */
#include "server/kms/wrap_name.h"

#include "core/name.h"
#include "server/internal_name.h"
#include "tests/lib/testlib.h"

#include <string.h>

static const unsigned char id[KH_KMS_WRAP_ID] = {
    1, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef};

/* A name of LEN bytes. */
static const char *long_name(size_t len, char last)
{
    static char names[2][KH_NAME_MAX + 1];
    static unsigned next;
    char *name = names[next++ % 2];

    memset(name, 'n', len);
    name[len - 1] = last;
    name[len] = '\0';
    return name;
}

static void a_name_tells_whose_key_it_is(void)
{
    char wrap[KH_NAME_MAX + 1];

    kh_kms_wrap_name("finance", id, wrap);
    CU_ASSERT_STRING_EQUAL(wrap, "kt-internal.eek.finance.0123456789abcdef");
    CU_ASSERT_TRUE(kh_name_internal(wrap));
    CU_ASSERT_TRUE(kh_kms_wrap_fits(wrap, "finance"));
    CU_ASSERT_FALSE(kh_kms_wrap_fits(wrap, "financ"));
    CU_ASSERT_FALSE(kh_kms_wrap_fits(wrap, "finance2"));
    CU_ASSERT_FALSE(kh_kms_wrap_fits(wrap, "finance.0123456789abcdef"));
}

/* 'a' and 'a.b' stand beside each other in a listing. */
static void names_with_dots_are_not_taken_for_each_other(void)
{
    char wrap[KH_NAME_MAX + 1];

    kh_kms_wrap_name("a.0123456789abcdef", id, wrap);
    CU_ASSERT_TRUE(kh_kms_wrap_fits(wrap, "a.0123456789abcdef"));
    CU_ASSERT_FALSE(kh_kms_wrap_fits(wrap, "a"));
    kh_kms_wrap_name("a", id, wrap);
    CU_ASSERT_TRUE(kh_kms_wrap_fits(wrap, "a"));
    CU_ASSERT_FALSE(kh_kms_wrap_fits(wrap, "a.0123456789abcdef"));
}

static void what_is_no_such_name_fits_nothing(void)
{
    static const char *const wrong[] = {"", "finance", "kt-internal.eek.finance.",
        "kt-internal.eek.finance.0123456789abcde",
        "kt-internal.eek.finance.0123456789abcdeg",
        "kt-internal.eek.finance.0123456789ABCDEF",
        "kt-internal.eek.finance.0123456789abcdef0",
        "kt-internal.kek.finance.0123456789abcdef", "eek.finance.0123456789abcdef"};

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        CU_ASSERT_FALSE(kh_kms_wrap_fits(wrong[i], "finance"));
}

static void every_key_has_a_legal_name_of_its_own(void)
{
    char wrap[KH_NAME_MAX + 1];
    char other[KH_NAME_MAX + 1];
    struct kh_error err = {0};

    for (size_t len = 1; len <= KH_NAME_MAX; len++) {
        const char *name = long_name(len, 'a');
        const char *neighbour = long_name(len, 'b');

        kh_kms_wrap_name(name, id, wrap);
        KH_ASSERT_OK(kh_name_check(wrap, &err), err);
        CU_ASSERT_TRUE(kh_kms_wrap_fits(wrap, name));
        CU_ASSERT_FALSE(kh_kms_wrap_fits(wrap, neighbour));
        kh_kms_wrap_name(neighbour, id, other);
        CU_ASSERT_STRING_NOT_EQUAL(wrap, other);
    }
}

/* The short form of a long name is no other name's. */
static void a_long_name_is_there_as_its_beginning_and_digest(void)
{
    char wrap[KH_NAME_MAX + 1];
    char as_name[KH_NAME_MAX + 1];
    const char *name = long_name(KH_NAME_MAX, 'a');
    size_t prefix = strlen(KH_INTERNAL "eek.");

    kh_kms_wrap_name(name, id, wrap);
    CU_ASSERT_EQUAL(strlen(wrap), KH_NAME_MAX);
    (void)snprintf(as_name, sizeof as_name, "%.*s",
        (int)(strlen(wrap) - prefix - 1 - 2 * sizeof id), wrap + prefix);
    CU_ASSERT_FALSE(kh_kms_wrap_fits(wrap, as_name));
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"a name tells whose key it is", a_name_tells_whose_key_it_is},
        {"names with dots are not taken for each other",
            names_with_dots_are_not_taken_for_each_other},
        {"what is no such name fits nothing", what_is_no_such_name_fits_nothing},
        {"every key has a legal name of its own", every_key_has_a_legal_name_of_its_own},
        {"a long name is there as its beginning and digest",
            a_long_name_is_there_as_its_beginning_and_digest},
    };

    return kh_test_main("kms names of AES keys", tests, sizeof tests / sizeof tests[0]);
}
