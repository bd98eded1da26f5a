/* Envelopes that are not what we sealed. */
#include "plugins/pkcs11/envelope.h"

#include "core/secmem.h"
#include "plugins/pkcs11/envelope_check.h"
#include "tests/unit/provider/envelope_fixture.h"

#include <openssl/bio.h>
#include <openssl/cms.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#define LEN 400 /* long enough for every outer length to take two bytes */

static void expect_corrupt(
    const char *profile, const unsigned char *der, size_t len, const char *word)
{
    struct kh_error err = {0};

    KH_ASSERT_FAILS(
        fixture_open_equal(profile, der, len, LEN, &err), KH_CORRUPT, err, word);
}

/* No bit is without meaning: whatever changes, the envelope does not open. */
static size_t opened_in_spite(const char *profile, unsigned char mask)
{
    size_t len;
    unsigned char *der = fixture_seal(profile, LEN, &len);
    size_t opened = 0;

    for (size_t i = 0; i < len; i++) {
        struct kh_error err = {0};

        der[i] ^= mask;
        if (fixture_open_equal(profile, der, len, LEN, &err) != KH_CORRUPT) {
            fprintf(stderr, "    %s: byte %zu of %zu, mask %02x: %s\n", profile, i, len,
                mask, err.message);
            opened++;
        }
        der[i] ^= mask;
    }
    free(der);
    return opened;
}

static void any_changed_bit_of_an_ecdh_envelope_is_noticed(void)
{
    for (int bit = 0; bit < 8; bit++)
        CU_ASSERT_EQUAL(opened_in_spite("ecdh-p256", (unsigned char)(1 << bit)), 0);
    CU_ASSERT_EQUAL(opened_in_spite("ecdh-p256", 0xff), 0);
}

static void any_changed_bit_of_an_oaep_envelope_is_noticed(void)
{
    for (int bit = 0; bit < 8; bit++)
        CU_ASSERT_EQUAL(opened_in_spite("rsa-oaep-sha256", (unsigned char)(1 << bit)), 0);
    CU_ASSERT_EQUAL(opened_in_spite("rsa-oaep-sha1", 0x01), 0);
}

static void any_shorter_envelope_is_noticed(void)
{
    static const char *const profiles[] = {"ecdh-p256", "rsa-oaep-sha1"};

    for (size_t p = 0; p < 2; p++) {
        size_t len;
        unsigned char *der = fixture_seal(profiles[p], LEN, &len);

        for (size_t n = 0; n < len; n++) {
            unsigned char *cut =
                malloc(n ? n : 1); /* exact, so that ASan sees a step beyond */

            memcpy(cut, der, n);
            expect_corrupt(profiles[p], cut, n, "envelope");
            free(cut);
        }
        free(der);
    }
}

static void bytes_after_the_envelope_are_noticed(void)
{
    size_t len;
    unsigned char *der = fixture_seal("ecdh-p256", LEN, &len);

    der = realloc(der, len + 1);
    der[len] = 0;
    expect_corrupt("ecdh-p256", der, len + 1, "not CMS AuthEnvelopedData");
    free(der);
}

static void an_envelope_over_the_limit_is_not_even_parsed(void)
{
    unsigned char *der = calloc(1, KH_ENVELOPE_MAX + 1);

    expect_corrupt(
        "ecdh-p256", der, KH_ENVELOPE_MAX + 1, "2097153 bytes, more than 2097152");
    free(der);
}

static void an_envelope_for_another_key_id_is_refused(void)
{
    struct kh_token_key other = fix.backing.ec;
    struct kh_buf record = {0};
    struct kh_error err = {0};
    size_t len;
    unsigned char *der = fixture_seal("ecdh-p256", LEN, &len);
    int calls = fix.backing.ecdh_calls;

    other.id.bytes[0] ^= 1;
    KH_ASSERT_FAILS(kh_envelope_open(fix.envelopes, &other, der, len, &record, &err),
        KH_CORRUPT, err, "not for this key");
    other.id.bytes[0] ^= 1;
    other.id.len = 19;
    KH_ASSERT_FAILS(kh_envelope_open(fix.envelopes, &other, der, len, &record, &err),
        KH_CORRUPT, err, "not for this key");
    other = fix.backing.rsa;
    KH_ASSERT_FAILS(kh_envelope_open(fix.envelopes, &other, der, len, &record, &err),
        KH_CORRUPT, err, "not for a key of this type");
    CU_ASSERT_EQUAL(fix.backing.ecdh_calls, calls); /* the token was not asked */
    free(der);
}

