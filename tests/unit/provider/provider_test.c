#include "provider/provider.h"

#include "tests/lib/testlib.h"
#include "tests/unit/provider/backing.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <openssl/objects.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <string.h>

static struct backing token;
static struct kh_provider *provider;
static OSSL_LIB_CTX *libctx;

static EVP_PKEY *token_key(const struct kh_token_key *key)
{
    struct kh_error err = {0};
    EVP_PKEY *pkey = NULL;

    KH_ASSERT_OK_FATAL(kh_provider_key(provider, key, &pkey, &err), err);
    return pkey;
}

static EVP_PKEY *public_half(const unsigned char *spki, size_t len)
{
    const unsigned char *at = spki;
    EVP_PKEY *key = d2i_PUBKEY_ex(NULL, &at, (long)len, libctx, NULL);

    CU_ASSERT_PTR_NOT_NULL_FATAL(key);
    return key;
}

/* A peer as it arrives: nobody sends his private half along. */
static EVP_PKEY *peer_of(const EVP_PKEY *key)
{
    unsigned char *spki = NULL;
    int len = i2d_PUBKEY(key, &spki);
    EVP_PKEY *peer = len > 0 ? public_half(spki, (size_t)len) : NULL;

    CU_ASSERT_PTR_NOT_NULL_FATAL(peer);
    OPENSSL_free(spki);
    return peer;
}

static const char *provider_of(const EVP_PKEY *key)
{
    return OSSL_PROVIDER_get0_name(EVP_PKEY_get0_provider(key));
}

static void expect_token_error(kh_status status, const char *word)
{
    struct kh_error err = {0};

    kh_provider_last_error(&err);
    CU_ASSERT_EQUAL(err.status, status);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, word));
}

/* ---- who serves whom ---- */

static void ordinary_keys_are_served_by_the_default_provider(void)
{
    EVP_PKEY *ec = EVP_PKEY_Q_keygen(libctx, NULL, "EC", "P-256");
    EVP_PKEY *rsa = public_half(token.rsa_spki, token.rsa_spki_len);
    EVP_KEYEXCH *ecdh = EVP_KEYEXCH_fetch(libctx, "ECDH", NULL);
    EVP_ASYM_CIPHER *cipher = EVP_ASYM_CIPHER_fetch(libctx, "RSA", NULL);

    CU_ASSERT_STRING_EQUAL(provider_of(ec), "default");
    CU_ASSERT_STRING_EQUAL(provider_of(rsa), "default");
    CU_ASSERT_STRING_EQUAL(
        OSSL_PROVIDER_get0_name(EVP_KEYEXCH_get0_provider(ecdh)), "default");
    CU_ASSERT_STRING_EQUAL(
        OSSL_PROVIDER_get0_name(EVP_ASYM_CIPHER_get0_provider(cipher)), "default");
    EVP_PKEY_free(ec);
    EVP_PKEY_free(rsa);
    EVP_KEYEXCH_free(ecdh);
    EVP_ASYM_CIPHER_free(cipher);
}

static void an_ordinary_private_key_is_not_taken_in(void)
{
    unsigned char d[32] = {1};
    unsigned char point[65];
    char group[] = "prime256v1";
    size_t len = 0;
    EVP_PKEY *ec = EVP_PKEY_Q_keygen(libctx, NULL, "EC", "P-256");
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(libctx, "EC", "provider=keyhsm");
    EVP_PKEY *key = NULL;
    OSSL_PARAM params[4] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point),
        OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_PRIV_KEY, d, sizeof d),
        OSSL_PARAM_construct_end(),
    };

    CU_ASSERT_EQUAL(EVP_PKEY_get_octet_string_param(ec,
                        OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, point, sizeof point, &len),
        1);
    CU_ASSERT_TRUE(EVP_PKEY_fromdata_init(ctx) > 0);
    CU_ASSERT_TRUE(EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params) <= 0);
    params[2] = OSSL_PARAM_construct_end();
    CU_ASSERT_TRUE(EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) > 0);
    CU_ASSERT_STRING_EQUAL(provider_of(key), "keyhsm");
    CU_ASSERT_EQUAL(EVP_PKEY_eq(key, ec), 1);
    EVP_PKEY_free(key);
    EVP_PKEY_free(ec);
    EVP_PKEY_CTX_free(ctx);
    ERR_clear_error();
}

