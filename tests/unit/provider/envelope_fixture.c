#include "tests/unit/provider/envelope_fixture.h"

#include "core/secmem.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

struct fixture fix;

static void must(kh_status status, const struct kh_error *err)
{
    if (status != KH_OK) {
        fprintf(stderr, "fixture: %s\n", err->message);
        abort();
    }
}

void fixture_open(void)
{
    struct kh_error err = {0};

    must(kh_secmem_init(0, KH_LOCK_PREFERRED, &err), &err);
    must(kh_provider_new(&fix.provider, &fix.backing.ops, "default", "", &err), &err);
    must(kh_envelopes_new(&fix.envelopes, backing_host(), fix.provider, &err), &err);
}

void fixture_close(void)
{
    kh_envelopes_free(fix.envelopes);
    kh_provider_free(fix.provider);
}

const struct kh_token_key *fixture_key(const char *profile)
{
    return strcmp(profile, "ecdh-p256") == 0 ? &fix.backing.ec : &fix.backing.rsa;
}

struct kh_recipient *fixture_recipient(const char *profile)
{
    const struct kh_token_key *key = fixture_key(profile);
    bool ec = key->type == KH_KEY_EC_P256;
    struct kh_recipient *recipient = NULL;
    struct kh_error err = {0};

    must(kh_recipient_new(&recipient, fix.envelopes, &key->id, profile,
             ec ? fix.backing.ec_spki : fix.backing.rsa_spki,
             ec ? fix.backing.ec_spki_len : fix.backing.rsa_spki_len, &err),
        &err);
    return recipient;
}

struct kh_buf fixture_record(size_t len)
{
    struct kh_buf record = {0};
    struct kh_error err = {0};
    uint32_t x = 12345;

    must(kh_buf_alloc(&record, len, &err), &err);
    for (size_t i = 0; i < len; i++) {
        x = x * 1664525u + 1013904223u;
        record.data[i] = (unsigned char)(x >> 24);
    }
    return record;
}

unsigned char *fixture_seal(const char *profile, size_t len, size_t *der_len)
{
    struct kh_recipient *recipient = fixture_recipient(profile);
    struct kh_buf record = fixture_record(len);
    struct kh_error err = {0};
    unsigned char *der = NULL;

    must(kh_envelope_seal(fix.envelopes, recipient, &record, &der, der_len, &err), &err);
    kh_buf_free(&record);
    kh_recipient_free(recipient);
    return der;
}

kh_status fixture_open_equal(const char *profile, const unsigned char *der,
    size_t der_len, size_t len, struct kh_error *err)
{
    struct kh_buf want = fixture_record(len);
    struct kh_buf got = {0};
    kh_status status =
        kh_envelope_open(fix.envelopes, fixture_key(profile), der, der_len, &got, err);

    if (status != KH_OK) {
        CU_ASSERT_PTR_NULL(got.data);
        CU_ASSERT_EQUAL(got.len, 0);
    } else if (!kh_buf_equal(&want, &got)) {
        status = kh_fail(err, KH_FATAL, "opened to something else");
    } else if (len > 0) {
        CU_ASSERT_EQUAL(CRYPTO_secure_allocated(got.data), 1);
    }
    kh_buf_free(&want);
    kh_buf_free(&got);
    return status;
}
