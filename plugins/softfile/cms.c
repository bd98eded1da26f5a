#include "plugins/softfile/cms.h"

#include "plugins/softfile/unlock.h"

#include <limits.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

static void free_cms(CMS_ContentInfo **cms)
{
    CMS_ContentInfo_free(*cms);
}
#define CLEANUP_CMS __attribute__((cleanup(free_cms)))

static void free_bio(BIO **bio)
{
    BIO_free_all(*bio);
}
#define CLEANUP_BIO __attribute__((cleanup(free_bio)))

/* ---- sealing ---- */

static bool set_profile(const struct kh_soft_keys *keys, EVP_PKEY_CTX *ctx)
{
    if (EVP_PKEY_is_a(keys->key, "EC"))
        return EVP_PKEY_CTX_set_ecdh_kdf_md(ctx, EVP_sha256()) > 0;
    return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) > 0 &&
           EVP_PKEY_CTX_set_rsa_oaep_md(ctx, EVP_sha256()) > 0 &&
           EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, EVP_sha256()) > 0;
}

static bool add_recipient(const struct kh_soft_keys *keys, CMS_ContentInfo *cms)
{
    CMS_RecipientInfo *recipient =
        CMS_add1_recipient_cert(cms, keys->cert, CMS_KEY_PARAM | CMS_USE_KEYID);
    EVP_PKEY_CTX *ctx = recipient ? CMS_RecipientInfo_get0_pkey_ctx(recipient) : NULL;

    return ctx && set_profile(keys, ctx);
}

/* CMS_final would carry the record through a buffer of its own on the stack; writing into
 * the cipher chain does not. */
static bool fill(CMS_ContentInfo *cms, const struct kh_buf *record)
{
    CLEANUP_BIO BIO *bio = CMS_dataInit(cms, NULL);

    return bio && record->len <= INT_MAX &&
           BIO_write(bio, record->data, (int)record->len) == (int)record->len &&
           BIO_flush(bio) == 1 && CMS_dataFinal(cms, bio) == 1;
}

kh_status kh_soft_cms_seal(const struct kh_soft_keys *keys, const struct kh_buf *record,
    struct kh_soft_bytes *out, struct kh_error *err)
{
    CLEANUP_CMS CMS_ContentInfo *cms = CMS_encrypt_ex(
        NULL, NULL, keys->cipher, CMS_BINARY | CMS_PARTIAL, keys->libctx, NULL);
    unsigned char *at;
    int len = -1;

    memset(out, 0, sizeof *out);
    if (cms && add_recipient(keys, cms) && fill(cms, record))
        len = i2d_CMS_ContentInfo(cms, NULL);
    out->data = len > 0 ? malloc((size_t)len) : NULL;
    at = out->data;
    if (!at || i2d_CMS_ContentInfo(cms, &at) != len) {
        char reason[KH_SOFT_NOTE_SIZE];

        kh_soft_bytes_free(out);
        return kh_fail(err, KH_FATAL, "cannot seal a deposit: %s",
            kh_soft_ssl_reason(reason, sizeof reason));
    }
    out->len = (size_t)len;
    return KH_OK;
}

/* ---- opening ---- */

static kh_status corrupt(char note[KH_SOFT_NOTE_SIZE], const char *what)
{
    char reason[KH_SOFT_NOTE_SIZE / 2];

    snprintf(note, KH_SOFT_NOTE_SIZE, "%s (%s)", what,
        kh_soft_ssl_reason(reason, sizeof reason));
    return KH_CORRUPT;
}

static kh_status parse(const struct kh_soft_keys *keys, const struct kh_soft_bytes *der,
    CMS_ContentInfo **cms, char note[KH_SOFT_NOTE_SIZE])
{
    const unsigned char *at = der->data;

    if (!kh_soft_cms_whole(der->data, der->len, der->len)) {
        snprintf(note, KH_SOFT_NOTE_SIZE, "is torn: %zu bytes are not one whole envelope",
            der->len);
        return KH_CORRUPT;
    }
    *cms = CMS_ContentInfo_new_ex(keys->libctx, NULL);
    if (!*cms || !d2i_CMS_ContentInfo(cms, &at, (long)der->len) ||
        at != der->data + der->len)
        return corrupt(note, "is not a CMS message");
    if (OBJ_obj2nid(CMS_get0_type(*cms)) != NID_id_smime_ct_authEnvelopedData) {
        snprintf(note, KH_SOFT_NOTE_SIZE, "is a CMS message without authentication");
        return KH_CORRUPT;
    }
    return KH_OK;
}

static kh_status unlock(
    const struct kh_soft_keys *keys, CMS_ContentInfo *cms, char note[KH_SOFT_NOTE_SIZE])
{
    if (kh_soft_unlock(keys, cms))
        return KH_OK;
    if (kh_soft_is_for_us(keys, cms))
        return corrupt(note, "its content key cannot be opened");
    ERR_clear_error();
    snprintf(note, KH_SOFT_NOTE_SIZE, "is sealed for the key of another store");
    return KH_CORRUPT;
}

static kh_status drain(
    CMS_ContentInfo *cms, struct kh_buf *record, char note[KH_SOFT_NOTE_SIZE])
{
    CLEANUP_BIO BIO *bio = CMS_dataInit(cms, NULL);
    int n = 0;

    record->len = 0;
    while (bio && record->len < record->cap) {
        n = BIO_read(bio, record->data + record->len, (int)(record->cap - record->len));
        if (n <= 0)
            break;
        record->len += (size_t)n;
    }
    /* Only at the end of the content is the tag looked at: n == 0 alone proves nothing.
     */
    if (!bio || n != 0 || BIO_get_cipher_status(bio) != 1)
        return corrupt(note, "was changed: authentication failed");
    return KH_OK;
}

kh_status kh_soft_cms_open(const struct kh_soft_keys *keys,
    const struct kh_soft_bytes *der, struct kh_buf *record, char note[KH_SOFT_NOTE_SIZE])
{
    CLEANUP_CMS CMS_ContentInfo *cms = NULL;
    struct kh_error why = {0};
    kh_status status = parse(keys, der, &cms, note);

    if (status == KH_OK)
        status = unlock(keys, cms, note);
    if (status != KH_OK)
        return status;
    /* GCM adds nothing, so the content is shorter than the message around it. */
    status = keys->host->buf_alloc(keys->host, record, der->len, &why);
    if (status != KH_OK) {
        snprintf(note, KH_SOFT_NOTE_SIZE, "cannot be opened: %.120s", why.message);
        return status;
    }
    status = drain(cms, record, note);
    if (status != KH_OK)
        keys->host->buf_free(keys->host, record);
    return status;
}

bool kh_soft_cms_whole(const unsigned char *head, size_t len, uint64_t total)
{
    uint64_t length = 0;
    unsigned extra;

    if (len < 2 || head[0] != 0x30)
        return false;
    if (head[1] < 0x80)
        return total == 2U + head[1];
    extra = head[1] & 0x7f;
    if (extra < 1 || extra > 4 || len < 2 + (size_t)extra || head[2] == 0)
        return false;
    for (unsigned i = 0; i < extra; i++)
        length = length << 8 | head[2 + i];
    return length >= 0x80 && total == 2 + extra + length;
}
