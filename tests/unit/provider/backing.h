/*
 * What stands behind a provider in these tests: real keys, either in software (another
 * library context of libcrypto) or on a SoftHSM token, reached through struct
 * kh_token_ops. Each backing counts the calls and can be told to fail them.
 */
#ifndef KH_TEST_BACKING_H
#define KH_TEST_BACKING_H

#include "plugins/pkcs11/envelope.h"
#include "tests/lib/softhsm.h"

#include <openssl/evp.h>
#include <stdatomic.h>

struct backing {
    struct kh_token_ops ops;
    struct kh_token_key ec;
    struct kh_token_key rsa;
    unsigned char *ec_spki;
    size_t ec_spki_len;
    unsigned char *rsa_spki;
    size_t rsa_spki_len;
    atomic_int ecdh_calls;
    atomic_int oaep_calls;
    atomic_int random_calls;
    atomic_int fail_with; /* a kh_status; KH_OK: do not fail */
    void *own;
};

/* Keys of libcrypto's default provider, in a context of their own. Abort on failure. */
void backing_software(struct backing *backing);
void backing_software_free(struct backing *backing);

/* Keys generated on a fresh SoftHSM token below DIR, reached by direct C_ calls.
 * RSA-2048; ids are 20 bytes. Once per process. Abort on failure. */
void backing_softhsm(
    struct backing *backing, struct kh_test_token *token, const char *dir);
void backing_softhsm_free(struct backing *backing);

/* For both: counts, and fails when told so, with the text "backing: told to fail". */
kh_status backing_enter(
    struct backing *backing, atomic_int *counter, struct kh_error *err);

/* A host table with the core's secret memory, which is all that envelopes ask for. */
const struct kh_host *backing_host(void);

#endif
