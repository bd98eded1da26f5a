#include "server/dispatch.h"

#include "core/log.h"
#include "core/name.h"
#include "server/authn.h"
#include "server/gate.h"
#include "server/history.h"
#include "server/hadoop.h"
#include "server/metrics.h"
#include "server/page.h"
#include "server/reply.h"
#include "server/survey.h"

#include <string.h>

/* How a request ended, by what the loop thread may know: a worker may still write into
 * one that has expired. */
struct kh_answer {
    int status;
    kh_status outcome;
    const char *principal;
};

/* One line a request. Never a query value, a header or a body: they may be secret. */
static void log_access(
    const struct kh_request *request, const struct kh_answer *answer, uint64_t ns)
{
    char name[KH_NAME_ESCAPED_MAX];
    char cert[17];
    char code[16];
    char ms[32];
    const struct kh_log_field fields[] = {
        {"id", KH_LOG_ID, request->id},
        {"principal", KH_LOG_QUOTED, answer->principal},
        {"cert", KH_LOG_WORD, cert},
        {"method", KH_LOG_WORD, kh_method_name(request->method)},
        {"route", KH_LOG_WORD, request->route ? request->route->pattern : "-"},
        {"name", KH_LOG_WORD,
            *request->name ? kh_name_escape(request->name, name, sizeof name) : "-"},
        {"status", KH_LOG_NUMBER, code},
        {"ms", KH_LOG_NUMBER, ms},
    };

    snprintf(cert, sizeof cert, "%.16s", request->principal.fingerprint);
    snprintf(code, sizeof code, "%d", answer->status);
    snprintf(ms, sizeof ms, "%.3f", (double)ns / 1e6);
    kh_log_event(KH_LOG_INFO, "access", fields, sizeof fields / sizeof fields[0]);
}

/* What the status page shows: the work, and not those who ask how it goes. */
static void remember(struct kh_app *app, const struct kh_request *request,
    const struct kh_answer *answer, uint64_t ns)
{
    if (!request->route || (request->route->flags & KH_ROUTE_WATCH))
        return;
    kh_history_add(app->history, kh_clock_ms(), answer->status, ns);
    if (answer->outcome == KH_UNAVAILABLE)
        kh_survey_hint(app->survey, false);
    else if (answer->status < 300)
        kh_survey_hint(app->survey, true);
}

static void record(
    struct kh_app *app, const struct kh_request *request, const struct kh_answer *answer)
{
    uint64_t ns = kh_clock_ns() - request->started;

    remember(app, request, answer, ns);
    kh_metrics_count(app->metrics, request->route, request->method, answer->status, ns);
    log_access(request, answer, ns);
}

/* Of a request that no worker has any more. */
static void record_done(struct kh_app *app, const struct kh_request *request, int status)
{
    const struct kh_answer answer = {
        status, request->outcome, kh_principal_name(&request->principal)};

    record(app, request, &answer);
}

static void finish(struct kh_app *app, struct kh_request *request)
{
    bool fatal = request->fatal && !app->fatal;

    if (atomic_load(&request->abandoned)) {
        app->stuck--;
    } else {
        if (request->response.status == 0)
            kh_response_refuse(
                &request->response, request, 500, "fatal", "the handler gave no answer");
        kh_authn_headers(request);
        record_done(app, request, request->response.status);
    }
    kh_http_reply(app->http, request);
    if (fatal) {
        app->fatal = true;
        app->on_fatal(app->arg);
    }
}

static void run_again(struct kh_app *app, struct kh_request *request)
{
    kh_response_clear(&request->response);
    request->outcome = KH_OK;
    request->route->run(app, request);
}

/* On a worker. A request that waited past its deadline is not begun: its caller has gone.
 */
