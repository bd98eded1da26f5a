#include "core/name.h"

#include <string.h>

static bool is_alnum(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_name_byte(unsigned char c)
{
    return is_alnum(c) || c == '-' || c == '.' || c == '_';
}

static void show_byte(unsigned char c, char out[8])
{
    if (c > 0x20 && c < 0x7f)
        snprintf(out, 8, "'%c'", c);
    else
        snprintf(out, 8, "0x%02X", c);
}

kh_status kh_name_check(const char *name, struct kh_error *err)
{
    size_t len = strlen(name);
    char shown[8];

    if (len == 0)
        return kh_fail(err, KH_INVALID, "the name is empty");
    if (len > KH_NAME_MAX)
        return kh_fail(err, KH_INVALID, "the name is %zu bytes long, at most %d allowed",
            len, KH_NAME_MAX);
    if (!is_alnum((unsigned char)name[0])) {
        show_byte((unsigned char)name[0], shown);
        return kh_fail(err, KH_INVALID,
            "the name starts with %s, it must start with a letter or a digit", shown);
    }
    for (size_t i = 1; i < len; i++) {
        if (is_name_byte((unsigned char)name[i]))
            continue;
        show_byte((unsigned char)name[i], shown);
        return kh_fail(err, KH_INVALID,
            "byte %zu of the name is %s, only letters, digits, '-', '.' and '_' are "
            "allowed",
            i + 1, shown);
    }
    return KH_OK;
}

const char *kh_name_escape(const char *name, char *out, size_t size)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t at = 0;

    for (const unsigned char *s = (const unsigned char *)name; *s && size > 0; s++) {
        if (is_name_byte(*s)) {
            if (at + 2 > size)
                break;
            out[at++] = (char)*s;
        } else {
            if (at + 4 > size)
                break;
            out[at++] = '%';
            out[at++] = hex[*s >> 4];
            out[at++] = hex[*s & 15];
        }
    }
    if (size > 0)
        out[at] = '\0';
    return out;
}

void kh_name_suggest(const char *name, unsigned serial, char out[KH_NAME_MAX + 1])
{
    char suffix[16] = "";
    size_t at = 0;
    size_t room;

    if (serial > 0)
        snprintf(suffix, sizeof suffix, "-%u", serial);
    room = KH_NAME_MAX - strlen(suffix);
    for (const unsigned char *s = (const unsigned char *)name; *s && at < room; s++) {
        /* A name may not begin with punctuation: put a letter before it. */
        if (at == 0 && !is_alnum(*s))
            out[at++] = 'x';
        if ((*s & 0xc0) == 0x80)
            continue; /* one underscore for one character, not for one byte of it */
        if (at < room)
            out[at++] = (char)(is_name_byte(*s) ? *s : '_');
    }
    if (at == 0)
        out[at++] = 'x';
    memcpy(out + at, suffix, strlen(suffix) + 1);
}
