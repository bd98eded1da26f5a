#include "core/log.h"

#include "core/log_line.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <systemd/sd-journal.h>
#include <time.h>
#include <unistd.h>

/* The log of the process. The mutex guards the descriptor against reopening while a line
 * is written; the level is read without it, so that a filtered line costs nothing. */
static struct {
    pthread_mutex_t lock;
    atomic_int level;
    char program[64];
    char *path; /* file: NULL otherwise */
    int fd;     /* file or standard error */
    bool journal;
    bool json;
} sink = {.lock = PTHREAD_MUTEX_INITIALIZER,
    .level = KH_LOG_INFO,
    .program = "keyhsm",
    .fd = STDERR_FILENO};

static const struct {
    const char *name;
    int priority;
} levels[] = {
    [KH_LOG_ERROR] = {"error", LOG_ERR},
    [KH_LOG_WARNING] = {"warning", LOG_WARNING},
    [KH_LOG_NOTICE] = {"notice", LOG_NOTICE},
    [KH_LOG_INFO] = {"info", LOG_INFO},
    [KH_LOG_DEBUG] = {"debug", LOG_DEBUG},
};

kh_status kh_log_level_parse(const char *text, kh_log_level *level)
{
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        if (strcmp(text, levels[i].name) == 0) {
            *level = (kh_log_level)i;
            return KH_OK;
        }
    }
    return KH_INVALID;
}

static kh_status open_file(const char *path, int *fd, struct kh_error *err)
{
    *fd = open(
        path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);
    if (*fd < 0)
        return kh_fail(err, KH_UNAVAILABLE, "%s: the log cannot be opened: %s", path,
            strerror(errno));
    return KH_OK;
}

/* Under the lock. */
static void close_sink(void)
{
    if (sink.path)
        (void)close(sink.fd);
    free(sink.path);
    sink.path = NULL;
    sink.fd = STDERR_FILENO;
    sink.journal = false;
}

kh_status kh_log_open(
    const char *program, const char *target, kh_log_level level, struct kh_error *err)
{
    bool journal = strcmp(target, "journal") == 0;
    char *path = NULL;
    int fd = STDERR_FILENO;

    if (strncmp(target, "file:/", 6) == 0) {
        kh_status st = open_file(target + 5, &fd, err);

        if (st != KH_OK)
            return st;
        path = strdup(target + 5);
        if (!path) {
            (void)close(fd);
            return kh_fail(err, KH_FATAL, "no memory for the log");
        }
    } else if (!journal && strcmp(target, "stderr") != 0) {
        return kh_fail(err, KH_INVALID,
            "'%.128s' is no place for a log; give stderr, journal or file:/absolute/path",
            target);
    }
    (void)pthread_mutex_lock(&sink.lock);
    close_sink();
    (void)snprintf(sink.program, sizeof sink.program, "%s", program);
    sink.path = path;
    sink.fd = fd;
    sink.journal = journal;
    atomic_store(&sink.level, (int)level);
    (void)pthread_mutex_unlock(&sink.lock);
    return KH_OK;
}

kh_status kh_log_reopen(struct kh_error *err)
{
    kh_status st = KH_OK;
    int fd;

    (void)pthread_mutex_lock(&sink.lock);
    if (sink.path) {
        st = open_file(sink.path, &fd, err);
        if (st == KH_OK) {
            (void)close(sink.fd);
            sink.fd = fd;
        }
    }
    (void)pthread_mutex_unlock(&sink.lock);
    return st;
}

void kh_log_set_format(kh_log_format format)
{
    (void)pthread_mutex_lock(&sink.lock);
    sink.json = format == KH_LOG_JSON;
    (void)pthread_mutex_unlock(&sink.lock);
}

/* ---- lines ------------------------------------------------------- */

static _Thread_local char request[65];

void kh_log_request(const char *id)
{
    (void)snprintf(request, sizeof request, "%s", id ? id : "");
}

const char *kh_log_request_id(void)
{
    return request;
}

/* Under the lock. A log that cannot be written has nowhere to say so. */
static void write_line(const struct kh_log_line *line)
{
    char text[KH_LOG_LINE_MAX];
    size_t len = sink.json ? kh_log_line_json(line, text) : kh_log_line_text(line, text);

    for (const char *p = text; len > 0;) {
        ssize_t n = write(sink.fd, p, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return;
        p += n;
        len -= (size_t)n;
    }
}

static bool send_to_journal(const struct kh_log_line *line, int priority)
{
    char message[KH_LOG_TEXT_MAX];
    char escaped[4 * KH_LOG_TEXT_MAX];

    kh_log_line_message(line, message);
    kh_log_escape(message, escaped);
    return sd_journal_send("MESSAGE=%s", escaped, "PRIORITY=%d", priority,
               "SYSLOG_IDENTIFIER=%s", line->program, "KEYHSM_REQUEST_ID=%s",
               line->request, NULL) >= 0;
}

static void emit(kh_log_level level, struct kh_log_line *line)
{
    int saved = errno;

    line->time = time(NULL);
    line->level = levels[level].name;
    line->pid = (long)getpid();
    line->request = request;
    (void)pthread_mutex_lock(&sink.lock);
    line->program = sink.program;
    if (!sink.journal || !send_to_journal(line, levels[level].priority))
        write_line(line);
    (void)pthread_mutex_unlock(&sink.lock);
    errno = saved;
}

void kh_log_event(kh_log_level level, const char *event,
    const struct kh_log_field *fields, size_t count)
{
    struct kh_log_line line = {.message = event, .fields = fields, .count = count};

    if ((int)level <= atomic_load(&sink.level))
        emit(level, &line);
}

void kh_vlog(kh_log_level level, const char *format, va_list args)
{
    char text[KH_LOG_TEXT_MAX];
    struct kh_log_line line = {.message = text};
    int saved = errno;

    if ((int)level > atomic_load(&sink.level))
        return;
    (void)vsnprintf(text, sizeof text, format, args); /* "%m" is errno's */
    errno = saved;
    emit(level, &line);
}

void kh_log(kh_log_level level, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    kh_vlog(level, format, args);
    va_end(args);
}
