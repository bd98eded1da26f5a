#include "programs/ktadmin/wire.h"

#include "core/deposit.h"
#include "core/secmem.h"
#include "tests/lib/testlib.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* Text as the body of an answer; points into the literal. */
static struct kh_buf body_of(const char *text)
{
    union {
        const char *in;
        unsigned char *out;
    } u = {.in = text};

    return (struct kh_buf){.data = u.out, .len = strlen(text), .cap = strlen(text)};
}

static void body_carries_data_in_base64_and_every_attribute(void)
{
    KH_CLEANUP_DEPOSIT struct kh_deposit deposit = {.name = "a"};
    KH_CLEANUP_BUF struct kh_buf json = {0};
    struct kh_error err = {0};
    json_t *root;
    json_t *attributes;

    KH_ASSERT_OK_FATAL(kh_buf_copy(&deposit.data, "a\0b\377", 4, &err), err);
    KH_ASSERT_OK_FATAL(kh_attrs_set(&deposit.attrs, "k", "v \"quoted\" \n", &err), err);
    KH_ASSERT_OK_FATAL(kh_attrs_set(&deposit.attrs, "empty", "", &err), err);
    KH_ASSERT_OK_FATAL(kh_wire_body(&deposit, &json, &err), err);
    root = json_loadb((const char *)json.data, json.len, JSON_REJECT_DUPLICATES, NULL);
    CU_ASSERT_EQUAL_FATAL(json_object_size(root), 2);
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(root, "data")), "YQBi/w==");
    attributes = json_object_get(root, "attributes");
    CU_ASSERT_EQUAL_FATAL(json_object_size(attributes), 2);
    CU_ASSERT_STRING_EQUAL(
        json_string_value(json_object_get(attributes, "k")), "v \"quoted\" \n");
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(attributes, "empty")), "");
    json_decref(root);
}

static void body_of_empty_data_is_an_empty_string(void)
{
    struct kh_deposit deposit = {.name = "a"};
    KH_CLEANUP_BUF struct kh_buf json = {0};
    struct kh_error err = {0};

    KH_ASSERT_OK_FATAL(kh_wire_body(&deposit, &json, &err), err);
    CU_ASSERT_EQUAL_FATAL(json.len, strlen("{\"data\":\"\",\"attributes\":{}}"));
    CU_ASSERT_EQUAL(memcmp(json.data, "{\"data\":\"\",\"attributes\":{}}", json.len), 0);
}

static void refusals_keep_code_and_words_of_the_daemon(void)
{
    static const struct {
        long http;
        const char *code;
        kh_status want;
    } cases[] = {
        {404, "not_found", KH_NOT_FOUND},
        {409, "exists", KH_EXISTS},
        {403, "refused", KH_REFUSED},
        {400, "invalid", KH_INVALID},
        {413, "too_large", KH_INVALID},
        {415, "unsupported", KH_INVALID},
        {503, "busy", KH_BUSY},
        {503, "unavailable", KH_UNAVAILABLE},
        {500, "corrupt", KH_CORRUPT},
        {500, "fatal", KH_FATAL},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct kh_http_response response = {.status = cases[i].http};
        struct kh_error err = {0};
        char text[128];
        char words[32];

        snprintf(text, sizeof text,
            "{\"error\":{\"code\":\"%s\",\"message\":\"words of "
            "%zu\",\"deposit\":\"d\"}}",
            cases[i].code, i);
        response.body = body_of(text);
        snprintf(words, sizeof words, "words of %zu", i);
        KH_ASSERT_FAILS(kh_wire_refusal(&response, &err), cases[i].want, err, words);
    }
}

