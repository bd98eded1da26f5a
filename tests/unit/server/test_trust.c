#include "server/trust.h"

#include "server/credentials.h"
#include "server/tls.h"

#include "tests/lib/testlib.h"

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *dir;

#define REQ                                                                              \
    "cd '%s' && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "   \
    "-subj '/CN=%s,x/O=Acme' -addext basicConstraints=CA:FALSE -days 2 -keyout %s.key "  \
    "-out %s.crt "                                                                       \
    "%s >/dev/null 2>&1"

static void make(const char *name, const char *more)
{
    CU_ASSERT_EQUAL_FATAL(kh_test_shell(REQ, dir, name, name, name, more), 0);
}

static X509 *load(const char *name)
{
    char *path = kh_test_path(dir, "%s.crt", name);
    FILE *from = fopen(path, "r");
    X509 *cert = from ? PEM_read_X509(from, NULL, NULL, NULL) : NULL;

    CU_ASSERT_PTR_NOT_NULL_FATAL(cert);
    fclose(from);
    free(path);
    return cert;
}

static char *trust_dir(void)
{
    return kh_test_path(dir, "trust");
}

static void set_up(void)
{
    char *path;

    if (dir)
        return;
    dir = kh_test_dir();
    path = trust_dir();
    CU_ASSERT_EQUAL_FATAL(mkdir(path, 0700), 0);
    free(path);
    make("alice", "-addext extendedKeyUsage=clientAuth");
    make("bob", "-addext extendedKeyUsage=clientAuth");
    make("web", "-addext extendedKeyUsage=serverAuth");
}

static struct kh_trust *new_trust(void)
{
    char *path = trust_dir();
    struct kh_trust *trust = NULL;
    struct kh_error err = {0};

    KH_ASSERT_OK_FATAL(kh_trust_new(&trust, path, &err), err);
    free(path);
    return trust;
}

/* Puts OF's certificate into the file that is named after NAME's. */
static char *pin_as(const char *name, const char *of, unsigned mode)
{
    X509 *cert = load(name);
    char fingerprint[65];
    char *path;

    kh_cert_fingerprint(cert, fingerprint);
    path = kh_test_path(dir, "trust/%s.pem", fingerprint);
    CU_ASSERT_EQUAL(
        kh_test_shell("cp '%s/%s.crt' '%s' && chmod %o '%s'", dir, of, path, mode, path),
        0);
    X509_free(cert);
    return path;
}

static bool pinned(const struct kh_trust *trust, const char *name)
{
    X509 *cert = load(name);
    bool yes = kh_trust_pinned(trust, cert);

    X509_free(cert);
    return yes;
}

/* What the handshake would say of NAME, with NAME's own certificate as CA when CA is set.
 */
static int verify(struct kh_trust *trust, const char *name, const char *ca)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    X509 *cert = load(name);
    X509 *anchor = ca ? load(ca) : NULL;
    int result;

    if (anchor)
        X509_STORE_add_cert(store, anchor);
    CU_ASSERT_EQUAL_FATAL(X509_STORE_CTX_init(ctx, store, cert, NULL), 1);
    CU_ASSERT_EQUAL(X509_STORE_CTX_set_default(ctx, "ssl_client"), 1);
    result = kh_trust_verify(ctx, trust);
    X509_free(anchor);
    X509_free(cert);
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
    return result;
}

static void a_pin_is_believed_at_once_and_until_it_is_removed(void)
{
    struct kh_trust *trust;
    char *pin;

    set_up();
    trust = new_trust();
    CU_ASSERT_FALSE(pinned(trust, "alice"));
    CU_ASSERT_EQUAL(verify(trust, "alice", NULL), 0);
    pin = pin_as("alice", "alice", 0644);
    CU_ASSERT(pinned(trust, "alice"));
    CU_ASSERT_EQUAL(verify(trust, "alice", NULL), 1);
    CU_ASSERT_FALSE(pinned(trust, "bob"));
    CU_ASSERT_EQUAL(verify(trust, "bob", NULL), 0);
    CU_ASSERT_EQUAL(unlink(pin), 0);
    CU_ASSERT_FALSE(pinned(trust, "alice"));
    CU_ASSERT_EQUAL(verify(trust, "alice", NULL), 0);
    CU_ASSERT_EQUAL(kh_trust_refusals(trust), 3);
    free(pin);
    kh_trust_free(trust);
}

