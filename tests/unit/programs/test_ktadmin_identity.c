#include "programs/ktadmin/identity.h"

#include "programs/ktadmin/fingerprint.h"
#include "tests/lib/testlib.h"

#include <stdlib.h>
#include <string.h>

/* One certificate, and its key in every form that operators have. */
static const char *make_files(void)
{
    const char *dir = kh_test_dir();

    CU_ASSERT_EQUAL_FATAL(
        kh_test_shell(
            "cd '%s' && exec >/dev/null 2>&1 && set -e && "
            "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=t -keyout pkcs8.pem "
            "-out cert.pem -days 30 && "
            "openssl rsa -in pkcs8.pem -traditional -out pkcs1.pem && "
            "openssl rsa -in pkcs8.pem -traditional -aes256 -passout pass:hunter2 "
            "-out pkcs1enc.pem && "
            "openssl pkcs8 -topk8 -in pkcs8.pem -v2 aes-256-cbc -passout pass:hunter2 "
            "-out pkcs8enc.pem && "
            "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 "
            "-out other.pem && "
            "printf hunter2 >right && printf wrong >wrong && chmod 600 right wrong",
            dir),
        0);
    return dir;
}

static kh_status load(
    const char *dir, const char *key, const char *secret, struct kh_error *err)
{
    char *certfile = kh_test_path(dir, "cert.pem");
    char *keyfile = kh_test_path(dir, "%s", key);
    char *source = secret ? kh_test_path("file:", "%s/%s", dir + 1, secret) : NULL;
    struct kh_http_options options = {
        .certfile = certfile, .keyfile = keyfile, .passphrase_source = source};
    struct kh_identity identity;
    kh_status status = kh_identity_load(&identity, &options, err);

    kh_identity_free(&identity);
    free(source);
    free(keyfile);
    free(certfile);
    return status;
}

static void keys_of_every_form_are_read(void)
{
    const char *dir = make_files();
    struct kh_error err = {0};

    KH_ASSERT_OK(load(dir, "pkcs8.pem", NULL, &err), err);
    KH_ASSERT_OK(load(dir, "pkcs1.pem", NULL, &err), err);
    KH_ASSERT_OK(load(dir, "pkcs1enc.pem", "right", &err), err);
    KH_ASSERT_OK(load(dir, "pkcs8enc.pem", "right", &err), err);
}

static void a_wrong_or_missing_passphrase_is_said(void)
{
    const char *dir = make_files();
    struct kh_error err = {0};

    KH_ASSERT_FAILS(
        load(dir, "pkcs8enc.pem", "wrong", &err), KH_INVALID, err, "passphrase is wrong");
    KH_ASSERT_FAILS(
        load(dir, "pkcs1enc.pem", "wrong", &err), KH_INVALID, err, "passphrase is wrong");
    KH_ASSERT_FAILS(
        load(dir, "pkcs8enc.pem", NULL, &err), KH_INVALID, err, "password-protected");
    CU_ASSERT_NOT_EQUAL(load(dir, "pkcs8enc.pem", "absent", &err), KH_OK);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "absent"));
}

static void files_that_are_no_key_or_another_key_are_named(void)
{
    const char *dir = make_files();
    struct kh_error err = {0};

    KH_ASSERT_FAILS(load(dir, "nothere.pem", NULL, &err), KH_INVALID, err, "nothere.pem");
    KH_ASSERT_FAILS(load(dir, "cert.pem", NULL, &err), KH_INVALID, err, "no private key");
    KH_ASSERT_FAILS(load(dir, "right", NULL, &err), KH_INVALID, err, "no private key");
    KH_ASSERT_FAILS(
        load(dir, "other.pem", NULL, &err), KH_INVALID, err, "not the key of");
}

static void fingerprints_are_those_of_openssl(void)
{
    const char *dir = make_files();
    char *path = kh_test_path(dir, "cert.pem");
    char *bad = kh_test_path(dir, "right");
    char text[KH_FINGERPRINT_TEXT] = "";
    struct kh_error err = {0};

    KH_ASSERT_OK(kh_certificate_fingerprint(path, text, &err), err);
    CU_ASSERT_EQUAL(
        kh_test_shell(
            "openssl x509 -in '%s' -noout -fingerprint -sha256 | grep -qF '=%s'", path,
            text),
        0);
    KH_ASSERT_FAILS(kh_certificate_fingerprint(bad, text, &err), KH_CORRUPT, err, bad);
    free(bad);
    free(path);
}

static const struct kh_test tests[] = {
    {"keys_of_every_form_are_read", keys_of_every_form_are_read},
    {"a_wrong_or_missing_passphrase_is_said", a_wrong_or_missing_passphrase_is_said},
    {"files_that_are_no_key_or_another_key_are_named",
        files_that_are_no_key_or_another_key_are_named},
    {"fingerprints_are_those_of_openssl", fingerprints_are_those_of_openssl},
};

int main(void)
{
    return kh_test_main("ktadmin_identity", tests, sizeof tests / sizeof tests[0]);
}