static void refusals_without_a_body_go_by_the_http_status(void)
{
    static const struct {
        long http;
        kh_status want;
    } cases[] = {{404, KH_NOT_FOUND}, {409, KH_EXISTS}, {503, KH_UNAVAILABLE},
        {413, KH_INVALID}, {302, KH_UNAVAILABLE}, {502, KH_UNAVAILABLE},
        {101, KH_UNAVAILABLE}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct kh_http_response response = {
            .status = cases[i].http, .body = body_of("<html>")};
        struct kh_error err = {0};
        char word[32];

        snprintf(word, sizeof word, "HTTP status %ld", cases[i].http);
        KH_ASSERT_FAILS(kh_wire_refusal(&response, &err), cases[i].want, err, word);
    }
}

static void stored_gives_version_and_time(void)
{
    struct kh_buf body =
        body_of("{\"name\":\"a\",\"version\":7,\"created\":\"2026-11-24T06:03:29Z\"}");
    struct kh_deposit deposit = {0};
    struct kh_error err = {0};

    KH_ASSERT_OK(kh_wire_stored(&body, &deposit, &err), err);
    CU_ASSERT_EQUAL(deposit.version, 7);
    CU_ASSERT_EQUAL(deposit.created, 1795500209);
}

static void stored_refuses_what_the_api_does_not_promise(void)
{
    static const char *const bad[] = {
        "",
        "[]",
        "null",
        "{\"version\":0",
        "{\"version\":0}",
        "{\"created\":\"2026-11-24T06:03:29Z\"}",
        "{\"version\":-1,\"created\":\"2026-11-24T06:03:29Z\"}",
        "{\"version\":4294967295,\"created\":\"2026-11-24T06:03:29Z\"}",
        "{\"version\":\"0\",\"created\":\"2026-11-24T06:03:29Z\"}",
        "{\"version\":0,\"created\":\"yesterday\"}",
        "{\"version\":0,\"version\":1,\"created\":\"2026-11-24T06:03:29Z\"}",
        "{\"version\":0,\"created\":\"2026-11-24T06:03:29Z\"} x",
    };

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct kh_buf body = body_of(bad[i]);
        struct kh_deposit deposit = {0};
        struct kh_error err = {0};

        KH_ASSERT_FAILS(
            kh_wire_stored(&body, &deposit, &err), KH_UNAVAILABLE, err, "promises");
    }
}

#define HEAD "{\"name\":\"a\",\"version\":1,\"created\":\"2026-11-24T06:03:29Z\","

static void deposit_is_read_whole(void)
{
    struct kh_buf body =
        body_of(HEAD "\"state\":\"active\",\"attributes\":{\"b\":\"2\",\"a\":\"1\"},"
                     "\"data\":\"AAEC/w==\"}");
    KH_CLEANUP_DEPOSIT struct kh_deposit deposit = {0};
    struct kh_error err = {0};

    KH_ASSERT_OK_FATAL(kh_wire_deposit(&body, &deposit, &err), err);
    CU_ASSERT_EQUAL(deposit.version, 1);
    CU_ASSERT_EQUAL(deposit.state, KH_ACTIVE);
    CU_ASSERT_EQUAL_FATAL(deposit.data.len, 4);
    CU_ASSERT_EQUAL(memcmp(deposit.data.data, "\0\1\2\377", 4), 0);
    CU_ASSERT_EQUAL(deposit.attrs.count, 2);
    CU_ASSERT_STRING_EQUAL(kh_attrs_get(&deposit.attrs, "b"), "2");
}

static void deposit_refuses_wrong_members(void)
{
    static const char *const bad[] = {
        HEAD "\"state\":\"active\",\"attributes\":{}}",
        HEAD "\"state\":\"gone\",\"attributes\":{},\"data\":\"\"}",
        HEAD "\"attributes\":{},\"data\":\"\"}",
        HEAD "\"state\":\"active\",\"attributes\":[],\"data\":\"\"}",
        HEAD "\"state\":\"active\",\"data\":\"\"}",
        HEAD "\"state\":\"active\",\"attributes\":{\"a\":1},\"data\":\"\"}",
        HEAD "\"state\":\"active\",\"attributes\":{},\"data\":17}",
        HEAD "\"state\":\"active\",\"attributes\":{},\"data\":\"A\"}",
    };

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct kh_buf body = body_of(bad[i]);
        KH_CLEANUP_DEPOSIT struct kh_deposit deposit = {0};
        struct kh_error err = {0};

        CU_ASSERT_NOT_EQUAL(kh_wire_deposit(&body, &deposit, &err), KH_OK);
        CU_ASSERT_NOT_EQUAL(strlen(err.message), 0);
    }
}

