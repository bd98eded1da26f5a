/* The provider and its envelopes upon a real token, and stock openssl beside them. */
#include "plugins/pkcs11/envelope.h"

#include "core/secmem.h"
#include "tests/unit/provider/envelope_fixture.h"

#include <openssl/crypto.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct kh_test_token token;
static const char *dir;

/* PKCS#11 URI (RFC 7512) of a private key on the token; the PIN stands in a file. */
static char *uri_of(const struct kh_token_key *key)
{
    char id[3 * KH_KEY_ID_MAX + 1] = "";
    char *uri = NULL;

    for (size_t i = 0; i < key->id.len; i++)
        snprintf(id + 3 * i, 4, "%%%02x", key->id.bytes[i]);
    if (asprintf(&uri, "pkcs11:token=%s;id=%s;type=private?pin-source=file:%s",
            token.label, id, token.pin_file) < 0)
        abort();
    return uri;
}

static void write_record(const char *path, size_t len)
{
    struct kh_buf record = fixture_record(len);

    kh_test_write(path, record.data, record.len, 0600);
    kh_buf_free(&record);
}

/* `openssl cms -decrypt` with the engine of libp11, in a process without a line of our
 * code. */
static int stock_open(const struct kh_token_key *key, const char *in, const char *out)
{
    char *uri = uri_of(key);
    int rc =
        kh_test_shell("PKCS11_MODULE_PATH='%s' openssl cms -decrypt -binary -inform DER "
                      "-engine pkcs11 -keyform engine -inkey '%s' -in '%s' -out '%s' "
                      "2>'%s/stock.err' || { rc=$?; cat '%s/stock.err' >&2; exit $rc; }",
            SOFTHSM2_MODULE, uri, in, out, dir, dir);

    free(uri);
    return rc;
}

static void stock_opens(const char *profile, size_t len)
{
    char *in = kh_test_path(dir, "ours.cms");
    char *out = kh_test_path(dir, "stock.out");
    char *want = kh_test_path(dir, "want");
    size_t der_len;
    unsigned char *der = fixture_seal(profile, len, &der_len);

    kh_test_write(in, der, der_len, 0600);
    write_record(want, len);
    (void)unlink(out);
    if (stock_open(fixture_key(profile), in, out) != 0) {
        (void)kh_test_shell("cat '%s/stock.err'", dir);
        CU_FAIL("stock openssl did not open it");
    }
    CU_ASSERT_EQUAL(kh_test_shell("cmp '%s' '%s'", out, want), 0);
    der[der_len - 1] ^= 1;
    kh_test_write(in, der, der_len, 0600);
    CU_ASSERT_NOT_EQUAL(stock_open(fixture_key(profile), in, out), 0);
    free(der);
    free(in);
    free(out);
    free(want);
}

static void stock_openssl_opens_our_ecdh_envelope_byte_for_byte(void)
{
    stock_opens("ecdh-p256", 1);
    stock_opens("ecdh-p256", 100000);
}

static void stock_openssl_opens_our_oaep_envelope_byte_for_byte(void)
{
    stock_opens("rsa-oaep-sha1", 1);
    stock_opens("rsa-oaep-sha1", 100000);
}

/* A certificate for the token's key, made as anybody would make it, in PEM. */
static void write_certificate(const char *path, const char *profile)
{
    const struct kh_token_key *key = fixture_key(profile);
    bool ec = key->type == KH_KEY_EC_P256;
    const unsigned char *at = ec ? fix.backing.ec_spki : fix.backing.rsa_spki;
    size_t len = ec ? fix.backing.ec_spki_len : fix.backing.rsa_spki_len;
    EVP_PKEY *public_key = d2i_PUBKEY(NULL, &at, (long)len);
    EVP_PKEY *signer = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    ASN1_OCTET_STRING *ski = ASN1_OCTET_STRING_new();
    X509 *x = X509_new();
    BIO *out = BIO_new_file(path, "w");

    ASN1_OCTET_STRING_set(ski, key->id.bytes, (int)key->id.len);
    X509_set_version(x, X509_VERSION_3);
    X509_gmtime_adj(X509_getm_notBefore(x), 0);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    X509_set_pubkey(x, public_key);
    X509_add1_ext_i2d(x, NID_subject_key_identifier, ski, 0, X509V3_ADD_DEFAULT);
    CU_ASSERT_TRUE_FATAL(X509_sign(x, signer, EVP_sha256()) > 0);
    CU_ASSERT_EQUAL_FATAL(PEM_write_bio_X509(out, x), 1);
    BIO_free(out);
    X509_free(x);
    ASN1_OCTET_STRING_free(ski);
    EVP_PKEY_free(signer);
    EVP_PKEY_free(public_key);
}

static unsigned char *read_all(const char *path, size_t *len)
{
    FILE *file = fopen(path, "rb");
    unsigned char *bytes = malloc(1 << 20);

    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    *len = fread(bytes, 1, 1 << 20, file);
    fclose(file);
    return bytes;
}

