#include "server/cookie.h"

#include "core/secmem.h"
#include "core/secret.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum {
    COOKIE_MAX = 1024, /* of the value: two names of 255 bytes and the rest */
    RANDOM_BYTES = 32,
    MAC_BYTES = 32,
    MAC_TEXT = 44 /* in base64 */
};

static const char name[] = "hadoop.auth=";
static const char invalid[] =
    "org.apache.hadoop.security.authentication.util.SignerException: Invalid signature";

/* Order counts: a kind that no cookie is made for is not there. */
static const struct {
    kh_auth auth;
    const char *text;
} kinds[] = {{KH_AUTH_KERBEROS, "kerberos-dt"}, {KH_AUTH_SIMPLE, "simple-dt"}};

struct kh_cookies {
    pthread_rwlock_t lock; /* of both secrets */
    struct kh_buf secret;
    struct kh_buf previous; /* empty: none */
    char *source;
    char *domain;
    char *path;
    uint64_t validity_ms;
};

static kh_status make_random(struct kh_buf *out, struct kh_error *err)
{
    kh_status st = kh_buf_alloc(out, RANDOM_BYTES, err);

    if (st == KH_OK && RAND_priv_bytes(out->data, RANDOM_BYTES) != 1) {
        kh_buf_free(out);
        return kh_fail(err, KH_FATAL, "OpenSSL gives no random bytes for cookies");
    }
    return st;
}

static kh_status read_secret(
    const struct kh_cookies *cookies, struct kh_buf *out, struct kh_error *err)
{
    kh_status st;

    if (!cookies->source)
        return make_random(out, err);
    st = kh_secret_read(cookies->source, "Secret of cookies: ", out, err);
    if (st == KH_OK && out->len < KH_COOKIE_SECRET_MIN) {
        kh_buf_free(out);
        return kh_fail(err, KH_INVALID,
            "the secret of cookies has less than %d bytes; make one with 'openssl rand "
            "-hex 32'",
            KH_COOKIE_SECRET_MIN);
    }
    return st;
}

/* False: no memory. */
static bool keep(char **out, const char *text)
{
    *out = text ? strdup(text) : NULL;
    return *out || !text;
}

static kh_status check_attribute(const char *what, const char *text, struct kh_error *err)
{
    for (const char *p = text; p && *p; p++) {
        if ((unsigned char)*p <= 0x20 || (unsigned char)*p >= 0x7f || strchr(";,\"", *p))
            return kh_fail(err, KH_INVALID,
                "the cookie's %s '%.64s' has a blank, a ';' or the like", what, text);
    }
    return KH_OK;
}

kh_status kh_cookies_new(struct kh_cookies **out, const struct kh_cookie_options *options,
    struct kh_error *err)
{
    struct kh_cookies *cookies = calloc(1, sizeof *cookies);
    kh_status st;

    *out = NULL;
    if (!cookies)
        return kh_fail(err, KH_FATAL, "no memory for cookies");
    pthread_rwlock_init(&cookies->lock, NULL);
    cookies->validity_ms = options->validity_ms;
    st = check_attribute("domain", options->domain, err);
    if (st == KH_OK)
        st = check_attribute("path", options->path, err);
    if (st == KH_OK && !(keep(&cookies->source, options->source) &&
                           keep(&cookies->domain, options->domain) &&
                           keep(&cookies->path, options->path)))
        st = kh_fail(err, KH_FATAL, "no memory for cookies");
    if (st == KH_OK)
        st = read_secret(cookies, &cookies->secret, err);
    if (st != KH_OK) {
        kh_cookies_free(cookies);
        return st;
    }
    *out = cookies;
    return KH_OK;
}

void kh_cookies_free(struct kh_cookies *cookies)
{
    if (!cookies)
        return;
    kh_buf_free(&cookies->secret);
    kh_buf_free(&cookies->previous);
    pthread_rwlock_destroy(&cookies->lock);
    free(cookies->source);
    free(cookies->domain);
    free(cookies->path);
    free(cookies);
}

kh_status kh_cookies_rotate(struct kh_cookies *cookies, struct kh_error *err)
{
    struct kh_buf fresh = {0};
    const char *source = cookies->source;
    kh_status st;

    if (source && (strcmp(source, "prompt") == 0 || strncmp(source, "fd:", 3) == 0))
        return KH_OK;
    st = read_secret(cookies, &fresh, err);
    if (st != KH_OK)
        return st;
    pthread_rwlock_wrlock(&cookies->lock);
    if (!kh_buf_equal(&fresh, &cookies->secret)) {
        kh_buf_free(&cookies->previous);
        cookies->previous = cookies->secret;
        cookies->secret = fresh;
        fresh = (struct kh_buf){0};
    }
    pthread_rwlock_unlock(&cookies->lock);
    kh_buf_free(&fresh);
    return KH_OK;
}

/* Base64 of the MAC of LEN bytes of TEXT. False: OpenSSL failed. */
static bool sign(
    const struct kh_buf *secret, const char *text, size_t len, char out[MAC_TEXT + 1])
{
    unsigned char mac[MAC_BYTES];
    unsigned n = 0;

    if (!HMAC(EVP_sha256(), secret->data, (int)secret->len, (const unsigned char *)text,
            len, mac, &n) ||
        n != MAC_BYTES)
        return false;
    return EVP_EncodeBlock((unsigned char *)out, mac, MAC_BYTES) == MAC_TEXT;
}

static bool fits(
    const struct kh_buf *secret, const char *text, size_t len, const char given[MAC_TEXT])
{
    char right[MAC_TEXT + 1];

    return secret->len > 0 && sign(secret, text, len, right) &&
           CRYPTO_memcmp(right, given, MAC_TEXT) == 0;
}

