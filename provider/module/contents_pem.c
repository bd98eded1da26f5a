#include "provider/module/contents_impl.h"

#include "provider/module/inner.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

static const char begin[] = "-----BEGIN ";

/* One block, and what it takes to read it. */
struct block {
    char *name, *header;
    unsigned char *data;
    long len;
};

static const struct {
    const char *name;
    enum kh_content_kind kind;
    bool own; /* a private key in the form of its own kind: made PKCS#8 */
} blocks[] = {
    {PEM_STRING_PKCS8INF, KH_CONTENT_KEY, false},
    {PEM_STRING_PKCS8, KH_CONTENT_ENCRYPTED_KEY, false},
    {PEM_STRING_RSA, KH_CONTENT_KEY, true},
    {PEM_STRING_ECPRIVATEKEY, KH_CONTENT_KEY, true},
    {PEM_STRING_DSA, KH_CONTENT_KEY, true},
    {PEM_STRING_PUBLIC, KH_CONTENT_PUBLIC_KEY, false},
    {PEM_STRING_X509, KH_CONTENT_CERTIFICATE, false},
    {PEM_STRING_X509_OLD, KH_CONTENT_CERTIFICATE, false},
    {PEM_STRING_X509_CRL, KH_CONTENT_CRL, false},
};
enum { BLOCKS = sizeof blocks / sizeof blocks[0] };

bool kh_contents_is_pem(const struct kh_buf *data)
{
    return memmem(data->data, data->len, begin, sizeof begin - 1) != NULL;
}

static void drop(struct block *b)
{
    OPENSSL_secure_free(b->name);
    OPENSSL_secure_free(b->header);
    OPENSSL_secure_clear_free(b->data, b->len > 0 ? (size_t)b->len : 0);
    memset(b, 0, sizeof *b);
}

/* ---- the old encryption ---- */

struct phrase {
    char text[PEM_BUFSIZE];
    size_t len;
};

static int give(char *out, int size, int writing, void *arg)
{
    const struct phrase *phrase = arg;

    (void)writing;
    if (size < 0 || phrase->len > (size_t)size)
        return -1;
    memcpy(out, phrase->text, phrase->len);
    return (int)phrase->len;
}

/* The application is asked in its own library context, and before ours is entered. */
static bool open_header(
    const struct kh_module *module, struct block *b, const struct kh_asker *asker)
{
    struct phrase phrase = {.len = 0};
    EVP_CIPHER_INFO cipher;
    OSSL_LIB_CTX *before;
    bool opened = asker->callback &&
                  asker->callback(phrase.text, sizeof phrase.text, &phrase.len, NULL,
                      asker->arg) == 1 &&
                  phrase.len <= sizeof phrase.text;

    before = kh_inner_enter(module->inner);
    opened = opened && PEM_get_EVP_CIPHER_INFO(b->header, &cipher) == 1 &&
             PEM_do_header(&cipher, b->data, &b->len, give, &phrase) == 1;
    kh_inner_leave(before);
    OPENSSL_cleanse(&phrase, sizeof phrase);
    return opened;
}

/* ---- a block ---- */

static kh_status take_own(struct kh_contents *out, const struct kh_module *module,
    const struct block *b, struct kh_error *err)
{
    struct kh_content key = {.kind = KH_CONTENT_KEY};
    OSSL_LIB_CTX *before = kh_inner_enter(module->inner);
    bool good = kh_contents_to_pkcs8(module, b->data, (size_t)b->len, &key);

    kh_inner_leave(before);
    return good ? kh_contents_add(out, key, err)
                : kh_fail(err, KH_INVALID, "the block '%.40s' in it is damaged", b->name);
}

static kh_status take_block(struct kh_contents *out, const struct kh_module *module,
    struct block *b, const struct kh_asker *asker, struct kh_error *err)
{
    size_t i = 0;

    while (i < BLOCKS && strcmp(blocks[i].name, b->name) != 0)
        i++;
    if (i == BLOCKS)
        return KH_OK;
    if (strstr(b->header, "ENCRYPTED") && !open_header(module, b, asker))
        return kh_fail(err, KH_INVALID,
            "its private key is password-protected, and the passphrase is wrong or was "
            "not "
            "given");
    if (blocks[i].own)
        return take_own(out, module, b, err);
    return kh_contents_add_copy(out, blocks[i].kind, b->data, (size_t)b->len, err);
}

kh_status kh_contents_read_pem(struct kh_contents *out, const struct kh_module *module,
    const struct kh_buf *data, const struct kh_asker *asker, struct kh_error *err)
{
    BIO *bio = BIO_new_mem_buf(data->data, (int)data->len);
    kh_status st = bio ? KH_OK : kh_fail(err, KH_FATAL, "out of memory");
    struct block b = {0};
    bool ended = false;

    while (st == KH_OK && !ended) {
        (void)ERR_set_mark();
        ended = PEM_read_bio_ex(bio, &b.name, &b.header, &b.data, &b.len,
                    PEM_FLAG_SECURE | PEM_FLAG_EAY_COMPATIBLE) != 1;
        if (ended && ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
            st = kh_fail(err, KH_INVALID, "a PEM block in it is damaged");
        (void)ERR_pop_to_mark();
        if (!ended)
            st = take_block(out, module, &b, asker, err);
        drop(&b);
    }
    BIO_free(bio);
    if (st == KH_OK && out->count == 0)
        st = kh_fail(err, KH_INVALID,
            "none of its PEM blocks is a key, a certificate or a "
            "revocation list");
    return st;
}
