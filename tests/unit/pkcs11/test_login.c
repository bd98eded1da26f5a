/* The one login, the choice of the token, and a token that is not as it must be. */
#include "tests/unit/pkcs11/faulty.h"

#include <stdlib.h>
#include <string.h>

static struct rig rig;

static void write_pin(const char *pin)
{
    kh_test_write(rig.soft.pin_file, pin, strlen(pin), 0600);
}

static void open_refused(kh_status want, const char *words)
{
    KH_ASSERT_FAILS(rig_open(&rig), want, rig.err, words);
    CU_ASSERT_PTR_NULL(rig.token);
}

static void a_start_logs_in_once(void)
{
    faulty_make(&rig);
    faulty_plan("%s", "");
    KH_ASSERT_OK_FATAL(rig_open(&rig), rig.err);
    CU_ASSERT_EQUAL(faulty_calls("C_Login"), 1);
    CU_ASSERT_EQUAL(faulty_calls("C_Initialize"), 1);
    rig_end(&rig);
}

static void a_wrong_pin_is_tried_once(void)
{
    faulty_make(&rig);
    write_pin("4321");
    faulty_plan("%s", "");
    open_refused(KH_REFUSED, "tried once");
    CU_ASSERT_EQUAL(faulty_calls("C_Login"), 1);
    write_pin("1234");
    KH_ASSERT_OK(rig_open(&rig), rig.err);
    rig_end(&rig);
}

static void every_refusal_of_a_pin_is_refused_and_never_repeated(void)
{
    static const char *const codes[] = {"0xA0", "0xA1", "0xA2", "0xA3", "0xA4", "0x102"};

    faulty_make(&rig);
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        faulty_plan("C_Login rv=%s", codes[i]);
        open_refused(KH_REFUSED, "tried once");
        CU_ASSERT_EQUAL(faulty_calls("C_Login"), 1);
    }
    faulty_plan("%s", "");
    rig_end(&rig);
}

static void a_pin_changed_meanwhile_is_not_sent_again(void)
{
    struct kh_public_half half;

    faulty_make(&rig);
    KH_ASSERT_OK_FATAL(rig_open(&rig), rig.err);
    KH_ASSERT_OK_FATAL(rig_generate(&rig, 1, &half), rig.err);
    faulty_plan("C_DeriveKey rv=0x30 count=1;C_Login rv=0xA0");
    KH_ASSERT_FAILS(
        rig_ecdh(&rig, 1, &rig.err), KH_UNAVAILABLE, rig.err, "refused the login");
    for (int i = 0; i < 5; i++)
        CU_ASSERT_EQUAL(rig_ecdh(&rig, 1, &rig.err), KH_UNAVAILABLE);
    CU_ASSERT_EQUAL(faulty_calls("C_Login"), 1);
    faulty_plan("%s", "");
    CU_ASSERT_EQUAL(rig_ecdh(&rig, 1, &rig.err), KH_UNAVAILABLE); /* until a restart */
    CU_ASSERT_EQUAL(faulty_calls("C_Login"), 0);
    free(half.spki);
    rig_end(&rig);
}

static void the_flags_of_the_token_forbid_a_login(void)
{
    static const struct {
        const char *flags;
        const char *words;
    } cases[] = {{"0x20000", "one try left"}, {"0x40000", "locked"},
        {"0x80000", "changed"}, {"0x2", "write-protected"}};

    faulty_make(&rig);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        faulty_plan("C_GetTokenInfo flags=%s", cases[i].flags);
        open_refused(KH_REFUSED, cases[i].words);
        CU_ASSERT_EQUAL(faulty_calls("C_Login"), 0);
    }
    faulty_plan("C_GetTokenInfo flags=0x10000"); /* count low: a warning */
    KH_ASSERT_OK(rig_open(&rig), rig.err);
    rig_end(&rig);
}

static void a_pin_that_cannot_be_right_costs_no_attempt(void)
{
    faulty_make(&rig);
    write_pin("12");
    faulty_plan("%s", "");
    open_refused(KH_REFUSED, "no login was tried");
    write_pin("");
    CU_ASSERT_NOT_EQUAL(rig_open(&rig), KH_OK);
    CU_ASSERT_EQUAL(faulty_calls("C_Login"), 0);
    rig_end(&rig);
}

static void a_pin_file_that_others_can_read_is_refused(void)
{
    faulty_make(&rig);
    kh_test_write(rig.soft.pin_file, "1234", 4, 0644);
    faulty_plan("%s", "");
    CU_ASSERT_NOT_EQUAL(rig_open(&rig), KH_OK);
    CU_ASSERT_EQUAL(faulty_calls("C_Login"), 0);
    rig_end(&rig);
}

