#include "tests/unit/provider/module/keyring.h"

#include <openssl/cms.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/kdf.h>
#include <openssl/rsa.h>
#include <string.h>

/* Decryption (OAEP), key agreement (ECDH), and CMS on top of both. */

static const unsigned char secret[] = "what is secret";

static EVP_PKEY *the_key(const char *name)
{
    EVP_PKEY *key = keyring_key(name, NULL);

    CU_ASSERT_PTR_NOT_NULL_FATAL(key);
    return key;
}

/* ---- OAEP ---- */

struct form {
    int padding;
    const char *md;
    const char *mgf;
    const char *label;
};

static bool shape(EVP_PKEY_CTX *ctx, const struct form *form)
{
    char *label = form->label ? OPENSSL_strdup(form->label) : NULL;

    return EVP_PKEY_CTX_set_rsa_padding(ctx, form->padding) == 1 &&
           (!form->md || EVP_PKEY_CTX_set_rsa_oaep_md_name(ctx, form->md, NULL) == 1) &&
           (!form->mgf || EVP_PKEY_CTX_set_rsa_mgf1_md_name(ctx, form->mgf, NULL) == 1) &&
           (!label ||
               EVP_PKEY_CTX_set0_rsa_oaep_label(ctx, label, (int)strlen(label)) == 1);
}

static size_t encrypted(
    OSSL_LIB_CTX *libctx, EVP_PKEY *key, const struct form *form, unsigned char out[600])
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(libctx, key, NULL);
    size_t len = 600;

    CU_ASSERT_TRUE_FATAL(EVP_PKEY_encrypt_init(ctx) == 1 && shape(ctx, form) &&
                         EVP_PKEY_encrypt(ctx, out, &len, secret, sizeof secret) == 1);
    EVP_PKEY_CTX_free(ctx);
    return len;
}

static bool decrypts(
    EVP_PKEY *key, const struct form *form, const unsigned char *in, size_t len)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(keyring.app, key, NULL);
    unsigned char out[600];
    size_t out_len = sizeof out;
    bool ok = EVP_PKEY_decrypt_init(ctx) == 1 && shape(ctx, form) &&
              EVP_PKEY_decrypt(ctx, out, &out_len, in, len) == 1 &&
              out_len == sizeof secret && memcmp(out, secret, out_len) == 0;

    EVP_PKEY_CTX_free(ctx);
    return ok;
}

static void oaep_is_undone_in_every_form(void)
{
    static const struct form forms[] = {
        {RSA_PKCS1_OAEP_PADDING, NULL, NULL, NULL},
        {RSA_PKCS1_OAEP_PADDING, "SHA256", NULL, NULL},
        {RSA_PKCS1_OAEP_PADDING, "SHA2-512", "SHA1", NULL},
        {RSA_PKCS1_OAEP_PADDING, "SHA1", "SHA384", NULL},
    };
    EVP_PKEY *key = the_key("open");
    EVP_PKEY *half = keyring_public("open");
    unsigned char in[600];

    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        size_t len = encrypted(keyring.plain, half, &forms[i], in);

        CU_ASSERT_TRUE(decrypts(key, &forms[i], in, len));
        len = encrypted(keyring.app, key, &forms[i], in); /* with our public half */
        CU_ASSERT_TRUE(decrypts(key, &forms[i], in, len));
        in[5] ^= 1;
        CU_ASSERT_FALSE(decrypts(key, &forms[i], in, len));
        CU_ASSERT_TRUE(keyring_failed(KH_REASON_INVALID, "'open'"));
    }
    EVP_PKEY_free(half);
    EVP_PKEY_free(key);
}

