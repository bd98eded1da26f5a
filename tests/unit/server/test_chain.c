/* What is remembered of the links: state, since when, the last error. */
#include "server/chain.h"

#include "tests/lib/testlib.h"

#include <string.h>

static struct kh_chain *chain;
static struct kh_link links[KH_LINKS];

static const struct kh_link *look(enum kh_link_place place)
{
    kh_chain_read(chain, links);
    return &links[place];
}

static void begin(void)
{
    kh_chain_free(chain);
    chain = kh_chain_new();
    CU_ASSERT_PTR_NOT_NULL_FATAL(chain);
}

static void nothing_is_known_at_first(void)
{
    begin();
    CU_ASSERT_EQUAL(look(KH_LINK_NEAR)->state, KH_LINK_UNKNOWN);
    CU_ASSERT_EQUAL(look(KH_LINK_FAR)->since, 0);
}

static void a_state_begins_when_it_is_first_noticed(void)
{
    begin();
    kh_chain_note(chain, KH_LINK_FAR, NULL, 100);
    kh_chain_note(chain, KH_LINK_FAR, NULL, 200);
    CU_ASSERT_EQUAL(look(KH_LINK_FAR)->state, KH_LINK_OK);
    CU_ASSERT_EQUAL(look(KH_LINK_FAR)->since, 100);
    kh_chain_note(chain, KH_LINK_FAR, "gone", 300);
    kh_chain_note(chain, KH_LINK_FAR, "still gone", 400);
    CU_ASSERT_EQUAL(look(KH_LINK_FAR)->since, 300);
    CU_ASSERT_STRING_EQUAL(look(KH_LINK_FAR)->error, "still gone");
    CU_ASSERT_EQUAL(look(KH_LINK_FAR)->error_at, 400);
    CU_ASSERT_EQUAL(look(KH_LINK_NEAR)->state, KH_LINK_UNKNOWN);
}

static void an_error_is_remembered_when_it_is_over(void)
{
    begin();
    kh_chain_note(chain, KH_LINK_NEAR, "gone", 300);
    kh_chain_note(chain, KH_LINK_NEAR, NULL, 500);
    CU_ASSERT_EQUAL(look(KH_LINK_NEAR)->state, KH_LINK_OK);
    CU_ASSERT_EQUAL(look(KH_LINK_NEAR)->since, 500);
    CU_ASSERT_STRING_EQUAL(look(KH_LINK_NEAR)->error, "gone");
    CU_ASSERT_EQUAL(look(KH_LINK_NEAR)->error_at, 300);
}

static void what_is_behind_a_break_is_not_known(void)
{
    begin();
    kh_chain_note(chain, KH_LINK_FAR, NULL, 100);
    kh_chain_unknown(chain, KH_LINK_FAR, 200);
    CU_ASSERT_EQUAL(look(KH_LINK_FAR)->state, KH_LINK_UNKNOWN);
    CU_ASSERT_EQUAL(look(KH_LINK_FAR)->since, 200);
    CU_ASSERT_STRING_EQUAL(look(KH_LINK_FAR)->error, "");
}

/* Requests meet a failure before anybody looks at the page. */
static void a_failure_began_when_requests_met_it(void)
{
    begin();
    kh_chain_note(chain, KH_LINK_NEAR, NULL, 100);
    kh_chain_hint(chain, false, 150);
    kh_chain_hint(chain, false, 160);
    kh_chain_note(chain, KH_LINK_NEAR, "gone", 200);
    CU_ASSERT_EQUAL(look(KH_LINK_NEAR)->since, 150);
    kh_chain_note(chain, KH_LINK_NEAR, NULL, 300);
    kh_chain_hint(chain, true, 310);
    kh_chain_note(chain, KH_LINK_NEAR, "again", 400);
    CU_ASSERT_EQUAL(look(KH_LINK_NEAR)->since, 400);
}

static void long_errors_are_cut(void)
{
    char text[2000];

    begin();
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    kh_chain_note(chain, KH_LINK_NEAR, text, 1);
    CU_ASSERT_EQUAL(
        strlen(look(KH_LINK_NEAR)->error), sizeof look(KH_LINK_NEAR)->error - 1);
}

static void another_backend_begins_anew(void)
{
    begin();
    kh_chain_note(chain, KH_LINK_NEAR, "gone", 300);
    kh_chain_hint(chain, false, 150);
    kh_chain_forget(chain);
    CU_ASSERT_EQUAL(look(KH_LINK_NEAR)->state, KH_LINK_UNKNOWN);
    CU_ASSERT_STRING_EQUAL(look(KH_LINK_NEAR)->error, "");
    kh_chain_note(chain, KH_LINK_NEAR, "gone", 500);
    CU_ASSERT_EQUAL(look(KH_LINK_NEAR)->since, 500);
    kh_chain_free(chain);
    chain = NULL;
    kh_chain_free(NULL);
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"nothing is known at first", nothing_is_known_at_first},
        {"a state begins when it is first noticed",
            a_state_begins_when_it_is_first_noticed},
        {"an error is remembered when it is over",
            an_error_is_remembered_when_it_is_over},
        {"what is behind a break is not known", what_is_behind_a_break_is_not_known},
        {"a failure began when requests met it", a_failure_began_when_requests_met_it},
        {"long errors are cut", long_errors_are_cut},
        {"another backend begins anew", another_backend_begins_anew},
    };

    return kh_test_main("server/chain", tests, sizeof tests / sizeof tests[0]);
}
