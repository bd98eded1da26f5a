/* Several processes on one store. */
#include "tests/unit/softfile/fixture.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WRITERS = 3, WRITES = 25 };

/* Runs FN(DIR, ARG) in a child, which answers with its exit status. */
static pid_t spawn(int (*fn)(const char *dir, int arg), const char *dir, int arg)
{
    pid_t child;

    (void)fflush(NULL);
    child = fork();
    CU_ASSERT_TRUE_FATAL(child >= 0);
    if (child == 0)
        _exit(fn(dir, arg));
    return child;
}

static int wait_for(pid_t child)
{
    int status = -1;

    if (waitpid(child, &status, 0) != child || !WIFEXITED(status))
        return -1;
    return WEXITSTATUS(status);
}

static int complain(const struct kh_error *err)
{
    fprintf(stderr, "    %s\n", err->message);
    return 1;
}

static bool names_pid(const struct kh_error *err, pid_t pid)
{
    char text[24];

    snprintf(text, sizeof text, "%ld", (long)pid);
    return strstr(err->message, text) != NULL;
}

/* A read works; a write is busy and names the parent. */
static int read_but_not_write(const char *dir, int arg)
{
    struct kh_backend *b = NULL;
    struct kh_error err = {0};

    (void)arg;
    if (soft_open(&b, dir, KH_OPEN_SERVE, NULL, &err) != KH_OK ||
        soft_read(b, "key", 0, &err) != KH_OK)
        return complain(&err);
    for (int i = 0; i < 3; i++) {
        if (soft_put(b, "other", 0, "x", &err) != KH_BUSY ||
            !names_pid(&err, getppid()) || !strstr(err.message, "reads go on"))
            return complain(&err);
    }
    if (soft_open(&b, dir, KH_OPEN_MIGRATE, NULL, &err) != KH_BUSY ||
        !names_pid(&err, getppid()))
        return complain(&err);
    return 0;
}

static void another_process_reads_and_does_not_write_during_a_migration(void)
{
    char *dir = soft_new_place();
    struct kh_backend *b = soft_make(dir, KH_OPEN_MIGRATE);

    soft_stored(b, "key", 0, "secret");
    CU_ASSERT_EQUAL(wait_for(spawn(read_but_not_write, dir, 0)), 0);
    soft_stored(b, "key", 1, "the migration writes");
    kh_backend_close(b);
    b = soft_reopen(dir, KH_OPEN_TOOL);
    soft_stored(b, "key", 2, "everybody again");
    kh_backend_close(b);
    free(dir);
}

static int serve_is_busy(const char *dir, int arg)
{
    struct kh_backend *b = NULL;
    struct kh_error err = {0};

    (void)arg;
    if (soft_open(&b, dir, KH_OPEN_SERVE, NULL, &err) != KH_BUSY ||
        !names_pid(&err, getppid()))
        return complain(&err);
    /* A tool may work beside the daemon. */
    if (soft_open(&b, dir, KH_OPEN_TOOL, NULL, &err) != KH_OK ||
        soft_put(b, "tool", 0, "x", &err) != KH_OK)
        return complain(&err);
    return 0;
}

static void a_second_daemon_is_refused_and_a_tool_is_not(void)
{
    char *dir = soft_new_place();
    struct kh_backend *b = soft_make(dir, KH_OPEN_SERVE);

    CU_ASSERT_EQUAL(wait_for(spawn(serve_is_busy, dir, 0)), 0);
    CU_ASSERT_TRUE(soft_holds(b, "tool", 0, "x"));
    kh_backend_close(b);
    free(dir);
}

static int write_many(const char *dir, int writer)
{
    struct kh_backend *b = NULL;
    struct kh_error err = {0};

    if (soft_open(&b, dir, KH_OPEN_TOOL, NULL, &err) != KH_OK)
        return complain(&err);
    for (int i = 0; i < WRITES; i++) {
        char name[64];

        snprintf(name, sizeof name, "w%d-%d", writer, i);
        if (soft_put(b, name, 0, name, &err) != KH_OK)
            return complain(&err);
    }
    return 0;
}

static void short_writes_of_several_processes_wait_for_each_other(void)
{
    char *dir = soft_new_place();
    struct kh_backend *b = soft_make(dir, KH_OPEN_TOOL);
    pid_t children[WRITERS];

    for (int i = 0; i < WRITERS; i++)
        children[i] = spawn(write_many, dir, i);
    for (int i = 0; i < WRITERS; i++)
        CU_ASSERT_EQUAL(wait_for(children[i]), 0);
    CU_ASSERT_EQUAL(soft_count(b, NULL), WRITERS * WRITES);
    kh_backend_close(b);
    free(dir);
}

/* ---- kill -9 ---- */

static int acknowledged; /* the pipe a child tells on what is stored */

