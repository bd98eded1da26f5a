#include "server/metrics.h"

#include "core/secmem.h"
#include "core/version.h"
#include "server/reply.h"
#include "server/trust.h"

#include <stdlib.h>

static void gauge(FILE *to, const char *name, const char *help, double value)
{
    fprintf(
        to, "# HELP %s %s\n# TYPE %s gauge\n%s %.17g\n", name, help, name, name, value);
}

static void counter(FILE *to, const char *name, const char *help, uint64_t value)
{
    fprintf(to, "# HELP %s %s\n# TYPE %s counter\n%s %llu\n", name, help, name, name,
        (unsigned long long)value);
}

static void print_engine(struct kh_app *app, FILE *to)
{
    struct kh_http_counts counts = kh_http_count(app->http);

    gauge(to, "keyhsm_http_requests_in_flight", "Requests begun and not answered.",
        counts.requests);
    gauge(to, "keyhsm_connections", "Open connections.", counts.connections);
    counter(to, "keyhsm_connections_total", "Connections accepted.", counts.accepted);
    counter(to, "keyhsm_tls_refused_total", "Clients refused for their certificate.",
        kh_trust_refusals(kh_tls_trust(app->tls)));
    gauge(to, "keyhsm_pool_workers", "Worker threads.", kh_pool_threads(app->pool));
    gauge(to, "keyhsm_pool_queue", "Requests waiting for a worker.",
        kh_pool_waiting(app->pool));
}

/* A backend that cannot be asked is down; the rest is still worth having. */
static void print_backend(struct kh_app *app, FILE *to)
{
    struct kh_info info = {0};
    struct kh_error err = {0};

    gauge(to, "keyhsm_backend_up", "1 when the backend answers a real operation.",
        kh_backend_probe(app->backend, &err) == KH_OK);
    if (kh_backend_info(app->backend, &info, &err) != KH_OK)
        return;
    gauge(to, "keyhsm_deposit_versions",
        "Deposit versions stored, deleted ones included.", (double)info.versions);
    gauge(to, "keyhsm_deposit_keys", "Deposit keys in the hardware.", (double)info.keys);
    gauge(to, "keyhsm_deposit_keys_max", "The ceiling of deposit keys; 0 is none.",
        (double)info.max_keys);
    gauge(to, "keyhsm_backend_sealed", "1 when the backend is sealed.", info.sealed);
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
    fprintf(to,
        "# HELP keyhsm_build_info The version and the backend served.\n"
        "# TYPE keyhsm_build_info "
        "gauge\nkeyhsm_build_info{version=\"%s\",backend=\"%s\"} 1\n",
        kh_version, kh_backend_name(app->backend));
    print_engine(app, to);
    print_backend(app, to);
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
