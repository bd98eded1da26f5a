#include "server/kms/wrap.h"

#include "core/backend_key.h"
#include "core/secmem.h"

#include <string.h>

static kh_status use(struct kh_app *app, const struct kh_kms_key *key,
    const struct kh_key_use *how, struct kh_buf *out, struct kh_error *err)
{
    struct kh_error why = {0};
    kh_status st = kh_backend_key_use(app->backend, key->wrap, how, out, &why);

    if (st == KH_NOT_FOUND)
        return kh_fail(err, KH_CORRUPT,
            "the AES key '%s' of version %u of '%s' is not on the token, or is deleted "
            "there",
            key->wrap, key->version, key->name);
    if (st != KH_OK)
        return kh_fail(err, st, "%s", why.message);
    return KH_OK;
}

kh_status kh_kms_wrap(struct kh_app *app, const struct kh_kms_key *key,
    struct kh_kms_bytes in, unsigned char *out, struct kh_error *err)
{
    const struct kh_key_use how = {
        .scheme = KH_SCHEME_AES_WRAP, .input = in.data, .input_len = in.len};
    KH_CLEANUP_BUF struct kh_buf wrapped = {0};
    kh_status st;

    if (in.len < KH_KMS_WRAP_MIN || in.len > KH_KMS_WRAP_MAX || in.len % 8 != 0)
        return kh_fail(err, KH_INVALID,
            "a key of %zu bytes cannot be encrypted in the token: %d to %d bytes can, by "
            "eights",
            in.len, KH_KMS_WRAP_MIN, KH_KMS_WRAP_MAX);
    st = use(app, key, &how, &wrapped, err);
    if (st == KH_OK && wrapped.len != in.len + KH_KMS_WRAP_MORE)
        st = kh_fail(
            err, KH_CORRUPT, "the token wrapped %zu bytes to %zu", in.len, wrapped.len);
    if (st == KH_OK)
        memcpy(out, wrapped.data, wrapped.len);
    return st;
}

static kh_status not_its_own(
    struct kh_app *app, const struct kh_kms_key *key, struct kh_error *err)
{
    kh_meter_add(app->kms->altered, 1);
    return kh_fail(err, KH_INVALID,
        "the encrypted key was not made with version %u of '%s', or it was altered",
        key->version, key->name);
}

kh_status kh_kms_unwrap(struct kh_app *app, const struct kh_kms_key *key,
    struct kh_kms_bytes in, struct kh_buf *out, struct kh_error *err)
{
    const struct kh_key_use how = {
        .scheme = KH_SCHEME_AES_UNWRAP, .input = in.data, .input_len = in.len};
    kh_status st;

    if (in.len < KH_KMS_WRAP_MIN + KH_KMS_WRAP_MORE ||
        in.len > KH_KMS_WRAP_MAX + KH_KMS_WRAP_MORE || in.len % 8 != 0)
        return not_its_own(app, key, err);
    st = use(app, key, &how, out, err);
    if (st == KH_INVALID)
        return not_its_own(app, key, err);
    if (st == KH_OK && out->len + KH_KMS_WRAP_MORE != in.len) {
        st = kh_fail(
            err, KH_CORRUPT, "the token unwrapped %zu bytes to %zu", in.len, out->len);
        kh_buf_free(out);
    }
    return st;
}
