#include "server/http_impl.h"

#include "core/deposit.h"
#include "core/log.h"
#include "core/secmem.h"
#include "server/reply.h"
#include "server/strict.h"

#include <ctype.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

static const struct {
    enum evhttp_cmd_type command;
    kh_method method;
} methods[] = {
    {EVHTTP_REQ_GET, KH_METHOD_GET},
    {EVHTTP_REQ_HEAD, KH_METHOD_HEAD},
    {EVHTTP_REQ_PUT, KH_METHOD_PUT},
    {EVHTTP_REQ_POST, KH_METHOD_POST},
    {EVHTTP_REQ_DELETE, KH_METHOD_DELETE},
    {EVHTTP_REQ_OPTIONS, KH_METHOD_OPTIONS},
};

const char *kh_method_name(kh_method method)
{
    switch (method) {
    case KH_METHOD_GET:
        return "GET";
    case KH_METHOD_HEAD:
        return "HEAD";
    case KH_METHOD_PUT:
        return "PUT";
    case KH_METHOD_POST:
        return "POST";
    case KH_METHOD_DELETE:
        return "DELETE";
    case KH_METHOD_OPTIONS:
        return "OPTIONS";
    default:
        return "OTHER";
    }
}

static kh_method method_of(struct evhttp_request *ev)
{
    enum evhttp_cmd_type command = evhttp_request_get_command(ev);

    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        if (methods[i].command == command)
            return methods[i].method;
    }
    return KH_METHOD_OTHER;
}

/* 16 random hex digits: unique across restarts and hosts, and says nothing. */
static void make_id(char out[65])
{
    unsigned char bytes[8] = {0};

    if (RAND_bytes(bytes, sizeof bytes) != 1)
        snprintf(out, 65, "t%llu", (unsigned long long)kh_clock_ns());
    else
        snprintf(out, 65, "%02x%02x%02x%02x%02x%02x%02x%02x", bytes[0], bytes[1],
            bytes[2], bytes[3], bytes[4], bytes[5], bytes[6], bytes[7]);
}

/* The caller's id when it is harmless in a log and a header, else one of ours. */
static void take_id(const char *given, char out[65])
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";

    if (given && *given && strlen(given) <= 64 && strspn(given, allowed) == strlen(given))
        snprintf(out, 65, "%s", given);
    else
        make_id(out);
}

/* "Text/JSON ; charset=utf-8" -> "text/json". */
static void take_media_type(const char *value, char *out, size_t size)
{
    size_t len = value ? strcspn(value, "; \t") : 0;

    out[0] = '\0';
    if (len == 0 || len >= size)
        return;
    for (size_t i = 0; i < len; i++)
        out[i] = (char)tolower((unsigned char)value[i]);
    out[len] = '\0';
}

/* Whether Accept names TYPE itself; a wildcard asks for nothing. */
static bool accepts(const char *accept, const char *wanted)
{
    size_t len = strlen(wanted);

    while (accept && *accept) {
        accept += strspn(accept, " \t,");
        if (strcspn(accept, ",; \t") == len && strncasecmp(accept, wanted, len) == 0)
            return true;
        accept += strcspn(accept, ",");
    }
    return false;
}

void kh_request_free(struct kh_request *request)
{
    if (!request)
        return;
    kh_response_clear(&request->response);
    if (request->body_buffer)
        evbuffer_free(request->body_buffer); /* wiped: see memory.h */
    kh_wipe_free(request->presented.authorization);
    kh_wipe_free(request->presented.cookies);
    kh_wipe_free(request->presented.token);
    kh_wipe_free(request->authenticate);
    kh_wipe_free(request->set_cookie);
    kh_wipe_free(request->path); /* a query can hold a token */
    free(request);
}

/* Takes over the body, in one piece. */
static bool take_body(struct kh_request *request, struct evhttp_request *ev)
{
    struct evbuffer *input = evhttp_request_get_input_buffer(ev);

    request->body_buffer = evbuffer_new();
    if (!request->body_buffer || evbuffer_add_buffer(request->body_buffer, input) != 0)
        return false;
    request->body_len = evbuffer_get_length(request->body_buffer);
    request->body = evbuffer_pullup(request->body_buffer, -1);
    return request->body || request->body_len == 0;
}

/* Every Cookie header of HEAD as one. NULL: there is none, or no memory. */
static char *join_cookies(const struct kh_head *head)
{
    size_t size = 0;
    char *out = NULL;

    for (size_t i = 0; i < head->count; i++) {
        const char *value = head->headers[i].value;
        char *more;

        if (strcasecmp(head->headers[i].name, "Cookie") != 0)
            continue;
        more = malloc(size + strlen(value) + 3);
        if (more)
            snprintf(more, size + strlen(value) + 3, "%s%s%s", out ? out : "",
                out ? "; " : "", value);
        kh_wipe_free(out);
        if (!more)
            return NULL;
        out = more;
        size = strlen(out);
    }
    return out;
}

