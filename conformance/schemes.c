/* What named keys do, compared with software. A kind that the device has not is refused
 * in words; then there is nothing to compare. */
#include "conformance/keys.h"
#include "conformance/proof.h"
#include "core/backend_key.h"
#include "core/secmem.h"

#include <keyhsm/key_words.h>
#include <pthread.h>

static kh_status use_key(const char *name, const struct kh_key_use *use,
    struct kh_buf *out, struct kh_error *err)
{
    return kh_backend_key_use(kh_contract_backend(), name, use, out, err);
}

/* NAME signs as USE says. A scheme with functions that the device has not may be refused
 * in words: then false. */
static bool signs(const struct kh_named_key *key, const struct kh_key_use *use)
{
    KH_CLEANUP_BUF struct kh_buf out = {0};
    struct kh_error err = {0};
    kh_status st = use_key(key->name, use, &out, &err);

    if (st == KH_REFUSED) {
        CU_ASSERT(err.message[0] != '\0');
        return false;
    }
    KH_ASSERT_OK(st, err);
    CU_ASSERT_TRUE(kh_proof_verifies(key, use, &out));
    return true;
}

/* The digest of another length, none, and too long: the core says so; an input of no
 * bytes. */
static void check_bad_digests(const struct kh_named_key *key, kh_key_scheme scheme)
{
    static unsigned char long_input[KH_KEY_INPUT_MAX + 1];
    struct kh_key_use use = kh_proof_signing(scheme, KH_HASH_SHA256);
    KH_CLEANUP_BUF struct kh_buf out = {0};
    struct kh_error err = {0};

    use.input_len = 31;
    KH_ASSERT_FAILS(
        use_key(key->name, &use, &out, &err), KH_INVALID, err, "32 bytes, not 31");
    use.input_len = 0;
    CU_ASSERT_EQUAL(use_key(key->name, &use, &out, &err), KH_INVALID);
    use.input = long_input;
    use.input_len = sizeof long_input;
    CU_ASSERT_EQUAL(use_key(key->name, &use, &out, &err), KH_INVALID);
    CU_ASSERT_TRUE(kh_contract_is_zero(&out, sizeof out));
}

static void ecdsa_signatures_verify(void)
{
    static const kh_key_kind kinds[] = {KH_KIND_EC_P256, KH_KIND_EC_P384};

    for (unsigned i = 0; i < 2; i++) {
        struct kh_named_key key;

        if (kh_contract_key_make(
                kh_contract_name("ecdsa"), kinds[i], KH_KEY_SIGN, &key) != KH_OK)
            continue;
        CU_ASSERT_TRUE(kh_proof_fits(&key));
        for (kh_key_hash hash = KH_HASH_SHA1; hash <= KH_HASH_SHA512; hash++) {
            struct kh_key_use use = kh_proof_signing(KH_SCHEME_ECDSA, hash);

            CU_ASSERT_TRUE(signs(&key, &use));
        }
        check_bad_digests(&key, KH_SCHEME_ECDSA);
    }
}

static void ed25519_signatures_verify(void)
{
    static const unsigned char message[KH_KEY_INPUT_MAX] = "m";
    struct kh_key_use use = {
        .scheme = KH_SCHEME_ED25519, .input = message, .input_len = 1};
    struct kh_named_key key;

    if (kh_contract_key_make(
            kh_contract_name("ed25519"), KH_KIND_ED25519, KH_KEY_SIGN, &key) != KH_OK)
        return;
    CU_ASSERT_TRUE(kh_proof_fits(&key));
    CU_ASSERT_TRUE(signs(&key, &use));
    use.input_len = sizeof message;
    CU_ASSERT_TRUE(signs(&key, &use));
}

static void check_rsa_signatures(const struct kh_named_key *key)
{
    unsigned pss = 0;

    for (kh_key_hash hash = KH_HASH_NONE; hash <= KH_HASH_SHA512; hash++) {
        struct kh_key_use use = kh_proof_signing(KH_SCHEME_RSA_PKCS1, hash);

        CU_ASSERT_TRUE(signs(key, &use));
        if (hash == KH_HASH_NONE)
            continue;
        use = kh_proof_signing(KH_SCHEME_RSA_PSS, hash);
        pss += signs(key, &use);
    }
    CU_ASSERT(pss > 0);
    check_bad_digests(key, KH_SCHEME_RSA_PKCS1);
    check_bad_digests(key, KH_SCHEME_RSA_PSS);
}

static kh_status decrypt(
    const struct kh_named_key *key, kh_key_hash hash, bool damaged, struct kh_error *err)
{
    unsigned char sealed[512];
    KH_CLEANUP_BUF struct kh_buf out = {0};
    struct kh_key_use use = {
        .scheme = KH_SCHEME_RSA_OAEP, .hash = hash, .mgf_hash = hash, .input = sealed};
    kh_status st;

    use.input_len = kh_proof_seal(key, hash, "the text", sealed);
    CU_ASSERT_FATAL(use.input_len > 0);
    sealed[use.input_len / 2] ^= damaged;
    st = use_key(key->name, &use, &out, err);
    if (st == KH_OK)
        CU_ASSERT(!damaged && out.len == 8 && memcmp(out.data, "the text", 8) == 0);
    return st;
}

