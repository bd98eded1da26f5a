#include "server/service.h"

#include "core/fileio.h"
#include "core/log.h"
#include "server/budget.h"
#include "server/certs.h"
#include "server/dispatch.h"
#include "server/hello.h"
#include "server/history.h"
#include "server/memory.h"
#include "server/metrics.h"
#include "server/notify.h"
#include "server/openssl.h"
#include "server/settings.h"
#include "server/survey.h"

#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { TICK_MS = 100, TICKS = 10, EVENTS = 5 };

struct kh_service {
    struct kh_service_options options;
    struct kh_settings settings;
    struct kh_app app;
    struct event_base *base;
    struct event *events[EVENTS];
    size_t event_count;
    char status[256];
    unsigned ticks;
    uint64_t drain_until; /* monotonic milliseconds; 0: not draining */
};

/* ---- stopping
 * --------------------------------------------------------------------------- */

static void begin_drain(struct kh_service *service, const char *why)
{
    uint64_t now = kh_clock_ms();

    if (service->drain_until) { /* asked twice: no more patience */
        service->drain_until = now;
        return;
    }
    kh_log(KH_LOG_NOTICE, "%s: finishing %u requests", why,
        kh_http_count(service->app.http).requests);
    kh_notify_stopping("Finishing requests");
    service->drain_until = now + service->settings.drain_ms;
    atomic_store(&service->app.draining, true);
    kh_http_drain(service->app.http);
}

static void on_stop(evutil_socket_t number, short what, void *arg)
{
    (void)what;
    begin_drain(arg, number == SIGINT ? "SIGINT" : "SIGTERM");
}

static void on_fatal(void *arg)
{
    begin_drain(arg, "the backend cannot go on");
}

/* Threads that hang in the backend cannot be ended, and what they use cannot be freed. */
_Noreturn static void give_up(const struct kh_service *service)
{
    kh_log(KH_LOG_ERROR, "%u requests were not done before the drain deadline; ending",
        kh_http_count(service->app.http).requests);
    _exit(EXIT_FAILURE);
}

static void check_drain(struct kh_service *service, uint64_t now)
{
    bool late = now >= service->drain_until;

    if (late && kh_http_count(service->app.http).requests > 0)
        give_up(service);
    if (late || kh_http_drained(service->app.http)) /* late: only slow readers are left */
        event_base_loopbreak(service->base);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    struct kh_service *service = arg;
    uint64_t now = kh_clock_ms();

    (void)fd, (void)what;
    if (service->drain_until)
        check_drain(service, now);
    if (service->options.tick && service->ticks++ % TICKS == 0)
        service->options.tick(service->options.arg);
    /* With half of the workers lost in the backend, systemd shall start a fresh process.
     */
    if (service->app.stuck * 2 <= kh_pool_threads(service->app.pool))
        kh_notify_alive(now);
}

/* ---- reload
 * ----------------------------------------------------------------------------- */

static void on_reload(evutil_socket_t number, short what, void *arg)
{
    struct kh_service *service = arg;
    struct kh_error err = {0};

    (void)number, (void)what;
    kh_notify_reloading();
    if (kh_log_reopen(&err) != KH_OK)
        kh_log(KH_LOG_ERROR, "reload: the log stays as it was: %s", err.message);
    if (kh_tls_reload(service->app.tls, &err) != KH_OK)
        kh_log(
            KH_LOG_ERROR, "reload: the certificates stay as they were: %s", err.message);
    else
        kh_log(KH_LOG_NOTICE, "reload: certificates and trust were read again");
    kh_http_retrust(service->app.http);
    if (service->options.reload)
        service->options.reload(service->options.arg);
    kh_notify_ready(service->status);
}

static void on_done(evutil_socket_t fd, short what, void *arg)
{
    struct kh_service *service = arg;

    (void)fd, (void)what;
    kh_dispatch_collect(&service->app);
}

/* ---- starting
 * --------------------------------------------------------------------------- */

static bool watch(struct kh_service *service, int what, short flags, event_callback_fn fn)
{
    const struct timeval tick = {0, TICK_MS * 1000};
    struct event *event =
        event_new(service->base, what, (short)(flags | EV_PERSIST), fn, service);

    if (!event || event_add(event, flags == 0 ? &tick : NULL) != 0) {
        if (event)
            event_free(event);
        return false;
    }
    service->events[service->event_count++] = event;
    return true;
}

static struct event_base *new_base(void)
{
    struct event_config *config = event_config_new();
    struct event_base *base = NULL;

    /* The changelist saves four system calls a request. */
    if (config && event_config_set_flag(config,
                      EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST | EVENT_BASE_FLAG_NOLOCK) == 0)
        base = event_base_new_with_config(config);
    if (config)
        event_config_free(config);
    return base;
}

