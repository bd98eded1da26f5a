/* Starting, finding and stopping a daemon, with a real process behind each. */
#include "programs/common/daemonctl.h"

#include "core/fileio.h"
#include "core/secmem.h"
#include "tests/lib/testlib.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct bench {
    struct kh_daemon daemon;
    struct kh_daemon_start start;
    char *pid_file;
    char *log_file;
    char *argv[4];
};

static struct kh_error err;

static char *text_of(const char *constant)
{
    return (char *)(uintptr_t)constant;
}

/* The double (daemon_double.c) that does WHAT. */
static struct bench *bench(const char *what, const char *more)
{
    static struct bench b;
    const char *dir = kh_test_dir();

    free(b.pid_file);
    free(b.log_file);
    b = (struct bench){.pid_file = kh_test_path(dir, "run/double.pid"),
        .log_file = kh_test_path(dir, "log/double.log"),
        .argv = {text_of(DAEMON_DOUBLE), text_of(what), text_of(more), NULL}};
    b.daemon = (struct kh_daemon){.name = "double",
        .pid_file = b.pid_file,
        .log_file = b.log_file,
        .argv = b.argv,
        .patience = 30};
    return &b;
}

static kh_status start(struct bench *b)
{
    err = (struct kh_error){0};
    return kh_daemon_start(&b->daemon, &b->start, &err);
}

static void stop(struct bench *b)
{
    KH_ASSERT_OK(kh_daemon_stop(&b->daemon, false, &err), err);
    (void)waitpid(b->start.pid, NULL, 0);
    CU_ASSERT_FALSE(kh_daemon_running(&b->daemon, NULL));
}

static bool has(const char *path, const char *words)
{
    KH_CLEANUP_BUF struct kh_buf text = {0};

    return kh_file_read(path, 65536, &text, NULL) == KH_OK && text.len > 0 &&
           memmem(text.data, text.len, words, strlen(words));
}

static long size_of(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 ? (long)st.st_size : -1;
}

static void it_is_started_once_it_says_that_it_is_ready(void)
{
    struct bench *b = bench("serve", NULL);
    struct stat st;
    pid_t pid;

    CU_ASSERT_FALSE(kh_daemon_running(&b->daemon, &pid));
    KH_ASSERT_OK_FATAL(start(b), err);
    CU_ASSERT_STRING_EQUAL(b->start.status, "at work");
    CU_ASSERT_TRUE(kh_daemon_running(&b->daemon, &pid));
    CU_ASSERT_EQUAL(pid, b->start.pid);
    CU_ASSERT_EQUAL(getsid(pid), pid); /* a session of its own */
    CU_ASSERT(stat(b->log_file, &st) == 0 && (st.st_mode & 0777 & ~0640U) == 0);
    stop(b);
    CU_ASSERT_TRUE(has(b->log_file, "in peace"));
    CU_ASSERT_EQUAL(size_of(b->pid_file), 0);
}

static void a_second_start_finds_the_first(void)
{
    struct bench *b = bench("serve", NULL);
    struct kh_daemon_start again;

    KH_ASSERT_OK_FATAL(start(b), err);
    KH_ASSERT_FAILS(kh_daemon_start(&b->daemon, &again, &err), KH_EXISTS, err,
        "double is running (process ");
    CU_ASSERT_EQUAL(again.pid, b->start.pid);
    stop(b);
    KH_ASSERT_OK_FATAL(start(b), err);
    stop(b);
}

static void *start_in_thread(void *arg)
{
    static _Thread_local struct kh_error why;
    struct bench *b = arg;

    return (void *)(uintptr_t)(kh_daemon_start(&b->daemon, &b->start, &why) + 1);
}

