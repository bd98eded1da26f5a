#include "programs/keyhsm/backend/suite.h"

#include "programs/keyhsm/backend/child.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { TICK_MS = 100, LINE = 1024, HANGS = 5 };
#define MEMORY_MAX ((size_t)2 << 30)

/* How a run ended. */
enum ending { RUNS, FINISHED, CLOSED, HUNG, TOO_LARGE };

struct run {
    struct kh_suite *suite;
    struct kh_child child;
    struct kh_suite_result *now; /* the test it is in; NULL between two */
    /* The same as each pipe tells it: they are not read in the order of writing. */
    struct kh_suite_result *at[KH_CHILD_PIPES];
    double began;
    enum ending ending;
    char line[KH_CHILD_PIPES][LINE]; /* not complete yet */
    size_t len[KH_CHILD_PIPES];
    char early[KH_SUITE_DETAIL]; /* what it said before the first test */
};

static double clock_now(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Adds TEXT and a newline, as far as there is room. */
static void append(char detail[KH_SUITE_DETAIL], const char *text)
{
    size_t used = strlen(detail);

    while (*text == ' ')
        text++;
    (void)snprintf(detail + used, KH_SUITE_DETAIL - used, "%s%s", used ? "\n" : "", text);
}

/* The result of the test NAME, a new one the first time; NULL: too many. */
static struct kh_suite_result *result_of(struct kh_suite *s, const char *name)
{
    struct kh_suite_result *r;

    for (size_t i = s->count; i > 0; i--) {
        if (strcmp(s->results[i - 1].name, name) == 0)
            return &s->results[i - 1];
    }
    if (s->count == KH_SUITE_TESTS_MAX)
        return NULL;
    r = &s->results[s->count++];
    memset(r, 0, sizeof *r);
    (void)snprintf(r->name, sizeof r->name, "%s", name);
    return r;
}

static void begin(struct run *r, const char *name)
{
    r->now = result_of(r->suite, name);
    r->began = clock_now();
    if (r->suite->progress)
        r->suite->progress(r->suite, name);
}

static void end(struct run *r, bool passed)
{
    if (!r->now)
        return;
    r->now->passed = passed;
    r->now->seconds = clock_now() - r->began;
    r->now = NULL;
}

/* Where a test failed: the file's name is enough. */
static void failure(struct run *r, const char *text)
{
    const char *colon = strchr(text, ':');
    const char *base = text;

    for (const char *at = text; colon && at < colon; at++) {
        if (*at == '/')
            base = at + 1;
    }
    if (r->now)
        append(r->now->detail, base);
}

static void event(struct run *r, char *line)
{
    char *rest = strchr(line, ' ');

    if (strcmp(line, "done") == 0) {
        r->ending = FINISHED;
        return;
    }
    if (!rest)
        return;
    *rest++ = 0;
    if (strcmp(line, "count") == 0)
        r->suite->expected = strtoul(rest, NULL, 10);
    else if (strcmp(line, "begin") == 0)
        begin(r, rest);
    else if (strcmp(line, "failure") == 0)
        failure(r, rest);
    else if (strcmp(line, "end") == 0)
        end(r, strstr(rest, " pass") != NULL);
}

static void printed(struct run *r, const char *line)
{
    struct kh_suite *s = r->suite;

    if (*s->printed_in)
        return;
    (void)snprintf(s->printed, sizeof s->printed, "%s", line);
    (void)snprintf(s->printed_in, sizeof s->printed_in, "%s",
        r->at[KH_CHILD_OUT] ? r->at[KH_CHILD_OUT]->name : "(when it is opened)");
}

static void complete(struct run *r, int pipe, char *line)
{
    if (*line == KH_SUITE_MARK) {
        r->at[pipe] = result_of(r->suite, line + 1);
        return;
    }
    for (char *at = line; *at; at++) {
        if ((unsigned char)*at < ' ')
            *at = '?'; /* a stranger's bytes do not command a terminal */
    }
    if (pipe == KH_CHILD_EVENTS)
        event(r, line);
    else if (pipe == KH_CHILD_OUT)
        printed(r, line);
    else if (*line)
        append(r->at[pipe] ? r->at[pipe]->detail : r->early, line);
}

/* False: the other end is closed. */
static bool take(struct run *r, int pipe)
{
    char *line = r->line[pipe];
    char chunk[512];
    ssize_t n = read(r->child.pipes[pipe], chunk, sizeof chunk);

    if (n < 0 && errno == EINTR)
        return true;
    for (ssize_t i = 0; i < n; i++) {
        if (chunk[i] != '\n' && r->len[pipe] + 1 < LINE) {
            line[r->len[pipe]++] = chunk[i];
            continue;
        }
        line[r->len[pipe]] = 0;
        r->len[pipe] = 0;
        complete(r, pipe, line);
    }
    if (n <= 0 && r->len[pipe] > 0) {
        line[r->len[pipe]] = 0;
        r->len[pipe] = 0;
        complete(r, pipe, line);
    }
    return n > 0;
}

static void watch(struct run *r)
{
    struct pollfd fds[KH_CHILD_PIPES];
    int open = KH_CHILD_PIPES;

    r->began = clock_now();
    for (int i = 0; i < KH_CHILD_PIPES; i++)
        fds[i] = (struct pollfd){.fd = r->child.pipes[i], .events = POLLIN};
    while (open > 0 && r->ending != HUNG && r->ending != TOO_LARGE) {
        (void)poll(fds, KH_CHILD_PIPES, TICK_MS);
        for (int i = 0; i < KH_CHILD_PIPES; i++) {
            if (fds[i].fd >= 0 && fds[i].revents && !take(r, i)) {
                fds[i].fd = -1;
                open--;
            }
        }
        if (clock_now() - r->began > r->suite->seconds)
            r->ending = HUNG;
        else if (kh_child_memory(&r->child) > MEMORY_MAX)
            r->ending = TOO_LARGE;
    }
    if (r->ending == RUNS)
        r->ending = CLOSED;
}

/* What an end that was none says of the test it was in. */
static void blame(struct run *r, int status)
{
    char text[160];

    if (r->ending == HUNG)
        (void)snprintf(
            text, sizeof text, "hangs: no answer after %u seconds", r->suite->seconds);
    else if (r->ending == TOO_LARGE)
        (void)snprintf(
            text, sizeof text, "takes more than %zu MiB of memory", MEMORY_MAX >> 20);
    else if (WIFSIGNALED(status))
        (void)snprintf(text, sizeof text, "crashes: %s", strsignal(WTERMSIG(status)));
    else
        (void)snprintf(text, sizeof text, "ends the process, with exit status %d",
            WEXITSTATUS(status));
    if (r->now)
        append(r->now->detail, text);
    else
        append(r->early, text);
}

/* One process; OK: it ran to its end, or a test of it can be blamed for that it did not.
 */
static kh_status run_once(
    struct kh_suite *suite, const char *after, enum ending *ending, struct kh_error *err)
{
    struct run *r = calloc(1, sizeof *r);
    size_t before = suite->count;
    kh_status st;
    int status;

    if (!r)
        return kh_fail(err, KH_FATAL, "no memory");
    r->suite = suite;
    st = kh_child_start(&r->child, suite, after, err);
    if (st != KH_OK) {
        free(r);
        return st;
    }
    watch(r);
    status = kh_child_end(&r->child);
    *ending = r->ending;
    if (r->ending != FINISHED)
        blame(r, status);
    end(r, false);
    if (r->ending != FINISHED && suite->count == before)
        st = kh_fail(err, KH_REFUSED, "%s%s%s", *after ? "after " : "",
            *after ? after : "", *after ? " it can not be run on: " : "");
    if (st != KH_OK) {
        size_t used = strlen(err->message);

        (void)snprintf(
            err->message + used, sizeof err->message - used, "%.300s", r->early);
    }
    free(r);
    return st;
}

kh_status kh_suite_run(struct kh_suite *suite, struct kh_error *err)
{
    char after[sizeof suite->results[0].name] = "";
    enum ending ending = RUNS;
    unsigned hangs = 0;
    kh_status st = KH_OK;

    if (access(suite->program, X_OK) != 0)
        return kh_fail(err, KH_UNAVAILABLE,
            "%s: %s; it comes with the package libkeyhsm-dev", suite->program,
            strerror(errno));
    /* Each run gets at least one test further, or fails. */
    while (st == KH_OK && ending != FINISHED && hangs < HANGS) {
        st = run_once(suite, after, &ending, err);
        hangs += ending == HUNG;
        if (suite->count > 0)
            memcpy(after, suite->results[suite->count - 1].name, sizeof after);
    }
    /* What a test that passed had to say interests nobody. */
    for (size_t i = 0; i < suite->count; i++) {
        if (suite->results[i].passed)
            suite->results[i].detail[0] = 0;
    }
    return st;
}
