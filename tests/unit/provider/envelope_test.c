/* Sealing and opening with keys in software. */
#include "plugins/pkcs11/envelope.h"

#include "core/secmem.h"
#include "plugins/pkcs11/envelope_check.h"
#include "tests/unit/provider/envelope_fixture.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static const char *const profiles[] = {"ecdh-p256", "rsa-oaep-sha256", "rsa-oaep-sha1"};

static void every_profile_opens_what_it_sealed_at_every_size(void)
{
    static const size_t sizes[] = {0, 1, 15, 16, 17, 255, 1024, 4096, 65536, 1500000};

    for (size_t p = 0; p < 3; p++) {
        for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
            struct kh_error err = {0};
            size_t der_len;
            unsigned char *der = fixture_seal(profiles[p], sizes[s], &der_len);

            KH_ASSERT_OK(
                fixture_open_equal(profiles[p], der, der_len, sizes[s], &err), err);
            free(der);
        }
    }
}

static void an_envelope_has_the_form_that_is_promised(void)
{
    for (size_t p = 0; p < 3; p++) {
        struct kh_error err = {0};
        size_t content_len = 0;
        size_t der_len;
        unsigned char *der = fixture_seal(profiles[p], 1000, &der_len);

        KH_ASSERT_OK(
            kh_envelope_check(der, der_len, fixture_key(profiles[p]), &content_len, &err),
            err);
        CU_ASSERT_EQUAL(content_len, 1000);
        CU_ASSERT_TRUE(der_len < 1000 + 600);
        free(der);
    }
}

static bool contains(
    const unsigned char *in, size_t in_len, const unsigned char *what, size_t what_len)
{
    return memmem(in, in_len, what, what_len) != NULL;
}

static void two_seals_of_one_record_have_nothing_in_common(void)
{
    struct kh_buf record = fixture_record(64);
    size_t a_len;
    size_t b_len;
    unsigned char *a = fixture_seal("ecdh-p256", 64, &a_len);
    unsigned char *b = fixture_seal("ecdh-p256", 64, &b_len);

    CU_ASSERT_EQUAL(a_len, b_len);
    CU_ASSERT_FALSE(contains(a, a_len, record.data, 16));
    /* ciphertext and tag; the nonce; the wrapped key */
    CU_ASSERT_NOT_EQUAL(memcmp(a + a_len - 82, b + b_len - 82, 64), 0);
    CU_ASSERT_FALSE(contains(a, a_len, b + b_len - 82, 16));
    CU_ASSERT_FALSE(contains(a, a_len, b + b_len - 16, 16));
    free(a);
    free(b);
    kh_buf_free(&record);
}

static void one_open_costs_one_call_of_the_token_and_a_seal_none(void)
{
    struct kh_error err = {0};
    int ecdh = fix.backing.ecdh_calls;
    int oaep = fix.backing.oaep_calls;
    size_t ec_len;
    size_t rsa_len;
    unsigned char *ec = fixture_seal("ecdh-p256", 100, &ec_len);
    unsigned char *rsa = fixture_seal("rsa-oaep-sha1", 100, &rsa_len);

    CU_ASSERT_EQUAL(fix.backing.ecdh_calls, ecdh);
    CU_ASSERT_EQUAL(fix.backing.oaep_calls, oaep);
    KH_ASSERT_OK(fixture_open_equal("ecdh-p256", ec, ec_len, 100, &err), err);
    KH_ASSERT_OK(fixture_open_equal("rsa-oaep-sha1", rsa, rsa_len, 100, &err), err);
    CU_ASSERT_EQUAL(fix.backing.ecdh_calls, ecdh + 1);
    CU_ASSERT_EQUAL(fix.backing.oaep_calls, oaep + 1);
    free(ec);
    free(rsa);
}

static void a_record_over_the_limit_is_refused(void)
{
    struct kh_recipient *recipient = fixture_recipient("ecdh-p256");
    struct kh_error err = {0};
    struct kh_buf record = {0};
    unsigned char *der = NULL;
    size_t der_len = 0;

    KH_ASSERT_OK_FATAL(kh_buf_alloc(&record, KH_ENVELOPE_MAX, &err), err);
    KH_ASSERT_FAILS(
        kh_envelope_seal(fix.envelopes, recipient, &record, &der, &der_len, &err),
        KH_INVALID, err, "2097152 bytes do not fit");
    CU_ASSERT_PTR_NULL(der);
    kh_buf_free(&record);
    kh_recipient_free(recipient);
}

/* ---- the token fails
 * ------------------------------------------------------------------------- */

static void a_failure_of_the_token_keeps_its_status(void)
{
    static const kh_status failures[] = {
        KH_UNAVAILABLE, KH_BUSY, KH_NOT_FOUND, KH_REFUSED, KH_FATAL, KH_CORRUPT};

    for (size_t p = 0; p < 3; p++) {
        size_t der_len;
        unsigned char *der = fixture_seal(profiles[p], 100, &der_len);
        struct kh_error err = {0};

        for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++) {
            fix.backing.fail_with = (int)failures[i];
            KH_ASSERT_FAILS(fixture_open_equal(profiles[p], der, der_len, 100, &err),
                failures[i], err, "told to fail");
        }
        fix.backing.fail_with = KH_OK;
        KH_ASSERT_OK(fixture_open_equal(profiles[p], der, der_len, 100, &err), err);
        free(der);
    }
}

