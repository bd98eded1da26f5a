/* What each kind of named keys does, compared with software. */
#include "conformance/proof.h"
#include "plugins/pkcs11/parts.h"
#include "tests/unit/pkcs11/ring.h"

#include <string.h>

static void ecdsa_takes_a_digest_of_any_function(void)
{
    static const kh_key_kind kinds[] = {KH_KIND_EC_P256, KH_KIND_EC_P384};
    struct shop s;

    shop_make(&s, NULL);
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    for (unsigned i = 0; i < 2; i++) {
        struct kh_named_key key;
        char name[8];

        snprintf(name, sizeof name, "k%u", i);
        KH_ASSERT_OK(ring_make(&s, name, kinds[i], KH_KEY_SIGN, &key), s.err);
        for (kh_key_hash hash = KH_HASH_SHA1; hash <= KH_HASH_SHA512; hash++) {
            struct kh_key_use u = kh_proof_signing(KH_SCHEME_ECDSA, hash);

            CU_ASSERT(ring_signs(&s, name, &key, &u));
        }
    }
    shop_end(&s);
}

static void ed25519_signs_messages(void)
{
    static unsigned char message[KH_KEY_INPUT_MAX] = "a message";
    struct kh_key_use u = {.scheme = KH_SCHEME_ED25519, .input = message, .input_len = 1};
    struct shop s;
    struct kh_named_key key;

    shop_make(&s, NULL);
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    KH_ASSERT_OK_FATAL(ring_make(&s, "ed", KH_KIND_ED25519, KH_KEY_SIGN, &key), s.err);
    CU_ASSERT(ring_signs(&s, "ed", &key, &u));
    u.input_len = sizeof message;
    CU_ASSERT(ring_signs(&s, "ed", &key, &u));
    shop_reopen(&s);
    CU_ASSERT(ring_signs(&s, "ed", &key, &u));
    shop_end(&s);
}

static void a_derive_key_agrees(kh_key_kind kind)
{
    struct shop s;
    struct kh_named_key key;
    struct kh_proof_agreement a;
    struct kh_key_use u = {.scheme = KH_SCHEME_ECDH, .input = a.point};
    struct kh_buf out;

    shop_make(&s, NULL);
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    KH_ASSERT_OK_FATAL(ring_make(&s, "k", kind, KH_KEY_DERIVE, &key), s.err);
    for (int i = 0; i < 3; i++) {
        CU_ASSERT_FATAL(kh_proof_agree(&key, &a));
        u.input_len = a.point_len;
        KH_ASSERT_OK_FATAL(ring_use(&s, "k", &u, &out), s.err);
        CU_ASSERT_EQUAL(out.len, a.secret_len);
        CU_ASSERT_EQUAL(memcmp(out.data, a.secret, out.len), 0);
        ring_done(&s, &out);
        if (i == 1)
            shop_reopen(&s);
    }
    a.point[a.point_len - 1] ^= 1;
    KH_ASSERT_FAILS(ring_use(&s, "k", &u, &out), KH_INVALID, s.err, "not on the curve");
    u.input_len--;
    KH_ASSERT_FAILS(
        ring_use(&s, "k", &u, &out), KH_INVALID, s.err, "not an uncompressed");
    a.point[0] = 0x02;
    u.input_len = a.point_len;
    KH_ASSERT_FAILS(
        ring_use(&s, "k", &u, &out), KH_INVALID, s.err, "not an uncompressed");
    u = kh_proof_signing(KH_SCHEME_ECDSA, KH_HASH_SHA256);
    KH_ASSERT_FAILS(
        ring_use(&s, "k", &u, &out), KH_REFUSED, s.err, "'k' was not made to sign");
    shop_end(&s);
}

static void p256_agrees(void)
{
    a_derive_key_agrees(KH_KIND_EC_P256);
}

static void p384_agrees(void)
{
    a_derive_key_agrees(KH_KIND_EC_P384);
}

/* Every way in which RSA signs. */
static void rsa_signs(struct shop *s, const struct kh_named_key *key)
{
    struct kh_key_use u;
    struct kh_buf out;

    for (kh_key_hash hash = KH_HASH_NONE; hash <= KH_HASH_SHA512; hash++) {
        u = kh_proof_signing(KH_SCHEME_RSA_PKCS1, hash);
        CU_ASSERT(ring_signs(s, key->name, key, &u));
        if (hash == KH_HASH_NONE)
            continue;
        u = kh_proof_signing(KH_SCHEME_RSA_PSS, hash);
        CU_ASSERT(ring_signs(s, key->name, key, &u));
        u.salt_len = 0;
        CU_ASSERT(ring_signs(s, key->name, key, &u));
    }
    u = kh_proof_signing(KH_SCHEME_RSA_PSS, KH_HASH_SHA256);
    u.salt_len = 512;
    KH_ASSERT_FAILS(
        ring_use(s, key->name, &u, &out), KH_INVALID, s->err, "a salt of 512 bytes");
    u = kh_proof_signing(KH_SCHEME_RSA_PSS, KH_HASH_SHA256);
    u.mgf_hash = KH_HASH_SHA1;
    KH_ASSERT_FAILS(ring_use(s, key->name, &u, &out), KH_REFUSED, s->err,
        "does not do rsa-pss with sha256 and MGF1 of sha1");
}

