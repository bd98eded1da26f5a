#include "programs/ktadmin/servercert.h"

#include "programs/ktadmin/confdir.h"
#include "tests/lib/testlib.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct kh_error err;

static kh_status make(const char *dir, const char *address, const char *source)
{
    const struct kh_server_certificate wish = {
        .confdir = dir, .address = address, .passphrase_source = source};

    return kh_server_certificate_make(&wish, &err);
}

/* The exit status of a shell command run in DIR/.ssl. */
static int in_ssl(const char *dir, const char *command)
{
    return kh_test_shell("cd '%s/.ssl' && { %s; } >/dev/null 2>&1", dir, command);
}

static void openssl_takes_the_pair(void)
{
    const char *dir = kh_test_dir();

    KH_ASSERT_OK_FATAL(make(dir, "kts.example.com", NULL), err);
    CU_ASSERT_EQUAL(
        in_ssl(dir, "openssl verify -CAfile ssl-cert-keytrustee.pem -verify_hostname "
                    "kts.example.com ssl-cert-keytrustee.pem"),
        0);
    CU_ASSERT_EQUAL(in_ssl(dir, "test \"$(openssl pkey -in ssl-cert-keytrustee-pk.pem "
                                "-pubout)\" = \"$(openssl x509 -in "
                                "ssl-cert-keytrustee.pem -noout -pubkey)\""),
        0);
    CU_ASSERT_EQUAL(
        in_ssl(dir, "test \"$(stat -c %a . ssl-cert-keytrustee.pem "
                    "ssl-cert-keytrustee-pk.pem | tr '\\n' ' ')\" = '700 644 600 '"),
        0);
}

static void without_an_address_it_is_for_this_machine(void)
{
    const char *dir = kh_test_dir();

    KH_ASSERT_OK_FATAL(make(dir, NULL, NULL), err);
    CU_ASSERT_EQUAL(
        in_ssl(dir, "openssl verify -CAfile ssl-cert-keytrustee.pem -verify_hostname "
                    "localhost ssl-cert-keytrustee.pem"),
        0);
}

static void a_passphrase_protects_the_key(void)
{
    const char *dir = kh_test_dir();
    char *secret = kh_test_path(dir, "secret");
    char *source = kh_test_path("file:", "%s", secret + 1);

    kh_test_write(secret, "hunter2\n", 8, 0600);
    KH_ASSERT_OK_FATAL(make(dir, "kts", source), err);
    CU_ASSERT_EQUAL(
        in_ssl(dir, "openssl pkey -in ssl-cert-keytrustee-pk.pem -passin pass:hunter2"),
        0);
    CU_ASSERT_NOT_EQUAL(
        in_ssl(dir, "openssl pkey -in ssl-cert-keytrustee-pk.pem -passin pass:wrong"), 0);
    free(source);
    free(secret);
}

static void a_passphrase_that_cannot_be_read_leaves_no_key(void)
{
    const char *dir = kh_test_dir();

    KH_ASSERT_FAILS(
        make(dir, "kts", "file:/nowhere/secret"), KH_UNAVAILABLE, err, "/nowhere/secret");
    CU_ASSERT_EQUAL(in_ssl(dir, "test -z \"$(ls -A)\""), 0);
}

static void one_that_is_there_is_left_as_it_is(void)
{
    const char *dir = kh_test_dir();

    KH_ASSERT_OK_FATAL(make(dir, "kts", NULL), err);
    CU_ASSERT_EQUAL(in_ssl(dir, "sha256sum * >../sums"), 0);
    KH_ASSERT_OK(make(dir, "other", NULL), err);
    CU_ASSERT_EQUAL(in_ssl(dir, "sha256sum -c ../sums"), 0);
}

static void a_key_without_its_certificate_is_never_overwritten(void)
{
    const char *dir = kh_test_dir();
    char *key = kh_test_path(dir, KH_CONFDIR_KEY);

    KH_ASSERT_OK_FATAL(make(dir, "kts", NULL), err);
    CU_ASSERT_EQUAL(in_ssl(dir, "rm ssl-cert-keytrustee.pem && sha256sum * >../sums"), 0);
    KH_ASSERT_FAILS(make(dir, "kts", NULL), KH_EXISTS, err, key);
    CU_ASSERT_EQUAL(in_ssl(dir, "sha256sum -c ../sums"), 0);
    free(key);
}

static void an_address_that_is_none_is_refused(void)
{
    const char *dir = kh_test_dir();

    KH_ASSERT_FAILS(make(dir, "https://kts", NULL), KH_INVALID, err, "no host name");
    CU_ASSERT_EQUAL(in_ssl(dir, "test -z \"$(ls -A)\""), 0);
}

#define T(name)                                                                          \
    {                                                                                    \
#name, name                                                                      \
    }

int main(void)
{
    static const struct kh_test tests[] = {
        T(openssl_takes_the_pair),
        T(without_an_address_it_is_for_this_machine),
        T(a_passphrase_protects_the_key),
        T(a_passphrase_that_cannot_be_read_leaves_no_key),
        T(one_that_is_there_is_left_as_it_is),
        T(a_key_without_its_certificate_is_never_overwritten),
        T(an_address_that_is_none_is_refused),
    };

    return kh_test_main("servercert", tests, sizeof tests / sizeof tests[0]);
}
