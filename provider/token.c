#include "provider/failure.h"
#include "provider/internal.h"

#include <openssl/err.h>
#include <string.h>

/* libcrypto carries no kh_error through a CMS call, so the thread does. */
static _Thread_local struct kh_error last;

static int answer(kh_status status)
{
    if (status == KH_OK) {
        last.status = KH_OK;
        return 1;
    }
    /* An operation that filled nothing in must not pass as "no error". */
    if (last.status == KH_OK)
        (void)kh_fail(&last, status, "token: the operation failed and left no reason");
    ERR_raise_data(ERR_LIB_PROV, ERR_R_OPERATION_FAIL, "%s", last.message);
    return 0;
}

int kh_provctx_ecdh(const struct kh_provctx *prov, const struct kh_token_key *key,
    const unsigned char *point, unsigned char secret[KH_P256_SECRET])
{
    last.status = KH_OK;
    return answer(
        prov->ops.ecdh(prov->ops.token, key, point, KH_P256_POINT, secret, &last));
}

int kh_provctx_oaep(const struct kh_provctx *prov, const struct kh_token_key *key,
    kh_oaep_hash hash, const unsigned char *in, unsigned char *out, size_t *out_len)
{
    last.status = KH_OK;
    return answer(prov->ops.oaep_decrypt(
        prov->ops.token, key, hash, in, key->bits / 8, out, out_len, &last));
}

int kh_provctx_random(const struct kh_provctx *prov, unsigned char *out, size_t len)
{
    last.status = KH_OK;
    return answer(prov->ops.random(prov->ops.token, out, len, &last));
}

void kh_provider_last_error(struct kh_error *err)
{
    *err = last;
    last.status = KH_OK;
    last.message[0] = '\0';
}

void kh_provider_begin(void)
{
    last.status = KH_OK;
    ERR_clear_error();
}

kh_status kh_provider_fail(struct kh_error *err, kh_status status, const char *what)
{
    unsigned long code = ERR_peek_last_error();
    const char *reason = ERR_reason_error_string(code);

    if (last.status != KH_OK) {
        if (err)
            *err = last;
        status = last.status;
    } else {
        status =
            kh_fail(err, status, "%s: %s", what, reason ? reason : "no reason given");
    }
    last.status = KH_OK;
    ERR_clear_error();
    return status;
}
