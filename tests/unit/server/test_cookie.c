#include "server/cookie.h"

#include "core/secmem.h"

#include "tests/lib/testlib.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

#define NOW 1795488618460U
#define SECRET "0123456789abcdef0123456789abcdef"

static struct kh_error err;
static struct kh_cookies *cookies;
static struct kh_principal who;
static const char *why;
static char *secret_path;
static char source[512];

static const struct kh_principal hdfs = {
    .krb5 = "hdfs/nn1@LAB.TEST", .user = "hdfs", .auth = KH_AUTH_KERBEROS};
static const struct kh_principal said = {.user = "bob", .auth = KH_AUTH_SIMPLE};

static void write_secret(const char *text)
{
    kh_test_write(secret_path, text, strlen(text), 0600);
}

static void start(const char *from, const char *domain, const char *path)
{
    kh_cookies_free(cookies);
    KH_ASSERT_OK_FATAL(
        kh_cookies_new(
            &cookies, &(struct kh_cookie_options){from, domain, path, 36000000}, &err),
        err);
}

static kh_cookie_found check(const char *header, uint64_t now)
{
    who = (struct kh_principal){.subject = "CN=x", .auth = KH_AUTH_NONE};
    return kh_cookie_check(cookies, header, now, &who, &why);
}

/* The pair NAME=VALUE of a Set-Cookie that WHOM gets, quotes and all. */
static char *pair(const struct kh_principal *whom)
{
    char *made = kh_cookie_make(cookies, whom, NOW);

    CU_ASSERT_PTR_NOT_NULL_FATAL(made);
    made[strcspn(made, ";")] = '\0';
    return made;
}

/* A cookie of TEXT with the right signature under SECRET. */
static const char *signed_by(const char *secret, const char *text)
{
    static char out[2048];
    unsigned char mac[EVP_MAX_MD_SIZE];
    char base64[64];
    unsigned n = 0;

    HMAC(EVP_sha256(), secret, (int)strlen(secret), (const unsigned char *)text,
        strlen(text), mac, &n);
    EVP_EncodeBlock((unsigned char *)base64, mac, (int)n);
    snprintf(out, sizeof out, "hadoop.auth=\"%s&s=%s\"", text, base64);
    return out;
}

static void it_has_hadoop_s_layout(void)
{
    char want[512];
    char *made;

    write_secret(SECRET "\n");
    start(source, NULL, NULL);
    made = kh_cookie_make(cookies, &hdfs, NOW);
    snprintf(want, sizeof want, "%s; Secure; HttpOnly",
        signed_by(SECRET, "u=hdfs&p=hdfs/nn1@LAB.TEST&t=kerberos-dt&e=1795524618460"));
    CU_ASSERT_STRING_EQUAL(made, want);
    free(made);
    made = kh_cookie_make(cookies, &said, NOW);
    CU_ASSERT_PTR_EQUAL(
        strstr(made, "hadoop.auth=\"u=bob&p=bob&t=simple-dt&e=1795524618460&s="), made);
    free(made);
    start(source, "example.com", "/kms");
    made = kh_cookie_make(cookies, &said, NOW);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(made, "\"; Path=/kms; Domain=example.com; Secure; HttpOnly"));
    free(made);
}

static void what_was_given_is_taken_back(void)
{
    char *made;

    start(NULL, NULL, NULL);
    made = pair(&hdfs);
    CU_ASSERT_EQUAL(check(made, NOW), KH_COOKIE_GOOD);
    CU_ASSERT_STRING_EQUAL(who.user, "hdfs");
    CU_ASSERT_STRING_EQUAL(who.krb5, "hdfs/nn1@LAB.TEST");
    CU_ASSERT_EQUAL(who.auth, KH_AUTH_KERBEROS);
    CU_ASSERT_STRING_EQUAL(who.subject, "CN=x");
    free(made);
    made = pair(&said);
    CU_ASSERT_EQUAL(check(made, NOW), KH_COOKIE_GOOD);
    CU_ASSERT_STRING_EQUAL(who.user, "bob");
    CU_ASSERT_STRING_EQUAL(who.krb5, "");
    CU_ASSERT_EQUAL(who.auth, KH_AUTH_SIMPLE);
    free(made);
}

static void it_is_found_quoted_or_not_among_others(void)
{
    static const char text[] = "u=a&p=a&t=simple-dt&e=9999999999999";
    const char *good;
    char header[2048];
    char bare[1024];

    write_secret(SECRET);
    start(source, NULL, NULL);
    good = signed_by(SECRET, text);
    snprintf(bare, sizeof bare, "hadoop.auth=%.*s", (int)strlen(good) - 14, good + 13);
    CU_ASSERT_EQUAL(check(good, NOW), KH_COOKIE_GOOD);
    CU_ASSERT_EQUAL(check(bare, NOW), KH_COOKIE_GOOD);
    snprintf(header, sizeof header, "x=1; my.hadoop.auth=no;%s ; y=2", good);
    CU_ASSERT_EQUAL(check(header, NOW), KH_COOKIE_GOOD);
    snprintf(header, sizeof header, "hadoop.auth=bad; %s", good);
    CU_ASSERT_EQUAL(check(header, NOW), KH_COOKIE_FORGED);
}

