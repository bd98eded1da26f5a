#include "server/query.h"
#include "server/router.h"

#include "tests/lib/testlib.h"

#include <string.h>

static void run(struct kh_app *app, struct kh_request *request)
{
    (void)app, (void)request;
}

static const struct kh_route routes[] = {
    {KH_METHOD_GET | KH_METHOD_PUT, "/v1/deposits/{name}", run, 0, {0}},
    {KH_METHOD_GET, "/v1/deposits", run, 0, {0}},
    {KH_METHOD_POST, "/v1/deposits/{name}/purge", run, 0, {0}},
    {KH_METHOD_GET, "/healthz", run, 0, {0}},
    {KH_METHOD_POST, "/kms/v1/key/{name}", run, KH_ROUTE_HADOOP, {0}},
};

static char name[KH_NAME_MAX + 1];
static unsigned allow;
static struct kh_error err;

/* The index of the matched route, or minus the kh_match. */
static int match(kh_method method, const char *path)
{
    const struct kh_route *route = NULL;
    kh_match found;

    err = (struct kh_error){0};
    found = kh_router_match(routes, sizeof routes / sizeof routes[0], method, path,
        &route, name, &allow, &err);
    return found == KH_MATCH_OK ? (int)(route - routes) : -(int)found;
}

static void paths_find_their_routes(void)
{
    CU_ASSERT_EQUAL(match(KH_METHOD_GET, "/v1/deposits/key-1"), 0);
    CU_ASSERT_STRING_EQUAL(name, "key-1");
    CU_ASSERT_EQUAL(match(KH_METHOD_GET, "/v1/deposits"), 1);
    CU_ASSERT_STRING_EQUAL(name, "");
    CU_ASSERT_EQUAL(match(KH_METHOD_POST, "/v1/deposits/purge/purge"), 2);
    CU_ASSERT_STRING_EQUAL(name, "purge");
    CU_ASSERT_EQUAL(match(KH_METHOD_GET, "/healthz"), 3);
}

static void other_paths_are_not_found(void)
{
    static const char *const bad[] = {"/", "/v1", "/v1/deposit/a", "/v1/depositsx",
        "/healthz/", "//healthz", "/healthz/x", "/v1/deposits/a/b",
        "/v1/deposits/a/purge/", "/V1/deposits/a", "/v1/deposits/../healthz",
        "/%68ealthz"};

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CU_ASSERT_EQUAL(match(KH_METHOD_GET, bad[i]), -KH_MATCH_NO_PATH);
}

/* keytrusteed's / is a page, and with a query it is what its predecessor had there. */
static void a_path_with_a_query_may_have_a_route_of_its_own(void)
{
    static const struct kh_route both[] = {
        {KH_METHOD_GET, "/", run, 0, {.read = KH_OP_STATUS}},
        {KH_METHOD_GET, "/?", run, KH_ROUTE_INLINE, {0}},
        {KH_METHOD_GET, "/{name}?", run, 0, {0}},
    };

    CU_ASSERT_PTR_EQUAL(kh_router_query(both, 3, KH_METHOD_GET, "/"), &both[1]);
    CU_ASSERT_PTR_NULL(kh_router_query(both, 3, KH_METHOD_PUT, "/"));
    CU_ASSERT_PTR_NULL(kh_router_query(both, 3, KH_METHOD_GET, "/x"));
    CU_ASSERT_PTR_NULL(kh_router_query(both, 3, KH_METHOD_GET, ""));
    CU_ASSERT_PTR_NULL(kh_router_query(both, 3, KH_METHOD_GET, "/?"));
    CU_ASSERT_PTR_NULL(kh_router_query(both, 0, KH_METHOD_GET, "/"));
}

static void a_wrong_method_says_what_is_allowed(void)
{
    char text[64];

    CU_ASSERT_EQUAL(match(KH_METHOD_DELETE, "/v1/deposits/a"), -KH_MATCH_NO_METHOD);
    kh_methods_text(allow, text, sizeof text);
    CU_ASSERT_STRING_EQUAL(text, "GET, PUT");
    CU_ASSERT_EQUAL(match(KH_METHOD_OTHER, "/v1/deposits/a/purge"), -KH_MATCH_NO_METHOD);
    kh_methods_text(allow, text, sizeof text);
    CU_ASSERT_STRING_EQUAL(text, "POST");
}