static void check_rsa_decryption(const struct kh_named_key *key)
{
    struct kh_error err = {0};
    unsigned can = 0;

    for (kh_key_hash hash = KH_HASH_SHA1; hash <= KH_HASH_SHA512; hash++) {
        kh_status st = decrypt(key, hash, false, &err);

        CU_ASSERT(st == KH_OK || (st == KH_REFUSED && err.message[0] != '\0'));
        if (st == KH_OK)
            KH_ASSERT_FAILS(decrypt(key, hash, true, &err), KH_INVALID, err, key->name);
        can += st == KH_OK;
    }
    CU_ASSERT(can > 0);
}

static void rsa_keys_sign_and_decrypt(void)
{
    struct kh_named_key key;

    if (kh_contract_key_make(kh_contract_name("rsa"), KH_KIND_RSA_2048,
            KH_KEY_SIGN | KH_KEY_DECRYPT, &key) != KH_OK)
        return;
    CU_ASSERT_TRUE(kh_proof_fits(&key));
    check_rsa_signatures(&key);
    check_rsa_decryption(&key);
}

static void longer_rsa_keys_are_what_they_say(void)
{
    static const kh_key_kind kinds[] = {KH_KIND_RSA_3072, KH_KIND_RSA_4096};

    for (unsigned i = 0; i < 2; i++) {
        struct kh_key_use use = kh_proof_signing(KH_SCHEME_RSA_PKCS1, KH_HASH_SHA512);
        struct kh_named_key key;

        if (kh_contract_key_make(
                kh_contract_name("longrsa"), kinds[i], KH_KEY_SIGN, &key) != KH_OK)
            continue;
        CU_ASSERT_TRUE(kh_proof_fits(&key));
        CU_ASSERT_TRUE(signs(&key, &use));
    }
}

static void check_agreement(const struct kh_named_key *key)
{
    struct kh_proof_agreement a;
    KH_CLEANUP_BUF struct kh_buf out = {0};
    struct kh_key_use use = {.scheme = KH_SCHEME_ECDH, .input = a.point};
    struct kh_error err = {0};

    CU_ASSERT_TRUE_FATAL(kh_proof_agree(key, &a));
    use.input_len = a.point_len;
    KH_ASSERT_OK_FATAL(use_key(key->name, &use, &out, &err), err);
    CU_ASSERT(out.len == a.secret_len && memcmp(out.data, a.secret, out.len) == 0);
    kh_buf_free(&out);
    a.point[a.point_len - 1] ^= 1; /* not on the curve */
    KH_ASSERT_FAILS(use_key(key->name, &use, &out, &err), KH_INVALID, err, key->name);
    a.point[a.point_len - 1] ^= 1;
    use.input_len--;
    KH_ASSERT_FAILS(use_key(key->name, &use, &out, &err), KH_INVALID, err, key->name);
}

static void ecdh_agrees(void)
{
    static const kh_key_kind kinds[] = {KH_KIND_EC_P256, KH_KIND_EC_P384};

    for (unsigned i = 0; i < 2; i++) {
        struct kh_named_key key;

        if (kh_contract_key_make(
                kh_contract_name("ecdh"), kinds[i], KH_KEY_DERIVE, &key) != KH_OK)
            continue;
        CU_ASSERT_TRUE(kh_proof_fits(&key));
        check_agreement(&key);
    }
}

static void aes_wraps_and_unwraps(void)
{
    struct kh_named_key key;
    struct kh_error err = {0};

    if (kh_contract_key_make(
            kh_contract_name("aes"), KH_KIND_AES_256, KH_KEY_WRAP, &key) != KH_OK)
        return;
    CU_ASSERT_TRUE(kh_proof_fits(&key));
    for (size_t len = 16; len <= 64; len += 8) {
        KH_CLEANUP_BUF struct kh_buf wrapped = {0};
        KH_CLEANUP_BUF struct kh_buf opened = {0};
        struct kh_key_use use = kh_proof_signing(KH_SCHEME_AES_WRAP, KH_HASH_NONE);
        const unsigned char *secret = use.input;

        use.input_len = len;
        KH_ASSERT_OK_FATAL(use_key(key.name, &use, &wrapped, &err), err);
        CU_ASSERT_EQUAL_FATAL(wrapped.len, len + 8);
        use.scheme = KH_SCHEME_AES_UNWRAP;
        use.input = wrapped.data;
        use.input_len = wrapped.len;
        KH_ASSERT_OK_FATAL(use_key(key.name, &use, &opened, &err), err);
        CU_ASSERT(opened.len == len && memcmp(opened.data, secret, len) == 0);
        kh_buf_free(&opened);
        wrapped.data[len / 2] ^= 1;
        KH_ASSERT_FAILS(
            use_key(key.name, &use, &opened, &err), KH_INVALID, err, key.name);
        CU_ASSERT_TRUE(kh_contract_is_zero(&opened, sizeof opened));
    }
}

