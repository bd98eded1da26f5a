/* The table of quirks: each row is complete, and a module has the rows that are about it.
 */
#include "plugins/pkcs11/quirks.h"

#include "plugins/pkcs11/module.h"
#include "tests/lib/testlib.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* As a module fills it: with blanks at the end. */
static CK_INFO info_of(const char *manufacturer, const char *description, int version)
{
    CK_INFO info = {
        .libraryVersion = {(CK_BYTE)(version / 100), (CK_BYTE)(version % 100)}};

    memset(info.manufacturerID, ' ', sizeof info.manufacturerID);
    memset(info.libraryDescription, ' ', sizeof info.libraryDescription);
    memcpy(info.manufacturerID, manufacturer, strlen(manufacturer));
    memcpy(info.libraryDescription, description, strlen(description));
    return info;
}

static bool has(const CK_INFO *info, const char *word)
{
    size_t count;
    const struct kh_quirk *rows = kh_quirk_table(&count);

    for (size_t i = 0; i < count; i++) {
        if (kh_quirk_applies(&rows[i], info) && strcmp(rows[i].word, word) == 0)
            return true;
    }
    return false;
}

static void every_row_names_a_module_a_word_and_a_reason(void)
{
    size_t count;
    const struct kh_quirk *rows = kh_quirk_table(&count);

    CU_ASSERT_TRUE_FATAL(count > 10);
    for (size_t i = 0; i < count; i++) {
        const char *word = rows[i].word;

        CU_ASSERT_PTR_NOT_NULL_FATAL(word);
        CU_ASSERT_TRUE(rows[i].manufacturer && *rows[i].manufacturer);
        CU_ASSERT_TRUE(rows[i].description && *rows[i].description);
        CU_ASSERT_TRUE(rows[i].reason && strlen(rows[i].reason) > 20);
        CU_ASSERT_PTR_NULL(strchr(rows[i].reason, '\n'));
        /* A line of the doctor. */
        CU_ASSERT_TRUE(strlen(rows[i].reason) < 300);
        CU_ASSERT_TRUE(strlen(word) > 2 && strlen(word) <= 20);
        for (; *word; word++)
            CU_ASSERT_TRUE(islower((unsigned char)*word) ||
                           isdigit((unsigned char)*word) || *word == '-');
    }
}

static void no_module_has_one_word_twice(void)
{
    size_t count;
    const struct kh_quirk *rows = kh_quirk_table(&count);

    for (size_t i = 0; i < count; i++) {
        for (size_t k = i + 1; k < count; k++)
            CU_ASSERT_FALSE(strcmp(rows[i].manufacturer, rows[k].manufacturer) == 0 &&
                            strcmp(rows[i].word, rows[k].word) == 0);
    }
}

static void softhsm_has_a_token_file_one_login_and_a_blank_slot(void)
{
    CK_INFO info = info_of("SoftHSM", "Implementation of PKCS11", 206);
    struct kh_quirks quirks = kh_quirks_of(&info);

    CU_ASSERT_EQUAL(quirks.flags,
        (uint32_t)(KH_QUIRK_TOKEN_FILE | KH_QUIRK_ONE_LOGIN | KH_QUIRK_BLANK_SLOT));
    CU_ASSERT_EQUAL(quirks.key_limit, 0);
    CU_ASSERT_TRUE(has(&info, "half-made-keys"));
    CU_ASSERT_FALSE(has(&info, "keys-leave"));
}

static void a_tpm_has_its_pairs_on_the_token_and_few_of_them(void)
{
    CK_INFO info = info_of("tpm2-software.github.io", "TPM2.0 Cryptoki", 109);
    struct kh_quirks quirks = kh_quirks_of(&info);

    CU_ASSERT_EQUAL(
        quirks.flags, (uint32_t)(KH_QUIRK_PAIR_ON_TOKEN | KH_QUIRK_ANCHOR |
                                 KH_QUIRK_LATE_REFUSAL | KH_QUIRK_DIGEST_LENGTHS));
    CU_ASSERT_TRUE(quirks.key_limit > 0 && quirks.key_limit < 100);
}

static void opencryptoki_has_a_ceiling_and_nss_is_unsafe(void)
{
    CK_INFO ock = info_of("IBM", "Meta PKCS11 LIBRARY", 308);
    CK_INFO nss = info_of("Mozilla Foundation", "NSS Internal Crypto Services", 387);

    CU_ASSERT_EQUAL(kh_quirks_of(&ock).key_limit, 2000);
    CU_ASSERT_EQUAL(kh_quirks_of(&ock).flags, 0);
    CU_ASSERT_TRUE(has(&nss, "keys-leave"));
    CU_ASSERT_EQUAL(kh_quirks_of(&nss).flags, 0);
}

