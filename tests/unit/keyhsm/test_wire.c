/* keyhsmd's JSON: what is written, what is read, and what is taken for no keyhsmd at all.
 */
#include "plugins/keyhsm/wire.h"

#include "core/deposit.h"
#include "core/host.h"
#include "core/secmem.h"
#include "tests/lib/testlib.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static const struct kh_host *host(void)
{
    static struct kh_host_origin origin;
    static struct kh_host host;

    kh_host_init(&host, "keyhsm", KH_OPEN_TOOL, &origin);
    return &host;
}

/* Text as the body of an answer; points into the literal. */
static struct kh_buf body_of(const char *text)
{
    union {
        const char *in;
        unsigned char *out;
    } u = {.in = text};

    return (struct kh_buf){.data = u.out, .len = strlen(text), .cap = strlen(text)};
}

/* ---- writing ---- */

static void a_body_carries_data_attributes_time_and_state(void)
{
    KH_CLEANUP_DEPOSIT struct kh_deposit d = {
        .name = "a", .created = 1795500209, .state = KH_DELETED};
    KH_CLEANUP_BUF struct kh_buf json = {0};
    struct kh_error err = {0};
    json_t *root;
    json_t *attributes;

    KH_ASSERT_OK_FATAL(kh_buf_copy(&d.data, "a\0b\377", 4, &err), err);
    KH_ASSERT_OK_FATAL(kh_attrs_set(&d.attrs, "k", "v \"quoted\" \n", &err), err);
    KH_ASSERT_OK_FATAL(kh_attrs_set(&d.attrs, "empty", "", &err), err);
    KH_ASSERT_OK_FATAL(kh_wire_body(host(), &d, &json, &err), err);
    CU_ASSERT_TRUE(json.len <= json.cap);
    root = json_loadb((const char *)json.data, json.len, JSON_REJECT_DUPLICATES, NULL);
    CU_ASSERT_EQUAL_FATAL(json_object_size(root), 4);
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(root, "data")), "YQBi/w==");
    CU_ASSERT_STRING_EQUAL(
        json_string_value(json_object_get(root, "created")), "2026-11-24T06:03:29Z");
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(root, "state")), "deleted");
    attributes = json_object_get(root, "attributes");
    CU_ASSERT_EQUAL_FATAL(json_object_size(attributes), 2);
    CU_ASSERT_STRING_EQUAL(
        json_string_value(json_object_get(attributes, "k")), "v \"quoted\" \n");
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(attributes, "empty")), "");
    json_decref(root);
}

static void the_body_of_nothing_is_short(void)
{
    static const char want[] =
        "{\"created\":\"1970-01-01T00:00:00Z\",\"state\":\"active\","
        "\"attributes\":{},\"data\":\"\"}";
    struct kh_deposit d = {.name = "a"};
    KH_CLEANUP_BUF struct kh_buf json = {0};
    struct kh_error err = {0};

    KH_ASSERT_OK_FATAL(kh_wire_body(host(), &d, &json, &err), err);
    CU_ASSERT_EQUAL_FATAL(json.len, strlen(want));
    CU_ASSERT_EQUAL(memcmp(json.data, want, json.len), 0);
}

static void every_length_of_data_comes_back(void)
{
    for (size_t len = 0; len <= 67; len++) {
        KH_CLEANUP_DEPOSIT struct kh_deposit d = {.name = "a"};
        KH_CLEANUP_DEPOSIT struct kh_deposit back = {.name = "a"};
        KH_CLEANUP_BUF struct kh_buf json = {0};
        KH_CLEANUP_BUF struct kh_buf answer = {0};
        struct kh_error err = {0};

        KH_ASSERT_OK_FATAL(kh_buf_alloc(&d.data, len, &err), err);
        for (size_t i = 0; i < len; i++)
            d.data.data[i] = (unsigned char)(255 - 7 * i);
        KH_ASSERT_OK_FATAL(kh_wire_body(host(), &d, &json, &err), err);
        /* An answer has name and version as well. */
        KH_ASSERT_OK_FATAL(kh_buf_alloc(&answer, json.len + 12, &err), err);
        memcpy(answer.data, "{\"version\":0,", 13);
        memcpy(answer.data + 13, json.data + 1, json.len - 1);
        KH_ASSERT_OK(kh_wire_deposit(host(), &answer, &back, &err), err);
        CU_ASSERT_TRUE(kh_deposit_equal(&d, &back));
    }
}