/* ---- key objects ---- */

static void an_ec_token_key_tells_what_it_is_and_nothing_private(void)
{
    EVP_PKEY *key = token_key(&token.ec);
    char group[32] = "";
    BIGNUM *d = NULL;
    OSSL_PARAM *params = NULL;
    unsigned char *der = NULL;

    CU_ASSERT_STRING_EQUAL(provider_of(key), "keyhsm");
    CU_ASSERT_TRUE(EVP_PKEY_is_a(key, "EC"));
    CU_ASSERT_EQUAL(EVP_PKEY_get_bits(key), 256);
    CU_ASSERT_EQUAL(EVP_PKEY_get_security_bits(key), 128);
    CU_ASSERT_EQUAL(EVP_PKEY_get_size(key), 32);
    CU_ASSERT_EQUAL(EVP_PKEY_get_group_name(key, group, sizeof group, NULL), 1);
    CU_ASSERT_STRING_EQUAL(group, "prime256v1");
    CU_ASSERT_EQUAL(EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_PRIV_KEY, &d), 0);
    CU_ASSERT_TRUE(i2d_PrivateKey(key, &der) <= 0);
    CU_ASSERT_TRUE(i2d_PUBKEY(key, &der) <= 0);
    CU_ASSERT_EQUAL(EVP_PKEY_todata(key, EVP_PKEY_KEYPAIR, &params), 0);
    CU_ASSERT_EQUAL(EVP_PKEY_todata(key, EVP_PKEY_PUBLIC_KEY, &params), 0);
    CU_ASSERT_EQUAL(EVP_PKEY_todata(key, EVP_PKEY_KEY_PARAMETERS, &params), 1);
    CU_ASSERT_PTR_NOT_NULL(OSSL_PARAM_locate(params, OSSL_PKEY_PARAM_GROUP_NAME));
    OSSL_PARAM_free(params);
    EVP_PKEY_free(key);
    ERR_clear_error();
}

static void an_rsa_token_key_tells_its_sizes_and_nothing_private(void)
{
    EVP_PKEY *key = token_key(&token.rsa);
    unsigned char *der = NULL;
    OSSL_PARAM *params = NULL;

    CU_ASSERT_STRING_EQUAL(provider_of(key), "keyhsm");
    CU_ASSERT_TRUE(EVP_PKEY_is_a(key, "RSA"));
    CU_ASSERT_EQUAL(EVP_PKEY_get_bits(key), 2048);
    CU_ASSERT_EQUAL(EVP_PKEY_get_security_bits(key), 112);
    CU_ASSERT_EQUAL(EVP_PKEY_get_size(key), 256);
    CU_ASSERT_TRUE(i2d_PrivateKey(key, &der) <= 0);
    CU_ASSERT_EQUAL(EVP_PKEY_todata(key, EVP_PKEY_KEYPAIR, &params), 0);
    EVP_PKEY_free(key);
    ERR_clear_error();
}

static void keys_are_equal_when_their_ids_are(void)
{
    struct kh_token_key other = token.ec;
    struct kh_token_key other_rsa = token.rsa;
    EVP_PKEY *a = token_key(&token.ec);
    EVP_PKEY *b = token_key(&token.ec);
    EVP_PKEY *c;
    EVP_PKEY *r = token_key(&token.rsa);
    EVP_PKEY *s;
    EVP_PKEY *dup = EVP_PKEY_dup(a);

    other.id.bytes[19] ^= 1;
    other_rsa.id.len = 19;
    c = token_key(&other);
    s = token_key(&other_rsa);
    CU_ASSERT_EQUAL(EVP_PKEY_eq(a, b), 1);
    CU_ASSERT_EQUAL(EVP_PKEY_eq(a, dup), 1);
    CU_ASSERT_NOT_EQUAL(EVP_PKEY_eq(a, c), 1);
    CU_ASSERT_NOT_EQUAL(EVP_PKEY_eq(r, s), 1);
    CU_ASSERT_NOT_EQUAL(EVP_PKEY_eq(a, r), 1);
    CU_ASSERT_EQUAL(EVP_PKEY_parameters_eq(a, c), 1);
    EVP_PKEY_free(a);
    EVP_PKEY_free(b);
    EVP_PKEY_free(c);
    EVP_PKEY_free(r);
    EVP_PKEY_free(s);
    EVP_PKEY_free(dup);
}

