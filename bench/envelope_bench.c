/*
 * What an envelope costs without the token: microseconds per seal, open and recipient,
 * with the private operation done in software. Prints the bare ECDH beside them.
 */
#include "plugins/pkcs11/envelope.h"
#include "tests/lib/testlib.h"
#include "tests/unit/provider/backing.h"

#include "core/secmem.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

struct bench {
    struct backing backing;
    struct kh_provider *provider;
    struct kh_envelopes *envelopes;
    struct kh_recipient *recipient;
    const struct kh_host *host;
    const struct kh_token_key *key;
    const char *profile;
    const unsigned char *spki;
    size_t spki_len;
    struct kh_buf record;
    unsigned char *der;
    size_t der_len;
};

static void must(kh_status status, const struct kh_error *err)
{
    if (status != KH_OK) {
        fprintf(stderr, "envelope_bench: %s\n", err->message);
        exit(1);
    }
}

static double now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void measure(struct bench *b, const char *what, void (*once)(struct bench *))
{
    enum { ROUNDS = 5, EACH = 400 };
    double best = 0;

    for (int round = 0; round < ROUNDS; round++) {
        double start = now_us();
        double each;

        for (int i = 0; i < EACH; i++)
            once(b);
        each = (now_us() - start) / EACH;
        if (round == 0 || each < best)
            best = each;
    }
    printf("%-16s %-10s %8.1f us\n", b->profile, what, best);
}

static void bare(struct bench *b)
{
    struct kh_error err = {0};
    unsigned char secret[32];

    must(b->backing.ops.ecdh(
             b->backing.ops.token, b->key, b->spki + b->spki_len - 65, 65, secret, &err),
        &err);
}

static void recipient(struct bench *b)
{
    struct kh_error err = {0};
    struct kh_recipient *r = NULL;

    must(kh_recipient_new(
             &r, b->envelopes, &b->key->id, b->profile, b->spki, b->spki_len, &err),
        &err);
    kh_recipient_free(r);
}

static void seal(struct bench *b)
{
    struct kh_error err = {0};

    free(b->der);
    must(kh_envelope_seal(
             b->envelopes, b->recipient, &b->record, &b->der, &b->der_len, &err),
        &err);
}

static void open_it(struct bench *b)
{
    struct kh_error err = {0};
    struct kh_buf record = {0};

    must(kh_envelope_open(b->envelopes, b->key, b->der, b->der_len, &record, &err), &err);
    b->host->buf_free(b->host, &record);
}

static void run(struct bench *b, const char *profile)
{
    struct kh_error err = {0};
    bool ec = strcmp(profile, "ecdh-p256") == 0;

    b->profile = profile;
    b->key = ec ? &b->backing.ec : &b->backing.rsa;
    b->spki = ec ? b->backing.ec_spki : b->backing.rsa_spki;
    b->spki_len = ec ? b->backing.ec_spki_len : b->backing.rsa_spki_len;
    must(kh_recipient_new(&b->recipient, b->envelopes, &b->key->id, profile, b->spki,
             b->spki_len, &err),
        &err);
    if (ec)
        measure(b, "bare ECDH", bare);
    measure(b, "recipient", recipient);
    measure(b, "seal", seal);
    measure(b, "open", open_it);
    kh_recipient_free(b->recipient);
}

int main(void)
{
    struct bench b = {.host = backing_host()};
    struct kh_error err = {0};

    must(kh_secmem_init(0, KH_LOCK_PREFERRED, &err), &err);
    backing_software(&b.backing);
    must(kh_provider_new(&b.provider, &b.backing.ops, "default", "", &err), &err);
    must(kh_envelopes_new(&b.envelopes, b.host, b.provider, &err), &err);
    must(b.host->buf_alloc(b.host, &b.record, 512, &err), &err);
    run(&b, "ecdh-p256");
    run(&b, "rsa-oaep-sha256");
    free(b.der);
    b.host->buf_free(b.host, &b.record);
    kh_envelopes_free(b.envelopes);
    kh_provider_free(b.provider);
    backing_software_free(&b.backing);
    return 0;
}
