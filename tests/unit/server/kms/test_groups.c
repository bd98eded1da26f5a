#include "server/kms/groups.h"

#include "server/kms/groups_system.h"
#include "server/kms/users.h"
#include "tests/lib/testlib.h"
#include "tests/unit/server/kms/support.h"

#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

static struct kh_error err;
static int asked;
static bool broken;

static kh_status source(const char *user, struct kms_names *names, struct kh_error *e)
{
    asked++;
    if (broken)
        return kh_fail(e, KH_UNAVAILABLE, "the directory does not answer");
    return strcmp(user, "alice") == 0 ? kms_names_add(names, "staff", 5, e) : KH_OK;
}

static struct kms_groups *groups_of(const char *text)
{
    struct kh_config *config = NULL;
    struct kms_groups *groups = NULL;

    KH_ASSERT_OK_FATAL(kms_test_config(&config, text, &err), err);
    KH_ASSERT_OK_FATAL(kms_groups_new(&groups, config, &err), err);
    kh_config_free(config);
    asked = 0;
    broken = false;
    return groups;
}

static enum kms_member in(struct kms_groups *groups, const char *user, const char *group)
{
    struct kms_names wanted = {0};
    enum kms_member answer;

    KH_ASSERT_OK(kms_names_add(&wanted, group, strlen(group), &err), err);
    answer = kms_groups_have(groups, user, &wanted);
    kms_names_clear(&wanted);
    return answer;
}

static void the_configuration_and_the_system_add_up(void)
{
    struct kms_groups *groups = groups_of("[kms.groups]\nadmins = alice,bob\n");

    kms_groups_ask(groups, source);
    CU_ASSERT_EQUAL(in(groups, "alice", "admins"), KMS_YES);
    CU_ASSERT_EQUAL(in(groups, "alice", "staff"), KMS_YES);
    CU_ASSERT_EQUAL(in(groups, "bob", "admins"), KMS_YES);
    CU_ASSERT_EQUAL(in(groups, "bob", "staff"), KMS_NO);
    CU_ASSERT_EQUAL(in(groups, "carol", "admins"), KMS_NO);
    kms_groups_free(groups);
}

static void what_the_system_said_is_remembered(void)
{
    struct kms_groups *groups = groups_of("");

    kms_groups_ask(groups, source);
    for (int i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL(in(groups, "alice", "staff"), KMS_YES);
        CU_ASSERT_EQUAL(in(groups, "bob", "staff"), KMS_NO);
    }
    CU_ASSERT_EQUAL(asked, 2);
    kms_groups_free(groups);
    groups = groups_of("[kms]\ngroups_cache = 0\n");
    kms_groups_ask(groups, source);
    for (int i = 0; i < 3; i++)
        CU_ASSERT_EQUAL(in(groups, "alice", "staff"), KMS_YES);
    CU_ASSERT_EQUAL(asked, 3);
    kms_groups_free(groups);
}

static void a_failure_is_unknown_and_not_remembered(void)
{
    struct kms_groups *groups = groups_of("[kms.groups]\nadmins = alice\n");

    kms_groups_ask(groups, source);
    broken = true;
    CU_ASSERT_EQUAL(in(groups, "alice", "staff"), KMS_UNKNOWN);
    CU_ASSERT_EQUAL(in(groups, "alice", "admins"), KMS_YES);
    broken = false;
    CU_ASSERT_EQUAL(in(groups, "alice", "staff"), KMS_YES);
    kms_groups_free(groups);
}

static void the_system_need_not_be_asked(void)
{
    struct kms_groups *groups = groups_of("[kms]\nsystem_groups = no\n");

    CU_ASSERT_EQUAL(in(groups, "root", "root"), KMS_NO);
    kms_groups_free(groups);
}

static void more_users_than_are_remembered_are_answered_as_well(void)
{
    struct kms_groups *groups = groups_of("");
    char user[16];

    kms_groups_ask(groups, source);
    for (int i = 0; i < 10000; i++) {
        (void)snprintf(user, sizeof user, "user%d", i);
        CU_ASSERT_EQUAL(in(groups, user, "staff"), KMS_NO);
    }
    CU_ASSERT_EQUAL(in(groups, "alice", "staff"), KMS_YES);
    kms_groups_free(groups);
}

/* The process's own user, whoever runs the test. */
static void the_system_knows_its_users(void)
{
    struct kms_names names = {0};
    const struct passwd *me = getpwuid(getuid());
    const struct group *group;
    char user[256];

    CU_ASSERT_PTR_NOT_NULL_FATAL(me);
    (void)snprintf(user, sizeof user, "%s", me->pw_name);
    group = getgrgid(me->pw_gid);
    CU_ASSERT_PTR_NOT_NULL_FATAL(group);
    KH_ASSERT_OK(kms_groups_system(user, &names, &err), err);
    CU_ASSERT_TRUE(kms_names_have(&names, group->gr_name));
    kms_names_clear(&names);
    KH_ASSERT_OK(kms_groups_system("no-such-user-here", &names, &err), err);
    CU_ASSERT_EQUAL(names.count, 0);
    kms_names_clear(&names);
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"the configuration and the system add up",
            the_configuration_and_the_system_add_up},
        {"what the system said is remembered", what_the_system_said_is_remembered},
        {"a failure is unknown, and not remembered",
            a_failure_is_unknown_and_not_remembered},
        {"the system need not be asked", the_system_need_not_be_asked},
        {"more users than are remembered",
            more_users_than_are_remembered_are_answered_as_well},
        {"the system knows its users", the_system_knows_its_users},
    };

    return kh_test_main("kms groups", tests, sizeof tests / sizeof tests[0]);
}
