#include "programs/ktadmin/http.h"

#include "core/secmem.h"
#include "programs/ktadmin/identity.h"
#include "programs/ktadmin/peer.h"

#include <curl/curl.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum {
    CONNECT_SECONDS = 10,
    TOTAL_SECONDS = 120, /* a token may need seconds for an RSA key, and a purge may wait
                            for others */
    BODY_MAX = 4 << 20,  /* KH_DATA_LIMIT in base64 and every attribute in escapes */
    BODY_FIRST = 16 << 10
};

struct kh_http {
    CURL *curl;
    char *server;       /* without a slash at the end */
    const char *socket; /* the caller's; may be NULL */
    char text[CURL_ERROR_SIZE];
    struct kh_identity own; /* when it was not given */
    const struct kh_identity *identity;
    struct kh_peer *peer; /* may be NULL */
};

/* The transfer under way. */
struct transfer {
    struct kh_http_response *response;
    struct kh_error err;
};

/* libcurl's own buffers pass plaintext: they are wiped when they are freed. */
static void *wiping_realloc(void *old, size_t size)
{
    void *fresh = malloc(size);

    if (fresh && old) {
        size_t had = malloc_usable_size(old);

        memcpy(fresh, old, had < size ? had : size);
        kh_wipe_free(old);
    }
    return fresh;
}

static void start_curl(void)
{
    if (curl_global_init_mem(CURL_GLOBAL_DEFAULT, malloc, kh_wipe_free, wiping_realloc,
            strdup, calloc) != CURLE_OK)
        abort();
}

static kh_status grow(struct kh_buf *body, size_t need, struct kh_error *err)
{
    struct kh_buf larger = {0};
    size_t cap = body->cap ? body->cap : BODY_FIRST;
    kh_status status;

    while (cap < need)
        cap *= 2;
    status = kh_buf_alloc(&larger, cap, err);
    if (status != KH_OK)
        return status;
    if (body->len > 0)
        memcpy(larger.data, body->data, body->len);
    larger.len = body->len;
    kh_buf_free(body);
    *body = larger;
    return KH_OK;
}

static size_t take_body(char *data, size_t one, size_t len, void *arg)
{
    struct transfer *t = arg;
    struct kh_buf *body = &t->response->body;

    (void)one;
    if (len > BODY_MAX - body->len) {
        (void)kh_fail(
            &t->err, KH_UNAVAILABLE, "the answer is larger than %d bytes", BODY_MAX);
        return 0;
    }
    if (body->len + len > body->cap && grow(body, body->len + len, &t->err) != KH_OK)
        return 0;
    memcpy(body->data + body->len, data, len);
    body->len += len;
    return len;
}

static void keep_header(
    const char *line, size_t len, const char *name, char *out, size_t size)
{
    size_t skip = strlen(name);

    if (len <= skip || strncasecmp(line, name, skip) != 0)
        return;
    while (skip < len && (line[skip] == ' ' || line[skip] == '\t'))
        skip++;
    while (len > skip && strchr(" \t\r\n", line[len - 1]))
        len--;
    snprintf(out, size, "%.*s", (int)(len - skip), line + skip);
}

static size_t take_header(char *line, size_t one, size_t len, void *arg)
{
    struct kh_http_response *r = ((struct transfer *)arg)->response;

    (void)one;
    keep_header(
        line, len, "Deposit-Version:", r->deposit_version, sizeof r->deposit_version);
    keep_header(
        line, len, "Deposit-Created:", r->deposit_created, sizeof r->deposit_created);
    return len;
}

static CURLcode use_identity(CURL *curl, void *ssl_ctx, void *arg)
{
    const struct kh_http *http = arg;

    (void)curl;
    if (http->peer)
        kh_peer_watch(http->peer, ssl_ctx);
    if (!http->identity->key) /* a ticket is shown in its place */
        return CURLE_OK;
    return kh_identity_use(http->identity, ssl_ctx) ? CURLE_OK : CURLE_SSL_CERTPROBLEM;
}

/* Only https://HOST[:PORT] is meant: a path or a user in the URL is a mistake to be said.
 */
