/* The format: stock openssl opens what the store wrote, and the store what openssl wrote.
 */
#include "tests/unit/softfile/fixture.h"

#include <stdlib.h>

/* OPEN is how README.md says a deposit is read without this project. */
static void opened_by_openssl(const char *const *settings, const char *passphrase)
{
    char *dir = soft_new_place();
    struct kh_backend *b = NULL;
    struct kh_error err = {0};

    KH_ASSERT_OK_FATAL(soft_open(&b, dir, KH_OPEN_TOOL, settings, &err), err);
    soft_stored(b, "a b", 0, "secret");
    kh_backend_close(b);
    CU_ASSERT_EQUAL(
        kh_test_shell(
            "cd '%s' && openssl cms -decrypt -inform DER "
            "-in deposits/a%%20b/00000000.cms -recip store.pem -inkey store.key %s "
            "> ../record && grep -q '\"name\":\"a b\",\"version\":0,"
            "\"created\":\"2016-06-03T07:07:28Z\"' ../record && "
            "sed 's/.*\"data\":\"\\([^\"]*\\)\".*/\\1/' ../record | base64 -d > ../data "
            "&& "
            "test \"$(cat ../data)\" = secret",
            dir, passphrase),
        0);
    free(dir);
}

static void openssl_opens_a_deposit_of_an_ec_store(void)
{
    static const char *const ec[] = {"create=yes", NULL};

    opened_by_openssl(ec, "");
}

static void openssl_opens_a_deposit_of_an_rsa_store(void)
{
    static const char *const rsa[] = {"create=yes", "key_type=rsa", NULL};

    opened_by_openssl(rsa, "");
}

static void openssl_opens_a_deposit_with_the_passphrase(void)
{
    char *path = kh_test_path(kh_test_dir(), "pass");
    char *source = NULL;
    char *option = NULL;
    const char *settings[] = {"create=yes", NULL, NULL};

    kh_test_write(path, "open sesame\n", 12, 0600);
    if (asprintf(&source, "passphrase_source=file:%s", path) < 0 ||
        asprintf(&option, "-passin file:%s", path) < 0)
        abort();
    settings[1] = source;
    opened_by_openssl(settings, option);
    free(source);
    free(option);
    free(path);
}

static void the_envelope_is_the_standards_we_say(void)
{
    char *dir = soft_new_place();
    struct kh_backend *b = soft_make(dir, KH_OPEN_TOOL);

    soft_stored(b, "key", 0, "secret");
    kh_backend_close(b);
    CU_ASSERT_EQUAL(
        kh_test_shell("cd '%s' && openssl cms -cmsout -print -inform DER "
                      "-in deposits/key/00000000.cms > ../print && "
                      "grep -q 'id-smime-ct-authEnvelopedData' ../print && "
                      "grep -q 'aes-256-gcm' ../print && "
                      "grep -q 'dhSinglePass-stdDH-sha256kdf-scheme' ../print && "
                      "grep -q 'd.rKeyId' ../print",
            dir),
        0);
    free(dir);
}

static void the_store_opens_what_openssl_sealed(void)
{
    char *dir = soft_new_place();
    struct kh_backend *b = soft_make(dir, KH_OPEN_TOOL);

    CU_ASSERT_EQUAL(
        kh_test_shell(
            "cd '%s' && mkdir -m 700 deposits/made && umask 077 && "
            "printf '{\"name\":\"made\",\"version\":3,"
            "\"created\":\"2016-06-03T07:07:28Z\",\"attributes\":{},"
            "\"data\":\"aGVsbG8=\"}' | openssl cms -encrypt -aes-256-gcm -binary "
            "-outform DER -recip store.pem -keyid -keyopt ecdh_kdf_md:sha256 "
            "-out deposits/made/00000003.cms",
            dir),
        0);
    CU_ASSERT_TRUE(soft_holds(b, "made", 3, "hello"));
    kh_backend_close(b);
    free(dir);
}

/* An escrow key beside the store's, before it and after it, of the same and of another
 * kind: ours is found and opened. */
static void the_store_opens_what_was_sealed_for_others_too(void)
{
    static const char *const others[] = {"ec -pkeyopt ec_paramgen_curve:P-256",
        "ec -pkeyopt ec_paramgen_curve:P-384", "rsa:2048"};
    char *dir = soft_new_place();
    struct kh_backend *b = soft_make(dir, KH_OPEN_TOOL);

    CU_ASSERT_EQUAL(kh_test_shell("cd '%s' && mkdir -m 700 deposits/made", dir), 0);
    for (unsigned i = 0; i < 6; i++) {
        CU_ASSERT_EQUAL(
            kh_test_shell(
                "cd '%s' && umask 077 && openssl req -x509 -newkey %s -nodes "
                "-keyout ../k.pem -out ../c.pem -subj /CN=x 2>/dev/null && "
                "printf '{\"name\":\"made\",\"version\":%u,"
                "\"created\":\"2016-06-03T07:07:28Z\",\"attributes\":{},"
                "\"data\":\"aGVsbG8=\"}' | openssl cms -encrypt -aes-256-gcm -binary "
                "-outform DER -keyid -recip %s -recip %s -out "
                "deposits/made/0000000%u.cms",
                dir, others[i / 2], i, i % 2 ? "../c.pem" : "store.pem",
                i % 2 ? "store.pem" : "../c.pem", i),
            0);
        CU_ASSERT_TRUE(soft_holds(b, "made", i, "hello"));
    }
    kh_backend_close(b);
    free(dir);
}

static void the_certificate_has_no_end_and_names_its_use(void)
{
    char *dir = soft_new_place();

    kh_backend_close(soft_make(dir, KH_OPEN_TOOL));
    CU_ASSERT_EQUAL(
        kh_test_shell("cd '%s' && openssl x509 -in store.pem -noout -text > ../text && "
                      "grep -q 'Dec 31 23:59:59 9999 GMT' ../text && "
                      "grep -q 'Key Agreement' ../text && "
                      "grep -q 'Subject Key Identifier' ../text && "
                      "openssl verify -CAfile store.pem store.pem >/dev/null",
            dir),
        0);
    free(dir);
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"openssl_opens_a_deposit_of_an_ec_store",
            openssl_opens_a_deposit_of_an_ec_store},
        {"openssl_opens_a_deposit_of_an_rsa_store",
            openssl_opens_a_deposit_of_an_rsa_store},
        {"openssl_opens_a_deposit_with_the_passphrase",
            openssl_opens_a_deposit_with_the_passphrase},
        {"the_envelope_is_the_standards_we_say", the_envelope_is_the_standards_we_say},
        {"the_store_opens_what_openssl_sealed", the_store_opens_what_openssl_sealed},
        {"the_store_opens_what_was_sealed_for_others_too",
            the_store_opens_what_was_sealed_for_others_too},
        {"the_certificate_has_no_end_and_names_its_use",
            the_certificate_has_no_end_and_names_its_use},
    };

    return kh_test_main("softfile openssl", tests, sizeof tests / sizeof tests[0]);
}