static void a_key_without_an_id_or_with_a_wild_size_is_refused(void)
{
    struct kh_token_key key = token.ec;
    struct kh_error err = {0};
    EVP_PKEY *pkey = NULL;

    key.id.len = 0;
    KH_ASSERT_FAILS(
        kh_provider_key(provider, &key, &pkey, &err), KH_INVALID, err, "token key");
    key.id.len = KH_KEY_ID_MAX + 1;
    KH_ASSERT_FAILS(
        kh_provider_key(provider, &key, &pkey, &err), KH_INVALID, err, "token key");
    key = token.rsa;
    key.bits = 2047;
    KH_ASSERT_FAILS(
        kh_provider_key(provider, &key, &pkey, &err), KH_INVALID, err, "token key");
    key.bits = 1u << 20;
    KH_ASSERT_FAILS(
        kh_provider_key(provider, &key, &pkey, &err), KH_INVALID, err, "token key");
    CU_ASSERT_PTR_NULL(pkey);
}

/* ---- ECDH ---- */

static size_t derive(
    EVP_PKEY *own, EVP_PKEY *peer, const char *kdf, unsigned char out[64])
{
    unsigned char ukm[4] = {1, 2, 3, 4};
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(libctx, own, NULL);
    EVP_PKEY *half = strcmp(provider_of(peer), "default") == 0 ? peer_of(peer) : NULL;
    size_t len = 64;

    if (!ctx || EVP_PKEY_derive_init(ctx) <= 0 ||
        EVP_PKEY_CTX_set_ecdh_cofactor_mode(ctx, 0) <= 0 ||
        (kdf && (EVP_PKEY_CTX_set_ecdh_kdf_type(ctx, EVP_PKEY_ECDH_KDF_X9_63) <= 0 ||
                    EVP_PKEY_CTX_set_ecdh_kdf_md(ctx, EVP_get_digestbyname(kdf)) <= 0 ||
                    EVP_PKEY_CTX_set_ecdh_kdf_outlen(ctx, 48) <= 0 ||
                    EVP_PKEY_CTX_set0_ecdh_kdf_ukm(
                        ctx, OPENSSL_memdup(ukm, sizeof ukm), sizeof ukm) <= 0)) ||
        EVP_PKEY_derive_set_peer(ctx, half ? half : peer) <= 0 ||
        EVP_PKEY_derive(ctx, out, &len) <= 0)
        len = 0;
    EVP_PKEY_free(half);
    EVP_PKEY_CTX_free(ctx);
    return len;
}

static void agree(const char *kdf, size_t want)
{
    EVP_PKEY *ours = token_key(&token.ec);
    EVP_PKEY *ours_public = public_half(token.ec_spki, token.ec_spki_len);
    EVP_PKEY *theirs = EVP_PKEY_Q_keygen(libctx, NULL, "EC", "P-256");
    int calls = token.ecdh_calls;
    unsigned char a[64] = {1};
    unsigned char b[64] = {2};

    CU_ASSERT_EQUAL(derive(ours, theirs, kdf, a), want);
    CU_ASSERT_EQUAL(token.ecdh_calls, calls + 1);
    CU_ASSERT_EQUAL(derive(theirs, ours_public, kdf, b), want);
    CU_ASSERT_EQUAL(token.ecdh_calls, calls + 1);
    CU_ASSERT_EQUAL(memcmp(a, b, want), 0);
    EVP_PKEY_free(ours);
    EVP_PKEY_free(ours_public);
    EVP_PKEY_free(theirs);
}

static void ecdh_on_the_token_equals_ecdh_in_software(void)
{
    agree(NULL, 32);
}

