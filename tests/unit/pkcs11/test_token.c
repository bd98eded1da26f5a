/* The token through its face, on a real SoftHSM token. */
#include "tests/unit/pkcs11/rig.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

static void a_key_is_made_used_attested_and_destroyed(void)
{
    struct rig rig;
    struct kh_public_half half;
    struct kh_key_id id = rig_id(1);
    char label[64] = "";
    unsigned complete;

    rig_make(&rig);
    KH_ASSERT_OK_FATAL(rig_open(&rig), rig.err);
    KH_ASSERT_OK_FATAL(rig_generate(&rig, 1, &half), rig.err);
    CU_ASSERT_TRUE(rig_agrees(&rig, 1, &half));
    KH_ASSERT_OK(
        kh_token_key_attest(rig.token, &id, label, sizeof label, &rig.err), rig.err);
    CU_ASSERT_STRING_EQUAL(label, "deposit-1");
    CU_ASSERT_EQUAL(rig_count(&rig, &complete), 1);
    CU_ASSERT_EQUAL(complete, 1);
    KH_ASSERT_OK(kh_token_key_destroy(rig.token, &id, &rig.err), rig.err);
    KH_ASSERT_FAILS(kh_token_key_attest(rig.token, &id, NULL, 0, &rig.err), KH_NOT_FOUND,
        rig.err, "not on token 'lab'");
    KH_ASSERT_FAILS(rig_ecdh(&rig, 1, &rig.err), KH_CORRUPT, rig.err, "revoked");
    KH_ASSERT_OK(kh_token_key_destroy(rig.token, &id, &rig.err), rig.err);
    free(half.spki);
    rig_end(&rig);
}

static void keys_outlive_the_process_that_made_them(void)
{
    struct rig rig;
    struct kh_public_half half;

    rig_make(&rig);
    KH_ASSERT_OK_FATAL(rig_open(&rig), rig.err);
    KH_ASSERT_OK_FATAL(rig_generate(&rig, 7, &half), rig.err);
    rig_close(&rig);
    KH_ASSERT_OK_FATAL(rig_open(&rig), rig.err);
    CU_ASSERT_TRUE(rig_agrees(&rig, 7, &half)); /* found by a search */
    rig_close(&rig);
    KH_ASSERT_OK_FATAL(rig_open(&rig), rig.err);
    CU_ASSERT_EQUAL(rig_count(&rig, NULL), 1);
    CU_ASSERT_TRUE(rig_agrees(&rig, 7, &half)); /* found by the pass */
    free(half.spki);
    rig_end(&rig);
}

static void the_facts_name_the_token_and_the_profile(void)
{
    struct rig rig;
    struct kh_token_facts facts;

    rig_make(&rig);
    KH_ASSERT_OK_FATAL(rig_open(&rig), rig.err);
    kh_token_facts(rig.token, &facts);
    CU_ASSERT_STRING_EQUAL(facts.label, "lab");
    CU_ASSERT_EQUAL(strlen(facts.serial), 16);
    CU_ASSERT_PTR_NOT_NULL(strstr(facts.manufacturer, "SoftHSM"));
    CU_ASSERT_STRING_EQUAL(facts.profile, "ecdh-p256");
    CU_ASSERT_EQUAL(facts.key_type, KH_KEY_EC_P256);
    CU_ASSERT_EQUAL(facts.key_bits, 256);
    rig_end(&rig);
}

/* OAEP in software with the public half, opened by the token. */
static void rsa(const char *key_type, unsigned bits)
{
    struct rig rig;
    struct kh_token_facts facts;
    struct kh_token_ops ops;
    struct kh_token_key key = {.id = rig_id(1), .type = KH_KEY_RSA, .bits = bits};
    struct kh_public_half half;
    const unsigned char *at;
    unsigned char secret[32] = "a content-encryption key, 32 b.";
    unsigned char sealed[512];
    unsigned char opened[512];
    size_t sealed_len = sizeof sealed;
    size_t opened_len = 0;
    char text[40];
    EVP_PKEY *pkey;
    EVP_PKEY_CTX *ctx;

    rig_make(&rig);
    snprintf(text, sizeof text, "key_type=%s", key_type);
    rig_set(&rig, text);
    rig_host(&rig);
    KH_ASSERT_OK_FATAL(rig_open(&rig), rig.err);
    kh_token_facts(rig.token, &facts);
    CU_ASSERT_STRING_EQUAL(facts.profile, "rsa-oaep-sha1");
    CU_ASSERT_EQUAL(facts.key_bits, bits);
    KH_ASSERT_OK_FATAL(rig_generate(&rig, 1, &half), rig.err);
    at = half.spki;
    pkey = d2i_PUBKEY(NULL, &at, (long)half.spki_len);
    CU_ASSERT_PTR_NOT_NULL_FATAL(pkey);
    CU_ASSERT_EQUAL(EVP_PKEY_get_bits(pkey), (int)bits);
    ctx = EVP_PKEY_CTX_new(pkey, NULL);
    CU_ASSERT_TRUE(EVP_PKEY_encrypt_init(ctx) > 0 &&
                   EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) > 0 &&
                   EVP_PKEY_encrypt(ctx, sealed, &sealed_len, secret, sizeof secret) > 0);
    kh_token_ops(rig.token, &ops);
    KH_ASSERT_OK(ops.oaep_decrypt(ops.token, &key, KH_OAEP_SHA1, sealed, sealed_len,
                     opened, &opened_len, &rig.err),
        rig.err);
    CU_ASSERT_EQUAL(opened_len, sizeof secret);
    CU_ASSERT_EQUAL(memcmp(opened, secret, sizeof secret), 0);
    sealed[sealed_len - 1] ^= 1;
    CU_ASSERT_NOT_EQUAL(ops.oaep_decrypt(ops.token, &key, KH_OAEP_SHA1, sealed,
                            sealed_len, opened, &opened_len, &rig.err),
        KH_OK);
    KH_ASSERT_FAILS(ops.oaep_decrypt(ops.token, &key, KH_OAEP_SHA1, sealed, 100, opened,
                        &opened_len, &rig.err),
        KH_CORRUPT, rig.err, "100 bytes");
    KH_ASSERT_OK(kh_token_probe(rig.token, &rig.err), rig.err);
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(pkey);
    free(half.spki);
    rig_end(&rig);
}