static void rsa_decrypts(struct shop *s, const struct kh_named_key *key)
{
    unsigned char sealed[512];
    struct kh_key_use u = {.scheme = KH_SCHEME_RSA_OAEP,
        .hash = KH_HASH_SHA1,
        .mgf_hash = KH_HASH_SHA1,
        .input = sealed};
    struct kh_buf out;

    u.input_len = kh_proof_seal(key, KH_HASH_SHA1, "secret", sealed);
    KH_ASSERT_OK_FATAL(ring_use(s, key->name, &u, &out), s->err);
    CU_ASSERT(out.len == 6 && memcmp(out.data, "secret", 6) == 0);
    ring_done(s, &out);
    sealed[u.input_len / 2] ^= 1;
    for (int i = 0; i < 5; i++)
        KH_ASSERT_FAILS(ring_use(s, key->name, &u, &out), KH_INVALID, s->err,
            "the ciphertext does not open with this key");
    u.input_len--;
    KH_ASSERT_FAILS(
        ring_use(s, key->name, &u, &out), KH_INVALID, s->err, "a ciphertext for");
    /* SoftHSM has no other; its answer, in words. */
    u.input_len = kh_proof_seal(key, KH_HASH_SHA256, "secret", sealed);
    u.hash = u.mgf_hash = KH_HASH_SHA256;
    KH_ASSERT_FAILS(ring_use(s, key->name, &u, &out), KH_REFUSED, s->err,
        "does not do rsa-oaep with sha256 and MGF1 of sha256");
}

static void rsa_2048_signs_and_decrypts(void)
{
    struct kh_key_use u = kh_proof_signing(KH_SCHEME_RSA_PKCS1, KH_HASH_NONE);
    unsigned char long_input[246] = {0};
    struct shop s;
    struct kh_named_key both;
    struct kh_named_key only;
    struct kh_buf out;

    shop_make(&s, NULL);
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    KH_ASSERT_OK_FATAL(
        ring_make(&s, "both", KH_KIND_RSA_2048, KH_KEY_SIGN | KH_KEY_DECRYPT, &both),
        s.err);
    KH_ASSERT_OK_FATAL(
        ring_make(&s, "only", KH_KIND_RSA_2048, KH_KEY_DECRYPT, &only), s.err);
    rsa_signs(&s, &both);
    rsa_decrypts(&s, &both);
    shop_reopen(&s);
    rsa_decrypts(&s, &only);
    rsa_signs(&s, &both);
    KH_ASSERT_FAILS(
        ring_use(&s, "only", &u, &out), KH_REFUSED, s.err, "'only' was not made to sign");
    u.input = long_input;
    u.input_len = 245;
    CU_ASSERT(ring_signs(&s, "both", &both, &u));
    u.input_len = 246;
    KH_ASSERT_FAILS(ring_use(&s, "both", &u, &out), KH_INVALID, s.err, "signs 245");
    /* So many bad ciphertexts were no reason to doubt the token. */
    CU_ASSERT_EQUAL(atomic_load(&s.store->token->doubts), 0);
    shop_end(&s);
}

static void longer_rsa_keys_sign_and_decrypt(void)
{
    static const kh_key_kind kinds[] = {KH_KIND_RSA_3072, KH_KIND_RSA_4096};
    struct shop s;

    shop_make(&s, NULL);
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    for (unsigned i = 0; i < 2; i++) {
        struct kh_named_key key;
        char name[8];

        snprintf(name, sizeof name, "k%u", i);
        KH_ASSERT_OK_FATAL(
            ring_make(&s, name, kinds[i], KH_KEY_SIGN | KH_KEY_DECRYPT, &key), s.err);
        rsa_signs(&s, &key);
        rsa_decrypts(&s, &key);
    }
    shop_end(&s);
}

static void aes_wraps_and_unwraps(void)
{
    static const size_t sizes[] = {16, 24, 32, 48, 64};
    unsigned char secret[64];
    struct shop s;
    struct kh_named_key key;

    memset(secret, 0x5a, sizeof secret);
    shop_make(&s, NULL);
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    KH_ASSERT_OK(ring_make(&s, "kek", KH_KIND_AES_256, KH_KEY_WRAP, &key), s.err);
    CU_ASSERT_EQUAL(key.public_len, 0);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            struct kh_key_use u = {
                .scheme = KH_SCHEME_AES_WRAP, .input = secret, .input_len = sizes[i]};
            struct kh_buf wrapped;
            struct kh_buf opened;

            KH_ASSERT_OK(ring_use(&s, "kek", &u, &wrapped), s.err);
            CU_ASSERT_EQUAL(wrapped.len, sizes[i] + 8);
            u = (struct kh_key_use){.scheme = KH_SCHEME_AES_UNWRAP,
                .input = wrapped.data,
                .input_len = wrapped.len};
            KH_ASSERT_OK(ring_use(&s, "kek", &u, &opened), s.err);
            CU_ASSERT_EQUAL(opened.len, sizes[i]);
            CU_ASSERT_EQUAL(memcmp(opened.data, secret, sizes[i]), 0);
            ring_done(&s, &opened);
            wrapped.data[3] ^= 1;
            KH_ASSERT_FAILS(ring_use(&s, "kek", &u, &opened), KH_INVALID, s.err,
                "'kek': what was to be unwrapped was not wrapped by this key");
            CU_ASSERT_PTR_NULL(opened.data);
            ring_done(&s, &wrapped);
        }
        shop_reopen(&s);
    }
    shop_end(&s);
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"ecdsa_takes_a_digest_of_any_function", ecdsa_takes_a_digest_of_any_function},
        {"ed25519_signs_messages", ed25519_signs_messages},
        {"p256_agrees", p256_agrees},
        {"p384_agrees", p384_agrees},
        {"rsa_2048_signs_and_decrypts", rsa_2048_signs_and_decrypts},
        {"longer_rsa_keys_sign_and_decrypt", longer_rsa_keys_sign_and_decrypt},
        {"aes_wraps_and_unwraps", aes_wraps_and_unwraps},
    };
    return kh_test_main("pkcs11/named_use", tests, sizeof tests / sizeof tests[0]);
}