static void the_x963_kdf_equals_the_default_provider_s(void)
{
    agree("SHA256", 48);
    agree("SHA1", 48);
    agree("SHA512", 48);
}

static EVP_PKEY *peer_as_cms_makes_it(
    EVP_PKEY *ours, const unsigned char *point, size_t len)
{
    EVP_PKEY *peer = EVP_PKEY_new();

    CU_ASSERT_EQUAL(EVP_PKEY_copy_parameters(peer, ours), 1);
    if (EVP_PKEY_set1_encoded_public_key(peer, point, len) != 1) {
        EVP_PKEY_free(peer);
        peer = NULL;
    }
    return peer;
}

static void a_peer_may_come_as_an_encoded_point_even_a_compressed_one(void)
{
    EVP_PKEY *ours = token_key(&token.ec);
    EVP_PKEY *ours_public = public_half(token.ec_spki, token.ec_spki_len);
    EVP_PKEY *theirs = EVP_PKEY_Q_keygen(libctx, NULL, "EC", "P-256");
    EVP_PKEY *peer;
    unsigned char point[65];
    unsigned char a[64] = {1};
    unsigned char b[64] = {2};
    size_t len = 0;

    CU_ASSERT_EQUAL(EVP_PKEY_get_octet_string_param(theirs,
                        OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, point, sizeof point, &len),
        1);
    CU_ASSERT_EQUAL(derive(theirs, ours_public, NULL, b), 32);
    peer = peer_as_cms_makes_it(ours, point, 65);
    CU_ASSERT_PTR_NOT_NULL_FATAL(peer);
    CU_ASSERT_STRING_EQUAL(provider_of(peer), "keyhsm");
    CU_ASSERT_EQUAL(derive(ours, peer, NULL, a), 32);
    CU_ASSERT_EQUAL(memcmp(a, b, 32), 0);
    EVP_PKEY_free(peer);
    point[0] = 2 + (point[64] & 1);
    peer = peer_as_cms_makes_it(ours, point, 33);
    CU_ASSERT_PTR_NOT_NULL_FATAL(peer);
    memset(a, 0, sizeof a);
    CU_ASSERT_EQUAL(derive(ours, peer, NULL, a), 32);
    CU_ASSERT_EQUAL(memcmp(a, b, 32), 0);
    EVP_PKEY_free(peer);
    EVP_PKEY_free(ours);
    EVP_PKEY_free(ours_public);
    EVP_PKEY_free(theirs);
}

static void a_point_off_the_curve_never_reaches_the_token(void)
{
    EVP_PKEY *ours = token_key(&token.ec);
    unsigned char point[66];
    int calls = token.ecdh_calls;

    memcpy(point, token.ec_spki + token.ec_spki_len - 65, 65);
    point[64] ^= 1;
    CU_ASSERT_PTR_NULL(peer_as_cms_makes_it(ours, point, 65));
    point[64] ^= 1;
    CU_ASSERT_PTR_NULL(peer_as_cms_makes_it(ours, point, 64));
    CU_ASSERT_PTR_NULL(peer_as_cms_makes_it(ours, point, 66));
    point[0] = 6 + (point[64] & 1); /* the hybrid encoding */
    CU_ASSERT_PTR_NULL(peer_as_cms_makes_it(ours, point, 65));
    point[0] = 0; /* infinity */
    CU_ASSERT_PTR_NULL(peer_as_cms_makes_it(ours, point, 1));
    CU_ASSERT_EQUAL(token.ecdh_calls, calls);
    EVP_PKEY_free(ours);
    ERR_clear_error();
}

static void a_peer_on_another_curve_is_refused(void)
{
    EVP_PKEY *ours = token_key(&token.ec);
    EVP_PKEY *p384 = EVP_PKEY_Q_keygen(libctx, NULL, "EC", "P-384");
    EVP_PKEY *k256 = EVP_PKEY_Q_keygen(libctx, NULL, "EC", "secp256k1");
    unsigned char out[64];
    int calls = token.ecdh_calls;

    CU_ASSERT_EQUAL(derive(ours, p384, NULL, out), 0);
    CU_ASSERT_EQUAL(derive(ours, k256, NULL, out), 0);
    CU_ASSERT_EQUAL(token.ecdh_calls, calls);
    EVP_PKEY_free(ours);
    EVP_PKEY_free(p384);
    EVP_PKEY_free(k256);
    ERR_clear_error();
}

