#include "tests/unit/pkcs11/ring.h"

#include "plugins/pkcs11/named.h"
#include <keyhsm/key_words.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <string.h>

kh_status ring_make(struct shop *s, const char *name, kh_key_kind kind, uint32_t purposes,
    struct kh_named_key *key)
{
    struct kh_named_key own;

    if (!key)
        key = &own;
    memset(&s->err, 0, sizeof s->err);
    *key = (struct kh_named_key){.kind = kind, .purposes = purposes};
    snprintf(key->name, sizeof key->name, "%s", name);
    return kh_named_create(s->store, key, &s->err);
}

kh_status ring_use(
    struct shop *s, const char *name, const struct kh_key_use *use, struct kh_buf *out)
{
    memset(&s->err, 0, sizeof s->err);
    *out = (struct kh_buf){0};
    return kh_named_use(s->store, name, use, out, &s->err);
}

void ring_done(struct shop *s, struct kh_buf *out)
{
    s->rig.host.buf_free(&s->rig.host, out);
}

static const unsigned char digest[64] =
    "sixty-four bytes that stand for the digest of something signed.";

static const EVP_MD *md_of(kh_key_hash hash)
{
    switch (hash) {
    case KH_HASH_SHA1:
        return EVP_sha1();
    case KH_HASH_SHA224:
        return EVP_sha224();
    case KH_HASH_SHA256:
        return EVP_sha256();
    case KH_HASH_SHA384:
        return EVP_sha384();
    case KH_HASH_SHA512:
        return EVP_sha512();
    default:
        return NULL;
    }
}

struct kh_key_use ring_signing(kh_key_scheme scheme, kh_key_hash hash)
{
    size_t len = hash == KH_HASH_NONE ? sizeof digest : kh_key_hash_len(hash);

    return (struct kh_key_use){.scheme = scheme,
        .hash = hash,
        .mgf_hash = hash,
        .salt_len = (uint32_t)len,
        .input = digest,
        .input_len = len};
}

EVP_PKEY *ring_public(const struct kh_named_key *key)
{
    const unsigned char *at = key->public_key;

    return d2i_PUBKEY(NULL, &at, (long)key->public_len);
}

static bool verifies_message(
    EVP_PKEY *pkey, const struct kh_key_use *use, const struct kh_buf *signature)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, pkey) > 0 &&
              EVP_DigestVerify(
                  ctx, signature->data, signature->len, use->input, use->input_len) == 1;

    EVP_MD_CTX_free(ctx);
    return ok;
}

static bool verifies_digest(
    EVP_PKEY *pkey, const struct kh_key_use *use, const struct kh_buf *signature)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(pkey, NULL);
    const EVP_MD *md = md_of(use->hash);
    bool ok = ctx && EVP_PKEY_verify_init(ctx) > 0 &&
              (!md || EVP_PKEY_CTX_set_signature_md(ctx, md) > 0);

    if (ok && use->scheme == KH_SCHEME_RSA_PSS)
        ok = EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) > 0 &&
             EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, (int)use->salt_len) > 0;
    ok = ok && EVP_PKEY_verify(
                   ctx, signature->data, signature->len, use->input, use->input_len) == 1;
    EVP_PKEY_CTX_free(ctx);
    return ok;
}

static bool verifies(const struct kh_named_key *key, const struct kh_key_use *use,
    const struct kh_buf *signature)
{
    EVP_PKEY *pkey = ring_public(key);
    bool ok = pkey &&
              (use->scheme == KH_SCHEME_ED25519 ? verifies_message(pkey, use, signature)
                                                : verifies_digest(pkey, use, signature));

    EVP_PKEY_free(pkey);
    return ok;
}

bool ring_signs(struct shop *s, const char *name, const struct kh_named_key *key,
    const struct kh_key_use *u)
{
    struct kh_buf out;
    bool ok;

    if (ring_use(s, name, u, &out) != KH_OK) {
        fprintf(stderr, "    %s\n", s->err.message);
        return false;
    }
    ok = verifies(key, u, &out);
    ring_done(s, &out);
    return ok;
}

bool ring_signs_ecdsa(struct shop *s, const char *name, const struct kh_named_key *key)
{
    struct kh_key_use u = ring_signing(KH_SCHEME_ECDSA, KH_HASH_SHA256);

    return ring_signs(s, name, key, &u);
}
