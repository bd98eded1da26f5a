#include "programs/keyhsm/backend/child.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { EVENTS_FD = 3, FILE_LIMIT = 1 << 30, ARGS_MAX = 160 };

/* The command line; the strings are the caller's. */
static void arguments(
    const char *args[ARGS_MAX], const struct kh_suite *suite, const char *after)
{
    size_t n = 0;

    args[n++] = suite->program;
    args[n++] = "--plugin-dir";
    args[n++] = suite->plugin.dir;
    args[n++] = "--backend";
    args[n++] = suite->plugin.name;
    args[n++] = "--events";
    args[n++] = "3";
    if (suite->shared)
        args[n++] = "--shared";
    if (suite->test) {
        args[n++] = "--test";
        args[n++] = suite->test;
    }
    if (*after) {
        args[n++] = "--after";
        args[n++] = after;
    }
    for (unsigned i = 0; i < suite->setting_count && n + 3 < ARGS_MAX; i++) {
        args[n++] = "--set";
        args[n++] = suite->settings[i];
    }
    args[n] = NULL;
}

kh_status kh_child_start(struct kh_child *child, const struct kh_suite *suite,
    const char *after, struct kh_error *err)
{
    const char *args[ARGS_MAX];
    int ends[KH_CHILD_PIPES];
    kh_status st = KH_OK;

    for (int i = 0; i < KH_CHILD_PIPES; i++) {
        int both[2] = {-1, -1};

        if (pipe2(both, O_CLOEXEC) != 0)
            st = kh_fail(err, KH_UNAVAILABLE, "no pipe for %s: %m", suite->program);
        child->pipes[i] = both[0];
        ends[i] = both[1];
    }
    arguments(args, suite, after);
    /* In our group, and with our descriptors: it may be told to ask for a PIN on the
     * terminal, or to read one from fd:N. */
    child->helper = (struct kh_helper){
        .argv = args,
        .fds = {STDIN_FILENO, ends[KH_CHILD_OUT], ends[KH_CHILD_ERR],
            ends[KH_CHILD_EVENTS]},
        .fd_count = EVENTS_FD + 1,
        .file_max = FILE_LIMIT,
    };
    if (st == KH_OK)
        st = kh_helper_start(&child->helper, err);
    child->helper.argv = NULL;
    for (int i = 0; i < KH_CHILD_PIPES; i++)
        (void)close(ends[i]);
    for (int i = 0; st != KH_OK && i < KH_CHILD_PIPES; i++)
        (void)close(child->pipes[i]);
    return st;
}

size_t kh_child_memory(const struct kh_child *child)
{
    char path[64];
    size_t pages = 0;
    FILE *f;

    (void)snprintf(path, sizeof path, "/proc/%ld/statm", (long)child->helper.pid);
    f = fopen(path, "re");
    if (!f)
        return 0;
    if (fscanf(f, "%*u %zu", &pages) != 1) /* NOLINT(cert-err34-c): the kernel's */
        pages = 0;
    (void)fclose(f);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

int kh_child_end(struct kh_child *child)
{
    int status = kh_helper_end(&child->helper, -1);

    for (int i = 0; i < KH_CHILD_PIPES; i++)
        (void)close(child->pipes[i]);
    return status;
}
