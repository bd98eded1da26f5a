#include "core/log_line.h"

#include "core/deposit.h"

#include <string.h>

/* Text that grows into a buffer of fixed size, and is cut there. */
struct pen {
    char *at;
    char *end; /* of the buffer, which leaves room for the NUL */
};

static void put(struct pen *pen, const char *text)
{
    size_t len = strlen(text);
    size_t room = (size_t)(pen->end - pen->at);

    if (len > room)
        len = room;
    memcpy(pen->at, text, len);
    pen->at += len;
    *pen->at = '\0';
}

void kh_log_escape(const char *text, char *out)
{
    bool utf8 = kh_utf8_valid(text, strlen(text));
    static const char hex[] = "0123456789abcdef";

    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        /* C1 controls are U+0080 to U+009F: C2 80 to C2 9F. */
        bool c1 = *p == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f;

        if (*p < 0x20 || *p == 0x7f || (*p >= 0x80 && !utf8) || c1) {
            for (int n = 0; n <= c1; n++) {
                *out++ = '\\';
                *out++ = 'x';
                *out++ = hex[p[n] >> 4];
                *out++ = hex[p[n] & 0xf];
            }
            p += c1;
        } else {
            *out++ = (char)*p;
        }
    }
    *out = '\0';
}

/* ---- for people -------------------------------------------------- */

void kh_log_line_message(const struct kh_log_line *line, char out[KH_LOG_TEXT_MAX])
{
    struct pen pen = {out, out + KH_LOG_TEXT_MAX - 1};

    put(&pen, line->message);
    for (size_t i = 0; i < line->count; i++) {
        const struct kh_log_field *field = &line->fields[i];
        const char *quote = field->kind == KH_LOG_QUOTED ? "\"" : "";

        put(&pen, " ");
        put(&pen, field->name);
        put(&pen, "=");
        put(&pen, quote);
        put(&pen, field->text);
        put(&pen, quote);
    }
    if (*line->request && !strstr(out, line->request)) {
        put(&pen, " request=");
        put(&pen, line->request);
    }
}

static void put_time(struct pen *pen, time_t when)
{
    char text[40];
    struct tm tm = {0};

    (void)gmtime_r(&when, &tm);
    if (strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm) > 0)
        put(pen, text);
}

size_t kh_log_line_text(const struct kh_log_line *line, char out[KH_LOG_LINE_MAX])
{
    char message[KH_LOG_TEXT_MAX];
    char escaped[4 * KH_LOG_TEXT_MAX];
    char head[128];
    struct pen pen = {out, out + KH_LOG_LINE_MAX - 1};

    kh_log_line_message(line, message);
    kh_log_escape(message, escaped);
    put_time(&pen, line->time);
    (void)snprintf(
        head, sizeof head, " %s %s[%ld]: ", line->level, line->program, line->pid);
    put(&pen, head);
    put(&pen, escaped);
    put(&pen, "\n");
    return (size_t)(pen.at - out);
}

/* ---- JSON -------------------------------------------------------- */

/* Between quotes. What is no UTF-8 or no character was made \xNN before, as in the text:
 * a reader sees the same in both. */
static void put_string(struct pen *pen, const char *text)
{
    char cut[KH_LOG_TEXT_MAX];
    char escaped[4 * KH_LOG_TEXT_MAX];

    (void)snprintf(cut, sizeof cut, "%s", text);
    kh_log_escape(cut, escaped);
    put(pen, "\"");
    for (const char *p = escaped; *p; p++) {
        const char one[2] = {*p, '\0'};

        if (*p == '"' || *p == '\\')
            put(pen, "\\");
        put(pen, one);
    }
    put(pen, "\"");
}

static void put_member(struct pen *pen, const char *name, const char *value)
{
    put(pen, ",\"");
    put(pen, name);
    put(pen, "\":");
    put_string(pen, value);
}

static void put_field(struct pen *pen, const struct kh_log_field *field)
{
    if (field->kind != KH_LOG_NUMBER) {
        put_member(
            pen, field->kind == KH_LOG_ID ? "request_id" : field->name, field->text);
        return;
    }
    put(pen, ",\"");
    put(pen, field->name);
    put(pen, "\":");
    put(pen, field->text);
}

/* Fields may name the id themselves. */
static bool has_id(const struct kh_log_line *line)
{
    for (size_t i = 0; i < line->count; i++) {
        if (line->fields[i].kind == KH_LOG_ID)
            return true;
    }
    return false;
}

size_t kh_log_line_json(const struct kh_log_line *line, char out[KH_LOG_LINE_MAX])
{
    struct pen pen = {out, out + KH_LOG_LINE_MAX - 3}; /* "}\n" has its place */
    char pid[32];

    put(&pen, "{\"time\":\"");
    put_time(&pen, line->time);
    put(&pen, "\"");
    put_member(&pen, "level", line->level);
    put_member(&pen, "program", line->program);
    (void)snprintf(pid, sizeof pid, ",\"pid\":%ld", line->pid);
    put(&pen, pid);
    put_member(&pen, "message", line->message);
    for (size_t i = 0; i < line->count; i++)
        put_field(&pen, &line->fields[i]);
    if (*line->request && !has_id(line))
        put_member(&pen, "request_id", line->request);
    pen.end += 2;
    put(&pen, "}\n");
    return (size_t)(pen.at - out);
}