static void raw_takes_the_body_over(void)
{
    struct kh_http_response response = {
        .status = 200, .deposit_version = "3", .deposit_created = "2026-11-24T06:03:29Z"};
    KH_CLEANUP_DEPOSIT struct kh_deposit deposit = {0};
    struct kh_error err = {0};

    KH_ASSERT_OK_FATAL(kh_buf_copy(&response.body, "raw", 3, &err), err);
    KH_ASSERT_OK(kh_wire_raw(&response, &deposit, &err), err);
    CU_ASSERT_EQUAL(deposit.version, 3);
    CU_ASSERT_EQUAL(deposit.created, 1795500209);
    CU_ASSERT_EQUAL(deposit.data.len, 3);
    CU_ASSERT_PTR_NULL(response.body.data);
}

static void raw_without_its_headers_is_refused(void)
{
    static const char *const versions[] = {"", "x", "-1", "1x", " 1", "4294967296"};

    for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++) {
        struct kh_http_response response = {
            .status = 200, .deposit_created = "2026-11-24T06:03:29Z"};
        struct kh_deposit deposit = {0};
        struct kh_error err = {0};

        snprintf(
            response.deposit_version, sizeof response.deposit_version, "%s", versions[i]);
        KH_ASSERT_FAILS(kh_wire_raw(&response, &deposit, &err), KH_UNAVAILABLE, err,
            "Deposit-Version");
    }
}

struct seen {
    unsigned count;
    unsigned stop_after;
    uint32_t last;
    bool corrupt;
    char name[KH_NAME_MAX + 1];
};

static kh_status see_version(
    void *arg, const struct kh_version_entry *version, struct kh_error *err)
{
    struct seen *seen = arg;

    seen->last = version->version;
    seen->corrupt = *version->note != '\0';
    return ++seen->count == seen->stop_after ? kh_fail(err, KH_REFUSED, "enough") : KH_OK;
}

static kh_status see_entry(void *arg, const struct kh_entry *entry, struct kh_error *err)
{
    struct seen *seen = arg;

    (void)err;
    seen->count++;
    seen->last = entry->latest;
    seen->corrupt = entry->corrupt;
    memcpy(seen->name, entry->name, sizeof seen->name);
    return KH_OK;
}

static const char three[] =
    "{\"name\":\"a\",\"versions\":["
    "{\"version\":0,\"state\":\"deleted\",\"created\":\"2026-11-24T06:03:29Z\"},"
    "{\"version\":1,\"state\":\"active\",\"created\":null},"
    "{\"version\":5,\"state\":\"active\",\"corrupt\":true}]}";

static void versions_are_visited_in_order(void)
{
    struct kh_buf body = body_of(three);
    struct seen seen = {0};
    struct kh_error err = {0};

    KH_ASSERT_OK(kh_wire_versions(&body, see_version, &seen, &err), err);
    CU_ASSERT_EQUAL(seen.count, 3);
    CU_ASSERT_EQUAL(seen.last, 5);
    CU_ASSERT_TRUE(seen.corrupt);
}

static void a_visitor_can_end_the_walk(void)
{
    struct kh_buf body = body_of(three);
    struct seen seen = {.stop_after = 2};
    struct kh_error err = {0};

    KH_ASSERT_FAILS(
        kh_wire_versions(&body, see_version, &seen, &err), KH_REFUSED, err, "enough");
    CU_ASSERT_EQUAL(seen.count, 2);
}

