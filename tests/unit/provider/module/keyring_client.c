#include "tests/unit/provider/module/keyring.h"

#include <keyhsm/key_words.h>

#include <openssl/core_names.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

/* client.h, done with keys in software. */

struct kh_client {
    EVP_PKEY *keys[8];
};

static const struct {
    const char *name;
    kh_key_kind kind;
    uint32_t purposes;
} facts[] = {
    {"p256", KH_KIND_EC_P256, KH_KEY_SIGN},
    {"p384", KH_KIND_EC_P384, KH_KEY_SIGN},
    {"ed", KH_KIND_ED25519, KH_KEY_SIGN},
    {"rsa", KH_KIND_RSA_2048, KH_KEY_SIGN},
    {"agree256", KH_KIND_EC_P256, KH_KEY_DERIVE},
    {"agree384", KH_KIND_EC_P384, KH_KEY_DERIVE},
    {"open", KH_KIND_RSA_2048, KH_KEY_DECRYPT},
    {"aes", KH_KIND_AES_256, KH_KEY_WRAP},
};

static EVP_PKEY *generate(kh_key_kind kind)
{
    switch (kind) {
    case KH_KIND_EC_P256:
        return EVP_PKEY_Q_keygen(keyring.own, NULL, "EC", "P-256");
    case KH_KIND_EC_P384:
        return EVP_PKEY_Q_keygen(keyring.own, NULL, "EC", "P-384");
    case KH_KIND_ED25519:
        return EVP_PKEY_Q_keygen(keyring.own, NULL, "ED25519");
    case KH_KIND_RSA_2048:
        return EVP_PKEY_Q_keygen(keyring.own, NULL, "RSA", (size_t)2048);
    default:
        return NULL;
    }
}

/* One daemon, whatever the number of providers that ask it. */
struct kh_client *kh_client_new(
    const struct kh_module *module, OSSL_FUNC_core_get_params_fn *get)
{
    static struct kh_client daemon;

    (void)module, (void)get;
    for (size_t i = 0; i < 8; i++) {
        if (!daemon.keys[i])
            daemon.keys[i] = generate(facts[i].kind);
    }
    return &daemon;
}

void kh_client_free(struct kh_client *client)
{
    for (size_t i = 0; i < 8; i++) {
        EVP_PKEY_free(client->keys[i]);
        client->keys[i] = NULL;
    }
}

bool kh_client_usable(const struct kh_client *client)
{
    return client->keys[0] != NULL;
}

static int find(const char *name, struct kh_error *err)
{
    for (int i = 0; i < 8; i++) {
        if (strcmp(facts[i].name, name) == 0)
            return i;
    }
    (void)kh_fail(err, KH_NOT_FOUND, "'%s': there is no such key", name);
    return -1;
}

kh_status kh_client_key_stat(struct kh_client *client, const char *name,
    struct kh_named_key *out, struct kh_error *err)
{
    unsigned char *der = out->public_key;
    int i = find(name, err);
    int len;

    memset(out, 0, sizeof *out);
    if (i < 0)
        return KH_NOT_FOUND;
    (void)snprintf(out->name, sizeof out->name, "%s", name);
    out->kind = facts[i].kind;
    out->purposes = facts[i].purposes;
    len = client->keys[i] ? i2d_PUBKEY(client->keys[i], &der) : 0;
    out->public_len = (size_t)len;
    return KH_OK;
}

/* No deposits here. */
kh_status kh_client_get(struct kh_client *client, const char *name, uint32_t version,
    struct kh_buf *out, struct kh_error *err)
{
    (void)client, (void)version, (void)out;
    return kh_fail(err, KH_NOT_FOUND, "'%s': there is no such deposit", name);
}

/* ---- uses ---- */

static const EVP_MD *md_of(kh_key_hash hash)
{
    return hash == KH_HASH_NONE
               ? NULL
               : EVP_get_digestbyname(kh_key_word(kh_key_hash_words(), hash));
}