static void an_rsa_key_opens_what_its_public_half_sealed(void)
{
    rsa("rsa-2048", 2048);
    rsa("rsa-3072", 3072);
}

static void an_id_is_made_once(void)
{
    struct rig rig;
    struct kh_public_half half;
    struct kh_public_half again;

    rig_make(&rig);
    KH_ASSERT_OK_FATAL(rig_open(&rig), rig.err);
    KH_ASSERT_OK_FATAL(rig_generate(&rig, 1, &half), rig.err);
    KH_ASSERT_FAILS(rig_generate(&rig, 1, &again), KH_EXISTS, rig.err, "already");
    rig_close(&rig);
    KH_ASSERT_OK_FATAL(rig_open(&rig), rig.err); /* found by a search now */
    KH_ASSERT_FAILS(rig_generate(&rig, 1, &again), KH_EXISTS, rig.err, "already");
    CU_ASSERT_TRUE(rig_agrees(&rig, 1, &half));
    free(half.spki);
    rig_end(&rig);
}

static void an_id_without_bytes_is_invalid(void)
{
    struct rig rig;
    struct kh_public_half half = {0};
    struct kh_key_id id = {.len = 0};

    rig_make(&rig);
    KH_ASSERT_OK_FATAL(rig_open(&rig), rig.err);
    KH_ASSERT_FAILS(kh_token_key_generate(rig.token, &id, "x", &half, &rig.err),
        KH_INVALID, rig.err, "1 to 32");
    KH_ASSERT_FAILS(
        kh_token_key_destroy(rig.token, &id, &rig.err), KH_INVALID, rig.err, "1 to 32");
    rig_end(&rig);
}

static void keys_of_others_are_seen_and_left_alone(void)
{
    struct rig rig;
    struct kh_public_half half;
    unsigned complete;
    size_t swept;

    rig_make(&rig);
    CU_ASSERT_EQUAL(
        rig_tool(&rig, "--keypairgen --key-type EC:prime256v1 --label other"), 0);
    CU_ASSERT_EQUAL(
        rig_tool(&rig, "--keypairgen --key-type EC:prime256v1 --label third --id 0102"),
        0);
    KH_ASSERT_OK_FATAL(rig_open(&rig), rig.err);
    KH_ASSERT_OK_FATAL(rig_generate(&rig, 1, &half), rig.err);
    CU_ASSERT_EQUAL(rig_count(&rig, &complete), 3); /* public keys are not listed */
    CU_ASSERT_EQUAL(complete, 3);
    KH_ASSERT_OK(kh_token_sweep_debris(rig.token, &swept, &rig.err), rig.err);
    CU_ASSERT_EQUAL(swept, 0);
    rig_close(&rig);
    CU_ASSERT_EQUAL(
        rig_tool(&rig, "--read-object --type pubkey --label other -o /dev/null"), 0);
    CU_ASSERT_EQUAL(
        rig_tool(&rig, "--read-object --type pubkey --id 0102 -o /dev/null"), 0);
    free(half.spki);
    rig_end(&rig);
}

static void a_key_without_sensitivity_is_never_used(void)
{
    struct rig rig;
    struct kh_key_id id = {.len = 2, .bytes = {0x01, 0x02}};
    struct kh_token_key key = {.id = id, .type = KH_KEY_EC_P256, .bits = 256};
    struct kh_token_ops ops;
    unsigned char point[65] = {0x04};
    unsigned char secret[32];

    rig_make(&rig);
    CU_ASSERT_EQUAL(rig_tool(&rig, "--keypairgen --key-type EC:prime256v1 --label soft "
                                   "--extractable --id 0102"),
        0);
    KH_ASSERT_OK_FATAL(rig_open(&rig), rig.err);
    KH_ASSERT_FAILS(kh_token_key_attest(rig.token, &id, NULL, 0, &rig.err), KH_CORRUPT,
        rig.err, "extractable");
    kh_token_ops(rig.token, &ops);
    KH_ASSERT_FAILS(ops.ecdh(ops.token, &key, point, sizeof point, secret, &rig.err),
        KH_CORRUPT, rig.err, "not used");
    rig_end(&rig);
}

