#include "server/kms/scan_text.h"

#include "core/deposit.h"

#include <string.h>

/* Where a string goes: nowhere, when OUT is NULL. */
struct target {
    char *out;
    size_t size;
    size_t used;
};

static bool put(struct kh_kms_scan *scan, struct target *t, const void *bytes, size_t len)
{
    if (!t->out)
        return true;
    if (len >= t->size - t->used)
        return kh_kms_scan_fail(scan, "a string is too long");
    memcpy(t->out + t->used, bytes, len);
    t->used += len;
    return true;
}

/* Four hex digits. */
static bool unit(struct kh_kms_scan *scan, uint32_t *out)
{
    *out = 0;
    if (scan->end - scan->at < 4)
        return kh_kms_scan_fail(scan, "it ends too early");
    for (int i = 0; i < 4; i++) {
        unsigned char c = *scan->at++;

        if (c >= '0' && c <= '9')
            *out = *out << 4 | (uint32_t)(c - '0');
        else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
            *out = *out << 4 | (uint32_t)((c | 0x20) - 'a' + 10);
        else
            return kh_kms_scan_fail(scan, "a \\u is not followed by four hex digits");
    }
    return true;
}

static size_t utf8(uint32_t code, unsigned char out[4])
{
    if (code < 0x80) {
        out[0] = (unsigned char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (unsigned char)(0xc0 | code >> 6);
        out[1] = (unsigned char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (unsigned char)(0xe0 | code >> 12);
        out[1] = (unsigned char)(0x80 | (code >> 6 & 0x3f));
        out[2] = (unsigned char)(0x80 | (code & 0x3f));
        return 3;
    }
    out[0] = (unsigned char)(0xf0 | code >> 18);
    out[1] = (unsigned char)(0x80 | (code >> 12 & 0x3f));
    out[2] = (unsigned char)(0x80 | (code >> 6 & 0x3f));
    out[3] = (unsigned char)(0x80 | (code & 0x3f));
    return 4;
}

/* Behind "\u": one unit, or two that make one character. */
static bool put_unicode(struct kh_kms_scan *scan, struct target *t)
{
    unsigned char bytes[4];
    uint32_t high;
    uint32_t low;

    if (!unit(scan, &high))
        return false;
    if (high >= 0xd800 && high < 0xdc00) {
        if (scan->end - scan->at < 2 || scan->at[0] != '\\' || scan->at[1] != 'u')
            return kh_kms_scan_fail(scan, "half of a surrogate pair");
        scan->at += 2;
        if (!unit(scan, &low))
            return false;
        if (low < 0xdc00 || low > 0xdfff)
            return kh_kms_scan_fail(scan, "half of a surrogate pair");
        high = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
    } else if (high >= 0xdc00 && high < 0xe000) {
        return kh_kms_scan_fail(scan, "half of a surrogate pair");
    }
    if (high == 0)
        return kh_kms_scan_fail(scan, "a string has a NUL character");
    return put(scan, t, bytes, utf8(high, bytes));
}

/* Behind the backslash. */
static bool put_escape(struct kh_kms_scan *scan, struct target *t)
{
    static const char names[] = "\"\\/bfnrt";
    static const char stand_for[] = "\"\\/\b\f\n\r\t";
    const char *found;
    char c;

    if (scan->at >= scan->end)
        return kh_kms_scan_fail(scan, "it ends too early");
    c = (char)*scan->at++;
    if (c == 'u')
        return put_unicode(scan, t);
    found = c ? strchr(names, c) : NULL;
    if (!found)
        return kh_kms_scan_fail(scan, "an unknown escape");
    return put(scan, t, &stand_for[found - names], 1);
}

bool kh_kms_scan_text(struct kh_kms_scan *scan, char *out, size_t size, size_t *len)
{
    struct target t = {.out = out, .size = size};

    for (;;) {
        const unsigned char *from = scan->at;

        while (scan->at < scan->end && *scan->at >= 0x20 && *scan->at != '"' &&
               *scan->at != '\\')
            scan->at++;
        if (!put(scan, &t, from, (size_t)(scan->at - from)))
            return false;
        if (scan->at >= scan->end)
            return kh_kms_scan_fail(scan, "it ends too early");
        if (*scan->at == '"')
            break;
        if (*scan->at != '\\')
            return kh_kms_scan_fail(scan, "a control character in a string");
        scan->at++;
        if (!put_escape(scan, &t))
            return false;
    }
    scan->at++;
    if (!out)
        return true;
    out[t.used] = '\0';
    if (len)
        *len = t.used;
    return kh_utf8_valid(out, t.used) || kh_kms_scan_fail(scan, "not UTF-8");
}