static void of_many_starts_at_once_one_succeeds(void)
{
    enum { MANY = 8 };
    struct bench all[MANY];
    pthread_t threads[MANY];
    unsigned started = 0;
    pid_t pid = 0;

    all[0] = *bench("serve", NULL);
    for (size_t i = 0; i < MANY; i++) {
        all[i] = all[0];
        all[i].daemon.argv = all[0].argv;
        CU_ASSERT_EQUAL_FATAL(
            pthread_create(&threads[i], NULL, start_in_thread, &all[i]), 0);
    }
    for (size_t i = 0; i < MANY; i++) {
        void *result;
        kh_status st;

        (void)pthread_join(threads[i], &result);
        st = (kh_status)((uintptr_t)result - 1);
        CU_ASSERT(st == KH_OK || st == KH_EXISTS || st == KH_BUSY);
        started += st == KH_OK;
        pid = st == KH_OK ? all[i].start.pid : pid;
    }
    CU_ASSERT_EQUAL(started, 1);
    all[0].start.pid = pid;
    stop(&all[0]);
}

static void one_that_ends_gives_its_own_reason(void)
{
    struct bench *b = bench("die", NULL);

    KH_ASSERT_FAILS(start(b), KH_UNAVAILABLE, err, "bad luck");
    CU_ASSERT_STRING_EQUAL(err.message, "bad luck");
    CU_ASSERT_EQUAL(b->start.exit_status, 2);
    CU_ASSERT_FALSE(kh_daemon_running(&b->daemon, NULL));
    b = bench("log", NULL);
    KH_ASSERT_FAILS(start(b), KH_UNAVAILABLE, err, "the reason");
    CU_ASSERT_STRING_EQUAL(err.message, "the reason");
    CU_ASSERT_EQUAL(b->start.exit_status, 1);
    b = bench("", NULL);
    KH_ASSERT_FAILS(start(b), KH_UNAVAILABLE, err, "without a word");
    b = bench("serve", NULL);
    b->argv[0] = text_of("/nowhere/double");
    KH_ASSERT_FAILS(start(b), KH_UNAVAILABLE, err, "/nowhere/double: cannot be run");
}

static void what_an_earlier_one_said_is_not_its_reason(void)
{
    struct bench *b = bench("die", NULL);

    KH_ASSERT_FAILS(start(b), KH_UNAVAILABLE, err, "bad luck");
    b->argv[1] = text_of("");
    KH_ASSERT_FAILS(start(b), KH_UNAVAILABLE, err, "without a word");
}

static void its_own_log_is_listened_to_as_well(void)
{
    char *own = kh_test_path(kh_test_dir(), "own.log");
    struct bench *b = bench("log", own);

    kh_test_write(own, "now error double[1]: old\n", 25, 0600);
    b->daemon.own_log = own;
    KH_ASSERT_FAILS(start(b), KH_UNAVAILABLE, err, "the reason");
    b->argv[1] = text_of("");
    KH_ASSERT_FAILS(start(b), KH_UNAVAILABLE, err, "without a word");
    free(own);
}

static void one_that_does_not_get_ready_is_told_to_end(void)
{
    static const char *const kinds[] = {"never", "child"};

    for (size_t i = 0; i < 2; i++) {
        struct bench *b = bench(kinds[i], NULL);

        b->daemon.patience = 1;
        KH_ASSERT_FAILS(start(b), KH_UNAVAILABLE, err, "not ready within 1 seconds");
        CU_ASSERT_FALSE(kh_daemon_running(&b->daemon, NULL));
        CU_ASSERT_EQUAL(kill(b->start.pid, 0), -1);
    }
}

static void one_that_does_not_end_is_never_killed(void)
{
    struct bench *b = bench("hang", NULL);

    KH_ASSERT_OK_FATAL(start(b), err);
    b->daemon.patience = 1;
    KH_ASSERT_FAILS(kh_daemon_stop(&b->daemon, false, &err), KH_UNAVAILABLE, err,
        "has not ended within 1 seconds");
    CU_ASSERT_TRUE(kh_daemon_running(&b->daemon, NULL));
    (void)kill(b->start.pid, SIGKILL);
    (void)waitpid(b->start.pid, NULL, 0);
    CU_ASSERT_FALSE(kh_daemon_running(&b->daemon, NULL)); /* whatever the file says */
    CU_ASSERT(size_of(b->pid_file) > 0);
    b->argv[1] = text_of("serve");
    b->daemon.patience = 30;
    KH_ASSERT_OK_FATAL(start(b), err);
    stop(b);
}

