#include "core/backup/recipient.h"

#include "core/crypto.h"

#include <errno.h>
#include <limits.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <string.h>

kh_status kh_backup_certificate(X509 **out, const char *path, struct kh_error *err)
{
    BIO *in = BIO_new_file(path, "rb");

    *out = NULL;
    if (!in) {
        int cause = errno;

        ERR_clear_error();
        return kh_fail(err, KH_INVALID, "certificate %s: %s", path, strerror(cause));
    }
    *out = PEM_read_bio_X509(in, NULL, NULL, NULL);
    if (!*out && BIO_seek(in, 0) >= 0)
        *out = d2i_X509_bio(in, NULL);
    BIO_free(in);
    ERR_clear_error();
    return *out ? KH_OK
                : kh_fail(err, KH_INVALID, "certificate %s: there is none in it", path);
}

static bool set_profile(EVP_PKEY_CTX *ctx, const EVP_PKEY *key)
{
    if (EVP_PKEY_is_a(key, "EC"))
        return EVP_PKEY_CTX_set_ecdh_kdf_md(ctx, EVP_sha256()) > 0;
    return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) > 0 &&
           EVP_PKEY_CTX_set_rsa_oaep_md(ctx, EVP_sha256()) > 0 &&
           EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, EVP_sha256()) > 0;
}

static kh_status add_certificate(
    CMS_ContentInfo *cms, const char *path, struct kh_error *err)
{
    X509 *certificate = NULL;
    kh_status st = kh_backup_certificate(&certificate, path, err);
    const EVP_PKEY *key = certificate ? X509_get0_pubkey(certificate) : NULL;
    CMS_RecipientInfo *info = NULL;
    EVP_PKEY_CTX *ctx = NULL;

    if (st != KH_OK)
        return st;
    if (key && (EVP_PKEY_is_a(key, "EC") || EVP_PKEY_is_a(key, "RSA")))
        info = CMS_add1_recipient_cert(cms, certificate, CMS_KEY_PARAM);
    if (info)
        ctx = CMS_RecipientInfo_get0_pkey_ctx(info);
    if (!ctx || !set_profile(ctx, key))
        st = kh_fail(err, KH_INVALID,
            "certificate %s: its key cannot be encrypted to; take one with an RSA key or "
            "an EC key (%s)",
            path, kh_crypto_reason("another kind of key"));
    X509_free(certificate);
    return st;
}

static kh_status add_passphrase(
    CMS_ContentInfo *cms, const struct kh_buf *passphrase, struct kh_error *err)
{
    unsigned char *copy = OPENSSL_memdup(passphrase->data, passphrase->len);

    /* The message owns the copy from here on, and clears it when it is freed. */
    if (copy && passphrase->len > 0 && passphrase->len <= INT_MAX &&
        CMS_add0_recipient_password(cms, KH_BACKUP_ROUNDS, NID_undef, NID_undef, copy,
            (ossl_ssize_t)passphrase->len, EVP_aes_256_cbc()))
        return KH_OK;
    OPENSSL_clear_free(copy, passphrase->len);
    return kh_fail(err, KH_INVALID, "the passphrase cannot be used: %s",
        kh_crypto_reason("it is empty"));
}

kh_status kh_backup_message_new(
    CMS_ContentInfo **out, const struct kh_backup_lock *lock, struct kh_error *err)
{
    CMS_ContentInfo *cms = CMS_AuthEnvelopedData_create(EVP_aes_256_gcm());
    kh_status st;

    *out = NULL;
    if (!cms)
        return kh_fail(err, KH_FATAL, "cannot make a CMS message: %s",
            kh_crypto_reason("out of memory"));
    st = lock->recipient ? add_certificate(cms, lock->recipient, err)
                         : add_passphrase(cms, lock->passphrase, err);
    if (st != KH_OK) {
        CMS_ContentInfo_free(cms);
        return st;
    }
    *out = cms;
    return KH_OK;
}