static void none_and_empty_are_none(void)
{
    start(NULL, NULL, NULL);
    CU_ASSERT_EQUAL(check(NULL, NOW), KH_COOKIE_NONE);
    CU_ASSERT_EQUAL(check("", NOW), KH_COOKIE_NONE);
    CU_ASSERT_EQUAL(check("; ;", NOW), KH_COOKIE_NONE);
    CU_ASSERT_EQUAL(check("a=b", NOW), KH_COOKIE_NONE);
    CU_ASSERT_PTR_NULL(why);
    CU_ASSERT_EQUAL(check("hadoop.auth=", NOW), KH_COOKIE_NONE);
    CU_ASSERT_STRING_EQUAL(why, "Unauthorized access");
    CU_ASSERT_EQUAL(check("hadoop.auth=\"\"", NOW), KH_COOKIE_NONE);
}

static void any_byte_changed_makes_it_forged(void)
{
    char *made;
    size_t len;

    start(NULL, NULL, NULL);
    made = pair(&hdfs);
    len = strlen(made);
    for (size_t i = 13; i + 1 < len; i++) {
        made[i] ^= 1;
        CU_ASSERT_NOT_EQUAL(check(made, NOW), KH_COOKIE_GOOD);
        CU_ASSERT_STRING_EQUAL(who.user, "");
        made[i] ^= 1;
    }
    CU_ASSERT_EQUAL(check(made, NOW), KH_COOKIE_GOOD);
    for (size_t cut = 13; cut + 1 < len; cut++) {
        char *half = strndup(made, cut);

        CU_ASSERT_NOT_EQUAL(check(half, NOW), KH_COOKIE_GOOD);
        free(half);
    }
    free(made);
}

static void an_end_is_an_end(void)
{
    char *made;

    start(NULL, NULL, NULL);
    made = pair(&said);
    CU_ASSERT_EQUAL(check(made, NOW + 36000000 - 1), KH_COOKIE_GOOD);
    CU_ASSERT_EQUAL(check(made, NOW + 36000000), KH_COOKIE_EXPIRED);
    CU_ASSERT_STRING_EQUAL(why, "AuthenticationToken expired");
    CU_ASSERT_STRING_EQUAL(who.user, "");
    free(made);
}

static void a_longer_one_is_refused(void)
{
    char header[70000] = "hadoop.auth=\"";

    start(NULL, NULL, NULL);
    memset(header + 13, 'a', sizeof header - 14);
    CU_ASSERT_EQUAL(check(header, NOW), KH_COOKIE_FORGED);
    CU_ASSERT_PTR_NOT_NULL(strstr(why, "Invalid signature"));
    memcpy(header + 13, "u=x&s=", 6);
    CU_ASSERT_EQUAL(check(header, NOW), KH_COOKIE_FORGED);
}

/* Whoever has the secret could sign these; another server may. */
static void what_is_signed_but_no_cookie_is_refused(void)
{
    static const char *const bad[] = {"", "u=a", "u=a&p=a&t=simple-dt",
        "p=a&u=a&t=simple-dt&e=9999999999999",
        "u=a&p=a&t=simple-dt&e=", "u=a&p=a&t=simple-dt&e=x", "u=a&p=a&t=simple-dt&e=-1",
        "u=a&p=a&t=simple-dt&e=9999999999999999999", "u=&p=a&t=simple-dt&e=9999999999999",
        "u=a/b&p=a&t=simple-dt&e=9999999999999", "u=a&p=a&t=root&e=9999999999999",
        "u=a&p=a&t=none&e=9999999999999", "u=a&p=a&t=simple-dt&e=9999999999999&x=1"};

    write_secret(SECRET);
    start(source, NULL, NULL);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CU_ASSERT_EQUAL(check(signed_by(SECRET, bad[i]), NOW), KH_COOKIE_FORGED);
    CU_ASSERT_EQUAL(
        check(signed_by(SECRET, "u=a&p=a&t=simple-dt&i=5&e=9999999999999"), NOW),
        KH_COOKIE_GOOD);
}

static void names_that_a_cookie_cannot_hold_get_none(void)
{
    struct kh_principal bad = hdfs;

    start(NULL, NULL, NULL);
    strcpy(bad.krb5, "a&u=root@R");
    CU_ASSERT_PTR_NULL(kh_cookie_make(cookies, &bad, NOW));
    bad = said;
    strcpy(bad.user, "a;b");
    CU_ASSERT_PTR_NULL(kh_cookie_make(cookies, &bad, NOW));
    bad = hdfs;
    bad.auth = KH_AUTH_TOKEN;
    CU_ASSERT_PTR_NULL(kh_cookie_make(cookies, &bad, NOW));
    bad.auth = KH_AUTH_CERTIFICATE;
    CU_ASSERT_PTR_NULL(kh_cookie_make(cookies, &bad, NOW));
}

