#include "server/kms/names.h"

#include "core/name.h"
#include "server/router.h"

#include <string.h>

kh_status kh_kms_segment(const char *path, const char *prefix,
    char out[KH_KMS_VERSION_NAME], struct kh_error *err)
{
    const char *text = path + strlen(prefix);
    struct kh_error why = {0};

    if (kh_percent_decode(text, strcspn(text, "/"), out, KH_KMS_VERSION_NAME, &why) !=
        KH_OK)
        return kh_fail(err, KH_INVALID, "the name in the path: %s", why.message);
    if (!*out)
        return kh_fail(err, KH_INVALID, "the name in the path is empty");
    return KH_OK;
}

/* A decimal number without leading zeros, up to KH_VERSION_MAX. */
static bool parse_number(const char *text, uint32_t *out)
{
    size_t len = strspn(text, "0123456789");
    uint64_t value = 0;

    if (len == 0 || len > 10 || text[len] || (len > 1 && text[0] == '0'))
        return false;
    for (size_t i = 0; i < len; i++)
        value = value * 10 + (uint64_t)(text[i] - '0');
    *out = (uint32_t)value;
    return value <= KH_VERSION_MAX;
}

kh_status kh_kms_version_parse(
    const char *text, struct kh_kms_version *out, struct kh_error *err)
{
    const char *at = strrchr(text, '@');
    size_t len = at ? (size_t)(at - text) : 0;

    *out = (struct kh_kms_version){0};
    if (!at)
        return kh_fail(err, KH_INVALID, "No version in key path %.255s", text);
    if (len > KH_NAME_MAX || !parse_number(at + 1, &out->number))
        return kh_fail(err, KH_NOT_FOUND, "'%.266s' not found", text);
    memcpy(out->name, text, len);
    if (kh_name_check(out->name, err) != KH_OK)
        return kh_fail(err, KH_NOT_FOUND, "'%.266s' not found", text);
    return KH_OK;
}

void kh_kms_version_name(const char *name, uint32_t number, char out[KH_KMS_VERSION_NAME])
{
    snprintf(out, KH_KMS_VERSION_NAME, "%.255s@%u", name, number);
}

/* "a+b%20c" -> "a b c". */
static kh_status decode(
    const char *text, size_t len, char *out, size_t size, struct kh_error *err)
{
    char copy[1024];

    if (len >= sizeof copy)
        return kh_fail(err, KH_INVALID, "longer than %zu bytes", sizeof copy - 1);
    for (size_t i = 0; i < len; i++)
        copy[i] = text[i];
    for (char *plus = copy; (plus = memchr(plus, '+', len - (size_t)(plus - copy)));)
        *plus = ' ';
    return kh_percent_decode(copy, len, out, size, err);
}

kh_status kh_kms_query(
    const char **from, const char *name, char *out, size_t size, struct kh_error *err)
{
    size_t name_len = strlen(name);
    struct kh_error why = {0};

    out[0] = '\0';
    while (**from) {
        const char *at = *from;
        size_t len = strcspn(at, "&");

        *from += len + (at[len] == '&');
        if (len <= name_len || at[name_len] != '=' || strncmp(at, name, name_len) != 0)
            continue;
        if (decode(at + name_len + 1, len - name_len - 1, out, size, &why) == KH_OK)
            return KH_OK;
        return kh_fail(err, KH_INVALID, "query: %s: %s", name, why.message);
    }
    return kh_fail(err, KH_NOT_FOUND, "query: no %s", name);
}
