#include "server/kms/token.h"

#include "server/kms/writable.h"

#include <inttypes.h>
#include <string.h>

enum { SERVICE_MAX = 1024 /* what a client makes of it: kms://https@h1;h2:PORT/kms */ };

static const char kind[] = "kms-dt";

static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

size_t kms_ident_write(const struct kms_ident *ident, unsigned char out[KMS_IDENT_MAX])
{
    struct kms_writer writer = {out, out + KMS_IDENT_MAX, false};

    kms_write_byte(&writer, 0); /* the layout's version */
    kms_write_text(&writer, ident->owner);
    kms_write_text(&writer, ident->renewer);
    kms_write_text(&writer, ident->real_user);
    kms_write_number(&writer, ident->issued);
    kms_write_number(&writer, ident->max);
    kms_write_number(&writer, ident->sequence);
    kms_write_number(&writer, ident->key);
    return (size_t)(writer.at - out);
}

kh_status kms_ident_parse(
    const unsigned char *bytes, size_t len, struct kms_ident *out, struct kh_error *err)
{
    struct kms_reader reader = {bytes, bytes + len, false};

    *out = (struct kms_ident){0};
    if (kms_read_byte(&reader) != 0)
        reader.bad = true;
    kms_read_text(&reader, out->owner, sizeof out->owner);
    kms_read_text(&reader, out->renewer, sizeof out->renewer);
    kms_read_text(&reader, out->real_user, sizeof out->real_user);
    out->issued = kms_read_number(&reader);
    out->max = kms_read_number(&reader);
    out->sequence = kms_read_int(&reader);
    out->key = kms_read_int(&reader);
    if (!reader.bad && reader.at == reader.end)
        return KH_OK;
    *out = (struct kms_ident){0};
    return kh_fail(err, KH_INVALID, "not the identifier of a delegation token");
}

static void encode(const unsigned char *bytes, size_t len, char *out)
{
    for (size_t i = 0; i < len; i += 3) {
        size_t n = len - i < 3 ? len - i : 3;
        uint32_t bits = (uint32_t)bytes[i] << 16;

        if (n > 1)
            bits |= (uint32_t)bytes[i + 1] << 8;
        if (n > 2)
            bits |= bytes[i + 2];
        for (size_t k = 0; k <= n; k++)
            *out++ = alphabet[bits >> (18 - 6 * k) & 63];
    }
    *out = '\0';
}

/* False: another character, a length that nothing has, bits behind the end. */
static bool decode(const char *text, unsigned char *out, size_t size, size_t *len)
{
    uint32_t bits = 0;
    unsigned held = 0;

    *len = 0;
    for (; *text; text++) {
        const char *at = strchr(alphabet, *text);

        if (!at)
            return false;
        bits = bits << 6 | (uint32_t)(at - alphabet);
        held += 6;
        if (held < 8)
            continue;
        held -= 8;
        if (*len == size)
            return false;
        out[(*len)++] = (unsigned char)(bits >> held);
        bits &= (1u << held) - 1;
    }
    return held < 6 && bits == 0;
}

void kms_token_write(
    const struct kms_token *token, const char *service, char out[KMS_TOKEN_TEXT])
{
    unsigned char bytes[KMS_TOKEN_MAX];
    struct kms_writer writer = {bytes, bytes + sizeof bytes, false};

    kms_write_number(&writer, (int64_t)token->ident_len);
    kms_write_bytes(&writer, token->ident, token->ident_len);
    kms_write_number(&writer, KMS_MAC_LEN);
    kms_write_bytes(&writer, token->mac, KMS_MAC_LEN);
    kms_write_text(&writer, kind);
    kms_write_text(&writer, service ? service : "");
    encode(bytes, (size_t)(writer.at - bytes), out);
}

kh_status kms_token_parse(const char *text, struct kms_token *out, struct kh_error *err)
{
    unsigned char bytes[KMS_TOKEN_MAX];
    struct kms_reader reader = {bytes, bytes, false};
    char name[sizeof kind];
    char service[SERVICE_MAX + 1];
    const unsigned char *part;
    size_t len = 0;

    *out = (struct kms_token){0};
    if (!decode(text, bytes, sizeof bytes, &len))
        return kh_fail(err, KH_INVALID, "not the text of a delegation token");
    reader.end = bytes + len;
    part = kms_read_bytes(&reader, KMS_IDENT_MAX, &out->ident_len);
    memcpy(out->ident, part, out->ident_len);
    part = kms_read_bytes(&reader, KMS_MAC_LEN, &len);
    if (len != KMS_MAC_LEN)
        reader.bad = true;
    memcpy(out->mac, part, len);
    kms_read_text(&reader, name, sizeof name);
    kms_read_text(&reader, service, sizeof service);
    if (!reader.bad && reader.at == reader.end && strcmp(name, kind) == 0)
        return KH_OK;
    *out = (struct kms_token){0};
    return kh_fail(err, KH_INVALID, "not a delegation token of a KMS");
}

void kms_ident_text(const struct kms_ident *ident, char *out, size_t size)
{
    (void)snprintf(out, size,
        "(kms-dt owner=%s, renewer=%s, realUser=%s, issueDate=%" PRId64
        ", maxDate=%" PRId64 ", sequenceNumber=%d, masterKeyId=%d)",
        ident->owner, ident->renewer, ident->real_user, ident->issued, ident->max,
        (int)ident->sequence, (int)ident->key);
}
