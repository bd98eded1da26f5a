#include "provider/module/pkey.h"

#include "provider/module/client.h"
#include "provider/module/failure.h"

#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

static const uint64_t mark = UINT64_C(0x6b657968736d2b31);

const char *kh_pkey_type(kh_key_kind kind)
{
    switch (kind) {
    case KH_KIND_EC_P256:
    case KH_KIND_EC_P384:
        return "EC";
    case KH_KIND_ED25519:
        return "ED25519";
    case KH_KIND_RSA_2048:
    case KH_KIND_RSA_3072:
    case KH_KIND_RSA_4096:
        return "RSA";
    default:
        return NULL;
    }
}

struct kh_pkey *kh_pkey_blank(struct kh_module *module, const char *type)
{
    struct kh_pkey *made = calloc(1, sizeof *made);

    if (made) {
        made->module = module;
        made->references = 1;
        made->type = type;
    }
    return made;
}

static kh_status make(struct kh_pkey **out, struct kh_module *module,
    const struct kh_named_key *key, struct kh_error *err)
{
    const unsigned char *der = key->public_key;
    const char *type = kh_pkey_type(key->kind);
    struct kh_pkey *made;

    *out = NULL;
    if (!type)
        return kh_fail(err, (kh_status)KH_REASON_NOT_A_KEY,
            "key '%s' is an AES key: it wraps others, by the API of the daemon",
            key->name);
    made = kh_pkey_blank(module, type);
    if (!made)
        return kh_fail(err, KH_FATAL, "out of memory");
    made->whole = true;
    made->kind = key->kind;
    made->purposes = key->purposes;
    memcpy(made->name, key->name, sizeof made->name);
    made->public_key =
        d2i_PUBKEY_ex(NULL, &der, (long)key->public_len, module->inner, NULL);
    *out = made;
    if (made->public_key && EVP_PKEY_is_a(made->public_key, type))
        return KH_OK;
    kh_pkey_free(made);
    *out = NULL;
    return kh_fail(err, KH_UNAVAILABLE,
        "key '%s': what the daemon gives for its public half is none of that kind",
        key->name);
}

struct kh_pkey *kh_pkey_new(struct kh_module *module, const struct kh_named_key *key)
{
    struct kh_error err = {0};
    struct kh_pkey *out = NULL;

    if (make(&out, module, key, &err) != KH_OK)
        kh_module_raise(module, &err);
    return out;
}

struct kh_pkey *kh_pkey_load(
    struct kh_module *module, const char *name, struct kh_error *err)
{
    struct kh_named_key facts;
    struct kh_pkey *out = NULL;
    kh_status st = kh_client_key_stat(module->client, name, &facts, err);

    if (st == KH_OK)
        st = make(&out, module, &facts, err);
    return st == KH_OK ? out : NULL;
}

void kh_pkey_up_ref(struct kh_pkey *key)
{
    (void)__atomic_add_fetch(&key->references, 1, __ATOMIC_RELAXED);
}

void kh_pkey_free(struct kh_pkey *key)
{
    if (!key || __atomic_sub_fetch(&key->references, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    EVP_PKEY_free(key->public_key);
    free(key);
}

struct kh_pkey_reference kh_pkey_refer(struct kh_pkey *key)
{
    return (struct kh_pkey_reference){.mark = mark, .key = key};
}

struct kh_pkey *kh_pkey_take(const void *reference, size_t len)
{
    /* libcrypto passes the octets of whoever made it on as they are, so they are aligned
     * and may be written to. */
    struct kh_pkey_reference *given = (struct kh_pkey_reference *)(uintptr_t)reference;
    struct kh_pkey *key;

    if (!given || len != sizeof *given || given->mark != mark)
        return NULL;
    key = given->key;
    given->key = NULL;
    return key;
}