static int pad(EVP_PKEY_CTX *ctx, const struct kh_key_use *use)
{
    const EVP_MD *md = md_of(use->hash);

    if (md && EVP_PKEY_CTX_set_signature_md(ctx, md) <= 0)
        return 0;
    if (use->scheme == KH_SCHEME_ECDSA)
        return 1;
    if (use->scheme == KH_SCHEME_RSA_PKCS1)
        return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) > 0;
    return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) > 0 &&
           EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, md_of(use->mgf_hash)) > 0 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, (int)use->salt_len) > 0;
}

static int sign(
    EVP_PKEY *key, const struct kh_key_use *use, unsigned char *out, size_t *len)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(keyring.own, key, NULL);
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    int ok;

    if (use->scheme == KH_SCHEME_ED25519)
        ok = EVP_DigestSignInit_ex(md, NULL, NULL, keyring.own, NULL, key, NULL) == 1 &&
             EVP_DigestSign(md, out, len, use->input, use->input_len) == 1;
    else
        ok = EVP_PKEY_sign_init(ctx) == 1 && pad(ctx, use) &&
             EVP_PKEY_sign(ctx, out, len, use->input, use->input_len) == 1;
    EVP_MD_CTX_free(md);
    EVP_PKEY_CTX_free(ctx);
    return ok;
}

static int decrypt(
    EVP_PKEY *key, const struct kh_key_use *use, unsigned char *out, size_t *len)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(keyring.own, key, NULL);
    int ok = EVP_PKEY_decrypt_init(ctx) == 1 &&
             EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) > 0 &&
             EVP_PKEY_CTX_set_rsa_oaep_md(ctx, md_of(use->hash)) > 0 &&
             EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, md_of(use->mgf_hash)) > 0 &&
             EVP_PKEY_decrypt(ctx, out, len, use->input, use->input_len) == 1;

    EVP_PKEY_CTX_free(ctx);
    return ok;
}

static int derive(
    EVP_PKEY *key, const struct kh_key_use *use, unsigned char *out, size_t *len)
{
    EVP_PKEY *peer = EVP_PKEY_new();
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(keyring.own, key, NULL);
    int ok = EVP_PKEY_copy_parameters(peer, key) == 1 &&
             EVP_PKEY_set1_encoded_public_key(peer, use->input, use->input_len) == 1 &&
             EVP_PKEY_derive_init(ctx) == 1 && EVP_PKEY_derive_set_peer(ctx, peer) == 1 &&
             EVP_PKEY_derive(ctx, out, len) == 1;

    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(peer);
    return ok;
}

static int run(EVP_PKEY *key, const struct kh_key_use *use, struct kh_buf *out)
{
    size_t len = 1024;
    int ok;

    out->data = calloc(1, 2048);
    switch (kh_key_scheme_purpose(use->scheme)) {
    case KH_KEY_SIGN:
        ok = sign(key, use, out->data, &len);
        break;
    case KH_KEY_DECRYPT:
        ok = decrypt(key, use, out->data, &len);
        break;
    default:
        ok = derive(key, use, out->data, &len);
        break;
    }
    out->len = (size_t)((long)len + atomic_load(&keyring.longer));
    return ok;
}

kh_status kh_client_key_use(struct kh_client *client, const char *name,
    const struct kh_key_use *use, struct kh_buf *out, struct kh_error *err)
{
    kh_status told = (kh_status)atomic_load(&keyring.fail);
    int i = find(name, err);
    int ok;

    atomic_fetch_add(&keyring.uses, 1);
    if (told != KH_OK)
        return kh_fail(err, told, "'%s': told to fail", name);
    if (i < 0)
        return KH_NOT_FOUND;
    if (!(facts[i].purposes & kh_key_scheme_purpose(use->scheme)))
        return kh_fail(err, KH_REFUSED, "'%s': not for that", name);
    (void)ERR_set_mark();
    ok = run(client->keys[i], use, out);
    (void)ERR_pop_to_mark();
    return ok ? KH_OK : kh_fail(err, KH_INVALID, "'%s': libcrypto refuses", name);
}

void kh_client_buf_free(struct kh_buf *buf)
{
    free(buf->data);
    memset(buf, 0, sizeof *buf);
}