static void times_without_a_four_digit_year_are_refused(void)
{
    static const int64_t bad[] = {
        INT64_MAX, INT64_MIN, INT64_C(253402300800), INT64_C(-30610224001)};
    static const int64_t good[] = {INT64_C(253402300799), INT64_C(-30610224000), -1, 0};

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct kh_deposit d = {.name = "a", .created = bad[i]};
        struct kh_buf json = {0};
        struct kh_error err = {0};

        KH_ASSERT_FAILS(
            kh_wire_body(host(), &d, &json, &err), KH_INVALID, err, "four-digit year");
        CU_ASSERT_PTR_NULL(json.data);
    }
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct kh_deposit d = {.name = "a", .created = good[i]};
        KH_CLEANUP_BUF struct kh_buf json = {0};
        struct kh_error err = {0};

        KH_ASSERT_OK(kh_wire_body(host(), &d, &json, &err), err);
    }
}

/* ---- refusals ---- */

static void refusals_keep_the_status_and_the_words(void)
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
        {429, "too_many", KH_BUSY},
        {503, "unavailable", KH_UNAVAILABLE},
        {504, "timeout", KH_UNAVAILABLE},
        {500, "corrupt", KH_CORRUPT},
        {500, "fatal", KH_UNAVAILABLE},
        {418, "teapot", KH_UNAVAILABLE},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct kh_exchange e = {.status = cases[i].http};
        struct kh_error err = {0};
        char text[128];
        char words[32];

        snprintf(text, sizeof text,
            "{\"error\":{\"code\":\"%s\",\"message\":\"words of "
            "%zu\",\"deposit\":\"d\"}}",
            cases[i].code, i);
        e.answer = body_of(text);
        snprintf(words, sizeof words, "words of %zu", i);
        KH_ASSERT_FAILS(
            kh_wire_refusal(&e, "https://h:1", &err), cases[i].want, err, words);
        if (cases[i].want == KH_UNAVAILABLE || cases[i].want == KH_BUSY)
            CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "https://h:1: "));
    }
}

static void refusals_without_a_body_go_by_the_http_status(void)
{
    static const struct {
        long http;
        kh_status want;
    } cases[] = {{404, KH_NOT_FOUND}, {409, KH_EXISTS}, {503, KH_UNAVAILABLE},
        {413, KH_INVALID}, {302, KH_UNAVAILABLE}, {500, KH_UNAVAILABLE},
        {502, KH_UNAVAILABLE}, {101, KH_UNAVAILABLE}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct kh_exchange e = {.status = cases[i].http, .answer = body_of("<html>")};
        struct kh_error err = {0};
        char word[32];

        snprintf(word, sizeof word, "HTTP status %ld", cases[i].http);
        KH_ASSERT_FAILS(
            kh_wire_refusal(&e, "https://h:1", &err), cases[i].want, err, word);
    }
}

/* ---- deposits ---- */

#define HEAD "{\"name\":\"a\",\"version\":1,\"created\":\"2026-11-24T06:03:29Z\","

static void a_deposit_is_read_whole(void)
{
    struct kh_buf body =
        body_of(HEAD "\"state\":\"deleted\",\"attributes\":{\"b\":\"2\",\"a\":\"1\"},"
                     "\"data\":\"AAEC/w==\"}");
    KH_CLEANUP_DEPOSIT struct kh_deposit d = {0};
    struct kh_error err = {0};

    KH_ASSERT_OK_FATAL(kh_wire_deposit(host(), &body, &d, &err), err);
    CU_ASSERT_EQUAL(d.version, 1);
    CU_ASSERT_EQUAL(d.created, 1795500209);
    CU_ASSERT_EQUAL(d.state, KH_DELETED);
    CU_ASSERT_EQUAL_FATAL(d.data.len, 4);
    CU_ASSERT_EQUAL(memcmp(d.data.data, "\0\1\2\377", 4), 0);
    CU_ASSERT_EQUAL(d.attrs.count, 2);
    CU_ASSERT_STRING_EQUAL(kh_attrs_get(&d.attrs, "b"), "2");
}

