#include "core/config_value.h"

#include "tests/lib/testlib.h"

#include <stdlib.h>
#include <string.h>

static struct kh_error err;

static struct kh_option option(kh_option_type type)
{
    return (struct kh_option){
        "x", type, NULL, 0, type == KH_OPT_ENUM ? "one|two|three" : NULL, "h"};
}

/* The number that TEXT gives, or -1 when it is refused. */
static int64_t number(kh_option_type type, const char *text)
{
    const struct kh_option o = option(type);
    int64_t n = 99;

    return kh_option_parse(&o, text, &n, &err) == KH_OK ? n : -1;
}

static void an_int_is_decimal_up_to_two_to_the_31(void)
{
    CU_ASSERT_EQUAL(number(KH_OPT_INT, "0"), 0);
    CU_ASSERT_EQUAL(number(KH_OPT_INT, "007"), 7);
    CU_ASSERT_EQUAL(number(KH_OPT_INT, "2147483647"), 2147483647);
    CU_ASSERT_EQUAL(number(KH_OPT_INT, "2147483648"), -1);
    CU_ASSERT_EQUAL(number(KH_OPT_INT, "99999999999999999999999999"), -1);
    CU_ASSERT_EQUAL(number(KH_OPT_INT, ""), -1);
    CU_ASSERT_EQUAL(number(KH_OPT_INT, "-1"), -1);
    CU_ASSERT_EQUAL(number(KH_OPT_INT, "+1"), -1);
    CU_ASSERT_EQUAL(number(KH_OPT_INT, "0x10"), -1);
    CU_ASSERT_EQUAL(number(KH_OPT_INT, "1 "), -1);
    CU_ASSERT_EQUAL(number(KH_OPT_INT, "1K"), -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "'1K' is not a number"));
}

static void a_size_has_a_suffix_and_does_not_overflow(void)
{
    CU_ASSERT_EQUAL(number(KH_OPT_SIZE, "12"), 12);
    CU_ASSERT_EQUAL(number(KH_OPT_SIZE, "64K"), 65536);
    CU_ASSERT_EQUAL(number(KH_OPT_SIZE, "1M"), 1048576);
    CU_ASSERT_EQUAL(number(KH_OPT_SIZE, "3G"), 3221225472);
    CU_ASSERT_EQUAL(number(KH_OPT_SIZE, "9223372036854775807"), INT64_MAX);
    CU_ASSERT_EQUAL(number(KH_OPT_SIZE, "9223372036854775808"), -1);
    CU_ASSERT_EQUAL(number(KH_OPT_SIZE, "8589934591G"), 8589934591 * 1073741824);
    CU_ASSERT_EQUAL(number(KH_OPT_SIZE, "8589934592G"), -1);
    CU_ASSERT_EQUAL(number(KH_OPT_SIZE, "1T"), -1);
    CU_ASSERT_EQUAL(number(KH_OPT_SIZE, "1k"), -1);
    CU_ASSERT_EQUAL(number(KH_OPT_SIZE, "1KB"), -1);
    CU_ASSERT_EQUAL(number(KH_OPT_SIZE, "K"), -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "K, M or G"));
}

static void a_duration_has_a_suffix_and_does_not_overflow(void)
{
    CU_ASSERT_EQUAL(number(KH_OPT_SECONDS, "90"), 90);
    CU_ASSERT_EQUAL(number(KH_OPT_SECONDS, "90s"), 90);
    CU_ASSERT_EQUAL(number(KH_OPT_SECONDS, "2m"), 120);
    CU_ASSERT_EQUAL(number(KH_OPT_SECONDS, "24h"), 86400);
    CU_ASSERT_EQUAL(number(KH_OPT_SECONDS, "24855d"), 24855LL * 86400);
    CU_ASSERT_EQUAL(number(KH_OPT_SECONDS, "24856d"), -1);
    CU_ASSERT_EQUAL(number(KH_OPT_SECONDS, "1w"), -1);
    CU_ASSERT_EQUAL(number(KH_OPT_SECONDS, "1.5"), -1);
}

