/* The client's key in every form, its certificate, and the pinned one of the server. */
#include "plugins/keyhsm/identity.h"

#include "core/host.h"
#include "plugins/keyhsm/pin.h"
#include "tests/lib/testlib.h"

#include <openssl/pem.h>
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
            "openssl rsa -in pkcs8.pem -outform DER -out der.key && "
            "openssl rsa -in pkcs8.pem -traditional -aes256 -passout pass:hunter2 "
            "-out pkcs1enc.pem && "
            "openssl pkcs8 -topk8 -in pkcs8.pem -v2 aes-256-cbc -passout pass:hunter2 "
            "-out pkcs8enc.pem && "
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
            "-subj /CN=o -keyout other.pem -out othercert.pem -days 30 && "
            "cat cert.pem othercert.pem > chain.pem && "
            "printf hunter2 >right && printf wrong >wrong && chmod 600 right wrong",
            dir),
        0);
    return dir;
}

static kh_status load_from(const char *dir, const char *certificate, const char *key,
    const char *secret, int *chain, struct kh_error *err)
{
    char *path = kh_test_path(dir, "%s", certificate);
    char *source = secret ? kh_test_path("file:", "%s/%s", dir + 1, secret) : NULL;
    struct kh_host_origin origin = {0};
    struct kh_host host;
    struct kh_remote_settings settings = {.host = &host,
        .client_certificate = path,
        .client_key = key,
        .passphrase_source = source};
    struct kh_identity identity;
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    kh_status st;

    kh_host_init(&host, "keyhsm", KH_OPEN_TOOL, &origin);
    st = kh_identity_load(&identity, &settings, err);
    if (st == KH_OK) {
        CU_ASSERT_TRUE(kh_identity_use(&identity, ctx));
        CU_ASSERT_EQUAL(SSL_CTX_check_private_key(ctx), 1);
        *chain = sk_X509_num(identity.chain);
    }
    SSL_CTX_free(ctx);
    kh_identity_free(&identity);
    free(source);
    free(path);
    return st;
}

static kh_status load(
    const char *dir, const char *key, const char *secret, struct kh_error *err)
{
    char *path = kh_test_path(dir, "%s", key);
    int chain = 0;
    kh_status st = load_from(dir, "cert.pem", path, secret, &chain, err);

    free(path);
    return st;
}

static void keys_of_every_form_are_read(void)
{
    const char *dir = make_files();
    struct kh_error err = {0};

    KH_ASSERT_OK(load(dir, "pkcs8.pem", NULL, &err), err);
    KH_ASSERT_OK(load(dir, "pkcs1.pem", NULL, &err), err);
    KH_ASSERT_OK(load(dir, "der.key", NULL, &err), err);
    KH_ASSERT_OK(load(dir, "pkcs1enc.pem", "right", &err), err);
    KH_ASSERT_OK(load(dir, "pkcs8enc.pem", "right", &err), err);
}

static void a_key_may_be_named_by_a_uri(void)
{
    const char *dir = make_files();
    struct kh_error err = {0};
    char uri[600];
    int chain = -1;

    snprintf(uri, sizeof uri, "file:%s/pkcs8.pem", dir);
    KH_ASSERT_OK(load_from(dir, "cert.pem", uri, NULL, &chain, &err), err);
    CU_ASSERT_EQUAL(chain, 0);
    KH_ASSERT_FAILS(load_from(dir, "cert.pem", "pkcs11:object=none", NULL, &chain, &err),
        KH_INVALID, err, "pkcs11:object=none");
}

static void the_chain_is_shown_with_the_certificate(void)
{
    const char *dir = make_files();
    char *key = kh_test_path(dir, "pkcs8.pem");
    struct kh_error err = {0};
    int chain = -1;

    KH_ASSERT_OK(load_from(dir, "chain.pem", key, NULL, &chain, &err), err);
    CU_ASSERT_EQUAL(chain, 1);
    free(key);
}

static void a_wrong_or_missing_passphrase_is_said(void)
{
    const char *dir = make_files();
    struct kh_error err = {0};

    KH_ASSERT_FAILS(
        load(dir, "pkcs8enc.pem", "wrong", &err), KH_INVALID, err, "passphrase is wrong");
    CU_ASSERT_PTR_NULL(strstr(err.message, "wrong\n"));
    KH_ASSERT_FAILS(
        load(dir, "pkcs1enc.pem", "wrong", &err), KH_INVALID, err, "passphrase is wrong");
    KH_ASSERT_FAILS(
        load(dir, "pkcs8enc.pem", NULL, &err), KH_INVALID, err, "password-protected");
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "passphrase_source"));
    CU_ASSERT_NOT_EQUAL(load(dir, "pkcs8enc.pem", "absent", &err), KH_OK);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "absent"));
}