static void signals_go_to_it_and_to_nobody_else(void)
{
    struct bench *b = bench("serve", NULL);
    char text[32];

    KH_ASSERT_FAILS(
        kh_daemon_signal(&b->daemon, SIGHUP, &err), KH_NOT_FOUND, err, "not running");
    KH_ASSERT_FAILS(
        kh_daemon_stop(&b->daemon, false, &err), KH_NOT_FOUND, err, "not running");
    KH_ASSERT_OK_FATAL(start(b), err);
    KH_ASSERT_OK(kh_daemon_signal(&b->daemon, SIGHUP, &err), err);
    KH_ASSERT_OK(kh_daemon_stop(&b->daemon, true, &err), err);
    (void)waitpid(b->start.pid, NULL, 0);
    CU_ASSERT_TRUE(has(b->log_file, "told to reload"));
    /* A pid in a file that nobody has locked is not a daemon's: this is our own. */
    (void)snprintf(text, sizeof text, "%ld\n", (long)getpid());
    kh_test_write(b->pid_file, text, strlen(text), 0644);
    KH_ASSERT_FAILS(
        kh_daemon_stop(&b->daemon, false, &err), KH_NOT_FOUND, err, "not running");
}

static void it_inherits_what_it_is_given(void)
{
    int ends[2];
    char number[16];
    struct bench *b;

    CU_ASSERT_EQUAL_FATAL(pipe2(ends, O_CLOEXEC), 0);
    CU_ASSERT_EQUAL(write(ends[1], "a secret", 8), 8);
    (void)close(ends[1]);
    (void)snprintf(number, sizeof number, "%d", ends[0]);
    b = bench("read", number);
    b->daemon.inherit = ends;
    b->daemon.inherit_count = 1;
    KH_ASSERT_OK_FATAL(start(b), err);
    CU_ASSERT_STRING_EQUAL(b->start.status, "a secret");
    (void)close(ends[0]);
    stop(b);
}

static void files_that_cannot_be_made_are_named(void)
{
    struct bench *b = bench("serve", NULL);

    b->daemon.pid_file = "/proc/nowhere/double.pid";
    KH_ASSERT_FAILS(start(b), KH_NOT_FOUND, err, "/proc/nowhere");
    b = bench("serve", NULL);
    b->daemon.log_file = "/proc/nowhere/double.log";
    KH_ASSERT_FAILS(start(b), KH_NOT_FOUND, err, "/proc/nowhere");
    CU_ASSERT_FALSE(kh_daemon_running(&b->daemon, NULL));
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"it_is_started_once_it_says_that_it_is_ready",
            it_is_started_once_it_says_that_it_is_ready},
        {"a_second_start_finds_the_first", a_second_start_finds_the_first},
        {"of_many_starts_at_once_one_succeeds", of_many_starts_at_once_one_succeeds},
        {"one_that_ends_gives_its_own_reason", one_that_ends_gives_its_own_reason},
        {"what_an_earlier_one_said_is_not_its_reason",
            what_an_earlier_one_said_is_not_its_reason},
        {"its_own_log_is_listened_to_as_well", its_own_log_is_listened_to_as_well},
        {"one_that_does_not_get_ready_is_told_to_end",
            one_that_does_not_get_ready_is_told_to_end},
        {"one_that_does_not_end_is_never_killed", one_that_does_not_end_is_never_killed},
        {"signals_go_to_it_and_to_nobody_else", signals_go_to_it_and_to_nobody_else},
        {"it_inherits_what_it_is_given", it_inherits_what_it_is_given},
        {"files_that_cannot_be_made_are_named", files_that_cannot_be_made_are_named},
    };

    return kh_test_main("daemonctl", tests, sizeof tests / sizeof tests[0]);
}
