/* The order of the ways to be known, with ways of another's that say what they saw. */
#include "server/authn.h"

#include "core/secmem.h"
#include "server/hadoop.h"
#include "server/reply.h"
#include "server/router.h"

#include "tests/lib/testlib.h"

#include <stdlib.h>
#include <string.h>

static void run(struct kh_app *app, struct kh_request *r)
{
    (void)app, (void)r;
}

enum { OPEN, KNOWN, RULED, HADOOP };
static const struct kh_route routes[] = {
    [OPEN] = {KH_METHOD_GET, "/open", run, 0, {0}},
    [KNOWN] = {KH_METHOD_GET, "/known", run, KH_ROUTE_KNOWN, {0}},
    [RULED] = {KH_METHOD_GET, "/ruled", run, 0, {.read = KH_OP_GET}},
    [HADOOP] = {KH_METHOD_GET, "/kms/v1/keys/names", run, KH_ROUTE_HADOOP, {0}},
};

static struct kh_request request;
static int gate_place; /* authentication only asks whether there is a gate */

/* What the ways of another do, and how often they were asked. */
static struct {
    kh_authn_step token;
    kh_authn_step identified;
    unsigned tokens;
    unsigned identifieds;
    char seen[256];
} other;

static kh_authn_step on_token(void *arg, struct kh_request *r)
{
    CU_ASSERT_PTR_EQUAL(arg, &other);
    other.tokens++;
    if (other.token == KH_AUTHN_OK) {
        strcpy(r->principal.user, "owner");
        r->principal.auth = KH_AUTH_TOKEN;
    } else if (other.token == KH_AUTHN_ANSWERED) {
        kh_hadoop_exception(&r->response, 403, KH_JAVA_AUTHENTICATION, "no");
    }
    return other.token;
}

static kh_authn_step on_identified(void *arg, struct kh_request *r)
{
    CU_ASSERT_PTR_EQUAL(arg, &other);
    other.identifieds++;
    snprintf(other.seen, sizeof other.seen, "%s", kh_auth_name(r->principal.auth));
    if (other.identified == KH_AUTHN_ANSWERED)
        r->response.status = 418;
    return other.identified;
}

static const struct kh_authn_extra extra = {&other, on_token, on_identified};

static void start(int route, kh_method method, bool certificate)
{
    kh_response_clear(&request.response);
    free(request.set_cookie);
    free(request.authenticate);
    other.tokens = other.identifieds = 0;
    other.token = other.identified = KH_AUTHN_NEXT;
    request = (struct kh_request){.method = method, .route = &routes[route], .id = "id"};
    request.path = (char *)(uintptr_t)routes[route].pattern;
    if (certificate) {
        strcpy(request.principal.subject, "CN=alice");
        memset(request.principal.fingerprint, 'a', 64);
    }
}

static bool enter(void)
{
    struct kh_app app = {
        .gate = (struct kh_gate *)(void *)&gate_place, .authn_extra = &extra};
    bool entered = kh_authn_enter(&app, &request);

    CU_ASSERT_EQUAL(entered, request.response.status == 0);
    return entered;
}

static const char *header(const char *name)
{
    for (size_t i = 0; i < request.response.header_count; i++) {
        if (strcmp(request.response.headers[i].name, name) == 0)
            return request.response.headers[i].value;
    }
    return "";
}

static bool body_has(const char *text)
{
    const struct kh_buf *body = &request.response.body;

    return memmem(body->data, body->len, text, strlen(text)) != NULL;
}

static void an_open_route_asks_nobody(void)
{
    start(OPEN, KH_METHOD_GET, false);
    CU_ASSERT_TRUE(enter());
    CU_ASSERT_EQUAL(request.principal.auth, KH_AUTH_NONE);
    CU_ASSERT_EQUAL(other.tokens + other.identifieds, 0);
}

static void a_certificate_identifies(void)
{
    for (int route = KNOWN; route <= HADOOP; route++) {
        start(route, KH_METHOD_GET, true);
        CU_ASSERT_TRUE(enter());
        CU_ASSERT_EQUAL(request.principal.auth, KH_AUTH_CERTIFICATE);
        CU_ASSERT_EQUAL(other.identifieds, route == HADOOP);
    }
}

