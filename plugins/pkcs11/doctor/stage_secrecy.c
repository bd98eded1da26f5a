/* Does a private key of the token stay inside, whatever is asked, and is it there when it
 * is needed? Everything is done to one key made as deposit keys are made. */
#include "plugins/pkcs11/doctor/probe.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

static CK_BBOOL yes = CK_TRUE;
static CK_BBOOL no = CK_FALSE;

struct subject {
    struct kh_call *call;
    const struct kh_trial *kind;
    struct kh_key_id id;
    CK_OBJECT_HANDLE key;
    struct kh_public_half half;
};

static bool works(struct subject *s, CK_OBJECT_HANDLE key)
{
    struct kh_challenge challenge;

    return kh_challenge_make(&challenge, s->kind, &s->half) &&
           kh_challenge_answer(s->call, s->kind, key, &challenge) == CKR_OK;
}

/* Can the private value be read? Nothing of it is kept. */
static bool gives_value(struct subject *s, CK_OBJECT_HANDLE key)
{
    static unsigned char value[2048];
    CK_ATTRIBUTE a = {s->kind->type == KH_KEY_EC_P256 ? CKA_VALUE : CKA_PRIVATE_EXPONENT,
        value, sizeof value};
    CK_RV rv = s->call->p11->C_GetAttributeValue(s->call->session, key, &a, 1);

    OPENSSL_cleanse(value, sizeof value);
    return rv == CKR_OK && a.ulValueLen != 0 && a.ulValueLen != (CK_ULONG)-1;
}

/* Whatever it says of a key, there is no function by which one could leave. */
static bool cannot_wrap(struct subject *s, CK_OBJECT_HANDLE key)
{
    static unsigned char out[8192];
    CK_MECHANISM way = {CKM_RSA_PKCS, NULL, 0};
    CK_ULONG len = sizeof out;
    CK_RV rv = s->call->p11->C_WrapKey(s->call->session, &way, key, key, out, &len);

    OPENSSL_cleanse(out, sizeof out);
    return rv == CKR_FUNCTION_NOT_SUPPORTED;
}

/* Does the token still say that the key is as it was made? One that cannot be looked at
 * gives nothing away. */
static bool is_flagged(struct subject *s, CK_OBJECT_HANDLE key)
{
    struct kh_look look;

    return kh_look_at(s->call, key, &look) != CKR_OK ||
           (look.sensitive && !look.extractable);
}

static bool is_kept(struct subject *s, CK_OBJECT_HANDLE key)
{
    return !gives_value(s, key) && (is_flagged(s, key) || cannot_wrap(s, key));
}

static void look_at_it(struct subject *s)
{
    struct kh_look look;
    CK_RV rv = kh_look_at(s->call, s->key, &look);

    kh_fact_rv("key.readable", s->call, rv);
    if (rv != CKR_OK)
        return;
    kh_fact_bool("key.on_token", look.token, "%s", "");
    kh_fact_bool("key.private", look.private, "%s", "");
    kh_fact_bool("key.sensitive", look.sensitive && look.always_sensitive, "%s", "");
    kh_fact_bool(
        "key.not_extractable", !look.extractable && look.never_extractable, "%s", "");
    kh_fact_bool("key.value_hidden", !gives_value(s, s->key), "%s", "");
    kh_fact_bool("key.id_kept",
        look.id.len == s->id.len && memcmp(look.id.bytes, s->id.bytes, s->id.len) == 0,
        "%s", "");
}

