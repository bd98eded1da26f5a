#include "server/strict.h"

#include "tests/lib/testlib.h"

#include <string.h>

#define HOST                                                                             \
    {                                                                                    \
        "Host", "localhost:9090"                                                         \
    }

static struct kh_header many[KH_STRICT_HEADERS + 1];

/* Status of a head with the given headers. */
static int check(
    const char *target, bool body, const struct kh_header *headers, size_t count)
{
    const struct kh_head head = {target, body, headers, count};
    const char *why = "unset";
    int status = kh_strict_check(&head, &why);

    if (status == 0)
        CU_ASSERT_PTR_NULL(why);
    if (status != 0)
        CU_ASSERT(why && *why && strcmp(why, "unset") != 0);
    return status;
}

#define CHECK(body, ...)                                                                 \
    check("/x", body, (const struct kh_header[]){__VA_ARGS__},                           \
        sizeof((const struct kh_header[]){__VA_ARGS__}) / sizeof(struct kh_header))

static void a_plain_request_passes(void)
{
    CU_ASSERT_EQUAL(CHECK(false, HOST, {"Accept", "*/*"}), 0);
    CU_ASSERT_EQUAL(CHECK(true, HOST, {"Content-Length", "12"}), 0);
    CU_ASSERT_EQUAL(CHECK(false, HOST, {"content-length", "0"}), 0);
    CU_ASSERT_EQUAL(CHECK(false, {"hOST", "h"}, {"X-Tab", "a\tb"}), 0);
}

static void exactly_one_host_is_needed(void)
{
    CU_ASSERT_EQUAL(CHECK(false, {"Accept", "*/*"}), 400);
    CU_ASSERT_EQUAL(CHECK(false, HOST, HOST), 400);
    CU_ASSERT_EQUAL(CHECK(false, {"Host", ""}), 400);
    CU_ASSERT_EQUAL(CHECK(false, {"Host", "a b"}), 400);
}

static void two_lengths_are_refused_even_when_equal(void)
{
    CU_ASSERT_EQUAL(
        CHECK(true, HOST, {"Content-Length", "5"}, {"Content-Length", "5"}), 400);
    CU_ASSERT_EQUAL(
        CHECK(true, HOST, {"Content-Length", "5"}, {"content-length", "6"}), 400);
}

static void a_length_is_digits_only(void)
{
    static const char *const bad[] = {
        "+5", "-5", " 5", "5 ", "5, 5", "0x5", "", "5.0", "1e3", "1234567890123456"};

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CU_ASSERT_EQUAL(CHECK(true, HOST, {"Content-Length", bad[i]}), 400);
    CU_ASSERT_EQUAL(CHECK(true, HOST, {"Content-Length", "123456789012345"}), 0);
}

static void transfer_encoding_is_refused(void)
{
    CU_ASSERT_EQUAL(CHECK(true, HOST, {"Transfer-Encoding", "chunked"}), 411);
    CU_ASSERT_EQUAL(CHECK(true, HOST, {"Transfer-Encoding", "gzip, chunked"}), 411);
    CU_ASSERT_EQUAL(
        CHECK(true, HOST, {"Transfer-Encoding", "chunked"}, {"Content-Length", "5"}),
        400);
}

static void a_body_where_the_method_has_none_is_refused(void)
{
    CU_ASSERT_EQUAL(CHECK(false, HOST, {"Content-Length", "5"}), 400);
    CU_ASSERT_EQUAL(CHECK(false, HOST, {"Content-Length", "00"}), 0);
}

static void an_encoded_body_is_unsupported(void)
{
    CU_ASSERT_EQUAL(
        CHECK(true, HOST, {"Content-Length", "5"}, {"Content-Encoding", "gzip"}), 415);
}

static void header_names_are_tokens(void)
{
    static const char *const bad[] = {
        "", "X ", " X", "X Y", "X:Y", "X\tY", "X\"", "N\x80me"};

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CU_ASSERT_EQUAL(CHECK(false, HOST, {bad[i], "v"}), 400);
}

static void header_values_have_no_controls(void)
{
    CU_ASSERT_EQUAL(CHECK(false, HOST, {"X", "a\nb"}), 400);
    CU_ASSERT_EQUAL(CHECK(false, HOST, {"X", "a\rb"}), 400);
    CU_ASSERT_EQUAL(CHECK(false, HOST, {"X", "a\x01"}), 400);
    CU_ASSERT_EQUAL(CHECK(false, HOST, {"X", "a\x7f"}), 400);
}

static void targets_are_paths_of_visible_ascii(void)
{
    static const struct kh_header host[] = {HOST};
    char long_target[KH_STRICT_TARGET + 2];

    CU_ASSERT_EQUAL(check("/", false, host, 1), 0);
    CU_ASSERT_EQUAL(check("/a?b=%20", false, host, 1), 0);
    CU_ASSERT_EQUAL(check("", false, host, 1), 400);
    CU_ASSERT_EQUAL(check("*", false, host, 1), 400);
    CU_ASSERT_EQUAL(check("https://h/a", false, host, 1), 400);
    CU_ASSERT_EQUAL(check("/a#b", false, host, 1), 400);
    CU_ASSERT_EQUAL(check("/a b", false, host, 1), 400);
    CU_ASSERT_EQUAL(check("/\xc3\xa4", false, host, 1), 400);
    memset(long_target, 'a', sizeof long_target - 1);
    long_target[0] = '/';
    long_target[KH_STRICT_TARGET + 1] = '\0';
    CU_ASSERT_EQUAL(check(long_target, false, host, 1), 414);
    long_target[KH_STRICT_TARGET] = '\0';
    CU_ASSERT_EQUAL(check(long_target, false, host, 1), 0);
}

static void too_many_headers_are_refused(void)
{
    for (size_t i = 0; i <= KH_STRICT_HEADERS; i++)
        many[i] = (struct kh_header){i ? "X" : "Host", "h"};
    CU_ASSERT_EQUAL(check("/", false, many, KH_STRICT_HEADERS), 0);
    CU_ASSERT_EQUAL(check("/", false, many, KH_STRICT_HEADERS + 1), 431);
}

static void headers_are_found_in_any_case(void)
{
    static const struct kh_header headers[] = {{"Content-Type", "a"}, {"Accept", "b"}};
    const struct kh_head head = {"/", false, headers, 2};

    CU_ASSERT_STRING_EQUAL(kh_head_get(&head, "ACCEPT"), "b");
    CU_ASSERT_PTR_NULL(kh_head_get(&head, "Accep"));
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"a plain request passes", a_plain_request_passes},
        {"exactly one Host is needed", exactly_one_host_is_needed},
        {"two lengths are refused even when equal",
            two_lengths_are_refused_even_when_equal},
        {"a length is digits only", a_length_is_digits_only},
        {"Transfer-Encoding is refused", transfer_encoding_is_refused},
        {"a body where the method has none is refused",
            a_body_where_the_method_has_none_is_refused},
        {"an encoded body is unsupported", an_encoded_body_is_unsupported},
        {"header names are tokens", header_names_are_tokens},
        {"header values have no controls", header_values_have_no_controls},
        {"targets are paths of visible ASCII", targets_are_paths_of_visible_ascii},
        {"too many headers are refused", too_many_headers_are_refused},
        {"headers are found in any case", headers_are_found_in_any_case},
    };

    return kh_test_main("server strict", tests, sizeof tests / sizeof tests[0]);
}
