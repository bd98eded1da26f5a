/*
 * Named keys: made on a device, used there, never read. Types only; the methods are in
 * plugin.h, the words for JSON and for people in key_words.h.
 */
#ifndef KEYHSM_KEY_H
#define KEYHSM_KEY_H

#include <keyhsm/types.h>

#define KH_PUBLIC_KEY_MAX 1024 /* a SubjectPublicKeyInfo; RSA-4096 needs 550 */
#define KH_KEY_INPUT_MAX 4096  /* bytes that one use of a key takes */

typedef enum kh_key_kind {
    KH_KIND_EC_P256 = 1,
    KH_KIND_EC_P384,
    KH_KIND_ED25519,
    KH_KIND_RSA_2048,
    KH_KIND_RSA_3072,
    KH_KIND_RSA_4096,
    KH_KIND_AES_256
} kh_key_kind;

/* What a key may do; fixed when it is made. One purpose to a key, but for sign and
 * decrypt of RSA. */
enum {
    KH_KEY_SIGN = 1u << 0,    /* EC, Ed25519, RSA */
    KH_KEY_DECRYPT = 1u << 1, /* RSA */
    KH_KEY_DERIVE = 1u << 2,  /* EC */
    KH_KEY_WRAP = 1u << 3     /* AES */
};

/* How a key is used. */
typedef enum kh_key_scheme {
    /* A digest in; ECDSA-Sig-Value, DER (RFC 3279), out. */
    KH_SCHEME_ECDSA = 1,
    /* A message of at most KH_KEY_INPUT_MAX bytes in; 64 bytes out (RFC 8032). */
    KH_SCHEME_ED25519,
    /* A digest in (hash says of which function), RSASSA-PKCS1-v1_5 out (RFC 8017, 8.2).
     * hash KH_HASH_NONE: what is padded is what came in, e.g. a DigestInfo of another
     * function. */
    KH_SCHEME_RSA_PKCS1,
    /* A digest in; RSASSA-PSS (RFC 8017, 8.1) out, MGF1 of mgf_hash, salt_len bytes. */
    KH_SCHEME_RSA_PSS,
    /* RSAES-OAEP (RFC 8017, 7.1) of hash, MGF1 of mgf_hash, no label: plaintext out. */
    KH_SCHEME_RSA_OAEP,
    /* The peer's uncompressed point in; the X coordinate out (SP 800-56A, 5.7.1.2). */
    KH_SCHEME_ECDH,
    /* AES key wrap (RFC 3394) of 16 to 64 bytes, a multiple of 8; and its undoing, which
     * is KH_INVALID when the integrity check fails. */
    KH_SCHEME_AES_WRAP,
    KH_SCHEME_AES_UNWRAP
} kh_key_scheme;

typedef enum kh_key_hash {
    KH_HASH_NONE = 0,
    KH_HASH_SHA1,
    KH_HASH_SHA224,
    KH_HASH_SHA256,
    KH_HASH_SHA384,
    KH_HASH_SHA512
} kh_key_hash;

/* Facts about a named key. Nothing in it is secret. */
struct kh_named_key {
    char name[KH_NAME_MAX + 1];
    kh_key_kind kind;
    uint32_t purposes; /* KH_KEY_SIGN ... */
    kh_state state;
    int64_t created;                             /* seconds since 1970 UTC */
    unsigned char public_key[KH_PUBLIC_KEY_MAX]; /* SubjectPublicKeyInfo, DER */
    size_t public_len;                           /* 0: an AES key */
};

/* One use. INPUT belongs to the caller. */
struct kh_key_use {
    kh_key_scheme scheme;
    kh_key_hash hash;     /* of the digest, or OAEP's; KH_HASH_NONE: see the scheme */
    kh_key_hash mgf_hash; /* PSS, OAEP */
    uint32_t salt_len;    /* PSS */
    const unsigned char *input;
    size_t input_len;
};

/* What becomes of a named key. */
typedef enum kh_key_change {
    KH_KEY_REMOVE,  /* soft: it is not used any more; idempotent */
    KH_KEY_RESTORE, /* undoes it; idempotent */
    KH_KEY_PURGE    /* destroyed on the device: nothing brings it back */
} kh_key_change;

#endif