static void run_request(struct kh_app *app, struct kh_request *request)
{
    if (!kh_authn_enter(app, request) || !kh_gate_enter(app->gate, request)) {
        kh_page_refuse(request);
        return;
    }
    request->route->run(app, request);
    if (request->outcome == KH_REFUSED && app->refused &&
        app->refused(app->refused_arg, app, request))
        run_again(app, request);
    /* A failed change may have been made. Handlers that say what they are tell it
     * themselves. */
    if (app->changed && !request->operation && *request->name &&
        request->method != KH_METHOD_GET && request->method != KH_METHOD_HEAD)
        app->changed(app->changed_arg, request->name);
    kh_gate_leave(app->gate, request);
}

/* Whatever the worker logs, and whomever a backend asks, is told which request it is for.
 */
static void run_job(struct kh_job *job)
{
    struct kh_request *request = (struct kh_request *)job;

    if (atomic_load(&request->abandoned))
        return;
    kh_log_request(request->id);
    run_request(request->app, request);
    kh_log_request(NULL);
}

/* Below /kms are Hadoop's clients, also where there is nothing. */
static void refuse_route(
    struct kh_request *request, int status, const char *code, const char *message)
{
    if (strncmp(request->path, "/kms", 4) == 0 &&
        (request->path[4] == '/' || !request->path[4]))
        kh_hadoop_error(&request->response, status, message);
    else
        kh_response_error(&request->response, status, code, message, NULL);
}

static void answer_no_route(struct kh_request *request, kh_match match, unsigned allow,
    const struct kh_error *err)
{
    char methods[64];

    switch (match) {
    case KH_MATCH_NO_PATH:
        refuse_route(request, 404, "not_found", "no such path");
        break;
    case KH_MATCH_NO_METHOD:
        kh_methods_text(allow, methods, sizeof methods);
        refuse_route(request, 405, "method", "the method is not allowed here");
        kh_response_header(&request->response, "Allow", "%s", methods);
        break;
    default:
        refuse_route(request, 400, "invalid", err->message);
    }
}

static kh_match find_route(
    struct kh_app *app, struct kh_request *request, unsigned *allow, struct kh_error *err)
{
    if (*request->query)
        request->route = kh_router_query(
            app->routes, app->route_count, request->method, request->path);
    if (request->route)
        return KH_MATCH_OK;
    return kh_router_match(app->routes, app->route_count, request->method, request->path,
        &request->route, request->name, allow, err);
}

static void on_request(void *arg, struct kh_request *request)
{
    struct kh_app *app = arg;
    struct kh_error err = {0};
    unsigned allow;
    kh_match match = find_route(app, request, &allow, &err);

    if (match != KH_MATCH_OK) {
        answer_no_route(request, match, allow, &err);
    } else if (request->body_len > app->max_body &&
               !(request->route->flags & KH_ROUTE_LARGE)) {
        kh_response_refuse(
            &request->response, request, 413, "too_large", "the body is too large");
    } else if (request->route->flags & KH_ROUTE_INLINE) {
        request->route->run(app, request);
    } else {
        request->app = app;
        request->job.run = run_job;
        if (kh_pool_submit(app->pool, &request->job))
            return;
        kh_reply_later(request, 503, "too many requests are waiting", 1);
    }
    finish(app, request);
}

static void on_expired(void *arg, struct kh_request *request)
{
    struct kh_app *app = arg;
    /* The certificate's subject is there since the handshake; who else he is, a worker
     * may be finding out just now. */
    const struct kh_answer answer = {504, KH_OK, request->principal.subject};

    record(app, request, &answer);
    atomic_store(&request->abandoned, true);
    app->stuck++;
    kh_log(KH_LOG_WARNING,
        "request %s was not done in time; %u such requests are under way", request->id,
        app->stuck);
}

static void on_refused(void *arg, const struct kh_request *request, int status)
{
    record_done(arg, request, status);
}

struct kh_http_events kh_dispatch_events(struct kh_app *app)
{
    return (struct kh_http_events){
        .arg = app, .request = on_request, .expired = on_expired, .refused = on_refused};
}

void kh_dispatch_collect(struct kh_app *app)
{
    struct kh_job *job = kh_pool_collect(app->pool);

    while (job) {
        struct kh_job *next = job->next;

        finish(app, (struct kh_request *)job);
        job = next;
    }
}
