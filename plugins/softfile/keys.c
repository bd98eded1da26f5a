#include "plugins/softfile/keys.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <string.h>

enum { RSA_BITS = 3072, SERIAL_BYTES = 16 };

const char *kh_soft_ssl_reason(char *out, size_t size)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());

    snprintf(out, size, "%s", reason ? reason : "no reason given");
    ERR_clear_error();
    return out;
}

static kh_status fail(struct kh_error *err, const char *what)
{
    char reason[128];

    return kh_fail(
        err, KH_FATAL, "%s: %s", what, kh_soft_ssl_reason(reason, sizeof reason));
}

static const char *text_of(const struct kh_host *host, const char *option)
{
    const char *text = host->option_string(host, option);

    return text ? text : "";
}

kh_status kh_soft_keys_init(
    struct kh_soft_keys *keys, const struct kh_host *host, struct kh_error *err)
{
    kh_status st;

    memset(keys, 0, sizeof *keys);
    keys->host = host;
    st = kh_soft_libctx_open(&keys->own, host, err);
    keys->libctx = keys->own.libctx;
    if (st != KH_OK)
        return st;
    /* Fetched once: a fetch by name costs more than the cipher on a small deposit. */
    keys->cipher = EVP_CIPHER_fetch(keys->libctx, "AES-256-GCM", NULL);
    keys->sha256 = EVP_MD_fetch(keys->libctx, "SHA2-256", NULL);
    if (keys->cipher && keys->sha256)
        return KH_OK;
    ERR_clear_error();
    return kh_fail(err, KH_UNAVAILABLE,
        "no provider of '%.64s' has AES-256-GCM and SHA2-256 with the properties '%.64s'",
        text_of(host, "providers"), text_of(host, "properties"));
}

void kh_soft_keys_forget(struct kh_soft_keys *keys)
{
    if (keys->host)
        keys->host->buf_free(keys->host, &keys->passphrase);
}

void kh_soft_keys_free(struct kh_soft_keys *keys)
{
    kh_soft_keys_forget(keys);
    X509_free(keys->cert);
    EVP_PKEY_free(keys->key);
    EVP_MD_free(keys->sha256);
    EVP_CIPHER_free(keys->cipher);
    kh_soft_libctx_close(&keys->own);
    memset(keys, 0, sizeof *keys);
}

kh_status kh_soft_keys_generate(
    struct kh_soft_keys *keys, const char *type, struct kh_error *err)
{
    keys->key = strcmp(type, "rsa") == 0
                    ? EVP_PKEY_Q_keygen(keys->libctx, NULL, "RSA", (size_t)RSA_BITS)
                    : EVP_PKEY_Q_keygen(keys->libctx, NULL, "EC", "P-256");
    return keys->key ? KH_OK : fail(err, "cannot make a key pair");
}

static bool set_serial(X509 *cert, OSSL_LIB_CTX *libctx)
{
    unsigned char bytes[SERIAL_BYTES];
    BIGNUM *number = NULL;
    bool ok;

    if (RAND_bytes_ex(libctx, bytes, sizeof bytes, 0) != 1)
        return false;
    bytes[0] = (unsigned char)((bytes[0] & 0x7f) | 0x40); /* positive and never short */
    number = BN_bin2bn(bytes, sizeof bytes, NULL);
    ok = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert));
    BN_free(number);
    return ok;
}

static bool set_validity(X509 *cert, int64_t now)
{
    return ASN1_TIME_adj(X509_getm_notBefore(cert), (time_t)now, 0, 0) &&
           ASN1_TIME_set_string_X509(X509_getm_notAfter(cert), "99991231235959Z") == 1;
}

static bool set_name(X509 *cert)
{
    static const unsigned char common_name[] = "keyhsm legacy store";
    X509_NAME *name = X509_NAME_new();
    bool ok = name &&
              X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, common_name,
                  sizeof common_name - 1, -1, 0) == 1 &&
              X509_set_subject_name(cert, name) == 1 &&
              X509_set_issuer_name(cert, name) == 1;

    X509_NAME_free(name);
    return ok;
}