static void a_derivation_without_a_peer_or_with_another_kdf_fails(void)
{
    EVP_PKEY *ours = token_key(&token.ec);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(libctx, ours, NULL);
    char kdf[] = "HKDF";
    int mode = 7;
    unsigned char out[64];
    size_t len = sizeof out;
    OSSL_PARAM params[2] = {
        OSSL_PARAM_construct_utf8_string(OSSL_EXCHANGE_PARAM_KDF_TYPE, kdf, 0),
        OSSL_PARAM_construct_end(),
    };

    CU_ASSERT_TRUE(EVP_PKEY_derive_init(ctx) > 0);
    CU_ASSERT_TRUE(EVP_PKEY_derive(ctx, out, &len) <= 0);
    CU_ASSERT_TRUE(EVP_PKEY_CTX_set_params(ctx, params) <= 0);
    params[0] =
        OSSL_PARAM_construct_int(OSSL_EXCHANGE_PARAM_EC_ECDH_COFACTOR_MODE, &mode);
    CU_ASSERT_TRUE(EVP_PKEY_CTX_set_params(ctx, params) <= 0);
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(ours);
    ERR_clear_error();
}

static void a_copied_derivation_gives_the_same(void)
{
    EVP_PKEY *ours = token_key(&token.ec);
    EVP_PKEY *theirs = EVP_PKEY_Q_keygen(libctx, NULL, "EC", "P-256");
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(libctx, ours, NULL);
    EVP_PKEY_CTX *copy;
    unsigned char a[16] = {1};
    unsigned char b[16] = {2};
    size_t len = sizeof a;

    CU_ASSERT_TRUE(EVP_PKEY_derive_init(ctx) > 0);
    CU_ASSERT_TRUE(EVP_PKEY_CTX_set_ecdh_kdf_type(ctx, EVP_PKEY_ECDH_KDF_X9_63) > 0);
    CU_ASSERT_EQUAL(EVP_PKEY_CTX_get_ecdh_kdf_type(ctx), EVP_PKEY_ECDH_KDF_X9_63);
    CU_ASSERT_TRUE(EVP_PKEY_CTX_set_ecdh_kdf_md(ctx, EVP_sha256()) > 0);
    CU_ASSERT_TRUE(EVP_PKEY_CTX_set_ecdh_kdf_outlen(ctx, 16) > 0);
    CU_ASSERT_TRUE(EVP_PKEY_CTX_set0_ecdh_kdf_ukm(ctx, OPENSSL_memdup("ukm", 3), 3) > 0);
    CU_ASSERT_TRUE(
        EVP_PKEY_derive_set_peer(ctx, theirs) <= 0); /* it has a private half */
    EVP_PKEY_free(theirs);
    theirs = public_half(token.ec_spki, token.ec_spki_len);
    CU_ASSERT_TRUE(EVP_PKEY_derive_set_peer(ctx, theirs) > 0);
    copy = EVP_PKEY_CTX_dup(ctx);
    CU_ASSERT_PTR_NOT_NULL_FATAL(copy);
    CU_ASSERT_TRUE(EVP_PKEY_derive(ctx, a, &len) > 0);
    EVP_PKEY_CTX_free(ctx);
    len = sizeof b;
    CU_ASSERT_TRUE(EVP_PKEY_derive(copy, b, &len) > 0);
    CU_ASSERT_EQUAL(len, 16);
    CU_ASSERT_EQUAL(memcmp(a, b, 16), 0);
    EVP_PKEY_CTX_free(copy);
    EVP_PKEY_free(ours);
    EVP_PKEY_free(theirs);
}

/* ---- RSA-OAEP ---- */

/* libcrypto takes the label only when it is accepted. */
static bool set_label(EVP_PKEY_CTX *ctx, const char *label)
{
    char *copy = OPENSSL_strdup(label);

    if (EVP_PKEY_CTX_set0_rsa_oaep_label(ctx, copy, (int)strlen(label)) > 0)
        return true;
    OPENSSL_free(copy);
    return false;
}

