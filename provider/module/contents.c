#include "provider/module/contents_impl.h"

#include "provider/module/inner.h"

#include <string.h>

const char *kh_content_word(enum kh_content_kind kind)
{
    switch (kind) {
    case KH_CONTENT_KEY:
    case KH_CONTENT_ENCRYPTED_KEY:
        return "a private key";
    case KH_CONTENT_PUBLIC_KEY:
        return "a public key";
    case KH_CONTENT_CERTIFICATE:
        return "a certificate";
    case KH_CONTENT_CRL:
        return "a revocation list";
    case KH_CONTENT_PKCS12:
        return "a PKCS#12 file";
    default:
        return "a raw secret";
    }
}

kh_status kh_contents_add(
    struct kh_contents *out, struct kh_content content, struct kh_error *err)
{
    if (content.data && out->count < KH_CONTENTS_MAX) {
        out->list[out->count++] = content;
        return KH_OK;
    }
    OPENSSL_clear_free(content.data, content.len);
    return content.data ? kh_fail(err, KH_INVALID, "there are more than %d objects in it",
                              KH_CONTENTS_MAX)
                        : kh_fail(err, KH_FATAL, "out of memory");
}

kh_status kh_contents_add_copy(struct kh_contents *out, enum kh_content_kind kind,
    const unsigned char *data, size_t len, struct kh_error *err)
{
    struct kh_content content = {
        .kind = kind, .data = OPENSSL_memdup(data, len), .len = len};

    return kh_contents_add(out, content, err);
}

/* One object, or bytes. */
static kh_status read_other(struct kh_contents *out, const struct kh_module *module,
    const struct kh_buf *data, struct kh_error *err)
{
    enum kh_content_kind kind = kh_contents_der_kind(data->data, data->len);
    struct kh_content key = {.kind = KH_CONTENT_KEY};

    if (kind == KH_CONTENT_RAW &&
        kh_contents_to_pkcs8(module, data->data, data->len, &key))
        return kh_contents_add(out, key, err);
    return kh_contents_add_copy(out, kind, data->data, data->len, err);
}

kh_status kh_contents_read(struct kh_contents *out, const struct kh_module *module,
    const struct kh_buf *data, const struct kh_asker *asker, struct kh_error *err)
{
    OSSL_LIB_CTX *before;
    kh_status st;

    if (data->len == 0)
        return kh_fail(err, KH_INVALID, "it is empty");
    if (kh_contents_is_pem(data))
        return kh_contents_read_pem(out, module, data, asker, err);
    before = kh_inner_enter(module->inner);
    st = read_other(out, module, data, err);
    kh_inner_leave(before);
    return st;
}

void kh_contents_free(struct kh_contents *contents)
{
    for (size_t i = 0; i < contents->count; i++)
        OPENSSL_clear_free(contents->list[i].data, contents->list[i].len);
    memset(contents, 0, sizeof *contents);
}
