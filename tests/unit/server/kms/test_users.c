#include "server/kms/users.h"

#include "tests/lib/testlib.h"

#include <stdlib.h>
#include <string.h>

static struct kh_error err;
static struct kms_groups *groups;

static kh_status source(const char *user, struct kms_names *names, struct kh_error *e)
{
    if (strcmp(user, "broken") == 0)
        return kh_fail(e, KH_UNAVAILABLE, "the directory does not answer");
    if (strcmp(user, "carol") == 0)
        return kms_names_add(names, "domain users", 12, e);
    return KH_OK;
}

static struct kh_principal user(const char *name, const char *real)
{
    struct kh_principal who = {0};

    (void)snprintf(who.user, sizeof who.user, "%s", name);
    (void)snprintf(who.real_user, sizeof who.real_user, "%s", real);
    return who;
}

static enum kms_member has(const char *text, const char *name, const char *real)
{
    struct kms_users list = {0};
    struct kh_principal who = user(name, real);
    enum kms_member answer;

    KH_ASSERT_OK(kms_users_add(&list, text, &err), err);
    answer = kms_users_have(&list, &who, groups);
    kms_users_clear(&list);
    return answer;
}

static void users_and_groups_are_divided_by_the_first_blank(void)
{
    CU_ASSERT_EQUAL(has("alice,bob", "alice", ""), KMS_YES);
    CU_ASSERT_EQUAL(has("alice,bob", "bob", ""), KMS_YES);
    CU_ASSERT_EQUAL(has("alice,bob", "carol", ""), KMS_NO);
    CU_ASSERT_EQUAL(has("alice,bob", "alic", ""), KMS_NO);
    CU_ASSERT_EQUAL(has("alice,bob", "alicee", ""), KMS_NO);
    CU_ASSERT_EQUAL(has("alice,bob", "ALICE", ""), KMS_NO);
    CU_ASSERT_EQUAL(has("alice domain users", "carol", ""), KMS_YES);
    CU_ASSERT_EQUAL(has("alice x, domain users ,y", "carol", ""), KMS_YES);
    CU_ASSERT_EQUAL(has("alice carol", "carol", ""), KMS_NO);
    CU_ASSERT_EQUAL(has(" domain users", "carol", ""), KMS_YES);
    CU_ASSERT_EQUAL(has(", domain users", "carol", ""), KMS_YES);
    CU_ASSERT_EQUAL(has(", domain", "carol", ""), KMS_NO);
}

static void a_star_is_everybody_and_nothing_is_nobody(void)
{
    CU_ASSERT_EQUAL(has("*", "anybody", ""), KMS_YES);
    CU_ASSERT_EQUAL(has(" * ", "anybody", ""), KMS_YES);
    CU_ASSERT_EQUAL(has("alice *", "anybody", ""), KMS_YES);
    CU_ASSERT_EQUAL(has("* staff", "anybody", ""), KMS_YES);
    CU_ASSERT_EQUAL(has("", "anybody", ""), KMS_NO);
    CU_ASSERT_EQUAL(has(" ", "anybody", ""), KMS_NO);
    CU_ASSERT_EQUAL(has(",", "anybody", ""), KMS_NO);
    /* Only alone does it mean that. */
    CU_ASSERT_EQUAL(has("*,alice", "anybody", ""), KMS_NO);
    CU_ASSERT_EQUAL(has("al*", "alice", ""), KMS_NO);
}

static void somebody_without_a_name_is_on_no_list(void)
{
    CU_ASSERT_EQUAL(has("*", "", ""), KMS_NO);
    CU_ASSERT_EQUAL(has("*", "", "hue"), KMS_NO);
    CU_ASSERT_EQUAL(has("~hue", "", "hue"), KMS_NO);
}

static void a_tilde_names_the_proxy_that_asks(void)
{
    CU_ASSERT_EQUAL(has("~hue", "alice", "hue"), KMS_YES);
    CU_ASSERT_EQUAL(has("~hue", "alice", "oozie"), KMS_NO);
    CU_ASSERT_EQUAL(has("~hue", "alice", ""), KMS_NO);
    CU_ASSERT_EQUAL(has("~hue", "hue", ""), KMS_NO);
    CU_ASSERT_EQUAL(has("hue", "alice", "hue"), KMS_NO);
    CU_ASSERT_EQUAL(has("alice", "alice", "hue"), KMS_YES);
}

static void a_source_that_fails_leaves_it_unknown(void)
{
    CU_ASSERT_EQUAL(has("alice staff", "broken", ""), KMS_UNKNOWN);
    CU_ASSERT_EQUAL(has("broken staff", "broken", ""), KMS_YES);
    CU_ASSERT_EQUAL(has("alice", "broken", ""), KMS_NO);
}

static void lists_that_are_not_meant_are_refused(void)
{
    struct kms_users list = {0};

    KH_ASSERT_FAILS(kms_users_add(&list, "alice, bob", &err), KH_INVALID, err,
        "a blank ends the users");
    KH_ASSERT_FAILS(kms_users_add(&list, "~", &err), KH_INVALID, err, "behind '~'");
    KH_ASSERT_FAILS(
        kms_users_add(&list, "alice,~ ,bob", &err), KH_INVALID, err, "behind '~'");
    KH_ASSERT_FAILS(
        kms_users_add(&list, "alice\tbob", &err), KH_INVALID, err, "a tab in it");
    KH_ASSERT_FAILS(
        kms_users_add(&list, "al\nice", &err), KH_INVALID, err, "control character");
    kms_users_clear(&list);
}

static void a_list_has_a_largest_size(void)
{
    struct kms_names names = {0};
    char name[16];

    for (int i = 0; i < KMS_USERS_MAX; i++) {
        int n = snprintf(name, sizeof name, "u%d", i * 7919 % KMS_USERS_MAX);

        KH_ASSERT_OK_FATAL(kms_names_add(&names, name, (size_t)n, &err), err);
    }
    KH_ASSERT_OK(kms_names_add(&names, "u17", 3, &err), err);
    KH_ASSERT_FAILS(kms_names_add(&names, "more", 4, &err), KH_INVALID, err, "more than");
    CU_ASSERT_TRUE(kms_names_have(&names, "u0"));
    CU_ASSERT_TRUE(kms_names_have(&names, "u4095"));
    CU_ASSERT_FALSE(kms_names_have(&names, "u4096"));
    for (size_t i = 1; i < names.count; i++)
        CU_ASSERT_TRUE(strcmp(names.names[i - 1], names.names[i]) < 0);
    kms_names_clear(&names);
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"the first blank divides users and groups",
            users_and_groups_are_divided_by_the_first_blank},
        {"* is everybody and nothing is nobody",
            a_star_is_everybody_and_nothing_is_nobody},
        {"somebody without a name is on no list", somebody_without_a_name_is_on_no_list},
        {"~proxy is a request through the proxy", a_tilde_names_the_proxy_that_asks},
        {"groups that cannot be read are unknown", a_source_that_fails_leaves_it_unknown},
        {"a list that means something else is refused",
            lists_that_are_not_meant_are_refused},
        {"a list has a largest size, is sorted, has no name twice",
            a_list_has_a_largest_size},
    };
    struct kh_config *config = NULL;
    int status;

    if (kh_config_load(&config, NULL, &err) != KH_OK ||
        kms_groups_new(&groups, config, &err) != KH_OK)
        abort();
    kh_config_free(config);
    kms_groups_ask(groups, source);
    status = kh_test_main("kms users", tests, sizeof tests / sizeof tests[0]);
    kms_groups_free(groups);
    return status;
}