static void a_token_that_does_not_honour_attributes_is_refused(void)
{
    static const struct {
        const char *lie;
        const char *words;
    } cases[] = {{"0x103:0", "does not honour"}, {"0x162:1", "does not honour"},
        {"0x2:0", "does not honour"}};

    faulty_make(&rig);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        faulty_plan("C_GetAttributeValue lie=%s", cases[i].lie);
        open_refused(KH_REFUSED, cases[i].words);
    }
    faulty_plan("%s", "");
    rig_end(&rig);
}

static void a_key_that_does_not_honour_attributes_is_destroyed_again(void)
{
    struct kh_public_half half;
    static const char *const lies[] = {
        "0x103:0", "0x162:1", "0x165:0", "0x164:0", "0x1:0"};

    faulty_make(&rig);
    KH_ASSERT_OK_FATAL(rig_open(&rig), rig.err);
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        faulty_plan("C_GetAttributeValue lie=%s", lies[i]);
        KH_ASSERT_FAILS(
            rig_generate(&rig, 1, &half), KH_REFUSED, rig.err, "does not honour");
        faulty_plan("%s", "");
        CU_ASSERT_EQUAL(rig_count(&rig, NULL), 0);
    }
    rig_end(&rig);
}

static void a_key_that_became_extractable_is_not_used(void)
{
    struct kh_public_half half;
    struct kh_key_id id = rig_id(1);

    faulty_make(&rig);
    KH_ASSERT_OK_FATAL(rig_open(&rig), rig.err);
    KH_ASSERT_OK_FATAL(rig_generate(&rig, 1, &half), rig.err);
    faulty_plan("C_GetAttributeValue lie=0x162:1");
    KH_ASSERT_FAILS(kh_token_key_attest(rig.token, &id, NULL, 0, &rig.err), KH_CORRUPT,
        rig.err, "extractable");
    KH_ASSERT_FAILS(rig_ecdh(&rig, 1, &rig.err), KH_CORRUPT, rig.err, "not used");
    free(half.spki);
    faulty_plan("%s", "");
    rig_end(&rig);
}

static void without_ecdh_the_profile_is_rsa_oaep(void)
{
    struct kh_token_facts facts;

    faulty_make(&rig);
    faulty_plan("* hide=0x1050");
    KH_ASSERT_OK_FATAL(rig_open(&rig), rig.err);
    kh_token_facts(rig.token, &facts);
    CU_ASSERT_STRING_EQUAL(
        facts.profile, "rsa-oaep-sha1"); /* SoftHSM lists SHA-256 and lies */
    CU_ASSERT_EQUAL(facts.key_type, KH_KEY_RSA);
    CU_ASSERT_EQUAL(facts.key_bits, 2048);
    rig_close(&rig);
    rig_set(&rig, "key_type=ec-p256");
    rig_host(&rig);
    open_refused(KH_REFUSED, "CKR_MECHANISM_INVALID");
    faulty_plan("%s", "");
    rig_end(&rig);
}

static void a_token_without_any_profile_says_what_each_trial_came_to(void)
{
    faulty_make(&rig);
    faulty_plan("C_GenerateKeyPair rv=0x70");
    open_refused(KH_REFUSED, "rsa-oaep-sha1: C_GenerateKeyPair");
    CU_ASSERT_PTR_NOT_NULL(strstr(rig.err.message, "ecdh-p256: C_GenerateKeyPair"));
    faulty_plan("%s", "");
    rig_end(&rig);
}

static void a_wrong_answer_of_the_token_is_noticed_at_start(void)
{
    faulty_make(&rig);
    rig_set(&rig, "key_type=rsa-2048");
    rig_host(&rig);
    faulty_plan("C_Decrypt short=1");
    open_refused(KH_REFUSED, "answer is wrong");
    faulty_plan("%s", "");
    rig_end(&rig);
}

static void a_token_is_chosen_by_serial_and_slot(void)
{
    struct kh_token_facts facts;
    char text[80];

    faulty_make(&rig);
    KH_ASSERT_OK_FATAL(rig_open(&rig), rig.err);
    kh_token_facts(rig.token, &facts);
    rig_close(&rig);
    CU_ASSERT_EQUAL(
        kh_test_shell("softhsm2-util --init-token --free --label lab --so-pin "
                      "12345678 --pin 1234 >/dev/null"),
        0);
    open_refused(KH_REFUSED, facts.serial); /* two of that label: both are listed */
    snprintf(text, sizeof text, "token_serial=%s", facts.serial);
    rig_set(&rig, text);
    rig_host(&rig);
    KH_ASSERT_OK(rig_open(&rig), rig.err);
    rig_close(&rig);
    rig_set(&rig, "token_serial=0123456789abcdef");
    rig_host(&rig);
    open_refused(KH_UNAVAILABLE, facts.serial);
    rig_end(&rig);
}

