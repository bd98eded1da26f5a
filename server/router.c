#include "server/router.h"

#include "core/deposit.h"

#include <string.h>

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

kh_status kh_percent_decode_bytes(
    const char *text, size_t len, char *out, size_t size, struct kh_error *err)
{
    size_t used = 0;

    out[0] = '\0';
    for (size_t i = 0; i < len; i++) {
        int c = (unsigned char)text[i];

        if (c == '%') {
            int high = len - i > 2 ? hex(text[i + 1]) : -1;
            int low = len - i > 2 ? hex(text[i + 2]) : -1;

            if (high < 0 || low < 0)
                return kh_fail(
                    err, KH_INVALID, "a '%%' is not followed by two hex digits");
            c = high * 16 + low;
            i += 2;
        }
        if (c == 0)
            return kh_fail(err, KH_INVALID, "a NUL character is not allowed");
        if (used + 1 >= size)
            return kh_fail(err, KH_INVALID, "longer than %zu bytes", size - 1);
        out[used++] = (char)c;
    }
    out[used] = '\0';
    return KH_OK;
}

kh_status kh_percent_decode(
    const char *text, size_t len, char *out, size_t size, struct kh_error *err)
{
    kh_status st = kh_percent_decode_bytes(text, len, out, size, err);

    if (st == KH_OK && !kh_utf8_valid(out, strlen(out)))
        return kh_fail(err, KH_INVALID, "not UTF-8");
    return st;
}

kh_status kh_name_decode(
    const char *text, size_t len, char out[KH_NAME_MAX + 1], struct kh_error *err)
{
    struct kh_error why = {0};

    if (kh_percent_decode(text, len, out, KH_NAME_MAX + 1, &why) != KH_OK)
        return kh_fail(err, KH_INVALID, "the deposit's name: %s", why.message);
    if (!*out)
        return kh_fail(err, KH_INVALID, "the deposit's name is empty");
    if (strchr(out, '/') || strcmp(out, ".") == 0 || strcmp(out, "..") == 0)
        return kh_fail(err, KH_INVALID, "the deposit's name must not be a path");
    return KH_OK;
}

/* One segment: from *PATH up to '/' or the end; *PATH moves behind it. */
static size_t segment(const char **path)
{
    size_t len = strcspn(*path, "/");

    *path += len;
    return len;
}

/* True when PATH has the shape of PATTERN; *VALUE and *LEN are the raw {name}. */
static bool shape(const char *pattern, const char *path, const char **value, size_t *len)
{
    *value = NULL;
    while (*pattern == '/' && *path == '/') {
        const char *want = ++pattern;
        const char *have = ++path;
        size_t want_len = segment(&pattern);
        size_t have_len = segment(&path);

        if (want[0] == '{') {
            *value = have;
            *len = have_len;
        } else if (want_len != have_len || strncmp(want, have, want_len) != 0) {
            return false;
        }
    }
    return !*pattern && !*path;
}

bool kh_route_identity(const struct kh_route *route)
{
    const struct kh_route_needs *needs = &route->needs;

    return (route->flags & (KH_ROUTE_KNOWN | KH_ROUTE_HADOOP)) || needs->read ||
           needs->put || needs->post || needs->remove;
}

static unsigned methods_of(const struct kh_route *route)
{
    return route->methods |
           (route->flags & KH_ROUTE_HADOOP ? (unsigned)KH_METHOD_OPTIONS : 0);
}

kh_match kh_router_match(const struct kh_route *routes, size_t count, kh_method method,
    const char *path, const struct kh_route **route, char name[KH_NAME_MAX + 1],
    unsigned *allow, struct kh_error *err)
{
    const char *value = NULL;
    size_t len = 0;

    *route = NULL;
    *allow = 0;
    name[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        const char *here;
        size_t here_len = 0;

        if (!shape(routes[i].pattern, path, &here, &here_len))
            continue;
        *allow |= methods_of(&routes[i]);
        if (methods_of(&routes[i]) & (unsigned)method) {
            *route = &routes[i];
            value = here;
            len = here ? here_len : 0;
            break;
        }
    }
    if (!*route)
        return *allow ? KH_MATCH_NO_METHOD : KH_MATCH_NO_PATH;
    if (value && !((*route)->flags & KH_ROUTE_RAW_NAME) &&
        kh_name_decode(value, len, name, err) != KH_OK) {
        name[0] = '\0';
        return KH_MATCH_BAD_NAME;
    }
    return KH_MATCH_OK;
}

const struct kh_route *kh_router_query(
    const struct kh_route *routes, size_t count, kh_method method, const char *path)
{
    size_t len = strlen(path);

    for (size_t i = 0; i < count; i++) {
        const char *pattern = routes[i].pattern;

        if (strncmp(pattern, path, len) == 0 && strcmp(pattern + len, "?") == 0 &&
            (routes[i].methods & (unsigned)method))
            return &routes[i];
    }
    return NULL;
}

void kh_methods_text(unsigned methods, char *out, size_t size)
{
    size_t used = 0;

    out[0] = '\0';
    for (unsigned i = 0; i < KH_METHODS; i++) {
        if ((methods & (1u << i)) && used < size)
            used += (size_t)snprintf(out + used, size - used, "%s%s", used ? ", " : "",
                kh_method_name((kh_method)(1u << i)));
    }
}
