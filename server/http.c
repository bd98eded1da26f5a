#include "server/http_impl.h"

#include "core/log.h"
#include "core/secmem.h"
#include "server/reply.h"
#include "server/trust.h"

#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/buffer.h>
#include <stdlib.h>
#include <time.h>

enum { SWEEP_MS = 250 };

uint64_t kh_clock_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

uint64_t kh_clock_ms(void)
{
    return kh_clock_ns() / 1000000U;
}

/* First bytes of a request: from now on it has request_ms to be complete. */
static void on_input(
    struct evbuffer *input, const struct evbuffer_cb_info *info, void *arg)
{
    struct kh_conn *conn = arg;

    (void)input;
    if (info->n_added == 0 ||
        (conn->state != KH_CONN_IDLE && conn->state != KH_CONN_HANDSHAKE))
        return;
    conn->state = KH_CONN_READING;
    conn->deadline = kh_clock_ms() + conn->owner->request_ms;
}

/*
 * Makes the connection's bufferevent. NULL must never be returned: evhttp would then
 * speak plain HTTP on the TLS port (libevent #336). Out of memory ends the process
 * instead.
 */
static struct bufferevent *new_bufferevent(struct event_base *base, void *arg)
{
    struct kh_http *http = arg;
    SSL *ssl = kh_tls_accept(http->tls);
    struct kh_conn *conn =
        ssl ? kh_conn_new(&http->conns, ssl, kh_clock_ms() + http->options.handshake_ms)
            : NULL;
    struct bufferevent *bev = conn ? bufferevent_openssl_socket_new(base, -1, ssl,
                                         BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE)
                                   : NULL;

    if (!bev || !evbuffer_add_cb(bufferevent_get_input(bev), on_input, conn) ||
        !kh_refusals_watch(bev, conn)) {
        kh_log(KH_LOG_ERROR, "no memory for a connection; ending");
        abort();
    }
    bufferevent_openssl_set_allow_dirty_shutdown(bev, 1);
    if (atomic_load(&http->conns.count) >= http->options.max_connections)
        kh_listen_pause(http, true);
    return bev;
}

/* Tells the caller, and leaves the request to whoever works on it. */
static void expire_request(struct kh_http *http, struct kh_conn *conn)
{
    struct kh_request *request = conn->request;
    struct kh_response response = {0};

    http->events.expired(http->events.arg, request);
    kh_response_refuse(&response, request, 504, "timeout",
        "the request was not done in time; it may still be carried out");
    response.close = true;
    conn->request = NULL;
    request->conn = NULL;
    kh_send(http, conn, request->ev, &response, request->id);
    request->ev = NULL;
    kh_response_clear(&response);
}

static void sweep_connection(struct kh_http *http, struct kh_conn *conn, uint64_t now)
{
    bool waiting = conn->state == KH_CONN_IDLE || conn->state == KH_CONN_HANDSHAKE;

    if (now >= conn->deadline && conn->state == KH_CONN_BUSY)
        expire_request(http, conn);
    else if (now >= conn->deadline || (waiting && http->draining))
        kh_conn_cut(conn);
}

static void on_sweep(evutil_socket_t fd, short what, void *arg)
{
    struct kh_http *http = arg;
    uint64_t now = kh_clock_ms();

    (void)fd, (void)what;
    for (struct kh_conn *conn = http->conns.first, *next; conn; conn = next) {
        next = conn->next;
        sweep_connection(http, conn, now);
    }
    http->idle_cut = http->draining;
    if (http->paused && atomic_load(&http->conns.count) < http->options.max_connections)
        kh_listen_pause(http, false);
    if (kh_trust_generation(kh_tls_trust(http->tls)) != http->generation)
        kh_http_retrust(http);
}

void kh_http_retrust(struct kh_http *http)
{
    http->generation = kh_trust_generation(kh_tls_trust(http->tls));
    for (struct kh_conn *conn = http->conns.first; conn; conn = conn->next) {
        X509 *peer = conn->pinned ? SSL_get0_peer_certificate(conn->ssl) : NULL;

        conn->last = true;
        if (peer && !kh_trust_pinned(kh_tls_trust(http->tls), peer))
            kh_conn_cut(conn);
    }
}

static bool set_up(struct kh_http *http)
{
    const struct timeval tick = {0, SWEEP_MS * 1000};

    http->evhttp = evhttp_new(http->base);
    http->sweep = event_new(http->base, -1, EV_PERSIST, on_sweep, http);
    if (!http->evhttp || !http->sweep || event_add(http->sweep, &tick) != 0)
        return false;
    evhttp_set_bevcb(http->evhttp, new_bufferevent, http);
    evhttp_set_gencb(http->evhttp, kh_intake, http);
    evhttp_set_max_headers_size(http->evhttp, (ev_ssize_t)http->options.max_header);
    evhttp_set_max_body_size(http->evhttp, (ev_ssize_t)http->options.max_body);
    evhttp_set_default_content_type(http->evhttp, NULL);
    /* A body over the limit is read and thrown away, so that the 413 gets through. */
    evhttp_set_flags(http->evhttp, EVHTTP_SERVER_LINGERING_CLOSE);
    /* Our own deadlines are absolute; evhttp's start again with every byte. */
    evhttp_set_timeout(http->evhttp, 86400);
    /* All of them, so that the router can answer 405 with Allow. */
    evhttp_set_allowed_methods(
        http->evhttp, EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_HEAD |
                          EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE | EVHTTP_REQ_OPTIONS |
                          EVHTTP_REQ_TRACE | EVHTTP_REQ_CONNECT | EVHTTP_REQ_PATCH);
    return true;
}

kh_status kh_http_new(struct kh_http **out, struct event_base *base, struct kh_tls *tls,
    const struct kh_http_options *options, const struct kh_http_events *events,
    struct kh_error *err)
{
    struct kh_http *http = calloc(1, sizeof *http);

    *out = NULL;
    if (!http)
        return kh_fail(err, KH_FATAL, "no memory for the HTTP server");
    http->base = base;
    http->tls = tls;
    http->options = *options;
    http->events = *events;
    http->conns.http = http;
    http->conns.request_ms = options->request_ms;
    http->conns.idle_ms = options->idle_ms;
    http->generation = kh_trust_generation(kh_tls_trust(tls));
    if (!set_up(http)) {
        kh_http_free(http);
        return kh_fail(err, KH_FATAL, "no memory for the HTTP server");
    }
    *out = http;
    return KH_OK;
}

void kh_http_drain(struct kh_http *http)
{
    http->draining =
        true; /* the next sweep closes idle connections: what has arrived is read */
    kh_listen_close(http);
}

bool kh_http_drained(const struct kh_http *http)
{
    if (!http->idle_cut || atomic_load(&http->requests) > 0)
        return false;
    for (const struct kh_conn *conn = http->conns.first; conn; conn = conn->next) {
        if (conn->state != KH_CONN_IDLE && conn->state != KH_CONN_HANDSHAKE)
            return false;
    }
    return true;
}

struct kh_http_counts kh_http_count(const struct kh_http *http)
{
    return (struct kh_http_counts){
        .connections = atomic_load(&http->conns.count),
        .limit = http->options.max_connections,
        .accepted = atomic_load(&http->conns.accepted),
        .failed = atomic_load(&http->conns.failed),
        .requests = atomic_load(&http->requests),
    };
}

void kh_http_free(struct kh_http *http)
{
    if (!http)
        return;
    kh_listen_close(http);
    if (http->evhttp)
        evhttp_free(http->evhttp);
    if (http->sweep)
        event_free(http->sweep);
    free(http);
}
