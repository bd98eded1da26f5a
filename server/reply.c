#include "server/reply.h"

#include "core/log.h"
#include "core/secmem.h"
#include "server/hadoop.h"

#include <stdlib.h>
#include <string.h>

enum { RETRY_BUSY = 1, RETRY_UNAVAILABLE = 5 };

static const struct {
    const char *code;
    int status;
} outcomes[] = {
    [KH_OK] = {"ok", 200},
    [KH_NOT_FOUND] = {"not_found", 404},
    [KH_EXISTS] = {"exists", 409},
    [KH_REFUSED] = {"refused", 403},
    [KH_INVALID] = {"invalid", 400},
    [KH_BUSY] = {"busy", 503},
    [KH_UNAVAILABLE] = {"unavailable", 503},
    [KH_CORRUPT] = {"corrupt", 500},
    [KH_FATAL] = {"fatal", 500},
};

static size_t known(kh_status st)
{
    return (size_t)st < sizeof outcomes / sizeof outcomes[0] ? (size_t)st
                                                             : (size_t)KH_FATAL;
}

int kh_http_status(kh_status st)
{
    return outcomes[known(st)].status;
}

const char *kh_status_code(kh_status st)
{
    return outcomes[known(st)].code;
}

void kh_response_header(
    struct kh_response *response, const char *name, const char *format, ...)
{
    va_list args;
    size_t i = response->header_count;
    int made;

    if (i == KH_RESPONSE_HEADERS)
        abort();
    response->headers[i].name = name;
    va_start(args, format);
    made = vasprintf(&response->headers[i].value, format, args);
    va_end(args);
    if (made >= 0)
        response->header_count++;
    else
        kh_log(KH_LOG_WARNING, "no memory for a header %s", name);
}

void kh_response_clear(struct kh_response *response)
{
    kh_buf_free(&response->body);
    for (size_t i = 0; i < response->header_count; i++)
        kh_wipe_free(response->headers[i].value);
    *response = (struct kh_response){0};
}

static int append(const char *text, size_t len, void *arg)
{
    struct kh_buf *out = arg;

    if (len > out->cap - out->len)
        return -1;
    memcpy(out->data + out->len, text, len);
    out->len += len;
    return 0;
}

/* Serialises into secret memory: the text may hold data. */
static bool dump(const json_t *body, struct kh_buf *out)
{
    size_t size = json_dumpb(body, NULL, 0, JSON_COMPACT | JSON_ENCODE_ANY);
    struct kh_error err;

    if (size == 0 || kh_buf_alloc(out, size, &err) != KH_OK)
        return false;
    out->cap = size;
    out->len = 0;
    if (json_dump_callback(body, append, out, JSON_COMPACT | JSON_ENCODE_ANY) == 0)
        return true;
    kh_buf_free(out);
    return false;
}

bool kh_response_json(struct kh_response *response, int status, const json_t *body)
{
    kh_buf_free(&response->body);
    response->status = status;
    response->type = NULL;
    if (!body || !dump(body, &response->body))
        return false;
    response->type = "application/json";
    return true;
}

/* Messages may quote what a caller sent: only UTF-8 can be JSON. */
static json_t *text_or_null(const char *text)
{
    return text && *text ? json_string(text) : json_null();
}

void kh_response_error(struct kh_response *response, int status, const char *code,
    const char *message, const char *deposit)
{
    json_t *text = text_or_null(message);
    json_t *body = json_pack("{s:{s:s,s:o,s:o}}", "error", "code", code, "message",
        text ? text : json_string("(not printable)"), "deposit", text_or_null(deposit));

    if (!kh_response_json(response, status, body))
        kh_log(KH_LOG_WARNING, "no memory for the text of an error %d", status);
    json_decref(body);
}

void kh_response_refuse(struct kh_response *response, const struct kh_request *request,
    int status, const char *code, const char *message)
{
    if (kh_hadoop_route(request))
        kh_hadoop_error(response, status, message);
    else
        kh_response_error(response, status, code, message, request->name);
}

void kh_reply_status(struct kh_request *request, kh_status st, const struct kh_error *err)
{
    kh_response_refuse(&request->response, request, kh_http_status(st),
        kh_status_code(st), err->message);
    if (st == KH_BUSY || st == KH_UNAVAILABLE)
        kh_response_header(&request->response, "Retry-After", "%d",
            st == KH_BUSY ? RETRY_BUSY : RETRY_UNAVAILABLE);
    if (st == KH_CORRUPT || st == KH_FATAL)
        kh_log(KH_LOG_ERROR, "request %s: %s: %s", request->id, kh_status_code(st),
            err->message);
    request->outcome = st;
    request->fatal = request->fatal || st == KH_FATAL;
}

void kh_reply_json(struct kh_request *request, int status, json_t *body)
{
    if (!kh_response_json(&request->response, status, body))
        kh_reply_later(
            request, 503, "no secret memory is free for the answer", RETRY_BUSY);
    json_decref(body);
}

void kh_reply_later(
    struct kh_request *request, int status, const char *message, unsigned seconds)
{
    kh_response_refuse(&request->response, request, status,
        status == 429 ? "too_many" : "busy", message);
    kh_response_header(&request->response, "Retry-After", "%u", seconds);
}
