#include "core/crypto.h"
#include "core/deposit.h"
#include "core/log.h"
#include "core/secmem.h"
#include "server/kms/wrap.h"

#include <openssl/rand.h>

static kh_status draw_here(struct kh_buf *out, struct kh_error *err)
{
    if (RAND_priv_bytes(out->data, (int)out->len) == 1)
        return KH_OK;
    return kh_fail(
        err, KH_FATAL, "OpenSSL's generator failed: %s", kh_crypto_reason("no entropy"));
}

kh_status kh_kms_draw(struct kh_app *app, struct kh_buf *out, struct kh_error *err)
{
    struct kh_backend *backend = app->backend;
    kh_status st = KH_REFUSED;

    if (kh_backend_has_random(backend)) {
        st = kh_backend_random(backend, out, err);
        if (st == KH_REFUSED) /* a keyhsmd whose own backend has none, or an old one */
            kh_log(KH_LOG_WARNING,
                "a key is made by OpenSSL's generator, not by an HSM's: %s",
                err->message);
    }
    return st == KH_REFUSED ? draw_here(out, err) : st;
}

static kh_status make(
    struct kh_app *app, unsigned bits, struct kh_buf *out, struct kh_error *err)
{
    kh_status st;

    if (kh_buf_alloc(out, bits / 8, err) != KH_OK) /* bad luck, not the daemon's end */
        return kh_fail(err, KH_BUSY, "no secret memory is free for a key");
    st = kh_kms_draw(app, out, err);
    if (st != KH_OK)
        kh_buf_free(out);
    return st;
}

bool kh_kms_may_bring(
    struct kh_app *app, struct kh_request *request, const struct kh_kms_wanted *wanted)
{
    if (wanted->material.len == 0 || !app->kms->token_scheme)
        return true;
    kh_kms_refuse(request, 400, KH_KMS_ILLEGAL,
        "Parameter 'material' is not taken: keys are made in the token and never leave "
        "it ([kms] eek_scheme = token)");
    return false;
}

kh_status kh_kms_equip(struct kh_app *app, struct kh_kms_wanted *wanted,
    struct kh_deposit *deposit, struct kh_error *err)
{
    unsigned bits = (unsigned)wanted->bits;

    kh_buf_free(&deposit->data);
    if (app->kms->token_scheme)
        return kh_kms_wrap_make(app, deposit, bits, err);
    (void)kh_attrs_remove(&deposit->attrs, KH_KMS_WRAPPING_KEY);
    (void)kh_attrs_remove(&deposit->attrs, KH_KMS_LENGTH);
    if (wanted->material.len == 0)
        return make(app, bits, &deposit->data, err);
    deposit->data = wanted->material;
    wanted->material = (struct kh_buf){0};
    return KH_OK;
}
