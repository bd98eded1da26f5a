#include "server/kms/acl.h"
#include "server/kms/hosts.h"

#include "tests/lib/testlib.h"
#include "tests/unit/server/kms/support.h"

#include <string.h>

#define QUIET "[kms]\nsystem_groups = no\n"

static struct kh_error err;

static bool among(const char *list, const char *address)
{
    struct kms_hosts *hosts = NULL;
    bool is;

    KH_ASSERT_OK(kms_hosts_add(&hosts, list, &err), err);
    is = kms_hosts_have(hosts, address);
    CU_ASSERT_EQUAL(kms_hosts_have(hosts, address), is);
    kms_hosts_free(hosts);
    return is;
}

static void addresses_are_compared_as_addresses(void)
{
    CU_ASSERT_TRUE(among("127.0.0.1", "127.0.0.1"));
    CU_ASSERT_TRUE(among("10.1.2.3, 127.0.0.1", "127.0.0.1"));
    CU_ASSERT_FALSE(among("127.0.0.1", "127.0.0.10"));
    CU_ASSERT_FALSE(among("127.0.0.10", "127.0.0.1"));
    CU_ASSERT_TRUE(among("::1", "0:0:0:0:0:0:0:1"));
    CU_ASSERT_FALSE(among("::1", "127.0.0.1"));
    CU_ASSERT_TRUE(among("127.0.0.1", "::ffff:127.0.0.1"));
    CU_ASSERT_FALSE(among("127.0.0.1", ""));
    CU_ASSERT_FALSE(among("127.0.0.1", "localhost"));
    CU_ASSERT_FALSE(among("", "127.0.0.1"));
    CU_ASSERT_FALSE(kms_hosts_have(NULL, "127.0.0.1"));
}

static void networks_have_a_length(void)
{
    CU_ASSERT_TRUE(among("10.0.0.0/8", "10.255.3.4"));
    CU_ASSERT_FALSE(among("10.0.0.0/8", "11.0.0.0"));
    CU_ASSERT_TRUE(among("192.168.4.0/22", "192.168.7.255"));
    CU_ASSERT_FALSE(among("192.168.4.0/22", "192.168.8.0"));
    CU_ASSERT_TRUE(among("10.1.2.3/32", "10.1.2.3"));
    CU_ASSERT_FALSE(among("10.1.2.3/32", "10.1.2.2"));
    CU_ASSERT_TRUE(among("0.0.0.0/0", "203.0.113.9"));
    CU_ASSERT_FALSE(among("0.0.0.0/0", "2001:db8::1"));
    CU_ASSERT_TRUE(among("2001:db8::/33", "2001:db8:7fff::1"));
    CU_ASSERT_FALSE(among("2001:db8::/33", "2001:db8:8000::1"));
    CU_ASSERT_TRUE(among("::/0", "2001:db8::1"));
    CU_ASSERT_TRUE(among("*", "203.0.113.9"));
    CU_ASSERT_TRUE(among("10.0.0.1,*", "203.0.113.9"));
}

static void names_are_looked_up(void)
{
    CU_ASSERT_TRUE(among("localhost", "127.0.0.1"));
    CU_ASSERT_FALSE(among("localhost", "10.0.0.1"));
    CU_ASSERT_FALSE(among("no-such-host.invalid", "127.0.0.1"));
    CU_ASSERT_TRUE(among("no-such-host.invalid,localhost", "127.0.0.1"));
}

static void hosts_that_are_none_are_refused(void)
{
    static const char *const wrong[] = {"10.0.0.0/33", "10.0.0.0/", "10.0.0.0/8x",
        "10.0.0.0/-1", "10.0.0.0/ 8", "10.0.0.1/8", "2001:db8::/129", "host/8", "10.0.0",
        "10.0.0.256", "a b/", "-x", "hue_%", "/8", "10.0.0.0/8/8", "10.0.0.*"};

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct kms_hosts *hosts = NULL;

        KH_ASSERT_FAILS(kms_hosts_add(&hosts, wrong[i], &err), KH_INVALID, err, "is no ");
        kms_hosts_free(hosts);
    }
}

static kh_status load(struct kms_acl **acl, const char *text)
{
    struct kh_config *config = NULL;
    kh_status st = kms_test_config(&config, text, &err);

    *acl = NULL;
    if (st == KH_OK)
        st = kms_acl_new(acl, config, &err);
    kh_config_free(config);
    return st;
}

