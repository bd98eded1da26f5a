/* What a deposit holds is found out. What each form looks like to openssl is in
 * tests/integration/provider_store.sh; here are limits, damage and passphrases. */
#include "provider/module/contents.h"

#include "tests/lib/testlib.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <string.h>

static struct kh_module module;
static EVP_PKEY *key;

static struct kh_buf bytes(const void *data, size_t len)
{
    return (struct kh_buf){.data = (unsigned char *)(uintptr_t)data, .len = len};
}

static kh_status read_bio(
    struct kh_contents *out, BIO *bio, const struct kh_asker *asker, struct kh_error *err)
{
    char *data = NULL;
    long len = BIO_get_mem_data(bio, &data);
    struct kh_buf buf = bytes(data, (size_t)len);
    static const struct kh_asker nobody = {NULL, NULL};

    memset(out, 0, sizeof *out);
    return kh_contents_read(out, &module, &buf, asker ? asker : &nobody, err);
}

/* The one key in OUT is KEY. */
static void assert_key(const struct kh_contents *out)
{
    const unsigned char *at = out->list[0].data;
    EVP_PKEY *found;

    CU_ASSERT_EQUAL_FATAL(out->count, 1);
    CU_ASSERT_EQUAL(out->list[0].kind, KH_CONTENT_KEY);
    found = d2i_AutoPrivateKey(NULL, &at, (long)out->list[0].len);
    CU_ASSERT_PTR_NOT_NULL_FATAL(found);
    CU_ASSERT_EQUAL(EVP_PKEY_eq(found, key), 1);
    EVP_PKEY_free(found);
}

static void a_key_of_either_form_becomes_pkcs8(void)
{
    BIO *bio = BIO_new(BIO_s_mem());
    struct kh_contents out;
    struct kh_error err = {0};

    CU_ASSERT_EQUAL(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1);
    KH_ASSERT_OK(read_bio(&out, bio, NULL, &err), err);
    assert_key(&out);
    kh_contents_free(&out);
    (void)BIO_reset(bio);
    CU_ASSERT_EQUAL(
        PEM_write_bio_PrivateKey_traditional(bio, key, NULL, NULL, 0, NULL, NULL), 1);
    KH_ASSERT_OK(read_bio(&out, bio, NULL, &err), err);
    assert_key(&out);
    kh_contents_free(&out);
    (void)BIO_reset(bio);
    CU_ASSERT_EQUAL(i2d_PrivateKey_bio(bio, key), 1);
    KH_ASSERT_OK(read_bio(&out, bio, NULL, &err), err);
    assert_key(&out);
    kh_contents_free(&out);
    BIO_free(bio);
}

static int answer(
    char *out, size_t size, size_t *len, const OSSL_PARAM params[], void *arg)
{
    const char *phrase = arg;

    (void)params;
    *len = strlen(phrase);
    if (*len > size)
        return 0;
    memcpy(out, phrase, *len);
    return 1;
}

static void the_old_encryption_asks(void)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char right[] = "right", wrong[] = "wrong";
    struct kh_asker asker = {answer, right};
    struct kh_contents out;
    struct kh_error err = {0};

    CU_ASSERT_EQUAL(PEM_write_bio_PrivateKey_traditional(bio, key, EVP_aes_256_cbc(),
                        (unsigned char *)right, 5, NULL, NULL),
        1);
    KH_ASSERT_OK(read_bio(&out, bio, &asker, &err), err);
    assert_key(&out);
    kh_contents_free(&out);
    asker.arg = wrong;
    KH_ASSERT_FAILS(read_bio(&out, bio, &asker, &err), KH_INVALID, err, "passphrase");
    kh_contents_free(&out);
    KH_ASSERT_FAILS(read_bio(&out, bio, NULL, &err), KH_INVALID, err, "passphrase");
    kh_contents_free(&out);
    BIO_free(bio);
}

static void the_new_encryption_is_the_applications_matter(void)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char phrase[] = "phrase";
    struct kh_contents out;
    struct kh_error err = {0};

    CU_ASSERT_EQUAL(
        PEM_write_bio_PKCS8PrivateKey(bio, key, EVP_aes_256_cbc(), phrase, 6, NULL, NULL),
        1);
    KH_ASSERT_OK(read_bio(&out, bio, NULL, &err), err);
    CU_ASSERT_EQUAL(out.count, 1);
    CU_ASSERT_EQUAL(out.list[0].kind, KH_CONTENT_ENCRYPTED_KEY);
    kh_contents_free(&out);
    BIO_free(bio);
}

