/* Starting a daemon and hearing whether it got ready. */
#include "core/fileio.h"
#include "programs/common/daemonctl_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { POLL_MS = 100, GRACE_SECONDS = 10, WORDS_MAX = 16384, LOG_DIRECTORY = 0750 };

/* One attempt. */
struct attempt {
    const struct kh_daemon *daemon;
    int lock;
    int log;
    off_t log_begin; /* what is behind it was said by this attempt */
    off_t own_begin; /* the same of its own log */
    int ears;        /* the notification socket */
    char address[64];
    pid_t pid;
    bool gone; /* it has been waited for */
};

/* The directory and the file are given to the daemon's user: after a rotation it makes
 * the next file itself. What somebody else owns already is left to him. */
static kh_status give_log(const struct attempt *a, struct kh_error *err)
{
    const struct kh_user *user = a->daemon->user;
    char path[PATH_MAX];
    struct stat st;
    kh_status status = KH_OK;
    int dir;

    if (!user)
        return KH_OK;
    snprintf(path, sizeof path, "%s", a->daemon->log_file);
    dir = open(dirname(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0 || fstat(dir, &st) != 0)
        status = kh_fail(err, KH_UNAVAILABLE, "%s: %s", path, strerror(errno));
    else if (st.st_uid == 0 && (st.st_mode & 07777) == LOG_DIRECTORY)
        status = kh_user_give(user, dir, path, err);
    if (dir >= 0)
        (void)close(dir);
    return status == KH_OK ? kh_user_give(user, a->log, a->daemon->log_file, err)
                           : status;
}

static kh_status open_log(struct attempt *a, struct kh_error *err)
{
    const char *path = a->daemon->log_file;
    struct stat own;
    kh_status st = kh_parent_make(path, LOG_DIRECTORY, err);

    if (st != KH_OK)
        return st;
    if (a->daemon->own_log && stat(a->daemon->own_log, &own) == 0)
        a->own_begin = own.st_size;
    a->log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
    a->log_begin = a->log >= 0 ? lseek(a->log, 0, SEEK_END) : -1;
    return a->log_begin >= 0
               ? give_log(a, err)
               : kh_fail(err, KH_UNAVAILABLE, "%s: %s", path, strerror(errno));
}

/* An abstract address, gone with us. Whoever else finds it is told apart by the sender's
 * pid. */
static kh_status open_ears(struct attempt *a, struct kh_error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct timespec now = {0};
    int on = 1;
    int n;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    n = snprintf(a->address, sizeof a->address, "@%s-start-%ld-%lx", a->daemon->name,
        (long)getpid(), (unsigned long)now.tv_nsec);
    memcpy(address.sun_path + 1, a->address + 1, (size_t)n - 1);
    a->ears = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (a->ears < 0 ||
        setsockopt(a->ears, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) != 0 ||
        bind(a->ears, (const struct sockaddr *)&address,
            (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)n)) != 0)
        return kh_fail(
            err, KH_UNAVAILABLE, "no socket to hear from it: %s", strerror(errno));
    return KH_OK;
}

/* ---- the child ------------------------------------------------------------------------
 */

static bool keep_open(int fd)
{
    int flags = fcntl(fd, F_GETFD);

    return flags >= 0 && fcntl(fd, F_SETFD, flags & ~FD_CLOEXEC) == 0;
}

static void say_pid(int lock)
{
    char text[24];
    int n = snprintf(text, sizeof text, "%ld\n", (long)getpid());

    if (pwrite(lock, text, (size_t)n, 0) != n)
        _exit(127);
}

