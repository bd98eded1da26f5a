#include "tests/unit/provider/module/keyring.h"

#include <openssl/core_names.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <string.h>

static const unsigned char message[] = "what is signed";

static EVP_PKEY *the_key(const char *name)
{
    EVP_PKEY *key = keyring_key(name, NULL);

    CU_ASSERT_PTR_NOT_NULL_FATAL(key);
    return key;
}

/* ---- digest and sign in one, verified by the default provider alone ---- */

/* How RSA signs; padding 0: as it is without a word. */
struct form {
    const char *md;
    int padding;
    int salt;
    const char *mgf;
};

static bool shape(EVP_PKEY_CTX *pctx, const struct form *form)
{
    return form->padding == 0 ||
           (EVP_PKEY_CTX_set_rsa_padding(pctx, form->padding) == 1 &&
               (form->padding != RSA_PKCS1_PSS_PADDING ||
                   (EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, form->salt) == 1 &&
                       (!form->mgf || EVP_PKEY_CTX_set_rsa_mgf1_md_name(
                                          pctx, form->mgf, NULL) == 1))));
}

static bool digest_sign(
    EVP_PKEY *key, const struct form *form, unsigned char *sig, size_t *len)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *pctx = NULL;
    bool ok =
        EVP_DigestSignInit_ex(ctx, &pctx, form->md, keyring.app, NULL, key, NULL) == 1 &&
        shape(pctx, form) && EVP_DigestSign(ctx, sig, len, message, sizeof message) == 1;

    EVP_MD_CTX_free(ctx);
    return ok;
}

static bool digest_verify(OSSL_LIB_CTX *libctx, EVP_PKEY *key, const struct form *form,
    const unsigned char *sig, size_t len)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *pctx = NULL;
    bool ok =
        EVP_DigestVerifyInit_ex(ctx, &pctx, form->md, libctx, NULL, key, NULL) == 1 &&
        shape(pctx, form) &&
        EVP_DigestVerify(ctx, sig, len, message, sizeof message) == 1;

    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    return ok;
}

/* Signs with our key; the default provider and our own verify it, and neither takes it
 * when a bit is another. */
static void check_signature(const char *name, const struct form *form)
{
    EVP_PKEY *key = the_key(name);
    EVP_PKEY *half = keyring_public(name);
    unsigned char sig[600];
    size_t len = sizeof sig;

    CU_ASSERT_TRUE_FATAL(digest_sign(key, form, sig, &len));
    CU_ASSERT_EQUAL(ERR_peek_error(), 0);
    CU_ASSERT_TRUE(digest_verify(keyring.plain, half, form, sig, len));
    CU_ASSERT_TRUE(digest_verify(keyring.app, key, form, sig, len));
    sig[len - 1] ^= 1;
    CU_ASSERT_FALSE(digest_verify(keyring.plain, half, form, sig, len));
    CU_ASSERT_FALSE(digest_verify(keyring.app, key, form, sig, len));
    EVP_PKEY_free(half);
    EVP_PKEY_free(key);
}

static void ecdsa_signatures_are_those_of_the_key(void)
{
    static const struct form forms[] = {{.md = NULL}, {"SHA1", 0, 0, NULL},
        {"SHA256", 0, 0, NULL}, {"SHA512", 0, 0, NULL}};

    for (size_t i = 0; i < 4; i++) {
        check_signature("p256", &forms[i]);
        check_signature("p384", &forms[i]);
    }
}

static void ed25519_signatures_are_those_of_the_key(void)
{
    check_signature("ed", &(struct form){.md = NULL});
}

static void rsa_signs_in_every_form_that_libcrypto_knows_it_by(void)
{
    static const struct form forms[] = {
        {.md = NULL},
        {"SHA2-224", RSA_PKCS1_PADDING, 0, NULL},
        {"SHA384", RSA_PKCS1_PADDING, 0, NULL},
        {"SHA256", RSA_PKCS1_PSS_PADDING, RSA_PSS_SALTLEN_DIGEST, NULL},
        {"SHA256", RSA_PKCS1_PSS_PADDING, RSA_PSS_SALTLEN_MAX, NULL},
        {"SHA512", RSA_PKCS1_PSS_PADDING, RSA_PSS_SALTLEN_AUTO, NULL},
        {"SHA256", RSA_PKCS1_PSS_PADDING, 0, NULL},
        {"SHA256", RSA_PKCS1_PSS_PADDING, 20, "SHA384"},
    };

    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
        check_signature("rsa", &forms[i]);
}

