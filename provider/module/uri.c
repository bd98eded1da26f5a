#include "provider/module/uri.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>
#include <strings.h>

static const char version_text[] = "version=";

/* ---- reading ---- */

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* What RFC 3986 calls pchar, without the percent sign. */
static bool allowed(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("-._~!$&'()*+,;=:@", c));
}

/* One character of TEXT, percent-encoded or not; -1: neither. Moves *TEXT. */
static int next(const char **text)
{
    const char *at = *text;
    int high, low;

    if (*at != '%') {
        *text = at + 1;
        return allowed(*at) ? (unsigned char)*at : -1;
    }
    high = hex(at[1]);
    low = high < 0 ? -1 : hex(at[2]);
    *text = at + 3;
    return low < 0 ? -1 : high * 16 + low;
}

static kh_status take_name(struct kh_uri *out, const char **text, struct kh_error *err)
{
    size_t used = 0;

    while (**text && **text != '?') {
        int c = next(text);

        if (c <= 0 || c == '/')
            return kh_fail(err, KH_INVALID,
                "a URI is keyhsm:NAME[?version=N]; what a name has beside letters, "
                "digits, '-', '.' and '_' is percent-encoded, and '/' is in none");
        if (used == KH_NAME_MAX)
            return kh_fail(err, KH_INVALID, "a name has at most %d bytes", KH_NAME_MAX);
        out->name[used++] = (char)c;
    }
    out->name[used] = '\0';
    return used > 0 ? KH_OK : kh_fail(err, KH_INVALID, "there is no name in the URI");
}

static kh_status take_query(struct kh_uri *out, const char *query, struct kh_error *err)
{
    const char *digits = query + sizeof version_text - 1;
    uint64_t version = 0;

    if (strncmp(query, version_text, sizeof version_text - 1) != 0)
        return kh_fail(
            err, KH_INVALID, "after '?' a keyhsm URI has version=N, and nothing else");
    for (const char *at = digits; *at; at++) {
        if (*at < '0' || *at > '9' || at - digits > 10)
            version = UINT64_MAX;
        if (version <= KH_VERSION_MAX)
            version = version * 10 + (uint64_t)(*at - '0');
    }
    if (!*digits || version > KH_VERSION_MAX)
        return kh_fail(
            err, KH_INVALID, "version= takes a number from 0 to %u", KH_VERSION_MAX);
    out->version = (uint32_t)version;
    return KH_OK;
}

kh_status kh_uri_parse(struct kh_uri *out, const char *text, struct kh_error *err)
{
    static const size_t scheme = sizeof KH_URI_SCHEME - 1;
    kh_status st;

    memset(out, 0, sizeof *out);
    out->version = KH_LATEST;
    if (strncasecmp(text, KH_URI_SCHEME, scheme) != 0 || text[scheme] != ':')
        return kh_fail(err, KH_INVALID, "a URI of keyhsm begins with keyhsm:");
    text += scheme + 1;
    st = take_name(out, &text, err);
    return st == KH_OK && *text ? take_query(out, text + 1, err) : st;
}

/* ---- writing ---- */

static bool plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '-' || c == '.' || c == '_';
}

kh_status kh_uri_write(
    char out[KH_URI_SIZE], const char *name, uint32_t version, struct kh_error *err)
{
    size_t len = (size_t)snprintf(out, KH_URI_SIZE, KH_URI_SCHEME ":");

    if (!*name || strlen(name) > KH_NAME_MAX || strchr(name, '/'))
        return kh_fail(
            err, KH_INVALID, "'%.255s' is not the name of a key or a deposit", name);
    for (; *name; name++)
        len += (size_t)snprintf(out + len, KH_URI_SIZE - len,
            plain(*name) ? "%c" : "%%%02X", (unsigned char)*name);
    if (version != KH_LATEST)
        (void)snprintf(out + len, KH_URI_SIZE - len, "?%s%u", version_text, version);
    return KH_OK;
}

kh_status kh_uri_write_pem(
    char out[KH_URI_PEM_SIZE], const char *name, uint32_t version, struct kh_error *err)
{
    char uri[KH_URI_SIZE];
    kh_status st = kh_uri_write(uri, name, version, err);
    BIO *bio = st == KH_OK ? BIO_new(BIO_s_mem()) : NULL;
    int len = 0;

    if (st != KH_OK)
        return st;
    if (bio && PEM_write_bio(bio, KH_URI_PEM_LABEL, "", (unsigned char *)uri,
                   (long)strlen(uri)) > 0)
        len = BIO_read(bio, out, KH_URI_PEM_SIZE - 1);
    out[len > 0 ? len : 0] = '\0';
    BIO_free(bio);
    return len > 0 ? KH_OK : kh_fail(err, KH_FATAL, "out of memory");
}
