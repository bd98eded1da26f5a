#include "plugins/pkcs11/ops.h"

#include "plugins/pkcs11/find.h"

#include <openssl/crypto.h>
#include <string.h>

struct ecdh {
    const struct kh_token_key *key;
    const unsigned char *peer;
    size_t peer_len;
    unsigned char *secret;
};

struct decrypt {
    const struct kh_token_key *key;
    struct kh_oaep *oaep;
    size_t room;
};

struct bytes {
    unsigned char *out;
    size_t len;
};

static CK_RV read_secret(
    struct kh_call *call, CK_OBJECT_HANDLE derived, const struct kh_ecdh *ecdh)
{
    CK_ATTRIBUTE a = {CKA_VALUE, ecdh->secret, ecdh->len};
    CK_RV rv = kh_said(call, "C_GetAttributeValue",
        call->p11->C_GetAttributeValue(call->session, derived, &a, 1));

    /* A shorter secret would be another secret. */
    if (rv == CKR_OK && a.ulValueLen != ecdh->len)
        rv = CKR_FUNCTION_FAILED;
    return rv;
}

CK_RV kh_ecdh_derive(
    struct kh_call *call, CK_OBJECT_HANDLE key, const struct kh_ecdh *ecdh)
{
    CK_OBJECT_CLASS class = CKO_SECRET_KEY;
    CK_KEY_TYPE type = CKK_GENERIC_SECRET;
    CK_BBOOL yes = CK_TRUE;
    CK_BBOOL no = CK_FALSE;
    CK_ULONG len = ecdh->len;
    CK_ATTRIBUTE template[] = {
        {CKA_CLASS, &class, sizeof class},
        {CKA_KEY_TYPE, &type, sizeof type},
        {CKA_TOKEN, &no, sizeof no},
        {CKA_PRIVATE, &yes, sizeof yes},
        {CKA_SENSITIVE, &no, sizeof no},
        {CKA_EXTRACTABLE, &yes, sizeof yes},
        {CKA_VALUE_LEN, &len, sizeof len},
    };
    unsigned char point[KH_ECDH_POINT_MAX];
    CK_ECDH1_DERIVE_PARAMS params = {.kdf = CKD_NULL};
    CK_MECHANISM mechanism = {CKM_ECDH1_DERIVE, &params, sizeof params};
    CK_OBJECT_HANDLE derived = CK_INVALID_HANDLE;
    CK_RV rv;

    if (ecdh->peer_len != 1 + 2 * ecdh->len || ecdh->peer_len > sizeof point)
        return kh_said(call, "peer's public point", CKR_DATA_LEN_RANGE);
    memcpy(point, ecdh->peer, ecdh->peer_len);
    params.pPublicData = point;
    params.ulPublicDataLen = ecdh->peer_len;
    rv = kh_said(call, "C_DeriveKey",
        call->p11->C_DeriveKey(call->session, &mechanism, key, template,
            sizeof template / sizeof template[0], &derived));
    if (rv == CKR_OK)
        rv = read_secret(call, derived, ecdh);
    if (rv == CKR_OK)
        rv = kh_said(
            call, "C_DestroyObject", call->p11->C_DestroyObject(call->session, derived));
    if (rv != CKR_OK)
        OPENSSL_cleanse(ecdh->secret, ecdh->len);
    return rv;
}

CK_RV kh_ecdh_handle(struct kh_call *call, CK_OBJECT_HANDLE key,
    const unsigned char *peer, size_t peer_len, unsigned char secret[KH_ECDH_LEN])
{
    const struct kh_ecdh ecdh = {peer, peer_len, secret, KH_ECDH_LEN};

    return kh_ecdh_derive(call, key, &ecdh);
}