static char text[KMS_ACT_TEXT];

static bool may(
    struct kms_acl *acl, const char *proxy, const char *user, const char *address)
{
    struct kh_principal who = kms_test_user(proxy, "");

    return kms_acl_may_act(acl, &who, (const char *const[]){user, address}, text);
}

static void a_proxy_acts_for_its_users_from_its_hosts(void)
{
    struct kms_acl *acl = NULL;

    KH_ASSERT_OK_FATAL(load(&acl, QUIET "[kms.proxyuser]\n"
                                        "a = hue users alice,bob\n"
                                        "b = hue groups staff\n"
                                        "c = hue hosts 10.0.0.0/24\n"
                                        "d = hue hosts 10.0.1.1\n"
                                        "e = any groups *\nf = any hosts *\n"
                                        "g = nohost users *\n"
                                        "h = nouser hosts *\n"
                                        "[kms.groups]\nstaff = carol\n"),
        err);
    CU_ASSERT_TRUE(may(acl, "hue", "alice", "10.0.0.7"));
    CU_ASSERT_STRING_EQUAL(text, "");
    CU_ASSERT_TRUE(may(acl, "hue", "carol", "10.0.1.1"));
    CU_ASSERT_TRUE(may(acl, "any", "mallory", "203.0.113.9"));
    CU_ASSERT_FALSE(may(acl, "hue", "mallory", "10.0.0.7"));
    CU_ASSERT_STRING_EQUAL(text, "User: hue is not allowed to impersonate mallory");
    CU_ASSERT_FALSE(may(acl, "hue", "alice", "10.0.2.7"));
    CU_ASSERT_STRING_EQUAL(
        text, "Unauthorized connection for super-user: hue from IP 10.0.2.7");
    CU_ASSERT_FALSE(may(acl, "nohost", "alice", "10.0.0.7"));
    CU_ASSERT_STRING_EQUAL(
        text, "Unauthorized connection for super-user: nohost from IP 10.0.0.7");
    CU_ASSERT_FALSE(may(acl, "nouser", "alice", "10.0.0.7"));
    CU_ASSERT_STRING_EQUAL(text, "User: nouser is not allowed to impersonate alice");
    CU_ASSERT_FALSE(may(acl, "bob", "alice", "10.0.0.7"));
    CU_ASSERT_STRING_EQUAL(text, "User: bob is not allowed to impersonate alice");
    /* Neither for itself, nor for nobody, nor as nobody. */
    CU_ASSERT_FALSE(may(acl, "hue", "hue", "10.0.0.7"));
    CU_ASSERT_FALSE(may(acl, "any", "", "10.0.0.7"));
    CU_ASSERT_FALSE(may(acl, "", "alice", "10.0.0.7"));
    kms_acl_free(acl);
}

static void wrong_lines_are_refused(void)
{
    static const struct {
        const char *line;
        const char *word;
    } wrong[] = {{"", "missing"}, {"hue", "missing"}, {"hue group staff", "none of"},
        {"hue users alice, bob", "blank"}, {"hue users alice staff", "blank"},
        {"hue hosts 10.0.0.1/8", "network"}, {"hue hosts a_%", "no host"}};

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct kms_acl *acl = NULL;
        char ini[200];

        (void)snprintf(ini, sizeof ini, "[kms.proxyuser]\nx = %s\n", wrong[i].line);
        KH_ASSERT_FAILS(load(&acl, ini), KH_INVALID, err, wrong[i].word);
        CU_ASSERT_PTR_NOT_NULL(strstr(err.message, ":2: x: "));
        CU_ASSERT_PTR_NULL(acl);
    }
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"addresses are compared as addresses", addresses_are_compared_as_addresses},
        {"networks have a length", networks_have_a_length},
        {"names are looked up", names_are_looked_up},
        {"hosts that are none are refused", hosts_that_are_none_are_refused},
        {"a proxy acts for its users, from its hosts",
            a_proxy_acts_for_its_users_from_its_hosts},
        {"wrong lines are refused", wrong_lines_are_refused},
    };

    return kh_test_main("kms proxy", tests, sizeof tests / sizeof tests[0]);
}