static void a_pin_with_the_wrong_purpose_is_refused(void)
{
    struct kh_trust *trust;
    char *pin;

    set_up();
    trust = new_trust();
    pin = pin_as("web", "web", 0644);
    CU_ASSERT(pinned(trust, "web"));
    CU_ASSERT_EQUAL(verify(trust, "web", NULL), 0);
    unlink(pin);
    free(pin);
    kh_trust_free(trust);
}

static void a_pin_that_others_may_write_is_not_believed(void)
{
    struct kh_trust *trust;
    char *pin;

    set_up();
    trust = new_trust();
    pin = pin_as("alice", "alice", 0666);
    CU_ASSERT_FALSE(pinned(trust, "alice"));
    CU_ASSERT_EQUAL(chmod(pin, 0640), 0);
    CU_ASSERT(pinned(trust, "alice"));
    unlink(pin);
    free(pin);
    kh_trust_free(trust);
}

static void a_pin_file_with_another_certificate_is_not_believed(void)
{
    struct kh_trust *trust;
    char *pin;

    set_up();
    trust = new_trust();
    pin = pin_as("alice", "bob", 0644);
    CU_ASSERT_FALSE(pinned(trust, "alice"));
    CU_ASSERT_FALSE(pinned(trust, "bob"));
    kh_test_write(pin, "no certificate", 14, 0644);
    CU_ASSERT_FALSE(pinned(trust, "alice"));
    unlink(pin);
    free(pin);
    kh_trust_free(trust);
}

static void a_pin_that_is_a_link_is_not_followed(void)
{
    struct kh_trust *trust;
    char *pin;

    set_up();
    trust = new_trust();
    pin = pin_as("alice", "alice", 0644);
    CU_ASSERT_EQUAL(kh_test_shell("ln -sf '%s/alice.crt' '%s'", dir, pin), 0);
    CU_ASSERT_FALSE(pinned(trust, "alice"));
    unlink(pin);
    free(pin);
    kh_trust_free(trust);
}

static void the_generation_follows_the_directory(void)
{
    struct kh_trust *trust;
    uint64_t first;
    char *pin;

    set_up();
    trust = new_trust();
    first = kh_trust_generation(trust);
    CU_ASSERT_EQUAL(kh_trust_generation(trust), first);
    pin = pin_as("bob", "bob", 0644);
    CU_ASSERT_NOT_EQUAL(kh_trust_generation(trust), first);
    first = kh_trust_generation(trust);
    kh_trust_changed(trust);
    CU_ASSERT_NOT_EQUAL(kh_trust_generation(trust), first);
    unlink(pin);
    free(pin);
    kh_trust_free(trust);
}

static void subject_and_fingerprint_are_as_openssl_prints_them(void)
{
    char fingerprint[65];
    char subject[256];
    X509 *cert;

    set_up();
    cert = load("alice");
    kh_cert_fingerprint(cert, fingerprint);
    kh_cert_subject(cert, subject, sizeof subject);
    CU_ASSERT_STRING_EQUAL(subject, "O=Acme,CN=alice\\,x");
    CU_ASSERT_EQUAL(
        kh_test_shell(
            "openssl x509 -in '%s/alice.crt' -noout -fingerprint -sha256 | tr -d : | "
            "grep -qi '=%s$'",
            dir, fingerprint),
        0);
    kh_cert_subject(cert, subject, 8);
    CU_ASSERT_STRING_EQUAL(subject, "O=Acme,");
    X509_free(cert);
}

static int64_t ends_in_text(const char *text)
{
    return kh_certs_expiry(text, strlen(text));
}