static void data_may_come_in_pieces_and_the_context_be_used_on(void)
{
    EVP_PKEY *key = the_key("p256");
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    const struct form form = {.md = "SHA256"};
    unsigned char sig[200];
    size_t len = 0;

    CU_ASSERT_EQUAL(
        EVP_DigestSignInit_ex(ctx, NULL, "SHA256", keyring.app, NULL, key, NULL), 1);
    CU_ASSERT_EQUAL(EVP_DigestSignUpdate(ctx, message, 4), 1);
    CU_ASSERT_EQUAL(EVP_DigestSignFinal(ctx, NULL, &len), 1);
    CU_ASSERT_TRUE(len >= 70 && len < sizeof sig);
    CU_ASSERT_EQUAL(EVP_DigestSignFinal(ctx, sig, &len), 1);
    CU_ASSERT_EQUAL(EVP_DigestSignUpdate(ctx, message + 4, sizeof message - 4), 1);
    len = sizeof sig;
    CU_ASSERT_EQUAL(EVP_DigestSignFinal(ctx, sig, &len), 1);
    CU_ASSERT_TRUE(digest_verify(keyring.app, key, &form, sig, len));
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(key);
}

/* ---- a digest that somebody else made ---- */

/* As `openssl pkeyutl -sign`: MD may be NULL. */
static bool sign_digest(
    EVP_PKEY *key, const char *md, int padding, const unsigned char *in, size_t in_len)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(keyring.app, key, NULL);
    EVP_PKEY_CTX *check = EVP_PKEY_CTX_new_from_pkey(keyring.app, key, NULL);
    OSSL_PARAM params[2] = {OSSL_PARAM_construct_end(), OSSL_PARAM_construct_end()};
    unsigned char sig[600];
    size_t len = sizeof sig;
    bool ok;

    if (md)
        params[0] = OSSL_PARAM_construct_utf8_string(
            OSSL_SIGNATURE_PARAM_DIGEST, (char *)(uintptr_t)md, 0);
    ok = EVP_PKEY_sign_init_ex(ctx, params) == 1 &&
         (padding == 0 || EVP_PKEY_CTX_set_rsa_padding(ctx, padding) == 1) &&
         EVP_PKEY_sign(ctx, sig, &len, in, in_len) == 1;
    if (ok)
        CU_ASSERT_TRUE(
            EVP_PKEY_verify_init_ex(check, params) == 1 &&
            (padding == 0 || EVP_PKEY_CTX_set_rsa_padding(check, padding) == 1) &&
            EVP_PKEY_verify(check, sig, len, in, in_len) == 1);
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_CTX_free(check);
    return ok;
}

static void a_digest_is_signed_as_it_is(void)
{
    static const unsigned char digest[64] = {1, 2, 3};
    EVP_PKEY *ec = the_key("p256");
    EVP_PKEY *rsa = the_key("rsa");

    CU_ASSERT_TRUE(sign_digest(ec, NULL, 0, digest, 32));
    CU_ASSERT_TRUE(sign_digest(ec, NULL, 0, digest, 64));
    CU_ASSERT_TRUE(sign_digest(ec, "SHA384", 0, digest, 48));
    CU_ASSERT_TRUE(sign_digest(rsa, "SHA256", 0, digest, 32));
    CU_ASSERT_TRUE(sign_digest(rsa, "SHA256", RSA_PKCS1_PSS_PADDING, digest, 32));
    CU_ASSERT_TRUE(sign_digest(rsa, NULL, 0, digest, 51)); /* a DigestInfo, as it were */
    EVP_PKEY_free(ec);
    EVP_PKEY_free(rsa);
}

