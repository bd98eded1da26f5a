#include "core/backup/ustar.h"
#include "tests/lib/testlib.h"

#include <string.h>

static void a_header_comes_back_as_it_was_written(void)
{
    static const uint64_t sizes[] = {0, 1, 511, 512, 4096, 1ULL << 32, KH_USTAR_SIZE_MAX};
    unsigned char block[KH_USTAR_BLOCK];

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char name[KH_USTAR_NAME_MAX];
        uint64_t size = 77;

        CU_ASSERT_TRUE(kh_ustar_header(block, "files/0001-keyhsm.ini", sizes[i]));
        CU_ASSERT_TRUE(kh_ustar_parse(block, name, &size));
        CU_ASSERT_STRING_EQUAL(name, "files/0001-keyhsm.ini");
        CU_ASSERT_EQUAL(size, sizes[i]);
    }
}

static void what_does_not_fit_is_refused(void)
{
    unsigned char block[KH_USTAR_BLOCK];
    char name[KH_USTAR_NAME_MAX + 1];

    memset(name, 'n', sizeof name);
    name[KH_USTAR_NAME_MAX - 1] = '\0';
    CU_ASSERT_TRUE(kh_ustar_header(block, name, 0));
    name[KH_USTAR_NAME_MAX - 1] = 'n';
    name[KH_USTAR_NAME_MAX] = '\0';
    CU_ASSERT_FALSE(kh_ustar_header(block, name, 0));
    CU_ASSERT_FALSE(kh_ustar_header(block, "", 0));
    CU_ASSERT_FALSE(kh_ustar_header(block, "a", KH_USTAR_SIZE_MAX + 1));
}

static void every_altered_bit_of_a_header_is_noticed(void)
{
    unsigned char block[KH_USTAR_BLOCK];
    char name[KH_USTAR_NAME_MAX];
    uint64_t size;

    CU_ASSERT_TRUE(kh_ustar_header(block, "catalog.db", 123456));
    for (size_t bit = 0; bit < 8 * sizeof block; bit++) {
        block[bit / 8] ^= (unsigned char)(1u << bit % 8);
        if (kh_ustar_parse(block, name, &size))
            CU_FAIL("an altered header was taken");
        block[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
    CU_ASSERT_TRUE(kh_ustar_parse(block, name, &size));
}

static void a_name_without_an_end_is_refused(void)
{
    unsigned char block[KH_USTAR_BLOCK];
    char name[KH_USTAR_NAME_MAX];
    uint64_t size;

    CU_ASSERT_TRUE(kh_ustar_header(block, "a", 1));
    memset(block, 'a', KH_USTAR_NAME_MAX);
    CU_ASSERT_FALSE(kh_ustar_parse(block, name, &size));
    memset(block, 0, sizeof block);
    CU_ASSERT_FALSE(kh_ustar_parse(block, name, &size));
}

static void padding_goes_up_to_the_next_block(void)
{
    CU_ASSERT_EQUAL(kh_ustar_padding(0), 0);
    CU_ASSERT_EQUAL(kh_ustar_padding(1), 511);
    CU_ASSERT_EQUAL(kh_ustar_padding(511), 1);
    CU_ASSERT_EQUAL(kh_ustar_padding(512), 0);
    CU_ASSERT_TRUE(kh_ustar_zero((const unsigned char *)"\0\0\0", 3));
    CU_ASSERT_FALSE(kh_ustar_zero((const unsigned char *)"\0\0\1", 3));
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"a_header_comes_back_as_it_was_written", a_header_comes_back_as_it_was_written},
        {"what_does_not_fit_is_refused", what_does_not_fit_is_refused},
        {"every_altered_bit_of_a_header_is_noticed",
            every_altered_bit_of_a_header_is_noticed},
        {"a_name_without_an_end_is_refused", a_name_without_an_end_is_refused},
        {"padding_goes_up_to_the_next_block", padding_goes_up_to_the_next_block},
    };
    return kh_test_main("backup: ustar", tests, sizeof tests / sizeof tests[0]);
}
