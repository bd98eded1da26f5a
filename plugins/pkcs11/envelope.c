#include "plugins/pkcs11/envelope.h"

#include "plugins/pkcs11/envelope_check.h"
#include "plugins/pkcs11/recipient.h"
#include "provider/failure.h"

#include <openssl/bio.h>
#include <openssl/cms.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/rsa.h>
#include <stdlib.h>

/* What CMS adds to a record, generously: two RSA-16384 sized values and the structure
 * around. */
#define OVERHEAD_MAX 8192

kh_status kh_envelopes_new(struct kh_envelopes **out, const struct kh_host *host,
    struct kh_provider *provider, struct kh_error *err)
{
    struct kh_envelopes *e = calloc(1, sizeof *e);

    *out = NULL;
    if (!e)
        return kh_fail(err, KH_FATAL, "envelopes: no memory");
    kh_provider_begin();
    e->host = host;
    e->provider = provider;
    e->libctx = kh_provider_libctx(provider);
    e->properties = kh_provider_properties(provider);
    e->cipher = EVP_CIPHER_fetch(e->libctx, "AES-256-GCM", e->properties);
    e->digest = EVP_MD_fetch(e->libctx, "SHA2-256", e->properties);
    e->signer = EVP_PKEY_Q_keygen(e->libctx, e->properties, "EC", SN_X9_62_prime256v1);
    if (!e->cipher || !e->digest || !e->signer) {
        kh_envelopes_free(e);
        return kh_provider_fail(err, KH_UNAVAILABLE, "envelopes");
    }
    *out = e;
    return KH_OK;
}

void kh_envelopes_free(struct kh_envelopes *envelopes)
{
    if (!envelopes)
        return;
    EVP_PKEY_free(envelopes->signer);
    EVP_MD_free(envelopes->digest);
    EVP_CIPHER_free(envelopes->cipher);
    free(envelopes);
}

/* ---- sealing
 * ------------------------------------------------------------------------------ */

/* The recipient, with the scheme of its profile where libcrypto's default would be
 * another. */
static bool add_recipient(CMS_ContentInfo *cms, const struct kh_recipient *recipient)
{
    CMS_RecipientInfo *info = CMS_add1_recipient_cert(
        cms, recipient->certificate, CMS_USE_KEYID | CMS_KEY_PARAM);
    EVP_PKEY_CTX *ctx = info ? CMS_RecipientInfo_get0_pkey_ctx(info) : NULL;

    if (!ctx)
        return false;
    if (recipient->type == KH_KEY_EC_P256)
        return EVP_PKEY_CTX_set_ecdh_kdf_md(ctx, EVP_sha256()) > 0;
    return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) > 0 &&
           EVP_PKEY_CTX_set_rsa_oaep_md(ctx, recipient->oaep) > 0 &&
           EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, recipient->oaep) > 0;
}

/* CMS_final would copy the record through a buffer on the stack that nobody wipes. */
static bool encrypt(CMS_ContentInfo *cms, const struct kh_buf *record)
{
    BIO *bio = CMS_dataInit(cms, NULL);
    bool ok = bio &&
              (record->len == 0 ||
                  BIO_write(bio, record->data, (int)record->len) == (int)record->len) &&
              BIO_flush(bio) == 1 && CMS_dataFinal(cms, bio) == 1;

    BIO_free_all(bio);
    return ok;
}

static kh_status encode(
    CMS_ContentInfo *cms, unsigned char **der, size_t *der_len, struct kh_error *err)
{
    int len = i2d_CMS_ContentInfo(cms, NULL);
    unsigned char *out;
    unsigned char *end;

    if (len <= 0)
        return kh_provider_fail(err, KH_FATAL, "envelope: encoding");
    out = end = malloc((size_t)len);
    if (!out)
        return kh_fail(err, KH_FATAL, "envelope: no memory");
    if (i2d_CMS_ContentInfo(cms, &end) != len) {
        free(out);
        return kh_provider_fail(err, KH_FATAL, "envelope: encoding");
    }
    *der = out;
    *der_len = (size_t)len;
    return KH_OK;
}

kh_status kh_envelope_seal(struct kh_envelopes *envelopes,
    const struct kh_recipient *recipient, const struct kh_buf *record,
    unsigned char **der, size_t *der_len, struct kh_error *err)
{
    CMS_ContentInfo *cms;
    kh_status status;

    *der = NULL;
    *der_len = 0;
    if (record->len > KH_ENVELOPE_MAX - OVERHEAD_MAX)
        return kh_fail(
            err, KH_INVALID, "record: %zu bytes do not fit an envelope", record->len);
    kh_provider_begin();
    cms = CMS_AuthEnvelopedData_create_ex(
        envelopes->cipher, envelopes->libctx, envelopes->properties);
    if (!cms || !add_recipient(cms, recipient) || CMS_set_detached(cms, 0) != 1 ||
        !encrypt(cms, record))
        status = kh_provider_fail(err, KH_FATAL, "envelope: sealing");
    else
        status = encode(cms, der, der_len, err);
    CMS_ContentInfo_free(cms);
    return status;
}