/* The same key id, but sealed to a public key that is not the token's. */
static void an_envelope_sealed_to_somebody_else_under_our_id_does_not_open(void)
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    struct kh_recipient *recipient = NULL;
    struct kh_buf record = fixture_record(LEN);
    struct kh_error err = {0};
    unsigned char *spki = NULL;
    unsigned char *der = NULL;
    size_t der_len = 0;
    int len = i2d_PUBKEY(key, &spki);

    KH_ASSERT_OK_FATAL(kh_recipient_new(&recipient, fix.envelopes, &fix.backing.ec.id,
                           "ecdh-p256", spki, (size_t)len, &err),
        err);
    KH_ASSERT_OK_FATAL(
        kh_envelope_seal(fix.envelopes, recipient, &record, &der, &der_len, &err), err);
    expect_corrupt("ecdh-p256", der, der_len, "does not open it");
    free(der);
    kh_buf_free(&record);
    kh_recipient_free(recipient);
    OPENSSL_free(spki);
    EVP_PKEY_free(key);
}

/* Both are ours and whole; their halves do not belong together. */
static void two_envelopes_with_swapped_contents_do_not_open(void)
{
    size_t a_len;
    size_t b_len;
    unsigned char *a = fixture_seal("ecdh-p256", LEN, &a_len);
    unsigned char *b = fixture_seal("ecdh-p256", LEN, &b_len);

    CU_ASSERT_EQUAL_FATAL(a_len, b_len);
    memcpy(a + a_len - LEN - 18, b + b_len - LEN - 18, LEN + 18);
    expect_corrupt("ecdh-p256", a, a_len, "does not authenticate");
    free(a);
    free(b);
}

/* ---- cut and lengthened by hand, with every length right
 * --------------------------------------- */

/* The three outer lengths of an envelope: ContentInfo, [0], AuthEnvelopedData. */
static void adjust_lengths(unsigned char *der, int by)
{
    static const size_t at[] = {2, 19, 23};

    for (size_t i = 0; i < 3; i++) {
        unsigned n = ((unsigned)der[at[i]] << 8 | der[at[i] + 1]) + (unsigned)by;

        CU_ASSERT_EQUAL_FATAL(der[at[i] - 1], 0x82);
        der[at[i]] = (unsigned char)(n >> 8);
        der[at[i] + 1] = (unsigned char)n;
    }
}

static void a_short_tag_is_refused_even_when_it_is_right(void)
{
    static const unsigned char icv_len[] = {
        0x02, 0x01, 0x10, 0x80}; /* 16, then the content */
    size_t len;
    unsigned char *der = fixture_seal("ecdh-p256", LEN, &len);
    unsigned char *icv = memmem(der, len, icv_len, sizeof icv_len);

    CU_ASSERT_PTR_NOT_NULL_FATAL(icv);
    for (int cut = 1; cut <= 16; cut++) {
        adjust_lengths(der, -1);
        len--;
        der[len - 17 + (size_t)cut] = (unsigned char)(16 - cut);
        expect_corrupt("ecdh-p256", der, len, "tag is not 16 bytes");
        icv[2] = (unsigned char)(16 - cut); /* and when the parameters announce it */
        expect_corrupt("ecdh-p256", der, len, "not AES-256-GCM data");
        icv[2] = 16;
    }
    free(der);
}

static void unauthenticated_attributes_are_refused(void)
{
    size_t len;
    unsigned char *der = fixture_seal("ecdh-p256", LEN, &len);

    der = realloc(der, len + 2);
    memcpy(der + len, "\xa2", 2); /* [2] IMPLICIT, empty */
    adjust_lengths(der, 2);
    expect_corrupt("ecdh-p256", der, len + 2, "attributes follow");
    free(der);
}