/* KEY must refuse SCHEME, whatever it is given. */
static void check_refuses(const struct kh_named_key *key, kh_key_scheme scheme)
{
    bool hashed = scheme != KH_SCHEME_ECDH && scheme != KH_SCHEME_ED25519;
    struct kh_key_use use =
        kh_proof_signing(scheme, hashed ? KH_HASH_SHA256 : KH_HASH_NONE);
    KH_CLEANUP_BUF struct kh_buf out = {0};
    struct kh_error err = {0};

    KH_ASSERT_FAILS(use_key(key->name, &use, &out, &err), KH_REFUSED, err, key->name);
    CU_ASSERT_TRUE(kh_contract_is_zero(&out, sizeof out));
}

static void a_key_does_only_what_it_was_made_for(void)
{
    static const struct {
        kh_key_kind kind;
        uint32_t purposes;
        kh_key_scheme not_one;
        kh_key_scheme nor_this;
    } wishes[] = {
        {KH_KIND_EC_P256, KH_KEY_SIGN, KH_SCHEME_ECDH, KH_SCHEME_RSA_PKCS1},
        {KH_KIND_EC_P256, KH_KEY_DERIVE, KH_SCHEME_ECDSA, KH_SCHEME_ED25519},
        {KH_KIND_RSA_2048, KH_KEY_SIGN, KH_SCHEME_RSA_OAEP, KH_SCHEME_ECDSA},
        {KH_KIND_RSA_2048, KH_KEY_DECRYPT, KH_SCHEME_RSA_PKCS1, KH_SCHEME_RSA_PSS},
        {KH_KIND_AES_256, KH_KEY_WRAP, KH_SCHEME_ECDSA, KH_SCHEME_RSA_OAEP},
    };

    for (size_t i = 0; i < sizeof wishes / sizeof wishes[0]; i++) {
        struct kh_named_key key;

        if (kh_contract_key_make(kh_contract_name("purpose"), wishes[i].kind,
                wishes[i].purposes, &key) != KH_OK)
            continue;
        check_refuses(&key, wishes[i].not_one);
        check_refuses(&key, wishes[i].nor_this);
    }
}

struct signer {
    const struct kh_named_key *key;
    kh_status status;
    bool verified;
};

static void *sign_often(void *arg)
{
    struct signer *s = arg;
    struct kh_key_use use = kh_proof_signing(KH_SCHEME_ECDSA, KH_HASH_SHA256);

    s->verified = true;
    for (int i = 0; i < 20 && s->status == KH_OK; i++) {
        struct kh_buf out = {0};
        struct kh_error err = {0};

        s->status = use_key(s->key->name, &use, &out, &err);
        s->verified = s->verified && kh_proof_verifies(s->key, &use, &out);
        kh_buf_free(&out);
    }
    return NULL;
}

static void one_key_signs_for_many_threads(void)
{
    struct signer signers[8];
    pthread_t threads[8];
    struct kh_named_key key;

    if (kh_contract_key_make(
            kh_contract_name("threads"), KH_KIND_EC_P256, KH_KEY_SIGN, &key) != KH_OK)
        return;
    for (unsigned i = 0; i < 8; i++) {
        signers[i] = (struct signer){&key, KH_OK, false};
        CU_ASSERT_EQUAL_FATAL(
            pthread_create(&threads[i], NULL, sign_often, &signers[i]), 0);
    }
    for (unsigned i = 0; i < 8; i++) {
        pthread_join(threads[i], NULL);
        CU_ASSERT_EQUAL(signers[i].status, KH_OK);
        CU_ASSERT_TRUE(signers[i].verified);
    }
}

struct kh_contract_group kh_contract_schemes(void)
{
    static const struct kh_test tests[] = {
        {"ecdsa_signatures_verify", ecdsa_signatures_verify},
        {"ed25519_signatures_verify", ed25519_signatures_verify},
        {"rsa_keys_sign_and_decrypt", rsa_keys_sign_and_decrypt},
        {"longer_rsa_keys_are_what_they_say", longer_rsa_keys_are_what_they_say},
        {"ecdh_agrees", ecdh_agrees},
        {"aes_wraps_and_unwraps", aes_wraps_and_unwraps},
        {"a_key_does_only_what_it_was_made_for", a_key_does_only_what_it_was_made_for},
        {"one_key_signs_for_many_threads", one_key_signs_for_many_threads},
    };

    return (struct kh_contract_group){KH_CAP_READ | KH_CAP_WRITE, tests,
        kh_backend_has_keys(kh_contract_backend()) ? sizeof tests / sizeof tests[0] : 0};
}
