/* The token through its face, on a real SoftHSM token. */
#include "tests/unit/pkcs11/rig.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void a_key_is_made_used_attested_and_destroyed(void)
{
    struct rig rig;
    struct kh_public_half half;
    struct kh_key_id id = rig_id(1);
    char label[64] = "";
    unsigned complete;

    rig_make(&rig);
    KH_ASSERT_OK_FATAL(rig_open(&rig), rig.err);
    KH_ASSERT_OK_FATAL(rig_generate(&rig, 1, &half), rig.err);
    CU_ASSERT_TRUE(rig_agrees(&rig, 1, &half));
    KH_ASSERT_OK(
        kh_token_key_attest(rig.token, &id, label, sizeof label, &rig.err), rig.err);
    CU_ASSERT_STRING_EQUAL(label, "deposit-1");
    CU_ASSERT_EQUAL(rig_count(&rig, &complete), 1);
    CU_ASSERT_EQUAL(complete, 1);
    KH_ASSERT_OK(kh_token_key_destroy(rig.token, &id, &rig.err), rig.err);
    KH_ASSERT_FAILS(kh_token_key_attest(rig.token, &id, NULL, 0, &rig.err), KH_NOT_FOUND,
        rig.err, "not on token 'lab'");
    KH_ASSERT_FAILS(rig_ecdh(&rig, 1, &rig.err), KH_CORRUPT, rig.err, "revoked");
    KH_ASSERT_OK(kh_token_key_destroy(rig.token, &id, &rig.err), rig.err);
    free(half.spki);
    rig_end(&rig);
}

static void keys_outlive_the_process_that_made_them(void)
{
    struct rig rig;
    struct kh_public_half half;

    rig_make(&rig);
    KH_ASSERT_OK_FATAL(rig_open(&rig), rig.err);
    KH_ASSERT_OK_FATAL(rig_generate(&rig, 7, &half), rig.err);
    rig_close(&rig);
    KH_ASSERT_OK_FATAL(rig_open(&rig), rig.err);
    CU_ASSERT_TRUE(rig_agrees(&rig, 7, &half)); /* found by a search */
    rig_close(&rig);
    KH_ASSERT_OK_FATAL(rig_open(&rig), rig.err);
    CU_ASSERT_EQUAL(rig_count(&rig, NULL), 1);
    CU_ASSERT_TRUE(rig_agrees(&rig, 7, &half)); /* found by the pass */
    free(half.spki);
    rig_end(&rig);
}

static void the_facts_name_the_token_and_the_profile(void)
{
    struct rig rig;
    struct kh_token_facts facts;

    rig_make(&rig);
    KH_ASSERT_OK_FATAL(rig_open(&rig), rig.err);
    kh_token_facts(rig.token, &facts);
    CU_ASSERT_STRING_EQUAL(facts.label, "lab");
    CU_ASSERT_EQUAL(strlen(facts.serial), 16);
    CU_ASSERT_PTR_NOT_NULL(strstr(facts.manufacturer, "SoftHSM"));
    CU_ASSERT_STRING_EQUAL(facts.profile, "ecdh-p256");
    CU_ASSERT_EQUAL(facts.key_type, KH_KEY_EC_P256);
    CU_ASSERT_EQUAL(facts.key_bits, 256);
    rig_end(&rig);
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"a_key_is_made_used_attested_and_destroyed",
            a_key_is_made_used_attested_and_destroyed},
        {"keys_outlive_the_process_that_made_them",
            keys_outlive_the_process_that_made_them},
        {"the_facts_name_the_token_and_the_profile",
            the_facts_name_the_token_and_the_profile},
    };

    return kh_test_main("pkcs11.token", tests, sizeof tests / sizeof tests[0]);
}