static size_t encrypt(
    const EVP_MD *md, const EVP_MD *mgf1, const char *label, unsigned char out[256])
{
    EVP_PKEY *key = public_half(token.rsa_spki, token.rsa_spki_len);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(libctx, key, NULL);
    size_t len = 256;

    CU_ASSERT_TRUE(EVP_PKEY_encrypt_init(ctx) > 0 &&
                   EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) > 0 &&
                   EVP_PKEY_CTX_set_rsa_oaep_md(ctx, md) > 0 &&
                   EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, mgf1) > 0);
    if (label)
        CU_ASSERT_TRUE(set_label(ctx, label));
    CU_ASSERT_TRUE(
        EVP_PKEY_encrypt(ctx, out, &len, (const unsigned char *)"content key", 11) > 0);
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(key);
    return len;
}

static bool decrypts(const EVP_MD *md, const EVP_MD *mgf1, const char *label,
    const unsigned char *in, size_t in_len)
{
    EVP_PKEY *key = token_key(&token.rsa);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(libctx, key, NULL);
    unsigned char out[256];
    size_t len = 0;
    bool ok = EVP_PKEY_decrypt_init(ctx) > 0 &&
              EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) > 0 &&
              (!md || EVP_PKEY_CTX_set_rsa_oaep_md(ctx, md) > 0) &&
              (!mgf1 || EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, mgf1) > 0) &&
              (!label || set_label(ctx, label)) &&
              EVP_PKEY_decrypt(ctx, NULL, &len, in, in_len) > 0 && len == 256 &&
              EVP_PKEY_decrypt(ctx, out, &len, in, in_len) > 0 && len == 11 &&
              memcmp(out, "content key", 11) == 0;

    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(key);
    ERR_clear_error();
    return ok;
}

static void oaep_opens_what_software_encrypted(void)
{
    unsigned char in[256];
    int calls = token.oaep_calls;

    CU_ASSERT_EQUAL(encrypt(EVP_sha1(), EVP_sha1(), NULL, in), 256);
    CU_ASSERT_TRUE(decrypts(NULL, NULL, NULL, in, 256));
    CU_ASSERT_TRUE(decrypts(EVP_sha1(), EVP_sha1(), NULL, in, 256));
    CU_ASSERT_FALSE(decrypts(EVP_sha256(), EVP_sha256(), NULL, in, 256));
    CU_ASSERT_EQUAL(encrypt(EVP_sha256(), EVP_sha256(), NULL, in), 256);
    CU_ASSERT_TRUE(decrypts(EVP_sha256(), NULL, NULL, in, 256));
    CU_ASSERT_TRUE(decrypts(EVP_sha256(), EVP_sha256(), NULL, in, 256));
    CU_ASSERT_EQUAL(token.oaep_calls, calls + 5);
}

static void oaep_with_a_label_two_digests_or_another_digest_is_refused(void)
{
    unsigned char in[256];
    int calls = token.oaep_calls;

    CU_ASSERT_EQUAL(encrypt(EVP_sha256(), EVP_sha256(), "label", in), 256);
    CU_ASSERT_FALSE(decrypts(EVP_sha256(), EVP_sha256(), "label", in, 256));
    CU_ASSERT_EQUAL(encrypt(EVP_sha256(), EVP_sha1(), NULL, in), 256);
    CU_ASSERT_FALSE(decrypts(EVP_sha256(), EVP_sha1(), NULL, in, 256));
    CU_ASSERT_EQUAL(encrypt(EVP_sha512(), EVP_sha512(), NULL, in), 256);
    CU_ASSERT_FALSE(decrypts(EVP_sha512(), EVP_sha512(), NULL, in, 256));
    CU_ASSERT_FALSE(decrypts(EVP_sha256(), NULL, NULL, in, 255));
    CU_ASSERT_EQUAL(token.oaep_calls, calls);
}