static void other_decryptions_are_refused_before_they_travel(void)
{
    const struct form oaep = {RSA_PKCS1_OAEP_PADDING, NULL, NULL, NULL};
    EVP_PKEY *key = the_key("open");
    EVP_PKEY *half = keyring_public("open");
    unsigned char in[600];
    size_t len = encrypted(keyring.plain, half, &oaep, in);
    int before = atomic_load(&keyring.uses);

    CU_ASSERT_FALSE(
        decrypts(key, &(struct form){RSA_PKCS1_PADDING, NULL, NULL, NULL}, in, len));
    CU_ASSERT_TRUE(keyring_failed(KH_REASON_REFUSED, "OAEP only"));
    CU_ASSERT_FALSE(
        decrypts(key, &(struct form){RSA_NO_PADDING, NULL, NULL, NULL}, in, len));
    CU_ASSERT_TRUE(keyring_failed(KH_REASON_REFUSED, "OAEP only"));
    CU_ASSERT_FALSE(decrypts(
        key, &(struct form){RSA_PKCS1_OAEP_PADDING, NULL, NULL, "label"}, in, len));
    CU_ASSERT_TRUE(keyring_failed(KH_REASON_REFUSED, "without a label"));
    CU_ASSERT_FALSE(decrypts(key, &oaep, in, len - 1));
    CU_ASSERT_TRUE(keyring_failed(KH_REASON_REFUSED, "not as long as the key"));
    CU_ASSERT_FALSE(decrypts(
        key, &(struct form){RSA_PKCS1_OAEP_PADDING, "SHA3-256", NULL, NULL}, in, len));
    CU_ASSERT_TRUE(keyring_failed(KH_REASON_INVALID, "the digest SHA3-256"));
    CU_ASSERT_EQUAL(atomic_load(&keyring.uses), before);
    EVP_PKEY_free(half);
    EVP_PKEY_free(key);
}

/* CMS of libcrypto 3.0 goes on after a parameter was refused; the context does not. */
static void a_refused_parameter_is_refused_for_good(void)
{
    const struct form oaep = {RSA_PKCS1_OAEP_PADDING, NULL, NULL, NULL};
    EVP_PKEY *key = the_key("open");
    EVP_PKEY *half = keyring_public("open");
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(keyring.app, key, NULL);
    unsigned char in[600], out[600];
    size_t out_len = sizeof out, len = encrypted(keyring.plain, half, &oaep, in);

    CU_ASSERT_EQUAL(EVP_PKEY_decrypt_init(ctx), 1);
    CU_ASSERT_EQUAL(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING), 1);
    CU_ASSERT_NOT_EQUAL(EVP_PKEY_CTX_set_rsa_oaep_md_name(ctx, "no-such", NULL), 1);
    ERR_clear_error();
    CU_ASSERT_NOT_EQUAL(EVP_PKEY_decrypt(ctx, out, &out_len, in, len), 1);
    CU_ASSERT_TRUE(keyring_failed(KH_REASON_REFUSED, "was refused before"));
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(half);
    EVP_PKEY_free(key);
}

static void a_key_to_sign_with_neither_decrypts_nor_agrees(void)
{
    EVP_PKEY *rsa = the_key("rsa");
    EVP_PKEY *ec = the_key("p256");
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(keyring.app, rsa, NULL);

    CU_ASSERT_NOT_EQUAL(EVP_PKEY_decrypt_init(ctx), 1);
    CU_ASSERT_TRUE(keyring_failed(KH_REASON_REFUSED, "'rsa' was not made to decrypt"));
    EVP_PKEY_CTX_free(ctx);
    ctx = EVP_PKEY_CTX_new_from_pkey(keyring.app, ec, NULL);
    CU_ASSERT_NOT_EQUAL(EVP_PKEY_derive_init(ctx), 1);
    CU_ASSERT_TRUE(keyring_failed(KH_REASON_REFUSED, "'p256' was not made to derive"));
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(ec);
    EVP_PKEY_free(rsa);
}

/* ---- ECDH ---- */

/* The public half of KEY in the application's context: nobody sends his private one. */
static EVP_PKEY *half_of(const EVP_PKEY *key)
{
    unsigned char *der = NULL;
    const unsigned char *at;
    int len = i2d_PUBKEY(key, &der);
    EVP_PKEY *half;

    at = der;
    half = d2i_PUBKEY_ex(NULL, &at, len, keyring.app, NULL);
    OPENSSL_free(der);
    CU_ASSERT_PTR_NOT_NULL_FATAL(half);
    return half;
}

