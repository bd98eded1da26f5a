/* The audit log under many writers, and killed under them. */
#include "tests/unit/server/audit_lab.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 8, EACH = 40, KILLS = 12, ACKS = 4000 };

static struct kh_audit *log_of_all;
static int acks = -1; /* where acknowledged names are written, or -1 */
static atomic_uint failures;

/* Writes entries NUMBER-0, NUMBER-1, ... until COUNT of them, and says which are done. */
static void write_many(unsigned number, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct kh_error why = {0};
        char name[32] = "";
        const struct kh_audit_entry entry = {
            .operation = "put", .deposit = name, .status = 201};

        (void)snprintf(name, sizeof name, "d%u-%u.", number, i);
        if (kh_audit_write(log_of_all, &entry, &why) != KH_OK) {
            fprintf(stderr, "    %s\n", why.message);
            atomic_fetch_add(&failures, 1);
        } else if (acks >= 0 && write(acks, name, sizeof name) != sizeof name)
            return;
    }
}

static void *few(void *number)
{
    write_many((unsigned)(uintptr_t)number, EACH);
    return NULL;
}

static void *endless(void *number)
{
    write_many((unsigned)(uintptr_t)number, UINT32_MAX);
    return NULL;
}

static void start(pthread_t threads[THREADS], void *(*run)(void *))
{
    for (uintptr_t i = 0; i < THREADS; i++)
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, run, (void *)i), 0);
}

static void join(pthread_t threads[THREADS])
{
    for (unsigned i = 0; i < THREADS; i++)
        CU_ASSERT_EQUAL(pthread_join(threads[i], NULL), 0);
}

static void many_threads_write_one_chain(void)
{
    struct kh_audit_report report;
    pthread_t threads[THREADS];
    size_t len;
    char *text;

    lab_new();
    log_of_all = lab_open();
    start(threads, few);
    join(threads);
    kh_audit_close(log_of_all);
    CU_ASSERT_EQUAL(atomic_load(&failures), 0);
    KH_ASSERT_OK(lab_verify(NULL, &report), err);
    CU_ASSERT_EQUAL(report.entries, THREADS * EACH + 1);
    text = lab_text("", &len);
    for (unsigned i = 0; i < THREADS * EACH; i++) {
        char name[32];

        (void)snprintf(name, sizeof name, "\"d%u-%u.\"", i / EACH, i % EACH);
        CU_ASSERT_PTR_NOT_NULL(strstr(text, name));
    }
    free(text);
}

static void renaming_under_writers_loses_nothing(void)
{
    struct kh_audit_report report;
    pthread_t threads[THREADS];
    const char *files[6];
    char *names[5];

    lab_new();
    log_of_all = lab_open();
    start(threads, few);
    for (unsigned i = 0; i < 5; i++) {
        char suffix[8];

        (void)snprintf(suffix, sizeof suffix, ".%u", i);
        names[i] = lab_beside(suffix);
        files[i] = names[i];
        lab_rotate(suffix);
        KH_ASSERT_OK(kh_audit_reopen(log_of_all, &err), err);
    }
    files[5] = lab_path;
    join(threads);
    kh_audit_close(log_of_all);
    KH_ASSERT_OK(kh_audit_verify(files, 6, NULL, &report, &err), err);
    CU_ASSERT_EQUAL(report.entries, THREADS * EACH + 6);
    CU_ASSERT_EQUAL(atomic_load(&failures), 0);
    for (unsigned i = 0; i < 5; i++)
        free(names[i]);
}

static void verifying_under_writers_finds_no_fault(void)
{
    pthread_t threads[THREADS];

    lab_new();
    log_of_all = lab_open();
    start(threads, few);
    for (unsigned i = 0; i < 20; i++) {
        struct kh_audit_report report;

        KH_ASSERT_OK(lab_verify(NULL, &report), err);
    }
    join(threads);
    kh_audit_close(log_of_all);
}

enum { ROUNDS = 25, TRIES = 6 };

static bool acknowledged[THREADS][TRIES];
static pthread_barrier_t together;

/* Writes entries all at the same time as the others, so that they share one write. */
static void *into_the_limit(void *number)
{
    uintptr_t n = (uintptr_t)number;

    for (unsigned i = 0; i < TRIES; i++) {
        struct kh_error why = {0};
        char name[32];
        const struct kh_audit_entry entry = {
            .operation = "put", .deposit = name, .status = 201};
        kh_status st;

        (void)snprintf(name, sizeof name, "d%u-%u.", (unsigned)n, i);
        (void)pthread_barrier_wait(&together);
        st = kh_audit_write(log_of_all, &entry, &why);
        acknowledged[n][i] = st == KH_OK;
        if (st != KH_OK && st != KH_UNAVAILABLE)
            atomic_fetch_add(&failures, 1);
    }
    return NULL;
}

/* Files of this process end ROOM bytes behind the end of the log. */
static void limit(size_t room)
{
    struct rlimit rl = {0};
    size_t len = 0;

    if (room > 0)
        free(lab_text("", &len));
    CU_ASSERT_EQUAL_FATAL(getrlimit(RLIMIT_FSIZE, &rl), 0);
    rl.rlim_cur = room > 0 ? len + room : RLIM_INFINITY;
    CU_ASSERT_EQUAL_FATAL(setrlimit(RLIMIT_FSIZE, &rl), 0);
}