/* A file of several ends when its first one does. */
static void the_end_of_a_certificate_is_as_openssl_prints_it(void)
{
    char text[8192] = "";
    char *path;
    FILE *both;

    set_up();
    make("short", "-days 1");
    CU_ASSERT_EQUAL_FATAL(
        kh_test_shell("cd '%s' && cat alice.crt short.crt alice.crt >both && date -u -d "
                      "\"$(openssl x509 -in short.crt -noout -enddate | cut -d= -f2)\" "
                      "+%%s >>both",
            dir),
        0);
    path = kh_test_path(dir, "%s", "both");
    both = fopen(path, "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(both);
    CU_ASSERT(fread(text, 1, sizeof text - 1, both) > 0);
    fclose(both);
    free(path);
    CU_ASSERT_EQUAL(ends_in_text(text), atoll(strrchr(text, '-') + 1));
    CU_ASSERT(ends_in_text(text) > 0);
    CU_ASSERT_EQUAL(ends_in_text(""), -1);
    CU_ASSERT_EQUAL(ends_in_text("-----BEGIN CERTIFICATE-----\nMII\n"), -1);
}

/* kh_tls_new with ALICE's files but for what is given. */
static kh_status make_tls(struct kh_tls_options options, struct kh_error *err)
{
    struct kh_tls *tls = NULL;
    kh_status st = kh_tls_new(&tls, &options, err);

    if (st == KH_OK) {
        SSL *ssl = kh_tls_accept(tls);

        CU_ASSERT_PTR_NOT_NULL(ssl);
        SSL_free(ssl);
        KH_ASSERT_OK(kh_tls_reload(tls, err), *err);
    }
    kh_tls_free(tls);
    return st;
}

static void key_files_that_cannot_serve_are_named(void)
{
    struct kh_error err = {0};
    char *crt, *key, *other, *missing, *anchors;

    set_up();
    crt = kh_test_path(dir, "alice.crt");
    key = kh_test_path(dir, "alice.key");
    other = kh_test_path(dir, "bob.key");
    missing = kh_test_path(dir, "missing");
    anchors = trust_dir();
    KH_ASSERT_OK(
        make_tls((struct kh_tls_options){crt, key, .trust_dir = anchors}, &err), err);
    KH_ASSERT_FAILS(
        make_tls((struct kh_tls_options){crt, other, .trust_dir = anchors}, &err),
        KH_INVALID, err, "bob.key");
    KH_ASSERT_FAILS(
        make_tls((struct kh_tls_options){missing, key, .trust_dir = anchors}, &err),
        KH_INVALID, err, "missing");
    KH_ASSERT_FAILS(
        make_tls((struct kh_tls_options){key, key, .trust_dir = anchors}, &err),
        KH_INVALID, err, "no certificate");
    KH_ASSERT_FAILS(
        make_tls((struct kh_tls_options){crt, crt, .trust_dir = anchors}, &err),
        KH_INVALID, err, "no private key");
    KH_ASSERT_FAILS(make_tls((struct kh_tls_options){crt, key, .ca_file = missing}, &err),
        KH_INVALID, err, "missing");
    KH_ASSERT_FAILS(make_tls((struct kh_tls_options){crt, key, .ca_file = key}, &err),
        KH_INVALID, err, "alice.key");
    KH_ASSERT_FAILS(
        make_tls((struct kh_tls_options){.certificate = crt, .key = key}, &err),
        KH_INVALID, err, "trust_dir");
    KH_ASSERT_FAILS(make_tls((struct kh_tls_options){.trust_dir = anchors}, &err),
        KH_INVALID, err, "must be set");
    free(crt), free(key), free(other), free(missing), free(anchors);
}

static void protected_keys_of_every_form_are_opened(void)
{
    static const char *const forms[] = {
        "openssl pkcs8 -topk8 -v2 aes-256-cbc -in alice.key -passout pass:open -out "
        "p.key",
        "openssl ec -aes256 -in alice.key -passout pass:open -out p.key", /* traditional
                                                                             PEM */
        "openssl pkcs8 -topk8 -outform DER -v2 aes-256-cbc -in alice.key -passout "
        "pass:open "
        "-out p.key",
        "openssl pkcs12 -export -in alice.crt -inkey alice.key -passout pass:open -out "
        "p.key",
    };
    struct kh_error err = {0};
    char *crt, *key, *anchors, *good, *bad;
    char good_source[600];
    char bad_source[600];

    set_up();
    crt = kh_test_path(dir, "alice.crt");
    key = kh_test_path(dir, "p.key");
    anchors = trust_dir();
    good = kh_test_path(dir, "good");
    bad = kh_test_path(dir, "bad");
    kh_test_write(good, "open\n", 5, 0600);
    kh_test_write(bad, "wrong\n", 6, 0600);
    snprintf(good_source, sizeof good_source, "file:%s", good);
    snprintf(bad_source, sizeof bad_source, "file:%s", bad);
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        CU_ASSERT_EQUAL(kh_test_shell("cd '%s' && %s 2>/dev/null", dir, forms[i]), 0);
        KH_ASSERT_OK(
            make_tls((struct kh_tls_options){crt, key, good_source, .trust_dir = anchors},
                &err),
            err);
        KH_ASSERT_FAILS(
            make_tls((struct kh_tls_options){crt, key, bad_source, .trust_dir = anchors},
                &err),
            KH_INVALID, err, "p.key");
        KH_ASSERT_FAILS(
            make_tls((struct kh_tls_options){crt, key, .trust_dir = anchors}, &err),
            KH_INVALID, err, "passphrase_source");
        CU_ASSERT_PTR_NULL(strstr(err.message, "open\n"));
    }
    free(crt), free(key), free(anchors), free(good), free(bad);
}