static void bytes_stay_bytes(void)
{
    static const struct kh_asker nobody = {NULL, NULL};
    static const char *const secrets[] = {"x", "0\x1e", "0\x80", "hunter2\n",
        "0\x03\x02\x01\x01", "-----BEGIN", "\x30\x82\xff\xff"};

    for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++) {
        struct kh_buf buf = bytes(secrets[i], strlen(secrets[i]));
        struct kh_contents out = {0};
        struct kh_error err = {0};

        KH_ASSERT_OK(kh_contents_read(&out, &module, &buf, &nobody, &err), err);
        CU_ASSERT_EQUAL_FATAL(out.count, 1);
        CU_ASSERT_EQUAL(out.list[0].kind, KH_CONTENT_RAW);
        CU_ASSERT_EQUAL_FATAL(out.list[0].len, buf.len);
        CU_ASSERT_NSTRING_EQUAL(out.list[0].data, secrets[i], buf.len);
        kh_contents_free(&out);
    }
}

static void one_octet_behind_a_key_makes_it_bytes(void)
{
    BIO *bio = BIO_new(BIO_s_mem());
    struct kh_contents out;
    struct kh_error err = {0};

    CU_ASSERT_EQUAL(i2d_PrivateKey_bio(bio, key), 1);
    CU_ASSERT_EQUAL(BIO_write(bio, "", 1), 1);
    KH_ASSERT_OK(read_bio(&out, bio, NULL, &err), err);
    CU_ASSERT_EQUAL(out.list[0].kind, KH_CONTENT_RAW);
    kh_contents_free(&out);
    BIO_free(bio);
}

static void damage_is_refused_in_words(void)
{
    static const struct kh_asker nobody = {NULL, NULL};
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"", "empty"},
        {"-----BEGIN PRIVATE KEY-----\nMIGH\n", "damaged"},
        {"-----BEGIN PRIVATE KEY-----\n!!\n-----END PRIVATE KEY-----\n", "damaged"},
        {"-----BEGIN PRIVATE KEY-----\nMIGH\n-----END CERTIFICATE-----\n", "damaged"},
        {"-----BEGIN EC PRIVATE KEY-----\nMIGH\n-----END EC PRIVATE KEY-----\n",
            "damaged"},
        {"-----BEGIN DH PARAMETERS-----\nMIGH\n-----END DH PARAMETERS-----\n", "none of"},
        {"-----BEGIN nothing", "none of"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct kh_buf buf = bytes(cases[i].text, strlen(cases[i].text));
        struct kh_contents out = {0};
        struct kh_error err = {0};

        KH_ASSERT_FAILS(kh_contents_read(&out, &module, &buf, &nobody, &err), KH_INVALID,
            err, cases[i].words);
        kh_contents_free(&out);
    }
}

static void there_are_at_most_256_objects(void)
{
    static const char block[] =
        "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
    BIO *bio = BIO_new(BIO_s_mem());
    struct kh_contents out;
    struct kh_error err = {0};

    for (int i = 0; i < KH_CONTENTS_MAX; i++)
        (void)BIO_puts(bio, block);
    KH_ASSERT_OK(read_bio(&out, bio, NULL, &err), err);
    CU_ASSERT_EQUAL(out.count, KH_CONTENTS_MAX);
    kh_contents_free(&out);
    (void)BIO_puts(bio, block);
    KH_ASSERT_FAILS(read_bio(&out, bio, NULL, &err), KH_INVALID, err, "256");
    kh_contents_free(&out);
    BIO_free(bio);
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"a key of either form becomes PKCS#8", a_key_of_either_form_becomes_pkcs8},
        {"the old encryption asks", the_old_encryption_asks},
        {"the new encryption is the application's matter",
            the_new_encryption_is_the_applications_matter},
        {"bytes stay bytes", bytes_stay_bytes},
        {"one octet behind a key makes it bytes", one_octet_behind_a_key_makes_it_bytes},
        {"damage is refused in words", damage_is_refused_in_words},
        {"there are at most 256 objects", there_are_at_most_256_objects},
    };
    int failed;

    module.inner = OSSL_LIB_CTX_new();
    module.base = OSSL_PROVIDER_load(module.inner, "default");
    key = EVP_EC_gen("P-256");
    failed = kh_test_main("provider contents", tests, sizeof tests / sizeof tests[0]);
    EVP_PKEY_free(key);
    OSSL_PROVIDER_unload(module.base);
    OSSL_LIB_CTX_free(module.inner);
    return failed;
}
