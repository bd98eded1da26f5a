#include "server/http_impl.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>

/* The last byte of an answer has been handed to the kernel. */
static void on_sent(struct evhttp_request *ev, void *arg)
{
    struct kh_conn *conn = arg;
    struct bufferevent *bev =
        evhttp_connection_get_bufferevent(evhttp_request_get_connection(ev));

    if (conn->last) {
        (void)SSL_shutdown(
            conn->ssl); /* close_notify, so that the end is not taken for an attack */
        return;
    }
    /* A pipelined request is in the buffer already: no callback will tell. */
    conn->state = evbuffer_get_length(bufferevent_get_input(bev)) > 0 ? KH_CONN_READING
                                                                      : KH_CONN_IDLE;
    conn->deadline =
        kh_clock_ms() +
        (conn->state == KH_CONN_READING ? conn->owner->request_ms : conn->owner->idle_ms);
}

static void add_headers(
    struct evkeyvalq *headers, const struct kh_response *response, const char *request_id)
{
    evhttp_add_header(headers, "Cache-Control", "no-store");
    evhttp_add_header(headers, "X-Content-Type-Options", "nosniff");
    if (request_id && *request_id)
        evhttp_add_header(headers, "X-Request-Id", request_id);
    if (response->type)
        evhttp_add_header(headers, "Content-Type", response->type);
    for (size_t i = 0; i < response->header_count; i++)
        evhttp_add_header(headers, response->headers[i].name, response->headers[i].value);
}

/* NULL: the engine has one. What is no header text would end the line early. */
static const char *reason(const struct kh_response *response)
{
    for (const char *p = response->reason; *p; p++) {
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            return NULL;
    }
    return *response->reason ? response->reason : NULL;
}

void kh_send(struct kh_http *http, struct kh_conn *conn, struct evhttp_request *ev,
    const struct kh_response *response, const char *request_id)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(ev);
    struct bufferevent *bev =
        evhttp_connection_get_bufferevent(evhttp_request_get_connection(ev));
    struct evbuffer *body = evhttp_request_get_output_buffer(ev);
    char length[24];

    add_headers(headers, response, request_id);
    if (evhttp_request_get_command(ev) == EVHTTP_REQ_HEAD) {
        snprintf(length, sizeof length, "%zu", response->body.len);
        evhttp_add_header(headers, "Content-Length", length);
    } else if (evbuffer_add(body, response->body.data, response->body.len) != 0) {
        kh_conn_cut(conn); /* half an answer is worse than none */
    }
    if (response->close || conn->last || http->draining) {
        conn->last = true;
        evhttp_add_header(headers, "Connection", "close");
    }
    conn->state = KH_CONN_WRITING;
    conn->deadline = kh_clock_ms() + http->options.request_ms;
    evhttp_request_set_on_complete_cb(ev, on_sent, conn);
    evhttp_send_reply(ev, response->status, reason(response), NULL);
    /* Head and body in one piece: one TLS record, one write. */
    (void)evbuffer_pullup(bufferevent_get_output(bev), -1);
}

void kh_http_reply(struct kh_http *http, struct kh_request *request)
{
    atomic_fetch_sub(&http->requests, 1);
    if (request->ev && request->conn) {
        request->conn->request = NULL;
        kh_send(http, request->conn, request->ev, &request->response, request->id);
    }
    kh_request_free(request);
}
