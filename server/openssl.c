#include "server/openssl.h"

#include "core/crypto.h"

#include <openssl/decoder.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/provider.h>
#include <string.h>

/* Providers stay until the process ends; a reference nobody holds would be a leak. */
enum { PROVIDERS_MAX = 8 };
static OSSL_PROVIDER *held[PROVIDERS_MAX];
static size_t held_count;

static kh_status load(
    const char *name, size_t len, const char *where, struct kh_error *err)
{
    char copy[64];

    if (len == 0 || len >= sizeof copy)
        return kh_fail(err, KH_INVALID,
            "%s: [openssl] providers: a name is empty or too long", where);
    memcpy(copy, name, len);
    copy[len] = '\0';
    if (held_count == PROVIDERS_MAX)
        return kh_fail(err, KH_INVALID, "%s: [openssl] providers: more than %d", where,
            PROVIDERS_MAX);
    held[held_count] = OSSL_PROVIDER_load(NULL, copy);
    if (!held[held_count])
        return kh_fail(err, KH_INVALID,
            "%s: [openssl] providers: '%s' cannot be loaded: %s", where, copy,
            kh_crypto_reason("unknown"));
    held_count++;
    return KH_OK;
}

/* ---- what TLS and the envelopes of a process cannot do without ---- */

static bool has_cipher(const char *name)
{
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, name, NULL);

    EVP_CIPHER_free(cipher);
    return cipher != NULL;
}

static bool has_digest(const char *name)
{
    EVP_MD *md = EVP_MD_fetch(NULL, name, NULL);

    EVP_MD_free(md);
    return md != NULL;
}

static bool has_mac(const char *name)
{
    EVP_MAC *mac = EVP_MAC_fetch(NULL, name, NULL);

    EVP_MAC_free(mac);
    return mac != NULL;
}

static bool has_kdf(const char *name)
{
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, name, NULL);

    EVP_KDF_free(kdf);
    return kdf != NULL;
}

static bool has_keymgmt(const char *name)
{
    EVP_KEYMGMT *keymgmt = EVP_KEYMGMT_fetch(NULL, name, NULL);

    EVP_KEYMGMT_free(keymgmt);
    return keymgmt != NULL;
}

static bool has_signature(const char *name)
{
    EVP_SIGNATURE *signature = EVP_SIGNATURE_fetch(NULL, name, NULL);

    EVP_SIGNATURE_free(signature);
    return signature != NULL;
}

static bool has_rand(const char *name)
{
    EVP_RAND *rand = EVP_RAND_fetch(NULL, name, NULL);

    EVP_RAND_free(rand);
    return rand != NULL;
}

/* Keys in files are read by decoders, which no validated module has: `base` has them. */
static bool has_decoder(const char *name)
{
    OSSL_DECODER *decoder = OSSL_DECODER_fetch(NULL, name, NULL);

    OSSL_DECODER_free(decoder);
    return decoder != NULL;
}

static const struct {
    const char *name;
    const char *kind;
    bool (*there)(const char *name);
} needed[] = {
    {"AES-256-GCM", "cipher", has_cipher},
    {"SHA2-256", "digest", has_digest},
    {"SHA2-384", "digest", has_digest},
    {"HMAC", "MAC", has_mac},
    {"HKDF", "key derivation", has_kdf},
    {"TLS1-PRF", "key derivation", has_kdf},
    {"TLS13-KDF", "key derivation", has_kdf},
    {"EC", "key type", has_keymgmt},
    {"RSA", "key type", has_keymgmt},
    {"ECDSA", "signature", has_signature},
    {"CTR-DRBG", "generator", has_rand},
    {"EC", "decoder (of the provider base)", has_decoder},
};

/* Found now and in words: later it would be a handshake that fails, or a key that cannot
 * be read. */
static kh_status check_needs(const struct kh_config *config, struct kh_error *err)
{
    const char *providers = kh_config_string(config, "openssl", "providers");
    const char *query = kh_config_string(config, "openssl", "properties");

    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++) {
        if (needed[i].there(needed[i].name))
            continue;
        (void)kh_crypto_reason("none");
        return kh_fail(err, KH_INVALID,
            "%s: [openssl] providers '%.128s' have no %s %s with properties '%.128s'",
            kh_config_where(config, "openssl", query ? "properties" : "providers"),
            providers ? providers : "default", needed[i].kind, needed[i].name,
            query ? query : "");
    }
    return KH_OK;
}

kh_status kh_openssl_configure(const struct kh_config *config, struct kh_error *err)
{
    const char *list = kh_config_string(config, "openssl", "providers");
    const char *query = kh_config_string(config, "openssl", "properties");

    while (list && *list) {
        size_t len = strcspn(list, ", ");
        kh_status st =
            load(list, len, kh_config_where(config, "openssl", "providers"), err);

        if (st != KH_OK)
            return st;
        list += len;
        list += strspn(list, ", ");
    }
    if (query && EVP_set_default_properties(NULL, query) != 1)
        return kh_fail(err, KH_INVALID,
            "%s: [openssl] properties: '%s' is no property query",
            kh_config_where(config, "openssl", "properties"), query);
    return check_needs(config, err);
}
