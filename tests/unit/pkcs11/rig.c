#include "tests/unit/pkcs11/rig.h"

#include "plugins/pkcs11/options.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

static void must(kh_status st, const struct kh_error *err)
{
    if (st == KH_OK)
        return;
    fprintf(stderr, "rig: %s\n", err->message);
    abort();
}

static void choose(struct rig *rig)
{
    char text[1400];

    snprintf(rig->state, sizeof rig->state, "%s/state", rig->soft.dir);
    must(kh_config_load(&rig->config, NULL, &rig->err), &rig->err);
    snprintf(text, sizeof text, "state_dir=%s", rig->state);
    rig_set(rig, text);
    snprintf(text, sizeof text, "pin_source=file:%s", rig->soft.pin_file);
    rig_set(rig, text);
    snprintf(text, sizeof text, "softhsm2_conf=%s", rig->soft.conf);
    rig_set(rig, text);
    rig_set(rig, "module=" SOFTHSM2_MODULE);
    rig_set(rig, "token_label=lab");
    rig_host(rig);
}

void rig_make(struct rig *rig)
{
    memset(rig, 0, sizeof *rig);
    kh_test_token_make(&rig->soft, kh_test_dir());
    choose(rig);
}

void rig_at(struct rig *rig, const char *dir)
{
    memset(rig, 0, sizeof *rig);
    snprintf(rig->soft.dir, sizeof rig->soft.dir, "%s", dir);
    snprintf(rig->soft.conf, sizeof rig->soft.conf, "%s/softhsm2.conf", dir);
    snprintf(rig->soft.pin_file, sizeof rig->soft.pin_file, "%s/pin", dir);
    choose(rig);
}

void rig_set(struct rig *rig, const char *assignment)
{
    char text[1600];

    snprintf(text, sizeof text, "backend.hsm.%s", assignment);
    must(kh_config_override(rig->config, text, &rig->err), &rig->err);
}

void rig_host(struct rig *rig)
{
    must(kh_config_claim(rig->config, "backend.hsm", kh_pkcs11_options,
             KH_PKCS11_OPTION_COUNT, true, &rig->err),
        &rig->err);
    rig->origin = (struct kh_host_origin){rig->config, "backend.hsm"};
    kh_host_init(&rig->host, "hsm", KH_OPEN_TOOL, &rig->origin);
}

kh_status rig_open(struct rig *rig)
{
    memset(&rig->err, 0, sizeof rig->err);
    return kh_token_open(&rig->token, &rig->host, &rig->err);
}

void rig_close(struct rig *rig)
{
    kh_token_close(rig->token);
    rig->token = NULL;
}

void rig_end(struct rig *rig)
{
    rig_close(rig);
    kh_config_free(rig->config);
    rig->config = NULL;
}

struct kh_key_id rig_id(unsigned n)
{
    struct kh_key_id id = {.len = 20};

    memcpy(id.bytes, "tag.", 4);
    memcpy(id.bytes + 16, &n, sizeof n);
    return id;
}

kh_status rig_generate(struct rig *rig, unsigned n, struct kh_public_half *half)
{
    struct kh_key_id id = rig_id(n);
    char label[64];

    snprintf(label, sizeof label, "deposit-%u", n);
    memset(half, 0, sizeof *half);
    return kh_token_key_generate(rig->token, &id, label, half, &rig->err);
}

static EVP_PKEY *ephemeral(unsigned char point[65])
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    size_t len = 0;

    if (!key ||
        EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point, 65, &len) <=
            0 ||
        len != 65)
        abort();
    return key;
}

static void software(
    EVP_PKEY *mine, const struct kh_public_half *half, unsigned char out[32])
{
    const unsigned char *at = half->spki;
    EVP_PKEY *peer = d2i_PUBKEY(NULL, &at, (long)half->spki_len);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(mine, NULL);
    size_t len = 32;

    if (!peer || EVP_PKEY_derive_init(ctx) <= 0 ||
        EVP_PKEY_derive_set_peer(ctx, peer) <= 0 ||
        EVP_PKEY_derive(ctx, out, &len) <= 0 || len != 32)
        abort();
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(peer);
}

static kh_status derive(struct rig *rig, unsigned n, const unsigned char point[65],
    unsigned char out[32], struct kh_error *err)
{
    struct kh_token_ops ops;
    struct kh_token_key key = {.id = rig_id(n), .type = KH_KEY_EC_P256, .bits = 256};

    kh_token_ops(rig->token, &ops);
    return ops.ecdh(ops.token, &key, point, 65, out, err);
}

kh_status rig_agree(struct rig *rig, unsigned n, const struct kh_public_half *half,
    bool *agrees, struct kh_error *err)
{
    unsigned char point[65];
    unsigned char want[32];
    unsigned char got[32] = {0};
    EVP_PKEY *mine = ephemeral(point);
    kh_status st;

    software(mine, half, want);
    EVP_PKEY_free(mine);
    st = derive(rig, n, point, got, err);
    *agrees = st == KH_OK && memcmp(got, want, sizeof got) == 0;
    return st;
}

bool rig_agrees(struct rig *rig, unsigned n, const struct kh_public_half *half)
{
    bool agrees;
    kh_status st = rig_agree(rig, n, half, &agrees, &rig->err);

    if (st != KH_OK)
        fprintf(stderr, "    ecdh with key %u: status %d: %s\n", n, (int)st,
            rig->err.message);
    return agrees;
}

kh_status rig_ecdh(struct rig *rig, unsigned n, struct kh_error *err)
{
    unsigned char point[65];
    unsigned char got[32];
    EVP_PKEY *mine = ephemeral(point);

    EVP_PKEY_free(mine);
    return derive(rig, n, point, got, err);
}

struct counts {
    unsigned all;
    unsigned complete;
};

static kh_status count_one(
    void *arg, const struct kh_token_object *object, struct kh_error *err)
{
    struct counts *counts = arg;

    (void)err;
    counts->all++;
    counts->complete += object->complete;
    return KH_OK;
}

unsigned rig_count(struct rig *rig, unsigned *complete)
{
    struct counts counts = {0, 0};
    kh_status st = kh_token_key_each(rig->token, count_one, &counts, &rig->err);

    if (st != KH_OK)
        fprintf(stderr, "    each: status %d: %s\n", (int)st, rig->err.message);
    CU_ASSERT_EQUAL(st, KH_OK);
    if (complete)
        *complete = counts.complete;
    return counts.all;
}

int rig_tool(const struct rig *rig, const char *arguments)
{
    return kh_test_shell("SOFTHSM2_CONF='%s' pkcs11-tool --module " SOFTHSM2_MODULE
                         " --token-label lab --login --pin %s %s >/dev/null 2>&1",
        rig->soft.conf, rig->soft.pin, arguments);
}
