/* Deposits on a token that goes wrong: what a reader of the store sees of it. */
#include "tests/unit/pkcs11/faulty.h"
#include "tests/unit/pkcs11/shop.h"

#include <stdlib.h>
#include <string.h>

static struct shop shop;

static void begin(void)
{
    char text[600];

    snprintf(text, sizeof text, "module=%s", faulty_module());
    shop_make(&shop, text);
    KH_ASSERT_OK_FATAL(shop_open(&shop), shop.err);
    KH_ASSERT_OK_FATAL(shop_put(&shop, "a", 0, "first"), shop.err);
    KH_ASSERT_OK_FATAL(shop_put(&shop, "b", 0, "second"), shop.err);
}

static void end(void)
{
    faulty_plan("%s", "");
    shop_end(&shop);
}

static void a_deposit_is_read_though_its_keys_handle_names_another_key(void)
{
    begin();
    /* The store's identity key was made first, then the key of "a": they change places.
     */
    faulty_plan("* swap");
    CU_ASSERT_TRUE(shop_holds(&shop, "a", 0, "first"));
    CU_ASSERT_TRUE(faulty_calls("C_DeriveKey") >= 2);
    CU_ASSERT_TRUE(shop_holds(&shop, "b", 0, "second"));
    end();
}

static void a_secret_of_a_wrong_length_opens_nothing(void)
{
    begin();
    faulty_plan("C_GetAttributeValue short=1");
    CU_ASSERT_NOT_EQUAL(shop_get(&shop, "a", 0), KH_OK);
    faulty_plan("%s", "");
    CU_ASSERT_TRUE(shop_holds(&shop, "a", 0, "first"));
    end();
}

static void losses_of_the_token_are_not_seen_by_a_reader(void)
{
    static const char *const plans[] = {"C_DeriveKey rv=0xB3 count=1",
        "C_DeriveKey lose_sessions count=1", "C_DeriveKey logout count=1",
        "C_DeriveKey rv=0x60 count=1", "C_DeriveKey rv=0x30 count=1",
        "C_DeriveKey rv=0x05 count=1"};

    begin();
    for (size_t i = 0; i < sizeof plans / sizeof plans[0]; i++) {
        faulty_plan("%s", plans[i]);
        CU_ASSERT_TRUE(shop_holds(&shop, "a", 0, "first"));
        CU_ASSERT_TRUE(shop_holds(&shop, "b", 0, "second"));
    }
    end();
}

static void a_put_whose_key_was_made_though_we_were_told_otherwise_leaves_one_key(void)
{
    unsigned before;

    begin();
    before = shop_keys(&shop);
    faulty_plan("C_GenerateKeyPair after rv=0x30 count=1");
    KH_ASSERT_OK(shop_put(&shop, "c", 0, "third"), shop.err);
    faulty_plan("%s", "");
    CU_ASSERT_TRUE(shop_holds(&shop, "c", 0, "third"));
    CU_ASSERT_EQUAL(shop_keys(&shop), before + 1);
    shop_reopen(&shop);
    CU_ASSERT_TRUE(shop_holds(&shop, "c", 0, "third"));
    end();
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"a_deposit_is_read_though_its_keys_handle_names_another_key",
            a_deposit_is_read_though_its_keys_handle_names_another_key},
        {"a_secret_of_a_wrong_length_opens_nothing",
            a_secret_of_a_wrong_length_opens_nothing},
        {"losses_of_the_token_are_not_seen_by_a_reader",
            losses_of_the_token_are_not_seen_by_a_reader},
        {"a_put_whose_key_was_made_though_we_were_told_otherwise_leaves_one_key",
            a_put_whose_key_was_made_though_we_were_told_otherwise_leaves_one_key},
    };

    return kh_test_main("pkcs11.stale", tests, sizeof tests / sizeof tests[0]);
}