static kh_status check_url(const char *server, struct kh_error *err)
{
    CURLU *url = curl_url();
    char *path = NULL;
    char *other = NULL;
    kh_status status = KH_OK;

    if (!url || curl_url_set(url, CURLUPART_URL, server, 0) != CURLUE_OK ||
        strncmp(server, "https://", strlen("https://")) != 0)
        status = kh_fail(err, KH_INVALID,
            "--server %s: not a URL of the form https://HOST:PORT", server);
    else if (curl_url_get(url, CURLUPART_USER, &other, 0) == CURLUE_OK ||
             curl_url_get(url, CURLUPART_QUERY, &other, 0) == CURLUE_OK ||
             curl_url_get(url, CURLUPART_FRAGMENT, &other, 0) == CURLUE_OK ||
             curl_url_get(url, CURLUPART_PATH, &path, 0) != CURLUE_OK ||
             strcmp(path, "/") != 0)
        status = kh_fail(
            err, KH_INVALID, "--server: give https://HOST:PORT and nothing after it");
    curl_free(other);
    curl_free(path);
    curl_url_cleanup(url);
    return status;
}

/* A file that is not there must not be in the way of a peer that is known already. */
static bool no_authorities(CURL *curl)
{
    return curl_easy_setopt(curl, CURLOPT_CAINFO, NULL) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_CAPATH, NULL) == CURLE_OK;
}

static bool set_options(struct kh_http *http, const struct kh_http_options *options)
{
    const char *cacert = options->cacert;
    CURL *c = http->curl;

    return curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "https") == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) ==
               CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, http->peer ? 0L : 2L) ==
               CURLE_OK &&
           (!http->peer || no_authorities(c)) &&
           (!options->socket || curl_easy_setopt(c, CURLOPT_UNIX_SOCKET_PATH,
                                    options->socket) == CURLE_OK) &&
           (!cacert || (curl_easy_setopt(c, CURLOPT_CAINFO, cacert) == CURLE_OK &&
                           curl_easy_setopt(c, CURLOPT_CAPATH, NULL) == CURLE_OK)) &&
           curl_easy_setopt(c, CURLOPT_SSL_CTX_FUNCTION, use_identity) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_SSL_CTX_DATA, http) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) ==
               CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_PROXY, "") == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_PATH_AS_IS, 1L) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_USERAGENT, "ktadmin") == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS) ==
               CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_TIMEOUT, (long)TOTAL_SECONDS) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_MAXFILESIZE, (long)BODY_MAX) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take_body) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, take_header) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_ERRORBUFFER, http->text) == CURLE_OK;
}

/* The ticket of whoever runs this, with every request: "" as the name, and libcurl asks
 * the Kerberos library. */
static kh_status use_tickets(struct kh_http *http, struct kh_error *err)
{
    if (curl_easy_setopt(http->curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_NEGOTIATE) ==
            CURLE_OK &&
        curl_easy_setopt(http->curl, CURLOPT_USERPWD, ":") == CURLE_OK)
        return KH_OK;
    return kh_fail(err, KH_INVALID, "this libcurl knows no Kerberos (--negotiate)");
}

kh_status kh_http_open(
    struct kh_http **out, const struct kh_http_options *options, struct kh_error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct kh_http *http;
    kh_status status;

    *out = NULL;
    pthread_once(&once, start_curl);
    status = check_url(options->server, err);
    if (status != KH_OK)
        return status;
    if (options->cacert && access(options->cacert, R_OK) != 0)
        return kh_fail(err, KH_INVALID, "--cacert %s: %m", options->cacert);
    http = calloc(1, sizeof *http);
    if (!http)
        return kh_fail(err, KH_FATAL, "out of memory");
    http->peer = options->peer;
    http->socket = options->socket;
    http->identity = options->identity ? options->identity : &http->own;
    if (!options->identity && options->certfile)
        status = kh_identity_load(&http->own, options, err);
    if (status == KH_OK) {
        size_t len = strlen(options->server);

        http->server =
            strndup(options->server, options->server[len - 1] == '/' ? len - 1 : len);
        http->curl = curl_easy_init();
        if (!http->server || !http->curl || !set_options(http, options))
            status = kh_fail(err, KH_FATAL, "libcurl could not be set up");
        else if (options->negotiate)
            status = use_tickets(http, err);
    }
    if (status != KH_OK) {
        kh_http_close(http);
        return status;
    }
    *out = http;
    return KH_OK;
}

