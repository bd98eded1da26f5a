/* Helpers: processes that a stranger's code runs in. */
#include "programs/common/helper.h"

#include "tests/lib/testlib.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct kh_error err;

/* A shell that runs TEXT with the end of a pipe as descriptor 1; the other end. */
static int start_shell(struct kh_helper *helper, const char *text)
{
    const char *argv[] = {"/bin/sh", "-c", text, NULL};
    int ends[2];

    CU_ASSERT_EQUAL_FATAL(pipe2(ends, O_CLOEXEC), 0);
    helper->argv = argv;
    helper->fds[0] = -1;
    helper->fds[1] = ends[1];
    helper->fd_count = 2;
    helper->file_max = 1 << 20;
    KH_ASSERT_OK_FATAL(kh_helper_start(helper, &err), err);
    helper->argv = NULL;
    (void)close(ends[1]);
    return ends[0];
}

/* What it prints until nobody holds the pipe any more. */
static void read_all(int fd, char *out, size_t size)
{
    size_t used = 0;
    ssize_t n;

    while (used + 1 < size && (n = read(fd, out + used, size - 1 - used)) != 0) {
        if (n > 0)
            used += (size_t)n;
        else if (errno != EINTR)
            break;
    }
    out[used] = '\0';
    (void)close(fd);
}

static int ends_with(const char *text, char *out, size_t size)
{
    struct kh_helper helper = {0};
    int status = 0;

    read_all(start_shell(&helper, text), out, size);
    CU_ASSERT_EQUAL(waitpid(helper.pid, &status, 0), helper.pid);
    return kh_helper_end(&helper, status);
}

static void it_is_found_beside_the_program_or_named(void)
{
    char path[4096];

    KH_ASSERT_OK(kh_helper_find("test_helper", path, sizeof path, &err), err);
    CU_ASSERT_EQUAL(access(path, X_OK), 0);
    KH_ASSERT_FAILS(kh_helper_find("no-such-helper", path, sizeof path, &err),
        KH_UNAVAILABLE, err, "/keyhsm/no-such-helper: No such file");
}

static void it_has_its_descriptors_and_limits(void)
{
    char out[256];
    int status = ends_with("ulimit -c; ulimit -f; ulimit -t; readlink /proc/self/fd/0; "
                           "exit 7",
        out, sizeof out);

    /* -f is told in blocks of 512 bytes. */
    CU_ASSERT_STRING_EQUAL(out, "0\n2048\nunlimited\n/dev/null\n");
    CU_ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 7);
}

static void it_has_an_environment_of_ours_and_nothing_else_of_us(void)
{
    static const char *const names[] = {"KH_TEST_NAME"};
    static const char *const values[] = {"a value"};
    struct kh_helper helper = {.names = names,
        .values = values,
        .variables = 1,
        .close_others = true,
        .cpu_seconds = 60};
    int left_open = open("/dev/null", O_RDONLY); /* NOLINT: is to be inherited */
    char text[128];
    char out[256];

    CU_ASSERT_TRUE_FATAL(left_open > 2);
    (void)snprintf(text, sizeof text,
        "echo $KH_TEST_NAME; ulimit -t; test -e /proc/self/fd/%d && echo open",
        left_open);
    read_all(start_shell(&helper, text), out, sizeof out);
    CU_ASSERT_STRING_EQUAL(out, "a value\n60\n");
    (void)kh_helper_end(&helper, -1);
    (void)close(left_open);
}

static void what_cannot_be_executed_ends_with_127(void)
{
    const char *argv[] = {"/nowhere/helper", NULL};
    struct kh_helper helper = {.argv = argv, .file_max = 1};
    int status = 0;

    KH_ASSERT_OK_FATAL(kh_helper_start(&helper, &err), err);
    CU_ASSERT_EQUAL(waitpid(helper.pid, &status, 0), helper.pid);
    CU_ASSERT_EQUAL(WEXITSTATUS(kh_helper_end(&helper, status)), 127);
}

/* The pipe's end is seen when the last of them is gone. */
static void its_children_end_with_it(void)
{
    struct kh_helper helper = {.own_group = true};
    char out[64];
    int fd = start_shell(&helper, "sleep 600 & sleep 600 & echo here; wait");
    char word[5];
    int status;

    CU_ASSERT_EQUAL(read(fd, word, sizeof word), sizeof word);
    status = kh_helper_end(&helper, -1);
    CU_ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    read_all(fd, out, sizeof out);
    CU_ASSERT_STRING_EQUAL(out, "");
}

static void it_ends_with_the_program_that_started_it(void)
{
    int ends[2];
    char out[64];
    pid_t between;

    CU_ASSERT_EQUAL_FATAL(pipe2(ends, O_CLOEXEC), 0);
    between = fork();
    if (between == 0) {
        const char *argv[] = {"/bin/sh", "-c", "echo here; exec sleep 600", NULL};
        struct kh_helper helper = {
            .argv = argv, .fds = {-1, ends[1]}, .fd_count = 2, .file_max = 1};

        if (kh_helper_start(&helper, &err) == KH_OK)
            (void)pause();
        _exit(1);
    }
    CU_ASSERT_TRUE_FATAL(between > 0);
    (void)close(ends[1]);
    CU_ASSERT_EQUAL(read(ends[0], out, 5), 5);
    CU_ASSERT_EQUAL(kill(between, SIGKILL), 0);
    CU_ASSERT_EQUAL(waitpid(between, NULL, 0), between);
    read_all(ends[0], out, sizeof out); /* for ever, if the helper lived on */
    CU_ASSERT_STRING_EQUAL(out, "");
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"it is found beside the program, or named",
            it_is_found_beside_the_program_or_named},
        {"it has its descriptors and limits", it_has_its_descriptors_and_limits},
        {"it has an environment of ours, and nothing else of us",
            it_has_an_environment_of_ours_and_nothing_else_of_us},
        {"what cannot be executed ends with 127", what_cannot_be_executed_ends_with_127},
        {"its children end with it", its_children_end_with_it},
        {"it ends with the program that started it",
            it_ends_with_the_program_that_started_it},
    };

    return kh_test_main("programs/helper", tests, sizeof tests / sizeof tests[0]);
}