static void hadoop_s_routes_take_a_handshake(void)
{
    char text[64];

    CU_ASSERT_EQUAL(match(KH_METHOD_OPTIONS, "/kms/v1/key/k"), 4);
    CU_ASSERT_EQUAL(match(KH_METHOD_GET, "/kms/v1/key/k"), -KH_MATCH_NO_METHOD);
    kh_methods_text(allow, text, sizeof text);
    CU_ASSERT_STRING_EQUAL(text, "POST, OPTIONS");
    CU_ASSERT_EQUAL(match(KH_METHOD_OPTIONS, "/v1/deposits/a"), -KH_MATCH_NO_METHOD);
    CU_ASSERT_EQUAL(match(KH_METHOD_OPTIONS, "/kms/v1/keys"), -KH_MATCH_NO_PATH);
}

static void a_route_says_whether_it_needs_an_identity(void)
{
    static const struct kh_route open = {KH_METHOD_GET, "/a", run, KH_ROUTE_INLINE, {0}};
    static const struct kh_route known = {KH_METHOD_GET, "/b", run, KH_ROUTE_KNOWN, {0}};
    static const struct kh_route purge = {KH_METHOD_POST, "/c", run, 0, {.post = 1}};

    CU_ASSERT_FALSE(kh_route_identity(&open));
    CU_ASSERT_TRUE(kh_route_identity(&known));
    CU_ASSERT_TRUE(kh_route_identity(&purge));
    CU_ASSERT_TRUE(kh_route_identity(&routes[4]));
}

static void names_are_decoded_once(void)
{
    CU_ASSERT_EQUAL(match(KH_METHOD_GET, "/v1/deposits/a%2Db%20c"), 0);
    CU_ASSERT_STRING_EQUAL(name, "a-b c");
    CU_ASSERT_EQUAL(match(KH_METHOD_GET, "/v1/deposits/%252e"), 0);
    CU_ASSERT_STRING_EQUAL(name, "%2e");
    CU_ASSERT_EQUAL(match(KH_METHOD_GET, "/v1/deposits/a+b"), 0);
    CU_ASSERT_STRING_EQUAL(name, "a+b");
    CU_ASSERT_EQUAL(match(KH_METHOD_GET, "/v1/deposits/%C3%A4"), 0);
    CU_ASSERT_STRING_EQUAL(name, "\xc3\xa4");
}

static void names_that_are_paths_or_not_text_are_refused(void)
{
    static const char *const bad[] = {"", ".", "..", "%2e%2e", "%2E", "a%2Fb", "%2f",
        "a%00b", "%", "%4", "%4g", "a%", "%ff", "%C0%80", "%ED%A0%80"};
    char path[64];

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        snprintf(path, sizeof path, "/v1/deposits/%s", bad[i]);
        CU_ASSERT_EQUAL(match(KH_METHOD_GET, path), -KH_MATCH_BAD_NAME);
        CU_ASSERT_STRING_EQUAL(name, "");
        CU_ASSERT_EQUAL(err.status, KH_INVALID);
    }
}

static void the_longest_name_fits_and_one_more_does_not(void)
{
    char path[300] = "/v1/deposits/";
    size_t start = strlen(path);

    memset(path + start, 'n', KH_NAME_MAX + 1);
    path[start + KH_NAME_MAX] = '\0';
    CU_ASSERT_EQUAL(match(KH_METHOD_GET, path), 0);
    CU_ASSERT_EQUAL(strlen(name), KH_NAME_MAX);
    path[start + KH_NAME_MAX] = 'n';
    path[start + KH_NAME_MAX + 1] = '\0';
    CU_ASSERT_EQUAL(match(KH_METHOD_GET, path), -KH_MATCH_BAD_NAME);
}

static struct kh_query query;

static kh_status parse(const char *raw, unsigned allowed)
{
    err = (struct kh_error){0};
    return kh_query_parse(raw, allowed, &query, &err);
}

static void query_values_are_read(void)
{
    KH_ASSERT_OK(parse("", KH_QUERY_VERSION), err);
    CU_ASSERT_FALSE(query.has_version);
    CU_ASSERT_EQUAL(query.limit, KH_QUERY_LIMIT_DEFAULT);
    KH_ASSERT_OK(parse("version=2147483647", KH_QUERY_VERSION), err);
    CU_ASSERT(query.has_version && query.version == KH_VERSION_MAX);
    KH_ASSERT_OK(parse("after=a%2Db&limit=1000", KH_QUERY_AFTER | KH_QUERY_LIMIT), err);
    CU_ASSERT_STRING_EQUAL(query.after, "a-b");
    CU_ASSERT_EQUAL(query.limit, 1000);
}