/* False: no memory. */
static bool copy(const char *text, char **out)
{
    *out = text ? strdup(text) : NULL;
    return *out || !text;
}

static bool take_presented(struct kh_request *request, const struct kh_head *head)
{
    struct kh_presented *presented = &request->presented;

    if (kh_head_get(head, "Cookie") && !(presented->cookies = join_cookies(head)))
        return false;
    return copy(kh_head_get(head, "Authorization"), &presented->authorization) &&
           copy(kh_head_get(head, "X-Hadoop-Delegation-Token"), &presented->token);
}

/* Proxy users are told by it: who comes over a socket has none, and fits no list of
 * hosts. The text that libevent keeps may be a socket's path. */
static void take_address(struct kh_request *request, struct evhttp_request *ev)
{
    char *text = NULL;
    uint16_t port = 0;

    if (kh_socket_local(ev)) {
        snprintf(request->address, sizeof request->address, "unix");
        return;
    }
    evhttp_connection_get_peer(evhttp_request_get_connection(ev), &text, &port);
    if (text && strlen(text) < sizeof request->address)
        snprintf(request->address, sizeof request->address, "%s", text);
}

static struct kh_request *make_request(
    struct kh_conn *conn, struct evhttp_request *ev, const struct kh_head *head)
{
    struct kh_request *request = calloc(1, sizeof *request);

    if (!request || !(request->path = strdup(head->target)) || !take_body(request, ev) ||
        !take_presented(request, head)) {
        kh_request_free(request);
        return NULL;
    }
    request->query = "";
    if (strchr(request->path, '?')) {
        char *mark = strchr(request->path, '?');

        *mark = '\0';
        request->query = mark + 1;
    }
    request->method = method_of(ev);
    request->started = kh_clock_ns();
    request->principal = conn->principal;
    take_address(request, ev);
    request->ev = ev;
    request->conn = conn;
    take_id(kh_head_get(head, "X-Request-Id"), request->id);
    take_media_type(kh_head_get(head, "Content-Type"), request->content_type,
        sizeof request->content_type);
    request->wants_bytes =
        accepts(kh_head_get(head, "Accept"), "application/octet-stream");
    request->wants_html = accepts(kh_head_get(head, "Accept"), "text/html");
    return request;
}

/* evhttp's list as an array; one more than the limit is enough to see that it is over. */
static size_t read_headers(struct evhttp_request *ev, struct kh_header *out)
{
    size_t count = 0;

    for (struct evkeyval *h = evhttp_request_get_input_headers(ev)->tqh_first;
         h && count <= KH_STRICT_HEADERS; h = h->next.tqe_next)
        out[count++] = (struct kh_header){h->key, h->value};
    return count;
}

static void refuse(
    struct kh_http *http, struct kh_request *request, int status, const char *why)
{
    struct kh_conn *conn = request->conn;

    kh_response_error(&request->response, status, "invalid", why, NULL);
    request->response.close = true;
    http->events.refused(http->events.arg, request, status);
    kh_send(http, conn, request->ev, &request->response, request->id);
    kh_request_free(request);
}

/* No verified peer, no answer, not even an error: nothing of ours leaves on such a
 * connection. */
static void drop(struct evhttp_request *ev)
{
    struct bufferevent *bev =
        evhttp_connection_get_bufferevent(evhttp_request_get_connection(ev));
    evutil_socket_t fd = bev ? bufferevent_getfd(bev) : -1;

    kh_log(KH_LOG_WARNING, "a request without a valid client certificate was dropped");
    if (fd >= 0)
        (void)shutdown(fd, SHUT_RDWR);
    evhttp_send_error(ev, 400, NULL);
}

static struct kh_conn *connection_of(struct evhttp_request *ev)
{
    struct bufferevent *bev =
        evhttp_connection_get_bufferevent(evhttp_request_get_connection(ev));

    return bev ? kh_conn_of(bufferevent_openssl_get_ssl(bev)) : NULL;
}

void kh_intake(struct evhttp_request *ev, void *arg)
{
    struct kh_http *http = arg;
    struct kh_conn *conn = connection_of(ev);
    struct kh_header headers[KH_STRICT_HEADERS + 1];
    struct kh_head head = {.target = evhttp_request_get_uri(ev), .headers = headers};
    struct kh_request *request;
    const char *why;
    int status;

    if (!conn || !kh_conn_identify(conn, http->tls)) {
        drop(ev);
        return;
    }
    head.count = read_headers(ev, headers);
    head.body = (method_of(ev) & (KH_METHOD_PUT | KH_METHOD_POST)) != 0;
    request = make_request(conn, ev, &head);
    if (!request) {
        evhttp_send_error(ev, 503, NULL);
        return;
    }
    if ((status = kh_strict_check(&head, &why)) != 0) {
        refuse(http, request, status, why);
        return;
    }
    conn->state = KH_CONN_BUSY;
    conn->deadline = kh_clock_ms() + http->options.request_ms;
    conn->request = request;
    atomic_fetch_add(&http->requests, 1);
    http->events.request(http->events.arg, request);
}
