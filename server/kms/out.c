#include "server/kms/out.h"

#include "core/secmem.h"
#include "server/kms/base64.h"
#include "server/kms/refuse.h"
#include "server/reply.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <string.h>

enum { OUT_MAX = 64 * 1024 * 1024 };

kh_status kh_kms_out_begin(
    struct kh_kms_out *out, size_t cap, bool secret, struct kh_error *err)
{
    *out = (struct kh_kms_out){.secret = secret};
    out->body.data = secret ? OPENSSL_secure_malloc(cap) : OPENSSL_malloc(cap);
    if (!out->body.data)
        return kh_fail(err, KH_BUSY, "no memory is free for the answer");
    out->body.cap = cap;
    return KH_OK;
}

/* Ordinary memory grows; secret memory was asked for at its full size. */
static bool make_room(struct kh_kms_out *out, size_t len)
{
    size_t cap = out->body.cap;
    unsigned char *more;

    if (len <= cap - out->body.len)
        return true;
    if (out->secret || len > OUT_MAX - out->body.len)
        return false;
    while (len > cap - out->body.len)
        cap *= 2;
    more = OPENSSL_realloc(out->body.data, cap);
    if (!more)
        return false;
    out->body.data = more;
    out->body.cap = cap;
    return true;
}

char *kh_kms_out_take(struct kh_kms_out *out, size_t len)
{
    if (out->full || !make_room(out, len)) {
        out->full = true;
        return NULL;
    }
    out->body.len += len;
    return (char *)out->body.data + out->body.len - len;
}

static void append(struct kh_kms_out *out, const char *text, size_t len)
{
    char *at = kh_kms_out_take(out, len);

    if (at)
        memcpy(at, text, len);
}

void kh_kms_out_raw(struct kh_kms_out *out, const char *text)
{
    append(out, text, strlen(text));
}

static bool plain(unsigned char c)
{
    return c >= 0x20 && c != '"' && c != '\\' && c != 0x7f;
}

size_t kh_kms_out_room(const char *text)
{
    return text ? 6 * strlen(text) + 2 : 4;
}

void kh_kms_out_string(struct kh_kms_out *out, const char *text)
{
    char escape[7];

    if (!text) {
        kh_kms_out_raw(out, "null");
        return;
    }
    kh_kms_out_raw(out, "\"");
    while (*text) {
        const char *from = text;

        while (*text && plain((unsigned char)*text))
            text++;
        append(out, from, (size_t)(text - from));
        if (*text) {
            snprintf(escape, sizeof escape, "\\u%04x", (unsigned char)*text++);
            kh_kms_out_raw(out, escape);
        }
    }
    kh_kms_out_raw(out, "\"");
}

void kh_kms_out_base64(struct kh_kms_out *out, const unsigned char *data, size_t len)
{
    size_t chars = kh_kms_base64_length(len);
    char *at = kh_kms_out_take(out, chars + 2);

    if (!at)
        return;
    at[0] = '"';
    kh_kms_base64_encode(data, len, at + 1);
    at[chars + 1] = '"';
}

void kh_kms_out_number(struct kh_kms_out *out, int64_t number)
{
    char text[24];

    snprintf(text, sizeof text, "%" PRId64, number);
    kh_kms_out_raw(out, text);
}

void kh_kms_out_send(struct kh_kms_out *out, struct kh_request *request, int status)
{
    struct kh_response *response = &request->response;

    if (out->full) {
        kh_kms_out_drop(out);
        kh_kms_refuse(request, 500, KH_KMS_IO, "the answer does not fit");
        return;
    }
    kh_buf_free(&response->body);
    response->status = status;
    response->type = "application/json";
    response->body = out->body;
    *out = (struct kh_kms_out){0};
}

void kh_kms_out_drop(struct kh_kms_out *out)
{
    kh_buf_free(&out->body);
    *out = (struct kh_kms_out){0};
}