/* The result's length; 0: it failed. MD: through the X9.63 KDF, 32 bytes. */
static size_t agreed(OSSL_LIB_CTX *libctx, EVP_PKEY *key, EVP_PKEY *peer,
    const EVP_MD *md, unsigned char out[64])
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(libctx, key, NULL);
    size_t len = 64;
    bool ok = EVP_PKEY_derive_init(ctx) == 1 && EVP_PKEY_derive_set_peer(ctx, peer) == 1;

    if (ok && md)
        ok = EVP_PKEY_CTX_set_ecdh_kdf_type(ctx, EVP_PKEY_ECDH_KDF_X9_63) == 1 &&
             EVP_PKEY_CTX_set_ecdh_kdf_md(ctx, md) == 1 &&
             EVP_PKEY_CTX_set_ecdh_kdf_outlen(ctx, 32) == 1;
    ok = ok && EVP_PKEY_derive(ctx, out, &len) == 1;
    EVP_PKEY_CTX_free(ctx);
    return ok ? len : 0;
}

static void check_agreement(const char *name, const char *curve, size_t want)
{
    EVP_PKEY *key = the_key(name);
    EVP_PKEY *half = keyring_public(name);
    EVP_PKEY *other = EVP_PKEY_Q_keygen(keyring.plain, NULL, "EC", curve);
    EVP_PKEY *peer = half_of(other);
    unsigned char here[64], there[64];

    CU_ASSERT_EQUAL(agreed(keyring.app, key, peer, NULL, here), want);
    CU_ASSERT_EQUAL(agreed(keyring.plain, other, half, NULL, there), want);
    CU_ASSERT_EQUAL(memcmp(here, there, want), 0);
    CU_ASSERT_EQUAL(agreed(keyring.app, key, peer, EVP_sha256(), here), 32);
    CU_ASSERT_EQUAL(agreed(keyring.plain, other, half, EVP_sha256(), there), 32);
    CU_ASSERT_EQUAL(memcmp(here, there, 32), 0);
    CU_ASSERT_EQUAL(ERR_peek_error(), 0);
    EVP_PKEY_free(peer);
    EVP_PKEY_free(other);
    EVP_PKEY_free(half);
    EVP_PKEY_free(key);
}

static void both_sides_agree(void)
{
    check_agreement("agree256", "P-256", 32);
    check_agreement("agree384", "P-384", 48);
}

static void a_peer_on_another_curve_is_refused(void)
{
    EVP_PKEY *key = the_key("agree256");
    EVP_PKEY *other = EVP_PKEY_Q_keygen(keyring.plain, NULL, "EC", "P-384");
    EVP_PKEY *peer = half_of(other);
    unsigned char out[64];
    int before = atomic_load(&keyring.uses);

    CU_ASSERT_EQUAL(agreed(keyring.app, key, peer, NULL, out), 0);
    CU_ASSERT_NOT_EQUAL(ERR_peek_error(), 0);
    CU_ASSERT_EQUAL(atomic_load(&keyring.uses), before);
    ERR_clear_error();
    EVP_PKEY_free(peer);
    EVP_PKEY_free(other);
    EVP_PKEY_free(key);
}

static void a_point_that_is_on_no_curve_is_refused(void)
{
    EVP_PKEY *key = the_key("agree256");
    EVP_PKEY *peer = EVP_PKEY_new();
    unsigned char point[65] = {4, 1};

    CU_ASSERT_EQUAL(EVP_PKEY_copy_parameters(peer, key), 1);
    CU_ASSERT_EQUAL(EVP_PKEY_set1_encoded_public_key(peer, point, sizeof point), 0);
    CU_ASSERT_EQUAL(EVP_PKEY_set1_encoded_public_key(peer, point, 10), 0);
    CU_ASSERT_EQUAL(EVP_PKEY_set1_encoded_public_key(key, point, sizeof point), 0);
    ERR_clear_error();
    EVP_PKEY_free(peer);
    EVP_PKEY_free(key);
}

static void a_shared_secret_of_another_length_is_none(void)
{
    EVP_PKEY *key = the_key("agree256");
    EVP_PKEY *other = EVP_PKEY_Q_keygen(keyring.plain, NULL, "EC", "P-256");
    EVP_PKEY *peer = half_of(other);
    unsigned char out[64];

    atomic_store(&keyring.longer, -1);
    CU_ASSERT_EQUAL(agreed(keyring.app, key, peer, NULL, out), 0);
    CU_ASSERT_TRUE(keyring_failed(KH_REASON_UNAVAILABLE, "has 31 bytes, not 32"));
    atomic_store(&keyring.longer, 0);
    EVP_PKEY_free(peer);
    EVP_PKEY_free(other);
    EVP_PKEY_free(key);
}