_Noreturn static void become(const struct attempt *a)
{
    const struct kh_daemon *daemon = a->daemon;
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    sigset_t none;

    (void)setsid();
    (void)umask(077);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)signal(SIGPIPE, SIG_DFL);
    if (nothing < 0 || dup2(nothing, STDIN_FILENO) < 0 ||
        dup2(a->log, STDOUT_FILENO) < 0 || dup2(a->log, STDERR_FILENO) < 0 ||
        chdir("/") != 0 || !keep_open(a->lock) ||
        setenv("NOTIFY_SOCKET", a->address, 1) != 0)
        _exit(127);
    (void)unsetenv("WATCHDOG_USEC");
    (void)unsetenv("WATCHDOG_PID");
    for (size_t i = 0; i < daemon->inherit_count; i++)
        (void)keep_open(daemon->inherit[i]);
    say_pid(a->lock);
    if (daemon->user && !kh_user_become(daemon->user)) {
        dprintf(STDERR_FILENO, "%s: cannot become user %s: %s\n", daemon->name,
            daemon->user->name, strerror(errno));
        _exit(127);
    }
    (void)execv(daemon->argv[0], daemon->argv);
    dprintf(STDERR_FILENO, "%s: %s: cannot be run: %s\n", daemon->name, daemon->argv[0],
        strerror(errno));
    _exit(127);
}

/* ---- hearing from it
 * -------------------------------------------------------------------- */

/* The value of line NAME= of a message. */
static bool line_of(const char *message, const char *name, char *out, size_t size)
{
    size_t len = strlen(name);

    for (const char *p = message; p && *p; p = strchr(p, '\n')) {
        p += *p == '\n';
        if (strncmp(p, name, len) != 0)
            continue;
        snprintf(out, size, "%.*s", (int)strcspn(p + len, "\n"), p + len);
        return true;
    }
    return false;
}

/* One message, when it is the child's own: true once it is ready. */
static bool hear(const struct attempt *a, struct kh_daemon_start *start)
{
    char text[512];
    char ready[8];
    union {
        struct cmsghdr head;
        char space[CMSG_SPACE(sizeof(struct ucred))];
    } control = {.space = {0}};
    struct iovec data = {text, sizeof text - 1};
    struct msghdr message = {.msg_iov = &data,
        .msg_iovlen = 1,
        .msg_control = &control,
        .msg_controllen = sizeof control};
    ssize_t n = recvmsg(a->ears, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    const struct cmsghdr *head = n > 0 ? CMSG_FIRSTHDR(&message) : NULL;
    struct ucred from = {0};

    if (!head || head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_CREDENTIALS)
        return false;
    memcpy(&from, CMSG_DATA(head), sizeof from);
    if (from.pid != a->pid)
        return false;
    text[n] = '\0';
    (void)line_of(text, "STATUS=", start->status, sizeof start->status);
    return line_of(text, "READY=", ready, sizeof ready) && strcmp(ready, "1") == 0;
}

/* What it said last. */
struct words {
    const struct attempt *attempt;
    bool reason; /* it gave it as the reason to end */
    char text[400];
};

/* What a line of a log says, without what kh_cli_die and kh_log write in front of a
 * reason to end. */
static const char *message_of(const struct attempt *a, const char *line, bool *reason)
{
    size_t len = strlen(a->daemon->name);
    char mark[80];
    const char *logged;

    snprintf(mark, sizeof mark, " error %s[%ld]: ", a->daemon->name, (long)a->pid);
    logged = strstr(line, mark);
    *reason = true;
    if (logged)
        return logged + strlen(mark);
    if (strncmp(line, a->daemon->name, len) == 0 && line[len] == ':')
        return line + len + 1 + strspn(line + len + 1, " ");
    *reason = false;
    return line;
}

/* The last reason behind BEGIN, else the last line. */
static void listen_to(struct words *words, const char *path, off_t begin)
{
    char *text = malloc(WORDS_MAX + 1);
    char *rest = text;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    off_t end = fd >= 0 ? lseek(fd, 0, SEEK_END) : 0;
    ssize_t n = 0;

    if (end - begin > WORDS_MAX)
        begin = end - WORDS_MAX;
    if (text && end > begin)
        n = pread(fd, text, WORDS_MAX, begin);
    if (text)
        text[n > 0 ? n : 0] = '\0';
    for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n")) {
        bool reason;
        const char *message = message_of(words->attempt, line, &reason);

        if (*message && (reason || !words->reason)) {
            words->reason = reason;
            snprintf(words->text, sizeof words->text, "%s", message);
        }
    }
    free(text);
    if (fd >= 0)
        (void)close(fd);
}

