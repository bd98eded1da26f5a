#include "core/name.h"
#include "tests/lib/testlib.h"

#include <string.h>

static struct kh_error err;

static void names_of_the_rule_pass(void)
{
    static const char *const good[] = {
        "a", "Z", "0", "key-1", "a.b_c-d", "9.", "TEST_HELLO_DEPOSIT"};
    char longest[KH_NAME_MAX + 1];

    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        KH_ASSERT_OK(kh_name_check(good[i], &err), err);
    memset(longest, 'n', KH_NAME_MAX);
    longest[KH_NAME_MAX] = '\0';
    KH_ASSERT_OK(kh_name_check(longest, &err), err);
}

static void each_broken_part_of_the_rule_is_named(void)
{
    static const struct {
        const char *name;
        const char *word;
    } bad[] = {
        {"", "empty"},
        {"-a", "starts with '-'"},
        {".a", "starts with '.'"},
        {"_a", "starts with '_'"},
        {"a b", "byte 2 of the name is 0x20"},
        {"a/b", "byte 2 of the name is '/'"},
        {"key:1", "byte 4 of the name is ':'"},
        {"caf\xc3\xa9", "byte 4 of the name is 0xC3"},
        {"a\n", "byte 2 of the name is 0x0A"},
        {"\xc3\xa9", "starts with 0xC3"},
    };
    char longer[KH_NAME_MAX + 2];

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        KH_ASSERT_FAILS(kh_name_check(bad[i].name, &err), KH_INVALID, err, bad[i].word);
    memset(longer, 'n', KH_NAME_MAX + 1);
    longer[KH_NAME_MAX + 1] = '\0';
    KH_ASSERT_FAILS(kh_name_check(longer, &err), KH_INVALID, err, "256 bytes");
}

static void escaping_prints_any_name(void)
{
    char out[KH_NAME_ESCAPED_MAX];
    char tiny[5];

    CU_ASSERT_STRING_EQUAL(kh_name_escape("key-1", out, sizeof out), "key-1");
    CU_ASSERT_STRING_EQUAL(kh_name_escape("a/b %\n", out, sizeof out), "a%2Fb%20%25%0A");
    CU_ASSERT_STRING_EQUAL(kh_name_escape("\xc3\xa9", out, sizeof out), "%C3%A9");
    CU_ASSERT_STRING_EQUAL(kh_name_escape("ab/", tiny, sizeof tiny), "ab");
}

static void suggestions_conform_and_differ_by_serial(void)
{
    static const char *const bad[] = {
        "", "-", "a b", "/etc/passwd", "caf\xc3\xa9", ".", "\xff\xfe"};
    char out[KH_NAME_MAX + 1];
    char other[KH_NAME_MAX + 1];
    char longest[KH_NAME_MAX + 1];

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        kh_name_suggest(bad[i], 0, out);
        KH_ASSERT_OK(kh_name_check(out, &err), err);
        kh_name_suggest(bad[i], 7, other);
        KH_ASSERT_OK(kh_name_check(other, &err), err);
        CU_ASSERT_STRING_NOT_EQUAL(out, other);
    }
    kh_name_suggest("caf\xc3\xa9 au lait", 0, out);
    CU_ASSERT_STRING_EQUAL(out, "caf__au_lait");
    memset(longest, '/', KH_NAME_MAX);
    longest[KH_NAME_MAX] = '\0';
    kh_name_suggest(longest, 4294967295U, out);
    KH_ASSERT_OK(kh_name_check(out, &err), err);
    CU_ASSERT_EQUAL(strlen(out), KH_NAME_MAX);
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"names_of_the_rule_pass", names_of_the_rule_pass},
        {"each_broken_part_of_the_rule_is_named", each_broken_part_of_the_rule_is_named},
        {"escaping_prints_any_name", escaping_prints_any_name},
        {"suggestions_conform_and_differ_by_serial",
            suggestions_conform_and_differ_by_serial},
    };

    return kh_test_main("name", tests, sizeof tests / sizeof tests[0]);
}