/* ---- CMS: sealed by the default provider, opened with our key ---- */

/* CERT as everybody else has it: read, so that its key is the default provider's. */
static X509 *reread(X509 *cert)
{
    unsigned char *der = NULL;
    int len = i2d_X509(cert, &der);
    const unsigned char *at = der;
    X509 *out = X509_new_ex(keyring.app, NULL);

    CU_ASSERT_PTR_NOT_NULL_FATAL(d2i_X509(&out, &at, len));
    OPENSSL_free(der);
    X509_free(cert);
    return out;
}

/* A certificate of KEY that somebody else signed: it cannot sign itself. */
static X509 *certificate_of(EVP_PKEY *key)
{
    EVP_PKEY *signer = the_key("p256");
    X509 *cert = keyring_certificate(signer, "SHA256", false);

    CU_ASSERT_PTR_NOT_NULL_FATAL(cert);
    CU_ASSERT_EQUAL(X509_set_pubkey(cert, key), 1);
    CU_ASSERT_TRUE(X509_sign(cert, signer, EVP_sha256()) > 0);
    EVP_PKEY_free(signer);
    return reread(cert);
}

static CMS_ContentInfo *sealed(X509 *cert, bool oaep)
{
    BIO *in = BIO_new_mem_buf(secret, sizeof secret);
    CMS_ContentInfo *cms = CMS_encrypt_ex(
        NULL, in, EVP_aes_256_cbc(), CMS_BINARY | CMS_PARTIAL, keyring.app, NULL);
    CMS_RecipientInfo *to = CMS_add1_recipient_cert(cms, cert, CMS_KEY_PARAM);
    EVP_PKEY_CTX *ctx = CMS_RecipientInfo_get0_pkey_ctx(to);

    CU_ASSERT_EQUAL(oaep ? EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING)
                         : EVP_PKEY_CTX_set_ecdh_kdf_md(ctx, EVP_sha256()),
        1);
    CU_ASSERT_EQUAL(CMS_final(cms, in, NULL, CMS_BINARY), 1);
    BIO_free(in);
    return cms;
}

static void check_envelope(const char *name, bool oaep)
{
    EVP_PKEY *key = the_key(name);
    X509 *cert = certificate_of(key);
    CMS_ContentInfo *cms = sealed(cert, oaep);
    BIO *out = BIO_new(BIO_s_mem());
    char *text = NULL;

    CU_ASSERT_EQUAL(CMS_decrypt(cms, key, cert, NULL, out, CMS_BINARY), 1);
    CU_ASSERT_EQUAL(BIO_get_mem_data(out, &text), (long)sizeof secret);
    CU_ASSERT_EQUAL(memcmp(text, secret, sizeof secret), 0);
    ERR_print_errors_fp(stderr);
    BIO_free(out);
    CMS_ContentInfo_free(cms);
    X509_free(cert);
    EVP_PKEY_free(key);
}

static void cms_is_opened_with_rsa_and_with_ec(void)
{
    check_envelope("open", true);
    check_envelope("agree256", false);
    check_envelope("agree384", false);
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"oaep is undone in every form", oaep_is_undone_in_every_form},
        {"other decryptions are refused before they travel",
            other_decryptions_are_refused_before_they_travel},
        {"a refused parameter is refused for good",
            a_refused_parameter_is_refused_for_good},
        {"a key to sign with neither decrypts nor agrees",
            a_key_to_sign_with_neither_decrypts_nor_agrees},
        {"both sides agree", both_sides_agree},
        {"a peer on another curve is refused", a_peer_on_another_curve_is_refused},
        {"a point that is on no curve is refused",
            a_point_that_is_on_no_curve_is_refused},
        {"a shared secret of another length is none",
            a_shared_secret_of_another_length_is_none},
        {"cms is opened with rsa and with ec", cms_is_opened_with_rsa_and_with_ec},
    };
    int status;

    keyring_open("default,keyhsm");
    status =
        kh_test_main("provider keys: secrets", tests, sizeof tests / sizeof tests[0]);
    keyring_close();
    return status;
}
