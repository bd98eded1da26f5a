#include "core/log_line.h"

#include "tests/lib/testlib.h"

#include <jansson.h>
#include <string.h>

static char out[KH_LOG_LINE_MAX];

static struct kh_log_line line(const char *message)
{
    return (struct kh_log_line){.time = 1795544566,
        .level = "notice",
        .program = "testd",
        .pid = 42,
        .message = message,
        .request = ""};
}

static const struct kh_log_field fields[] = {
    {"id", KH_LOG_ID, "abc-1"},
    {"principal", KH_LOG_QUOTED, "CN=a b"},
    {"route", KH_LOG_WORD, "/v1/{name}"},
    {"status", KH_LOG_NUMBER, "201"},
    {"ms", KH_LOG_NUMBER, "1.250"},
};

static void text_has_time_level_program_and_message(void)
{
    struct kh_log_line l = line("3 deposits");

    CU_ASSERT_EQUAL(kh_log_line_text(&l, out), strlen(out));
    CU_ASSERT_STRING_EQUAL(out, "2026-11-24T18:22:46Z notice testd[42]: 3 deposits\n");
}

static void text_names_the_request_once(void)
{
    struct kh_log_line l = line("token lost");

    l.request = "abc-1";
    (void)kh_log_line_text(&l, out);
    CU_ASSERT_PTR_NOT_NULL(strstr(out, "]: token lost request=abc-1\n"));
    l.message = "request abc-1: token lost";
    (void)kh_log_line_text(&l, out);
    CU_ASSERT_PTR_NOT_NULL(strstr(out, "]: request abc-1: token lost\n"));
}

static void an_event_in_text_is_words(void)
{
    struct kh_log_line l = line("access");

    l.fields = fields;
    l.count = 5;
    (void)kh_log_line_text(&l, out);
    CU_ASSERT_PTR_NOT_NULL(strstr(out, "]: access id=abc-1 principal=\"CN=a b\" "
                                       "route=/v1/{name} status=201 ms=1.250\n"));
}

/* By a parser that is not ours. */
static json_t *parsed(const struct kh_log_line *l)
{
    json_error_t why;
    json_t *root;
    size_t len = kh_log_line_json(l, out);

    CU_ASSERT_EQUAL(len, strlen(out));
    CU_ASSERT_PTR_EQUAL(strchr(out, '\n'), out + len - 1); /* one line */
    root = json_loads(out, JSON_REJECT_DUPLICATES, &why);
    if (!root)
        fprintf(stderr, "    %s in: %s", why.text, out);
    CU_ASSERT_PTR_NOT_NULL_FATAL(root);
    return root;
}

static const char *member(const json_t *root, const char *name)
{
    const char *text = json_string_value(json_object_get(root, name));

    return text ? text : "(none)";
}

static void json_has_the_same_and_nothing_more(void)
{
    struct kh_log_line l = line("3 deposits");
    json_t *root = parsed(&l);

    CU_ASSERT_STRING_EQUAL(member(root, "time"), "2026-11-24T18:22:46Z");
    CU_ASSERT_STRING_EQUAL(member(root, "level"), "notice");
    CU_ASSERT_STRING_EQUAL(member(root, "program"), "testd");
    CU_ASSERT_EQUAL(json_integer_value(json_object_get(root, "pid")), 42);
    CU_ASSERT_STRING_EQUAL(member(root, "message"), "3 deposits");
    CU_ASSERT_EQUAL(json_object_size(root), 5);
    json_decref(root);
}

static void json_names_the_request(void)
{
    struct kh_log_line l = line("token lost");
    json_t *root;

    l.request = "abc-1";
    root = parsed(&l);
    CU_ASSERT_STRING_EQUAL(member(root, "request_id"), "abc-1");
    CU_ASSERT_STRING_EQUAL(member(root, "message"), "token lost");
    json_decref(root);
}

static void an_event_in_json_is_members(void)
{
    struct kh_log_line l = line("access");
    json_t *root;

    l.fields = fields;
    l.count = 5;
    l.request = "abc-1"; /* named by a field: not twice */
    root = parsed(&l);
    CU_ASSERT_STRING_EQUAL(member(root, "request_id"), "abc-1");
    CU_ASSERT_STRING_EQUAL(member(root, "principal"), "CN=a b");
    CU_ASSERT_STRING_EQUAL(member(root, "route"), "/v1/{name}");
    CU_ASSERT_EQUAL(json_integer_value(json_object_get(root, "status")), 201);
    CU_ASSERT_EQUAL(json_real_value(json_object_get(root, "ms")), 1.25);
    CU_ASSERT_EQUAL(json_object_size(root), 10);
    json_decref(root);
}

/* Nothing in a message can end the string, the object or the line. */
static void nothing_breaks_out_of_json(void)
{
    struct kh_log_line l =
        line("a\"},\n{\"level\":\"error\\\" \x01 \x7f \xff gr\xc3\xbc\xc3\x9f");
    json_t *root = parsed(&l);

    /* With a byte that is no UTF-8 in it no other byte beyond ASCII is believed. */
    CU_ASSERT_STRING_EQUAL(member(root, "message"),
        "a\"},\\x0a{\"level\":\"error\\\" \\x01 \\x7f \\xff gr\\xc3\\xbc\\xc3\\x9f");
    CU_ASSERT_STRING_EQUAL(member(root, "level"), "notice");
    json_decref(root);
    l = line("gr\xc3\xbc\xc3\x9f \xc2\x9b");
    root = parsed(&l);
    CU_ASSERT_STRING_EQUAL(member(root, "message"), "gr\xc3\xbc\xc3\x9f \\xc2\\x9b");
    json_decref(root);
}

/* The worst a message of full length can become still ends as an object on one line. */
static void the_longest_message_fits(void)
{
    static char worst[KH_LOG_TEXT_MAX + 100];
    struct kh_log_line l = line(worst);
    json_t *root;

    memset(worst, '\x01', sizeof worst - 1);
    l.request = "0123456789012345678901234567890123456789012345678901234567890123";
    root = parsed(&l);
    CU_ASSERT_EQUAL(strlen(member(root, "message")), 4 * (KH_LOG_TEXT_MAX - 1));
    CU_ASSERT_STRING_EQUAL(member(root, "request_id"), l.request);
    json_decref(root);
    CU_ASSERT_EQUAL(kh_log_line_text(&l, out), strlen(out));
    CU_ASSERT_EQUAL(out[strlen(out) - 1], '\n');
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"text has time, level, program and message",
            text_has_time_level_program_and_message},
        {"text names the request once", text_names_the_request_once},
        {"an event in text is words", an_event_in_text_is_words},
        {"json has the same and nothing more", json_has_the_same_and_nothing_more},
        {"json names the request", json_names_the_request},
        {"an event in json is members", an_event_in_json_is_members},
        {"nothing breaks out of json", nothing_breaks_out_of_json},
        {"the longest message fits", the_longest_message_fits},
    };

    return kh_test_main("core log_line", tests, sizeof tests / sizeof tests[0]);
}