static bool add_extension(X509 *cert, X509V3_CTX *ctx, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, ctx, nid, value);
    bool ok = extension && X509_add_ext(cert, extension, -1) == 1;

    X509_EXTENSION_free(extension);
    return ok;
}

static bool set_extensions(X509 *cert, const EVP_PKEY *key)
{
    const char *usage =
        EVP_PKEY_is_a(key, "EC") ? "critical,keyAgreement" : "critical,keyEncipherment";
    X509V3_CTX ctx;

    X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
    /* The key identifier is how every envelope names its recipient. */
    return add_extension(cert, &ctx, NID_basic_constraints, "critical,CA:FALSE") &&
           add_extension(cert, &ctx, NID_key_usage, usage) &&
           add_extension(cert, &ctx, NID_subject_key_identifier, "hash");
}

kh_status kh_soft_keys_certify(struct kh_soft_keys *keys, struct kh_error *err)
{
    X509 *cert = X509_new_ex(keys->libctx, NULL);

    if (cert && X509_set_version(cert, X509_VERSION_3) == 1 &&
        set_serial(cert, keys->libctx) &&
        set_validity(cert, keys->host->now(keys->host)) && set_name(cert) &&
        X509_set_pubkey(cert, keys->key) == 1 && set_extensions(cert, keys->key) &&
        X509_sign(cert, keys->key, keys->sha256) > 0) {
        keys->cert = cert;
        return KH_OK;
    }
    X509_free(cert);
    return fail(err, "cannot make the store's certificate");
}

kh_status kh_soft_keys_identity(const struct kh_soft_keys *keys,
    char out[KH_SOFT_IDENTITY_SIZE], struct kh_error *err)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    int used = snprintf(out, KH_SOFT_IDENTITY_SIZE, "softfile:");

    if (X509_digest(keys->cert, keys->sha256, digest, &len) != 1)
        return fail(err, "cannot digest the store's certificate");
    for (unsigned i = 0; i < len; i++)
        used +=
            snprintf(out + used, KH_SOFT_IDENTITY_SIZE - (size_t)used, "%02x", digest[i]);
    return KH_OK;
}

static bool derive(OSSL_LIB_CTX *libctx, struct kh_buf *secret, struct kh_buf *out)
{
    char digest[] = "SHA256";
    char info[] = "keyhsm softfile seal";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, secret->data, secret->len),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info, sizeof info - 1),
        OSSL_PARAM_construct_end(),
    };
    EVP_KDF *kdf = EVP_KDF_fetch(libctx, "HKDF", NULL);
    EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
    bool ok = ctx && EVP_KDF_derive(ctx, out->data, out->len, params) == 1;

    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    return ok;
}

kh_status kh_soft_keys_seal_key(
    const struct kh_soft_keys *keys, struct kh_buf *out, struct kh_error *err)
{
    PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(keys->key);
    int len = info ? i2d_PKCS8_PRIV_KEY_INFO(info, NULL) : -1;
    struct kh_buf der = {0};
    kh_status status = KH_OK;
    unsigned char *at;

    if (len <= 0)
        status = fail(err, "cannot encode the store's key");
    if (status == KH_OK)
        status = keys->host->buf_alloc(keys->host, &der, (size_t)len, err);
    if (status == KH_OK)
        status = keys->host->buf_alloc(keys->host, out, KH_SOFT_DIGEST_SIZE, err);
    at = der.data;
    if (status == KH_OK &&
        (i2d_PKCS8_PRIV_KEY_INFO(info, &at) != len || !derive(keys->libctx, &der, out))) {
        keys->host->buf_free(keys->host, out);
        status = fail(err, "cannot derive the key of the seal");
    }
    keys->host->buf_free(keys->host, &der);
    PKCS8_PRIV_KEY_INFO_free(info);
    return status;
}
