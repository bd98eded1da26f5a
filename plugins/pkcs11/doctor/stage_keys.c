/* Key pairs of every kind that a deposit key may be: made, used, compared with what
 * software comes to. Session objects, so nothing stays on the token. */
#include "plugins/pkcs11/doctor/probe.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

enum { USES = 20, BLOCK = 16, RANDOM_LEN = 65536 };

static const struct kh_trial kinds[] = {
    {"ec-p256", KH_KEY_EC_P256, 256, KH_OAEP_SHA1},
    {"rsa-2048", KH_KEY_RSA, 2048, KH_OAEP_SHA1},
    {"rsa-3072", KH_KEY_RSA, 3072, KH_OAEP_SHA1},
    {"rsa-4096", KH_KEY_RSA, 4096, KH_OAEP_SHA1},
};

/* "rsa-2048.generate"; overwritten by the next call. */
static const char *name_of(const char *kind, const char *what)
{
    static char name[64];

    (void)snprintf(name, sizeof name, "%s.%s", kind, what);
    return name;
}

/* Solves a few tasks; what one takes is told when all answers were right. */
static void use(struct kh_call *call, const struct kh_trial *trial, CK_OBJECT_HANDLE key,
    const struct kh_public_half *half, const char *what)
{
    struct kh_challenge challenge;
    long long spent = 0;
    CK_RV rv = CKR_OK;

    for (int i = 0; rv == CKR_OK && i < USES; i++) {
        long long start;

        if (!kh_challenge_make(&challenge, trial, half)) {
            rv = kh_verdict(call, kh_fail(call->err, KH_FATAL,
                                      "libcrypto makes nothing of the public half"));
            break;
        }
        start = kh_probe_now();
        rv = kh_challenge_answer(call, trial, key, &challenge);
        spent += kh_probe_now() - start;
    }
    kh_fact_rv(name_of(trial->profile, what), call, rv);
    if (rv == CKR_OK)
        kh_fact_int(name_of(trial->profile, "use_us"), spent / USES, "%s", "");
}

/* False: RSA is not for this token, the larger ones need not be tried. */
static void try_kind(struct kh_call *call, const struct kh_trial *kind)
{
    struct kh_trial trial = *kind;
    struct kh_public_half half;
    CK_OBJECT_HANDLE key;
    long long start = kh_probe_now();
    CK_RV rv = kh_probe_make(call, &trial, false, NULL, &key, &half);

    kh_fact_rv(name_of(kind->profile, "generate"), call, rv);
    if (rv == CKR_OK) {
        kh_fact_int(
            name_of(kind->profile, "generate_us"), kh_probe_now() - start, "%s", "");
        if (trial.type == KH_KEY_EC_P256) {
            use(call, &trial, key, &half, "derive");
        } else {
            use(call, &trial, key, &half, "oaep_sha1");
            trial.hash = KH_OAEP_SHA256;
            use(call, &trial, key, &half, "oaep_sha256");
        }
    }
    kh_probe_drop(call, key);
    free(half.spki);
}

/* ---- random -------------------------------------------------------------------------
 */

static int by_bytes(const void *a, const void *b)
{
    return memcmp(a, b, BLOCK);
}

/* 4096 blocks of 16 bytes: a repeated one means that the generator repeats itself. Bits
 * beyond 6 sigma of one half: sqrt(524288)/2 = 362. */
static const char *unlikely(unsigned char *bytes)
{
    long ones = 0;

    qsort(bytes, RANDOM_LEN / BLOCK, BLOCK, by_bytes);
    for (size_t i = BLOCK; i < RANDOM_LEN; i += BLOCK) {
        if (memcmp(bytes + i, bytes + i - BLOCK, BLOCK) == 0)
            return "the same 16 bytes twice";
    }
    for (size_t i = 0; i < RANDOM_LEN; i++)
        ones += __builtin_popcount(bytes[i]);
    if (labs(ones - RANDOM_LEN * 4L) > 6 * 362)
        return "as many ones and zeros as chance would not give";
    return NULL;
}

static void try_random(struct kh_call *call)
{
    unsigned char *bytes = calloc(1, RANDOM_LEN);
    const char *fault;
    CK_RV rv = bytes ? CKR_OK : CKR_HOST_MEMORY;

    for (size_t i = 0; rv == CKR_OK && i < RANDOM_LEN; i += 1024)
        rv = kh_said(call, "C_GenerateRandom",
            call->p11->C_GenerateRandom(call->session, bytes + i, 1024));
    kh_fact_rv("random.works", call, rv);
    if (rv == CKR_OK) {
        fault = unlikely(bytes);
        kh_fact_bool("random.plausible", !fault, "%s", fault ? fault : "");
    }
    free(bytes);
}

void kh_stage_keys(struct kh_probe *probe)
{
    size_t count = sizeof kinds / sizeof kinds[0] - (probe->quick ? 2 : 0);

    try_random(&probe->call);
    for (size_t i = 0; i < count; i++)
        try_kind(&probe->call, &kinds[i]);
}