static void try_copy(struct subject *s)
{
    CK_ATTRIBUTE open[] = {
        {CKA_EXTRACTABLE, &yes, sizeof yes}, {CKA_SENSITIVE, &no, sizeof no}};
    bool safe = true;
    CK_RV rv = CKR_OK;

    /* Together they may be refused for one of them alone. */
    for (int i = 0; safe && i < 3; i++) {
        CK_OBJECT_HANDLE copy = CK_INVALID_HANDLE;

        rv = kh_said(s->call, "C_CopyObject",
            s->call->p11->C_CopyObject(
                s->call->session, s->key, open + (i == 2), i == 0 ? 2 : 1, &copy));
        if (rv == CKR_OK) {
            safe = is_kept(s, copy);
            kh_probe_drop(s->call, copy);
        }
    }
    kh_fact_bool("key.copy_safe", safe, "%s", safe ? kh_probe_why(s->call, rv) : "");
}

static void try_change(
    struct subject *s, const char *fact, CK_ATTRIBUTE_TYPE type, CK_BBOOL *value)
{
    CK_ATTRIBUTE a = {type, value, sizeof *value};
    CK_RV rv = kh_said(s->call, "C_SetAttributeValue",
        s->call->p11->C_SetAttributeValue(s->call->session, s->key, &a, 1));
    const char *said = rv == CKR_OK ? "it says yes" : kh_probe_why(s->call, rv);

    /* What it refuses it has not changed; how the key was before is another fact. */
    kh_fact_bool(fact, rv != CKR_OK || is_kept(s, s->key), "%s", said);
}

static void try_rename(struct subject *s)
{
    char label[] = KH_PROBE_LABEL;
    CK_ATTRIBUTE a = {CKA_LABEL, label, sizeof label - 1};
    CK_RV rv = kh_said(s->call, "C_SetAttributeValue",
        s->call->p11->C_SetAttributeValue(s->call->session, s->key, &a, 1));

    kh_fact_bool("key.not_modifiable", rv != CKR_OK, "%s", kh_probe_why(s->call, rv));
}

static void try_wrap(struct subject *s)
{
    static const CK_MECHANISM_TYPE ways[] = {0x2109 /* CKM_AES_KEY_WRAP */,
        0x210a /* CKM_AES_KEY_WRAP_PAD */, CKM_AES_CBC_PAD};
    CK_MECHANISM generate = {CKM_AES_KEY_GEN, NULL, 0};
    CK_ULONG bytes = 32;
    CK_ATTRIBUTE template[] = {{CKA_TOKEN, &no, sizeof no}, {CKA_WRAP, &yes, sizeof yes},
        {CKA_ENCRYPT, &yes, sizeof yes}, {CKA_VALUE_LEN, &bytes, sizeof bytes}};
    CK_OBJECT_HANDLE wrapper = CK_INVALID_HANDLE;
    CK_RV rv = kh_said(s->call, "C_GenerateKey",
        s->call->p11->C_GenerateKey(s->call->session, &generate, template, 4, &wrapper));
    bool refused = true;

    if (rv != CKR_OK) {
        kh_fact_bool(
            "key.wrap_refused", true, "no wrapping key: %s", kh_probe_why(s->call, rv));
        return;
    }
    for (size_t i = 0; refused && i < sizeof ways / sizeof ways[0]; i++) {
        static unsigned char out[8192];
        unsigned char iv[16] = {0};
        CK_MECHANISM way = {ways[i], NULL, 0};
        CK_ULONG len = sizeof out;

        if (ways[i] == CKM_AES_CBC_PAD)
            way = (CK_MECHANISM){ways[i], iv, sizeof iv};
        rv = kh_said(s->call, "C_WrapKey",
            s->call->p11->C_WrapKey(s->call->session, &way, wrapper, s->key, out, &len));
        refused = rv != CKR_OK;
        OPENSSL_cleanse(out, sizeof out);
    }
    kh_fact_bool("key.wrap_refused", refused, "%s", kh_probe_why(s->call, rv));
    kh_probe_drop(s->call, wrapper);
}

/* ---- is it there --------------------------------------------------------------------
 */

