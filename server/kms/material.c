#include "core/crypto.h"
#include "core/secmem.h"
#include "server/kms/internal.h"

#include <openssl/rand.h>

kh_status kh_kms_material(
    struct kh_app *app, unsigned bits, struct kh_buf *out, struct kh_error *err)
{
    struct kh_backend *backend = app->backend;
    kh_status st = kh_buf_alloc(out, bits / 8, err);

    if (st != KH_OK) /* this request's bad luck, not the daemon's end */
        return kh_fail(err, KH_BUSY, "no secret memory is free for a key");
    if (kh_backend_has_random(backend))
        st = kh_backend_random(backend, out, err);
    else if (RAND_priv_bytes(out->data, (int)out->len) != 1)
        st = kh_fail(err, KH_FATAL, "OpenSSL's generator failed: %s",
            kh_crypto_reason("no entropy"));
    if (st != KH_OK)
        kh_buf_free(out);
    return st;
}