/* ---- other kinds of CMS
 * -------------------------------------------------------------------------- */

static X509 *certificate(
    const unsigned char *spki, size_t len, const struct kh_key_id *id)
{
    const unsigned char *at = spki;
    EVP_PKEY *key = d2i_PUBKEY(NULL, &at, (long)len);
    EVP_PKEY *signer = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    ASN1_OCTET_STRING *ski = ASN1_OCTET_STRING_new();
    X509 *x = X509_new();

    ASN1_OCTET_STRING_set(ski, id->bytes, (int)id->len);
    X509_set_version(x, X509_VERSION_3);
    X509_gmtime_adj(X509_getm_notBefore(x), 0);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    X509_set_pubkey(x, key);
    X509_add1_ext_i2d(x, NID_subject_key_identifier, ski, 0, X509V3_ADD_DEFAULT);
    CU_ASSERT_TRUE_FATAL(X509_sign(x, signer, EVP_sha256()) > 0);
    ASN1_OCTET_STRING_free(ski);
    EVP_PKEY_free(signer);
    EVP_PKEY_free(key);
    return x;
}

struct foreign {
    const EVP_CIPHER *cipher;
    unsigned flags;
    bool sha256kdf;
    int recipients;
};

/* What libcrypto itself makes for our key, in another form than ours. */
static unsigned char *make_foreign(const struct foreign *how, bool rsa, size_t *len)
{
    const struct backing *b = &fix.backing;
    struct kh_buf record = fixture_record(LEN);
    BIO *in = BIO_new_mem_buf(record.data, LEN);
    X509 *x = rsa ? certificate(b->rsa_spki, b->rsa_spki_len, &b->rsa.id)
                  : certificate(b->ec_spki, b->ec_spki_len, &b->ec.id);
    CMS_ContentInfo *cms =
        CMS_encrypt(NULL, NULL, how->cipher, how->flags | CMS_BINARY | CMS_PARTIAL);
    unsigned char *der = NULL;
    int n;

    for (int i = 0; i < how->recipients; i++) {
        CMS_RecipientInfo *info =
            CMS_add1_recipient_cert(cms, x, how->flags | CMS_KEY_PARAM);
        EVP_PKEY_CTX *ctx = CMS_RecipientInfo_get0_pkey_ctx(info);

        if (!rsa && how->sha256kdf)
            CU_ASSERT_TRUE(EVP_PKEY_CTX_set_ecdh_kdf_md(ctx, EVP_sha256()) > 0);
    }
    CU_ASSERT_EQUAL_FATAL(CMS_final(cms, in, NULL, how->flags | CMS_BINARY), 1);
    n = i2d_CMS_ContentInfo(cms, &der);
    CU_ASSERT_TRUE_FATAL(n > 0);
    *len = (size_t)n;
    CMS_ContentInfo_free(cms);
    X509_free(x);
    BIO_free(in);
    kh_buf_free(&record);
    return der;
}

static void foreign_is_corrupt(const struct foreign *how, bool rsa, const char *word)
{
    size_t len;
    unsigned char *der = make_foreign(how, rsa, &len);
    int calls = fix.backing.ecdh_calls + fix.backing.oaep_calls;

    expect_corrupt(rsa ? "rsa-oaep-sha1" : "ecdh-p256", der, len, word);
    CU_ASSERT_EQUAL(fix.backing.ecdh_calls + fix.backing.oaep_calls, calls);
    OPENSSL_free(der);
}

/* Shows that the refusals below are for the one thing that differs. */
static void the_same_form_made_by_libcrypto_opens(void)
{
    struct foreign ours = {EVP_aes_256_gcm(), CMS_USE_KEYID, true, 1};
    struct kh_error err = {0};
    size_t len;
    unsigned char *der = make_foreign(&ours, false, &len);

    KH_ASSERT_OK(fixture_open_equal("ecdh-p256", der, len, LEN, &err), err);
    OPENSSL_free(der);
}

static void two_recipients_are_refused(void)
{
    struct foreign two = {EVP_aes_256_gcm(), CMS_USE_KEYID, true, 2};
    struct foreign none = {EVP_aes_256_gcm(), CMS_USE_KEYID, true, 0};

    foreign_is_corrupt(&two, false, "more than one recipient");
    foreign_is_corrupt(&none, false, "not for a key of this type");
}

