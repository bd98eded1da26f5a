#include "tests/unit/provider/backing.h"

#include <openssl/core_names.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

struct software {
    OSSL_LIB_CTX *libctx;
    EVP_PKEY *ec;
    EVP_PKEY *rsa;
};

static void need(int ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "software keys: %s\n", what);
        abort();
    }
}

static EVP_PKEY *peer_key(
    const struct software *own, const unsigned char *peer, size_t len)
{
    char group[] = "prime256v1";
    OSSL_PARAM params[3] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
        OSSL_PARAM_construct_octet_string(
            OSSL_PKEY_PARAM_PUB_KEY, (void *)(uintptr_t)peer, len),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(own->libctx, "EC", NULL);
    EVP_PKEY *key = NULL;

    if (ctx && EVP_PKEY_fromdata_init(ctx) > 0)
        (void)EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params);
    EVP_PKEY_CTX_free(ctx);
    return key;
}

static kh_status ecdh(void *token, const struct kh_token_key *key,
    const unsigned char *peer, size_t peer_len, unsigned char secret[32],
    struct kh_error *err)
{
    struct backing *backing = token;
    const struct software *own = backing->own;
    kh_status status = backing_enter(backing, &backing->ecdh_calls, err);
    EVP_PKEY *other;
    EVP_PKEY_CTX *ctx;
    size_t len = 32;

    if (status != KH_OK)
        return status;
    if (key->id.len != backing->ec.id.len ||
        memcmp(key->id.bytes, backing->ec.id.bytes, key->id.len) != 0)
        return kh_fail(err, KH_NOT_FOUND, "backing: no such key");
    other = peer_key(own, peer, peer_len);
    ctx = EVP_PKEY_CTX_new_from_pkey(own->libctx, own->ec, NULL);
    if (!other || !ctx || EVP_PKEY_derive_init(ctx) <= 0 ||
        EVP_PKEY_derive_set_peer_ex(ctx, other, 0) <= 0 ||
        EVP_PKEY_derive(ctx, secret, &len) <= 0 || len != 32)
        status = kh_fail(err, KH_CORRUPT, "backing: ECDH failed");
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(other);
    return status;
}

static kh_status oaep_decrypt(void *token, const struct kh_token_key *key,
    kh_oaep_hash hash, const unsigned char *in, size_t in_len, unsigned char *out,
    size_t *out_len, struct kh_error *err)
{
    struct backing *backing = token;
    const struct software *own = backing->own;
    const EVP_MD *md = hash == KH_OAEP_SHA256 ? EVP_sha256() : EVP_sha1();
    kh_status status = backing_enter(backing, &backing->oaep_calls, err);
    EVP_PKEY_CTX *ctx;

    if (status != KH_OK)
        return status;
    *out_len = key->bits / 8;
    ctx = EVP_PKEY_CTX_new_from_pkey(own->libctx, own->rsa, NULL);
    if (!ctx || EVP_PKEY_decrypt_init(ctx) <= 0 ||
        EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) <= 0 ||
        EVP_PKEY_CTX_set_rsa_oaep_md(ctx, md) <= 0 ||
        EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, md) <= 0 ||
        EVP_PKEY_decrypt(ctx, out, out_len, in, in_len) <= 0)
        status = kh_fail(err, KH_CORRUPT, "backing: OAEP failed");
    EVP_PKEY_CTX_free(ctx);
    return status;
}

static kh_status random_bytes(
    void *token, unsigned char *out, size_t len, struct kh_error *err)
{
    struct backing *backing = token;
    const struct software *own = backing->own;
    kh_status status = backing_enter(backing, &backing->random_calls, err);

    if (status == KH_OK && RAND_bytes_ex(own->libctx, out, len, 0) != 1)
        status = kh_fail(err, KH_UNAVAILABLE, "backing: RAND failed");
    return status;
}

void backing_software(struct backing *backing)
{
    struct software *own = calloc(1, sizeof *own);
    int len;

    memset(backing, 0, sizeof *backing);
    need(own != NULL, "no memory");
    own->libctx = OSSL_LIB_CTX_new();
    own->ec = EVP_PKEY_Q_keygen(own->libctx, NULL, "EC", "P-256");
    own->rsa = EVP_PKEY_Q_keygen(own->libctx, NULL, "RSA", (size_t)2048);
    need(own->ec && own->rsa, "key generation");
    len = i2d_PUBKEY(own->ec, &backing->ec_spki);
    need(len > 0, "public key");
    backing->ec_spki_len = (size_t)len;
    len = i2d_PUBKEY(own->rsa, &backing->rsa_spki);
    need(len > 0, "public key");
    backing->rsa_spki_len = (size_t)len;
    backing->ec = (struct kh_token_key){.type = KH_KEY_EC_P256, .bits = 256};
    backing->rsa = (struct kh_token_key){.type = KH_KEY_RSA, .bits = 2048};
    backing->ec.id.len = backing->rsa.id.len = 20;
    memset(backing->ec.id.bytes, 0xec, 20);
    memset(backing->rsa.id.bytes, 0x5a, 20);
    backing->own = own;
    backing->ops = (struct kh_token_ops){backing, ecdh, oaep_decrypt, random_bytes};
}

void backing_software_free(struct backing *backing)
{
    struct software *own = backing->own;

    OPENSSL_free(backing->ec_spki);
    OPENSSL_free(backing->rsa_spki);
    EVP_PKEY_free(own->ec);
    EVP_PKEY_free(own->rsa);
    OSSL_LIB_CTX_free(own->libctx);
    free(own);
}
