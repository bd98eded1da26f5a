/*
 * Starts and stops a daemon on a host without systemd. The daemon itself never forks:
 * here it is put into a session of its own, with its output in a log.
 *
 * Whether it runs is decided by a lock on its pid file alone: the lock is taken before
 * the daemon is started, handed on to it, and ends with it, however it ends. So two
 * starts cannot both succeed, and a pid left in the file by a crash means nothing.
 */
#ifndef KH_PROGRAMS_DAEMONCTL_H
#define KH_PROGRAMS_DAEMONCTL_H

#include "programs/common/user.h"

#include <keyhsm/types.h>
#include <sys/types.h>

struct kh_daemon {
    const char *name;     /* of the program, for messages */
    const char *pid_file; /* its directory is made (0755) when missing */
    const char *log_file; /* appended to, made 0640; its directory (0750), too */
    const char *own_log;  /* a log that it opens itself; NULL: none */
    char *const *argv;    /* argv[0]: its absolute path; NULL at the end */
    const int *inherit;   /* descriptors it gets, beside the standard ones */
    size_t inherit_count;
    const struct kh_user *user; /* whom it runs as, and its log belongs to; NULL: us */
    unsigned patience;          /* seconds to get ready, or to end */
};

/* True when it runs under this pid file. *PID (may be NULL): 0 while it is just being
 * started. */
bool kh_daemon_running(const struct kh_daemon *daemon, pid_t *pid);

struct kh_daemon_start {
    pid_t pid;
    char status[160]; /* what it said when it was ready (sd_notify STATUS) */
    int exit_status;  /* when it ended instead; -1: it did not, or by a signal */
};

/*
 * Starts it and waits until it says that it is ready (sd_notify). KH_EXISTS: it runs
 * already, START->pid. KH_UNAVAILABLE: it ended, with its own last words in the message,
 * or did not get ready in time and was stopped again. KH_BUSY: another start is under
 * way.
 */
KH_CHECK kh_status kh_daemon_start(
    const struct kh_daemon *daemon, struct kh_daemon_start *start, struct kh_error *err);

/* Asks it to end and waits until it has: SIGTERM, by which it finishes what was begun;
 * with HURRY also SIGINT, by which it does not. Never SIGKILL: that can cost a software
 * token its file. KH_NOT_FOUND: it does not run. KH_UNAVAILABLE: it is still there. */
KH_CHECK kh_status kh_daemon_stop(
    const struct kh_daemon *daemon, bool hurry, struct kh_error *err);

/* Sends SIGNUM to it, and to nobody who came to have its pid. KH_NOT_FOUND. */
KH_CHECK kh_status kh_daemon_signal(
    const struct kh_daemon *daemon, int signum, struct kh_error *err);

#endif
