/*
 * HTTP/1.1 on TLS behind a small interface, so that the engine (libevent's evhttp on
 * OpenSSL bufferevents) can be swapped without a handler noticing.
 *
 * Threads: everything here runs on the loop thread, except that a handler's worker may
 * read a struct kh_request and write its `response` between the handler call and
 * kh_http_reply.
 */
#ifndef KH_SERVER_HTTP_H
#define KH_SERVER_HTTP_H

#include "server/pool.h"
#include "server/principal.h"
#include "server/tls.h"
#include <keyhsm/types.h>

#include <stdatomic.h>

struct event_base;
struct evbuffer;
struct evhttp_request;
struct kh_conn;
struct kh_http;
struct kh_route;
struct kh_app;

/* Bits, so that a route can name several. */
typedef enum kh_method {
    KH_METHOD_GET = 1 << 0,
    KH_METHOD_HEAD = 1 << 1,
    KH_METHOD_PUT = 1 << 2,
    KH_METHOD_POST = 1 << 3,
    KH_METHOD_DELETE = 1 << 4,
    KH_METHOD_OPTIONS = 1 << 5,
    KH_METHOD_OTHER = 1 << 6 /* known to HTTP, used by no route */
} kh_method;
#define KH_METHODS 7

const char *kh_method_name(kh_method method);

#define KH_RESPONSE_HEADERS 12

/* Freed by kh_response_clear. */
struct kh_response {
    int status;       /* 0 until answered */
    char reason[256]; /* reason phrase; "": the usual one of the status */
    const char *type; /* Content-Type; static storage; NULL without a body */
    struct kh_buf body;
    struct {
        const char *name; /* static storage */
        char *value;      /* malloc'd, wiped when freed */
    } headers[KH_RESPONSE_HEADERS];
    size_t header_count;
    bool close; /* close the connection after this answer */
};

/* What a request shows to say who sends it, as it came; NULL: it does not. Bearer
 * secrets: wiped when freed, and never in a log. */
struct kh_presented {
    char *authorization; /* header Authorization */
    char *cookies;       /* headers Cookie, joined by "; " */
    char *token;         /* header X-Hadoop-Delegation-Token */
};

struct kh_request {
    struct kh_job job; /* first: a request is a pool job */
    kh_method method;
    char *path;            /* raw target before '?', begins with '/' */
    const char *query;     /* raw, after '?'; "" when there is none */
    char content_type[64]; /* media type in lower case without parameters, "" when absent
                            */
    bool wants_bytes;      /* Accept asks for application/octet-stream */
    bool wants_html;       /* Accept asks for text/html: a browser */
    char id[65];           /* X-Request-Id, the caller's or made here */
    const unsigned char *body;
    size_t body_len;
    struct kh_principal principal;
    struct kh_presented presented;
    char address[46]; /* the caller's, IPv4 or IPv6, without a port; "unix": a socket */
    uint64_t started; /* monotonic nanoseconds, when the request was complete */

    /* Filled by the router and the dispatcher. */
    const struct kh_route *route;
    char name[KH_NAME_MAX + 1]; /* {name} of the path, decoded; "" when there is none */
    struct kh_app *app;
    struct kh_response response;
    /* What authentication adds to the answer, whatever it is: the values of a
     * WWW-Authenticate and of a Set-Cookie, malloc'd; NULL: nothing. */
    char *authenticate;
    char *set_cookie;
    /* What the audit log calls it, and whether it changes deposits, when the handler and
     * not the route says so; static storage. NULL: the route does. */
    const char *operation;
    bool changes;
    kh_status outcome; /* what the backend answered, when it was no success */
    bool has_version;
    uint32_t version;      /* the version that was read or written, with has_version */
    bool fatal;            /* the backend answered KH_FATAL: the daemon must end */
    atomic_bool abandoned; /* its deadline passed and the caller was told so */

    /* The engine's own. */
    struct evhttp_request *ev;
    struct evbuffer *body_buffer;
    struct kh_conn *conn;
};

/* Times in milliseconds. */
struct kh_http_options {
    size_t max_body;
    size_t max_header; /* request line and headers, bytes */
    unsigned max_connections;
    uint64_t handshake_ms; /* TCP accept to the first byte of a request */
    uint64_t request_ms; /* first byte of a request to its last; then again to the answer;
                            then again until the answer is taken */
    uint64_t idle_ms;    /* between two requests */
};

struct kh_http_events {
    void *arg;
    /* One complete, well-formed request. Must be answered by kh_http_reply, once, now or
     * later. */
    void (*request)(void *arg, struct kh_request *request);
    /* The deadline passed before kh_http_reply: the caller got 504. The request stays the
     * owner's until kh_http_reply, which then sends nothing. Do not touch its response.
     */
    void (*expired)(void *arg, struct kh_request *request);
    /* Answered by the engine: malformed (STATUS says how). REQUEST may be all empty but
     * for its principal. */
    void (*refused)(void *arg, const struct kh_request *request, int status);
};

struct kh_http_counts {
    unsigned connections;
    unsigned limit; /* max_connections */
    uint64_t accepted;
    uint64_t failed;   /* connections that ended before their handshake had succeeded */
    unsigned requests; /* between event `request` and kh_http_reply */
};

/* TLS and EVENTS' arg must outlive it. OPTIONS and EVENTS are copied. */
KH_CHECK kh_status kh_http_new(struct kh_http **out, struct event_base *base,
    struct kh_tls *tls, const struct kh_http_options *options,
    const struct kh_http_events *events, struct kh_error *err);

/* KH_INVALID unless HOST can be listened on, as far as its name says. NULL: every
 * address. */
KH_CHECK kh_status kh_listen_check(const char *host, struct kh_error *err);

/* Listens on every address of HOST. *PORT 0: the kernel chooses; *PORT is set. */
KH_CHECK kh_status kh_http_listen(
    struct kh_http *http, const char *host, uint16_t *port, struct kh_error *err);

/* KH_INVALID unless PATH (NULL is fine) is short enough for a socket. */
KH_CHECK kh_status kh_socket_check(const char *path, struct kh_error *err);

/*
 * Listens on the socket PATH as well, made with MODE, TLS as on the ports. One that is
 * left over, because nobody listens on it, is removed first; KH_BUSY: somebody does;
 * KH_REFUSED: it is no socket. kh_http_drain and kh_http_free remove it. Once at most.
 */
KH_CHECK kh_status kh_http_listen_socket(
    struct kh_http *http, const char *path, unsigned mode, struct kh_error *err);

/* Sends request->response and frees the request. */
void kh_http_reply(struct kh_http *http, struct kh_request *request);

/* Stops accepting; every answer from now on closes its connection; idle connections are
 * closed. */
void kh_http_drain(struct kh_http *http);
/* True when no connection has a request under way. */
bool kh_http_drained(const struct kh_http *http);

/* Trust or certificates changed: connections whose pin is gone are cut, others end with
 * their next answer. */
void kh_http_retrust(struct kh_http *http);

/* May be read from any thread; approximate. */
struct kh_http_counts kh_http_count(const struct kh_http *http);

/* No request may be unanswered, unless the process is about to _exit. NULL is fine. */
void kh_http_free(struct kh_http *http);

/* Monotonic time in milliseconds and nanoseconds. */
uint64_t kh_clock_ms(void);
uint64_t kh_clock_ns(void);

#endif
