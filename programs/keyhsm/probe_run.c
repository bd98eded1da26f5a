#include "programs/keyhsm/probe_run.h"

#include "programs/keyhsm/probe_child.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 4096, FACTS_MAX = 1000, STAGE_SECONDS = 900 };

struct watch {
    const struct kh_probe_target *target;
    json_t *facts;
    struct kh_probe_result *result;
    char line[LINE_MAX_BYTES];
    size_t len;
    char call[64]; /* entered last */
    bool inside;
    size_t printed;
    bool said; /* since the last look at the clock */
};

static int64_t now(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec;
}

/* A fact of the probe: nothing else is taken from a process that a module may have
 * spoilt. */
static void take_fact(struct watch *w)
{
    json_t *root = json_loads(w->line, 0, NULL);
    const char *name = json_string_value(json_object_get(root, "fact"));
    json_t *value = json_object_get(root, "value");
    const char *detail = json_string_value(json_object_get(root, "detail"));

    if (name && value && json_object_size(w->facts) < FACTS_MAX &&
        (json_is_boolean(value) || json_is_integer(value) || json_is_string(value)))
        (void)json_object_set_new(
            w->facts, name, json_pack("{s:O,s:s*}", "value", value, "detail", detail));
    json_decref(root);
}

static void take_line(struct watch *w)
{
    w->said = true;
    if (w->line[0] == '>') {
        (void)snprintf(w->call, sizeof w->call, "%.63s", w->line + 1);
        w->inside = true;
    } else if (w->line[0] == '<') {
        w->inside = false;
    } else if (w->line[0] == '{') {
        take_fact(w);
    } else if (w->line[0] == '.' && w->target->alive) {
        w->target->alive(w->target->arg);
    }
}

/* False: its end. */
static bool take_report(struct watch *w, int fd)
{
    char some[4096];
    ssize_t n = read(fd, some, sizeof some);

    for (ssize_t i = 0; i < n; i++) {
        if (some[i] == '\n') {
            w->line[w->len] = '\0';
            take_line(w);
            w->len = 0;
        } else if (w->len + 1 < sizeof w->line) {
            w->line[w->len++] = some[i];
        }
    }
    return n > 0 || (n < 0 && errno == EINTR);
}

/* The beginning is kept, the rest is read so that the module is not stopped by it. */
static bool take_output(struct watch *w, int fd)
{
    char some[4096];
    ssize_t n = read(fd, some, sizeof some);

    for (ssize_t i = 0; i < n && w->printed + 1 < KH_PROBE_OUTPUT; i++) {
        char c = some[i];

        if (c == '\n')
            c = ' ';
        else if (c < 0x20 || c > 0x7e)
            c = '?';
        w->result->output[w->printed++] = c;
    }
    return n > 0 || (n < 0 && errno == EINTR);
}

/* True: it ended by itself. False: it was silent for too long. */
static bool follow(struct watch *w, const struct kh_probe_child *child)
{
    struct pollfd fds[2] = {{child->report, POLLIN, 0}, {child->output, POLLIN, 0}};
    int64_t since = now();
    int64_t end = since + STAGE_SECONDS;

    while (fds[0].fd >= 0) {
        int n = poll(fds, 2, 200);

        if (n < 0 && errno != EINTR)
            return false;
        w->said = false;
        if (n > 0 && fds[0].revents && !take_report(w, fds[0].fd))
            fds[0].fd = -1;
        if (n > 0 && fds[1].revents && fds[1].fd >= 0 && !take_output(w, fds[1].fd))
            fds[1].fd = -1;
        if (w->said)
            since = now();
        if (now() - since >= (int64_t)w->target->timeout || now() >= end)
            return false;
    }
    return true;
}

/* The process may have closed its report and live on: in a destructor, for instance. */
static bool wait_for_it(const struct kh_probe_child *child, unsigned seconds, int *status)
{
    int64_t until = now() + (int64_t)seconds;
    const struct timespec moment = {0, 20000000};

    while (now() < until) {
        pid_t pid = waitpid(child->helper.pid, status, WNOHANG);

        if (pid == child->helper.pid)
            return true;
        (void)nanosleep(&moment, NULL);
    }
    return false;
}

static void conclude(struct watch *w, bool ended, int status)
{
    struct kh_probe_result *r = w->result;

    if (!ended || WIFSIGNALED(status))
        (void)snprintf(r->call, sizeof r->call, "%s", w->call);
    if (!ended) {
        r->end = KH_PROBE_HUNG;
    } else if (WIFSIGNALED(status)) {
        r->end = KH_PROBE_CRASHED;
        r->signal = WTERMSIG(status);
    } else {
        r->end = WEXITSTATUS(status) == 0 ? KH_PROBE_ENDED : KH_PROBE_STOPPED;
    }
}

static void tell(struct watch *w, const char *stage)
{
    static const char *const words[] = {"ended", "stopped", "crashed", "hung"};
    const struct kh_probe_result *r = w->result;
    char name[64];
    char detail[200] = "";

    if (r->end == KH_PROBE_CRASHED)
        (void)snprintf(detail, sizeof detail, "%s%s, by %s", w->inside ? "in " : "after ",
            *r->call ? r->call : "its start", strsignal(r->signal));
    if (r->end == KH_PROBE_HUNG)
        (void)snprintf(detail, sizeof detail, "%s%s, for %u seconds",
            w->inside ? "in " : "after ", *r->call ? r->call : "its start",
            w->target->timeout);
    (void)snprintf(name, sizeof name, "stage.%s", stage);
    (void)json_object_set_new(
        w->facts, name, json_pack("{s:s,s:s}", "value", words[r->end], "detail", detail));
    if (w->printed == 0)
        return;
    (void)snprintf(name, sizeof name, "output.%s", stage);
    (void)json_object_set_new(w->facts, name, json_pack("{s:s}", "value", r->output));
}

kh_status kh_probe_run(const struct kh_probe_target *target, const char *stage,
    json_t *facts, struct kh_probe_result *result, struct kh_error *err)
{
    struct watch w = {.target = target, .facts = facts, .result = result};
    struct kh_probe_child child;
    kh_status st = kh_probe_start(&child, target, stage, err);
    int status = 0;
    bool ended;

    *result = (struct kh_probe_result){.end = KH_PROBE_HUNG};
    if (st != KH_OK)
        return st;
    ended = follow(&w, &child) && wait_for_it(&child, target->timeout, &status);
    /* Its own children, too: the process leads a group. */
    status = kh_helper_end(&child.helper, ended ? status : -1);
    conclude(&w, ended, status);
    while (take_output(&w, child.output))
        ;
    kh_probe_close(&child);
    tell(&w, stage);
    return KH_OK;
}