static int roll_for_ever(const char *dir, int arg)
{
    struct kh_backend *b = NULL;
    struct kh_error err = {0};

    (void)arg;
    if (soft_open(&b, dir, KH_OPEN_TOOL, NULL, &err) != KH_OK)
        return complain(&err);
    for (uint32_t v = 0;; v++) {
        char name[32];

        snprintf(name, sizeof name, "key%u", (unsigned)(v / 3));
        if (soft_put(b, name, v % 3, "secret", &err) != KH_OK)
            return complain(&err);
        if (v % 5 == 0 && kh_backend_remove(b, name, v % 3, &err) != KH_OK)
            return complain(&err);
        if (write(acknowledged, &v, sizeof v) != (ssize_t)sizeof v)
            return 2;
    }
}

static void check_survivors(const char *dir, uint32_t last)
{
    struct kh_backend *b = soft_reopen(dir, KH_OPEN_TOOL);
    size_t corrupt = 1;

    (void)soft_count(b, &corrupt);
    CU_ASSERT_EQUAL(corrupt, 0);
    for (uint32_t v = 0; v <= last; v++) {
        char name[32];

        snprintf(name, sizeof name, "key%u", (unsigned)(v / 3));
        CU_ASSERT_TRUE(soft_holds(b, name, v % 3, "secret"));
    }
    kh_backend_close(b);
}

static void what_was_acknowledged_survives_a_kill_and_nothing_is_torn(void)
{
    for (uint32_t round = 0; round < 6; round++) {
        char *dir = soft_new_place();
        uint32_t last = 0;
        int ends[2];
        pid_t child;

        kh_backend_close(soft_make(dir, KH_OPEN_TOOL));
        CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
        acknowledged = ends[1];
        child = spawn(roll_for_ever, dir, 0);
        (void)close(ends[1]);
        while (last < 4 + round * 3 &&
               read(ends[0], &last, sizeof last) == (ssize_t)sizeof last)
            ;
        CU_ASSERT_EQUAL(kill(child, SIGKILL), 0);
        CU_ASSERT_EQUAL(waitpid(child, NULL, 0), child);
        while (read(ends[0], &last, sizeof last) == (ssize_t)sizeof last)
            ;
        (void)close(ends[0]);
        check_survivors(dir, last);
        free(dir);
    }
}

/* ---- reads beside changes of state ---- */

enum { TURNS = 300 };

struct reader {
    struct kh_backend *b;
    atomic_bool stop;
    unsigned reads;
    unsigned bad; /* with words on stderr */
};

static void *read_for_ever(void *arg)
{
    struct reader *r = arg;

    while (!atomic_load(&r->stop)) {
        KH_CLEANUP_DEPOSIT struct kh_deposit d = {0};
        struct kh_error err = {0};
        kh_status st = kh_backend_get(r->b, "key", 0, true, &d, &err);

        r->reads++;
        if (st == KH_OK && d.data.len == 6)
            continue;
        r->bad++;
        fprintf(stderr, "status %d: %s\n", (int)st, err.message);
    }
    return NULL;
}

/* A file that is renamed is under both names, or under none, for whoever looks twice. */
static void a_version_is_read_while_it_changes_its_state(void)
{
    char *dir = soft_new_place();
    struct reader r = {.b = soft_make(dir, KH_OPEN_SERVE)};
    struct kh_error err = {0};
    pthread_t thread;

    soft_stored(r.b, "key", 0, "secret");
    CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, read_for_ever, &r), 0);
    for (int i = 0; i < TURNS; i++) {
        KH_ASSERT_OK(kh_backend_remove(r.b, "key", 0, &err), err);
        KH_ASSERT_OK(kh_backend_restore(r.b, "key", 0, &err), err);
    }
    atomic_store(&r.stop, true);
    CU_ASSERT_EQUAL(pthread_join(thread, NULL), 0);
    CU_ASSERT_EQUAL(r.bad, 0);
    CU_ASSERT_TRUE(r.reads > 0);
    kh_backend_close(r.b);
    free(dir);
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"another_process_reads_and_does_not_write_during_a_migration",
            another_process_reads_and_does_not_write_during_a_migration},
        {"a_second_daemon_is_refused_and_a_tool_is_not",
            a_second_daemon_is_refused_and_a_tool_is_not},
        {"short_writes_of_several_processes_wait_for_each_other",
            short_writes_of_several_processes_wait_for_each_other},
        {"what_was_acknowledged_survives_a_kill_and_nothing_is_torn",
            what_was_acknowledged_survives_a_kill_and_nothing_is_torn},
        {"a_version_is_read_while_it_changes_its_state",
            a_version_is_read_while_it_changes_its_state},
    };

    return kh_test_main("softfile locks", tests, sizeof tests / sizeof tests[0]);
}
