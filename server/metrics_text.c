#include "server/metrics.h"

#include "core/secmem.h"
#include "core/version.h"
#include "server/exposition.h"
#include "server/gate.h"
#include "server/metrics_parts.h"
#include "server/reply.h"
#include "server/trust.h"

#include <stdlib.h>

static void print_gate(const struct kh_gate *gate, FILE *to)
{
    struct kh_gate_counts counts = kh_gate_count(gate);

    if (!gate)
        return;
    kh_expose_counter(to, "keyhsm_denied_requests_total",
        "Requests that no rule of [acl] allowed.", counts.denied);
    kh_expose_counter(to, "keyhsm_audit_entries_total",
        "Entries written to the audit log.", counts.entries);
    kh_expose_counter(to, "keyhsm_audit_failures_total",
        "Entries that could not be written to the audit log.", counts.failures);
    kh_expose_gauge(to, "keyhsm_audit_up",
        "1 unless the last entry could not be written: then nothing is changed.",
        !counts.deaf);
}

static void print_http(struct kh_app *app, FILE *to)
{
    struct kh_http_counts counts = kh_http_count(app->http);

    kh_expose_gauge(to, "keyhsm_http_requests_in_flight",
        "Requests begun and not answered.", counts.requests);
    kh_expose_gauge(to, "keyhsm_connections", "Open connections.", counts.connections);
    kh_expose_gauge(to, "keyhsm_connections_limit",
        "The most there may be, max_connections; then nothing is accepted.",
        counts.limit);
    kh_expose_counter(
        to, "keyhsm_connections_total", "Connections accepted.", counts.accepted);
    kh_expose_counter(to, "keyhsm_tls_handshakes_failed_total",
        "Connections that ended before their handshake had succeeded.", counts.failed);
    kh_expose_counter(to, "keyhsm_tls_refused_total",
        "Clients refused for their certificate.",
        kh_trust_refusals(kh_tls_trust(app->tls)));
}

static void print_pool(struct kh_app *app, FILE *to)
{
    struct kh_pool_counts counts = kh_pool_count(app->pool);

    kh_expose_gauge(to, "keyhsm_pool_workers", "Worker threads.", counts.threads);
    kh_expose_gauge(to, "keyhsm_pool_workers_busy",
        "Worker threads with a request, the one for this page included.", counts.busy);
    kh_expose_gauge(
        to, "keyhsm_pool_queue", "Requests waiting for a worker.", counts.waiting);
    kh_expose_gauge(to, "keyhsm_pool_queue_limit",
        "The most that may wait, [server] queue; the next is answered 503.",
        counts.limit);
    kh_expose_counter(to, "keyhsm_pool_refused_total",
        "Requests refused because the queue was full.", counts.refused);
    kh_expose_gauge(
        to, "keyhsm_draining", "1 while the daemon stops.", atomic_load(&app->draining));
}

void kh_metrics_handler(struct kh_app *app, struct kh_request *request)
{
    struct kh_error err = {0};
    char *text = NULL;
    size_t len = 0;
    FILE *to = open_memstream(&text, &len);

    if (!to) {
        kh_reply_later(request, 503, "no memory for the metrics", 1);
        return;
    }
    kh_expose_head(
        to, "keyhsm_build_info", "gauge", "The version, and the backend that is served.");
    fprintf(to, "keyhsm_build_info{version=\"%s\",backend=\"%s\"} 1\n", kh_version,
        kh_backend_name(app->backend));
    print_http(app, to);
    print_pool(app, to);
    print_gate(app->gate, to);
    kh_metrics_backend(app, to);
    kh_metrics_expiry(app, to);
    kh_metrics_backup(app, to);
    kh_metrics_process(to);
    kh_metrics_print(app->metrics, to);
    if (fclose(to) != 0 ||
        kh_buf_copy(&request->response.body, text, len, &err) != KH_OK) {
        kh_reply_later(request, 503, "no memory for the metrics", 1);
    } else {
        request->response.status = 200;
        request->response.type = "text/plain; version=0.0.4; charset=utf-8";
    }
    free(text);
}