static void a_time_that_is_not_known_is_zero(void)
{
    struct kh_buf body = body_of("{\"version\":1,\"created\":null,\"state\":\"active\","
                                 "\"attributes\":{},\"data\":\"\"}");
    KH_CLEANUP_DEPOSIT struct kh_deposit d = {.created = 7};
    struct kh_error err = {0};

    KH_ASSERT_OK(kh_wire_deposit(host(), &body, &d, &err), err);
    CU_ASSERT_EQUAL(d.created, 0);
    CU_ASSERT_EQUAL(d.data.len, 0);
}

static void wrong_deposits_are_refused(void)
{
    static const char *const bad[] = {
        "",
        "[]",
        "null",
        "{",
        HEAD "\"state\":\"active\",\"attributes\":{}}",
        HEAD "\"state\":\"gone\",\"attributes\":{},\"data\":\"\"}",
        HEAD "\"attributes\":{},\"data\":\"\"}",
        HEAD "\"state\":\"active\",\"attributes\":[],\"data\":\"\"}",
        HEAD "\"state\":\"active\",\"data\":\"\"}",
        HEAD "\"state\":\"active\",\"attributes\":{\"a\":1},\"data\":\"\"}",
        HEAD "\"state\":\"active\",\"attributes\":{\"\":\"1\"},\"data\":\"\"}",
        HEAD "\"state\":\"active\",\"attributes\":{},\"data\":17}",
        HEAD "\"state\":\"active\",\"attributes\":{},\"data\":\"A\"}",
        HEAD "\"state\":\"active\",\"attributes\":{},\"data\":\"A===\"}",
        HEAD "\"state\":\"active\",\"attributes\":{},\"data\":\"AA=A\"}",
        HEAD "\"state\":\"active\",\"attributes\":{},\"data\":\" AAA\"}",
        HEAD "\"state\":\"active\",\"attributes\":{},\"data\":\"AA\\nA\"}",
        HEAD "\"state\":\"active\",\"attributes\":{},\"data\":\"\",\"data\":\"\"}",
        HEAD "\"state\":\"active\",\"attributes\":{},\"data\":\"\"} x",
        "{\"version\":-1,\"created\":null,\"state\":\"active\",\"attributes\":{},"
        "\"data\":\"\"}",
        "{\"version\":2147483648,\"created\":null,\"state\":\"active\",\"attributes\":{},"
        "\"data\":\"\"}",
        "{\"version\":1,\"created\":\"yesterday\",\"state\":\"active\",\"attributes\":{},"
        "\"data\":\"\"}",
        "{\"version\":1,\"state\":\"active\",\"attributes\":{},\"data\":\"\"}",
    };

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct kh_buf body = body_of(bad[i]);
        KH_CLEANUP_DEPOSIT struct kh_deposit d = {0};
        struct kh_error err = {0};

        KH_ASSERT_FAILS(
            kh_wire_deposit(host(), &body, &d, &err), KH_UNAVAILABLE, err, "promises");
    }
}

/* ---- facts ---- */

#define FACTS                                                                            \
    "\"place\":\"token\",\"identity\":\"1a/2b\",\"key_scope\":\"deposit\",\"profile\":"  \
    "\"ecdh-p256\",\"data_max\":65536,\"versions\":3,\"keys\":4,\"max_keys\":10,"        \
    "\"sealed\":false,\"sealed_for\":\"\",\"read_only\":true"

static void facts_are_read(void)
{
    struct kh_buf body = body_of("{\"name\":\"pkcs11\"," FACTS ",\"capabilities\":["
                                 "\"read\",\"hardware\",\"teleport\"],\"more\":1}");
    struct kh_wire_backend backend;
    struct kh_error err = {0};

    KH_ASSERT_OK(kh_wire_info(&body, &backend, &err), err);
    CU_ASSERT_STRING_EQUAL(backend.name, "pkcs11");
    CU_ASSERT_EQUAL(backend.capabilities, KH_CAP_READ | KH_CAP_HARDWARE);
    CU_ASSERT_STRING_EQUAL(backend.info.identity, "1a/2b");
    CU_ASSERT_EQUAL(backend.info.versions, 3);
    CU_ASSERT_EQUAL(backend.info.max_keys, 10);
    CU_ASSERT_TRUE(backend.info.read_only);
    CU_ASSERT_FALSE(backend.info.sealed);
}