static void list_gives_entries_and_where_to_go_on(void)
{
    struct kh_buf body = body_of("{\"deposits\":[{\"name\":\"a "
                                 "b\",\"versions\":2,\"latest\":1,\"state\":\"active\","
                                 "\"corrupt\":true}],\"next\":\"a b\"}");
    char next[KH_NAME_MAX + 1] = "";
    struct seen seen = {0};
    struct kh_error err = {0};

    KH_ASSERT_OK(kh_wire_list(&body, see_entry, &seen, next, &err), err);
    CU_ASSERT_EQUAL(seen.count, 1);
    CU_ASSERT_STRING_EQUAL(seen.name, "a b");
    CU_ASSERT_TRUE(seen.corrupt);
    CU_ASSERT_STRING_EQUAL(next, "a b");
    body = body_of("{\"deposits\":[],\"next\":null}");
    KH_ASSERT_OK(kh_wire_list(&body, see_entry, &seen, next, &err), err);
    CU_ASSERT_STRING_EQUAL(next, "");
    CU_ASSERT_EQUAL(seen.count, 1);
}

static void list_refuses_what_the_api_does_not_promise(void)
{
    static const char *const bad[] = {
        "{}",
        "{\"deposits\":[]}",
        "{\"deposits\":{},\"next\":null}",
        "{\"deposits\":[],\"next\":7}",
        "{\"deposits\":[],\"next\":\"\"}",
        "{\"deposits\":[{\"name\":\"a\"}],\"next\":null}",
        ("{\"deposits\":[{\"name\":\"\",\"versions\":1,\"latest\":0,\"state\":\"active\"}"
         "]"
         ",\"next\":null}"),
        "{\"deposits\":[7],\"next\":null}",
    };

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct kh_buf body = body_of(bad[i]);
        char next[KH_NAME_MAX + 1];
        struct seen seen = {0};
        struct kh_error err = {0};

        KH_ASSERT_FAILS(kh_wire_list(&body, see_entry, &seen, next, &err), KH_UNAVAILABLE,
            err, "promises");
    }
}

static void a_name_longer_than_any_is_refused(void)
{
    char text[512];
    struct kh_buf body;
    char next[KH_NAME_MAX + 1];
    struct seen seen = {0};
    struct kh_error err = {0};

    snprintf(text, sizeof text, "{\"deposits\":[],\"next\":\"%0256d\"}", 0);
    body = body_of(text);
    KH_ASSERT_FAILS(
        kh_wire_list(&body, see_entry, &seen, next, &err), KH_UNAVAILABLE, err, "next");
}

static const struct kh_test tests[] = {
    {"body_carries_data_in_base64_and_every_attribute",
        body_carries_data_in_base64_and_every_attribute},
    {"body_of_empty_data_is_an_empty_string", body_of_empty_data_is_an_empty_string},
    {"refusals_keep_code_and_words_of_the_daemon",
        refusals_keep_code_and_words_of_the_daemon},
    {"refusals_without_a_body_go_by_the_http_status",
        refusals_without_a_body_go_by_the_http_status},
    {"stored_gives_version_and_time", stored_gives_version_and_time},
    {"stored_refuses_what_the_api_does_not_promise",
        stored_refuses_what_the_api_does_not_promise},
    {"deposit_is_read_whole", deposit_is_read_whole},
    {"deposit_refuses_wrong_members", deposit_refuses_wrong_members},
    {"raw_takes_the_body_over", raw_takes_the_body_over},
    {"raw_without_its_headers_is_refused", raw_without_its_headers_is_refused},
    {"versions_are_visited_in_order", versions_are_visited_in_order},
    {"a_visitor_can_end_the_walk", a_visitor_can_end_the_walk},
    {"list_gives_entries_and_where_to_go_on", list_gives_entries_and_where_to_go_on},
    {"list_refuses_what_the_api_does_not_promise",
        list_refuses_what_the_api_does_not_promise},
    {"a_name_longer_than_any_is_refused", a_name_longer_than_any_is_refused},
};

int main(void)
{
    return kh_test_main("ktadmin_wire", tests, sizeof tests / sizeof tests[0]);
}
