#include "plugins/pkcs11/named_ops.h"

#include <keyhsm/key_words.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <string.h>

/* A point that is none gives some tokens a part of the key away: it never comes so far.
 */
static kh_status check_point(
    const struct kh_named_kind *kind, const struct kh_key_use *use, struct kh_error *err)
{
    size_t len = 1 + 2 * kind->coordinate;
    unsigned char point[2 * 48 + 1];
    char group[16];
    OSSL_PARAM params[3];
    EVP_PKEY_CTX *ctx;
    EVP_PKEY *key = NULL;
    bool ok;

    if (use->input_len != len || use->input[0] != 0x04) /* SEC 1, 2.3.3: uncompressed */
        return kh_fail(err, KH_INVALID,
            "the peer's half is not an uncompressed point of %s: %zu bytes, the first of "
            "which is 4",
            kh_key_word(kh_key_kind_words(), kind->kind), len);
    memcpy(point, use->input, len);
    (void)snprintf(group, sizeof group, "%s", kind->group);
    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0);
    params[1] = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, len);
    params[2] = OSSL_PARAM_construct_end();
    ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    ok = ctx && EVP_PKEY_fromdata_init(ctx) > 0 &&
         EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) > 0;
    EVP_PKEY_free(key);
    EVP_PKEY_CTX_free(ctx);
    ERR_clear_error();
    return ok ? KH_OK
              : kh_fail(err, KH_INVALID, "the peer's point is not on the curve of %s",
                    kh_key_word(kh_key_kind_words(), kind->kind));
}

/* RFC 8017, 9.2: eleven bytes of padding at least. */
static kh_status check_pkcs1(
    const struct kh_named_kind *kind, const struct kh_key_use *use, struct kh_error *err)
{
    size_t most = kind->bits / 8 - 11;

    if (use->hash != KH_HASH_NONE || use->input_len <= most)
        return KH_OK;
    return kh_fail(err, KH_INVALID, "%zu bytes to sign: a key of kind %s signs %zu",
        use->input_len, kh_key_word(kh_key_kind_words(), kind->kind), most);
}

/* RFC 8017, 9.1.1. The modulus is of whole bytes: its encoded message has as many. */
static kh_status check_pss(
    const struct kh_named_kind *kind, const struct kh_key_use *use, struct kh_error *err)
{
    size_t most = kind->bits / 8 - kh_key_hash_len(use->hash) - 2;

    if (use->salt_len <= most)
        return KH_OK;
    return kh_fail(err, KH_INVALID, "a salt of %u bytes: this key takes %zu at most",
        use->salt_len, most);
}

static kh_status check_oaep(
    const struct kh_named_kind *kind, const struct kh_key_use *use, struct kh_error *err)
{
    if (use->input_len == kind->bits / 8)
        return KH_OK;
    return kh_fail(err, KH_INVALID, "a ciphertext for a key of kind %s has %lu bytes",
        kh_key_word(kh_key_kind_words(), kind->kind), (unsigned long)kind->bits / 8);
}

kh_status kh_named_check_input(
    const struct kh_named_kind *kind, const struct kh_key_use *use, struct kh_error *err)
{
    switch (use->scheme) {
    case KH_SCHEME_ECDH:
        return check_point(kind, use, err);
    case KH_SCHEME_RSA_PKCS1:
        return check_pkcs1(kind, use, err);
    case KH_SCHEME_RSA_PSS:
        return check_pss(kind, use, err);
    case KH_SCHEME_RSA_OAEP:
        return check_oaep(kind, use, err);
    default:
        return KH_OK;
    }
}