static void a_bool_is_one_of_eight_words(void)
{
    CU_ASSERT_EQUAL(number(KH_OPT_BOOL, "yes"), 1);
    CU_ASSERT_EQUAL(number(KH_OPT_BOOL, "true"), 1);
    CU_ASSERT_EQUAL(number(KH_OPT_BOOL, "on"), 1);
    CU_ASSERT_EQUAL(number(KH_OPT_BOOL, "1"), 1);
    CU_ASSERT_EQUAL(number(KH_OPT_BOOL, "no"), 0);
    CU_ASSERT_EQUAL(number(KH_OPT_BOOL, "false"), 0);
    CU_ASSERT_EQUAL(number(KH_OPT_BOOL, "off"), 0);
    CU_ASSERT_EQUAL(number(KH_OPT_BOOL, "0"), 0);
    CU_ASSERT_EQUAL(number(KH_OPT_BOOL, "2"), -1);
    CU_ASSERT_EQUAL(number(KH_OPT_BOOL, "Yes"), -1);
    CU_ASSERT_EQUAL(number(KH_OPT_BOOL, ""), -1);
}

static void an_enum_is_one_of_its_values_whole(void)
{
    CU_ASSERT_EQUAL(number(KH_OPT_ENUM, "one"), 0);
    CU_ASSERT_EQUAL(number(KH_OPT_ENUM, "three"), 0);
    CU_ASSERT_EQUAL(number(KH_OPT_ENUM, "thre"), -1);
    CU_ASSERT_EQUAL(number(KH_OPT_ENUM, "one|two"), -1);
    CU_ASSERT_EQUAL(number(KH_OPT_ENUM, ""), -1);
    CU_ASSERT_EQUAL(number(KH_OPT_ENUM, "four"), -1);
    CU_ASSERT_STRING_EQUAL(err.message, "'four' is not one of one|two|three");
}

static void a_path_is_absolute(void)
{
    CU_ASSERT_EQUAL(number(KH_OPT_PATH, "/a/b"), 0);
    CU_ASSERT_EQUAL(number(KH_OPT_PATH, ""), -1);
    CU_ASSERT_EQUAL(number(KH_OPT_PATH, "a/b"), -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "'a/b' is not an absolute path"));
}

static void a_text_has_a_limit_and_is_utf8(void)
{
    char text[KH_OPTION_TEXT_MAX + 2];

    memset(text, 'a', sizeof text);
    text[KH_OPTION_TEXT_MAX] = '\0';
    CU_ASSERT_EQUAL(number(KH_OPT_STRING, text), 0);
    text[KH_OPTION_TEXT_MAX] = 'a';
    text[KH_OPTION_TEXT_MAX + 1] = '\0';
    CU_ASSERT_EQUAL(number(KH_OPT_STRING, text), -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "longer than 1024"));
    CU_ASSERT_EQUAL(number(KH_OPT_STRING, ""), 0);
    CU_ASSERT_EQUAL(number(KH_OPT_STRING, "gr\xc3\xbc\xc3\x9f"), 0);
    CU_ASSERT_EQUAL(number(KH_OPT_STRING, "\xff"), -1);
}

static void a_secret_in_place_of_its_source_is_refused_and_not_repeated(void)
{
    struct kh_option o = option(KH_OPT_STRING);

    o.flags = KH_OPT_SECRET;
    KH_ASSERT_OK(kh_option_parse(&o, "file:/etc/keyhsm/pin", NULL, &err), err);
    KH_ASSERT_FAILS(
        kh_option_parse(&o, "hunter2", NULL, &err), KH_INVALID, err, "file:/");
    CU_ASSERT_PTR_NULL(strstr(err.message, "hunter2"));
}

static void the_nearest_option_is_found_and_a_far_one_is_not(void)
{
    const struct kh_option options[] = {
        {"max_body", KH_OPT_INT, NULL, 0, NULL, "h"},
        {"port", KH_OPT_INT, NULL, 0, NULL, "h"},
        {"workers", KH_OPT_INT, NULL, 0, NULL, "h"},
    };

    CU_ASSERT_STRING_EQUAL(kh_option_nearest(options, 3, "prot"), "port");
    CU_ASSERT_STRING_EQUAL(kh_option_nearest(options, 3, "Port"), "port");
    CU_ASSERT_STRING_EQUAL(kh_option_nearest(options, 3, "max-body"), "max_body");
    CU_ASSERT_STRING_EQUAL(kh_option_nearest(options, 3, "worker"), "workers");
    CU_ASSERT_PTR_NULL(kh_option_nearest(options, 3, "certificate"));
    CU_ASSERT_PTR_NULL(kh_option_nearest(options, 0, "port"));
    CU_ASSERT_PTR_EQUAL(kh_option_find(options, 3, "port"), &options[1]);
    CU_ASSERT_PTR_NULL(kh_option_find(options, 3, "por"));
}

