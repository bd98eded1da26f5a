#include "server/query.h"

#include "server/router.h"

#include <string.h>

enum { VERSIONS_MAX = 1000000000 };

static bool number(const char *text, size_t len, uint32_t max, uint32_t *out)
{
    uint64_t value = 0;

    if (len == 0 || len > 10)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        value = value * 10 + (uint64_t)(text[i] - '0');
    }
    *out = (uint32_t)value;
    return value <= max;
}

static kh_status take_version(
    const char *text, size_t len, struct kh_query *out, struct kh_error *err)
{
    if (!number(text, len, KH_VERSION_MAX, &out->version))
        return kh_fail(err, KH_INVALID, "query: version must be a number from 0 to %u",
            KH_VERSION_MAX);
    out->has_version = true;
    return KH_OK;
}

static kh_status take_after(
    const char *text, size_t len, struct kh_query *out, struct kh_error *err)
{
    return kh_name_decode(text, len, out->after, err);
}

static kh_status take_cursor(
    const char *text, size_t len, struct kh_query *out, struct kh_error *err)
{
    struct kh_error why = {0};

    if (kh_percent_decode_bytes(text, len, out->after, sizeof out->after, &why) != KH_OK)
        return kh_fail(err, KH_INVALID, "query: after: %s", why.message);
    if (!*out->after)
        return kh_fail(err, KH_INVALID, "query: after is empty");
    return KH_OK;
}

static kh_status take_limit(
    const char *text, size_t len, struct kh_query *out, struct kh_error *err)
{
    uint32_t limit;

    if (!number(text, len, KH_QUERY_LIMIT_MAX, &limit) || limit == 0)
        return kh_fail(err, KH_INVALID, "query: limit must be a number from 1 to %d",
            KH_QUERY_LIMIT_MAX);
    out->limit = limit;
    return KH_OK;
}

static kh_status take_answer(
    const char *name, const char *text, size_t len, bool *out, struct kh_error *err)
{
    *out = len == 3 && memcmp(text, "yes", 3) == 0;
    if (!*out && (len != 2 || memcmp(text, "no", 2) != 0))
        return kh_fail(err, KH_INVALID, "query: %s must be yes or no", name);
    return KH_OK;
}

static kh_status take_deleted(
    const char *text, size_t len, struct kh_query *out, struct kh_error *err)
{
    return take_answer("deleted", text, len, &out->deleted, err);
}

static kh_status take_new(
    const char *text, size_t len, struct kh_query *out, struct kh_error *err)
{
    return take_answer("new", text, len, &out->new_deposit, err);
}

static kh_status take_versions(
    const char *text, size_t len, struct kh_query *out, struct kh_error *err)
{
    uint32_t versions;

    if (!number(text, len, VERSIONS_MAX, &versions) || versions == 0)
        return kh_fail(err, KH_INVALID, "query: versions must be a number from 1 to %d",
            VERSIONS_MAX);
    out->versions = versions;
    return KH_OK;
}

static const struct {
    const char *name;
    unsigned bit;
    kh_status (*take)(const char *, size_t, struct kh_query *, struct kh_error *);
} parameters[] = {
    {"version", KH_QUERY_VERSION, take_version},
    {"after", KH_QUERY_AFTER, take_after},
    {"after", KH_QUERY_CURSOR, take_cursor},
    {"limit", KH_QUERY_LIMIT, take_limit},
    {"deleted", KH_QUERY_DELETED, take_deleted},
    {"new", KH_QUERY_NEW, take_new},
    {"versions", KH_QUERY_VERSIONS, take_versions},
};

/* One "name=value" of LEN bytes. */
static kh_status take_pair(const char *pair, size_t len, unsigned *allowed,
    struct kh_query *out, struct kh_error *err)
{
    const char *equals = memchr(pair, '=', len);
    size_t name_len = equals ? (size_t)(equals - pair) : len;

    for (size_t i = 0; i < sizeof parameters / sizeof parameters[0]; i++) {
        if (strlen(parameters[i].name) != name_len ||
            memcmp(parameters[i].name, pair, name_len) != 0 ||
            !(*allowed & parameters[i].bit))
            continue;
        *allowed &= ~parameters[i].bit;
        return equals ? parameters[i].take(equals + 1, len - name_len - 1, out, err)
                      : kh_fail(err, KH_INVALID, "query: %s has no value",
                            parameters[i].name);
    }
    return kh_fail(
        err, KH_INVALID, "query: a parameter is not known here, or stands twice");
}

kh_status kh_query_parse(
    const char *raw, unsigned allowed, struct kh_query *out, struct kh_error *err)
{
    kh_status st = KH_OK;

    *out = (struct kh_query){.limit = KH_QUERY_LIMIT_DEFAULT};
    while (st == KH_OK && *raw) {
        size_t len = strcspn(raw, "&");

        st = take_pair(raw, len, &allowed, out, err);
        raw += len;
        if (*raw == '&' && !*++raw)
            st = kh_fail(err, KH_INVALID, "query: it ends in '&'");
    }
    return st;
}
