#include "plugins/keyhsm/http.h"

#include "plugins/keyhsm/curl.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    ANSWER_MAX = 4 << 20, /* KH_DATA_LIMIT in base64 and every attribute in escapes */
    ANSWER_FIRST = 4 << 10
};

struct kh_http {
    const struct kh_http_shared *shared;
    CURL *curl;
    char text[CURL_ERROR_SIZE];
    struct kh_exchange *exchange; /* under way */
    bool sent;
    int alert;           /* the TLS alert that keyhsmd sent; 0: none */
    struct kh_error err; /* why a callback ended it */
};

static const struct kh_host *host_of(const struct kh_http *http)
{
    return http->shared->settings->host;
}

/* ---- what libcurl calls ---- */

static kh_status grow(struct kh_http *http, size_t need)
{
    const struct kh_host *host = host_of(http);
    struct kh_buf *answer = &http->exchange->answer;
    struct kh_buf larger = {0};
    size_t cap = answer->cap ? answer->cap : ANSWER_FIRST;
    curl_off_t told = 0;

    /* What the header says is enough, and more than one page of it is not copied twice.
     */
    if (answer->cap == 0 &&
        curl_easy_getinfo(http->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &told) ==
            CURLE_OK &&
        told > 0 && told <= ANSWER_MAX)
        cap = (size_t)told;
    while (cap < need)
        cap *= 2;
    if (host->buf_alloc(host, &larger, cap, &http->err) != KH_OK)
        return kh_fail(&http->err, KH_BUSY, "no secret memory is free for an answer");
    if (answer->len > 0)
        memcpy(larger.data, answer->data, answer->len);
    larger.len = answer->len;
    host->buf_free(host, answer);
    *answer = larger;
    return KH_OK;
}

static size_t take_answer(char *data, size_t one, size_t len, void *arg)
{
    struct kh_http *http = arg;
    struct kh_buf *answer = &http->exchange->answer;

    (void)one;
    if (len > ANSWER_MAX - answer->len) {
        (void)kh_fail(
            &http->err, KH_UNAVAILABLE, "the answer is larger than %d bytes", ANSWER_MAX);
        return 0;
    }
    if (answer->len + len > answer->cap && grow(http, answer->len + len) != KH_OK)
        return 0;
    if (len > 0)
        memcpy(answer->data + answer->len, data, len);
    answer->len += len;
    return len;
}

static size_t take_header(char *line, size_t one, size_t len, void *arg)
{
    static const char name[] = "Retry-After:";
    struct kh_http *http = arg;
    unsigned seconds = 0;

    (void)one;
    if (len <= strlen(name) || strncasecmp(line, name, strlen(name)) != 0)
        return len;
    for (size_t i = strlen(name); i < len && seconds < 100000; i++) {
        if (line[i] >= '0' && line[i] <= '9')
            seconds = seconds * 10 + (unsigned)(line[i] - '0');
    }
    http->exchange->retry_after = seconds;
    return len;
}

/* Called with a connection, before each time the request is sent on one. libcurl sends it
 * again by itself when a connection that was kept turns out to be dead. */
static int before_request(
    void *arg, char *peer, char *local, int peer_port, int local_port)
{
    struct kh_http *http = arg;

    (void)peer, (void)local, (void)peer_port, (void)local_port;
    if (http->sent && !http->exchange->repeatable) {
        (void)kh_fail(
            &http->err, KH_UNAVAILABLE, "the connection was lost before an answer came");
        return CURL_PREREQFUNC_ABORT;
    }
    http->sent = true;
    return CURL_PREREQFUNC_OK;
}

static int verify_pin(X509_STORE_CTX *store, void *arg)
{
    struct kh_http *http = arg;
    bool same = kh_pin_check(&http->shared->pin, X509_STORE_CTX_get0_cert(store),
                    http->shared->server, &http->err) == KH_OK;

    X509_STORE_CTX_set_error(store, same ? X509_V_OK : X509_V_ERR_CERT_REJECTED);
    return same;
}

/* With TLS 1.3 a client learns that its certificate was refused after the handshake, and
 * libcurl only says that nothing could be read. */
static void note_alert(const SSL *ssl, int where, int code)
{
    struct kh_http *http = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

    if (http && where == SSL_CB_READ_ALERT && (code & 0xff) != SSL_AD_CLOSE_NOTIFY)
        http->alert = code & 0xff;
}

static bool our_certificate_is_refused(int alert)
{
    return (alert >= SSL_AD_BAD_CERTIFICATE && alert <= SSL_AD_CERTIFICATE_UNKNOWN) ||
           alert == SSL_AD_UNKNOWN_CA || alert == SSL_AD_ACCESS_DENIED ||
           alert == SSL_AD_CERTIFICATE_REQUIRED;
}

static CURLcode use_tls(CURL *curl, void *ssl_ctx, void *arg)
{
    struct kh_http *http = arg;

    (void)curl;
    SSL_CTX_set_app_data((SSL_CTX *)ssl_ctx, http);
    SSL_CTX_set_info_callback(ssl_ctx, note_alert);
    if (http->shared->pinned)
        SSL_CTX_set_cert_verify_callback(ssl_ctx, verify_pin, http);
    return kh_identity_use(&http->shared->identity, ssl_ctx) ? CURLE_OK
                                                             : CURLE_SSL_CERTPROBLEM;
}

/* ---- a handle ---- */

kh_status kh_http_new(
    struct kh_http **out, const struct kh_http_shared *shared, struct kh_error *err)
{
    struct kh_http *http = calloc(1, sizeof *http);

