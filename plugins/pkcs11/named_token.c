#include "plugins/pkcs11/named_token.h"

#include "plugins/pkcs11/find.h"
#include "plugins/pkcs11/named_ops.h"

#include <keyhsm/key_words.h>
#include <openssl/crypto.h>

typedef CK_RV (*operation)(struct kh_call *call, struct kh_named_work *work);

static operation operation_of(kh_key_scheme scheme)
{
    switch (scheme) {
    case KH_SCHEME_ECDSA:
        return kh_named_ecdsa;
    case KH_SCHEME_ED25519:
        return kh_named_ed25519;
    case KH_SCHEME_RSA_PKCS1:
        return kh_named_rsa_pkcs1;
    case KH_SCHEME_RSA_PSS:
        return kh_named_rsa_pss;
    case KH_SCHEME_RSA_OAEP:
        return kh_named_rsa_oaep;
    case KH_SCHEME_ECDH:
        return kh_named_ecdh;
    case KH_SCHEME_AES_WRAP:
        return kh_named_wrap;
    case KH_SCHEME_AES_UNWRAP:
        return kh_named_unwrap;
    }
    return NULL;
}

/* "rsa-pss with sha256 and MGF1 of sha1" */
static void describe(const struct kh_key_use *use, char out[64])
{
    const struct kh_key_word *words = kh_key_hash_words();
    bool mgf = use->scheme == KH_SCHEME_RSA_PSS || use->scheme == KH_SCHEME_RSA_OAEP;
    bool hash = use->hash != KH_HASH_NONE;

    (void)snprintf(out, 64, "%s%s%s%s%s", kh_key_word(kh_key_scheme_words(), use->scheme),
        hash ? " with " : "", hash ? kh_key_word(words, use->hash) : "",
        mgf ? " and MGF1 of " : "", mgf ? kh_key_word(words, use->mgf_hash) : "");
}

CK_RV kh_named_lacks(struct kh_call *call, const struct kh_named_work *work, CK_RV rv)
{
    char what[64];
    bool late = rv == CKR_GENERAL_ERROR && (call->quirks & KH_QUIRK_LATE_REFUSAL);

    if (!late && rv != CKR_MECHANISM_INVALID && rv != CKR_MECHANISM_PARAM_INVALID &&
        rv != CKR_ARGUMENTS_BAD)
        return rv;
    call->soiled = true;
    describe(work->use->use, what);
    return kh_verdict(
        call, kh_fail(call->err, KH_REFUSED, "token '%s' does not do %s (%s: %s)",
                  call->token->slot.label, what, call->what, kh_rv_name(rv)));
}

bool kh_named_doubtful(CK_RV rv)
{
    return rv == CKR_GENERAL_ERROR || rv == CKR_FUNCTION_FAILED ||
           rv == CKR_ENCRYPTED_DATA_INVALID || rv == CKR_ENCRYPTED_DATA_LEN_RANGE ||
           rv == CKR_WRAPPED_KEY_INVALID || rv == CKR_WRAPPED_KEY_LEN_RANGE ||
           rv == CKR_DATA_INVALID || rv == CKR_DATA_LEN_RANGE;
}

CK_RV kh_named_bad_input(struct kh_call *call, const char *why)
{
    call->soiled = true;
    return kh_verdict(call, kh_fail(call->err, KH_INVALID, "%s", why));
}

static CK_RV run_use(struct kh_call *call, void *arg)
{
    struct kh_named_work *work = arg;
    const struct kh_wanted wanted = {.id = &work->use->id,
        .secret_key = work->kind->kind == KH_KIND_AES_256,
        .missing = KH_CORRUPT};
    CK_RV rv = kh_wanted_handle(call, &wanted, &work->key);

    return rv == CKR_OK ? operation_of(work->use->use->scheme)(call, work) : rv;
}

size_t kh_token_named_room(kh_key_kind kind)
{
    return kh_named_kind(kind)->output_room;
}

/* KH_INVALID rests on an error that may be the token's own: it must say that it is well,
 * and the same must come again. */
static kh_status confirm(
    struct kh_token *token, struct kh_named_work *work, struct kh_error *err)
{
    kh_status st = kh_token_probe(token, err);

    return st == KH_OK ? kh_run(token, run_use, work, &work->use->id, err) : st;
}

kh_status kh_token_named_use(
    struct kh_token *token, struct kh_named_use *use, struct kh_error *err)
{
    struct kh_named_work work = {
        .use = use, .kind = kh_named_kind(use->kind), .room = use->out->len};
    kh_status st = kh_named_check_input(work.kind, use->use, err);

    if (st == KH_OK) {
        st = kh_run(token, run_use, &work, &use->id, err);
        if (st == KH_INVALID)
            st = confirm(token, &work, err);
    }
    if (st != KH_OK)
        OPENSSL_cleanse(use->out->data, use->out->cap);
    return st;
}

bool kh_token_named_proven(struct kh_token *token, const struct kh_key_id *id)
{
    return kh_cache_is_proven(&token->cache, id);
}

void kh_token_named_set_proven(struct kh_token *token, const struct kh_key_id *id)
{
    kh_cache_set_proven(&token->cache, id);
}
