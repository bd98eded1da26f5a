#include "core/secret.h"

#include "core/secmem.h"
#include "tests/lib/testlib.h"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static struct kh_error err;

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

static void the_four_forms_are_accepted(void)
{
    static const char *const right[] = {"prompt", "file:/etc/keyhsm/pin",
        "credential:pin", "credential:keyhsm.pin-1", "fd:0", "fd:9"};

    for (size_t i = 0; i < COUNT(right); i++)
        KH_ASSERT_OK(kh_secret_check(right[i], &err), err);
}

static void anything_else_is_refused_and_not_repeated(void)
{
    static const char *const wrong[] = {"", "sesame", "Prompt", "prompt:sesame",
        "file:sesame", "file:", "credential:", "credential:../sesame",
        "credential:.sesame", "credential:a/sesame", "fd:", "fd:-1", "fd:1sesame",
        "fd:999999", "env:sesame"};
    struct kh_buf out = {0};

    for (size_t i = 0; i < COUNT(wrong); i++) {
        KH_ASSERT_FAILS(
            kh_secret_check(wrong[i], &err), KH_INVALID, err, "file:/absolute/path");
        CU_ASSERT_PTR_NULL(strstr(err.message, "sesame"));
        KH_ASSERT_FAILS(kh_secret_read(wrong[i], "PIN: ", &out, &err), KH_INVALID, err,
            "not a source");
        CU_ASSERT_PTR_NULL(out.data);
    }
}

/* Writes LEN bytes to a file with MODE and reads it as a secret. */
static kh_status from_file(
    const void *data, size_t len, unsigned mode, struct kh_buf *out)
{
    char *path = kh_test_path(kh_test_dir(), "pin");
    char source[4096];
    kh_status st;

    kh_test_write(path, data, len, mode);
    (void)snprintf(source, sizeof source, "file:%s", path);
    st = kh_secret_read(source, "PIN: ", out, &err);
    free(path);
    return st;
}

static void file_gives(const char *data, size_t len, const char *want, size_t want_len)
{
    KH_CLEANUP_BUF struct kh_buf out = {0};

    KH_ASSERT_OK_FATAL(from_file(data, len, 0600, &out), err);
    CU_ASSERT_EQUAL_FATAL(out.len, want_len);
    CU_ASSERT_EQUAL(memcmp(out.data, want, want_len), 0);
}

static void a_file_gives_its_bytes_without_one_newline(void)
{
    file_gives("1234", 4, "1234", 4);
    file_gives("1234\n", 5, "1234", 4);
    file_gives("1234\n\n", 6, "1234\n", 5);
    file_gives(" 12 34 ", 7, " 12 34 ", 7);
    file_gives("a\0b", 3, "a\0b", 3);
}

static void a_file_of_1024_bytes_is_read_and_a_longer_one_refused(void)
{
    struct kh_buf out = {0};
    char big[1100];

    memset(big, 'x', sizeof big);
    file_gives(big, 1024, big, 1024);
    big[1024] = '\n';
    file_gives(big, 1025, big, 1024);
    big[1024] = 'x';
    KH_ASSERT_FAILS(
        from_file(big, 1025, 0600, &out), KH_UNAVAILABLE, err, "longer than 1024 bytes");
    KH_ASSERT_FAILS(
        from_file(big, 1100, 0600, &out), KH_UNAVAILABLE, err, "longer than 1024 bytes");
    CU_ASSERT_PTR_NULL(strstr(err.message, "xxxx"));
    CU_ASSERT_PTR_NULL(out.data);
}

static void an_empty_secret_is_refused(void)
{
    struct kh_buf out = {0};

    KH_ASSERT_FAILS(from_file("", 0, 0600, &out), KH_UNAVAILABLE, err, "empty");
    KH_ASSERT_FAILS(from_file("\n", 1, 0600, &out), KH_UNAVAILABLE, err, "empty");
    CU_ASSERT_PTR_NULL(out.data);
}

static void a_file_that_others_can_reach_is_refused(void)
{
    static const unsigned modes[] = {0640, 0604, 0620, 0644, 0601};
    struct kh_buf out = {0};

    for (size_t i = 0; i < COUNT(modes); i++) {
        KH_ASSERT_FAILS(
            from_file("1234", 4, modes[i], &out), KH_UNAVAILABLE, err, "lets others");
        CU_ASSERT_PTR_NULL(out.data);
    }
    KH_ASSERT_OK(from_file("1234", 4, 0400, &out), err);
    kh_buf_free(&out);
}

