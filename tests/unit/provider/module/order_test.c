#include "tests/unit/provider/module/keyring.h"

#include <openssl/core_names.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <string.h>

/* Ordinary keys beside ours: whose is what, in either order of activation. And threads.
 */

static const unsigned char message[] = "what is signed";

static bool signs(EVP_PKEY *key, EVP_PKEY *verifier, const char *md)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    unsigned char sig[600];
    size_t len = sizeof sig;
    bool ok = EVP_DigestSignInit_ex(ctx, NULL, md, keyring.app, NULL, key, NULL) == 1 &&
              EVP_DigestSign(ctx, sig, &len, message, sizeof message) == 1;

    EVP_MD_CTX_free(ctx);
    ctx = EVP_MD_CTX_new();
    ok = ok &&
         EVP_DigestVerifyInit_ex(ctx, NULL, md, keyring.app, NULL, verifier, NULL) == 1 &&
         EVP_DigestVerify(ctx, sig, len, message, sizeof message) == 1;
    EVP_MD_CTX_free(ctx);
    return ok;
}

/* ---- default first, as docs/provider.md says ---- */

static void ordinary_keys_are_made_by_the_default_provider(void)
{
    EVP_PKEY *keys[3] = {EVP_PKEY_Q_keygen(keyring.app, NULL, "EC", "P-256"),
        EVP_PKEY_Q_keygen(keyring.app, NULL, "RSA", (size_t)2048),
        EVP_PKEY_Q_keygen(keyring.app, NULL, "ED25519")};
    int before = atomic_load(&keyring.uses);

    for (int i = 0; i < 3; i++) {
        CU_ASSERT_PTR_NOT_NULL_FATAL(keys[i]);
        CU_ASSERT_STRING_EQUAL(keyring_provider(keys[i]), "default");
        CU_ASSERT_TRUE(signs(keys[i], keys[i], i == 2 ? NULL : "SHA256"));
        EVP_PKEY_free(keys[i]);
    }
    CU_ASSERT_EQUAL(ERR_peek_error(), 0);
    CU_ASSERT_EQUAL(atomic_load(&keyring.uses), before);
}

static const char *owner_of_signature(const char *name)
{
    EVP_SIGNATURE *method = EVP_SIGNATURE_fetch(keyring.app, name, NULL);
    const char *owner = OSSL_PROVIDER_get0_name(EVP_SIGNATURE_get0_provider(method));

    EVP_SIGNATURE_free(method);
    return owner;
}

static const char *owner_of_keymgmt(const char *name)
{
    EVP_KEYMGMT *method = EVP_KEYMGMT_fetch(keyring.app, name, NULL);
    const char *owner = OSSL_PROVIDER_get0_name(EVP_KEYMGMT_get0_provider(method));

    EVP_KEYMGMT_free(method);
    return owner;
}

static void what_is_fetched_by_name_is_the_default_provider_s(void)
{
    EVP_PKEY *key = keyring_key("p256", NULL); /* ours are known by now */
    EVP_ASYM_CIPHER *cipher = EVP_ASYM_CIPHER_fetch(keyring.app, "RSA", NULL);
    EVP_KEYEXCH *exchange = EVP_KEYEXCH_fetch(keyring.app, "ECDH", NULL);

    CU_ASSERT_STRING_EQUAL(owner_of_keymgmt("EC"), "default");
    CU_ASSERT_STRING_EQUAL(owner_of_keymgmt("RSA"), "default");
    CU_ASSERT_STRING_EQUAL(owner_of_keymgmt("ED25519"), "default");
    CU_ASSERT_STRING_EQUAL(owner_of_signature("ECDSA"), "default");
    CU_ASSERT_STRING_EQUAL(owner_of_signature("RSA"), "default");
    CU_ASSERT_STRING_EQUAL(owner_of_signature("ED25519"), "default");
    CU_ASSERT_STRING_EQUAL(
        OSSL_PROVIDER_get0_name(EVP_ASYM_CIPHER_get0_provider(cipher)), "default");
    CU_ASSERT_STRING_EQUAL(
        OSSL_PROVIDER_get0_name(EVP_KEYEXCH_get0_provider(exchange)), "default");
    EVP_KEYEXCH_free(exchange);
    EVP_ASYM_CIPHER_free(cipher);
    EVP_PKEY_free(key);
}

