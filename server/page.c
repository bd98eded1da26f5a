#include "server/page.h"

#include "core/secmem.h"
#include "server/page_data.h"
#include "server/reply.h"

#include <stdlib.h>
#include <string.h>

static const char html[] = "text/html; charset=utf-8";

/* Nothing from elsewhere, nothing inside of another page, no script but the page's own.
 */
static void add_headers(struct kh_response *response, const char *policy)
{
    response->type = html;
    kh_response_header(response, "Content-Security-Policy", "%s", policy);
    kh_response_header(response, "Referrer-Policy", "no-referrer");
    kh_response_header(response, "X-Frame-Options", "DENY");
    kh_response_header(response, "Cross-Origin-Opener-Policy", "same-origin");
    kh_response_header(response, "Cross-Origin-Resource-Policy", "same-origin");
}

void kh_page(struct kh_app *app, struct kh_request *request)
{
    struct kh_error err = {0};
    kh_status st;

    (void)app;
    if (*request->query) {
        kh_response_error(&request->response, 400, "invalid",
            "the status page takes no parameters", NULL);
        return;
    }
    st = kh_buf_copy(&request->response.body, kh_page_html, kh_page_html_len, &err);
    if (st != KH_OK) {
        kh_reply_later(request, 503, "no secret memory is free for the page", 1);
        return;
    }
    request->response.status = 200;
    add_headers(&request->response, kh_page_policy);
}

/* Text that somebody else chose, as HTML. */
static void print_text(FILE *to, const char *text)
{
    for (; *text; text++) {
        switch (*text) {
        case '&':
            fputs("&amp;", to);
            break;
        case '<':
            fputs("&lt;", to);
            break;
        case '>':
            fputs("&gt;", to);
            break;
        case '"':
            fputs("&quot;", to);
            break;
        default:
            fputc(*text, to);
        }
    }
}

/* The page with the caller's subject in the place of @WHO@. False: no memory. */
static bool compose(
    const char *page, const struct kh_request *request, struct kh_buf *out)
{
    static const char mark[] = "@WHO@";
    const char *who = strstr(page, mark);
    struct kh_error err = {0};
    char *text = NULL;
    size_t len = 0;
    FILE *to = open_memstream(&text, &len);
    bool ok;

    if (!to)
        return false;
    if (who) {
        fwrite(page, 1, (size_t)(who - page), to);
        print_text(to, kh_principal_name(&request->principal));
        page = who + sizeof mark - 1;
    }
    fputs(page, to);
    ok = fclose(to) == 0 && kh_buf_copy(out, text, len, &err) == KH_OK;
    free(text);
    return ok;
}

void kh_page_refuse(struct kh_request *request)
{
    struct kh_response *response = &request->response;
    struct kh_buf body = {0};

    if (!request->wants_html || request->route->needs.read != KH_OP_STATUS)
        return;
    if ((response->status != 401 && response->status != 403) ||
        !compose(response->status == 401 ? kh_page_401 : kh_page_403, request, &body))
        return;
    kh_buf_free(&response->body);
    response->body = body;
    add_headers(response, kh_page_refusal_policy);
}
