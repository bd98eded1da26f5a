/*
 * Writes an audit log, as keytrusteed does, until it is done or killed:
 *
 *     audit_scribe FILE THREADS COUNT
 *
 * Each of THREADS writes COUNT entries of deposits dTHREAD-NUMBER, and prints each one,
 * with a dot, once it is acknowledged. SIGHUP opens the file again, as after a rotation.
 */
#include "core/log.h"
#include "server/audit.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum { THREADS_MAX = 64 };

static struct kh_audit *audit;
static unsigned long count;

static void *scribe(void *number)
{
    for (unsigned long i = 0; i < count; i++) {
        struct kh_error err = {0};
        char line[64];
        int len = snprintf(
            line, sizeof line, "d%lu-%lu.\n", (unsigned long)(uintptr_t)number, i);
        char name[64];
        const struct kh_audit_entry entry = {
            .id = "r", .operation = "get", .deposit = name, .status = 200};

        (void)snprintf(name, sizeof name, "%.*s", len - 2, line);
        if (kh_audit_write(audit, &entry, &err) != KH_OK) {
            fprintf(stderr, "%s\n", err.message);
            exit(1);
        }
        if (write(STDOUT_FILENO, line, (size_t)len) != len)
            exit(1);
    }
    return NULL;
}

/* The set, blocked before any thread is there, is the argument. */
static void *reopen(void *hangup)
{
    struct kh_error err = {0};
    int signal_number;

    while (sigwait(hangup, &signal_number) == 0) {
        if (kh_audit_reopen(audit, &err) != KH_OK)
            fprintf(stderr, "%s\n", err.message);
    }
    return NULL;
}

static bool obey_hangup(void)
{
    static sigset_t hangup;
    pthread_t id;

    sigemptyset(&hangup);
    sigaddset(&hangup, SIGHUP);
    return pthread_sigmask(SIG_BLOCK, &hangup, NULL) == 0 &&
           pthread_create(&id, NULL, reopen, &hangup) == 0;
}

int main(int argc, char **argv)
{
    unsigned long threads = argc == 4 ? strtoul(argv[2], NULL, 10) : 0;
    pthread_t ids[THREADS_MAX];
    struct kh_error err = {0};

    if (threads < 1 || threads > THREADS_MAX) {
        fprintf(stderr, "usage: audit_scribe FILE THREADS COUNT\n");
        return 2;
    }
    count = strtoul(argv[3], NULL, 10);
    if (kh_log_open("audit_scribe", "stderr", KH_LOG_ERROR, &err) != KH_OK ||
        kh_audit_open(&audit, argv[1], &err) != KH_OK || !obey_hangup()) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    for (uintptr_t i = 0; i < threads; i++) {
        if (pthread_create(&ids[i], NULL, scribe, (void *)(i + 1)) != 0)
            return 1;
    }
    for (unsigned long i = 0; i < threads; i++)
        (void)pthread_join(ids[i], NULL);
    kh_audit_close(audit);
    return 0;
}
