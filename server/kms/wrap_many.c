#include "core/crypto.h"
#include "core/secmem.h"
#include "server/kms/eek.h"
#include "server/kms/wrap.h"

#include <keyhsm/plugin.h>
#include <openssl/rand.h>

/* As many keys as the generator gives at once; they are wiped when they are wrapped. */
static kh_status draw_keys(
    struct kh_app *app, size_t len, struct kh_buf *out, struct kh_error *err)
{
    if (kh_buf_alloc(out, len, err) != KH_OK)
        return kh_fail(err, KH_BUSY, "no secret memory is free for keys");
    return kh_kms_draw(app, out, err);
}

/* The key at PLAIN, encrypted and written. */
static kh_status write_one(struct kh_app *app, const struct kh_kms_many *many,
    const unsigned char *plain, struct kh_kms_out *out, struct kh_error *err)
{
    const struct kh_kms_bytes in = {plain, many->key->bits / 8};
    unsigned char wrapped[KH_KMS_WRAP_MAX + KH_KMS_WRAP_MORE];
    unsigned char iv[KH_KMS_IV]; /* of the file, not of this cipher */
    struct kh_kms_frame frame;
    kh_status st;

    if (atomic_load(&many->request->abandoned))
        return kh_fail(err, KH_BUSY, "the deadline of the request has passed");
    if (RAND_bytes(iv, sizeof iv) != 1)
        return kh_fail(err, KH_FATAL, "OpenSSL's generator failed: %s",
            kh_crypto_reason("no entropy"));
    st = kh_kms_wrap(app, many->key, in, wrapped, err);
    kh_kms_frame_make(many->key, &frame);
    if (st == KH_OK)
        kh_kms_eek_write(out, &frame, iv, wrapped, in.len + KH_KMS_WRAP_MORE);
    return st;
}

/* COUNT of them, drawn at once. */
static kh_status write_some(struct kh_app *app, const struct kh_kms_many *many,
    size_t count, struct kh_kms_out *out, struct kh_error *err)
{
    KH_CLEANUP_BUF struct kh_buf drawn = {0};
    size_t len = many->key->bits / 8;
    kh_status st = draw_keys(app, count * len, &drawn, err);

    for (size_t i = 0; st == KH_OK && i < count; i++) {
        kh_kms_out_raw(out, i ? "," : "");
        st = write_one(app, many, drawn.data + i * len, out, err);
    }
    return st;
}

kh_status kh_kms_wrap_many(struct kh_app *app, const struct kh_kms_many *many,
    struct kh_kms_out *out, struct kh_error *err)
{
    size_t most = KH_RANDOM_MAX / (many->key->bits / 8);
    kh_status st = KH_OK;

    kh_kms_out_raw(out, "[");
    for (size_t done = 0; st == KH_OK && done < many->count; done += most) {
        size_t left = many->count - done;

        kh_kms_out_raw(out, done ? "," : "");
        st = write_some(app, many, left < most ? left : most, out, err);
    }
    kh_kms_out_raw(out, "]");
    return st;
}