/* By its id and another session; its public half has been destroyed long since. */
static void try_find(struct kh_probe *probe, struct subject *s)
{
    struct kh_handles found = {0};
    CK_SESSION_HANDLE first = s->call->session;
    CK_SESSION_HANDLE other = CK_INVALID_HANDLE;
    CK_RV rv = kh_probe_session(probe, &other);

    if (rv == CKR_OK) {
        s->call->session = other;
        rv = kh_find_id(s->call, &s->id, &found);
        kh_fact_bool("key.found_by_id", rv == CKR_OK && found.count == 1,
            "%zu objects have its id", found.count);
        if (rv == CKR_OK && found.count > 0)
            kh_fact_bool("key.alive_alone", works(s, found.list[0]), "%s",
                kh_probe_why(s->call, CKR_OK));
        (void)s->call->p11->C_CloseSession(other);
        s->call->session = first;
    }
    kh_handles_free(&found);
}

/* A second key with the id of the first: both have to be there, or the second refused. */
static void try_twin(struct subject *s)
{
    struct kh_key_spec spec = {.type = s->kind->type,
        .bits = s->kind->bits,
        .on_token = true,
        .id = &s->id,
        .label = KH_PROBE_LABEL};
    struct kh_public_half half = {0};
    struct kh_handles found = {0};
    CK_OBJECT_HANDLE twin = CK_INVALID_HANDLE;
    CK_RV rv = kh_key_make(s->call, &spec, &twin, &half);
    CK_RV find = kh_find_id(s->call, &s->id, &found);
    bool first = works(s, s->key);

    kh_fact_bool("id.twin_harmless", first, "%s",
        rv != CKR_OK       ? kh_probe_why(s->call, rv)
        : find != CKR_OK   ? kh_probe_why(s->call, find)
        : found.count == 1 ? "a second key of the same id takes the first one's place"
        : found.count == 2 && first ? "both are there"
                                    : "the first key does not work any more");
    kh_handles_free(&found);
    free(half.spki);
    kh_probe_drop(s->call, twin);
}

/* Without a login nobody sees it. The token has to log in again afterwards. */
static void try_logout(struct kh_probe *probe, struct subject *s)
{
    struct kh_handles found = {0};
    CK_RV rv;

    if (!(probe->slot.flags & CKF_LOGIN_REQUIRED)) {
        kh_fact_bool("key.needs_login", false, "the token wants no PIN");
        return;
    }
    if (s->call->p11->C_Logout(s->call->session) != CKR_OK)
        return;
    rv = kh_find_id(s->call, &s->id, &found);
    kh_fact_bool("key.needs_login", rv != CKR_OK || found.count == 0, "%s", "");
    kh_handles_free(&found);
    rv = kh_probe_login(probe);
    kh_fact_rv("login.after_logout", s->call, rv);
    if (rv == CKR_OK && kh_find_id(s->call, &s->id, &found) == CKR_OK && found.count == 1)
        s->key = found.list[0];
    kh_handles_free(&found);
}

void kh_stage_secrecy(struct kh_probe *probe)
{
    struct subject s = {.call = &probe->call, .kind = kh_probe_kind(probe)};
    CK_RV rv;

    if (!s.kind) {
        kh_fact_bool("key.made", false, "no kind of deposit key works here");
        return;
    }
    rv = kh_probe_make(s.call, s.kind, true, &s.id, &s.key, &s.half);
    kh_fact_rv("key.made", s.call, rv);
    if (rv == CKR_OK) {
        look_at_it(&s);
        try_find(probe, &s);
        try_copy(&s);
        try_rename(&s);
        try_wrap(&s);
        try_change(&s, "key.stays_not_extractable", CKA_EXTRACTABLE, &yes);
        try_change(&s, "key.stays_sensitive", CKA_SENSITIVE, &no);
        kh_fact_bool("key.flags_stay", is_flagged(&s, s.key), "%s", "");
        try_twin(&s);
        try_logout(probe, &s);
    }
    kh_probe_drop(s.call, s.key);
    free(s.half.spki);
}
