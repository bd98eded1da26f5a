/*
 * evhttp refuses some requests before anybody here sees them: a body or a header over its
 * limit, what is no HTTP at all. It has no callback for that; but its answer passes
 * through the connection's output, while the connection waits for nothing of ours.
 */
#include "server/http_impl.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <string.h>

/* The status of the answer that begins at AT; 0: none begins there. */
static int status_at(struct evbuffer *output, size_t at)
{
    char line[16] = "";
    struct evbuffer_ptr place;
    int status = 0;

    if (evbuffer_ptr_set(output, &place, at, EVBUFFER_PTR_SET) != 0 ||
        evbuffer_copyout_from(output, &place, line, sizeof line - 1) < 12 ||
        sscanf(line, "HTTP/1.%*1[01] %3d", &status) != 1)
        return 0;
    return status;
}

static void on_output(
    struct evbuffer *output, const struct evbuffer_cb_info *info, void *arg)
{
    struct kh_conn *conn = arg;
    const struct kh_http *http = conn->owner->http;
    struct kh_request request = {.method = KH_METHOD_OTHER, .id = "-"};
    int status;

    if (info->n_added == 0 || conn->state == KH_CONN_BUSY ||
        conn->state == KH_CONN_WRITING)
        return;
    status = status_at(output, info->orig_size);
    if (status < 400) /* 100: it asks for the body */
        return;
    (void)kh_conn_identify(conn, http->tls);
    request.principal = conn->principal;
    request.started = kh_clock_ns();
    http->events.refused(http->events.arg, &request, status);
}

bool kh_refusals_watch(struct bufferevent *bev, struct kh_conn *conn)
{
    return evbuffer_add_cb(bufferevent_get_output(bev), on_output, conn) != NULL;
}
