#include "provider/internal.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/provider.h>
#include <string.h>

static bool has_cipher(OSSL_LIB_CTX *libctx, const char *name)
{
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(libctx, name, NULL);

    EVP_CIPHER_free(cipher);
    return cipher != NULL;
}

static bool has_digest(OSSL_LIB_CTX *libctx, const char *name)
{
    EVP_MD *md = EVP_MD_fetch(libctx, name, NULL);

    EVP_MD_free(md);
    return md != NULL;
}

static bool has_keymgmt(OSSL_LIB_CTX *libctx, const char *name)
{
    EVP_KEYMGMT *keymgmt = EVP_KEYMGMT_fetch(libctx, name, NULL);
    bool ordinary =
        keymgmt && strcmp(OSSL_PROVIDER_get0_name(EVP_KEYMGMT_get0_provider(keymgmt)),
                       KH_PROVIDER_NAME) != 0;

    EVP_KEYMGMT_free(keymgmt);
    return ordinary;
}

static bool has_rand(OSSL_LIB_CTX *libctx, const char *name)
{
    EVP_RAND *rand = EVP_RAND_fetch(libctx, name, NULL);

    EVP_RAND_free(rand);
    return rand != NULL;
}

kh_status kh_provider_needs(
    OSSL_LIB_CTX *libctx, const char *properties, struct kh_error *err)
{
    static const struct {
        const char *name;
        bool (*there)(OSSL_LIB_CTX *libctx, const char *name);
    } needed[] = {
        {"AES-256-GCM", has_cipher},
        {SN_id_aes256_wrap, has_cipher},
        {"AES-256-CTR", has_cipher},
        {"SHA1", has_digest}, /* libcrypto fingerprints every X509 with it */
        {"SHA2-256", has_digest},
        {"EC", has_keymgmt},
        {"RSA", has_keymgmt},
        {"CTR-DRBG", has_rand},
    };

    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++) {
        if (!needed[i].there(libctx, needed[i].name)) {
            ERR_clear_error();
            return kh_fail(err, KH_UNAVAILABLE,
                "openssl: no loaded provider has %s with properties '%s'", needed[i].name,
                properties);
        }
    }
    return KH_OK;
}
