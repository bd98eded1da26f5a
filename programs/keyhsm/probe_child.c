#include "programs/keyhsm/probe_child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

enum { REPORT_FD = 3, PIN_FD = 4, FILE_MAX = 256 << 20, CPU_SECONDS = 900 };

#ifndef KEYHSM_LIBEXEC_DIR
#error "where keyhsm-doctor-probe is installed"
#endif

kh_status kh_probe_find(struct kh_probe_target *target, struct kh_error *err)
{
    static const char name[] = "keyhsm-doctor-probe";
    ssize_t n = readlink("/proc/self/exe", target->program, sizeof target->program - 32);
    char *slash;

    if (n > 0) {
        target->program[n] = '\0';
        slash = strrchr(target->program, '/');
        if (slash)
            (void)snprintf(slash + 1, sizeof name, "%s", name);
        if (slash && access(target->program, X_OK) == 0)
            return KH_OK;
    }
    (void)snprintf(
        target->program, sizeof target->program, "%s/%s", KEYHSM_LIBEXEC_DIR, name);
    if (access(target->program, X_OK) != 0)
        return kh_fail(err, KH_UNAVAILABLE, "%s: %s; it belongs to this program",
            target->program, strerror(errno));
    return KH_OK;
}

/* ---- in the child ----------------------------------------------------------------- */

static void limit(int what, rlim_t value)
{
    const struct rlimit l = {value, value};

    (void)setrlimit(what, &l);
}

static void set_limits(void)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_FSIZE, FILE_MAX);
    limit(RLIMIT_CPU, CPU_SECONDS);
}

/* Above what any of them is put to, so that none is overwritten before its turn. */
static int aside(int fd)
{
    return fcntl(fd, F_DUPFD, 32);
}

static bool arrange(int output, int report, int pin)
{
    int null = open("/dev/null", O_RDONLY);
    int o = aside(output);
    int r = aside(report);
    int p = aside(pin);

    if (null < 0 || o < 0 || r < 0 || p < 0)
        return false;
    return dup2(null, STDIN_FILENO) >= 0 && dup2(o, STDOUT_FILENO) >= 0 &&
           dup2(o, STDERR_FILENO) >= 0 && dup2(r, REPORT_FD) >= 0 &&
           dup2(p, PIN_FD) >= 0 && close_range(PIN_FD + 1, ~0U, 0) == 0;
}

struct words {
    char text[KH_PROBE_WORDS][4200];
    char *argv[KH_PROBE_WORDS + 2];
    size_t count;
};

KH_PRINTF(2, 3)
static void add(struct words *w, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(w->text[w->count], sizeof w->text[0], format, args);
    va_end(args);
    w->argv[w->count] = w->text[w->count];
    w->count++;
}

static void make_words(
    struct words *w, const struct kh_probe_target *target, const char *stage)
{
    add(w, "%s", target->program);
    add(w, "%s", stage);
    add(w, "module=%s", target->module);
    if (target->init_args)
        add(w, "init-args=%s", target->init_args);
    if (target->label)
        add(w, "label=%s", target->label);
    if (target->serial)
        add(w, "serial=%s", target->serial);
    if (target->slot)
        add(w, "slot=%s", target->slot);
    add(w, "pin-fd=%d", PIN_FD);
    add(w, "quick=%d", target->quick);
    add(w, "threads=%u", target->threads);
    add(w, "seconds=%u", target->seconds);
}

_Noreturn static void become(
    const struct kh_probe_target *target, struct words *words, const int ends[3])
{
    (void)setpgid(0, 0);
    set_limits();
    if (target->softhsm2_conf)
        (void)setenv("SOFTHSM2_CONF", target->softhsm2_conf, 1);
    if (arrange(ends[0], ends[1], ends[2]))
        (void)execv(target->program, words->argv);
    _exit(127);
}

/* ---- in the parent ---------------------------------------------------------------- */

/* The PIN is small enough to wait in the pipe. The end to read from, or -1. */
static int pin_pipe(const struct kh_buf *pin)
{
    int ends[2];
    bool ok;

    if (pipe2(ends, O_CLOEXEC) != 0)
        return -1;
    ok = pin->len == 0 || write(ends[1], pin->data, pin->len) == (ssize_t)pin->len;
    (void)close(ends[1]);
    if (ok)
        return ends[0];
    (void)close(ends[0]);
    return -1;
}

static void close_two(int ends[2])
{
    for (int i = 0; i < 2; i++) {
        if (ends[i] >= 0)
            (void)close(ends[i]);
        ends[i] = -1;
    }
}

kh_status kh_probe_start(struct kh_probe_child *child,
    const struct kh_probe_target *target, const char *stage, struct kh_error *err)
{
    struct words *words = calloc(1, sizeof *words);
    int report[2] = {-1, -1};
    int output[2] = {-1, -1};
    int pin = pin_pipe(&target->pin);
    kh_status st = KH_OK;

    child->pid = -1;
    if (words && pin >= 0 && pipe2(report, O_CLOEXEC) == 0 &&
        pipe2(output, O_CLOEXEC) == 0 && fcntl(output[0], F_SETFL, O_NONBLOCK) == 0) {
        const int ends[3] = {output[1], report[1], pin};

        make_words(words, target, stage);
        child->pid = fork();
        if (child->pid == 0)
            become(target, words, ends);
    }
    if (child->pid < 0) {
        st = kh_fail(err, KH_UNAVAILABLE, "no process for %s: %s", target->program,
            strerror(errno));
        close_two(report);
        close_two(output);
    } else {
        (void)setpgid(child->pid, child->pid);
        (void)close(report[1]);
        (void)close(output[1]);
    }
    if (pin >= 0)
        (void)close(pin);
    child->report = report[0];
    child->output = output[0];
    free(words);
    return st;
}

void kh_probe_close(struct kh_probe_child *child)
{
    (void)close(child->report);
    (void)close(child->output);
}