static void a_stranger_gets_401_in_the_form_of_the_route(void)
{
    start(KNOWN, KH_METHOD_GET, false);
    CU_ASSERT_FALSE(enter());
    CU_ASSERT_EQUAL(request.response.status, 401);
    CU_ASSERT_STRING_EQUAL(request.response.type, "application/json");
    CU_ASSERT_PTR_NOT_NULL(strstr(header("WWW-Authenticate"), "Certificate"));
    CU_ASSERT_PTR_NULL(request.set_cookie);
    start(HADOOP, KH_METHOD_GET, false);
    CU_ASSERT_FALSE(enter());
    CU_ASSERT_EQUAL(request.response.status, 401);
    CU_ASSERT_STRING_EQUAL(request.response.type, "text/html;charset=iso-8859-1");
    CU_ASSERT_STRING_EQUAL(request.response.reason, "Authentication required");
    CU_ASSERT_TRUE(body_has("<td>/kms/v1/keys/names</td>"));
    CU_ASSERT_TRUE(body_has("<title>Error 401 Authentication required</title>"));
    kh_authn_headers(&request);
    CU_ASSERT_STRING_EQUAL(header("Set-Cookie"), "hadoop.auth=; HttpOnly");
    CU_ASSERT_PTR_NULL(request.set_cookie);
}

static void without_a_gate_the_handshake_was_enough(void)
{
    struct kh_app app = {.gate = NULL};

    start(KNOWN, KH_METHOD_GET, false);
    CU_ASSERT_TRUE(kh_authn_enter(&app, &request));
    start(HADOOP, KH_METHOD_GET, false);
    CU_ASSERT_FALSE(kh_authn_enter(&app, &request));
    CU_ASSERT_EQUAL(request.response.status, 401);
}

static void a_token_comes_before_the_certificate(void)
{
    start(HADOOP, KH_METHOD_GET, true);
    other.token = KH_AUTHN_OK;
    CU_ASSERT_TRUE(enter());
    CU_ASSERT_EQUAL(request.principal.auth, KH_AUTH_TOKEN);
    CU_ASSERT_STRING_EQUAL(request.principal.user, "owner");
    CU_ASSERT_EQUAL(other.identifieds, 0);
    start(RULED, KH_METHOD_GET, true);
    other.token = KH_AUTHN_OK;
    CU_ASSERT_TRUE(enter());
    CU_ASSERT_EQUAL(other.tokens, 0);
    CU_ASSERT_EQUAL(request.principal.auth, KH_AUTH_CERTIFICATE);
}

static void what_another_answered_goes_no_further(void)
{
    start(HADOOP, KH_METHOD_GET, true);
    other.token = KH_AUTHN_ANSWERED;
    CU_ASSERT_FALSE(enter());
    CU_ASSERT_EQUAL(request.response.status, 403);
    CU_ASSERT_TRUE(body_has("\"exception\":\"AuthenticationException\""));
    CU_ASSERT_EQUAL(other.identifieds, 0);
    start(HADOOP, KH_METHOD_GET, true);
    other.identified = KH_AUTHN_ANSWERED;
    CU_ASSERT_FALSE(enter());
    CU_ASSERT_EQUAL(request.response.status, 418);
    CU_ASSERT_STRING_EQUAL(other.seen, "certificate");
}

static void a_handshake_is_answered_200(void)
{
    start(HADOOP, KH_METHOD_OPTIONS, true);
    CU_ASSERT_FALSE(enter());
    CU_ASSERT_EQUAL(request.response.status, 200);
    CU_ASSERT_EQUAL(other.identifieds, 1);
    start(HADOOP, KH_METHOD_OPTIONS, false);
    CU_ASSERT_FALSE(enter());
    CU_ASSERT_EQUAL(request.response.status, 401);
}

static void a_token_is_enough_for_a_handshake(void)
{
    start(HADOOP, KH_METHOD_OPTIONS, false);
    other.token = KH_AUTHN_OK;
    CU_ASSERT_FALSE(enter());
    CU_ASSERT_EQUAL(request.response.status, 200);
    CU_ASSERT_EQUAL(other.identifieds, 0);
}

