#include "plugins/keyhsm/http_impl.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- what libcurl calls ---- */

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
        curl_easy_setopt(http->curl, CURLOPT_MAXFILESIZE, (long)KH_ANSWER_MAX) !=
            CURLE_OK ||
        curl_easy_setopt(http->curl, CURLOPT_PREREQFUNCTION, before_request) !=
            CURLE_OK ||
        curl_easy_setopt(http->curl, CURLOPT_PREREQDATA, http) != CURLE_OK ||
        curl_easy_setopt(http->curl, CURLOPT_WRITEFUNCTION, kh_http_take_answer) !=
            CURLE_OK ||
        curl_easy_setopt(http->curl, CURLOPT_WRITEDATA, http) != CURLE_OK ||
        curl_easy_setopt(http->curl, CURLOPT_HEADERFUNCTION, kh_http_take_header) !=
            CURLE_OK ||
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

/* TLS's last word would go to the parent's peer: the descriptor leads elsewhere first. */
void kh_http_forget(struct kh_http *http)
{
    curl_socket_t fd = CURL_SOCKET_BAD;
    int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (nowhere >= 0 &&
        curl_easy_getinfo(http->curl, CURLINFO_ACTIVESOCKET, &fd) == CURLE_OK &&
        fd != CURL_SOCKET_BAD)
        (void)dup3(nowhere, fd, O_CLOEXEC);
    if (nowhere >= 0) {
        (void)close(nowhere);
        kh_http_free(http);
    }
}

/* ---- a request ---- */

static bool add(struct curl_slist **list, const char *line)
{
    struct curl_slist *longer = curl_slist_append(*list, line);

    if (longer)
        *list = longer;
    return longer != NULL;
}

/* The id of the request that this one is made for, so that the logs of both daemons name
 * the same. */
static bool add_id(const struct kh_http *http, struct curl_slist **headers)
{
    static const size_t needed =
        offsetof(struct kh_host, request_id) + sizeof(const char *(*)(void));
    const struct kh_host *host = kh_http_host(http);
    const char *id = host->size >= needed ? host->request_id(host) : "";
    char line[128];

    (void)snprintf(line, sizeof line, "X-Request-Id: %s", id);
    return !*id || add(headers, line);
}

static bool prepare(struct kh_http *http, const struct kh_exchange *e, const char *url,
    struct curl_slist **headers)
{
    CURL *c = http->curl;
    /* A POST without a body still has to say that its length is 0. */
    bool body = e->body || strcmp(e->method, "POST") == 0;
    size_t len = e->body ? e->body->len : 0;

    /* "Expect:" alone switches off the wait for 100 Continue. */
    if (!add(headers,
            e->bytes ? "Accept: application/octet-stream" : "Accept: application/json") ||
        !add(headers, "Expect:") ||
        !add(headers, e->body ? "Content-Type: application/json" : "Content-Type:") ||
        !add_id(http, headers))
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

kh_status kh_http_run(
    struct kh_http *http, struct kh_exchange *exchange, struct kh_error *err)
{
    struct curl_slist *headers = NULL;
    char *url = NULL;
    kh_status st = KH_OK;
    CURLcode code;

    kh_exchange_free(kh_http_host(http), exchange);
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
            st = kh_http_judge(http, code, err);
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
