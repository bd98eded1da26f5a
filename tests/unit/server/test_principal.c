#include "server/principal.h"

#include "tests/lib/testlib.h"

#include <string.h>

static void somebody_is_known_by_any_of_his_names(void)
{
    CU_ASSERT_FALSE(kh_principal_known(&(struct kh_principal){0}));
    CU_ASSERT_TRUE(kh_principal_known(&(struct kh_principal){.fingerprint = "f"}));
    CU_ASSERT_TRUE(kh_principal_known(&(struct kh_principal){.subject = "CN=a"}));
    CU_ASSERT_TRUE(kh_principal_known(&(struct kh_principal){.krb5 = "a@R"}));
    CU_ASSERT_TRUE(kh_principal_known(&(struct kh_principal){.user = "a"}));
    CU_ASSERT_FALSE(
        kh_principal_known(&(struct kh_principal){.auth = KH_AUTH_CERTIFICATE}));
}

static void name_is(struct kh_principal who, const char *want)
{
    CU_ASSERT_STRING_EQUAL(kh_principal_name(&who), want);
}

static void one_name_stands_for_him_in_the_logs(void)
{
    name_is((struct kh_principal){0}, "");
    name_is((struct kh_principal){.subject = "CN=a", .user = "a"}, "CN=a");
    name_is((struct kh_principal){.subject = "CN=a", .krb5 = "b@R", .user = "b"}, "b@R");
    name_is((struct kh_principal){.user = "c", .auth = KH_AUTH_SIMPLE}, "c");
    /* A name that was only said is not that of the certificate. */
    name_is((struct kh_principal){.subject = "CN=a", .user = "c", .auth = KH_AUTH_SIMPLE},
        "c");
    name_is((struct kh_principal){.subject = "CN=a", .user = "t", .auth = KH_AUTH_TOKEN},
        "t");
}

static void who_acts_for_another_is_named_himself(void)
{
    name_is((struct kh_principal){.krb5 = "knox/g@R", .user = "u", .real_user = "knox"},
        "knox/g@R");
    name_is(
        (struct kh_principal){.user = "u", .real_user = "knox", .auth = KH_AUTH_SIMPLE},
        "knox");
    name_is(
        (struct kh_principal){.user = "u", .real_user = "knox", .auth = KH_AUTH_TOKEN},
        "knox");
}

static void every_way_has_a_name(void)
{
    CU_ASSERT_STRING_EQUAL(kh_auth_name(KH_AUTH_NONE), "none");
    CU_ASSERT_STRING_EQUAL(kh_auth_name(KH_AUTH_CERTIFICATE), "certificate");
    CU_ASSERT_STRING_EQUAL(kh_auth_name(KH_AUTH_KERBEROS), "kerberos");
    CU_ASSERT_STRING_EQUAL(kh_auth_name(KH_AUTH_SIMPLE), "simple");
    CU_ASSERT_STRING_EQUAL(kh_auth_name(KH_AUTH_TOKEN), "token");
}

static void a_short_name_has_nothing_that_means_something(void)
{
    static const char bad[] = "/@&=\";,\\ \t\n\x01\x7f";
    char text[300];

    CU_ASSERT_TRUE(kh_user_valid("hdfs"));
    CU_ASSERT_TRUE(kh_user_valid("Jos\xc3\xa9-1._$"));
    CU_ASSERT_FALSE(kh_user_valid(""));
    for (const char *c = bad; *c; c++) {
        snprintf(text, sizeof text, "a%cb", *c);
        CU_ASSERT_FALSE(kh_user_valid(text));
    }
    CU_ASSERT_FALSE(kh_user_valid("a\xff"));
    memset(text, 'x', sizeof text);
    text[255] = '\0';
    CU_ASSERT_TRUE(kh_user_valid(text));
    text[255] = 'x';
    text[256] = '\0';
    CU_ASSERT_FALSE(kh_user_valid(text));
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"somebody is known by any of his names", somebody_is_known_by_any_of_his_names},
        {"one name stands for him in the logs", one_name_stands_for_him_in_the_logs},
        {"who acts for another is named himself", who_acts_for_another_is_named_himself},
        {"every way has a name", every_way_has_a_name},
        {"a short name has nothing that means something",
            a_short_name_has_nothing_that_means_something},
    };

    return kh_test_main("server principal", tests, sizeof tests / sizeof tests[0]);
}
