#include "server/strict.h"

#include <string.h>
#include <strings.h>

/* RFC 9110 5.6.2. */
static bool is_token(const char *text)
{
    static const char punctuation[] = "!#$%&'*+-.^_`|~";

    if (!*text)
        return false;
    for (; *text; text++) {
        char c = *text;

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                (c >= '0' && c <= '9') || strchr(punctuation, c)))
            return false;
    }
    return true;
}

/* Field values: no control characters but HTAB (RFC 9110 5.5). */
static bool is_value(const char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;

        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

static bool is_visible(const char *text)
{
    if (!*text)
        return false;
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;

        if (c <= 0x20 || c >= 0x7f)
            return false;
    }
    return true;
}

/* Digits only: "+5", " 5", "5, 5" and "0x5" are what request smuggling is made of. */
static bool is_length(const char *text)
{
    size_t digits = strspn(text, "0123456789");

    return digits > 0 && digits <= 15 && text[digits] == '\0';
}

static size_t count_of(const struct kh_head *head, const char *name)
{
    size_t count = 0;

    for (size_t i = 0; i < head->count; i++)
        count += strcasecmp(head->headers[i].name, name) == 0;
    return count;
}

const char *kh_head_get(const struct kh_head *head, const char *name)
{
    for (size_t i = 0; i < head->count; i++) {
        if (strcasecmp(head->headers[i].name, name) == 0)
            return head->headers[i].value;
    }
    return NULL;
}

static int refuse(const char **why, int status, const char *text)
{
    *why = text;
    return status;
}

static int check_target(const char *target, const char **why)
{
    if (strlen(target) > KH_STRICT_TARGET)
        return refuse(why, 414, "the request target is too long");
    if (target[0] != '/' || !is_visible(target) || strchr(target, '#'))
        return refuse(why, 400, "the request target is not a path");
    return 0;
}

static int check_fields(const struct kh_head *head, const char **why)
{
    if (head->count > KH_STRICT_HEADERS)
        return refuse(why, 431, "too many headers");
    for (size_t i = 0; i < head->count; i++) {
        if (!is_token(head->headers[i].name))
            return refuse(why, 400, "a header name is malformed");
        if (!is_value(head->headers[i].value))
            return refuse(why, 400, "a header value has control characters");
    }
    return 0;
}

static int check_framing(const struct kh_head *head, const char **why)
{
    size_t lengths = count_of(head, "Content-Length");
    const char *length = kh_head_get(head, "Content-Length");

    if (count_of(head, "Transfer-Encoding") > 0)
        return lengths ? refuse(why, 400, "both Content-Length and Transfer-Encoding")
                       : refuse(why, 411,
                             "Transfer-Encoding is not accepted: send Content-Length");
    if (lengths > 1 || (length && !is_length(length)))
        return refuse(why, 400, "Content-Length must be one decimal number");
    if (length && !head->body && strspn(length, "0") != strlen(length))
        return refuse(why, 400, "this method takes no body");
    if (count_of(head, "Content-Encoding") > 0)
        return refuse(why, 415, "Content-Encoding is not accepted");
    return 0;
}

int kh_strict_check(const struct kh_head *head, const char **why)
{
    int status;

    *why = NULL;
    if ((status = check_target(head->target, why)) || (status = check_fields(head, why)))
        return status;
    if (count_of(head, "Host") != 1 || !is_visible(kh_head_get(head, "Host")))
        return refuse(why, 400, "exactly one Host header is needed");
    if (count_of(head, "Authorization") > 1)
        return refuse(why, 400, "more than one Authorization header");
    return check_framing(head, why);
}