static void a_file_that_is_none_is_refused(void)
{
    const char *dir = kh_test_dir();
    char *file = kh_test_path(dir, "file");
    char *link = kh_test_path(dir, "link");
    char *fifo = kh_test_path(dir, "fifo");
    struct kh_buf out = {0};
    char source[4096];

    kh_test_write(file, "1234", 4, 0600);
    CU_ASSERT_EQUAL_FATAL(symlink(file, link), 0);
    CU_ASSERT_EQUAL_FATAL(mkfifo(fifo, 0600), 0);
    (void)snprintf(source, sizeof source, "file:%s", link);
    KH_ASSERT_FAILS(
        kh_secret_read(source, "", &out, &err), KH_UNAVAILABLE, err, "a symbolic link");
    (void)snprintf(source, sizeof source, "file:%s", fifo);
    KH_ASSERT_FAILS(kh_secret_read(source, "", &out, &err), KH_UNAVAILABLE, err,
        "not a regular file");
    (void)snprintf(source, sizeof source, "file:%s", dir);
    KH_ASSERT_FAILS(kh_secret_read(source, "", &out, &err), KH_UNAVAILABLE, err,
        "not a regular file");
    (void)snprintf(source, sizeof source, "file:%s/gone", dir);
    KH_ASSERT_FAILS(
        kh_secret_read(source, "", &out, &err), KH_UNAVAILABLE, err, "No such file");
    free(fifo);
    free(link);
    free(file);
}

static void a_file_of_somebody_else_is_refused(void)
{
    char *path = kh_test_path(kh_test_dir(), "pin");
    struct kh_buf out = {0};
    char source[4096];

    if (geteuid() == 0) {
        kh_test_write(path, "1234", 4, 0600);
        CU_ASSERT_EQUAL_FATAL(chown(path, 65534, 65534), 0);
        (void)snprintf(source, sizeof source, "file:%s", path);
        KH_ASSERT_FAILS(kh_secret_read(source, "", &out, &err), KH_UNAVAILABLE, err,
            "belongs to user 65534");
    } else {
        /* Others' private files cannot be opened in the first place. */
        KH_ASSERT_FAILS(kh_secret_read("file:/etc/shadow", "", &out, &err),
            KH_UNAVAILABLE, err, "cannot be read");
    }
    free(path);
}

static void a_credential_comes_from_systemd_s_directory(void)
{
    const char *dir = kh_test_dir();
    char *path = kh_test_path(dir, "pin");
    KH_CLEANUP_BUF struct kh_buf out = {0};

    kh_test_write(path, "9876\n", 5, 0440);
    CU_ASSERT_EQUAL_FATAL(setenv("CREDENTIALS_DIRECTORY", dir, 1), 0);
    KH_ASSERT_OK(kh_secret_read("credential:pin", "", &out, &err), err);
    CU_ASSERT_EQUAL_FATAL(out.len, 4);
    CU_ASSERT_EQUAL(memcmp(out.data, "9876", 4), 0);
    kh_buf_free(&out);
    KH_ASSERT_FAILS(kh_secret_read("credential:other", "", &out, &err), KH_UNAVAILABLE,
        err, "No such file");
    CU_ASSERT_EQUAL_FATAL(unsetenv("CREDENTIALS_DIRECTORY"), 0);
    KH_ASSERT_FAILS(kh_secret_read("credential:pin", "", &out, &err), KH_UNAVAILABLE, err,
        "credential 'pin': systemd gave none");
    free(path);
}

static void a_descriptor_is_read_to_its_end(void)
{
    KH_CLEANUP_BUF struct kh_buf out = {0};
    char source[32];
    int ends[2];

    CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
    CU_ASSERT_EQUAL(write(ends[1], "12", 2), 2);
    CU_ASSERT_EQUAL(write(ends[1], "34\n", 3), 3);
    (void)close(ends[1]);
    (void)snprintf(source, sizeof source, "fd:%d", ends[0]);
    KH_ASSERT_OK(kh_secret_read(source, "", &out, &err), err);
    CU_ASSERT_EQUAL_FATAL(out.len, 4);
    CU_ASSERT_EQUAL(memcmp(out.data, "1234", 4), 0);
    kh_buf_free(&out);
    /* It is used up. */
    KH_ASSERT_FAILS(kh_secret_read(source, "", &out, &err), KH_UNAVAILABLE, err, "empty");
    (void)close(ends[0]);
    KH_ASSERT_FAILS(kh_secret_read(source, "", &out, &err), KH_UNAVAILABLE, err, source);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "cannot be read"));
}

/* What the child on the terminal found: 0 the secret, 2 a refusal that says
 * "interrupted", 1 else. */
static int child_asks(void)
{
    struct kh_buf out = {0};
    struct kh_error e = {0};

    if (kh_secret_read("prompt", "PIN of token lab: ", &out, &e) != KH_OK)
        return strstr(e.message, "interrupted") ? 2 : 1;
    return out.len == 6 && memcmp(out.data, "sesame", 6) == 0 ? 0 : 1;
}