static void an_old_failure_of_the_token_is_not_blamed_on_a_later_envelope(void)
{
    struct kh_error err = {0};
    size_t der_len;
    unsigned char *der = fixture_seal("ecdh-p256", 100, &der_len);

    fix.backing.fail_with = KH_BUSY;
    CU_ASSERT_EQUAL(fixture_open_equal("ecdh-p256", der, der_len, 100, &err), KH_BUSY);
    fix.backing.fail_with = KH_OK;
    der[der_len - 1] ^= 1;
    KH_ASSERT_FAILS(fixture_open_equal("ecdh-p256", der, der_len, 100, &err), KH_CORRUPT,
        err, "does not authenticate");
    free(der);
}

struct job {
    const struct kh_recipient *recipient;
    kh_status status;
    struct kh_error err;
};

static void *seal_one(void *arg)
{
    struct job *job = arg;
    struct kh_buf record = fixture_record(10);
    unsigned char *der = NULL;
    size_t der_len;

    job->status = kh_envelope_seal(
        fix.envelopes, job->recipient, &record, &der, &der_len, &job->err);
    free(der);
    kh_buf_free(&record);
    return NULL;
}

static struct job seal_in_a_new_thread(const struct kh_recipient *recipient)
{
    struct job job = {.recipient = recipient};
    pthread_t thread;

    CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, seal_one, &job), 0);
    pthread_join(thread, NULL);
    return job;
}

/* A new thread has no generator yet, and the one that all threads draw on wants a new
 * seed. */
static void nothing_is_sealed_while_the_token_gives_no_randomness(void)
{
    EVP_RAND_CTX *primary = RAND_get0_primary(kh_provider_libctx(fix.provider));
    struct job job;

    for (size_t p = 0; p < 3; p++) {
        struct kh_recipient *recipient = fixture_recipient(profiles[p]);

        fix.backing.fail_with = KH_UNAVAILABLE;
        CU_ASSERT_EQUAL(EVP_RAND_reseed(primary, 1, NULL, 0, NULL, 0), 0);
        job = seal_in_a_new_thread(recipient);
        KH_ASSERT_FAILS(job.status, KH_UNAVAILABLE, job.err, "told to fail");
        fix.backing.fail_with = KH_OK;
        job = seal_in_a_new_thread(recipient);
        KH_ASSERT_OK(job.status, job.err);
        kh_recipient_free(recipient);
    }
}

/* ---- recipients
 * ------------------------------------------------------------------------------- */

static void refuse_recipient(const struct kh_key_id *id, const char *profile,
    const unsigned char *spki, size_t spki_len, const char *word)
{
    struct kh_recipient *recipient = NULL;
    struct kh_error err = {0};

    KH_ASSERT_FAILS(
        kh_recipient_new(&recipient, fix.envelopes, id, profile, spki, spki_len, &err),
        KH_INVALID, err, word);
    CU_ASSERT_PTR_NULL(recipient);
}

static void a_public_key_that_does_not_fit_the_profile_is_refused(void)
{
    const struct backing *b = &fix.backing;

    refuse_recipient(&b->ec.id, "rsa-oaep-sha1", b->ec_spki, b->ec_spki_len,
        "not one for profile rsa");
    refuse_recipient(
        &b->ec.id, "ecdh-p256", b->rsa_spki, b->rsa_spki_len, "not one for profile ecdh");
    refuse_recipient(&b->ec.id, "ecdh-p521", b->ec_spki, b->ec_spki_len, "'ecdh-p521'");
    refuse_recipient(&b->ec.id, "", b->ec_spki, b->ec_spki_len, "not known");
}

static void refuse_generated(EVP_PKEY *key, const char *profile, const char *word)
{
    unsigned char *spki = NULL;
    int len = i2d_PUBKEY(key, &spki);

    CU_ASSERT_TRUE_FATAL(len > 0);
    refuse_recipient(&fix.backing.ec.id, profile, spki, (size_t)len, word);
    OPENSSL_free(spki);
    EVP_PKEY_free(key);
}

static void other_curves_and_short_moduli_are_refused(void)
{
    refuse_generated(
        EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384"), "ecdh-p256", "not one for");
    refuse_generated(
        EVP_PKEY_Q_keygen(NULL, NULL, "EC", "secp256k1"), "ecdh-p256", "not one for");
    refuse_generated(EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024),
        "rsa-oaep-sha256", "not one for");
    refuse_generated(EVP_PKEY_Q_keygen(NULL, NULL, "X25519"), "ecdh-p256", "public key");
}

