#include "core/crypto.h"
#include "core/log.h"
#include "core/secmem.h"
#include "server/kms/internal.h"

#include <openssl/rand.h>

static kh_status draw_here(struct kh_buf *out, struct kh_error *err)
{
    if (RAND_priv_bytes(out->data, (int)out->len) == 1)
        return KH_OK;
    return kh_fail(
        err, KH_FATAL, "OpenSSL's generator failed: %s", kh_crypto_reason("no entropy"));
}

kh_status kh_kms_material(
    struct kh_app *app, unsigned bits, struct kh_buf *out, struct kh_error *err)
{
    struct kh_backend *backend = app->backend;
    kh_status st = KH_REFUSED;

    if (kh_buf_alloc(out, bits / 8, err) != KH_OK) /* bad luck, not the daemon's end */
        return kh_fail(err, KH_BUSY, "no secret memory is free for a key");
    if (kh_backend_has_random(backend)) {
        st = kh_backend_random(backend, out, err);
        if (st == KH_REFUSED) /* a keyhsmd whose own backend has none, or an old one */
            kh_log(KH_LOG_WARNING,
                "a key is made by OpenSSL's generator, not by an HSM's: %s",
                err->message);
    }
    if (st == KH_REFUSED)
        st = draw_here(out, err);
    if (st != KH_OK)
        kh_buf_free(out);
    return st;
}