static void enveloped_data_without_authentication_is_refused(void)
{
    struct foreign cbc = {EVP_aes_256_cbc(), CMS_USE_KEYID, true, 1};

    foreign_is_corrupt(&cbc, false, "not CMS AuthEnvelopedData");
    foreign_is_corrupt(&cbc, true, "not CMS AuthEnvelopedData");
}

static void another_cipher_is_refused(void)
{
    struct foreign aes128 = {EVP_aes_128_gcm(), CMS_USE_KEYID, true, 1};

    /* AES-128 content also means another key wrap, which is what is seen first. */
    foreign_is_corrupt(&aes128, false, "key data is broken");
}

static void another_kdf_is_refused(void)
{
    struct foreign sha1 = {EVP_aes_256_gcm(), CMS_USE_KEYID, false, 1};

    foreign_is_corrupt(&sha1, false, "key data is broken");
}

static void pkcs1_v15_key_transport_is_refused(void)
{
    struct foreign v15 = {EVP_aes_256_gcm(), CMS_USE_KEYID, true, 1};

    foreign_is_corrupt(&v15, true, "key data is broken");
}

static void a_recipient_by_issuer_and_serial_is_refused(void)
{
    struct foreign serial = {EVP_aes_256_gcm(), 0, true, 1};

    foreign_is_corrupt(&serial, false, "not for this key");
}

static void noise_is_refused(void)
{
    unsigned char noise[600];
    uint32_t x = 1;

    for (int round = 0; round < 2000; round++) {
        struct kh_error err = {0};
        size_t len = (size_t)round % sizeof noise;

        for (size_t i = 0; i < len; i++) {
            x = x * 1664525u + 1013904223u;
            noise[i] = (unsigned char)(x >> 24);
        }
        if (len > 0 && round % 2)
            noise[0] = 0x30;
        CU_ASSERT_EQUAL(
            fixture_open_equal("ecdh-p256", noise, len, LEN, &err), KH_CORRUPT);
    }
}

static const struct kh_test tests[] = {
    {"any changed bit of an ECDH envelope is noticed",
        any_changed_bit_of_an_ecdh_envelope_is_noticed},
    {"any changed bit of an OAEP envelope is noticed",
        any_changed_bit_of_an_oaep_envelope_is_noticed},
    {"any shorter envelope is noticed", any_shorter_envelope_is_noticed},
    {"bytes after the envelope are noticed", bytes_after_the_envelope_are_noticed},
    {"an envelope over the limit is not even parsed",
        an_envelope_over_the_limit_is_not_even_parsed},
    {"an envelope for another key id is refused",
        an_envelope_for_another_key_id_is_refused},
    {"an envelope sealed to somebody else under our id does not open",
        an_envelope_sealed_to_somebody_else_under_our_id_does_not_open},
    {"two envelopes with swapped contents do not open",
        two_envelopes_with_swapped_contents_do_not_open},
    {"a short tag is refused, even when it is right",
        a_short_tag_is_refused_even_when_it_is_right},
    {"unauthenticated attributes are refused", unauthenticated_attributes_are_refused},
    {"the same form made by libcrypto opens", the_same_form_made_by_libcrypto_opens},
    {"two recipients are refused", two_recipients_are_refused},
    {"EnvelopedData without authentication is refused",
        enveloped_data_without_authentication_is_refused},
    {"another cipher is refused", another_cipher_is_refused},
    {"another KDF is refused", another_kdf_is_refused},
    {"PKCS #1 v1.5 key transport is refused", pkcs1_v15_key_transport_is_refused},
    {"a recipient by issuer and serial is refused",
        a_recipient_by_issuer_and_serial_is_refused},
    {"noise is refused", noise_is_refused},
};

int main(void)
{
    int rc;

    backing_software(&fix.backing);
    fixture_open();
    rc = kh_test_main("envelope tampering", tests, sizeof tests / sizeof tests[0]);
    fixture_close();
    backing_software_free(&fix.backing);
    return rc;
}