static void wrong_facts_are_refused(void)
{
    static const char *const bad[] = {"{}", "{\"name\":\"x\"," FACTS "}",
        "{" FACTS ",\"capabilities\":[]}",
        "{\"name\":\"x\",\"capabilities\":[],\"place\":\"token\"}",
        "{\"name\":7," FACTS ",\"capabilities\":[]}"};
    char longest[1024];

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct kh_buf body = body_of(bad[i]);
        struct kh_wire_backend backend;
        struct kh_error err = {0};

        KH_ASSERT_FAILS(
            kh_wire_info(&body, &backend, &err), KH_UNAVAILABLE, err, "facts");
    }
    snprintf(longest, sizeof longest,
        "{\"name\":\"%0100d\"," FACTS ",\"capabilities\":[]}", 0);
    struct kh_buf body = body_of(longest);
    struct kh_wire_backend backend;
    struct kh_error err = {0};

    KH_ASSERT_FAILS(kh_wire_info(&body, &backend, &err), KH_UNAVAILABLE, err, "facts");
}

static void counts_are_read_or_refused(void)
{
    static const char good[] =
        "{\"deposits\":1,\"deleted_deposits\":2,\"versions\":3,"
        "\"deleted_versions\":4,\"memory\":5,\"memory_free\":6,\"more\":[]}";
    static const char *const bad[] = {"{}", "[]", "",
        "{\"deposits\":1,\"deleted_deposits\":2,\"versions\":3,"
        "\"deleted_versions\":4,\"memory\":5}",
        "{\"deposits\":-1,\"deleted_deposits\":2,\"versions\":3,"
        "\"deleted_versions\":4,\"memory\":5,\"memory_free\":6}",
        "{\"deposits\":\"1\",\"deleted_deposits\":2,\"versions\":3,"
        "\"deleted_versions\":4,\"memory\":5,\"memory_free\":6}"};
    struct kh_buf body = body_of(good);
    struct kh_usage usage = {0};
    struct kh_error err = {0};

    KH_ASSERT_OK(kh_wire_usage(&body, &usage, &err), err);
    CU_ASSERT_EQUAL(usage.deposits, 1);
    CU_ASSERT_EQUAL(usage.deleted_versions, 4);
    CU_ASSERT_EQUAL(usage.memory_free, 6);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct kh_buf wrong = body_of(bad[i]);
        struct kh_usage none = {0};

        CU_ASSERT_EQUAL(kh_wire_usage(&wrong, &none, &err), KH_UNAVAILABLE);
        CU_ASSERT_EQUAL(none.deposits, 0);
    }
}

static void a_stat_is_read_or_refused(void)
{
    static const char *const bad[] = {"{}",
        "{\"version\":1,\"state\":\"active\",\"created\":null,\"versions\":2}",
        ("{\"version\":1,\"state\":\"active\",\"created\":null,\"versions\":-2,"
         "\"highest\":3}"),
        "{\"version\":1,\"created\":null,\"versions\":2,\"highest\":3}"};
    struct kh_buf body = body_of("{\"name\":\"n\",\"version\":1,\"state\":\"deleted\","
                                 "\"created\":null,\"versions\":2,\"highest\":3}");
    struct kh_stat stat = {0};
    struct kh_error err = {0};

    KH_ASSERT_OK(kh_wire_stat(&body, &stat, &err), err);
    CU_ASSERT(stat.version == 1 && stat.state == KH_DELETED && stat.versions == 2 &&
              stat.highest == 3);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        body = body_of(bad[i]);
        KH_ASSERT_FAILS(
            kh_wire_stat(&body, &stat, &err), KH_UNAVAILABLE, err, "promises");
    }
}