kh_status kh_service_new(struct kh_service **out, const struct kh_config *config,
    const struct kh_service_options *options, struct kh_error *err)
{
    struct kh_service *service = calloc(1, sizeof *service);
    kh_status st;

    *out = NULL;
    if (!service)
        return kh_fail(err, KH_FATAL, "no memory for the service");
    service->options = *options;
    service->app.name = options->name;
    service->app.started = (int64_t)time(NULL);
    service->app.routes = options->routes;
    service->app.route_count = options->route_count;
    service->app.gate = options->gate;
    service->app.authn = options->authn;
    service->app.authn_extra = options->authn_extra;
    service->app.refused = options->refused;
    service->app.refused_arg = options->arg;
    service->app.changed = options->changed;
    service->app.changed_arg = options->arg;
    service->app.kms = options->kms;
    service->app.on_fatal = on_fatal;
    service->app.arg = service;
    service->app.metrics = kh_metrics_new(options->routes, options->route_count);
    kh_auth_failure_meters(service->app.metrics, service->app.auth_failures);
    if (!service->app.metrics)
        st = kh_fail(err, KH_FATAL, "no memory for the service");
    else
        st = kh_settings_read(config, &service->settings, err);
    service->settings.tls.client_optional = options->client_optional;
    service->app.max_body = service->settings.http.max_body;
    if (options->large_body > service->settings.http.max_body)
        service->settings.http.max_body = options->large_body;
    if (st == KH_OK)
        st = kh_listen_check(service->settings.listen, err);
    if (st == KH_OK)
        st = kh_socket_check(service->settings.socket, err);
    if (st == KH_OK)
        st = kh_openssl_configure(config, err);
    if (st == KH_OK)
        st = kh_tls_new(&service->app.tls, &service->settings.tls, err);
    if (st != KH_OK) {
        kh_service_free(service);
        return st;
    }
    *out = service;
    return KH_OK;
}

const char *kh_service_serves(void *arg)
{
    struct kh_service *service = arg;
    struct kh_backend *backend = service->app.backend;

    return backend ? kh_backend_name(backend) : "";
}

struct kh_metrics *kh_service_metrics(struct kh_service *service)
{
    return service->app.metrics;
}

/* Whatever needs the backend or threads; torn down by take_down. */
static kh_status set_up(
    struct kh_service *service, struct kh_backend *backend, struct kh_error *err)
{
    struct kh_app *app = &service->app;
    const struct kh_settings *settings = &service->settings;
    struct kh_http_events events = kh_dispatch_events(app);
    kh_status st;

    app->hello = kh_hello_new(NULL);
    app->history = kh_history_new();
    app->survey = kh_survey_new();
    app->certs = kh_certs_new();
    app->budget = kh_budget_new(settings->body_memory);
    kh_event_memory_init();
    service->base = new_base();
    if (!app->hello || !app->history || !app->survey || !app->certs || !app->budget ||
        !service->base)
        return kh_fail(err, KH_FATAL, "no memory for the service");
    kh_app_use(app, backend);
    (void)kh_hello_clean(backend, (int64_t)time(NULL));
    st = kh_pool_new(&app->pool, settings->workers, settings->queue, err);
    if (st == KH_OK)
        st = kh_http_new(
            &app->http, service->base, app->tls, &settings->http, &events, err);
    if (st == KH_OK && !(watch(service, kh_pool_fd(app->pool), EV_READ, on_done) &&
                           watch(service, SIGTERM, EV_SIGNAL, on_stop) &&
                           watch(service, SIGINT, EV_SIGNAL, on_stop) &&
                           watch(service, SIGHUP, EV_SIGNAL, on_reload) &&
                           watch(service, -1, 0, on_tick)))
        st = kh_fail(err, KH_FATAL, "no memory for the service");
    return st;
}

/* The port is announced only once it is open. */
static kh_status open_port(struct kh_service *service, struct kh_error *err)
{
    const struct kh_settings *settings = &service->settings;
    const char *host = settings->listen ? settings->listen : "*";
    uint16_t port = settings->port;
    kh_status st = kh_http_listen(service->app.http, settings->listen, &port, err);
    char text[16];

    if (st == KH_OK && settings->socket)
        st = kh_http_listen_socket(
            service->app.http, settings->socket, settings->socket_mode, err);
    if (st != KH_OK)
        return st;
    snprintf(service->status, sizeof service->status,
        "Serving backend %.32s on %.48s port %u%s%s",
        kh_backend_name(service->app.backend), host, (unsigned)port,
        settings->socket ? " and " : "", settings->socket ? settings->socket : "");
    snprintf(text, sizeof text, "%u\n", (unsigned)port);
    if (settings->port_file)
        st = kh_file_write(settings->port_file, text, strlen(text), 0644, false, err);
    return st;
}

/* Workers first: until they have ended they may use everything else. */
static void take_down(struct kh_service *service)
{
    struct kh_app *app = &service->app;

    kh_pool_free(app->pool);
    kh_http_free(app->http);
    while (service->event_count > 0)
        event_free(service->events[--service->event_count]);
    if (service->base)
        event_base_free(service->base);
    kh_budget_free(app->budget);
    kh_hello_free(app->hello);
    kh_certs_free(app->certs);
    kh_survey_free(app->survey);
    kh_history_free(app->history);
    app->pool = NULL;
    app->http = NULL;
    app->budget = NULL;
    app->hello = NULL;
    app->certs = NULL;
    app->survey = NULL;
    app->history = NULL;
    service->base = NULL;
}

kh_status kh_service_run(
    struct kh_service *service, struct kh_backend *backend, struct kh_error *err)
{
    kh_status st = set_up(service, backend, err);

    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file at its limit is an error like a full disk */
    if (st == KH_OK)
        st = open_port(service, err);
    if (st == KH_OK) {
        kh_log(KH_LOG_NOTICE, "%s", service->status);
        kh_notify_ready(service->status);
        if (event_base_dispatch(service->base) < 0)
            st = kh_fail(err, KH_FATAL, "the event loop failed");
        else if (service->app.fatal)
            st = kh_fail(err, KH_FATAL, "the backend cannot go on; see the log");
    }
    take_down(service);
    if (st == KH_OK)
        kh_log(KH_LOG_NOTICE, "stopped");
    return st;
}

void kh_service_free(struct kh_service *service)
{
    if (!service)
        return;
    kh_tls_free(service->app.tls);
    kh_metrics_free(service->app.metrics);
    free(service);
    libevent_global_shutdown();
}
