/* Logging: standard error, the systemd journal, or a file. One line each, time and level
 * first. */
#ifndef KH_CORE_LOG_H
#define KH_CORE_LOG_H

#include <keyhsm/plugin.h>

/*
 * Where to: "stderr" (the default before any call), "journal", or "file:/absolute/path"
 * (made with mode 0640, opened for append, reopened by kh_log_reopen). PROGRAM is copied.
 * KH_INVALID or KH_UNAVAILABLE leave the log as it was.
 */
KH_CHECK kh_status kh_log_open(
    const char *program, const char *target, kh_log_level level, struct kh_error *err);
/* For logrotate, on SIGHUP. */
KH_CHECK kh_status kh_log_reopen(struct kh_error *err);
/* As lines for people (the default), or each as a JSON object; the journal gets the text,
 * and the rest in fields of its own. */
typedef enum kh_log_format { KH_LOG_TEXT, KH_LOG_JSON } kh_log_format;
void kh_log_set_format(kh_log_format format);
/* "error" "warning" "notice" "info" "debug". */
KH_CHECK kh_status kh_log_level_parse(const char *text, kh_log_level *level);

/*
 * The id of the request that the calling thread works for from now on; NULL: of none. At
 * most 64 bytes are kept. Every line that this thread logs names it.
 */
void kh_log_request(const char *id);
/* That id, or "". Valid until the thread's next kh_log_request. */
const char *kh_log_request_id(void);

/* One line. Control characters in the text are escaped, so one call is one line. Thread
 * safe. */
void kh_log(kh_log_level level, const char *format, ...) KH_PRINTF(2, 3);
void kh_vlog(kh_log_level level, const char *format, va_list args) KH_PRINTF(2, 0);

/* What an event says. NUMBER: TEXT is a number as JSON writes it. ID: the id of a
 * request, which JSON calls "request_id". */
typedef enum kh_log_kind {
    KH_LOG_WORD,
    KH_LOG_QUOTED,
    KH_LOG_NUMBER,
    KH_LOG_ID
} kh_log_kind;

struct kh_log_field {
    const char *name;
    kh_log_kind kind;
    const char *text;
};

/* One line of EVENT and its fields: "EVENT name=text name=\"text\" ...", or members of a
 * JSON object. As kh_log otherwise. */
void kh_log_event(kh_log_level level, const char *event,
    const struct kh_log_field *fields, size_t count);

#endif