static void what_is_added_outlives_another_answer(void)
{
    start(KNOWN, KH_METHOD_GET, true);
    request.authenticate = strdup("Negotiate abc");
    request.set_cookie = strdup("a=b");
    kh_response_error(&request.response, 503, "busy", "later", NULL);
    kh_response_clear(&request.response);
    kh_authn_headers(&request);
    CU_ASSERT_STRING_EQUAL(header("WWW-Authenticate"), "Negotiate abc");
    CU_ASSERT_STRING_EQUAL(header("Set-Cookie"), "a=b");
    CU_ASSERT_STRING_EQUAL(header("Persistent-Auth"), "false");
    CU_ASSERT_EQUAL(request.response.header_count, 3);
}

static void errors_have_the_form_of_the_route(void)
{
    start(KNOWN, KH_METHOD_GET, true);
    kh_reply_status(&request, KH_INVALID, &(struct kh_error){.message = "wrong"});
    CU_ASSERT_TRUE(body_has("{\"error\":{\"code\":\"invalid\""));
    start(HADOOP, KH_METHOD_GET, true);
    kh_reply_status(&request, KH_INVALID, &(struct kh_error){.message = "wrong"});
    CU_ASSERT_EQUAL(request.response.status, 400);
    CU_ASSERT_TRUE(body_has("\"javaClassName\":\"java.lang.IllegalArgumentException\""));
    CU_ASSERT_TRUE(body_has("\"message\":\"wrong\""));
    kh_reply_status(&request, KH_REFUSED, &(struct kh_error){.message = "no"});
    CU_ASSERT_EQUAL(request.response.status, 403);
    CU_ASSERT_TRUE(body_has("\"exception\":\"AuthorizationException\""));
    kh_reply_later(&request, 503, "later", 1);
    CU_ASSERT_TRUE(body_has("\"javaClassName\":\"java.io.IOException\""));
    kh_hadoop_exception(&request.response, 500, KH_JAVA_IO, NULL);
    CU_ASSERT_TRUE(body_has("\"message\":null"));
    kh_hadoop_exception(&request.response, 500, KH_JAVA_IO, "\xff");
    CU_ASSERT_TRUE(body_has("\"message\":\"(not printable)\""));
}

static void a_page_says_nothing_but_text(void)
{
    start(HADOOP, KH_METHOD_GET, false);
    request.path = (char *)(uintptr_t) "/kms/<script>&\"\xc3\xa9";
    kh_hadoop_page(&request, 401, "a\r\nSet-Cookie: b<i>");
    CU_ASSERT_STRING_EQUAL(request.response.reason, "a??Set-Cookie: b<i>");
    CU_ASSERT_TRUE(body_has("<td>/kms/&lt;script&gt;&amp;&quot;?\?</td>"));
    CU_ASSERT_TRUE(body_has("<td>a??Set-Cookie: b&lt;i&gt;</td>"));
    CU_ASSERT_FALSE(body_has("<script>"));
    kh_hadoop_page(&request, 400, "x");
    CU_ASSERT_TRUE(body_has("<tr><th>STATUS:</th><td>400</td></tr>"));
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"an open route asks nobody", an_open_route_asks_nobody},
        {"a certificate identifies", a_certificate_identifies},
        {"a stranger gets 401 in the form of the route",
            a_stranger_gets_401_in_the_form_of_the_route},
        {"without a gate the handshake was enough",
            without_a_gate_the_handshake_was_enough},
        {"a token comes before the certificate", a_token_comes_before_the_certificate},
        {"what another answered goes no further", what_another_answered_goes_no_further},
        {"a handshake is answered 200", a_handshake_is_answered_200},
        {"a token is enough for a handshake", a_token_is_enough_for_a_handshake},
        {"what is added outlives another answer", what_is_added_outlives_another_answer},
        {"errors have the form of the route", errors_have_the_form_of_the_route},
        {"a page says nothing but text", a_page_says_nothing_but_text},
    };
    int status = kh_test_main("server authn", tests, sizeof tests / sizeof tests[0]);

    kh_response_clear(&request.response);
    free(request.set_cookie);
    free(request.authenticate);
    return status;
}