static void a_digest_of_the_wrong_length_does_not_travel(void)
{
    static const unsigned char digest[300] = {1, 2, 3};
    EVP_PKEY *ec = the_key("p256");
    EVP_PKEY *rsa = the_key("rsa");
    int before = atomic_load(&keyring.uses);

    CU_ASSERT_FALSE(sign_digest(ec, "SHA256", 0, digest, 31));
    CU_ASSERT_TRUE(
        keyring_failed(KH_REASON_INVALID, "a digest of sha256 has 32 bytes, not 31"));
    CU_ASSERT_FALSE(sign_digest(ec, NULL, 0, digest, 33));
    CU_ASSERT_TRUE(
        keyring_failed(KH_REASON_INVALID, "33 bytes are the digest of no function"));
    CU_ASSERT_FALSE(sign_digest(rsa, "SHA256", RSA_PKCS1_PSS_PADDING, digest, 20));
    CU_ASSERT_TRUE(keyring_failed(KH_REASON_INVALID, "has 32 bytes, not 20"));
    CU_ASSERT_FALSE(sign_digest(rsa, NULL, 0, digest, 246));
    CU_ASSERT_TRUE(keyring_failed(KH_REASON_REFUSED, "longer than the key allows"));
    CU_ASSERT_EQUAL(atomic_load(&keyring.uses), before);
    EVP_PKEY_free(ec);
    EVP_PKEY_free(rsa);
}

/* ---- what is refused, in words ---- */

static void another_digest_or_padding_is_refused(void)
{
    static const unsigned char block[256] = {0};
    EVP_PKEY *ec = the_key("p256");
    EVP_PKEY *rsa = the_key("rsa");
    unsigned char sig[600];
    size_t len = sizeof sig;

    CU_ASSERT_FALSE(digest_sign(ec, &(struct form){.md = "SHA3-256"}, sig, &len));
    CU_ASSERT_TRUE(keyring_failed(KH_REASON_INVALID, "the digest SHA3-256"));
    CU_ASSERT_FALSE(sign_digest(rsa, NULL, RSA_NO_PADDING, block, 256));
    CU_ASSERT_TRUE(keyring_failed(KH_REASON_REFUSED, "PKCS #1 v1.5 and PSS only"));
    len = sizeof sig;
    CU_ASSERT_FALSE(digest_sign(
        rsa, &(struct form){"SHA256", RSA_PKCS1_PSS_PADDING, 223, NULL}, sig, &len));
    CU_ASSERT_TRUE(keyring_failed(KH_REASON_REFUSED, "no salt of that length"));
    EVP_PKEY_free(ec);
    EVP_PKEY_free(rsa);
}

static void a_message_that_ed25519_cannot_send_is_refused(void)
{
    static unsigned char large[KH_KEY_INPUT_MAX + 1];
    EVP_PKEY *key = the_key("ed");
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    unsigned char sig[64];
    size_t len = sizeof sig;

    CU_ASSERT_EQUAL(
        EVP_DigestSignInit_ex(ctx, NULL, NULL, keyring.app, NULL, key, NULL), 1);
    CU_ASSERT_EQUAL(EVP_DigestSign(ctx, sig, &len, large, sizeof large), 0);
    CU_ASSERT_TRUE(keyring_failed(KH_REASON_INVALID, "4097 bytes, where the daemon"));
    len = sizeof sig;
    CU_ASSERT_EQUAL(EVP_DigestSign(ctx, sig, &len, large, sizeof large - 1), 1);
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(key);
}

static void a_key_for_something_else_does_not_sign(void)
{
    EVP_PKEY *ec = the_key("agree256");
    EVP_PKEY *rsa = the_key("open");
    unsigned char sig[600];
    size_t len = sizeof sig;
    int before = atomic_load(&keyring.uses);

    CU_ASSERT_FALSE(digest_sign(ec, &(struct form){.md = "SHA256"}, sig, &len));
    CU_ASSERT_TRUE(keyring_failed(KH_REASON_REFUSED, "'agree256' was not made to sign"));
    CU_ASSERT_FALSE(sign_digest(rsa, "SHA256", 0, message, 32));
    CU_ASSERT_TRUE(keyring_failed(KH_REASON_REFUSED, "'open' was not made to sign"));
    CU_ASSERT_EQUAL(atomic_load(&keyring.uses), before);
    EVP_PKEY_free(ec);
    EVP_PKEY_free(rsa);
}

static void what_the_daemon_says_is_on_the_queue(void)
{
    static const kh_status words[] = {
        KH_NOT_FOUND, KH_REFUSED, KH_BUSY, KH_UNAVAILABLE, KH_CORRUPT};
    EVP_PKEY *key = the_key("p256");
    unsigned char sig[200];
    size_t len;

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        atomic_store(&keyring.fail, (int)words[i]);
        len = sizeof sig;
        CU_ASSERT_FALSE(digest_sign(key, &(struct form){.md = "SHA256"}, sig, &len));
        CU_ASSERT_TRUE(keyring_failed((enum kh_reason)words[i], "'p256': told to fail"));
    }
    atomic_store(&keyring.fail, KH_OK);
    EVP_PKEY_free(key);
}

