#include "server/hadoop.h"

#include "core/log.h"
#include "core/secmem.h"
#include "server/reply.h"
#include "server/router.h"

#include <stdlib.h>
#include <string.h>

enum { PAGE_TEXT_MAX = 1024 }; /* of the path, and of the message, before escaping */

bool kh_hadoop_route(const struct kh_request *request)
{
    return request->route && (request->route->flags & KH_ROUTE_HADOOP);
}

static const char *simple_name(const char *java_class)
{
    const char *dot = strrchr(java_class, '.');

    return dot ? dot + 1 : java_class;
}

void kh_hadoop_exception(
    struct kh_response *response, int status, const char *java_class, const char *message)
{
    json_t *text = message ? json_string(message) : json_null();
    json_t *body = json_pack("{s:{s:o,s:s,s:s}}", "RemoteException", "message",
        text ? text : json_string("(not printable)"), "exception",
        simple_name(java_class), "javaClassName", java_class);

    if (!kh_response_json(response, status, body))
        kh_log(KH_LOG_WARNING, "no memory for the text of an error %d", status);
    json_decref(body);
}

void kh_hadoop_error(struct kh_response *response, int status, const char *message)
{
    const char *java_class = KH_JAVA_IO;

    if (status == 400 || status == 404)
        java_class = KH_JAVA_ARGUMENT;
    else if (status == 403)
        java_class = KH_JAVA_AUTHORIZATION;
    kh_hadoop_exception(response, status, java_class, message);
}

/* TEXT as HTML has it; the page says ISO-8859-1, so other bytes are written as '?'. */
static void put_text(FILE *to, const char *text)
{
    for (size_t i = 0; text[i] && i < PAGE_TEXT_MAX; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c == '&')
            fputs("&amp;", to);
        else if (c == '<')
            fputs("&lt;", to);
        else if (c == '>')
            fputs("&gt;", to);
        else if (c == '"')
            fputs("&quot;", to);
        else
            fputc(c < 0x20 || c >= 0x7f ? '?' : c, to);
    }
}

static void put_row(FILE *to, const char *name, const char *value)
{
    fprintf(to, "<tr><th>%s:</th><td>", name);
    put_text(to, value);
    fputs("</td></tr>\n", to);
}

static void put_page(
    FILE *to, const struct kh_request *request, int status, const char *message)
{
    char number[16];

    snprintf(number, sizeof number, "%d", status);
    fputs(
        "<html>\n<head>\n"
        "<meta http-equiv=\"Content-Type\" content=\"text/html;charset=ISO-8859-1\"/>\n",
        to);
    fprintf(to, "<title>Error %d ", status);
    put_text(to, message);
    fprintf(to, "</title>\n</head>\n<body><h2>HTTP ERROR %d ", status);
    put_text(to, message);
    fputs("</h2>\n<table>\n", to);
    put_row(to, "URI", request->path ? request->path : "");
    put_row(to, "STATUS", number);
    put_row(to, "MESSAGE", message);
    put_row(to, "SERVLET", "webservices-driver");
    fputs("</table>\n\n</body>\n</html>\n", to);
}

static bool make_page(
    struct kh_request *request, int status, const char *message, struct kh_error *err)
{
    char *text = NULL;
    size_t len = 0;
    FILE *to = open_memstream(&text, &len);
    bool made = to != NULL;

    if (to) {
        put_page(to, request, status, message);
        made = fclose(to) == 0;
    }
    kh_buf_free(&request->response.body);
    made = made && kh_buf_copy(&request->response.body, text, len, err) == KH_OK;
    free(text);
    return made;
}

/* A reason phrase is one line of visible text. */
static void set_reason(struct kh_response *response, const char *message)
{
    snprintf(response->reason, sizeof response->reason, "%s", message);
    for (char *p = response->reason; *p; p++) {
        if ((unsigned char)*p < 0x20 || (unsigned char)*p >= 0x7f)
            *p = '?';
    }
}

/* Jetty, which Hadoop's KMS runs on, makes pages for these only. */
static bool page_wanted(const struct kh_request *request)
{
    return request->method & (KH_METHOD_GET | KH_METHOD_HEAD | KH_METHOD_POST);
}

void kh_hadoop_page(struct kh_request *request, int status, const char *message)
{
    struct kh_error err = {0};

    request->response.status = status;
    request->response.type =
        page_wanted(request) && make_page(request, status, message, &err)
            ? "text/html;charset=iso-8859-1"
            : NULL;
    set_reason(&request->response, message);
    if (status == 401 || status == 403) {
        kh_wipe_free(request->set_cookie);
        request->set_cookie = strdup("hadoop.auth=; HttpOnly");
    }
}