CK_RV kh_oaep_handle(struct kh_call *call, CK_OBJECT_HANDLE key, struct kh_oaep *oaep)
{
    bool sha1 = oaep->hash == KH_OAEP_SHA1;
    /* NULL with CKZ_DATA_SPECIFIED is what all five modules take. */
    CK_RSA_PKCS_OAEP_PARAMS params = {.hashAlg = sha1 ? CKM_SHA_1 : CKM_SHA256,
        .mgf = sha1 ? CKG_MGF1_SHA1 : CKG_MGF1_SHA256,
        .source = CKZ_DATA_SPECIFIED};
    CK_MECHANISM mechanism = {CKM_RSA_PKCS_OAEP, &params, sizeof params};
    unsigned char in[1024];
    CK_ULONG len = oaep->out_len;
    CK_RV rv;

    if (oaep->in_len > sizeof in)
        return kh_said(call, "encrypted key", CKR_ENCRYPTED_DATA_LEN_RANGE);
    memcpy(in, oaep->in, oaep->in_len);
    rv = kh_said(
        call, "C_DecryptInit", call->p11->C_DecryptInit(call->session, &mechanism, key));
    if (rv == CKR_OK)
        rv = kh_said(call, "C_Decrypt",
            call->p11->C_Decrypt(call->session, in, oaep->in_len, oaep->out, &len));
    if (rv == CKR_OK && len > oaep->out_len)
        rv = CKR_FUNCTION_FAILED;
    if (rv == CKR_OK)
        oaep->out_len = len;
    else
        OPENSSL_cleanse(oaep->out, oaep->out_len);
    return rv;
}

static CK_RV ecdh_work(struct kh_call *call, void *arg)
{
    const struct ecdh *work = arg;
    CK_OBJECT_HANDLE key;
    CK_RV rv = kh_key_handle(call, &work->key->id, KH_CORRUPT, &key);

    return rv == CKR_OK
               ? kh_ecdh_handle(call, key, work->peer, work->peer_len, work->secret)
               : rv;
}

static kh_status ecdh(void *token, const struct kh_token_key *key,
    const unsigned char *peer, size_t peer_len, unsigned char secret[32],
    struct kh_error *err)
{
    struct ecdh work = {key, peer, peer_len, secret};

    return kh_run(token, ecdh_work, &work, &key->id, err);
}

static CK_RV decrypt_work(struct kh_call *call, void *arg)
{
    const struct decrypt *work = arg;
    CK_OBJECT_HANDLE key;
    CK_RV rv = kh_key_handle(call, &work->key->id, KH_CORRUPT, &key);

    work->oaep->out_len = work->room;
    return rv == CKR_OK ? kh_oaep_handle(call, key, work->oaep) : rv;
}

static kh_status oaep_decrypt(void *token, const struct kh_token_key *key,
    kh_oaep_hash hash, const unsigned char *in, size_t in_len, unsigned char *out,
    size_t *out_len, struct kh_error *err)
{
    struct kh_oaep oaep = {.hash = hash, .in = in, .in_len = in_len, .out = out};
    struct decrypt work = {key, &oaep, (key->bits + 7) / 8};
    kh_status st;

    if (in_len != work.room)
        return kh_fail(err, KH_CORRUPT,
            "an encrypted key of %zu bytes is not for an RSA-%u key", in_len, key->bits);
    st = kh_run(token, decrypt_work, &work, &key->id, err);
    if (st == KH_OK)
        *out_len = oaep.out_len;
    return st;
}

static CK_RV random_work(struct kh_call *call, void *arg)
{
    const struct bytes *want = arg;

    return kh_said(call, "C_GenerateRandom",
        call->p11->C_GenerateRandom(call->session, want->out, want->len));
}

static kh_status random_bytes(
    void *token, unsigned char *out, size_t len, struct kh_error *err)
{
    struct bytes want = {out, len};

    return kh_run(token, random_work, &want, NULL, err);
}

kh_status kh_token_random(
    struct kh_token *token, struct kh_buf *out, struct kh_error *err)
{
    return random_bytes(token, out->data, out->len, err);
}

void kh_token_ops(struct kh_token *token, struct kh_token_ops *ops)
{
    *ops = (struct kh_token_ops){.token = token,
        .ecdh = ecdh,
        .oaep_decrypt = oaep_decrypt,
        .random = random_bytes};
}

kh_status kh_token_probe(struct kh_token *token, struct kh_error *err)
{
    return kh_run(token, kh_run_self_test, NULL, NULL, err);
}