static void the_longest_names_fit(void)
{
    struct kh_principal longest = {.auth = KH_AUTH_KERBEROS};
    char *made;

    start(NULL, NULL, NULL);
    memset(longest.krb5, 'p', sizeof longest.krb5 - 1);
    memset(longest.user, 'u', sizeof longest.user - 1);
    made = pair(&longest);
    CU_ASSERT_EQUAL(check(made, NOW), KH_COOKIE_GOOD);
    CU_ASSERT_STRING_EQUAL(who.krb5, longest.krb5);
    free(made);
}

static void servers_with_one_secret_take_each_other_s(void)
{
    struct kh_cookies *other = NULL;
    char *made;

    write_secret(SECRET);
    start(source, NULL, NULL);
    KH_ASSERT_OK_FATAL(kh_cookies_new(&other,
                           &(struct kh_cookie_options){source, NULL, NULL, 1000}, &err),
        err);
    made = kh_cookie_make(other, &hdfs, NOW);
    made[strcspn(made, ";")] = '\0';
    CU_ASSERT_EQUAL(check(made, NOW), KH_COOKIE_GOOD);
    start(NULL, NULL, NULL);
    CU_ASSERT_EQUAL(check(made, NOW), KH_COOKIE_FORGED);
    free(made);
    kh_cookies_free(other);
}

static void a_new_secret_keeps_the_one_before(void)
{
    char *first;
    char *second;

    write_secret(SECRET);
    start(source, NULL, NULL);
    first = pair(&hdfs);
    KH_ASSERT_OK(kh_cookies_rotate(cookies, &err), err); /* the same: nothing changes */
    write_secret("another secret of some length");
    KH_ASSERT_OK(kh_cookies_rotate(cookies, &err), err);
    CU_ASSERT_EQUAL(check(first, NOW), KH_COOKIE_GOOD);
    second = pair(&hdfs);
    CU_ASSERT_STRING_NOT_EQUAL(first, second);
    write_secret("and a third secret, as long");
    KH_ASSERT_OK(kh_cookies_rotate(cookies, &err), err);
    CU_ASSERT_EQUAL(check(first, NOW), KH_COOKIE_FORGED);
    CU_ASSERT_EQUAL(check(second, NOW), KH_COOKIE_GOOD);
    write_secret("short");
    KH_ASSERT_FAILS(
        kh_cookies_rotate(cookies, &err), KH_INVALID, err, "less than 16 bytes");
    CU_ASSERT_EQUAL(check(second, NOW), KH_COOKIE_GOOD);
    free(first);
    free(second);
}

static void random_secrets_rotate_too(void)
{
    char *made;

    start(NULL, NULL, NULL);
    made = pair(&said);
    KH_ASSERT_OK(kh_cookies_rotate(cookies, &err), err);
    CU_ASSERT_EQUAL(check(made, NOW), KH_COOKIE_GOOD);
    KH_ASSERT_OK(kh_cookies_rotate(cookies, &err), err);
    CU_ASSERT_EQUAL(check(made, NOW), KH_COOKIE_FORGED);
    free(made);
}

static void refused(struct kh_cookie_options options, kh_status st, const char *word)
{
    struct kh_cookies *none = NULL;

    KH_ASSERT_FAILS(kh_cookies_new(&none, &options, &err), st, err, word);
    CU_ASSERT_PTR_NULL(none);
}

static void wrong_settings_are_refused(void)
{
    write_secret("fifteen bytes..");
    refused(
        (struct kh_cookie_options){.source = source}, KH_INVALID, "less than 16 bytes");
    refused((struct kh_cookie_options){.domain = "a; b"}, KH_INVALID, "domain");
    refused((struct kh_cookie_options){.path = "/a\"b"}, KH_INVALID, "path");
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"it has Hadoop's layout", it_has_hadoop_s_layout},
        {"what was given is taken back", what_was_given_is_taken_back},
        {"it is found quoted or not among others",
            it_is_found_quoted_or_not_among_others},
        {"none and empty are none", none_and_empty_are_none},
        {"any byte changed makes it forged", any_byte_changed_makes_it_forged},
        {"an end is an end", an_end_is_an_end},
        {"a longer one is refused", a_longer_one_is_refused},
        {"what is signed but no cookie is refused",
            what_is_signed_but_no_cookie_is_refused},
        {"names that a cookie cannot hold get none",
            names_that_a_cookie_cannot_hold_get_none},
        {"the longest names fit", the_longest_names_fit},
        {"servers with one secret take each other's",
            servers_with_one_secret_take_each_other_s},
        {"a new secret keeps the one before", a_new_secret_keeps_the_one_before},
        {"random secrets rotate too", random_secrets_rotate_too},
        {"wrong settings are refused", wrong_settings_are_refused},
    };
    int rc;

    secret_path = kh_test_path(kh_test_dir(), "cookie.secret");
    snprintf(source, sizeof source, "file:%s", secret_path);
    rc = kh_test_main("server cookie", tests, sizeof tests / sizeof tests[0]);
    kh_cookies_free(cookies);
    free(secret_path);
    return rc;
}