void kh_http_close(struct kh_http *http)
{
    if (!http)
        return;
    curl_easy_cleanup(http->curl);
    kh_identity_free(&http->own);
    free(http->server);
    free(http);
}

static bool add(struct curl_slist **list, const char *name, const char *value)
{
    char line[128];
    struct curl_slist *longer;

    snprintf(line, sizeof line, "%s: %s", name, value);
    longer = curl_slist_append(*list, *value ? line : name);
    if (longer)
        *list = longer;
    return longer != NULL;
}

static bool prepare(struct kh_http *http, const struct kh_http_request *r,
    const char *url, struct curl_slist **headers)
{
    CURL *c = http->curl;
    /* A POST or PUT without a body still has to say that its length is 0. */
    bool body = r->content_type || strcmp(r->method, "POST") == 0;
    size_t len = r->body ? r->body->len : 0;

    /* "Expect:" alone switches off the wait for 100 Continue. */
    if (!add(headers, "Accept", r->accept ? r->accept : "application/json") ||
        !add(headers, "Expect:", "") ||
        !add(headers, r->content_type ? "Content-Type" : "Content-Type:",
            r->content_type ? r->content_type : ""))
        return false;
    if (body)
        (void)curl_easy_setopt(
            c, CURLOPT_POSTFIELDS, len ? (const char *)r->body->data : "");
    else
        (void)curl_easy_setopt(c, CURLOPT_HTTPGET, 1L);
    return curl_easy_setopt(
               c, CURLOPT_POSTFIELDSIZE_LARGE, body ? (curl_off_t)len : -1) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, r->method) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_URL, url) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_HTTPHEADER, *headers) == CURLE_OK;
}

/* What happened, as one line and a status. */
static kh_status judge(const struct kh_http *http, CURLcode code,
    const struct transfer *t, struct kh_error *err)
{
    if (t->err.status != KH_OK)
        return kh_fail(err, t->err.status, "%s: %s", http->server, t->err.message);
    if (code == CURLE_FILESIZE_EXCEEDED)
        return kh_fail(err, KH_UNAVAILABLE, "%s: the answer is larger than %d bytes",
            http->server, BODY_MAX);
    /* libcurl's words tell of a port. */
    if (code == CURLE_COULDNT_CONNECT && http->socket)
        return kh_fail(err, KH_UNAVAILABLE,
            "nobody listens on the socket %.200s, or it may not be used", http->socket);
    return kh_fail(err, KH_UNAVAILABLE, "%s: %s", http->server,
        *http->text ? http->text : curl_easy_strerror(code));
}

kh_status kh_http_run(struct kh_http *http, const struct kh_http_request *request,
    struct kh_http_response *response, struct kh_error *err)
{
    struct transfer t = {.response = response};
    struct curl_slist *headers = NULL;
    char *url = NULL;
    kh_status status = KH_OK;
    CURLcode code;

    memset(response, 0, sizeof *response);
    http->text[0] = '\0';
    if (asprintf(&url, "%s%s", http->server, request->path) < 0)
        return kh_fail(err, KH_FATAL, "out of memory");
    if (prepare(http, request, url, &headers)) {
        (void)curl_easy_setopt(http->curl, CURLOPT_WRITEDATA, &t);
        (void)curl_easy_setopt(http->curl, CURLOPT_HEADERDATA, &t);
        code = curl_easy_perform(http->curl);
        if (code == CURLE_OK)
            (void)curl_easy_getinfo(
                http->curl, CURLINFO_RESPONSE_CODE, &response->status);
        else
            status = judge(http, code, &t, err);
    } else {
        status = kh_fail(err, KH_FATAL, "out of memory");
    }
    (void)curl_easy_setopt(http->curl, CURLOPT_HTTPHEADER, NULL);
    curl_slist_free_all(headers);
    free(url);
    if (status != KH_OK)
        kh_http_response_free(response);
    return status;
}

void kh_http_response_free(struct kh_http_response *response)
{
    kh_buf_free(&response->body);
    memset(response, 0, sizeof *response);
}