/* Reads the terminal until WORD came or its end; all of it is in SEEN. */
static void read_until(int fd, const char *word, char *seen, size_t size)
{
    size_t len = strlen(seen);

    while (len + 1 < size && !(word && strstr(seen, word))) {
        ssize_t n = read(fd, seen + len, size - 1 - len);

        if (n <= 0)
            break;
        len += (size_t)n;
        seen[len] = '\0';
    }
}

/* The prompt is shown just before echo goes off; nobody types that fast, but a test does.
 */
static void wait_for_no_echo(int fd)
{
    struct termios t;

    while (tcgetattr(fd, &t) == 0 && (t.c_lflag & ECHO))
        (void)sched_yield();
}

static int answer_prompt(const char *answer, char *seen, size_t size)
{
    int status = -1;
    int fd = -1;
    pid_t pid = forkpty(&fd, NULL, NULL, NULL);
    struct pollfd ended = {.fd = fd, .events = POLLIN};

    if (pid == 0)
        _exit(child_asks());
    CU_ASSERT_FATAL(pid > 0);
    seen[0] = '\0';
    read_until(fd, "PIN of token lab: ", seen, size);
    wait_for_no_echo(fd);
    /* A ^C that comes just before libcrypto reads is noticed with the next key only, as a
     * person would find, who presses it again. */
    do {
        CU_ASSERT_EQUAL(write(fd, answer, strlen(answer)), (ssize_t)strlen(answer));
    } while (strchr(answer, '\003') && poll(&ended, 1, 100) == 0);
    read_until(fd, NULL, seen, size);
    CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
    (void)close(fd);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void a_prompt_asks_on_the_terminal_without_echo(void)
{
    char seen[1024];

    CU_ASSERT_EQUAL(answer_prompt("sesame\n", seen, sizeof seen), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(seen, "PIN of token lab: "));
    CU_ASSERT_PTR_NULL(strstr(seen, "sesame"));
}

static void an_interrupted_prompt_says_so(void)
{
    char seen[1024];

    CU_ASSERT_EQUAL(answer_prompt("ses\003", seen, sizeof seen), 2);
}

static void an_empty_answer_is_refused(void)
{
    char seen[1024];

    CU_ASSERT_EQUAL(answer_prompt("\n", seen, sizeof seen), 1);
}

static void a_prompt_without_a_terminal_is_refused_and_leaves_stdin_alone(void)
{
    int status = -1;
    int ends[2];
    pid_t pid;

    CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
    CU_ASSERT_EQUAL(write(ends[1], "sesame\n", 7), 7);
    (void)close(ends[1]);
    pid = fork();
    if (pid == 0) {
        struct kh_buf out = {0};
        struct kh_error e = {0};
        char left[8] = "";

        (void)setsid(); /* no terminal any more */
        if (dup2(ends[0], STDIN_FILENO) != STDIN_FILENO ||
            kh_secret_read("prompt", "PIN: ", &out, &e) != KH_UNAVAILABLE ||
            !strstr(e.message, "no terminal") || read(STDIN_FILENO, left, 7) != 7)
            _exit(1);
        _exit(strcmp(left, "sesame\n") != 0);
    }
    CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
    CU_ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    (void)close(ends[0]);
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"the_four_forms_are_accepted", the_four_forms_are_accepted},
        {"anything_else_is_refused_and_not_repeated",
            anything_else_is_refused_and_not_repeated},
        {"a_file_gives_its_bytes_without_one_newline",
            a_file_gives_its_bytes_without_one_newline},
        {"a_file_of_1024_bytes_is_read_and_a_longer_one_refused",
            a_file_of_1024_bytes_is_read_and_a_longer_one_refused},
        {"an_empty_secret_is_refused", an_empty_secret_is_refused},
        {"a_file_that_others_can_reach_is_refused",
            a_file_that_others_can_reach_is_refused},
        {"a_file_that_is_none_is_refused", a_file_that_is_none_is_refused},
        {"a_file_of_somebody_else_is_refused", a_file_of_somebody_else_is_refused},
        {"a_credential_comes_from_systemd_s_directory",
            a_credential_comes_from_systemd_s_directory},
        {"a_descriptor_is_read_to_its_end", a_descriptor_is_read_to_its_end},
        {"a_prompt_asks_on_the_terminal_without_echo",
            a_prompt_asks_on_the_terminal_without_echo},
        {"an_interrupted_prompt_says_so", an_interrupted_prompt_says_so},
        {"an_empty_answer_is_refused", an_empty_answer_is_refused},
        {"a_prompt_without_a_terminal_is_refused_and_leaves_stdin_alone",
            a_prompt_without_a_terminal_is_refused_and_leaves_stdin_alone},
    };

    return kh_test_main("core/secret", tests, sizeof tests / sizeof tests[0]);
}