    *out = NULL;
    if (!http)
        return kh_fail(err, KH_FATAL, "out of memory");
    http->shared = shared;
    http->curl = kh_curl_new(shared, use_tls, http);
    if (!http->curl ||
        curl_easy_setopt(http->curl, CURLOPT_ERRORBUFFER, http->text) != CURLE_OK ||
        curl_easy_setopt(http->curl, CURLOPT_MAXFILESIZE, (long)ANSWER_MAX) != CURLE_OK ||
        curl_easy_setopt(http->curl, CURLOPT_PREREQFUNCTION, before_request) !=
            CURLE_OK ||
        curl_easy_setopt(http->curl, CURLOPT_PREREQDATA, http) != CURLE_OK ||
        curl_easy_setopt(http->curl, CURLOPT_WRITEFUNCTION, take_answer) != CURLE_OK ||
        curl_easy_setopt(http->curl, CURLOPT_WRITEDATA, http) != CURLE_OK ||
        curl_easy_setopt(http->curl, CURLOPT_HEADERFUNCTION, take_header) != CURLE_OK ||
        curl_easy_setopt(http->curl, CURLOPT_HEADERDATA, http) != CURLE_OK) {
        kh_http_free(http);
        return kh_fail(err, KH_FATAL, "libcurl could not be set up");
    }
    *out = http;
    return KH_OK;
}

void kh_http_free(struct kh_http *http)
{
    if (!http)
        return;
    curl_easy_cleanup(http->curl);
    free(http);
}

/* ---- a request ---- */

static bool add(struct curl_slist **list, const char *line)
{
    struct curl_slist *longer = curl_slist_append(*list, line);

    if (longer)
        *list = longer;
    return longer != NULL;
}

static bool prepare(struct kh_http *http, const struct kh_exchange *e, const char *url,
    struct curl_slist **headers)
{
    CURL *c = http->curl;
    /* A POST without a body still has to say that its length is 0. */
    bool body = e->body || strcmp(e->method, "POST") == 0;
    size_t len = e->body ? e->body->len : 0;

    /* "Expect:" alone switches off the wait for 100 Continue. */
    if (!add(headers, "Accept: application/json") || !add(headers, "Expect:") ||
        !add(headers, e->body ? "Content-Type: application/json" : "Content-Type:"))
        return false;
    if (body)
        (void)curl_easy_setopt(
            c, CURLOPT_POSTFIELDS, len ? (const char *)e->body->data : "");
    else
        (void)curl_easy_setopt(c, CURLOPT_HTTPGET, 1L);
    return curl_easy_setopt(
               c, CURLOPT_POSTFIELDSIZE_LARGE, body ? (curl_off_t)len : -1) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, e->method) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_URL, url) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_HTTPHEADER, *headers) == CURLE_OK;
}

/* What happened, as one line and a status. */
static kh_status judge(struct kh_http *http, CURLcode code, struct kh_error *err)
{
    const char *server = http->shared->server;
    const char *certificate = http->shared->settings->client_certificate;

    http->exchange->fate = http->sent ? KH_LOST : KH_NOT_SENT;
    if (http->sent && code == CURLE_OPERATION_TIMEDOUT)
        http->exchange->fate = KH_LATE;
    if (http->err.status == KH_REFUSED) /* names the server itself */
        return kh_fail(err, KH_REFUSED, "%s", http->err.message);
    if (our_certificate_is_refused(http->alert)) {
        http->exchange->fate = KH_NOT_SENT; /* it was not let in */
        return kh_fail(err, KH_UNAVAILABLE,
            "%s refuses the certificate in %.120s (%s). To let it in, on keyhsmd's host: "
            "keyhsm trust FILE",
            server, certificate, SSL_alert_desc_string_long(http->alert));
    }
    if (http->err.status != KH_OK)
        return kh_fail(err, http->err.status, "%s: %s", server, http->err.message);
    if (code == CURLE_FILESIZE_EXCEEDED)
        return kh_fail(err, KH_UNAVAILABLE, "%s: the answer is larger than %d bytes",
            server, ANSWER_MAX);
    return kh_fail(err, KH_UNAVAILABLE, "%s: %s", server,
        *http->text ? http->text : curl_easy_strerror(code));
}

kh_status kh_http_run(
    struct kh_http *http, struct kh_exchange *exchange, struct kh_error *err)
{
    struct curl_slist *headers = NULL;
    char *url = NULL;
    kh_status st = KH_OK;
    CURLcode code;

    kh_exchange_free(host_of(http), exchange);
    http->exchange = exchange;
    http->sent = false;
    http->alert = 0;
    http->err = (struct kh_error){0};
    http->text[0] = '\0';
    if (asprintf(&url, "%s%s", http->shared->server, exchange->path) < 0)
        return kh_fail(err, KH_BUSY, "out of memory");
    if (prepare(http, exchange, url, &headers)) {
        code = curl_easy_perform(http->curl);
        if (code == CURLE_OK) {
            exchange->fate = KH_ANSWERED;
            (void)curl_easy_getinfo(
                http->curl, CURLINFO_RESPONSE_CODE, &exchange->status);
        } else {
            st = judge(http, code, err);
        }
    } else {
        st = kh_fail(err, KH_BUSY, "out of memory");
    }
    (void)curl_easy_setopt(http->curl, CURLOPT_HTTPHEADER, NULL);
    (void)curl_easy_setopt(http->curl, CURLOPT_POSTFIELDS, NULL);
    curl_slist_free_all(headers);
    free(url);
    return st;
}

void kh_exchange_free(const struct kh_host *host, struct kh_exchange *exchange)
{
    host->buf_free(host, &exchange->answer);
    exchange->fate = KH_NOT_SENT;
    exchange->status = 0;
    exchange->retry_after = 0;
}
