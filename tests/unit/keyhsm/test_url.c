/* The address of keyhsmd and the paths below it. */
#include "plugins/keyhsm/url.h"

#include "tests/lib/testlib.h"

#include <string.h>

static void addresses_are_host_and_port(void)
{
    static const char *const good[] = {"https://localhost", "https://localhost:9090",
        "https://keyhsm01.example.com:9090/", "https://[::1]:9090",
        "https://127.0.0.1:1"};
    static const char *const bad[] = {"", "localhost:9090", "http://localhost:9090",
        "HTTPS//x", "https://", "https://h:99999", "https://h:1/v1", "https://h:1//",
        "https://h:1?x=1", "https://h:1#x", "https://u@h:1", "https://u:p@h:1",
        "https://h:1/a/b", "ftp://h"};

    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct kh_error err = {0};

        KH_ASSERT_OK(kh_url_check(good[i], &err), err);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct kh_error err = {0};

        KH_ASSERT_FAILS(kh_url_check(bad[i], &err), KH_INVALID, err, "server");
        CU_ASSERT_PTR_NULL(strstr(err.message, "u:p"));
    }
}

static void names_are_escaped_and_come_back(void)
{
    static const char *const pairs[][2] = {{"a-b.c_d9Z", "a-b.c_d9Z"}, {"a b", "a%20b"},
        {"a/b", "a%2Fb"}, {"100%", "100%25"}, {"\xff", "%FF"}, {"\xc3\xbc~", "%C3%BC%7E"},
        {"a?b&c=d#e", "a%3Fb%26c%3Dd%23e"}};
    char text[3 * KH_NAME_MAX + 1];
    char name[KH_NAME_MAX + 1];

    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        CU_ASSERT_STRING_EQUAL(kh_url_escape(pairs[i][0], text), pairs[i][1]);
        CU_ASSERT_TRUE(kh_url_unescape(text, name));
        CU_ASSERT_STRING_EQUAL(name, pairs[i][0]);
    }
    memset(name, 0xfe, KH_NAME_MAX);
    name[KH_NAME_MAX] = '\0';
    CU_ASSERT_EQUAL(strlen(kh_url_escape(name, text)), 3 * KH_NAME_MAX);
    CU_ASSERT_TRUE(kh_url_unescape(text, name));
    CU_ASSERT_EQUAL(strlen(name), KH_NAME_MAX);
}

static void text_that_no_name_is_written_as_is_refused(void)
{
    static const char *const bad[] = {
        "", "%", "%2", "%zz", "%00", "a b", "a/b", "%2f", "\xff", "a%"};
    char longest[KH_NAME_MAX + 2];
    char name[KH_NAME_MAX + 1];

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CU_ASSERT_FALSE(kh_url_unescape(bad[i], name));
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    CU_ASSERT_FALSE(kh_url_unescape(longest, name));
    longest[KH_NAME_MAX] = '\0';
    CU_ASSERT_TRUE(kh_url_unescape(longest, name));
}

static void path_is(const struct kh_path *path, const char *want)
{
    char text[KH_PATH_SIZE];
    struct kh_error err = {0};

    KH_ASSERT_OK(kh_url_path(text, path, &err), err);
    CU_ASSERT_STRING_EQUAL(text, want);
}

static void paths_carry_what_is_asked_for(void)
{
    struct kh_path path = {.name = "a b", .below = "", .version = KH_LATEST};

    path_is(&path, "/v1/deposits/a%20b");
    path.version = KH_ALL_VERSIONS;
    path.below = "/purge";
    path_is(&path, "/v1/deposits/a%20b/purge");
    path.version = 0;
    path.deleted = true;
    path_is(&path, "/v1/deposits/a%20b/purge?version=0&deleted=yes");
    path.version = KH_LATEST;
    path_is(&path, "/v1/deposits/a%20b/purge?deleted=yes");
    path = (struct kh_path){
        .name = "n", .below = "", .version = KH_VERSION_MAX, .new_deposit = true};
    path_is(&path, "/v1/deposits/n?version=2147483647&new=yes");
}

static void the_longest_path_fits(void)
{
    char name[KH_NAME_MAX + 1];
    char text[KH_PATH_SIZE];
    struct kh_path path = {.name = name,
        .below = "/fingerprint",
        .version = KH_VERSION_MAX,
        .deleted = true,
        .new_deposit = true};
    struct kh_error err = {0};

    memset(name, ' ', KH_NAME_MAX);
    name[KH_NAME_MAX] = '\0';
    KH_ASSERT_OK(kh_url_path(text, &path, &err), err);
    CU_ASSERT_TRUE(strlen(text) > 3 * KH_NAME_MAX);
    CU_ASSERT_STRING_EQUAL(text + strlen(text) - strlen("&new=yes"), "&new=yes");
}

static void names_that_the_api_cannot_carry_are_not_found(void)
{
    static const char *const bad[] = {"a/b", ".", "..", "/", "\xff", "x\xc3"};
    char text[KH_PATH_SIZE];

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct kh_path path = {.name = bad[i], .below = "", .version = 0};
        struct kh_error err = {0};

        KH_ASSERT_FAILS(
            kh_url_path(text, &path, &err), KH_NOT_FOUND, err, "no such name");
    }
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"addresses_are_host_and_port", addresses_are_host_and_port},
        {"names_are_escaped_and_come_back", names_are_escaped_and_come_back},
        {"text_that_no_name_is_written_as_is_refused",
            text_that_no_name_is_written_as_is_refused},
        {"paths_carry_what_is_asked_for", paths_carry_what_is_asked_for},
        {"the_longest_path_fits", the_longest_path_fits},
        {"names_that_the_api_cannot_carry_are_not_found",
            names_that_the_api_cannot_carry_are_not_found},
    };

    return kh_test_main("keyhsm url", tests, sizeof tests / sizeof tests[0]);
}