static void a_missing_token_lists_those_that_are_there(void)
{
    faulty_make(&rig);
    rig_set(&rig, "token_label=vault");
    rig_host(&rig);
    open_refused(KH_UNAVAILABLE, "no token 'vault'");
    CU_ASSERT_PTR_NOT_NULL(strstr(rig.err.message, "'lab'"));
    CU_ASSERT_PTR_NOT_NULL(strstr(rig.err.message, "uninitialised"));
    rig_end(&rig);
}

static void a_token_that_is_not_initialised_says_so(void)
{
    rig_make(&rig);
    rig_set(&rig, "slot=1"); /* SoftHSM's free slot comes after the others */
    rig_set(&rig, "token_label=");
    rig_host(&rig);
    open_refused(KH_UNAVAILABLE, "not initialised");
    rig_end(&rig);
}

static void a_module_that_is_missing_or_foreign_is_refused(void)
{
    char *path;
    char text[800];

    rig_make(&rig);
    rig_set(&rig, "module=/nonexistent/module.so");
    rig_host(&rig);
    open_refused(KH_UNAVAILABLE, "/nonexistent/module.so");
    path = kh_test_path(rig.soft.dir, "m.so");
    kh_test_write(path, "no ELF", 6, 0644);
    snprintf(text, sizeof text, "module=%s", path);
    rig_set(&rig, text);
    rig_host(&rig);
    open_refused(KH_UNAVAILABLE, "m.so");
    kh_test_write(path, "no ELF", 6, 0666);
    open_refused(KH_REFUSED, "lets others write");
    free(path);
    rig_set(&rig, "module=/usr/lib/x86_64-linux-gnu/libcrypto.so.3");
    rig_host(&rig);
    open_refused(KH_REFUSED, "not a PKCS#11 module");
    rig_set(&rig, "module=/tmp");
    rig_host(&rig);
    open_refused(KH_REFUSED, "not a regular file");
    rig_end(&rig);
}

static void a_second_token_in_one_process_is_refused(void)
{
    struct kh_token *second = NULL;

    rig_make(&rig);
    KH_ASSERT_OK_FATAL(rig_open(&rig), rig.err);
    KH_ASSERT_FAILS(kh_token_open(&second, &rig.host, &rig.err), KH_BUSY, rig.err,
        "once in a process");
    rig_end(&rig);
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"a_start_logs_in_once", a_start_logs_in_once},
        {"a_wrong_pin_is_tried_once", a_wrong_pin_is_tried_once},
        {"every_refusal_of_a_pin_is_refused_and_never_repeated",
            every_refusal_of_a_pin_is_refused_and_never_repeated},
        {"a_pin_changed_meanwhile_is_not_sent_again",
            a_pin_changed_meanwhile_is_not_sent_again},
        {"the_flags_of_the_token_forbid_a_login", the_flags_of_the_token_forbid_a_login},
        {"a_pin_that_cannot_be_right_costs_no_attempt",
            a_pin_that_cannot_be_right_costs_no_attempt},
        {"a_pin_file_that_others_can_read_is_refused",
            a_pin_file_that_others_can_read_is_refused},
        {"a_token_that_does_not_honour_attributes_is_refused",
            a_token_that_does_not_honour_attributes_is_refused},
        {"a_key_that_does_not_honour_attributes_is_destroyed_again",
            a_key_that_does_not_honour_attributes_is_destroyed_again},
        {"a_key_that_became_extractable_is_not_used",
            a_key_that_became_extractable_is_not_used},
        {"without_ecdh_the_profile_is_rsa_oaep", without_ecdh_the_profile_is_rsa_oaep},
        {"a_token_without_any_profile_says_what_each_trial_came_to",
            a_token_without_any_profile_says_what_each_trial_came_to},
        {"a_wrong_answer_of_the_token_is_noticed_at_start",
            a_wrong_answer_of_the_token_is_noticed_at_start},
        {"a_token_is_chosen_by_serial_and_slot", a_token_is_chosen_by_serial_and_slot},
        {"a_missing_token_lists_those_that_are_there",
            a_missing_token_lists_those_that_are_there},
        {"a_token_that_is_not_initialised_says_so",
            a_token_that_is_not_initialised_says_so},
        {"a_module_that_is_missing_or_foreign_is_refused",
            a_module_that_is_missing_or_foreign_is_refused},
        {"a_second_token_in_one_process_is_refused",
            a_second_token_in_one_process_is_refused},
    };

    return kh_test_main("pkcs11.login", tests, sizeof tests / sizeof tests[0]);
}