static void we_open_stock(const char *profile, const char *keyopt)
{
    char *in = kh_test_path(dir, "plain");
    char *out = kh_test_path(dir, "stock.cms");
    char *cert = kh_test_path(dir, "cert.pem");
    struct kh_error err = {0};
    unsigned char *der;
    size_t len;

    write_record(in, 5000);
    write_certificate(cert, profile);
    CU_ASSERT_EQUAL(
        kh_test_shell("openssl cms -encrypt -binary -outform DER -aes-256-gcm "
                      "-keyid -recip '%s' %s -in '%s' -out '%s'",
            cert, keyopt, in, out),
        0);
    der = read_all(out, &len);
    KH_ASSERT_OK(fixture_open_equal(profile, der, len, 5000, &err), err);
    free(der);
    free(in);
    free(out);
    free(cert);
}

static void we_open_what_stock_openssl_sealed(void)
{
    we_open_stock("ecdh-p256", "-keyopt ecdh_kdf_md:sha256");
    we_open_stock("rsa-oaep-sha1", "-keyopt rsa_padding_mode:oaep");
}

static void the_token_opens_what_was_sealed_for_it(void)
{
    static const size_t sizes[] = {0, 1, 1024, 65536};
    struct kh_error err = {0};

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        size_t ec_len;
        size_t rsa_len;
        unsigned char *ec = fixture_seal("ecdh-p256", sizes[i], &ec_len);
        unsigned char *rsa = fixture_seal("rsa-oaep-sha1", sizes[i], &rsa_len);

        KH_ASSERT_OK(fixture_open_equal("ecdh-p256", ec, ec_len, sizes[i], &err), err);
        KH_ASSERT_OK(
            fixture_open_equal("rsa-oaep-sha1", rsa, rsa_len, sizes[i], &err), err);
        free(ec);
        free(rsa);
    }
    CU_ASSERT_EQUAL(fix.backing.ecdh_calls, 4);
    CU_ASSERT_EQUAL(fix.backing.oaep_calls, 4);
}

static void a_changed_envelope_does_not_open_on_the_token(void)
{
    static const char *const profiles[] = {"ecdh-p256", "rsa-oaep-sha1"};

    for (size_t p = 0; p < 2; p++) {
        size_t len;
        unsigned char *der = fixture_seal(profiles[p], 300, &len);

        for (size_t i = 0; i < len; i += 7) {
            struct kh_error err = {0};

            der[i] ^= 0x10;
            CU_ASSERT_EQUAL(
                fixture_open_equal(profiles[p], der, len, 300, &err), KH_CORRUPT);
            der[i] ^= 0x10;
        }
        free(der);
    }
}

static void a_profile_that_the_token_lacks_says_so(void)
{
    struct kh_error err = {0};
    size_t len;
    unsigned char *der = fixture_seal("rsa-oaep-sha256", 100, &len);

    KH_ASSERT_FAILS(fixture_open_equal("rsa-oaep-sha256", der, len, 100, &err),
        KH_REFUSED, err, "OAEP with SHA-256");
    free(der);
}

static void the_seed_is_the_token_s(void)
{
    EVP_RAND_CTX *primary = RAND_get0_primary(kh_provider_libctx(fix.provider));
    int calls = fix.backing.random_calls;

    CU_ASSERT_TRUE(calls > 0);
    CU_ASSERT_EQUAL(EVP_RAND_reseed(primary, 1, NULL, 0, NULL, 0), 1);
    CU_ASSERT_EQUAL(fix.backing.random_calls, calls + 1);
}

static void *work(void *arg)
{
    int *good = arg;

    for (int i = 0; i < 20; i++) {
        struct kh_error err = {0};
        size_t len;
        unsigned char *der = fixture_seal("ecdh-p256", (size_t)i * 50, &len);

        if (fixture_open_equal("ecdh-p256", der, len, (size_t)i * 50, &err) == KH_OK)
            (*good)++;
        free(der);
    }
    return NULL;
}

static void eight_threads_share_the_token(void)
{
    pthread_t threads[8];
    int good[8] = {0};

    for (int i = 0; i < 8; i++)
        pthread_create(&threads[i], NULL, work, &good[i]);
    for (int i = 0; i < 8; i++) {
        pthread_join(threads[i], NULL);
        CU_ASSERT_EQUAL(good[i], 20);
    }
}

static const struct kh_test tests[] = {
    {"the token opens what was sealed for it", the_token_opens_what_was_sealed_for_it},
    {"a changed envelope does not open on the token",
        a_changed_envelope_does_not_open_on_the_token},
    {"a profile that the token lacks says so", a_profile_that_the_token_lacks_says_so},
    {"the seed is the token's", the_seed_is_the_token_s},
    {"eight threads share the token", eight_threads_share_the_token},
    {"stock openssl opens our ECDH envelope byte for byte",
        stock_openssl_opens_our_ecdh_envelope_byte_for_byte},
    {"stock openssl opens our OAEP envelope byte for byte",
        stock_openssl_opens_our_oaep_envelope_byte_for_byte},
    {"we open what stock openssl sealed", we_open_what_stock_openssl_sealed},
};

int main(void)
{
    int rc;

    dir = kh_test_dir();
    backing_softhsm(&fix.backing, &token, dir);
    fixture_open();
    rc = kh_test_main("envelope on SoftHSM", tests, sizeof tests / sizeof tests[0]);
    fixture_close();
    backing_softhsm_free(&fix.backing);
    return rc;
}