static void a_failed_reload_keeps_the_old_certificate(void)
{
    struct kh_error err = {0};
    struct kh_tls *tls = NULL;
    struct kh_tls_options options = {0};
    char *crt, *key, *anchors;
    SSL *ssl;

    set_up();
    crt = kh_test_path(dir, "live.crt");
    key = kh_test_path(dir, "live.key");
    anchors = trust_dir();
    make("live", "");
    options = (struct kh_tls_options){crt, key, .trust_dir = anchors};
    KH_ASSERT_OK_FATAL(kh_tls_new(&tls, &options, &err), err);
    kh_test_write(crt, "broken", 6, 0600);
    KH_ASSERT_FAILS(kh_tls_reload(tls, &err), KH_INVALID, err, "live.crt");
    ssl = kh_tls_accept(tls);
    CU_ASSERT_PTR_NOT_NULL(ssl);
    CU_ASSERT_PTR_NOT_NULL(SSL_get_certificate(ssl));
    SSL_free(ssl);
    kh_tls_free(tls);
    free(crt), free(key), free(anchors);
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"a pin is believed at once and until it is removed",
            a_pin_is_believed_at_once_and_until_it_is_removed},
        {"a pin with the wrong purpose is refused",
            a_pin_with_the_wrong_purpose_is_refused},
        {"a pin that others may write is not believed",
            a_pin_that_others_may_write_is_not_believed},
        {"a pin file with another certificate is not believed",
            a_pin_file_with_another_certificate_is_not_believed},
        {"a pin that is a link is not followed", a_pin_that_is_a_link_is_not_followed},
        {"the generation follows the directory", the_generation_follows_the_directory},
        {"subject and fingerprint are as openssl prints them",
            subject_and_fingerprint_are_as_openssl_prints_them},
        {"the end of a certificate is as openssl prints it",
            the_end_of_a_certificate_is_as_openssl_prints_it},
        {"key files that cannot serve are named", key_files_that_cannot_serve_are_named},
        {"protected keys of every form are opened",
            protected_keys_of_every_form_are_opened},
        {"a failed reload keeps the old certificate",
            a_failed_reload_keeps_the_old_certificate},
    };

    return kh_test_main("server trust", tests, sizeof tests / sizeof tests[0]);
}
