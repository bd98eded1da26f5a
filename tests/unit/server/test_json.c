#include "server/json.h"

#include "core/secmem.h"
#include "server/reply.h"

#include "tests/lib/testlib.h"

#include <stdlib.h>
#include <string.h>

static struct kh_error err;

static kh_status parse(const char *text, json_t **out)
{
    err = (struct kh_error){0};
    return kh_json_parse((const unsigned char *)text, strlen(text), out, &err);
}

static void an_object_is_parsed(void)
{
    json_t *value = NULL;

    KH_ASSERT_OK_FATAL(
        parse(" {\"data\":\"AA==\",\"attributes\":{\"\\u00e4\":\"x\"}} ", &value), err);
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(value, "data")), "AA==");
    json_decref(value);
}

static void what_is_not_one_object_is_refused(void)
{
    static const struct {
        const char *text;
        const char *word;
    } bad[] = {
        {"", "empty"},
        {"[]", "not an object"},
        {"\"x\"", "wrong at line"},
        {"{", "ends too early"},
        {"{\"a\":1}}", "follows"},
        {"{\"a\":1} x", "follows"},
        {"{\"a\":1,\"a\":2}", "twice"},
        {"{\"a\":\"\\u0000\"}", "NUL"},
        {"{\"a\":\"\xff\"}", "UTF-8"},
        {"{\"a\":\"\\ud800\"}", "malformed"},
        {"{\"a\":1e999}", "too large"},
        {"{\"a\":01}", "malformed"},
        {"{'a':1}", "malformed"},
        {"{\"a\":1,}", "malformed"},
        {"{\"a\":NaN}", "malformed"},
        {"nonsense", "malformed"},
    };

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        json_t *value = (json_t *)&err;

        KH_ASSERT_FAILS(parse(bad[i].text, &value), KH_INVALID, err, bad[i].word);
        CU_ASSERT_PTR_NULL(value);
    }
}

static void errors_never_quote_the_text(void)
{
    json_t *value = NULL;

    KH_ASSERT_FAILS(
        parse("{\"data\":\"c2VjcmV0\" SECRETWORD}", &value), KH_INVALID, err, "line 1");
    CU_ASSERT_PTR_NULL(strstr(err.message, "SECRET"));
    CU_ASSERT_PTR_NULL(strstr(err.message, "c2Vj"));
}

static void deep_nesting_is_refused_before_it_is_parsed(void)
{
    char text[2 * 100000 + 16] = "{\"a\":";
    size_t start = strlen(text);
    json_t *value = NULL;

    memset(text + start, '[', KH_JSON_DEPTH - 1);
    memset(text + start + KH_JSON_DEPTH - 1, ']', KH_JSON_DEPTH - 1);
    strcpy(text + start + 2 * (KH_JSON_DEPTH - 1), "}");
    KH_ASSERT_OK(parse(text, &value), err);
    json_decref(value);
    memset(text + start, '[', 100000);
    text[start + 100000] = '\0';
    KH_ASSERT_FAILS(parse(text, &value), KH_INVALID, err, "deeper than 16");
}

static void brackets_in_strings_do_not_count(void)
{
    static const char text[] = "{\"a\":\"[[[[[[[[[[[[[[[[[[[[[[\\\"[[[[[[[[[[[[\"}";

    CU_ASSERT(kh_json_shallow((const unsigned char *)text, strlen(text)));
    CU_ASSERT(kh_json_shallow((const unsigned char *)"\"\\", 2));
}

static void unknown_members_are_named(void)
{
    static const char *const names[] = {"data", NULL};
    json_t *value = NULL;

    KH_ASSERT_OK_FATAL(parse("{\"data\":1,\"dta\":2}", &value), err);
    KH_ASSERT_FAILS(kh_json_only(value, names, &err), KH_INVALID, err, "'dta'");
    json_object_del(value, "dta");
    KH_ASSERT_OK(kh_json_only(value, names, &err), err);
    json_decref(value);
}

