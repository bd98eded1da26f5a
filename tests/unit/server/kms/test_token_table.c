/* What is remembered of delegation tokens has a limit. Apart from the other tests, since
 * it fills memory to that limit, which takes minutes under ThreadSanitizer. */
#include "server/kms/token_part.h"
#include "tests/lib/testlib.h"

#include <string.h>

/* COUNT events of OWNER, behind those there are. */
static void fill(struct kms_table *table, size_t count, uint32_t owner)
{
    struct kms_event event = {.owner = owner, .until = 1, .forget = 2};

    while (count-- > 0) {
        for (unsigned b = 0; b < 4; b++)
            event.id[b] = (unsigned char)(table->count >> 8 * (3 - b));
        CU_ASSERT_TRUE_FATAL(kms_table_merge(table, &event));
    }
}

static void events_have_a_limit_in_all_and_for_an_owner(void)
{
    struct kms_event mine = {.owner = 1, .until = 1, .forget = 2};
    struct kms_table table = {0};

    memset(mine.id, 0xff, sizeof mine.id);
    fill(&table, KMS_EVENTS_OWNER_MAX - 1, 1);
    CU_ASSERT_TRUE(kms_table_has_room(&table, &mine));
    fill(&table, 1, 1);
    CU_ASSERT_FALSE(kms_table_has_room(&table, &mine));
    mine.owner = 2;
    CU_ASSERT_TRUE(kms_table_has_room(&table, &mine));
    fill(&table, KMS_EVENTS_MAX - table.count, 3);
    CU_ASSERT_FALSE(kms_table_has_room(&table, &mine));
    /* What is known already takes no room. */
    memset(mine.id, 0, sizeof mine.id);
    CU_ASSERT_TRUE(kms_table_has_room(&table, &mine));
    kms_table_prune(&table, 2);
    CU_ASSERT_EQUAL(table.count, 0);
    kms_table_clear(&table);
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"events have a limit, in all and for an owner",
            events_have_a_limit_in_all_and_for_an_owner},
    };

    return kh_test_main("kms token table", tests, sizeof tests / sizeof tests[0]);
}
