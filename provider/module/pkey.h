/*
 * A named key as an OpenSSL key object: the key data of the provider's key management.
 * Made by the store loader and the decoder, handed to the key management by reference.
 */
#ifndef KH_MODULE_PKEY_H
#define KH_MODULE_PKEY_H

#include <keyhsm/key.h>

#include "provider/module/module.h"

#include <openssl/evp.h>

/*
 * A named key, or what libcrypto builds beside one: the public half of somebody else's,
 * or the parameters of a curve. A named key does not change once it is made, but for its
 * count; the others not once libcrypto has them in an EVP_PKEY that threads share.
 */
struct kh_pkey {
    struct kh_module *module;
    int references;             /* kh_pkey_up_ref, kh_pkey_free only */
    const char *type;           /* as kh_pkey_type has it; static */
    char name[KH_NAME_MAX + 1]; /* empty: there is no private half behind it */
    kh_key_kind kind;           /* of a named key; never KH_KIND_AES_256 */
    uint32_t purposes;          /* KH_KEY_SIGN ... */
    EVP_PKEY *public_key;       /* of the module's own library context; NULL: none yet */
    bool whole; /* PUBLIC_KEY has a public half, and not parameters alone */
};

/*
 * The object for the facts KEY. NULL: it is not one for OpenSSL (AES, or a public key
 * that the default provider does not read); the queue says so. Free with kh_pkey_free.
 */
struct kh_pkey *kh_pkey_new(struct kh_module *module, const struct kh_named_key *key);
/* Asks the daemon for key NAME first. NULL with *ERR filled; the queue is untouched. */
struct kh_pkey *kh_pkey_load(
    struct kh_module *module, const char *name, struct kh_error *err);

/* An object of TYPE with nothing in it yet. NULL: out of memory. */
struct kh_pkey *kh_pkey_blank(struct kh_module *module, const char *type);

/* Thread safe. */
void kh_pkey_up_ref(struct kh_pkey *key);
/* NULL is fine. Thread safe. */
void kh_pkey_free(struct kh_pkey *key);

/* The name that algorithms of KIND have in OpenSSL: "EC", "RSA", "ED25519"; NULL for AES.
 * Static. */
const char *kh_pkey_type(kh_key_kind kind);

/*
 * A key in the octets of OSSL_OBJECT_PARAM_REFERENCE. Its size is that of no pointer:
 * another provider's key management, should it get one, must not take it for its own.
 */
struct kh_pkey_reference {
    uint64_t mark;
    struct kh_pkey *key;
};

/* A reference to KEY; the count is not changed. */
struct kh_pkey_reference kh_pkey_refer(struct kh_pkey *key);
/* What OSSL_FUNC_keymgmt_load gets: takes the reference's key out of it (the caller owns
 * one count of it then; whoever made the reference sees that key is NULL). NULL: it is
 * none of ours. */
struct kh_pkey *kh_pkey_take(const void *reference, size_t len);

/* ---- what operations share (pkey_use.c). 1, or 0 with an entry on the queue ---- */

/* Whether KEY has a private half, made for PURPOSE (one of KH_KEY_*). KEY may be NULL. */
int kh_pkey_may(const struct kh_pkey *key, uint32_t purpose);
/* The function of the digest NAME, as any provider names it; "" is KH_HASH_NONE. */
int kh_pkey_hash(const struct kh_pkey *key, const char *name, kh_key_hash *hash);
/* One use by the daemon: the result in OUT, of SIZE bytes, its length in *LEN. What was
 * received is wiped. */
int kh_pkey_use(const struct kh_pkey *key, const struct kh_key_use *use,
    unsigned char *out, size_t *len, size_t size);

#endif
