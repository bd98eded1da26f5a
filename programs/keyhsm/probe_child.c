#include "programs/keyhsm/probe_child.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { REPORT_FD = 3, PIN_FD = 4, FILE_MAX = 256 << 20, CPU_SECONDS = 900 };

kh_status kh_probe_find(struct kh_probe_target *target, struct kh_error *err)
{
    struct kh_error why = {0};

    if (kh_helper_find("keyhsm-doctor-probe", target->program, sizeof target->program,
            &why) != KH_OK)
        return kh_fail(
            err, KH_UNAVAILABLE, "%s; it belongs to this program", why.message);
    return KH_OK;
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

    child->helper.pid = -1;
    if (words && pin >= 0 && pipe2(report, O_CLOEXEC) == 0 &&
        pipe2(output, O_CLOEXEC) == 0 && fcntl(output[0], F_SETFL, O_NONBLOCK) == 0) {
        make_words(words, target, stage);
        child->helper = (struct kh_helper){
            .argv = (const char *const *)words->argv,
            .fds = {-1, output[1], output[1], report[1], pin},
            .fd_count = PIN_FD + 1,
            .close_others = true,
            .own_group = true,
            .file_max = FILE_MAX,
            .cpu_seconds = CPU_SECONDS,
            .names = (const char *const[]){"SOFTHSM2_CONF"},
            .values = &target->softhsm2_conf,
            .variables = target->softhsm2_conf ? 1 : 0,
        };
        st = kh_helper_start(&child->helper, err);
    } else {
        st = kh_fail(
            err, KH_UNAVAILABLE, "no pipe for %s: %s", target->program, strerror(errno));
    }
    if (st != KH_OK) {
        close_two(report);
        close_two(output);
    } else {
        (void)close(report[1]);
        (void)close(output[1]);
    }
    if (pin >= 0)
        (void)close(pin);
    /* They were needed until it was started. */
    child->helper.argv = child->helper.names = child->helper.values = NULL;
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
