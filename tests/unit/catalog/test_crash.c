#include "support.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define STATUS(n) "status " #n " "

/* Starts the worker on PATH from row FIRST, for ever; its lines come out of *OUT. */
static pid_t start_worker(const char *path, unsigned first, FILE **out)
{
    char number[16];
    int fds[2];
    pid_t pid;

    CU_ASSERT_EQUAL_FATAL(pipe2(fds, O_CLOEXEC), 0);
    snprintf(number, sizeof number, "%u", first);
    pid = fork();
    if (pid == 0) {
        if (dup2(fds[1], 1) == 1)
            execl(CATALOG_WORKER, CATALOG_WORKER, path, number, "0", (char *)NULL);
        _exit(127);
    }
    CU_ASSERT_FATAL(pid > 0);
    close(fds[1]);
    *out = fdopen(fds[0], "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(*out);
    return pid;
}

/* Kills the worker after it acknowledged AFTER rows; returns the last it acknowledged. */
static unsigned kill_after(const char *path, unsigned first, unsigned after)
{
    FILE *out;
    pid_t pid = start_worker(path, first, &out);
    char line[600];
    unsigned last = 0;
    unsigned acks = 0;

    while (fgets(line, sizeof line, out)) {
        if (sscanf(line, "ack %u", &last) != 1) {
            fprintf(stderr, "    worker: %s", line);
            CU_FAIL("the worker failed");
            break;
        }
        if (++acks ==
            after) /* more may be acknowledged before it dies: they are read too */
            kill(pid, SIGKILL);
    }
    kill(pid, SIGKILL);
    (void)fclose(out);
    CU_ASSERT_EQUAL(waitpid(pid, NULL, 0), pid);
    CU_ASSERT(acks >= after);
    return last;
}

static void rows_are_there(struct kh_catalog *c, unsigned first, unsigned last)
{
    struct kh_error err = {0};
    char name[16];

    for (unsigned i = first; i <= last; i++) {
        struct kh_stat stat = {0};

        snprintf(name, sizeof name, "d%u", i);
        KH_ASSERT_OK(c->stat(c, name, 0, &stat, &err), err);
    }
}

static void acknowledged_rows_survive_kill_9(void)
{
    char *path = kh_test_path(kh_test_dir(), "catalog.db");
    unsigned first[10];
    unsigned last[10];
    unsigned next = 0;

    for (unsigned round = 0; round < 10; round++) {
        struct kh_catalog *c;
        struct kh_error err = {0};

        first[round] = next;
        last[round] = kill_after(path, next, 3 + 7 * round);
        next = last[round] +
               10; /* what was under way when it died may or may not be there */
        c = catalog_open(path); /* verifies: it was not closed */
        for (unsigned r = 0; r <= round; r++)
            rows_are_there(c, first[r], last[r]);
        KH_ASSERT_OK(c->check(c, &err), err);
        c->close(c);
    }
    free(path);
}

/* Runs the worker for COUNT rows under strace with OPTIONS; its output into OUT. */
static void trace_worker(
    const char *path, const char *options, unsigned count, char out[32768])
{
    char *log = kh_test_path(kh_test_dir(), "out");
    FILE *f;
    size_t len;

    /* LeakSanitizer cannot work under a tracer. */
    CU_ASSERT(kh_test_shell(
                  "ASAN_OPTIONS=detect_leaks=0 strace -f -qq -o /dev/null %s '%s' '%s'"
                  " 0 %u >'%s' 2>/dev/null",
                  options, CATALOG_WORKER, path, count, log) >= 0);
    f = fopen(log, "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    len = fread(out, 1, 32767, f);
    out[len] = '\0';
    (void)fclose(f);
    free(log);
}

static unsigned lines_with(const char *out, const char *word)
{
    unsigned n = 0;

    for (const char *at = strstr(out, word); at; at = strstr(at + 1, word))
        n++;
    return n;
}

static void one_failed_flush_ends_all_writing(void)
{
    char *path = kh_test_path(kh_test_dir(), "catalog.db");
    struct kh_catalog *c;
    char out[32768];
    unsigned acks;

    trace_worker(
        path, "-e trace=fdatasync -e inject=fdatasync:error=EIO:when=12", 20, out);
    acks = lines_with(out, "ack ");
    CU_ASSERT(acks > 0 && acks < 20);
    CU_ASSERT_EQUAL(lines_with(out, STATUS(8)), 20 - acks); /* KH_FATAL, every one */
    CU_ASSERT_EQUAL(lines_with(out, "Input/output error"), 1);
    CU_ASSERT_EQUAL(lines_with(out, "durability was lost earlier"), 20 - acks - 1);
    CU_ASSERT_EQUAL(kh_test_shell("test -s '%s-wal'", path), 0); /* kept as evidence */
    c = catalog_open(path); /* verifies, then goes on */
    rows_are_there(c, 0, acks - 1);
    add(c, "later", 0, 1000);
    c->close(c);
    free(path);
}

static void a_full_disk_refuses_writes_and_loses_nothing(void)
{
    char *path = kh_test_path(kh_test_dir(), "catalog.db");
    struct kh_catalog *c;
    struct kh_catalog_counts counts = {0};
    struct kh_error err = {0};
    char out[32768];
    unsigned acks;

    trace_worker(
        path, "-e trace=pwrite64 -e inject=pwrite64:error=ENOSPC:when=60..70", 40, out);
    acks = lines_with(out, "ack ");
    CU_ASSERT(acks > 0 && acks < 40);
    CU_ASSERT_EQUAL(lines_with(out, STATUS(6)), 40 - acks); /* KH_UNAVAILABLE, no other */
    CU_ASSERT(lines_with(out, "full") > 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(out, "ack 39")); /* there was room again */
    c = catalog_open(path);
    KH_ASSERT_OK(c->counts(c, &counts, &err), err);
    CU_ASSERT_EQUAL(counts.versions, acks);
    KH_ASSERT_OK(c->check(c, &err), err);
    c->close(c);
    free(path);
}

static void a_quota_or_size_limit_is_a_full_disk_too(void)
{
    char *path = kh_test_path(kh_test_dir(), "catalog.db");
    char out[32768];
    unsigned acks;

    trace_worker(
        path, "-e trace=pwrite64 -e inject=pwrite64:error=EDQUOT:when=60..64", 40, out);
    acks = lines_with(out, "ack ");
    CU_ASSERT(acks > 0 && acks < 40);
    CU_ASSERT_EQUAL(lines_with(out, STATUS(6)), 40 - acks);
    CU_ASSERT(lines_with(out, "quota") > 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(out, "ack 39"));
    free(path);
}

/* The 1,000th page of log starts a checkpoint; its flush of the database fails, which
 * SQLite's own automatic checkpoint would not tell anybody. */
static void a_failed_flush_in_a_checkpoint_is_not_overlooked(void)
{
    char *path = kh_test_path(kh_test_dir(), "catalog.db");
    struct kh_catalog *c = catalog_open(path);
    char out[32768];
    char options[800];

    c->close(c);
    /* the flush of the database itself, told from the log's by its path, fails whenever
     * it comes */
    snprintf(options, sizeof options,
        "-P '%s' -e trace=fdatasync -e inject=fdatasync:error=EIO", path);
    trace_worker(path, options, 400, out);
    CU_ASSERT(lines_with(out, "ack ") > 100);
    CU_ASSERT(lines_with(out, "durability was lost earlier") > 0);
    c = catalog_open(path);
    c->close(c);
    free(path);
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"acknowledged_rows_survive_kill_9", acknowledged_rows_survive_kill_9},
        {"one_failed_flush_ends_all_writing", one_failed_flush_ends_all_writing},
        {"a_full_disk_refuses_writes_and_loses_nothing",
            a_full_disk_refuses_writes_and_loses_nothing},
        {"a_quota_or_size_limit_is_a_full_disk_too",
            a_quota_or_size_limit_is_a_full_disk_too},
        {"a_failed_flush_in_a_checkpoint_is_not_overlooked",
            a_failed_flush_in_a_checkpoint_is_not_overlooked},
    };
    return kh_test_main("catalog: crash", tests, sizeof tests / sizeof tests[0]);
}
