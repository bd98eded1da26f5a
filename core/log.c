#include "core/log.h"

#include "core/deposit.h"

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

enum {
    TEXT_MAX = 2048,                    /* of one message; longer ones are cut */
    LINE_MAX_BYTES = 4 * TEXT_MAX + 256 /* every byte may become \xNN */
};

/* The log of the process. The mutex guards the descriptor against reopening while a line
 * is written; the level is read without it, so that a filtered line costs nothing. */
static struct {
    pthread_mutex_t lock;
    atomic_int level;
    char program[64];
    char *path; /* file: NULL otherwise */
    int fd;     /* file or standard error */
    bool journal;
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

/* TEXT with everything that could end the line, move a terminal's cursor or be taken for
 * another character as \xNN. */
static void escape(const char *text, char *out)
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

/* Under the lock. A log that cannot be written has nowhere to say so. */
static void write_line(const char *level, const char *text)
{
    char line[LINE_MAX_BYTES];
    time_t now = time(NULL);
    struct tm tm;
    int len = 0;

    (void)gmtime_r(&now, &tm);
    len = snprintf(line, sizeof line, "%04d-%02d-%02dT%02d:%02d:%02dZ %s %s[%d]: %s\n",
        tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
        level, sink.program, (int)getpid(), text);
    for (const char *p = line; len > 0;) {
        ssize_t n = write(sink.fd, p, (size_t)len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return;
        p += n;
        len -= (int)n;
    }
}

void kh_vlog(kh_log_level level, const char *format, va_list args)
{
    char text[TEXT_MAX];
    char escaped[4 * TEXT_MAX + 1];
    int saved = errno;

    if ((int)level > atomic_load(&sink.level))
        return;
    (void)vsnprintf(text, sizeof text, format, args);
    escape(text, escaped);
    (void)pthread_mutex_lock(&sink.lock);
    if (!sink.journal ||
        sd_journal_send("MESSAGE=%s", escaped, "PRIORITY=%d", levels[level].priority,
            "SYSLOG_IDENTIFIER=%s", sink.program, NULL) < 0)
        write_line(levels[level].name, escaped);
    (void)pthread_mutex_unlock(&sink.lock);
    errno = saved;
}

void kh_log(kh_log_level level, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    kh_vlog(level, format, args);
    va_end(args);
}