static void another_module_has_none(void)
{
    CK_INFO others[] = {info_of("", "", 0),
        info_of("SoftHSM2", "Implementation of PKCS11", 206),
        info_of("IBM", "PKCS11 of something else", 100), info_of("SoftHS", "", 0),
        info_of("Some vendor of a long name 1234x", "Implementation of PKCS11 and so on",
            100)};
    size_t count;
    const struct kh_quirk *rows = kh_quirk_table(&count);

    for (size_t o = 0; o < sizeof others / sizeof others[0]; o++) {
        CU_ASSERT_EQUAL(kh_quirks_of(&others[o]).flags, 0);
        CU_ASSERT_EQUAL(kh_quirks_of(&others[o]).key_limit, 0);
        for (size_t i = 0; i < count; i++)
            CU_ASSERT_FALSE(kh_quirk_applies(&rows[i], &others[o]));
    }
}

static void a_row_may_be_about_some_versions_only(void)
{
    struct kh_quirk row = {.manufacturer = "Acme", .description = "HSM", .word = "x"};
    CK_INFO info = info_of("Acme", "HSM client", 205);

    CU_ASSERT_TRUE(kh_quirk_applies(&row, &info));
    row.first = (CK_VERSION){2, 5};
    CU_ASSERT_TRUE(kh_quirk_applies(&row, &info));
    row.first = (CK_VERSION){2, 6};
    CU_ASSERT_FALSE(kh_quirk_applies(&row, &info));
    row.first = (CK_VERSION){0, 0};
    row.last = (CK_VERSION){2, 5};
    CU_ASSERT_TRUE(kh_quirk_applies(&row, &info));
    row.last = (CK_VERSION){1, 9};
    CU_ASSERT_FALSE(kh_quirk_applies(&row, &info));
    row.last = (CK_VERSION){10, 0};
    CU_ASSERT_TRUE(kh_quirk_applies(&row, &info));
}

static void weights_have_words(void)
{
    CU_ASSERT_STRING_EQUAL(kh_quirk_weight_word(KH_QUIRK_HANDLED), "handled");
    CU_ASSERT_STRING_EQUAL(kh_quirk_weight_word(KH_QUIRK_MIND), "mind");
    CU_ASSERT_STRING_EQUAL(kh_quirk_weight_word(KH_QUIRK_UNSAFE), "unsafe");
}

/* The real one; NSS's without its words is what init_args is for. */
static void a_module_is_known_by_what_it_says(void)
{
    struct kh_module module = {.initialised = false};
    struct kh_error err = {0};

    KH_ASSERT_OK_FATAL(kh_module_load(&module, SOFTHSM2_MODULE, &err), err);
    CU_ASSERT_FALSE(kh_module_quirk(&module, KH_QUIRK_TOKEN_FILE));
    setenv("SOFTHSM2_CONF", "/dev/null", 1);
    KH_ASSERT_OK_FATAL(kh_module_init(&module, &err), err);
    CU_ASSERT_TRUE(kh_module_quirk(&module, KH_QUIRK_TOKEN_FILE | KH_QUIRK_ONE_LOGIN));
    CU_ASSERT_FALSE(kh_module_quirk(&module, KH_QUIRK_TOKEN_FILE | KH_QUIRK_ANCHOR));
    kh_module_fini(&module);
}

static void a_module_is_told_what_it_wants_and_no_more(void)
{
    struct kh_module module = {.init_args = "configdir='/nowhere'"};
    struct kh_error err = {0};

    KH_ASSERT_OK_FATAL(kh_module_load(&module, SOFTHSM2_MODULE, &err), err);
    KH_ASSERT_FAILS(kh_module_init(&module, &err), KH_REFUSED, err,
        "does not take what option init_args");
    module = (struct kh_module){.init_args = NULL};
    KH_ASSERT_OK_FATAL(kh_module_load(&module, NSS_MODULE, &err), err);
    KH_ASSERT_FAILS(kh_module_init(&module, &err), KH_REFUSED, err, "option init_args");
    CU_ASSERT_FALSE(module.initialised);
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"every_row_names_a_module_a_word_and_a_reason",
            every_row_names_a_module_a_word_and_a_reason},
        {"no_module_has_one_word_twice", no_module_has_one_word_twice},
        {"softhsm_has_a_token_file_one_login_and_a_blank_slot",
            softhsm_has_a_token_file_one_login_and_a_blank_slot},
        {"a_tpm_has_its_pairs_on_the_token_and_few_of_them",
            a_tpm_has_its_pairs_on_the_token_and_few_of_them},
        {"opencryptoki_has_a_ceiling_and_nss_is_unsafe",
            opencryptoki_has_a_ceiling_and_nss_is_unsafe},
        {"another_module_has_none", another_module_has_none},
        {"a_row_may_be_about_some_versions_only", a_row_may_be_about_some_versions_only},
        {"weights_have_words", weights_have_words},
        {"a_module_is_known_by_what_it_says", a_module_is_known_by_what_it_says},
        {"a_module_is_told_what_it_wants_and_no_more",
            a_module_is_told_what_it_wants_and_no_more},
    };

    return kh_test_main("pkcs11.quirks", tests, sizeof tests / sizeof tests[0]);
}
