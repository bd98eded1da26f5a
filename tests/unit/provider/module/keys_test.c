#include "tests/unit/provider/module/keyring.h"

#include <openssl/core_names.h>
#include <openssl/encoder.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <string.h>

static EVP_PKEY *the_key(const char *name)
{
    EVP_PKEY *key = keyring_key(name, NULL);

    CU_ASSERT_PTR_NOT_NULL_FATAL(key);
    return key;
}

static void a_named_key_is_ours_and_leaves_no_error(void)
{
    static const char *const names[] = {"p256", "p384", "ed", "rsa", "open", "agree384"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        EVP_PKEY *key = the_key(names[i]);

        CU_ASSERT_STRING_EQUAL(keyring_provider(key), "keyhsm");
        CU_ASSERT_EQUAL(ERR_peek_error(), 0);
        EVP_PKEY_free(key);
    }
}

static void its_facts_are_those_of_its_public_half(void)
{
    EVP_PKEY *ec = the_key("p384");
    EVP_PKEY *rsa = the_key("rsa");
    EVP_PKEY *ed = the_key("ed");
    EVP_PKEY *half = keyring_public("rsa");
    BIGNUM *n = NULL, *also = NULL, *d = NULL;
    char group[40];

    CU_ASSERT_TRUE(EVP_PKEY_is_a(ec, "EC"));
    CU_ASSERT_EQUAL(EVP_PKEY_get_bits(ec), 384);
    CU_ASSERT_EQUAL(EVP_PKEY_get_group_name(ec, group, sizeof group, NULL), 1);
    CU_ASSERT_STRING_EQUAL(group, "secp384r1");
    CU_ASSERT_TRUE(EVP_PKEY_is_a(rsa, "RSA"));
    CU_ASSERT_EQUAL(EVP_PKEY_get_size(rsa), 256);
    CU_ASSERT_EQUAL(EVP_PKEY_get_security_bits(rsa), 112);
    CU_ASSERT_EQUAL(EVP_PKEY_get_bn_param(rsa, OSSL_PKEY_PARAM_RSA_N, &n), 1);
    CU_ASSERT_EQUAL(EVP_PKEY_get_bn_param(half, OSSL_PKEY_PARAM_RSA_N, &also), 1);
    CU_ASSERT_EQUAL(BN_cmp(n, also), 0);
    CU_ASSERT_NOT_EQUAL(EVP_PKEY_get_bn_param(rsa, OSSL_PKEY_PARAM_RSA_D, &d), 1);
    CU_ASSERT_TRUE(EVP_PKEY_is_a(ed, "ED25519"));
    CU_ASSERT_EQUAL(EVP_PKEY_get_size(ed), 64);
    ERR_clear_error();
    BN_free(n);
    BN_free(also);
    EVP_PKEY_free(half);
    EVP_PKEY_free(ed);
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(ec);
}

static void a_certificate_s_key_matches_it_and_no_other(void)
{
    static const char *const names[] = {"p256", "p384", "ed", "rsa"};

    for (int i = 0; i < 4; i++) {
        EVP_PKEY *key = the_key(names[i]);

        for (int j = 0; j < 4; j++) {
            EVP_PKEY *half = keyring_public(names[j]);

            CU_ASSERT_EQUAL(EVP_PKEY_eq(key, half) == 1, i == j);
            CU_ASSERT_EQUAL(EVP_PKEY_eq(half, key) == 1, i == j);
            EVP_PKEY_free(half);
        }
        EVP_PKEY_free(key);
    }
    ERR_clear_error();
}

static void the_same_key_asked_for_twice_is_the_same(void)
{
    EVP_PKEY *a = the_key("p256");
    EVP_PKEY *b = the_key("p256");
    EVP_PKEY *copy = EVP_PKEY_dup(a);

    CU_ASSERT_EQUAL(EVP_PKEY_eq(a, b), 1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(copy);
    CU_ASSERT_EQUAL(EVP_PKEY_eq(copy, b), 1);
    EVP_PKEY_free(copy);
    EVP_PKEY_free(b);
    EVP_PKEY_free(a);
}

static void it_passes_the_checks_of_a_key(void)
{
    static const char *const names[] = {"p256", "ed", "rsa"};

    for (int i = 0; i < 3; i++) {
        EVP_PKEY *key = the_key(names[i]);
        EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(keyring.app, key, NULL);

        CU_ASSERT_EQUAL(EVP_PKEY_public_check(ctx), 1);
        CU_ASSERT_EQUAL(EVP_PKEY_private_check(ctx), 1);
        CU_ASSERT_EQUAL(EVP_PKEY_check(ctx), 1);
        EVP_PKEY_CTX_free(ctx);
        EVP_PKEY_free(key);
    }
}

/* ---- the private half ---- */

static int ignore(const OSSL_PARAM params[], void *arg)
{
    (void)params;
    *(bool *)arg = true;
    return 1;
}

static void the_private_half_is_given_to_nobody(void)
{
    static const char *const names[] = {"p256", "ed", "rsa", "open"};

    for (int i = 0; i < 4; i++) {
        EVP_PKEY *key = the_key(names[i]);
        BIO *out = BIO_new(BIO_s_mem());
        OSSL_PARAM *params = NULL;
        bool called = false;

        CU_ASSERT_EQUAL(EVP_PKEY_todata(key, EVP_PKEY_KEYPAIR, &params), 0);
        CU_ASSERT_EQUAL(EVP_PKEY_export(key, EVP_PKEY_KEYPAIR, ignore, &called), 0);
        CU_ASSERT_FALSE(called);
        CU_ASSERT_EQUAL(EVP_PKEY_export(key, EVP_PKEY_PUBLIC_KEY, ignore, &called), 1);
        CU_ASSERT_TRUE(called);
        CU_ASSERT_EQUAL(PEM_write_bio_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL), 0);
        CU_ASSERT_EQUAL(BIO_pending(out), 0);
        ERR_clear_error();
        OSSL_PARAM_free(params);
        BIO_free(out);
        EVP_PKEY_free(key);
    }
}

