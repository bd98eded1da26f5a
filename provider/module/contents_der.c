#include "provider/module/contents_impl.h"

#include <openssl/decoder.h>
#include <openssl/encoder.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>

/* Each reads one object from *AT, and moves it behind. */

static bool is_certificate(const unsigned char **at, long len)
{
    X509 *found = d2i_X509(NULL, at, len);

    X509_free(found);
    return found != NULL;
}

static bool is_crl(const unsigned char **at, long len)
{
    X509_CRL *found = d2i_X509_CRL(NULL, at, len);

    X509_CRL_free(found);
    return found != NULL;
}

static bool is_pkcs12(const unsigned char **at, long len)
{
    PKCS12 *found = d2i_PKCS12(NULL, at, len);

    PKCS12_free(found);
    return found != NULL;
}

static bool is_pkcs8(const unsigned char **at, long len)
{
    PKCS8_PRIV_KEY_INFO *found = d2i_PKCS8_PRIV_KEY_INFO(NULL, at, len);

    PKCS8_PRIV_KEY_INFO_free(found);
    return found != NULL;
}

static bool is_encrypted(const unsigned char **at, long len)
{
    X509_SIG *found = d2i_X509_SIG(NULL, at, len);

    X509_SIG_free(found);
    return found != NULL;
}

static bool is_public(const unsigned char **at, long len)
{
    X509_PUBKEY *found = d2i_X509_PUBKEY(NULL, at, len);

    X509_PUBKEY_free(found);
    return found != NULL;
}

static const struct {
    bool (*is)(const unsigned char **at, long len);
    enum kh_content_kind kind;
} objects[] = {
    {is_certificate, KH_CONTENT_CERTIFICATE},
    {is_crl, KH_CONTENT_CRL},
    {is_pkcs12, KH_CONTENT_PKCS12},
    {is_pkcs8, KH_CONTENT_KEY},
    {is_encrypted, KH_CONTENT_ENCRYPTED_KEY},
    {is_public, KH_CONTENT_PUBLIC_KEY},
};

enum kh_content_kind kh_contents_der_kind(const unsigned char *data, size_t len)
{
    for (size_t i = 0; i < sizeof objects / sizeof objects[0]; i++) {
        const unsigned char *at = data;

        if (objects[i].is(&at, (long)len) && at == data + len)
            return objects[i].kind;
    }
    return KH_CONTENT_RAW;
}

bool kh_contents_to_pkcs8(const struct kh_module *module, const unsigned char *data,
    size_t len, struct kh_content *out)
{
    EVP_PKEY *key = NULL;
    OSSL_DECODER_CTX *decoder = OSSL_DECODER_CTX_new_for_pkey(
        &key, "DER", NULL, NULL, EVP_PKEY_KEYPAIR, module->inner, NULL);
    OSSL_ENCODER_CTX *encoder = NULL;
    bool done = false;

    if (decoder && OSSL_DECODER_from_data(decoder, &data, &len) && len == 0 && key) {
        encoder = OSSL_ENCODER_CTX_new_for_pkey(
            key, EVP_PKEY_KEYPAIR, "DER", "PrivateKeyInfo", NULL);
        out->data = NULL;
        done = encoder && OSSL_ENCODER_to_data(encoder, &out->data, &out->len);
    }
    OSSL_ENCODER_CTX_free(encoder);
    OSSL_DECODER_CTX_free(decoder);
    EVP_PKEY_free(key);
    return done;
}