/* ---- waiting
 * ------------------------------------------------------------------------------ */

static bool ended(struct attempt *a, struct kh_daemon_start *start)
{
    int status;

    if (waitpid(a->pid, &status, WNOHANG) != a->pid)
        return false;
    start->exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    a->gone = true;
    return true;
}

static kh_status fail_ended(const struct attempt *a, struct kh_error *err)
{
    struct words words = {.attempt = a, .text = "it ended without a word"};

    listen_to(&words, a->daemon->log_file, a->log_begin);
    if (a->daemon->own_log)
        listen_to(&words, a->daemon->own_log, a->own_begin);
    return kh_fail(err, KH_UNAVAILABLE, "%s", words.text);
}

/* Not ready in time: it may hang in the vendor's module. */
static kh_status give_up(
    struct attempt *a, struct kh_daemon_start *start, struct kh_error *err)
{
    (void)kill(a->pid, SIGTERM);
    for (unsigned i = 0; i < GRACE_SECONDS * 1000 / POLL_MS && !ended(a, start); i++)
        (void)poll(NULL, 0, POLL_MS);
    return kh_fail(err, KH_UNAVAILABLE,
        "%s (process %ld) was not ready within %u seconds and was told to end; see %s",
        a->daemon->name, (long)a->pid, a->daemon->patience, a->daemon->log_file);
}

static kh_status await_ready(
    struct attempt *a, struct kh_daemon_start *start, struct kh_error *err)
{
    struct pollfd ears = {.fd = a->ears, .events = POLLIN};
    bool ready = false;

    for (unsigned waited = 0; !ready && waited < a->daemon->patience * 1000;) {
        int n = poll(&ears, 1, POLL_MS);

        if (n == 1)
            ready = hear(a, start);
        else
            waited += POLL_MS;
        if (ended(a, start))
            return fail_ended(a, err);
    }
    return ready ? KH_OK : give_up(a, start, err);
}

static kh_status launch(
    struct attempt *a, struct kh_daemon_start *start, struct kh_error *err)
{
    kh_status st = open_log(a, err);

    if (st == KH_OK)
        st = open_ears(a, err);
    if (st != KH_OK)
        return st;
    a->pid = fork();
    if (a->pid == 0)
        become(a);
    if (a->pid < 0)
        return kh_fail(err, KH_UNAVAILABLE, "cannot fork: %s", strerror(errno));
    start->pid = a->pid;
    return await_ready(a, start, err);
}

kh_status kh_daemon_start(
    const struct kh_daemon *daemon, struct kh_daemon_start *start, struct kh_error *err)
{
    struct attempt a = {.daemon = daemon, .lock = -1, .log = -1, .ears = -1};
    kh_status st = kh_parent_make(daemon->pid_file, 0755, err);

    *start = (struct kh_daemon_start){.exit_status = -1};
    if (st == KH_OK)
        st = kh_daemon_claim(daemon, &a.lock, err);
    if (st == KH_EXISTS)
        (void)kh_daemon_running(daemon, &start->pid);
    if (st == KH_OK)
        st = launch(&a, start, err);
    /* It has no process any more. A pid that stays behind means nothing. */
    if (st != KH_OK && a.lock >= 0 && (a.pid <= 0 || a.gone))
        (void)!ftruncate(a.lock, 0);
    if (a.lock >= 0)
        (void)close(a.lock);
    if (a.log >= 0)
        (void)close(a.log);
    if (a.ears >= 0)
        (void)close(a.ears);
    return st;
}
