#include "server/kms/eek.h"

#include "core/secmem.h"
#include "server/kms/base64.h"
#include "server/kms/wrap.h"

#include <string.h>

/* A base64 string of at most SIZE bytes. */
static bool take_base64(
    struct kh_kms_scan *scan, unsigned char *out, size_t size, size_t *len)
{
    char text[KH_KMS_EEK_MAX / 3 * 4 + 8];
    size_t chars;

    return kh_kms_scan_string(scan, text, sizeof text, &chars) &&
           (kh_kms_base64_decode(text, chars, out, size, len) ||
               kh_kms_scan_fail(scan, "not base64, or too long"));
}

/* True, and read, when KEY is NAME and was not seen yet; null counts as not given. */
static bool is(struct kh_kms_scan *scan, const char *key, const char *name, bool *has)
{
    if (strcmp(key, name) != 0)
        return false;
    if (*has)
        (void)kh_kms_scan_fail(scan, "a member stands twice");
    *has = !kh_kms_scan_null(scan);
    return true;
}

static bool take_material(struct kh_kms_scan *scan, struct kh_kms_eek *out)
{
    return take_base64(scan, out->material, sizeof out->material, &out->len);
}

static bool take_inner(struct kh_kms_scan *scan, struct kh_kms_eek *out)
{
    char key[KH_KMS_SCAN_KEY];
    bool has_version = false;
    bool good = kh_kms_scan_object(scan);

    while (good && kh_kms_scan_member(scan, key)) {
        if (is(scan, key, "versionName", &has_version))
            good = !has_version || kh_kms_scan_string(scan, out->inner_version,
                                       sizeof out->inner_version, NULL);
        else if (is(scan, key, "material", &out->has_material))
            good = !out->has_material || take_material(scan, out);
        else
            good = kh_kms_scan_skip(scan);
    }
    return good && !scan->why;
}

static bool take_member(struct kh_kms_scan *scan, const char *key, struct kh_kms_eek *out)
{
    if (is(scan, key, "name", &out->has_name))
        return !out->has_name ||
               kh_kms_scan_string(scan, out->name, sizeof out->name, NULL);
    if (is(scan, key, "versionName", &out->has_version))
        return !out->has_version ||
               kh_kms_scan_string(scan, out->version, sizeof out->version, NULL);
    if (is(scan, key, "iv", &out->has_iv))
        return !out->has_iv || take_base64(scan, out->iv, sizeof out->iv, &out->iv_len);
    if (is(scan, key, "material", &out->has_material))
        return !out->has_material || take_material(scan, out);
    if (is(scan, key, "encryptedKeyVersion", &out->has_inner))
        return !out->has_inner || take_inner(scan, out);
    return kh_kms_scan_skip(scan);
}

bool kh_kms_eek_scan(struct kh_kms_scan *scan, struct kh_kms_eek *out)
{
    char key[KH_KMS_SCAN_KEY];
    bool good = kh_kms_scan_object(scan);

    out->has_name = out->has_version = out->has_iv = false;
    out->has_material = out->has_inner = false;
    out->inner_version[0] = '\0';
    while (good && kh_kms_scan_member(scan, key))
        good = take_member(scan, key, out);
    return good && !scan->why;
}

void kh_kms_frame_make(const struct kh_kms_key *key, struct kh_kms_frame *frame)
{
    /* A checked name: nothing in it to escape, and it fits. */
    (void)snprintf(frame->text, sizeof frame->text,
        "\",\"name\":\"%s\",\"versionName\":\"EEK\"},\"versionName\":\"%s@%u\",\"iv\":\"",
        key->name, key->name, key->version);
    frame->len = strlen(frame->text);
}

void kh_kms_eek_write(struct kh_kms_out *out, const struct kh_kms_frame *frame,
    const unsigned char iv[KH_KMS_IV], const unsigned char *material, size_t len)
{
    static const char head[] = "{\"encryptedKeyVersion\":{\"material\":\"";
    static const char tail[] = "\"}";
    const size_t chars = kh_kms_base64_length(len);
    const size_t iv_chars = kh_kms_base64_length(KH_KMS_IV);
    char *at = kh_kms_out_take(
        out, sizeof head - 1 + chars + frame->len + iv_chars + sizeof tail - 1);

    if (!at)
        return;
    memcpy(at, head, sizeof head - 1);
    at += sizeof head - 1;
    kh_kms_base64_encode(material, len, at);
    at += chars;
    memcpy(at, frame->text, frame->len);
    at += frame->len;
    kh_kms_base64_encode(iv, KH_KMS_IV, at);
    memcpy(at + iv_chars, tail, sizeof tail - 1);
}

kh_status kh_kms_eek_open(struct kh_app *app, struct evp_cipher_ctx_st *work,
    const struct kh_kms_key *key, const struct kh_kms_eek *eek, struct kh_buf *out,
    struct kh_error *err)
{
    const struct kh_kms_bytes in = {eek->material, eek->len};

    if (key->wrap)
        return kh_kms_unwrap(app, key, in, out, err);
    if (kh_buf_alloc(out, eek->len, err) != KH_OK)
        return kh_fail(err, KH_BUSY, "no secret memory is free for a key");
    if (eek->len == 0)
        return KH_OK;
    return kh_kms_cipher_apply(app->kms->cipher, work, &key->material, eek->iv,
        eek->material, out->data, eek->len, err);
}

static kh_status seal(struct kh_app *app, struct evp_cipher_ctx_st *work,
    const struct kh_kms_key *key, const struct kh_buf *plain, struct kh_kms_eek *eek,
    struct kh_error *err)
{
    const struct kh_kms_bytes in = {plain->data, plain->len};
    kh_status st;

    if (key->wrap)
        st = kh_kms_wrap(app, key, in, eek->material, err);
    else
        st = kh_kms_cipher_apply(app->kms->cipher, work, &key->material, eek->iv,
            plain->data, eek->material, plain->len, err);
    if (st == KH_OK)
        eek->len = plain->len + (key->wrap ? KH_KMS_WRAP_MORE : 0);
    return st;
}

kh_status kh_kms_eek_turn(struct kh_app *app, struct evp_cipher_ctx_st *work,
    struct kh_kms_key *const keys[2], struct kh_kms_eek *eek, struct kh_error *err)
{
    bool same = keys[0]->version == keys[1]->version;
    KH_CLEANUP_BUF struct kh_buf plain = {0};
    kh_status st;

    /* Both ciphers would make the same of it again. But what is wrapped is looked at. */
    if (!keys[0]->wrap && (same || (eek->len == 0 && !keys[1]->wrap)))
        return KH_OK;
    st = kh_kms_eek_open(app, work, keys[0], eek, &plain, err);
    return st == KH_OK && !same ? seal(app, work, keys[1], &plain, eek, err) : st;
}
