#include "plugins/pkcs11/anchor.h"
#include "plugins/pkcs11/doctor/probe.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { PIN_MAX = 1024 };

long long kh_probe_now(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (long long)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* All there is until its end, or as much as a PIN may be. */
static CK_ULONG read_pin(int fd, unsigned char *pin)
{
    CK_ULONG len = 0;
    ssize_t n = 1;

    while (fd >= 0 && n > 0 && len < PIN_MAX) {
        n = read(fd, pin + len, PIN_MAX - len);
        if (n > 0)
            len += (CK_ULONG)n;
    }
    return len;
}

CK_RV kh_probe_session(struct kh_probe *probe, CK_SESSION_HANDLE *session)
{
    return kh_said(&probe->call, "C_OpenSession",
        probe->module.p11->C_OpenSession(
            probe->slot.id, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, session));
}

CK_RV kh_probe_login(struct kh_probe *probe)
{
    static unsigned char pin[PIN_MAX];
    static CK_ULONG len;
    bool pad = probe->slot.flags & CKF_PROTECTED_AUTHENTICATION_PATH;
    CK_RV rv = kh_probe_session(probe, &probe->call.session);

    if (rv != CKR_OK || !(probe->slot.flags & CKF_LOGIN_REQUIRED))
        return rv;
    /* A stage may log in again, so the PIN is kept for as long as the process lives. */
    if (len == 0 && !pad) {
        (void)mlock(pin, sizeof pin);
        len = read_pin(probe->pin_fd, pin);
    }
    rv = kh_said(&probe->call, "C_Login",
        probe->module.p11->C_Login(
            probe->call.session, CKU_USER, pad ? NULL : pin, pad ? 0 : len));
    return rv == CKR_OK ? kh_anchor_keep(&probe->call, KH_PROBE_LABEL) : rv;
}

const struct kh_trial *kh_probe_trial(size_t i)
{
    static const struct kh_trial trials[] = {
        {"ec-p256", KH_KEY_EC_P256, 256, KH_OAEP_SHA1},
        {"rsa-2048-sha256", KH_KEY_RSA, 2048, KH_OAEP_SHA256},
        {"rsa-2048-sha1", KH_KEY_RSA, 2048, KH_OAEP_SHA1},
    };

    return i < sizeof trials / sizeof trials[0] ? &trials[i] : NULL;
}

CK_RV kh_probe_make(struct kh_call *call, const struct kh_trial *trial, bool on_token,
    struct kh_key_id *id, CK_OBJECT_HANDLE *key, struct kh_public_half *half)
{
    struct kh_key_id own = {.len = 16};
    struct kh_key_spec spec = {.type = trial->type,
        .bits = trial->bits,
        .on_token = on_token,
        .id = id ? id : &own,
        .label = KH_PROBE_LABEL};

    if (id)
        id->len = own.len;
    *half = (struct kh_public_half){0};
    *key = CK_INVALID_HANDLE;
    if (RAND_bytes(id ? id->bytes : own.bytes, (int)own.len) != 1)
        return kh_said(call, "RAND_bytes", CKR_HOST_MEMORY);
    return kh_key_make(call, &spec, key, half);
}

void kh_probe_drop(struct kh_call *call, CK_OBJECT_HANDLE key)
{
    if (key != CK_INVALID_HANDLE)
        (void)call->p11->C_DestroyObject(call->session, key);
}

const struct kh_trial *kh_probe_kind(struct kh_probe *probe)
{
    const struct kh_trial *trial;
    const struct kh_trial *found = NULL;

    for (size_t i = 0; !found && (trial = kh_probe_trial(i)) != NULL; i++) {
        struct kh_public_half half;
        struct kh_challenge challenge;
        CK_OBJECT_HANDLE key;
        CK_RV rv = kh_probe_make(&probe->call, trial, false, NULL, &key, &half);

        if (rv == CKR_OK && kh_challenge_make(&challenge, trial, &half) &&
            kh_challenge_answer(&probe->call, trial, key, &challenge) == CKR_OK)
            found = trial;
        kh_probe_drop(&probe->call, key);
        free(half.spki);
    }
    return found;
}
