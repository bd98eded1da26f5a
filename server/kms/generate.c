#include "core/crypto.h"
#include "server/kms/eek.h"
#include "server/kms/wrap.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

/* How many are wanted; 0 for less than one. False: answered. */
static bool take_count(struct kh_app *app, struct kh_request *request, size_t *count)
{
    const char *from = request->query;
    struct kh_error err = {0};
    char text[24];
    char *end = text;
    long long value;
    kh_status st = kh_kms_query(&from, "num_keys", text, sizeof text, &err);

    *count = 1;
    if (st == KH_NOT_FOUND)
        return true;
    errno = 0;
    value = strtoll(text, &end, 10);
    if (st != KH_OK || !*text || *end || errno ||
        (*text != '-' && *text != '+' && (*text < '0' || *text > '9'))) {
        kh_kms_refuse(
            request, 400, KH_KMS_ILLEGAL, "Parameter 'num_keys' is no whole number");
        return false;
    }
    if (value > (long long)app->kms->max_eeks) {
        kh_kms_refuse(request, 400, KH_KMS_ILLEGAL,
            "Parameter 'num_keys' is more than %zu, the most that one request may ask "
            "for",
            app->kms->max_eeks);
        return false;
    }
    *count = value > 0 ? (size_t)value : 0;
    return true;
}

/*
 * An encrypted key of random bits decrypts to a key of random bits: the counter mode adds
 * a stream that knows nothing of them. So what is drawn is taken as the encrypted key,
 * and no key needs to be encrypted, or to be in memory, to make one.
 */
static kh_status draw(
    const struct kh_kms_key *key, size_t count, unsigned char **out, struct kh_error *err)
{
    size_t len = count * (KH_KMS_IV + key->material.len);

    *out = OPENSSL_malloc(len + 1);
    if (!*out)
        return kh_fail(err, KH_BUSY, "no memory is free for the answer");
    if (RAND_priv_bytes(*out, (int)len) == 1)
        return KH_OK;
    OPENSSL_free(*out);
    return kh_fail(
        err, KH_FATAL, "OpenSSL's generator failed: %s", kh_crypto_reason("no entropy"));
}

static kh_status write_all(const struct kh_kms_key *key, size_t count,
    struct kh_kms_out *out, struct kh_error *err)
{
    size_t len = key->material.len;
    struct kh_kms_frame frame;
    unsigned char *drawn;
    kh_status st = draw(key, count, &drawn, err);

    if (st != KH_OK)
        return st;
    kh_kms_frame_make(key, &frame);
    kh_kms_out_raw(out, "[");
    for (size_t i = 0; i < count; i++) {
        const unsigned char *iv = drawn + i * (KH_KMS_IV + len);

        kh_kms_out_raw(out, i ? "," : "");
        kh_kms_eek_write(out, &frame, iv, iv + KH_KMS_IV, len);
    }
    kh_kms_out_raw(out, "]");
    OPENSSL_free(drawn);
    return KH_OK;
}

static void answer(
    struct kh_app *app, struct kh_request *request, struct kh_kms_key *key, size_t count)
{
    struct kh_error err = {0};
    struct kh_kms_out out;
    /* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): KEY was loaded */
    size_t room = count * (190 + 2 * strlen(key->name)) + 2;
    kh_status st = kh_kms_out_begin(&out, room, false, &err);

    if (st == KH_OK)
        st = key->wrap ? kh_kms_wrap_many(
                             app, &(struct kh_kms_many){request, key, count}, &out, &err)
                       : write_all(key, count, &out, &err);
    if (st != KH_OK) {
        kh_kms_out_drop(&out);
        kh_kms_failed(request, st, &err);
        return;
    }
    request->version = key->version;
    request->has_version = true;
    kh_meter_add(app->kms->generated, count);
    kh_kms_out_send(&out, request, 200);
}

void kh_kms_generate(struct kh_app *app, struct kh_request *request)
{
    KH_CLEANUP_KEY struct kh_kms_key *key = NULL;
    struct kh_error err = {0};
    size_t count;
    char op[16];
    kh_status st;

    if (!kh_kms_begin(app, request, "GENERATE_EEK", false) ||
        !kh_kms_take_name(request) || !kh_kms_take_eek_op(request, op))
        return;
    if (strcmp(op, "generate") != 0) {
        kh_kms_refuse(request, 400, KH_KMS_ILLEGAL, KH_KMS_WRONG_EEK_OP);
        return;
    }
    st = kh_kms_load(app, request->name, KH_LATEST, &key, &err);
    if (!kh_kms_may(app, request, KH_KMS_GENERATE_EEK, key ? key->acl : request->name) ||
        !take_count(app, request, &count))
        return;
    if (st == KH_OK)
        answer(app, request, key, count);
    else if (st == KH_NOT_FOUND)
        kh_kms_refuse(
            request, 500, KH_KMS_IO, "No KeyVersion exists for key '%s' ", request->name);
    else
        kh_kms_failed(request, st, &err);
}