/* libcrypto's own CMS does just this. */
static void a_caller_who_ignores_a_refusal_gets_nothing(void)
{
    EVP_PKEY *key = token_key(&token.rsa);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(libctx, key, NULL);
    unsigned char in[256];
    unsigned char out[256];
    size_t len = sizeof out;

    CU_ASSERT_EQUAL(encrypt(EVP_sha1(), EVP_sha1(), NULL, in), 256);
    CU_ASSERT_TRUE(EVP_PKEY_decrypt_init(ctx) > 0);
    CU_ASSERT_TRUE(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) > 0);
    CU_ASSERT_TRUE(EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, EVP_sha512()) <= 0);
    CU_ASSERT_TRUE(EVP_PKEY_decrypt(ctx, out, &len, in, sizeof in) <= 0);
    CU_ASSERT_TRUE(EVP_PKEY_decrypt_init(ctx) > 0); /* a new start forgets it */
    CU_ASSERT_TRUE(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) > 0);
    CU_ASSERT_TRUE(EVP_PKEY_decrypt(ctx, out, &len, in, sizeof in) > 0);
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(key);
    ERR_clear_error();
}

static void any_padding_but_oaep_is_refused(void)
{
    EVP_PKEY *key = token_key(&token.rsa);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(libctx, key, NULL);
    unsigned char in[256] = {0};
    unsigned char out[256];
    size_t len = sizeof out;
    int calls = token.oaep_calls;

    CU_ASSERT_TRUE(EVP_PKEY_decrypt_init(ctx) > 0);
    CU_ASSERT_TRUE(EVP_PKEY_decrypt(ctx, out, &len, in, sizeof in) <= 0);
    CU_ASSERT_TRUE(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) <= 0);
    CU_ASSERT_TRUE(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING) <= 0);
    CU_ASSERT_TRUE(EVP_PKEY_decrypt(ctx, out, &len, in, sizeof in) <= 0);
    CU_ASSERT_EQUAL(token.oaep_calls, calls);
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(key);
    ERR_clear_error();
}

/* ---- errors of the token ---- */

static void *look_for_error(void *arg)
{
    kh_provider_last_error(arg);
    return NULL;
}

static void an_error_of_the_token_is_kept_for_its_thread_and_read_once(void)
{
    EVP_PKEY *ours = token_key(&token.ec);
    EVP_PKEY *theirs = EVP_PKEY_Q_keygen(libctx, NULL, "EC", "P-256");
    struct kh_error elsewhere = {.status = KH_FATAL};
    pthread_t thread;
    unsigned char out[64];

    token.fail_with = KH_BUSY;
    CU_ASSERT_EQUAL(derive(ours, theirs, "SHA256", out), 0);
    token.fail_with = KH_OK;
    pthread_create(&thread, NULL, look_for_error, &elsewhere);
    pthread_join(thread, NULL);
    CU_ASSERT_EQUAL(elsewhere.status, KH_OK);
    CU_ASSERT_PTR_NOT_NULL(strstr(ERR_reason_error_string(ERR_peek_error()), "fail"));
    expect_token_error(KH_BUSY, "told to fail");
    expect_token_error(KH_OK, "");
    CU_ASSERT_EQUAL(derive(ours, theirs, "SHA256", out), 48);
    EVP_PKEY_free(ours);
    EVP_PKEY_free(theirs);
    ERR_clear_error();
}

static kh_status silent(void *arg, const struct kh_token_key *key,
    const unsigned char *peer, size_t peer_len, unsigned char secret[32],
    struct kh_error *err)
{
    (void)arg, (void)key, (void)peer, (void)peer_len, (void)secret, (void)err;
    return KH_UNAVAILABLE;
}

static void a_failure_without_a_reason_is_still_a_failure(void)
{
    struct kh_token_ops ops = token.ops;
    struct kh_provider *other = NULL;
    struct kh_error err = {0};
    EVP_PKEY *ours = NULL;
    EVP_PKEY *theirs;
    OSSL_LIB_CTX *saved = libctx;
    unsigned char out[64];

    ops.ecdh = silent;
    KH_ASSERT_OK_FATAL(kh_provider_new(&other, &ops, "default", "", &err), err);
    KH_ASSERT_OK_FATAL(kh_provider_key(other, &token.ec, &ours, &err), err);
    libctx = kh_provider_libctx(other);
    theirs = EVP_PKEY_Q_keygen(libctx, NULL, "EC", "P-256");
    CU_ASSERT_EQUAL(derive(ours, theirs, NULL, out), 0);
    expect_token_error(KH_UNAVAILABLE, "no reason");
    EVP_PKEY_free(ours);
    EVP_PKEY_free(theirs);
    kh_provider_free(other);
    libctx = saved;
    ERR_clear_error();
}

