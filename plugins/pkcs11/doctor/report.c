#include "plugins/pkcs11/doctor/probe.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { REPORT_FD = 3 };

/* A line in one piece: below PIPE_BUF other threads' lines do not come between. */
static void say(const char *line, size_t len)
{
    /* Nobody reads any more: then nobody waits for this process either. */
    if (write(REPORT_FD, line, len) != (ssize_t)len)
        _exit(4);
}

static void tell(const char *fact, json_t *value, const char *detail)
{
    json_t *root = json_pack("{s:s,s:o,s:s*}", "fact", fact, "value", value, "detail",
        detail && *detail ? detail : NULL);
    char *text = root ? json_dumps(root, JSON_COMPACT) : NULL;
    char line[2048];
    int len = text ? snprintf(line, sizeof line, "%s\n", text) : -1;

    if (len > 0 && (size_t)len < sizeof line)
        say(line, (size_t)len);
    free(text);
    json_decref(root);
}

/* Text of a module: what is not ASCII would be no JSON. */
static void clean(char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text < 0x20 || (unsigned char)*text > 0x7e)
            *text = '?';
    }
}

void kh_fact_bool(const char *fact, bool value, const char *detail, ...)
{
    char text[600];
    va_list args;

    va_start(args, detail);
    (void)vsnprintf(text, sizeof text, detail, args);
    va_end(args);
    clean(text);
    tell(fact, json_boolean(value), text);
}

void kh_fact_int(const char *fact, long long value, const char *detail, ...)
{
    char text[600];
    va_list args;

    va_start(args, detail);
    (void)vsnprintf(text, sizeof text, detail, args);
    va_end(args);
    clean(text);
    tell(fact, json_integer(value), text);
}

void kh_fact_text(const char *fact, const char *value)
{
    kh_fact_detailed(fact, value, "");
}

void kh_fact_detailed(const char *fact, const char *value, const char *detail)
{
    char text[1024];
    char more[600];

    (void)snprintf(text, sizeof text, "%s", value);
    clean(text);
    (void)snprintf(more, sizeof more, "%s", detail);
    clean(more);
    tell(fact, json_string(text), more);
}

const char *kh_probe_why(const struct kh_call *call, CK_RV rv)
{
    static _Thread_local char text[600];

    if (rv == CKR_OK)
        return "";
    if (rv == KH_RV_VERDICT)
        (void)snprintf(text, sizeof text, "%.500s", call->err->message);
    else
        (void)snprintf(text, sizeof text, "%s: %s", call->what, kh_rv_name(rv));
    return text;
}

void kh_fact_rv(const char *fact, const struct kh_call *call, CK_RV rv)
{
    kh_fact_bool(fact, rv == CKR_OK, "%s", kh_probe_why(call, rv));
}

void kh_probe_enter(const char *function)
{
    char line[80];
    int len = snprintf(line, sizeof line, ">%s\n", function);

    say(line, (size_t)len);
}

void kh_probe_leave(void)
{
    say("<\n", 2);
}

void kh_probe_alive(void)
{
    say(".\n", 2);
}
