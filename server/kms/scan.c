#include "server/kms/scan.h"

#include "server/kms/scan_text.h"

#include <string.h>

void kh_kms_scan_begin(struct kh_kms_scan *scan, const unsigned char *text, size_t len)
{
    *scan = (struct kh_kms_scan){.at = text, .end = text + len};
}

bool kh_kms_scan_fail(struct kh_kms_scan *scan, const char *why)
{
    if (!scan->why)
        scan->why = why;
    return false;
}

/* The next byte that is no blank; 0 at the end, where no JSON has a NUL. */
static unsigned char peek(struct kh_kms_scan *scan)
{
    if (scan->why)
        return 0;
    while (scan->at < scan->end && (*scan->at == ' ' || *scan->at == '\t' ||
                                       *scan->at == '\n' || *scan->at == '\r'))
        scan->at++;
    return scan->at < scan->end ? *scan->at : 0;
}

/* Something else came than what was wanted. */
static bool wrong(struct kh_kms_scan *scan, const char *why)
{
    return kh_kms_scan_fail(scan, scan->at >= scan->end ? "it ends too early" : why);
}

static bool enter(struct kh_kms_scan *scan, unsigned char open, const char *why)
{
    if (peek(scan) != open)
        return wrong(scan, why);
    if (++scan->depth > KH_KMS_SCAN_DEPTH)
        return kh_kms_scan_fail(scan, "it nests too deep");
    scan->at++;
    scan->first = true;
    return true;
}

bool kh_kms_scan_object(struct kh_kms_scan *scan)
{
    return enter(scan, '{', "an object is needed");
}

bool kh_kms_scan_array(struct kh_kms_scan *scan)
{
    return enter(scan, '[', "an array is needed");
}

/* Past the comma, or out of the object or array that ends with CLOSE: false. */
static bool next(struct kh_kms_scan *scan, unsigned char close)
{
    unsigned char c = peek(scan);

    if (scan->why)
        return false;
    if (c == close) {
        scan->at++;
        scan->depth--;
        scan->first = false;
        return false;
    }
    if (!scan->first && c != ',')
        return wrong(scan, "a comma is missing");
    if (!scan->first)
        scan->at++;
    scan->first = false;
    return true;
}

bool kh_kms_scan_member(struct kh_kms_scan *scan, char key[KH_KMS_SCAN_KEY])
{
    if (!next(scan, '}') || !kh_kms_scan_string(scan, key, KH_KMS_SCAN_KEY, NULL))
        return false;
    if (peek(scan) != ':')
        return wrong(scan, "a colon is missing");
    scan->at++;
    return true;
}

bool kh_kms_scan_item(struct kh_kms_scan *scan)
{
    return next(scan, ']');
}

/* Past WORD, when it comes. */
static bool word(struct kh_kms_scan *scan, const char *text)
{
    size_t len = strlen(text);

    if (peek(scan) != (unsigned char)*text || (size_t)(scan->end - scan->at) < len ||
        memcmp(scan->at, text, len) != 0)
        return false;
    scan->at += len;
    return true;
}

bool kh_kms_scan_null(struct kh_kms_scan *scan)
{
    return word(scan, "null");
}

bool kh_kms_scan_string(struct kh_kms_scan *scan, char *out, size_t size, size_t *len)
{
    if (peek(scan) != '"')
        return wrong(scan, "a string is needed");
    scan->at++;
    return kh_kms_scan_text(scan, out, size, len);
}

bool kh_kms_scan_integer(struct kh_kms_scan *scan, int64_t *out)
{
    bool negative = peek(scan) == '-';
    const unsigned char *digits;
    int64_t value = 0;

    if (scan->why)
        return false;
    digits = scan->at += negative;
    for (; scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9'; scan->at++) {
        int digit = *scan->at - '0';

        if (value > (INT64_MAX - digit) / 10)
            return kh_kms_scan_fail(scan, "a number is too large");
        value = value * 10 + digit;
    }
    if (scan->at == digits || (*digits == '0' && scan->at - digits > 1))
        return wrong(scan, "a whole number is needed");
    if (scan->at < scan->end && strchr(".eE", *scan->at) && *scan->at)
        return kh_kms_scan_fail(scan, "a whole number is needed");
    *out = negative ? -value : value;
    return true;
}

/* Digits, at least one. */
static bool digits(struct kh_kms_scan *scan)
{
    const unsigned char *from = scan->at;

    while (scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9')
        scan->at++;
    return scan->at > from || wrong(scan, "a number is malformed");
}

static bool skip_number(struct kh_kms_scan *scan)
{
    if (scan->at < scan->end && *scan->at == '-')
        scan->at++;
    if (scan->at < scan->end && *scan->at == '0')
        scan->at++;
    else if (!digits(scan))
        return false;
    if (scan->at < scan->end && *scan->at == '.') {
        scan->at++;
        if (!digits(scan))
            return false;
    }
    if (scan->at < scan->end && (*scan->at | 0x20) == 'e') {
        scan->at++;
        if (scan->at < scan->end && (*scan->at == '+' || *scan->at == '-'))
            scan->at++;
        return digits(scan);
    }
    return true;
}

/* Calls itself KH_KMS_SCAN_DEPTH deep at most: enter counts. */
bool kh_kms_scan_skip(struct kh_kms_scan *scan) // NOLINT(misc-no-recursion)
{
    char key[KH_KMS_SCAN_KEY];

    switch (peek(scan)) {
    case '{':
        if (!kh_kms_scan_object(scan))
            return false;
        while (kh_kms_scan_member(scan, key) && kh_kms_scan_skip(scan))
            ;
        return !scan->why;
    case '[':
        if (!kh_kms_scan_array(scan))
            return false;
        while (kh_kms_scan_item(scan) && kh_kms_scan_skip(scan))
            ;
        return !scan->why;
    case '"':
        scan->at++;
        return kh_kms_scan_text(scan, NULL, 0, NULL);
    default:
        break;
    }
    if (word(scan, "null") || word(scan, "true") || word(scan, "false"))
        return true;
    return !scan->why && skip_number(scan);
}

bool kh_kms_scan_end(struct kh_kms_scan *scan)
{
    (void)peek(scan);
    if (!scan->why && scan->depth > 0)
        (void)kh_kms_scan_fail(scan, "it ends too early");
    if (!scan->why && scan->at < scan->end)
        (void)kh_kms_scan_fail(scan, "something follows the value");
    return !scan->why;
}