static unsigned missing_of_acknowledged(unsigned *done)
{
    unsigned missing = 0;
    size_t len;
    char *text = lab_text("", &len);

    for (unsigned n = 0; n < THREADS * TRIES; n++) {
        char name[40];

        (void)snprintf(name, sizeof name, "\"d%u-%u.\"", n / TRIES, n % TRIES);
        if (!acknowledged[n / TRIES][n % TRIES])
            continue;
        ++*done;
        missing += strstr(text, name) == NULL;
    }
    free(text);
    return missing;
}

static void a_disk_that_fills_up_under_writers_loses_nothing(void)
{
    unsigned torn = 0;
    unsigned done = 0;
    unsigned all = 0;

    (void)signal(SIGXFSZ, SIG_IGN);
    CU_ASSERT_EQUAL_FATAL(pthread_barrier_init(&together, NULL, THREADS), 0);
    for (size_t round = 0; round < ROUNDS; round++) {
        struct kh_audit_report report;
        pthread_t threads[THREADS];
        unsigned before;

        lab_new();
        log_of_all = lab_open();
        /* From the first line to the last but one of what they write. */
        limit(1 + round * 400);
        start(threads, into_the_limit);
        join(threads);
        limit(0);
        KH_ASSERT_OK(lab_put(log_of_all, "after"), err);
        kh_audit_close(log_of_all);
        KH_ASSERT_OK(lab_verify(NULL, &report), err);
        before = done;
        CU_ASSERT_EQUAL(missing_of_acknowledged(&done), 0);
        /* What was refused is not there, but for audit.start, "after", and recoveries. */
        CU_ASSERT_EQUAL(report.entries, done - before + 2 + report.torn);
        torn += report.torn > 0;
        all += THREADS * TRIES;
    }
    CU_ASSERT_EQUAL(atomic_load(&failures), 0);
    CU_ASSERT(done > 0 && done < all);
    CU_ASSERT(torn > ROUNDS / 2);
    pthread_barrier_destroy(&together);
}

/* A process that writes from many threads until it is killed. */
static pid_t victim(int *from)
{
    int ends[2];
    pid_t pid;

    CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
    pid = fork();
    CU_ASSERT_FATAL(pid >= 0);
    if (pid == 0) {
        pthread_t threads[THREADS];
        struct kh_error why = {0};

        (void)close(ends[0]);
        acks = ends[1];
        if (kh_audit_open(&log_of_all, lab_path, &why) != KH_OK)
            _exit(1);
        for (uintptr_t i = 0; i < THREADS; i++)
            (void)pthread_create(&threads[i], NULL, endless, (void *)i);
        for (;;)
            pause();
    }
    (void)close(ends[1]);
    *from = ends[0];
    return pid;
}

/* Kills a victim after COUNT acknowledged entries; NAMES gets all that it acknowledged.
 */
static unsigned kill_after(unsigned count, char names[ACKS][32])
{
    unsigned n = 0;
    int status = 0;
    int from;
    pid_t pid = victim(&from);

    while (n < ACKS) {
        ssize_t got = read(from, names[n], sizeof names[n]);

        if (got < 0 && errno == EINTR)
            continue;
        if (got != sizeof names[n])
            break;
        if (++n == count)
            CU_ASSERT_EQUAL(kill(pid, SIGKILL), 0);
    }
    (void)close(from);
    CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
    CU_ASSERT(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    CU_ASSERT(n >= count);
    return n;
}

static void what_was_acknowledged_survives_a_kill(void)
{
    static char names[ACKS][32];
    struct kh_audit_report report;
    uint64_t least = 0;

    lab_new();
    for (unsigned k = 0; k < KILLS; k++) {
        unsigned n = kill_after(1 + 17 * k, names);
        size_t len;
        char *text;
        char *rest;

        KH_ASSERT_OK(lab_verify(NULL, &report), err);
        /* The entries of this round are behind its audit.start. */
        text = lab_text("", &len);
        for (rest = text; strstr(rest, "\"audit.start\""); rest++)
            rest = strstr(rest, "\"audit.start\"");
        for (unsigned i = 0; i < n; i++) {
            char quoted[40];

            (void)snprintf(quoted, sizeof quoted, "\"%.30s\"", names[i]);
            if (!strstr(rest, quoted))
                fprintf(stderr, "    %s was acknowledged and is not there\n", quoted);
            CU_ASSERT_PTR_NOT_NULL(strstr(rest, quoted));
        }
        least += n + 1;
        CU_ASSERT(report.entries >= least);
        free(text);
        /* The torn end that a kill leaves now and then, every second time. */
        if (k % 2)
            lab_append("{\"seq\":99,\"time\"", 16);
    }
    kh_audit_close(lab_open());
    KH_ASSERT_OK(lab_verify(NULL, &report), err);
    CU_ASSERT(report.torn >= KILLS / 2);
    CU_ASSERT_EQUAL(report.last, report.entries);
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"what was acknowledged survives a kill", what_was_acknowledged_survives_a_kill},
        {"many threads write one chain", many_threads_write_one_chain},
        {"renaming under writers loses nothing", renaming_under_writers_loses_nothing},
        {"a disk that fills up under writers loses nothing",
            a_disk_that_fills_up_under_writers_loses_nothing},
        {"verifying under writers finds no fault",
            verifying_under_writers_finds_no_fault},
    };
    int rc = kh_test_main("server audit threads", tests, sizeof tests / sizeof tests[0]);

    free(lab_path);
    return rc;
}
