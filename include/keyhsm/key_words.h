/*
 * The words for named keys (plugin.h) in JSON, in commands and in messages: one table for
 * whoever says them and whoever reads them.
 *
 * Header only: a plugin links against nothing of this project. All thread safe.
 */
#ifndef KEYHSM_KEY_WORDS_H
#define KEYHSM_KEY_WORDS_H

#include <keyhsm/key.h>

#include <string.h>

struct kh_key_word {
    unsigned value;
    const char *word;
};

/* Tables end with a NULL word. Static. */
static __inline__ const struct kh_key_word *kh_key_kind_words(void)
{
    static const struct kh_key_word words[] = {{KH_KIND_EC_P256, "ec-p256"},
        {KH_KIND_EC_P384, "ec-p384"}, {KH_KIND_ED25519, "ed25519"},
        {KH_KIND_RSA_2048, "rsa-2048"}, {KH_KIND_RSA_3072, "rsa-3072"},
        {KH_KIND_RSA_4096, "rsa-4096"}, {KH_KIND_AES_256, "aes-256"}, {0, NULL}};

    return words;
}

static __inline__ const struct kh_key_word *kh_key_purpose_words(void)
{
    static const struct kh_key_word words[] = {{KH_KEY_SIGN, "sign"},
        {KH_KEY_DECRYPT, "decrypt"}, {KH_KEY_DERIVE, "derive"}, {KH_KEY_WRAP, "wrap"},
        {0, NULL}};

    return words;
}

static __inline__ const struct kh_key_word *kh_key_scheme_words(void)
{
    static const struct kh_key_word words[] = {{KH_SCHEME_ECDSA, "ecdsa"},
        {KH_SCHEME_ED25519, "ed25519"}, {KH_SCHEME_RSA_PKCS1, "rsa-pkcs1"},
        {KH_SCHEME_RSA_PSS, "rsa-pss"}, {KH_SCHEME_RSA_OAEP, "rsa-oaep"},
        {KH_SCHEME_ECDH, "ecdh"}, {KH_SCHEME_AES_WRAP, "aes-wrap"},
        {KH_SCHEME_AES_UNWRAP, "aes-unwrap"}, {0, NULL}};

    return words;
}

static __inline__ const struct kh_key_word *kh_key_hash_words(void)
{
    static const struct kh_key_word words[] = {{KH_HASH_NONE, "none"},
        {KH_HASH_SHA1, "sha1"}, {KH_HASH_SHA224, "sha224"}, {KH_HASH_SHA256, "sha256"},
        {KH_HASH_SHA384, "sha384"}, {KH_HASH_SHA512, "sha512"}, {0, NULL}};

    return words;
}

/* The word of VALUE in one of the tables above; NULL when it has none. Static. */
static __inline__ const char *kh_key_word(const struct kh_key_word *words, unsigned value)
{
    while (words->word && words->value != value)
        words++;
    return words->word;
}

/* The value of WORD in *VALUE. False: it is no word of the table (nor is NULL). */
static __inline__ bool kh_key_word_value(
    const struct kh_key_word *words, const char *word, unsigned *value)
{
    if (!word)
        return false;
    while (words->word && strcmp(words->word, word) != 0)
        words++;
    if (!words->word)
        return false;
    *value = words->value;
    return true;
}

/* Bytes of a digest; 0 for KH_HASH_NONE. */
static __inline__ size_t kh_key_hash_len(kh_key_hash hash)
{
    switch (hash) {
    case KH_HASH_SHA1:
        return 20;
    case KH_HASH_SHA224:
        return 28;
    case KH_HASH_SHA256:
        return 32;
    case KH_HASH_SHA384:
        return 48;
    case KH_HASH_SHA512:
        return 64;
    default:
        return 0;
    }
}

/* Every purpose that a key of KIND can have, KH_KEY_* bits; 0: no such kind. */
static __inline__ uint32_t kh_key_kind_purposes(kh_key_kind kind)
{
    switch (kind) {
    case KH_KIND_EC_P256:
    case KH_KIND_EC_P384:
        return KH_KEY_SIGN | KH_KEY_DERIVE;
    case KH_KIND_ED25519:
        return KH_KEY_SIGN;
    case KH_KIND_RSA_2048:
    case KH_KIND_RSA_3072:
    case KH_KIND_RSA_4096:
        return KH_KEY_SIGN | KH_KEY_DECRYPT;
    case KH_KIND_AES_256:
        return KH_KEY_WRAP;
    default:
        return 0;
    }
}

/* The purpose that SCHEME needs, one of KH_KEY_*; 0: no such scheme. */
static __inline__ uint32_t kh_key_scheme_purpose(kh_key_scheme scheme)
{
    switch (scheme) {
    case KH_SCHEME_ECDSA:
    case KH_SCHEME_ED25519:
    case KH_SCHEME_RSA_PKCS1:
    case KH_SCHEME_RSA_PSS:
        return KH_KEY_SIGN;
    case KH_SCHEME_RSA_OAEP:
        return KH_KEY_DECRYPT;
    case KH_SCHEME_ECDH:
        return KH_KEY_DERIVE;
    case KH_SCHEME_AES_WRAP:
    case KH_SCHEME_AES_UNWRAP:
        return KH_KEY_WRAP;
    default:
        return 0;
    }
}

#endif
