/*
 * A helper: a program of ours that runs a stranger's code (a vendor's plugin or module)
 * in a process of its own. Found beside us, started under limits, ended with us.
 */
#ifndef KH_PROGRAMS_HELPER_H
#define KH_PROGRAMS_HELPER_H

#include <keyhsm/types.h>
#include <sys/types.h>

enum { KH_HELPER_FDS = 5 };

struct kh_helper {
    const char *const *argv; /* argv[0]: the path, absolute or as it was given; NULL at
                                the end */
    /* What its descriptors 0, 1, ... are; -1: /dev/null. */
    int fds[KH_HELPER_FDS];
    size_t fd_count;
    bool close_others; /* else those without close-on-exec stay open in it */
    bool own_group;    /* leads a process group: kh_helper_end ends all of it. It has no
                          terminal to ask on, then. */
    unsigned long file_max;   /* bytes of a file it writes */
    unsigned cpu_seconds;     /* 0: no limit */
    const char *const *names; /* what is set in its environment; NULL: nothing */
    const char *const *values;
    size_t variables;
    pid_t pid; /* once it is started; nothing else is looked at from then on but own_group
                */
};

/* Where NAME is: beside this program, as in a build tree, else where it was installed.
 * KH_UNAVAILABLE: in neither place; OUT then is the latter. */
KH_CHECK kh_status kh_helper_find(
    const char *name, char *out, size_t size, struct kh_error *err);

/* Starts it: no core dump, the limits above, SIGKILL when the calling thread's process
 * ends. Sets PID. KH_UNAVAILABLE: no process. A program that cannot be executed ends with
 * 127. Not with other threads. */
KH_CHECK kh_status kh_helper_start(struct kh_helper *helper, struct kh_error *err);

/* Kills it, with its group when it has one, and waits. Its wait status; STATUS is what it
 * was when the caller has waited already (-1: he has not). */
int kh_helper_end(const struct kh_helper *helper, int status);

#endif
