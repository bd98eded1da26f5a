/* A fresh SoftHSM token: made through the module, usable at once, never in another's
 * place. */
#include "plugins/pkcs11/newtoken.h"

#include "core/secmem.h"
#include "tests/unit/pkcs11/faulty.h"

#include <stdlib.h>
#include <string.h>

static struct rig rig;

static kh_status create(const char *label, const char *pin, const char *officer)
{
    KH_CLEANUP_BUF struct kh_buf secret = {0};
    KH_CLEANUP_BUF struct kh_buf admin = {0};
    const struct kh_creation wish = {label, &secret, &admin};

    memset(&rig.err, 0, sizeof rig.err);
    KH_ASSERT_OK_FATAL(kh_buf_copy(&secret, pin, strlen(pin), &rig.err), rig.err);
    KH_ASSERT_OK_FATAL(kh_buf_copy(&admin, officer, strlen(officer), &rig.err), rig.err);
    return kh_pkcs11_create(&rig.host, &wish, &rig.err);
}

static unsigned tokens(void)
{
    char *list = kh_test_path(rig.soft.dir, "list");
    unsigned count = 0;
    char line[200];
    FILE *f;

    CU_ASSERT_EQUAL(kh_test_shell("ls '%s/tokens' > '%s'", rig.soft.dir, list), 0);
    f = fopen(list, "re");
    while (f && fgets(line, sizeof line, f))
        count++;
    if (f)
        fclose(f);
    free(list);
    return count;
}

static void choose(const char *label, const char *pin)
{
    char text[64];

    (void)snprintf(text, sizeof text, "token_label=%s", label);
    rig_set(&rig, text);
    rig_host(&rig);
    kh_test_write(rig.soft.pin_file, pin, strlen(pin), 0600);
}

static void a_token_that_was_made_lets_its_pin_in_and_makes_keys(void)
{
    struct kh_public_half half;

    rig_make(&rig);
    KH_ASSERT_OK(create("fresh one", "567890", "87654321"), rig.err);
    CU_ASSERT_EQUAL(tokens(), 2);
    choose("fresh one", "567890");
    KH_ASSERT_OK_FATAL(rig_open(&rig), rig.err);
    KH_ASSERT_OK(rig_generate(&rig, 1, &half), rig.err);
    CU_ASSERT_TRUE(rig_agrees(&rig, 1, &half));
    free(half.spki);
    rig_close(&rig);
    choose("lab", "1234"); /* the one beside it is as it was */
    KH_ASSERT_OK(rig_open(&rig), rig.err);
    rig_end(&rig);
}

static void the_officer_can_set_another_pin(void)
{
    rig_make(&rig);
    KH_ASSERT_OK(create("fresh", "567890", "87654321"), rig.err);
    CU_ASSERT_EQUAL(
        kh_test_shell("SOFTHSM2_CONF='%s' pkcs11-tool --module " SOFTHSM2_MODULE
                      " --token-label fresh --login --login-type so --so-pin 87654321 "
                      "--init-pin --new-pin 1111 >/dev/null 2>&1",
            rig.soft.conf),
        0);
    choose("fresh", "1111");
    KH_ASSERT_OK(rig_open(&rig), rig.err);
    rig_end(&rig);
}

static void a_label_that_is_taken_is_left_alone(void)
{
    rig_make(&rig);
    KH_ASSERT_FAILS(
        create("lab", "567890", "87654321"), KH_EXISTS, rig.err, "'lab' already");
    CU_ASSERT_EQUAL(tokens(), 1);
    KH_ASSERT_OK(rig_open(&rig), rig.err);
    rig_end(&rig);
}

static void what_a_token_cannot_have_is_refused_before_it_is_made(void)
{
    rig_make(&rig);
    KH_ASSERT_FAILS(create("", "567890", "87654321"), KH_INVALID, rig.err, "1 to 32");
    KH_ASSERT_FAILS(create("123456789012345678901234567890123", "567890", "87654321"),
        KH_INVALID, rig.err, "1 to 32");
    KH_ASSERT_FAILS(create("a ", "567890", "87654321"), KH_INVALID, rig.err, "no blank");
    KH_ASSERT_FAILS(create("a\nb", "567890", "87654321"), KH_INVALID, rig.err, "control");
    KH_ASSERT_FAILS(create("a", "12", "87654321"), KH_INVALID, rig.err, "the user PIN");
    KH_ASSERT_FAILS(create("a", "1234", "12"), KH_INVALID, rig.err, "officer's PIN");
    CU_ASSERT_EQUAL(tokens(), 1);
    KH_ASSERT_OK(create("12345678901234567890123456789012", "1234", "4321"), rig.err);
    CU_ASSERT_EQUAL(tokens(), 2);
    rig_end(&rig);
}

static void what_the_module_refuses_is_passed_on(void)
{
    static const char *const calls[] = {"C_InitToken", "C_InitPIN", "C_Login"};

    faulty_make(&rig);
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        char label[16];

        (void)snprintf(label, sizeof label, "token%zu", i);
        faulty_plan("%s rv=0x30", calls[i]);
        KH_ASSERT_FAILS(create(label, "1234", "12345678"), KH_UNAVAILABLE, rig.err,
            "CKR_DEVICE_ERROR");
        CU_ASSERT_PTR_NOT_NULL(strstr(rig.err.message, calls[i]));
        CU_ASSERT_EQUAL(faulty_calls("C_Finalize"), 1);
    }
    faulty_plan("%s", "");
    KH_ASSERT_OK(create("good", "1234", "12345678"), rig.err);
    rig_end(&rig);
}

static void another_vendors_module_is_refused(void)
{
    rig_make(&rig);
    rig_set(&rig, "module=/usr/lib/x86_64-linux-gnu/pkcs11/p11-kit-client.so");
    rig_host(&rig);
    KH_ASSERT_FAILS(
        create("fresh", "1234", "12345678"), KH_REFUSED, rig.err, "vendor's tools");
    rig_set(&rig, "module=/nonexistent.so");
    rig_host(&rig);
    KH_ASSERT_FAILS(
        create("fresh", "1234", "12345678"), KH_UNAVAILABLE, rig.err, "/nonexistent.so");
    CU_ASSERT_EQUAL(tokens(), 1);
    rig_end(&rig);
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"a_token_that_was_made_lets_its_pin_in_and_makes_keys",
            a_token_that_was_made_lets_its_pin_in_and_makes_keys},
        {"the_officer_can_set_another_pin", the_officer_can_set_another_pin},
        {"a_label_that_is_taken_is_left_alone", a_label_that_is_taken_is_left_alone},
        {"what_a_token_cannot_have_is_refused_before_it_is_made",
            what_a_token_cannot_have_is_refused_before_it_is_made},
        {"what_the_module_refuses_is_passed_on", what_the_module_refuses_is_passed_on},
        {"another_vendors_module_is_refused", another_vendors_module_is_refused},
    };

    return kh_test_main("pkcs11/newtoken", tests, sizeof tests / sizeof tests[0]);
}
