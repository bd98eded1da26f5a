#include "plugins/softfile/names.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static const char digits[] = "0123456789ABCDEF";

static bool is_alnum(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool is_plain(const char *name, size_t at)
{
    unsigned char c = (unsigned char)name[at];

    return is_alnum(c) || c == '-' || c == '_' || (c == '.' && at > 0);
}

kh_status kh_soft_name_encode(
    const char *name, char out[KH_SOFT_FILE_SIZE], struct kh_error *err)
{
    size_t used = 0;

    for (size_t i = 0; name[i]; i++) {
        bool plain = is_plain(name, i);

        if (used + (plain ? 1 : 3) >= KH_SOFT_FILE_SIZE) {
            out[used] = '\0';
            return kh_fail(err, KH_INVALID,
                "the name is longer than %d bytes once it is percent-encoded for a file",
                KH_SOFT_FILE_SIZE - 1);
        }
        if (plain) {
            out[used++] = name[i];
            continue;
        }
        out[used++] = '%';
        out[used++] = digits[(unsigned char)name[i] >> 4];
        out[used++] = digits[(unsigned char)name[i] & 15];
    }
    out[used] = '\0';
    return used > 0 ? KH_OK : kh_fail(err, KH_INVALID, "the name is empty");
}

/* The byte that "%XX" at TEXT stands for, or 0, which no name has. */
static unsigned char unescape(const char *text)
{
    const char *high = text[1] ? strchr(digits, text[1]) : NULL;
    const char *low = high && text[2] ? strchr(digits, text[2]) : NULL;

    return low ? (unsigned char)((high - digits) << 4 | (low - digits)) : 0;
}

/* A record is JSON and can hold nothing else. */
static bool is_utf8(const char *text)
{
    json_t *string = json_string(text);

    json_decref(string);
    return string != NULL;
}

bool kh_soft_name_decode(const char *file, char out[KH_NAME_MAX + 1])
{
    char again[KH_SOFT_FILE_SIZE];
    bool escaped = false;
    size_t used = 0;

    for (const char *at = file; *at; at++) {
        unsigned char c = (unsigned char)*at;

        if (c == '%') {
            c = unescape(at);
            at += 2;
            escaped = true;
        }
        if (c == '\0' || used == KH_NAME_MAX)
            return false;
        out[used++] = (char)c;
    }
    out[used] = '\0';
    return kh_soft_name_encode(out, again, NULL) == KH_OK && strcmp(again, file) == 0 &&
           (!escaped || is_utf8(out));
}

void kh_soft_version_file(
    uint32_t version, kh_state state, char out[KH_SOFT_VERSION_FILE_SIZE])
{
    snprintf(out, KH_SOFT_VERSION_FILE_SIZE, "%08u.%s", (unsigned)version,
        state == KH_DELETED ? "deleted" : "cms");
}

bool kh_soft_version_parse(const char *file, uint32_t *version, kh_state *state)
{
    char again[KH_SOFT_VERSION_FILE_SIZE];
    size_t len = strspn(file, "0123456789");
    unsigned long number;

    if (len < 8 || len > 10)
        return false;
    number = strtoul(file, NULL, 10);
    if (number > KH_VERSION_MAX)
        return false;
    *version = (uint32_t)number;
    *state = strcmp(file + len, ".deleted") == 0 ? KH_DELETED : KH_ACTIVE;
    kh_soft_version_file(*version, *state, again);
    return strcmp(again, file) == 0;
}

bool kh_soft_is_debris(const char *file)
{
    if (strncmp(file, ".tmp-", 5) != 0 || strlen(file) != 11)
        return false;
    for (const char *at = file + 5; *at; at++) {
        if (!is_alnum((unsigned char)*at))
            return false;
    }
    return true;
}