/* ---- two of them ---- */

static void two_providers_do_not_mix_their_tokens(void)
{
    struct backing second;
    struct kh_provider *other = NULL;
    struct kh_error err = {0};
    EVP_PKEY *theirs = EVP_PKEY_Q_keygen(libctx, NULL, "EC", "P-256");
    EVP_PKEY *key = NULL;
    unsigned char out[64];
    int calls = token.ecdh_calls;

    backing_software(&second);
    KH_ASSERT_OK_FATAL(kh_provider_new(&other, &second.ops, "default", "", &err), err);
    KH_ASSERT_OK_FATAL(kh_provider_key(other, &second.ec, &key, &err), err);
    CU_ASSERT_EQUAL(derive(key, theirs, NULL, out), 32);
    CU_ASSERT_EQUAL(second.ecdh_calls, 1);
    CU_ASSERT_EQUAL(token.ecdh_calls, calls);
    EVP_PKEY_free(key);
    EVP_PKEY_free(theirs);
    kh_provider_free(other);
    backing_software_free(&second);
}

static const struct kh_test tests[] = {
    {"ordinary keys are served by the default provider",
        ordinary_keys_are_served_by_the_default_provider},
    {"an ordinary private key is not taken in", an_ordinary_private_key_is_not_taken_in},
    {"an EC token key tells what it is and nothing private",
        an_ec_token_key_tells_what_it_is_and_nothing_private},
    {"an RSA token key tells its sizes and nothing private",
        an_rsa_token_key_tells_its_sizes_and_nothing_private},
    {"keys are equal when their ids are", keys_are_equal_when_their_ids_are},
    {"a key without an id or with a wild size is refused",
        a_key_without_an_id_or_with_a_wild_size_is_refused},
    {"ECDH on the token equals ECDH in software",
        ecdh_on_the_token_equals_ecdh_in_software},
    {"the X9.63 KDF equals the default provider's",
        the_x963_kdf_equals_the_default_provider_s},
    {"a peer may come as an encoded point, even a compressed one",
        a_peer_may_come_as_an_encoded_point_even_a_compressed_one},
    {"a point off the curve never reaches the token",
        a_point_off_the_curve_never_reaches_the_token},
    {"a peer on another curve is refused", a_peer_on_another_curve_is_refused},
    {"a derivation without a peer or with another KDF fails",
        a_derivation_without_a_peer_or_with_another_kdf_fails},
    {"a copied derivation gives the same", a_copied_derivation_gives_the_same},
    {"OAEP opens what software encrypted", oaep_opens_what_software_encrypted},
    {"OAEP with a label, two digests or another digest is refused",
        oaep_with_a_label_two_digests_or_another_digest_is_refused},
    {"a caller who ignores a refusal gets nothing",
        a_caller_who_ignores_a_refusal_gets_nothing},
    {"any padding but OAEP is refused", any_padding_but_oaep_is_refused},
    {"an error of the token is kept for its thread and read once",
        an_error_of_the_token_is_kept_for_its_thread_and_read_once},
    {"a failure without a reason is still a failure",
        a_failure_without_a_reason_is_still_a_failure},
    {"two providers do not mix their tokens", two_providers_do_not_mix_their_tokens},
};

int main(void)
{
    struct kh_error err = {0};
    int rc;

    backing_software(&token);
    if (kh_provider_new(&provider, &token.ops, "default", "", &err) != KH_OK) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    libctx = kh_provider_libctx(provider);
    rc = kh_test_main("provider", tests, sizeof tests / sizeof tests[0]);
    kh_provider_free(provider);
    backing_software_free(&token);
    return rc;
}
