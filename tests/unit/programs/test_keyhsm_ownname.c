#include "programs/keyhsm/ownname.h"

#include "tests/lib/testlib.h"

#include <string.h>

static void loopback_is_here(void)
{
    CU_ASSERT_TRUE(kh_name_is_here("localhost"));
    CU_ASSERT_TRUE(kh_name_is_here("127.0.0.1"));
}

/* Addresses that are for documentation only (RFC 5737, RFC 3849) are nobody's. */
static void an_address_of_another_host_is_not(void)
{
    CU_ASSERT_FALSE(kh_name_is_here("192.0.2.1"));
    CU_ASSERT_FALSE(kh_name_is_here("2001:db8::1"));
}

static void a_name_that_nobody_knows_is_not(void)
{
    CU_ASSERT_FALSE(kh_name_is_here("no-such-host.invalid"));
    CU_ASSERT_FALSE(kh_name_is_here("not a name"));
}

static void what_is_proposed_can_be_listened_on(void)
{
    char name[KH_OWN_NAME_SIZE] = "";

    kh_own_name(name);
    CU_ASSERT(strlen(name) > 0);
    CU_ASSERT_TRUE(kh_name_is_here(name));
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"loopback is here", loopback_is_here},
        {"an address of another host is not", an_address_of_another_host_is_not},
        {"a name that nobody knows is not", a_name_that_nobody_knows_is_not},
        {"what is proposed can be listened on", what_is_proposed_can_be_listened_on},
    };

    return kh_test_main("keyhsm ownname", tests, sizeof tests / sizeof tests[0]);
}
