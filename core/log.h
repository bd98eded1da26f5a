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
/* "error" "warning" "notice" "info" "debug". */
KH_CHECK kh_status kh_log_level_parse(const char *text, kh_log_level *level);

/* One line. Control characters in the text are escaped, so one call is one line. Thread
 * safe. */
void kh_log(kh_log_level level, const char *format, ...) KH_PRINTF(2, 3);
void kh_vlog(kh_log_level level, const char *format, va_list args) KH_PRINTF(2, 0);

#endif
