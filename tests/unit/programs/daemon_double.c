/* A daemon for test_daemonctl: what it does is its first argument. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

/* Until one of SIGNALS comes; which it was. */
static int wait_for(const sigset_t *signals)
{
    int number = 0;

    (void)sigwait(signals, &number);
    return number;
}

/* Gets ready and is sent SIGTERM; then SIGINT, if it has to hurry. */
static int serve(const char *status)
{
    sigset_t term;
    sigset_t pending;

    (void)sigemptyset(&term);
    (void)sigaddset(&term, SIGTERM);
    (void)sigaddset(&term, SIGINT);
    (void)sigaddset(&term, SIGHUP);
    (void)sigprocmask(SIG_BLOCK, &term, NULL);
    (void)sd_notifyf(0, "READY=1\nSTATUS=%s", status);
    while (wait_for(&term) == SIGHUP)
        fprintf(stderr, "double: told to reload\n");
    (void)sigpending(&pending);
    fprintf(stderr, "double: %s\n",
        sigismember(&pending, SIGINT) || sigismember(&pending, SIGTERM) ? "in a hurry"
                                                                        : "in peace");
    return 0;
}

static int from_descriptor(const char *number)
{
    char text[64] = "";
    ssize_t n = read((int)strtol(number, NULL, 10), text, sizeof text - 1);

    return n > 0 ? serve(text) : 1;
}

/* Is deaf to SIGTERM. */
_Noreturn static void hang(void)
{
    (void)signal(SIGTERM, SIG_IGN);
    (void)sd_notify(0, "READY=1");
    for (;;)
        (void)pause();
}

/* A child says what is not true. */
_Noreturn static void let_a_child_speak(void)
{
    if (fork() == 0) {
        (void)sd_notify(0, "READY=1");
        _exit(0);
    }
    for (;;)
        (void)pause();
}

static int fail_as_logged(const char *path)
{
    FILE *log = path ? fopen(path, "ae") : stderr;

    fprintf(log, "now error double[%ld]: of long ago\n", (long)getpid() + 1);
    fprintf(log, "now error double[%ld]: the reason\n", (long)getpid());
    fprintf(log, "now notice double[%ld]: stopped\n", (long)getpid());
    (void)fclose(log);
    return 1;
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";

    if (strcmp(what, "serve") == 0)
        return serve("at work");
    if (strcmp(what, "read") == 0)
        return from_descriptor(argv[2]);
    if (strcmp(what, "hang") == 0)
        hang();
    if (strcmp(what, "never") == 0)
        return pause();
    if (strcmp(what, "child") == 0)
        let_a_child_speak();
    if (strcmp(what, "log") == 0)
        return fail_as_logged(argv[2]);
    if (strcmp(what, "die") == 0) {
        fprintf(stderr, "a line\ndouble: bad luck\nanother line\n");
        return 2;
    }
    return 1; /* without a word */
}