static void every_outcome_has_its_http_status(void)
{
    CU_ASSERT_EQUAL(kh_http_status(KH_NOT_FOUND), 404);
    CU_ASSERT_EQUAL(kh_http_status(KH_EXISTS), 409);
    CU_ASSERT_EQUAL(kh_http_status(KH_REFUSED), 403);
    CU_ASSERT_EQUAL(kh_http_status(KH_INVALID), 400);
    CU_ASSERT_EQUAL(kh_http_status(KH_BUSY), 503);
    CU_ASSERT_EQUAL(kh_http_status(KH_UNAVAILABLE), 503);
    CU_ASSERT_EQUAL(kh_http_status(KH_CORRUPT), 500);
    CU_ASSERT_EQUAL(kh_http_status(KH_FATAL), 500);
    CU_ASSERT_STRING_EQUAL(kh_status_code(KH_NOT_FOUND), "not_found");
    CU_ASSERT_STRING_EQUAL(kh_status_code((kh_status)99), "fatal");
}

/* The body of REQUEST's answer, to be freed. */
static json_t *body_of(struct kh_request *request)
{
    return json_loadb(
        (const char *)request->response.body.data, request->response.body.len, 0, NULL);
}

static void an_error_is_an_object_with_three_members(void)
{
    struct kh_request *request = calloc(1, sizeof *request);
    struct kh_error why = {KH_BUSY, "a \"migration\" holds it"};
    json_t *body;
    json_t *error;

    strcpy(request->name, "key");
    kh_reply_status(request, KH_BUSY, &why);
    CU_ASSERT_EQUAL(request->response.status, 503);
    CU_ASSERT_STRING_EQUAL(request->response.headers[0].name, "Retry-After");
    CU_ASSERT_FALSE(request->fatal);
    body = body_of(request);
    error = json_object_get(body, "error");
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(error, "code")), "busy");
    CU_ASSERT_STRING_EQUAL(
        json_string_value(json_object_get(error, "message")), why.message);
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(error, "deposit")), "key");
    json_decref(body);
    kh_response_clear(&request->response);
    free(request);
}

static void text_that_is_not_utf8_does_not_break_an_error(void)
{
    struct kh_response response = {0};
    json_t *body;

    kh_response_error(&response, 500, "corrupt", "name \xff\xfe", NULL);
    body = json_loadb((const char *)response.body.data, response.body.len, 0, NULL);
    CU_ASSERT(json_is_object(body));
    CU_ASSERT(json_is_null(json_object_get(json_object_get(body, "error"), "deposit")));
    json_decref(body);
    kh_buf_free(&response.body);
}

static void a_fatal_outcome_marks_the_request(void)
{
    struct kh_request *request = calloc(1, sizeof *request);
    struct kh_error why = {KH_FATAL, "fsync failed"};

    kh_reply_status(request, KH_FATAL, &why);
    CU_ASSERT_EQUAL(request->response.status, 500);
    CU_ASSERT(request->fatal);
    kh_response_clear(&request->response);
    free(request);
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"an object is parsed", an_object_is_parsed},
        {"what is not one object is refused", what_is_not_one_object_is_refused},
        {"errors never quote the text", errors_never_quote_the_text},
        {"deep nesting is refused before it is parsed",
            deep_nesting_is_refused_before_it_is_parsed},
        {"brackets in strings do not count", brackets_in_strings_do_not_count},
        {"unknown members are named", unknown_members_are_named},
        {"every outcome has its HTTP status", every_outcome_has_its_http_status},
        {"an error is an object with three members",
            an_error_is_an_object_with_three_members},
        {"text that is not UTF-8 does not break an error",
            text_that_is_not_utf8_does_not_break_an_error},
        {"a fatal outcome marks the request", a_fatal_outcome_marks_the_request},
    };

    return kh_test_main("server json", tests, sizeof tests / sizeof tests[0]);
}
