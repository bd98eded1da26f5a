#include "plugins/keyhsm/url.h"

#include <curl/curl.h>
#include <jansson.h>
#include <string.h>

kh_status kh_url_check(const char *server, struct kh_error *err)
{
    static const CURLUPart unwanted[] = {
        CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_QUERY, CURLUPART_FRAGMENT};
    CURLU *url = curl_url();
    char *part = NULL;
    kh_status st = KH_OK;

    if (!url || strncmp(server, "https://", strlen("https://")) != 0 ||
        curl_url_set(url, CURLUPART_URL, server, 0) != CURLUE_OK)
        st = kh_fail(err, KH_INVALID,
            "server: '%.200s' is not of the form https://HOST:PORT", server);
    for (size_t i = 0; st == KH_OK && i < sizeof unwanted / sizeof unwanted[0]; i++) {
        /* What it is stays unsaid: a password may be among it. */
        if (curl_url_get(url, unwanted[i], &part, 0) == CURLUE_OK)
            st = kh_fail(
                err, KH_INVALID, "server: give https://HOST:PORT and nothing beside it");
        curl_free(part);
        part = NULL;
    }
    if (st == KH_OK && (curl_url_get(url, CURLUPART_PATH, &part, 0) != CURLUE_OK ||
                           strcmp(part, "/") != 0))
        st = kh_fail(
            err, KH_INVALID, "server: give https://HOST:PORT and nothing after it");
    curl_free(part);
    curl_url_cleanup(url);
    return st;
}

static bool plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '-' || c == '.' || c == '_';
}

const char *kh_url_escape(const char *name, char *out)
{
    char *at = out;

    for (; *name; name++) {
        if (plain(*name))
            *at++ = *name;
        else
            at += snprintf(at, 4, "%%%02X", (unsigned char)*name);
    }
    *at = '\0';
    return out;
}

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool kh_url_unescape(const char *text, char out[KH_NAME_MAX + 1])
{
    size_t used = 0;

    memset(out, 0, KH_NAME_MAX + 1);
    while (*text && used < KH_NAME_MAX) {
        int c = (unsigned char)*text++;

        if (c == '%') {
            int high = hex(text[0]);
            int low = high < 0 ? -1 : hex(text[1]);

            if (low < 0 || (c = high * 16 + low) == 0)
                return false;
            text += 2;
        } else if (!plain((char)c)) {
            return false;
        }
        out[used++] = (char)c;
    }
    return used > 0 && !*text;
}

/* jansson takes UTF-8 only. */
static bool can_be_carried(const char *name)
{
    json_t *text = json_string(name);
    bool utf8 = text != NULL;

    json_decref(text);
    return utf8 && !strchr(name, '/') && strcmp(name, ".") != 0 &&
           strcmp(name, "..") != 0;
}

kh_status kh_url_path(
    char out[KH_PATH_SIZE], const struct kh_path *path, struct kh_error *err)
{
    char escaped[3 * KH_NAME_MAX + 1];
    char query[64] = "";
    size_t used = 0;

    if (!can_be_carried(path->name))
        return kh_fail(err, KH_NOT_FOUND, "'%.300s': keyhsmd serves no such name",
            kh_url_escape(path->name, escaped));
    if (path->version <= KH_VERSION_MAX)
        used += (size_t)snprintf(query, sizeof query, "&version=%u", path->version);
    snprintf(query + used, sizeof query - used, "%s%s",
        path->deleted ? "&deleted=yes" : "", path->new_deposit ? "&new=yes" : "");
    if (*query)
        *query = '?';
    snprintf(out, KH_PATH_SIZE, "/v1/%s/%s%s%s", path->key ? "keys" : "deposits",
        kh_url_escape(path->name, escaped), path->below, query);
    return KH_OK;
}