static void a_certificate_of_our_key_verifies_with_the_default_provider(void)
{
    EVP_PKEY *key = keyring_key("rsa", NULL);
    X509 *cert = keyring_certificate(key, "SHA256", true);
    unsigned char *der = NULL;
    int len = i2d_X509(cert, &der);
    const unsigned char *at = der;
    X509 *read = X509_new_ex(keyring.app, NULL);

    CU_ASSERT_PTR_NOT_NULL_FATAL(d2i_X509(&read, &at, len));
    CU_ASSERT_STRING_EQUAL(keyring_provider(X509_get0_pubkey(read)), "default");
    CU_ASSERT_EQUAL(X509_verify(read, X509_get0_pubkey(read)), 1);
    CU_ASSERT_EQUAL(ERR_peek_error(), 0);
    OPENSSL_free(der);
    X509_free(read);
    X509_free(cert);
    EVP_PKEY_free(key);
}

/* ---- threads, one key and keys of their own ---- */

#define THREADS 6
#define ROUNDS 15

static void *work(void *arg)
{
    EVP_PKEY *shared = arg;
    size_t bad = 0;

    for (int i = 0; i < ROUNDS; i++) {
        EVP_PKEY *own = keyring_key(i % 2 ? "rsa" : "p384", NULL);

        bad += !own || !signs(shared, shared, "SHA256") || !signs(own, own, "SHA384") ||
               EVP_PKEY_eq(own, shared) == 1;
        EVP_PKEY_free(own);
    }
    ERR_clear_error();
    OPENSSL_thread_stop_ex(keyring.app);
    return (void *)bad;
}

static void threads_share_a_key(void)
{
    EVP_PKEY *shared = keyring_key("p256", NULL);
    pthread_t threads[THREADS];

    for (size_t i = 0; i < THREADS; i++)
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, work, shared), 0);
    for (size_t i = 0; i < THREADS; i++) {
        void *bad = NULL;

        CU_ASSERT_EQUAL(pthread_join(threads[i], &bad), 0);
        CU_ASSERT_PTR_NULL(bad);
    }
    EVP_PKEY_free(shared);
}

/* ---- ours first: not what the documentation says, and what becomes of it ---- */

static void with_ours_first_our_keys_and_read_ones_work(void)
{
    EVP_PKEY *key, *plain, *read;

    keyring_close();
    keyring_open("keyhsm,default");
    key = keyring_key("p256", NULL);
    plain = EVP_PKEY_Q_keygen(keyring.plain, NULL, "EC", "P-256");
    CU_ASSERT_PTR_NOT_NULL_FATAL(key);
    CU_ASSERT_TRUE(signs(key, key, "SHA256"));
    /* A key with its private half, of whichever provider, is signed with where it is. */
    read = EVP_PKEY_dup(plain);
    CU_ASSERT_TRUE(signs(read, read, "SHA256"));
    CU_ASSERT_STRING_EQUAL(keyring_provider(read), "default");
    EVP_PKEY_free(read);
    /* Who is asked for a new one by name alone depends on libcrypto's mood; by property
     * it does not. */
    read = EVP_PKEY_Q_keygen(keyring.app, "provider=default", "EC", "P-256");
    CU_ASSERT_PTR_NOT_NULL_FATAL(read);
    CU_ASSERT_TRUE(signs(read, read, "SHA256"));
    EVP_PKEY_free(read);
    EVP_PKEY_free(plain);
    EVP_PKEY_free(key);
    ERR_clear_error();
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"ordinary keys are made by the default provider",
            ordinary_keys_are_made_by_the_default_provider},
        {"what is fetched by name is the default provider's",
            what_is_fetched_by_name_is_the_default_provider_s},
        {"a certificate of our key verifies with the default provider",
            a_certificate_of_our_key_verifies_with_the_default_provider},
        {"threads share a key", threads_share_a_key},
        {"with ours first our keys and read ones work",
            with_ours_first_our_keys_and_read_ones_work},
    };
    int status;

    keyring_open("default,keyhsm");
    status = kh_test_main("provider keys: order", tests, sizeof tests / sizeof tests[0]);
    keyring_close();
    return status;
}