static void files_that_are_no_key_or_another_key_are_named(void)
{
    const char *dir = make_files();
    char *key = kh_test_path(dir, "pkcs8.pem");
    struct kh_error err = {0};
    int chain = 0;

    KH_ASSERT_FAILS(load(dir, "nothere.pem", NULL, &err), KH_INVALID, err, "nothere.pem");
    KH_ASSERT_FAILS(load(dir, "cert.pem", NULL, &err), KH_INVALID, err, "no private key");
    KH_ASSERT_FAILS(load(dir, "right", NULL, &err), KH_INVALID, err, "no private key");
    KH_ASSERT_FAILS(
        load(dir, "other.pem", NULL, &err), KH_INVALID, err, "is not the key of");
    KH_ASSERT_FAILS(load_from(dir, "right", key, NULL, &chain, &err), KH_INVALID, err,
        "no certificate");
    KH_ASSERT_FAILS(load_from(dir, "nothere", key, NULL, &chain, &err), KH_INVALID, err,
        "No such file");
    free(key);
}

/* ---- the pin ---- */

static X509 *read_certificate(const char *dir, const char *name)
{
    char *path = kh_test_path(dir, "%s", name);
    FILE *file = fopen(path, "r");
    X509 *certificate = file ? PEM_read_X509(file, NULL, NULL, NULL) : NULL;

    CU_ASSERT_PTR_NOT_NULL_FATAL(certificate);
    (void)fclose(file);
    free(path);
    return certificate;
}

static void the_pinned_certificate_and_no_other_is_taken(void)
{
    const char *dir = make_files();
    char *path = kh_test_path(dir, "cert.pem");
    X509 *same = read_certificate(dir, "cert.pem");
    X509 *other = read_certificate(dir, "othercert.pem");
    struct kh_error err = {0};
    struct kh_pin pin;

    KH_ASSERT_OK_FATAL(kh_pin_load(&pin, path, &err), err);
    CU_ASSERT_EQUAL(kh_test_shell("test \"$(openssl x509 -in '%s' -outform DER | "
                                  "sha256sum | cut -c1-64)\" = %s",
                        path, pin.text),
        0);
    KH_ASSERT_OK(kh_pin_check(&pin, same, "https://h:1", &err), err);
    KH_ASSERT_FAILS(
        kh_pin_check(&pin, other, "https://h:1", &err), KH_REFUSED, err, pin.text);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "https://h:1"));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "--replace-pin"));
    KH_ASSERT_FAILS(
        kh_pin_check(&pin, NULL, "https://h:1", &err), KH_REFUSED, err, "(none)");
    X509_free(other);
    X509_free(same);
    free(path);
}

static void a_pin_that_cannot_be_read_is_named(void)
{
    const char *dir = make_files();
    char *key = kh_test_path(dir, "right");
    struct kh_error err = {0};
    struct kh_pin pin;

    KH_ASSERT_FAILS(kh_pin_load(&pin, key, &err), KH_INVALID, err, "no certificate");
    KH_ASSERT_FAILS(
        kh_pin_load(&pin, "/nowhere.pem", &err), KH_INVALID, err, "No such file");
    free(key);
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"keys_of_every_form_are_read", keys_of_every_form_are_read},
        {"a_key_may_be_named_by_a_uri", a_key_may_be_named_by_a_uri},
        {"the_chain_is_shown_with_the_certificate",
            the_chain_is_shown_with_the_certificate},
        {"a_wrong_or_missing_passphrase_is_said", a_wrong_or_missing_passphrase_is_said},
        {"files_that_are_no_key_or_another_key_are_named",
            files_that_are_no_key_or_another_key_are_named},
        {"the_pinned_certificate_and_no_other_is_taken",
            the_pinned_certificate_and_no_other_is_taken},
        {"a_pin_that_cannot_be_read_is_named", a_pin_that_cannot_be_read_is_named},
    };

    return kh_test_main("keyhsm identity", tests, sizeof tests / sizeof tests[0]);
}