static void the_distance_counts_edits(void)
{
    char far[100];

    memset(far, 'x', sizeof far);
    far[99] = '\0';
    CU_ASSERT_EQUAL(kh_text_distance("", ""), 0);
    CU_ASSERT_EQUAL(kh_text_distance("abc", ""), 3);
    CU_ASSERT_EQUAL(kh_text_distance("kitten", "sitting"), 3);
    CU_ASSERT_EQUAL(kh_text_distance("port", "prot"), 2);
    CU_ASSERT_EQUAL(kh_text_distance("port", far), KH_DISTANCE_FAR);
    CU_ASSERT_EQUAL(kh_text_distance(far, "port"), KH_DISTANCE_FAR);
}

static void refuse_table(struct kh_option o, const char *word)
{
    KH_ASSERT_FAILS(kh_option_table_check(&o, 1, &err), KH_INVALID, err, word);
}

static void a_wrong_table_is_refused(void)
{
    const struct kh_option twice[] = {
        {"a", KH_OPT_INT, "1", 0, NULL, "h"}, {"a", KH_OPT_INT, "1", 0, NULL, "h"}};

    KH_ASSERT_OK(kh_option_table_check(NULL, 0, &err), err);
    KH_ASSERT_OK(kh_option_table_check(twice, 1, &err), err);
    KH_ASSERT_FAILS(kh_option_table_check(NULL, 1, &err), KH_INVALID, err, "no table");
    KH_ASSERT_FAILS(
        kh_option_table_check(twice, 2, &err), KH_INVALID, err, "declared twice");
    refuse_table((struct kh_option){NULL, KH_OPT_INT, NULL, 0, NULL, "h"}, "a name has");
    refuse_table((struct kh_option){"", KH_OPT_INT, NULL, 0, NULL, "h"}, "a name has");
    refuse_table(
        (struct kh_option){"Port", KH_OPT_INT, NULL, 0, NULL, "h"}, "a name has");
    refuse_table((struct kh_option){"a", KH_OPT_INT, NULL, 0, NULL, NULL}, "no help");
    refuse_table(
        (struct kh_option){"a", (kh_option_type)77, NULL, 0, NULL, "h"}, "type 77");
    refuse_table((struct kh_option){"a", KH_OPT_ENUM, NULL, 0, NULL, "h"}, "values");
    refuse_table((struct kh_option){"a", KH_OPT_INT, NULL, 0, "a|b", "h"}, "values");
    refuse_table(
        (struct kh_option){"a", KH_OPT_INT, "ten", 0, NULL, "h"}, "its default: 'ten'");
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"an_int_is_decimal_up_to_two_to_the_31", an_int_is_decimal_up_to_two_to_the_31},
        {"a_size_has_a_suffix_and_does_not_overflow",
            a_size_has_a_suffix_and_does_not_overflow},
        {"a_duration_has_a_suffix_and_does_not_overflow",
            a_duration_has_a_suffix_and_does_not_overflow},
        {"a_bool_is_one_of_eight_words", a_bool_is_one_of_eight_words},
        {"an_enum_is_one_of_its_values_whole", an_enum_is_one_of_its_values_whole},
        {"a_path_is_absolute", a_path_is_absolute},
        {"a_text_has_a_limit_and_is_utf8", a_text_has_a_limit_and_is_utf8},
        {"a_secret_in_place_of_its_source_is_refused_and_not_repeated",
            a_secret_in_place_of_its_source_is_refused_and_not_repeated},
        {"the_nearest_option_is_found_and_a_far_one_is_not",
            the_nearest_option_is_found_and_a_far_one_is_not},
        {"the_distance_counts_edits", the_distance_counts_edits},
        {"a_wrong_table_is_refused", a_wrong_table_is_refused},
    };

    return kh_test_main("core/config_value", tests, sizeof tests / sizeof tests[0]);
}
