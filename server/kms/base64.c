#include "server/kms/base64.h"

#include <endian.h>
#include <string.h>

static const char alphabet[64] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

size_t kh_kms_base64_length(size_t len)
{
    return len / 3 * 4 + (len % 3 ? len % 3 + 1 : 0);
}

void kh_kms_base64_encode(const unsigned char *data, size_t len, char *out)
{
    uint32_t bits;

    /* Six bytes at a time, by eight that are there: a large answer is base64 above all.
     */
    for (; len >= 8; len -= 6, data += 6, out += 8) {
        uint64_t word;

        memcpy(&word, data, sizeof word);
        word = be64toh(word);
        out[0] = alphabet[word >> 58];
        out[1] = alphabet[word >> 52 & 63];
        out[2] = alphabet[word >> 46 & 63];
        out[3] = alphabet[word >> 40 & 63];
        out[4] = alphabet[word >> 34 & 63];
        out[5] = alphabet[word >> 28 & 63];
        out[6] = alphabet[word >> 22 & 63];
        out[7] = alphabet[word >> 16 & 63];
    }
    for (; len >= 3; len -= 3, data += 3) {
        bits = (uint32_t)data[0] << 16 | (uint32_t)data[1] << 8 | data[2];
        *out++ = alphabet[bits >> 18];
        *out++ = alphabet[bits >> 12 & 63];
        *out++ = alphabet[bits >> 6 & 63];
        *out++ = alphabet[bits & 63];
    }
    if (len == 0)
        return;
    bits = (uint32_t)data[0] << 16 | (len == 2 ? (uint32_t)data[1] << 8 : 0);
    *out++ = alphabet[bits >> 18];
    *out++ = alphabet[bits >> 12 & 63];
    if (len == 2)
        *out = alphabet[bits >> 6 & 63];
}

/* 64 for a character of neither alphabet. */
static uint32_t value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (uint32_t)(c - 'A');
    if (c >= 'a' && c <= 'z')
        return (uint32_t)(c - 'a') + 26;
    if (c >= '0' && c <= '9')
        return (uint32_t)(c - '0') + 52;
    if (c == '-' || c == '+')
        return 62;
    return c == '_' || c == '/' ? 63 : 64;
}

/* LEN without the padding; more than TEXT has when the padding is wrong. */
static size_t unpadded(const char *text, size_t len)
{
    size_t pad = 0;

    while (pad < 2 && pad < len && text[len - 1 - pad] == '=')
        pad++;
    if (pad == 0)
        return len;
    return len % 4 == 0 ? len - pad : len + 1;
}

bool kh_kms_base64_decode(
    const char *text, size_t len, unsigned char *out, size_t size, size_t *used)
{
    size_t chars = unpadded(text, len);
    size_t bytes = chars / 4 * 3 + (chars % 4 ? chars % 4 - 1 : 0);
    uint32_t bits = 0;
    unsigned have = 0;
    size_t at = 0;

    *used = 0;
    if (chars > len || chars % 4 == 1 || bytes > size)
        return false;
    for (size_t i = 0; i < chars; i++) {
        uint32_t v = value(text[i]);

        if (v > 63)
            return false;
        bits = bits << 6 | v;
        have += 6;
        if (have >= 8) {
            have -= 8;
            out[at++] = (unsigned char)(bits >> have);
            bits &= (1U << have) - 1;
        }
    }
    if (bits != 0)
        return false;
    *used = bytes;
    return true;
}