static void two_keys_with_one_id_are_both_refused(void)
{
    struct rig rig;
    struct kh_key_id id = {.len = 2, .bytes = {0x01, 0x02}};

    rig_make(&rig);
    for (int i = 0; i < 2; i++)
        CU_ASSERT_EQUAL(
            rig_tool(&rig, "--keypairgen --key-type EC:prime256v1 --label x --id 0102"),
            0);
    KH_ASSERT_OK_FATAL(rig_open(&rig), rig.err);
    KH_ASSERT_FAILS(kh_token_key_attest(rig.token, &id, NULL, 0, &rig.err), KH_CORRUPT,
        rig.err, "2 private keys");
    CU_ASSERT_EQUAL(rig_count(&rig, NULL), 2);
    KH_ASSERT_FAILS(kh_token_key_attest(rig.token, &id, NULL, 0, &rig.err), KH_CORRUPT,
        rig.err, "2 private keys");
    rig_end(&rig);
}

static kh_status stop_at_once(
    void *arg, const struct kh_token_object *object, struct kh_error *err)
{
    (void)object;
    ++*(unsigned *)arg;
    return kh_fail(err, KH_BUSY, "enough");
}

static void each_ends_with_the_status_of_its_function(void)
{
    struct rig rig;
    struct kh_public_half half;
    unsigned calls = 0;

    rig_make(&rig);
    KH_ASSERT_OK_FATAL(rig_open(&rig), rig.err);
    for (unsigned i = 0; i < 3; i++) {
        KH_ASSERT_OK(rig_generate(&rig, i, &half), rig.err);
        free(half.spki);
    }
    KH_ASSERT_FAILS(kh_token_key_each(rig.token, stop_at_once, &calls, &rig.err), KH_BUSY,
        rig.err, "enough");
    CU_ASSERT_EQUAL(calls, 1);
    rig_end(&rig);
}

static void random_bytes_come_from_the_token(void)
{
    struct rig rig;
    struct kh_token_ops ops;
    unsigned char a[48] = {0};
    unsigned char b[48] = {0};

    rig_make(&rig);
    KH_ASSERT_OK_FATAL(rig_open(&rig), rig.err);
    kh_token_ops(rig.token, &ops);
    KH_ASSERT_OK(ops.random(ops.token, a, sizeof a, &rig.err), rig.err);
    KH_ASSERT_OK(ops.random(ops.token, b, sizeof b, &rig.err), rig.err);
    CU_ASSERT_NOT_EQUAL(memcmp(a, b, sizeof a), 0);
    rig_end(&rig);
}

static void options_out_of_range_are_invalid(void)
{
    struct rig rig;

    rig_make(&rig);
    rig_set(&rig, "sessions=0");
    rig_host(&rig);
    KH_ASSERT_FAILS(rig_open(&rig), KH_INVALID, rig.err, "sessions");
    rig_set(&rig, "sessions=257");
    rig_host(&rig);
    KH_ASSERT_FAILS(rig_open(&rig), KH_INVALID, rig.err, "sessions");
    rig_set(&rig, "sessions=1");
    rig_set(&rig, "call_deadline=0");
    rig_host(&rig);
    KH_ASSERT_FAILS(rig_open(&rig), KH_INVALID, rig.err, "call_deadline");
    rig_set(&rig, "call_deadline=5");
    rig_host(&rig);
    KH_ASSERT_OK_FATAL(rig_open(&rig), rig.err); /* one session is enough */
    CU_ASSERT_EQUAL(rig_count(&rig, NULL), 0);
    rig_end(&rig);
    kh_token_close(NULL);
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"a_key_is_made_used_attested_and_destroyed",
            a_key_is_made_used_attested_and_destroyed},
        {"keys_outlive_the_process_that_made_them",
            keys_outlive_the_process_that_made_them},
        {"an_rsa_key_opens_what_its_public_half_sealed",
            an_rsa_key_opens_what_its_public_half_sealed},
        {"an_id_is_made_once", an_id_is_made_once},
        {"an_id_without_bytes_is_invalid", an_id_without_bytes_is_invalid},
        {"keys_of_others_are_seen_and_left_alone",
            keys_of_others_are_seen_and_left_alone},
        {"a_key_without_sensitivity_is_never_used",
            a_key_without_sensitivity_is_never_used},
        {"two_keys_with_one_id_are_both_refused", two_keys_with_one_id_are_both_refused},
        {"each_ends_with_the_status_of_its_function",
            each_ends_with_the_status_of_its_function},
        {"random_bytes_come_from_the_token", random_bytes_come_from_the_token},
        {"options_out_of_range_are_invalid", options_out_of_range_are_invalid},
        {"the_facts_name_the_token_and_the_profile",
            the_facts_name_the_token_and_the_profile},
    };

    return kh_test_main("pkcs11.token", tests, sizeof tests / sizeof tests[0]);
}
