/* One line of the log as it is written: for people or as a JSON object. Pure. */
#ifndef KH_CORE_LOG_LINE_H
#define KH_CORE_LOG_LINE_H

#include "core/log.h"

#include <time.h>

enum {
    KH_LOG_TEXT_MAX = 2048,                     /* of one message; longer ones are cut */
    KH_LOG_LINE_MAX = 6 * KH_LOG_TEXT_MAX + 512 /* a byte becomes \xNN, in JSON \\xNN */
};

/* What a line says. */
struct kh_log_line {
    time_t time;
    const char *level;
    const char *program;
    long pid;
    const char *message;               /* of an event: its name */
    const struct kh_log_field *fields; /* of an event */
    size_t count;
    const char *request; /* the id of the request that is worked for, or "" */
};

/* MESSAGE and the fields in one: "access id=... status=200", with " request=ID" behind it
 * unless the text names the id itself. */
void kh_log_line_message(const struct kh_log_line *line, char out[KH_LOG_TEXT_MAX]);

/* The whole line with its newline; its length. What could end a line, move a terminal's
 * cursor or is not UTF-8 stands as \xNN. */
size_t kh_log_line_text(const struct kh_log_line *line, char out[KH_LOG_LINE_MAX]);
/* The same as a JSON object (RFC 8259): "time", "level", "program", "pid", "message", the
 * fields, and "request_id" when there is one. */
size_t kh_log_line_json(const struct kh_log_line *line, char out[KH_LOG_LINE_MAX]);

/* TEXT with what could end the line and so on as \xNN. OUT holds four times as much. */
void kh_log_escape(const char *text, char *out);

#endif