static void an_answer_of_another_length_is_none(void)
{
    EVP_PKEY *keys[3] = {the_key("rsa"), the_key("ed"), the_key("p256")};
    unsigned char sig[600];
    size_t len;

    for (int i = 0; i < 3; i++) {
        atomic_store(&keyring.longer, i == 2 ? 20 : 1);
        len = sizeof sig;
        CU_ASSERT_FALSE(digest_sign(keys[i], &(struct form){.md = NULL}, sig, &len));
        CU_ASSERT_TRUE(keyring_failed(KH_REASON_UNAVAILABLE, "bytes"));
        atomic_store(&keyring.longer, -1);
        len = sizeof sig;
        if (i < 2) {
            CU_ASSERT_FALSE(digest_sign(keys[i], &(struct form){.md = NULL}, sig, &len));
            CU_ASSERT_TRUE(keyring_failed(KH_REASON_UNAVAILABLE, "for a signature has"));
        }
        EVP_PKEY_free(keys[i]);
    }
    atomic_store(&keyring.longer, 0);
}

static void a_buffer_that_is_too_small_is_refused(void)
{
    EVP_PKEY *key = the_key("rsa");
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    unsigned char sig[255];
    size_t len = sizeof sig;

    CU_ASSERT_EQUAL(
        EVP_DigestSignInit_ex(ctx, NULL, "SHA256", keyring.app, NULL, key, NULL), 1);
    CU_ASSERT_NOT_EQUAL(EVP_DigestSign(ctx, sig, &len, message, sizeof message), 1);
    CU_ASSERT_TRUE(keyring_failed(KH_REASON_INVALID, "the buffer 255"));
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(key);
}

/* ---- names in X.509 ---- */

static void check_certificate(const char *name, const char *md, bool pss, int nid)
{
    EVP_PKEY *key = the_key(name);
    EVP_PKEY *half = keyring_public(name);
    X509 *cert = keyring_certificate(key, md, pss);

    CU_ASSERT_PTR_NOT_NULL_FATAL(cert);
    CU_ASSERT_EQUAL(X509_get_signature_nid(cert), nid);
    CU_ASSERT_EQUAL(X509_verify(cert, half), 1);
    CU_ASSERT_EQUAL(X509_check_private_key(cert, key), 1);
    CU_ASSERT_EQUAL(ERR_peek_error(), 0);
    X509_free(cert);
    EVP_PKEY_free(half);
    EVP_PKEY_free(key);
}

static void certificates_name_the_algorithm_and_verify(void)
{
    check_certificate("p256", "SHA256", false, NID_ecdsa_with_SHA256);
    check_certificate("p384", "SHA384", false, NID_ecdsa_with_SHA384);
    check_certificate("ed", NULL, false, NID_ED25519);
    check_certificate("rsa", "SHA256", false, NID_sha256WithRSAEncryption);
    check_certificate("rsa", "SHA512", true, NID_rsassaPss);
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"ecdsa signatures are those of the key", ecdsa_signatures_are_those_of_the_key},
        {"ed25519 signatures are those of the key",
            ed25519_signatures_are_those_of_the_key},
        {"rsa signs in every form that libcrypto knows it by",
            rsa_signs_in_every_form_that_libcrypto_knows_it_by},
        {"data may come in pieces and the context be used on",
            data_may_come_in_pieces_and_the_context_be_used_on},
        {"a digest is signed as it is", a_digest_is_signed_as_it_is},
        {"a digest of the wrong length does not travel",
            a_digest_of_the_wrong_length_does_not_travel},
        {"another digest or padding is refused", another_digest_or_padding_is_refused},
        {"a message that ed25519 cannot send is refused",
            a_message_that_ed25519_cannot_send_is_refused},
        {"a key for something else does not sign",
            a_key_for_something_else_does_not_sign},
        {"what the daemon says is on the queue", what_the_daemon_says_is_on_the_queue},
        {"an answer of another length is none", an_answer_of_another_length_is_none},
        {"a buffer that is too small is refused", a_buffer_that_is_too_small_is_refused},
        {"certificates name the algorithm and verify",
            certificates_name_the_algorithm_and_verify},
    };
    int status;

    keyring_open("default,keyhsm");
    status = kh_test_main("provider keys: sign", tests, sizeof tests / sizeof tests[0]);
    keyring_close();
    return status;
}