/* ---- opening
 * ------------------------------------------------------------------------------ */

static CMS_ContentInfo *parse(
    const struct kh_envelopes *envelopes, const unsigned char *der, size_t der_len)
{
    const unsigned char *at = der;
    CMS_ContentInfo *cms =
        CMS_ContentInfo_new_ex(envelopes->libctx, envelopes->properties);

    if (cms &&
        !d2i_CMS_ContentInfo(&cms, &at, (long)der_len)) /* frees CMS when it fails */
        return NULL;
    return cms;
}

/* Has the token give the content key to CMS. The envelope has one recipient, and it is
 * PKEY's: that was checked. Each RecipientInfo owns a reference to the key it is given.
 */
static bool unwrap(CMS_ContentInfo *cms, EVP_PKEY *pkey)
{
    CMS_RecipientInfo *info = sk_CMS_RecipientInfo_value(CMS_get0_RecipientInfos(cms), 0);
    STACK_OF(CMS_RecipientEncryptedKey) * keys;

    if (!info)
        return false;
    if (CMS_RecipientInfo_type(info) == CMS_RECIPINFO_AGREE) {
        keys = CMS_RecipientInfo_kari_get0_reks(info);
        return CMS_RecipientInfo_kari_set0_pkey(info, pkey) == 1 &&
               CMS_RecipientInfo_kari_decrypt(
                   cms, info, sk_CMS_RecipientEncryptedKey_value(keys, 0)) == 1;
    }
    if (EVP_PKEY_up_ref(pkey) != 1)
        return false;
    if (CMS_RecipientInfo_set0_pkey(info, pkey) != 1) {
        EVP_PKEY_free(pkey);
        return false;
    }
    return CMS_RecipientInfo_decrypt(cms, info) == 1;
}

/*
 * Reads CONTENT_LEN bytes straight into secret memory; GCM's plaintext is as long as its
 * ciphertext. The tag is compared at the end of the stream, so nothing counts before the
 * cipher BIO says so. A content key that the token unwrapped wrongly ends here as well.
 */
static bool decrypt(CMS_ContentInfo *cms, unsigned char *out, size_t content_len)
{
    BIO *bio = CMS_dataInit(cms, NULL);
    unsigned char beyond;
    size_t got = 0;
    int n = 1;
    bool ok;

    while (bio && got < content_len && n > 0) {
        n = BIO_read(bio, out + got, (int)(content_len - got));
        if (n > 0)
            got += (size_t)n;
    }
    ok = bio && got == content_len && BIO_read(bio, &beyond, 1) <= 0 &&
         BIO_get_cipher_status(bio) == 1;
    BIO_free_all(bio);
    return ok;
}

static kh_status open_with(
    CMS_ContentInfo *cms, EVP_PKEY *pkey, struct kh_buf *record, struct kh_error *err)
{
    if (!cms)
        return kh_provider_fail(err, KH_CORRUPT, "envelope: not CMS");
    if (!unwrap(cms, pkey))
        return kh_provider_fail(
            err, KH_CORRUPT, "envelope: the key on the token does not open it");
    if (!decrypt(cms, record->data, record->len)) {
        kh_provider_begin(); /* libcrypto's reason is "cipher operation failed" or none */
        return kh_fail(err, KH_CORRUPT,
            "envelope: does not authenticate; its bytes were changed or it was sealed "
            "with "
            "another key");
    }
    return KH_OK;
}

kh_status kh_envelope_open(struct kh_envelopes *envelopes, const struct kh_token_key *key,
    const unsigned char *der, size_t der_len, struct kh_buf *record, struct kh_error *err)
{
    const struct kh_host *host = envelopes->host;
    CMS_ContentInfo *cms;
    EVP_PKEY *pkey = NULL;
    size_t content_len = 0;
    kh_status status = kh_envelope_check(der, der_len, key, &content_len, err);

    if (status == KH_OK)
        status = kh_provider_key(envelopes->provider, key, &pkey, err);
    if (status == KH_OK)
        status = host->buf_alloc(host, record, content_len, err);
    if (status != KH_OK) {
        EVP_PKEY_free(pkey);
        return status;
    }
    cms = parse(envelopes, der, der_len);
    status = open_with(cms, pkey, record, err);
    if (status != KH_OK)
        host->buf_free(host, record);
    CMS_ContentInfo_free(cms);
    EVP_PKEY_free(pkey);
    return status;
}
