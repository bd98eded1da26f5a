#include "provider/module/signature.h"

#include "provider/module/failure.h"

#include <keyhsm/key_words.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <string.h>

#define NAME_SIZE 64
/* "auto, but at most the digest's length", of OpenSSL 3.1 and later. */
#define SALT_AUTO_DIGEST_MAX (-4)
/* Bytes that PKCS #1 v1.5 adds at least (RFC 8017, 9.2). */
#define PKCS1_OVERHEAD 11

static int refuse(const struct kh_pkey *key, const char *why)
{
    kh_module_fail(key->module, KH_REASON_REFUSED, "key '%s': %s", key->name, why);
    return 0;
}

/* ECDSA may be asked for without a word on the function: then its length tells. */
static kh_key_hash hash_of_length(size_t len)
{
    for (const struct kh_key_word *w = kh_key_hash_words(); w->word; w++) {
        if (w->value != KH_HASH_NONE && kh_key_hash_len((kh_key_hash)w->value) == len)
            return (kh_key_hash)w->value;
    }
    return KH_HASH_NONE;
}

static int check_digest(const struct kh_pkey *key, const struct kh_key_use *use)
{
    size_t want = kh_key_hash_len(use->hash);

    if (use->input_len == want)
        return 1;
    kh_module_fail(key->module, KH_REASON_INVALID,
        "key '%s': a digest of %s has %zu bytes, not %zu", key->name,
        kh_key_word(kh_key_hash_words(), use->hash), want, use->input_len);
    return 0;
}

static int read_digest(
    const struct kh_pkey *key, EVP_PKEY_CTX *outer, struct kh_key_use *use)
{
    char digest[NAME_SIZE] = "";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(
            OSSL_SIGNATURE_PARAM_DIGEST, digest, sizeof digest),
        OSSL_PARAM_construct_end(),
    };

    return EVP_PKEY_CTX_get_params(outer, params) == 1 &&
           kh_pkey_hash(key, digest, &use->hash);
}

static int ecdsa_use(
    const struct kh_pkey *key, EVP_PKEY_CTX *outer, struct kh_key_use *use)
{
    use->scheme = KH_SCHEME_ECDSA;
    if (!read_digest(key, outer, use))
        return 0;
    if (use->hash == KH_HASH_NONE)
        use->hash = hash_of_length(use->input_len);
    if (use->hash != KH_HASH_NONE)
        return check_digest(key, use);
    kh_module_fail(key->module, KH_REASON_INVALID,
        "key '%s': %zu bytes are the digest of no function (SHA-1 to SHA-512)", key->name,
        use->input_len);
    return 0;
}

static int pkcs1_use(const struct kh_pkey *key, struct kh_key_use *use)
{
    use->scheme = KH_SCHEME_RSA_PKCS1;
    if (use->hash != KH_HASH_NONE)
        return check_digest(key, use);
    if (use->input_len + PKCS1_OVERHEAD <= (size_t)EVP_PKEY_get_size(key->public_key))
        return 1;
    return refuse(key, "what has to be signed is longer than the key allows");
}

/* Numbers below zero have a meaning of their own (RSA_PSS_SALTLEN_...). */
static int salt_of(const struct kh_pkey *key, int told, struct kh_key_use *use)
{
    int digest = (int)kh_key_hash_len(use->hash);
    /* emLen - hLen - 2 (RFC 8017, 9.1.1) */
    int most = (EVP_PKEY_get_bits(key->public_key) + 6) / 8 - digest - 2;
    int salt = told;

    if (told == RSA_PSS_SALTLEN_DIGEST)
        salt = digest;
    else if (told == RSA_PSS_SALTLEN_AUTO || told == RSA_PSS_SALTLEN_MAX)
        salt = most;
    else if (told == SALT_AUTO_DIGEST_MAX)
        salt = digest < most ? digest : most;
    if (salt < 0 || salt > most)
        return refuse(key, "no salt of that length fits into a signature of this key");
    use->salt_len = (uint32_t)salt;
    return 1;
}

static int pss_use(const struct kh_pkey *key, EVP_PKEY_CTX *outer, struct kh_key_use *use)
{
    char mgf[NAME_SIZE] = "";
    int salt = RSA_PSS_SALTLEN_AUTO;
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(
            OSSL_SIGNATURE_PARAM_MGF1_DIGEST, mgf, sizeof mgf),
        OSSL_PARAM_construct_int(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, &salt),
        OSSL_PARAM_construct_end(),
    };

    use->scheme = KH_SCHEME_RSA_PSS;
    if (use->hash == KH_HASH_NONE)
        return refuse(key, "RSA-PSS needs a digest");
    if (EVP_PKEY_CTX_get_params(outer, params) != 1 ||
        !kh_pkey_hash(key, mgf, &use->mgf_hash))
        return 0;
    if (use->mgf_hash == KH_HASH_NONE)
        use->mgf_hash = use->hash;
    return salt_of(key, salt, use) && check_digest(key, use);
}

static int rsa_use(const struct kh_pkey *key, EVP_PKEY_CTX *outer, struct kh_key_use *use)
{
    int padding = 0;
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_int(OSSL_SIGNATURE_PARAM_PAD_MODE, &padding),
        OSSL_PARAM_construct_end(),
    };

    if (EVP_PKEY_CTX_get_params(outer, params) != 1 || !read_digest(key, outer, use))
        return 0;
    if (padding == RSA_PKCS1_PADDING)
        return pkcs1_use(key, use);
    if (padding == RSA_PKCS1_PSS_PADDING)
        return pss_use(key, outer, use);
    return refuse(key, "it signs with the paddings PKCS #1 v1.5 and PSS only");
}

int kh_signature_use(
    const struct kh_pkey *key, EVP_PKEY_CTX *outer, struct kh_key_use *use)
{
    if (strcmp(key->type, "EC") == 0)
        return ecdsa_use(key, outer, use);
    if (strcmp(key->type, "RSA") == 0)
        return rsa_use(key, outer, use);
    use->scheme = KH_SCHEME_ED25519;
    if (use->input_len <= KH_KEY_INPUT_MAX)
        return 1;
    kh_module_fail(key->module, KH_REASON_INVALID,
        "key '%s': Ed25519 signs whole messages, and this one has %zu bytes, where the "
        "daemon takes %d",
        key->name, use->input_len, KH_KEY_INPUT_MAX);
    return 0;
}
