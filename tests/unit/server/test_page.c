/* The page as it is sent, and the pages for those who may not see it. */
#include "server/page.h"

#include "server/page_data.h"
#include "server/reply.h"

#include "tests/lib/testlib.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

static const struct kh_route route = {
    KH_METHOD_GET, "/", kh_page, 0, {.read = KH_OP_STATUS}};
static struct kh_request request;

static void begin(void)
{
    request = (struct kh_request){.method = KH_METHOD_GET,
        .route = &route,
        .query = "",
        .id = "id",
        .wants_html = true};
}

static void end(void)
{
    kh_response_clear(&request.response);
}

static const char *header(const char *name)
{
    const struct kh_response *r = &request.response;

    for (size_t i = 0; i < r->header_count; i++) {
        if (strcmp(r->headers[i].name, name) == 0)
            return r->headers[i].value;
    }
    return "";
}

static bool body_has(const char *text)
{
    return memmem(request.response.body.data, request.response.body.len, text,
               strlen(text)) != NULL;
}

/* The hash of what stands between OPEN and CLOSE, as a policy names it. */
static void hash_of(const char *open, const char *close, char *out, size_t size)
{
    const char *from = strstr(kh_page_html, open);
    const char *to = from ? strstr(from, close) : NULL;
    unsigned char digest[32];
    unsigned char coded[64];

    CU_ASSERT_PTR_NOT_NULL_FATAL(from);
    CU_ASSERT_PTR_NOT_NULL_FATAL(to);
    from += strlen(open);
    CU_ASSERT_EQUAL_FATAL(
        EVP_Q_digest(NULL, "SHA256", NULL, from, (size_t)(to - from), digest, NULL), 1);
    EVP_EncodeBlock(coded, digest, sizeof digest);
    snprintf(out, size, "'sha256-%s'", (const char *)coded);
}

static void the_policy_names_the_script_and_the_style_that_are_there(void)
{
    char script[80];
    char style[80];
    char want[120];

    hash_of("<script>", "</script>", script, sizeof script);
    hash_of("<style>", "</style>", style, sizeof style);
    snprintf(want, sizeof want, "script-src %s;", script);
    CU_ASSERT_PTR_NOT_NULL(strstr(kh_page_policy, want));
    snprintf(want, sizeof want, "style-src %s;", style);
    CU_ASSERT_PTR_NOT_NULL(strstr(kh_page_policy, want));
    CU_ASSERT_PTR_NOT_NULL(strstr(kh_page_refusal_policy, want));
    CU_ASSERT_PTR_NULL(strstr(kh_page_refusal_policy, "script-src"));
    CU_ASSERT_PTR_NULL(strstr(kh_page_policy, "unsafe"));
}

static void the_page_is_sent_with_everything_shut(void)
{
    static const char *const directives[] = {"default-src 'none'", "connect-src 'self'",
        "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
        "require-trusted-types-for 'script'"};

    begin();
    kh_page(NULL, &request);
    CU_ASSERT_EQUAL(request.response.status, 200);
    CU_ASSERT_STRING_EQUAL(request.response.type, "text/html; charset=utf-8");
    CU_ASSERT_EQUAL(request.response.body.len, kh_page_html_len);
    for (size_t i = 0; i < sizeof directives / sizeof directives[0]; i++)
        CU_ASSERT_PTR_NOT_NULL(strstr(header("Content-Security-Policy"), directives[i]));
    CU_ASSERT_STRING_EQUAL(header("Referrer-Policy"), "no-referrer");
    CU_ASSERT_STRING_EQUAL(header("X-Frame-Options"), "DENY");
    end();
}

/* Every source of text that becomes HTML is shut off by what the page does not use. */
static void the_script_never_makes_html_of_text(void)
{
    static const char *const ways[] = {"innerHTML", "outerHTML", "insertAdjacentHTML",
        "document.write", "eval(", "new Function", "DOMParser", "javascript:"};

    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++)
        CU_ASSERT_PTR_NULL(strstr(kh_page_html, ways[i]));
    CU_ASSERT_PTR_NULL(strstr(kh_page_html, "src="));
    CU_ASSERT_PTR_NULL(strstr(kh_page_html, "style="));
    CU_ASSERT_PTR_NULL(strstr(kh_page_html, "https://"));
    CU_ASSERT_PTR_NULL(strstr(kh_page_html, "@STYLE@"));
    CU_ASSERT_PTR_NULL(strstr(kh_page_html, "@SCRIPT@"));
}

static void a_query_is_refused(void)
{
    begin();
    request.query = "x=1";
    kh_page(NULL, &request);
    CU_ASSERT_EQUAL(request.response.status, 400);
    end();
}

static void refuse(int status)
{
    kh_response_error(&request.response, status, "code", "in words", NULL);
    kh_page_refuse(&request);
}

static void a_browser_is_refused_in_words(void)
{
    begin();
    refuse(401);
    CU_ASSERT_EQUAL(request.response.status, 401);
    CU_ASSERT_STRING_EQUAL(request.response.type, "text/html; charset=utf-8");
    CU_ASSERT_TRUE(body_has("does not know who you are"));
    CU_ASSERT_PTR_NOT_NULL(
        strstr(header("Content-Security-Policy"), "default-src 'none'"));
    end();
}

static void who_is_refused_is_named_and_escaped(void)
{
    begin();
    snprintf(request.principal.subject, sizeof request.principal.subject,
        "CN=<script>alert(1)</script>\"&");
    refuse(403);
    CU_ASSERT_TRUE(
        body_has("CN=&lt;script&gt;alert(1)&lt;/script&gt;&quot;&amp;</code>"));
    CU_ASSERT_FALSE(body_has("<script>"));
    CU_ASSERT_FALSE(body_has("@WHO@"));
    end();
}

static void others_keep_their_json(void)
{
    static const struct kh_route other = {
        KH_METHOD_GET, "/x", kh_page, 0, {.read = KH_OP_GET}};

    begin();
    request.wants_html = false;
    refuse(403);
    CU_ASSERT_STRING_EQUAL(request.response.type, "application/json");
    end();
    begin();
    request.route = &other;
    refuse(403);
    CU_ASSERT_STRING_EQUAL(request.response.type, "application/json");
    end();
    begin();
    refuse(503);
    CU_ASSERT_STRING_EQUAL(request.response.type, "application/json");
    CU_ASSERT_TRUE(body_has("in words"));
    end();
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"the policy names the script and the style that are there",
            the_policy_names_the_script_and_the_style_that_are_there},
        {"the page is sent with everything shut", the_page_is_sent_with_everything_shut},
        {"the script never makes HTML of text", the_script_never_makes_html_of_text},
        {"a query is refused", a_query_is_refused},
        {"a browser is refused in words", a_browser_is_refused_in_words},
        {"who is refused is named and escaped", who_is_refused_is_named_and_escaped},
        {"others keep their JSON", others_keep_their_json},
    };

    return kh_test_main("server/page", tests, sizeof tests / sizeof tests[0]);
}