static void a_mistyped_parameter_is_refused_not_ignored(void)
{
    static const char *const bad[] = {"verson=1", "version", "version=", "version=-1",
        "version=+1", "version=1x", "version=2147483648", "version=99999999999",
        "version=1&", "&", "version=1&version=1", "version=1&x=2", "Version=1", "limit=5",
        "version=0x1"};

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        KH_ASSERT_FAILS(parse(bad[i], KH_QUERY_VERSION), KH_INVALID, err, "query");
    KH_ASSERT_FAILS(parse("version=1", 0), KH_INVALID, err, "not known here");
}

static void limits_of_a_listing_are_checked(void)
{
    KH_ASSERT_FAILS(parse("limit=0", KH_QUERY_LIMIT), KH_INVALID, err, "1 to 1000");
    KH_ASSERT_FAILS(parse("limit=1001", KH_QUERY_LIMIT), KH_INVALID, err, "1 to 1000");
    KH_ASSERT_FAILS(parse("after=", KH_QUERY_AFTER), KH_INVALID, err, "empty");
    KH_ASSERT_FAILS(parse("after=%00", KH_QUERY_AFTER), KH_INVALID, err, "NUL");
}

static void answers_and_cursors_are_read(void)
{
    unsigned copies = KH_QUERY_VERSION | KH_QUERY_NEW | KH_QUERY_DELETED;

    KH_ASSERT_OK(parse("version=3&new=yes", copies), err);
    CU_ASSERT(query.new_deposit && !query.deleted && query.version == 3);
    KH_ASSERT_OK(parse("deleted=yes&new=no", copies), err);
    CU_ASSERT(query.deleted && !query.new_deposit && !query.has_version);
    KH_ASSERT_OK(
        parse("after=%ff%2F%20&version=0", KH_QUERY_CURSOR | KH_QUERY_VERSION), err);
    CU_ASSERT_STRING_EQUAL(query.after, "\xff/ ");
    KH_ASSERT_OK(parse("versions=1000000000", KH_QUERY_VERSIONS), err);
    CU_ASSERT_EQUAL(query.versions, 1000000000);
}

static void wrong_answers_and_cursors_are_refused(void)
{
    static const char *const bad[] = {"deleted=", "deleted=1", "deleted=Yes",
        "deleted=yesn", "deleted", "new=true", "new=yes&new=yes"};

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        KH_ASSERT_FAILS(
            parse(bad[i], KH_QUERY_DELETED | KH_QUERY_NEW), KH_INVALID, err, "query");
    KH_ASSERT_FAILS(parse("after=", KH_QUERY_CURSOR), KH_INVALID, err, "empty");
    KH_ASSERT_FAILS(parse("after=%00", KH_QUERY_CURSOR), KH_INVALID, err, "NUL");
    KH_ASSERT_FAILS(parse("after=%ff", KH_QUERY_AFTER), KH_INVALID, err, "UTF-8");
    KH_ASSERT_FAILS(parse("versions=0", KH_QUERY_VERSIONS), KH_INVALID, err, "from 1");
    KH_ASSERT_FAILS(
        parse("versions=1000000001", KH_QUERY_VERSIONS), KH_INVALID, err, "from 1");
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"paths find their routes", paths_find_their_routes},
        {"other paths are not found", other_paths_are_not_found},
        {"a wrong method says what is allowed", a_wrong_method_says_what_is_allowed},
        {"Hadoop's routes take a handshake", hadoop_s_routes_take_a_handshake},
        {"a route says whether it needs an identity",
            a_route_says_whether_it_needs_an_identity},
        {"names are decoded once", names_are_decoded_once},
        {"names that are paths or not text are refused",
            names_that_are_paths_or_not_text_are_refused},
        {"the longest name fits and one more does not",
            the_longest_name_fits_and_one_more_does_not},
        {"query values are read", query_values_are_read},
        {"a mistyped parameter is refused, not ignored",
            a_mistyped_parameter_is_refused_not_ignored},
        {"a path with a query may have a route of its own",
            a_path_with_a_query_may_have_a_route_of_its_own},
        {"limits of a listing are checked", limits_of_a_listing_are_checked},
        {"answers and cursors are read", answers_and_cursors_are_read},
        {"wrong answers and cursors are refused", wrong_answers_and_cursors_are_refused},
    };

    return kh_test_main("server router", tests, sizeof tests / sizeof tests[0]);
}