static void a_fingerprint_is_64_hex_digits(void)
{
    static const char *const bad[] = {"{}", "{\"fingerprint\":\"00\"}",
        "{\"fingerprint\":7}",
        "{\"fingerprint\":"
        "\"00112233445566778899AABBCCDDEEFF00112233445566778899aabbccddeeff\"}",
        "{\"fingerprint\":"
        "\"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeffff\"}"};
    struct kh_buf body =
        body_of("{\"fingerprint\":"
                "\"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\"}");
    unsigned char digest[KH_FINGERPRINT_LEN] = {0};
    struct kh_error err = {0};

    KH_ASSERT_OK(kh_wire_fingerprint(&body, digest, &err), err);
    CU_ASSERT(digest[1] == 0x11 && digest[10] == 0xaa && digest[31] == 0xff);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        body = body_of(bad[i]);
        KH_ASSERT_FAILS(
            kh_wire_fingerprint(&body, digest, &err), KH_UNAVAILABLE, err, "fingerprint");
    }
}

/* ---- listings ---- */

#define ITEM(name)                                                                       \
    "{\"name\":\"" name "\",\"version\":7,\"state\":\"active\",\"created\":null"

static void items_are_read_with_their_names_decoded(void)
{
    struct kh_buf body = body_of(
        "{\"versions\":[" ITEM("a") "}," ITEM("b%20%FF") ",\"corrupt\":\"torn\"}]}");
    struct kh_item items[2] = {0};
    struct kh_error err = {0};
    size_t count = 0;

    KH_ASSERT_OK(kh_wire_items(&body, items, 2, &count, &err), err);
    CU_ASSERT_EQUAL(count, 2);
    CU_ASSERT_STRING_EQUAL(items[0].name, "a");
    CU_ASSERT_EQUAL(items[0].version, 7);
    CU_ASSERT_EQUAL(items[0].status, KH_OK);
    CU_ASSERT_STRING_EQUAL(items[1].name, "b \xff");
    CU_ASSERT_EQUAL(items[1].status, KH_CORRUPT);
    CU_ASSERT_STRING_EQUAL(items[1].note, "torn");
    body = body_of("{\"versions\":[]}");
    KH_ASSERT_OK(kh_wire_items(&body, items, 2, &count, &err), err);
    CU_ASSERT_EQUAL(count, 0);
}

static void wrong_or_too_many_items_are_refused(void)
{
    static const char *const bad[] = {"{}", "{\"versions\":{}}", "{\"versions\":[7]}",
        "{\"versions\":[" ITEM("") "}]}", "{\"versions\":[" ITEM("a/b") "}]}",
        "{\"versions\":[" ITEM("%00") "}]}",
        "{\"versions\":[" ITEM("a") "}," ITEM("b") "}," ITEM("c") "}]}"};

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct kh_buf body = body_of(bad[i]);
        struct kh_item items[2] = {0};
        struct kh_error err = {0};
        size_t count = 0;

        KH_ASSERT_FAILS(kh_wire_items(&body, items, 2, &count, &err), KH_UNAVAILABLE, err,
            "promises");
        CU_ASSERT_EQUAL(count, 0);
    }
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"a_body_carries_data_attributes_time_and_state",
            a_body_carries_data_attributes_time_and_state},
        {"the_body_of_nothing_is_short", the_body_of_nothing_is_short},
        {"every_length_of_data_comes_back", every_length_of_data_comes_back},
        {"times_without_a_four_digit_year_are_refused",
            times_without_a_four_digit_year_are_refused},
        {"refusals_keep_the_status_and_the_words",
            refusals_keep_the_status_and_the_words},
        {"refusals_without_a_body_go_by_the_http_status",
            refusals_without_a_body_go_by_the_http_status},
        {"a_deposit_is_read_whole", a_deposit_is_read_whole},
        {"a_time_that_is_not_known_is_zero", a_time_that_is_not_known_is_zero},
        {"wrong_deposits_are_refused", wrong_deposits_are_refused},
        {"facts_are_read", facts_are_read},
        {"wrong_facts_are_refused", wrong_facts_are_refused},
        {"counts are read or refused", counts_are_read_or_refused},
        {"a_stat_is_read_or_refused", a_stat_is_read_or_refused},
        {"a_fingerprint_is_64_hex_digits", a_fingerprint_is_64_hex_digits},
        {"items_are_read_with_their_names_decoded",
            items_are_read_with_their_names_decoded},
        {"wrong_or_too_many_items_are_refused", wrong_or_too_many_items_are_refused},
    };

    return kh_test_main("keyhsm wire", tests, sizeof tests / sizeof tests[0]);
}