static bool is_signed(const struct kh_cookies *cookies, const char *text, size_t len,
    const char given[MAC_TEXT])
{
    /* One may be free to change while it is read: both under the lock. */
    pthread_rwlock_t *lock = (pthread_rwlock_t *)(uintptr_t)&cookies->lock;
    bool good;

    pthread_rwlock_rdlock(lock);
    good = fits(&cookies->secret, text, len, given) ||
           fits(&cookies->previous, text, len, given);
    pthread_rwlock_unlock(lock);
    return good;
}

static const char *kind_of(kh_auth auth)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (kinds[i].auth == auth)
            return kinds[i].text;
    }
    return NULL;
}

/* A principal as a cookie can hold it. */
static bool principal_valid(const char *text)
{
    return *text && !text[strcspn(text, "&=\";,\\ \t\r\n")];
}

char *kh_cookie_make(
    const struct kh_cookies *cookies, const struct kh_principal *who, uint64_t now)
{
    const char *principal = *who->krb5 ? who->krb5 : who->user;
    const char *kind = kind_of(who->auth);
    pthread_rwlock_t *lock = (pthread_rwlock_t *)(uintptr_t)&cookies->lock;
    char text[COOKIE_MAX];
    char mac[MAC_TEXT + 1];
    char *out = NULL;
    bool made;

    if (!kind || !kh_user_valid(who->user) || !principal_valid(principal))
        return NULL;
    snprintf(text, sizeof text, "u=%s&p=%s&t=%s&e=%" PRIu64, who->user, principal, kind,
        now + cookies->validity_ms);
    pthread_rwlock_rdlock(lock);
    made = sign(&cookies->secret, text, strlen(text), mac);
    pthread_rwlock_unlock(lock);
    if (made &&
        asprintf(&out, "hadoop.auth=\"%s&s=%s\"%s%s%s%s; Secure; HttpOnly", text, mac,
            cookies->path ? "; Path=" : "", cookies->path ? cookies->path : "",
            cookies->domain ? "; Domain=" : "",
            cookies->domain ? cookies->domain : "") < 0)
        return NULL;
    return out;
}

/* ---- a cookie that came -------------------------------------------------------------
 */

/* The value of hadoop.auth in HEADER without its quotes; NULL: there is none. */
static const char *find(const char *header, size_t *len)
{
    while (*header) {
        const char *value;

        header += strspn(header, "; \t");
        if (strncmp(header, name, sizeof name - 1) != 0) {
            header += strcspn(header, ";");
            continue;
        }
        value = header + sizeof name - 1;
        *len = strcspn(value, ";");
        while (*len > 0 && (value[*len - 1] == ' ' || value[*len - 1] == '\t'))
            --*len;
        if (*len >= 2 && value[0] == '"' && value[*len - 1] == '"') {
            value++;
            *len -= 2;
        }
        return value;
    }
    return NULL;
}

/* Moves *TEXT behind KEY and the value, which goes to OUT (SIZE bytes). */
static bool take(char **text, const char *key, char *out, size_t size)
{
    size_t len = strlen(key);
    char *field = strsep(text, "&");

    if (!field || strncmp(field, key, len) != 0 || strlen(field + len) >= size)
        return false;
    memcpy(out, field + len, strlen(field + len) + 1);
    return true;
}

/* What was signed, which is ours, yet may come from another server with the same secret:
 * u, p, t, perhaps i, and e. */
static bool take_fields(char *text, struct kh_principal *who, uint64_t *end)
{
    char kind[32];
    char number[24];

    if (!take(&text, "u=", who->user, sizeof who->user) ||
        !take(&text, "p=", who->krb5, sizeof who->krb5) ||
        !take(&text, "t=", kind, sizeof kind))
        return false;
    if (text && strncmp(text, "i=", 2) == 0)
        (void)take(&text, "i=", number, sizeof number);
    if (!take(&text, "e=", number, sizeof number) || text || !*number ||
        number[strspn(number, "0123456789")] || strlen(number) > 18)
        return false;
    *end = strtoull(number, NULL, 10);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(kinds[i].text, kind) == 0)
            who->auth = kinds[i].auth;
    }
    return who->auth != KH_AUTH_NONE && kh_user_valid(who->user);
}

kh_cookie_found kh_cookie_check(const struct kh_cookies *cookies, const char *header,
    uint64_t now, struct kh_principal *who, const char **why)
{
    struct kh_principal found = {.auth = KH_AUTH_NONE};
    char text[COOKIE_MAX];
    const char *mark;
    size_t len = 0;
    const char *value = header ? find(header, &len) : NULL;
    uint64_t end = 0;

    *why = value ? "Unauthorized access" : NULL;
    if (!value || len == 0)
        return KH_COOKIE_NONE;
    *why = invalid;
    if (len >= sizeof text)
        return KH_COOKIE_FORGED;
    memcpy(text, value, len);
    text[len] = '\0';
    mark = strstr(text, "&s=");
    if (!mark || strlen(mark + 3) != MAC_TEXT ||
        !is_signed(cookies, text, (size_t)(mark - text), mark + 3))
        return KH_COOKIE_FORGED;
    text[mark - text] = '\0';
    if (!take_fields(text, &found, &end))
        return KH_COOKIE_FORGED;
    if (end <= now) {
        *why = "AuthenticationToken expired";
        return KH_COOKIE_EXPIRED;
    }
    memcpy(who->user, found.user, sizeof who->user);
    /* Of a name that was only said, p is no Kerberos principal. */
    memcpy(who->krb5, found.krb5, sizeof who->krb5);
    if (found.auth == KH_AUTH_SIMPLE)
        who->krb5[0] = '\0';
    who->auth = found.auth;
    return KH_COOKIE_GOOD;
}