/* A key of the default provider, private half and all, does not come in here. */
static void somebody_else_s_private_half_is_not_taken(void)
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(keyring.app, NULL, "EC", "P-256");
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(keyring.app, key, "provider=keyhsm");

    CU_ASSERT_STRING_EQUAL(keyring_provider(key), "default");
    CU_ASSERT_TRUE(!ctx || EVP_PKEY_sign_init(ctx) <= 0);
    ERR_clear_error();
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(key);
}

/* ---- properties ---- */

static void a_property_query_is_respected(void)
{
    EVP_PKEY *key = keyring_key("p256", "provider=keyhsm");
    EVP_PKEY_CTX *ctx;
    EVP_SIGNATURE *method;

    CU_ASSERT_PTR_NOT_NULL_FATAL(key);
    ctx = EVP_PKEY_CTX_new_from_pkey(keyring.app, key, "provider=keyhsm");
    CU_ASSERT_EQUAL(EVP_PKEY_sign_init(ctx), 1);
    EVP_PKEY_CTX_free(ctx);
    ctx = EVP_PKEY_CTX_new_from_pkey(keyring.app, key, "provider=default");
    CU_ASSERT_TRUE(!ctx || EVP_PKEY_sign_init(ctx) <= 0);
    EVP_PKEY_CTX_free(ctx);
    CU_ASSERT_PTR_NULL(keyring_key("p256", "fips=yes"));
    method = EVP_SIGNATURE_fetch(keyring.app, "ECDSA", "provider=keyhsm");
    CU_ASSERT_STRING_EQUAL(
        OSSL_PROVIDER_get0_name(EVP_SIGNATURE_get0_provider(method)), "keyhsm");
    EVP_SIGNATURE_free(method);
    ERR_clear_error();
    EVP_PKEY_free(key);
}

/* ---- what is no key of OpenSSL's ---- */

static void an_aes_key_is_none(void)
{
    CU_ASSERT_PTR_NULL(keyring_key("aes", NULL));
    CU_ASSERT_TRUE(keyring_failed(KH_REASON_NOT_A_KEY, "is an AES key"));
}

static void an_unknown_name_is_said_to_be_one(void)
{
    CU_ASSERT_PTR_NULL(keyring_key("nobody", NULL));
    CU_ASSERT_TRUE(keyring_failed(KH_REASON_NOT_FOUND, "keyhsm:nobody: "));
}

static void keys_are_not_made_here(void)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(keyring.app, "EC", "provider=keyhsm");

    CU_ASSERT_TRUE(!ctx || EVP_PKEY_keygen_init(ctx) <= 0);
    CU_ASSERT_NOT_EQUAL(ERR_peek_error(), 0);
    ERR_clear_error();
    EVP_PKEY_CTX_free(ctx);
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"a named key is ours and leaves no error",
            a_named_key_is_ours_and_leaves_no_error},
        {"its facts are those of its public half",
            its_facts_are_those_of_its_public_half},
        {"a certificate's key matches it and no other",
            a_certificate_s_key_matches_it_and_no_other},
        {"the same key asked for twice is the same",
            the_same_key_asked_for_twice_is_the_same},
        {"it passes the checks of a key", it_passes_the_checks_of_a_key},
        {"the private half is given to nobody", the_private_half_is_given_to_nobody},
        {"somebody else's private half is not taken",
            somebody_else_s_private_half_is_not_taken},
        {"a property query is respected", a_property_query_is_respected},
        {"an aes key is none", an_aes_key_is_none},
        {"an unknown name is said to be one", an_unknown_name_is_said_to_be_one},
        {"keys are not made here", keys_are_not_made_here},
    };
    int status;

    keyring_open("default,keyhsm");
    status = kh_test_main("provider keys", tests, sizeof tests / sizeof tests[0]);
    keyring_close();
    return status;
}
