/* What the flow does otherwise for a module with a quirk, on SoftHSM that says it is
 * another (bad_pkcs11): a module is taken for what it says. */
#include "tests/unit/pkcs11/shop.h"

#include <stdlib.h>

static void begin(struct shop *s, const char *habit, const char *options)
{
    setenv("BAD_PKCS11", habit, 1);
    shop_make(s, options);
    shop_set(s, "module=" BAD_PKCS11_SO);
}

static unsigned objects(const struct shop *s, const char *class)
{
    char command[900];

    (void)snprintf(command, sizeof command,
        "exit $(pkcs11-tool --module " SOFTHSM2_MODULE
        " --token-label %s --login --pin %s -O "
        "2>/dev/null | grep -ci '^%s object')",
        s->rig.soft.label, s->rig.soft.pin, class);
    return (unsigned)kh_test_shell("%s", command);
}

static void a_token_of_few_keys_takes_no_more(void)
{
    struct shop s;
    char name[16];

    begin(&s, "tpm2", "key_type=ec-p256");
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    KH_ASSERT_OK(kh_store_reserve(s.store, 40, &s.err), s.err);
    KH_ASSERT_FAILS(kh_store_reserve(s.store, 41, &s.err), KH_REFUSED, s.err, "40");
    for (unsigned i = 0; i < 40; i++) {
        (void)snprintf(name, sizeof name, "d%u", i);
        KH_ASSERT_OK(shop_put(&s, name, 0, "x"), s.err);
    }
    KH_ASSERT_FAILS(shop_put(&s, "d40", 0, "x"), KH_REFUSED, s.err, "bears 40");
    CU_ASSERT_PTR_NULL(strstr(s.err.message, "raise max_keys"));
    KH_ASSERT_OK(kh_store_purge(s.store, "d7", 0, &s.err), s.err);
    KH_ASSERT_OK(shop_put(&s, "d40", 0, "y"), s.err);
    CU_ASSERT_TRUE(shop_holds(&s, "d40", 0, "y"));
    shop_end(&s);
}

static void less_than_it_bears_is_what_the_operator_says(void)
{
    struct shop s;

    begin(&s, "tpm2", "key_type=ec-p256 max_keys=1");
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    KH_ASSERT_OK(shop_put(&s, "a", 0, "x"), s.err);
    KH_ASSERT_FAILS(shop_put(&s, "b", 0, "x"), KH_REFUSED, s.err, "max_keys is 1");
    shop_end(&s);
}

/* Pairs on the token leave nothing of their public halves or trials; one data object is
 * made and stays, and is not made again. */
static void pairs_on_the_token_leave_their_private_halves_only(void)
{
    struct shop s;

    begin(&s, "tpm2", "key_type=ec-p256");
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    KH_ASSERT_OK(shop_put(&s, "a", 0, "x"), s.err);
    KH_ASSERT_OK(shop_put(&s, "b", 0, "y"), s.err);
    shop_reopen(&s);
    CU_ASSERT_TRUE(shop_holds(&s, "a", 0, "x"));
    KH_ASSERT_OK(kh_store_purge(s.store, "a", 0, &s.err), s.err);
    CU_ASSERT_TRUE(shop_holds(&s, "b", 0, "y"));
    shop_close(&s);
    CU_ASSERT_EQUAL(objects(&s, "Data"), 1);
    CU_ASSERT_EQUAL(objects(&s, "Public Key"), 0);
    CU_ASSERT_EQUAL(objects(&s, "Private Key"), 2); /* of b, and the identity */
    shop_end(&s);
}

static void a_token_that_lets_keys_go_is_refused_unless_that_is_wanted(void)
{
    struct shop s;

    begin(&s, "copy", "key_type=ec-p256");
    KH_ASSERT_FAILS(shop_open(&s), KH_REFUSED, s.err, "allow_unprotected = yes");
    CU_ASSERT_EQUAL(objects(&s, "Private Key"), 0);
    shop_set(&s, "allow_unprotected=yes");
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    KH_ASSERT_OK(shop_put(&s, "a", 0, "x"), s.err);
    shop_end(&s);
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"a_token_of_few_keys_takes_no_more", a_token_of_few_keys_takes_no_more},
        {"less_than_it_bears_is_what_the_operator_says",
            less_than_it_bears_is_what_the_operator_says},
        {"pairs_on_the_token_leave_their_private_halves_only",
            pairs_on_the_token_leave_their_private_halves_only},
        {"a_token_that_lets_keys_go_is_refused_unless_that_is_wanted",
            a_token_that_lets_keys_go_is_refused_unless_that_is_wanted},
    };

    return kh_test_main("pkcs11.habits", tests, sizeof tests / sizeof tests[0]);
}