static void a_broken_public_key_is_refused(void)
{
    const struct backing *b = &fix.backing;
    unsigned char spki[5000] = {0};

    memcpy(spki, b->ec_spki, b->ec_spki_len);
    refuse_recipient(&b->ec.id, "ecdh-p256", spki, b->ec_spki_len + 1, "public key");
    refuse_recipient(&b->ec.id, "ecdh-p256", spki, sizeof spki, "5000 bytes");
    for (size_t len = 0; len < b->ec_spki_len; len++)
        refuse_recipient(&b->ec.id, "ecdh-p256", spki, len, "public key");
    spki[b->ec_spki_len - 1] ^= 1; /* off the curve */
    refuse_recipient(&b->ec.id, "ecdh-p256", spki, b->ec_spki_len, "public key");
}

static void a_key_id_has_1_to_32_bytes(void)
{
    const struct backing *b = &fix.backing;
    struct kh_recipient *recipient = NULL;
    struct kh_error err = {0};
    struct kh_key_id id = {.len = 0};

    refuse_recipient(&id, "ecdh-p256", b->ec_spki, b->ec_spki_len, "key id: 0 bytes");
    id.len = 33;
    refuse_recipient(&id, "ecdh-p256", b->ec_spki, b->ec_spki_len, "key id: 33 bytes");
    id.len = 32;
    KH_ASSERT_OK(kh_recipient_new(&recipient, fix.envelopes, &id, "ecdh-p256", b->ec_spki,
                     b->ec_spki_len, &err),
        err);
    kh_recipient_free(recipient);
    kh_recipient_free(NULL);
    kh_envelopes_free(NULL);
}

/* ---- many at once
 * ------------------------------------------------------------------------------- */

struct worker {
    const struct kh_recipient *ec;
    const struct kh_recipient *rsa;
    int good;
};

static bool round_trip(
    const struct kh_recipient *recipient, const struct kh_token_key *key, size_t len)
{
    struct kh_buf record = fixture_record(len);
    struct kh_buf got = {0};
    struct kh_error err = {0};
    unsigned char *der = NULL;
    size_t der_len;
    bool ok = kh_envelope_seal(fix.envelopes, recipient, &record, &der, &der_len, &err) ==
                  KH_OK &&
              kh_envelope_open(fix.envelopes, key, der, der_len, &got, &err) == KH_OK &&
              kh_buf_equal(&record, &got);

    if (!ok)
        fprintf(stderr, "    %s\n", err.message);
    free(der);
    kh_buf_free(&record);
    kh_buf_free(&got);
    return ok;
}

static void *work(void *arg)
{
    struct worker *w = arg;

    for (int i = 0; i < 20; i++) {
        w->good += round_trip(w->ec, &fix.backing.ec, (size_t)i * 100);
        w->good += round_trip(w->rsa, &fix.backing.rsa, (size_t)i * 100);
    }
    return NULL;
}

static void eight_threads_share_recipients_and_provider(void)
{
    struct kh_recipient *ec = fixture_recipient("ecdh-p256");
    struct kh_recipient *rsa = fixture_recipient("rsa-oaep-sha256");
    struct worker workers[8];
    pthread_t threads[8];

    for (int i = 0; i < 8; i++) {
        workers[i] = (struct worker){ec, rsa, 0};
        pthread_create(&threads[i], NULL, work, &workers[i]);
    }
    for (int i = 0; i < 8; i++) {
        pthread_join(threads[i], NULL);
        CU_ASSERT_EQUAL(workers[i].good, 40);
    }
    kh_recipient_free(ec);
    kh_recipient_free(rsa);
}

static const struct kh_test tests[] = {
    {"every profile opens what it sealed, at every size",
        every_profile_opens_what_it_sealed_at_every_size},
    {"an envelope has the form that is promised",
        an_envelope_has_the_form_that_is_promised},
    {"two seals of one record have nothing in common",
        two_seals_of_one_record_have_nothing_in_common},
    {"one open costs one call of the token, and a seal none",
        one_open_costs_one_call_of_the_token_and_a_seal_none},
    {"a record over the limit is refused", a_record_over_the_limit_is_refused},
    {"a failure of the token keeps its status", a_failure_of_the_token_keeps_its_status},
    {"an old failure of the token is not blamed on a later envelope",
        an_old_failure_of_the_token_is_not_blamed_on_a_later_envelope},
    {"nothing is sealed while the token gives no randomness",
        nothing_is_sealed_while_the_token_gives_no_randomness},
    {"a public key that does not fit the profile is refused",
        a_public_key_that_does_not_fit_the_profile_is_refused},
    {"other curves and short moduli are refused",
        other_curves_and_short_moduli_are_refused},
    {"a broken public key is refused", a_broken_public_key_is_refused},
    {"a key id has 1 to 32 bytes", a_key_id_has_1_to_32_bytes},
    {"eight threads share recipients and provider",
        eight_threads_share_recipients_and_provider},
};

int main(void)
{
    int rc;

    backing_software(&fix.backing);
    fixture_open();
    rc = kh_test_main("envelope", tests, sizeof tests / sizeof tests[0]);
    fixture_close();
    backing_software_free(&fix.backing);
    return rc;
}
