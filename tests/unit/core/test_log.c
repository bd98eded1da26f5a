#include "core/log.h"

#include "core/fileio.h"
#include "core/secmem.h"
#include "tests/lib/testlib.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct kh_error err;

/* A log in a new file; *PATH is freed by the caller. */
static void log_to_file(char **path, kh_log_level level)
{
    char target[4096];

    *path = kh_test_path(kh_test_dir(), "log");
    (void)snprintf(target, sizeof target, "file:%s", *path);
    KH_ASSERT_OK_FATAL(kh_log_open("testd", target, level, &err), err);
}

/* Freed by the caller. */
static char *text_of(const char *path)
{
    struct kh_buf buf = {0};
    char *text;

    KH_ASSERT_OK_FATAL(kh_file_read(path, 1 << 20, &buf, &err), err);
    text = strndup(buf.len ? (char *)buf.data : "", buf.len);
    kh_buf_free(&buf);
    return text;
}

static size_t lines_of(const char *text)
{
    size_t n = 0;

    for (; *text; text++)
        n += *text == '\n';
    return n;
}

static void has(const char *path, const char *want)
{
    char *text = text_of(path);

    if (!strstr(text, want))
        fprintf(stderr, "    wanted \"%s\" in: %s", want, text);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, want));
    CU_ASSERT_EQUAL(lines_of(text), 1);
    free(text);
}

static void a_line_has_time_level_program_and_text(void)
{
    regex_t re;
    char *path;
    char *text;

    log_to_file(&path, KH_LOG_INFO);
    kh_log(KH_LOG_WARNING, "%d deposits", 3);
    text = text_of(path);
    CU_ASSERT_EQUAL_FATAL(
        regcomp(&re,
            "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z warning "
            "testd\\[[0-9]+\\]: 3 deposits\n$",
            REG_EXTENDED | REG_NOSUB),
        0);
    CU_ASSERT_EQUAL(regexec(&re, text, 0, NULL, 0), 0);
    regfree(&re);
    free(text);
    free(path);
}

static void lines_below_the_level_are_left_out(void)
{
    char *path;

    log_to_file(&path, KH_LOG_WARNING);
    kh_log(KH_LOG_DEBUG, "debug");
    kh_log(KH_LOG_INFO, "info");
    kh_log(KH_LOG_NOTICE, "notice");
    kh_log(KH_LOG_WARNING, "kept");
    has(path, "warning testd[");
    kh_log(KH_LOG_ERROR, "too");
    free(path);
}

static void a_text_with_newlines_stays_one_line(void)
{
    char *path;

    log_to_file(&path, KH_LOG_INFO);
    kh_log(KH_LOG_INFO, "a\nb\r\tc\033[2Jd\x7f"
                        "e");
    has(path, "a\\x0ab\\x0d\\x09c\\x1b[2Jd\\x7fe\n");
    free(path);
}

static void utf8_is_kept_and_what_is_not_utf8_is_escaped(void)
{
    char *path;

    log_to_file(&path, KH_LOG_INFO);
    kh_log(KH_LOG_INFO, "gr\xc3\xbc\xc3\x9f");
    has(path, ": gr\xc3\xbc\xc3\x9f\n");
    free(path);
    log_to_file(&path, KH_LOG_INFO);
    kh_log(KH_LOG_INFO, "bad \xff \xc3\xbc");
    has(path, ": bad \\xff \\xc3\\xbc\n");
    free(path);
    /* U+009B begins a terminal's control sequence, as ESC [ does. */
    log_to_file(&path, KH_LOG_INFO);
    kh_log(KH_LOG_INFO, "c1 \xc2\x9b \xc2\xa9");
    has(path, ": c1 \\xc2\\x9b \xc2\xa9\n");
    free(path);
}

static void a_very_long_text_is_cut(void)
{
    char *path;
    char *text;
    char *big = malloc(100000);

    CU_ASSERT_PTR_NOT_NULL_FATAL(big);
    memset(big, '\n', 99999);
    big[99999] = '\0';
    log_to_file(&path, KH_LOG_INFO);
    kh_log(KH_LOG_INFO, "%s", big);
    text = text_of(path);
    CU_ASSERT_EQUAL(lines_of(text), 1);
    CU_ASSERT(strlen(text) > 4 * 2000 && strlen(text) < 4 * 2048 + 256);
    free(text);
    free(path);
    free(big);
}

static void a_log_file_is_appended_to_and_not_for_everybody(void)
{
    struct stat sb;
    char *path;
    char target[4096];

    log_to_file(&path, KH_LOG_INFO);
    kh_log(KH_LOG_INFO, "one");
    (void)snprintf(target, sizeof target, "file:%s", path);
    KH_ASSERT_OK(kh_log_open("testd", target, KH_LOG_INFO, &err), err);
    CU_ASSERT_EQUAL(stat(path, &sb), 0);
    CU_ASSERT_EQUAL(sb.st_mode & 0137, 0);
    has(path, "one\n");
    free(path);
}

static void reopen_starts_a_new_file_after_a_rotation(void)
{
    char *path;
    char old[4096];

    log_to_file(&path, KH_LOG_INFO);
    (void)snprintf(old, sizeof old, "%s.1", path);
    kh_log(KH_LOG_INFO, "before");
    CU_ASSERT_EQUAL_FATAL(rename(path, old), 0);
    KH_ASSERT_OK(kh_log_reopen(&err), err);
    kh_log(KH_LOG_INFO, "after");
    has(old, "before\n");
    has(path, "after\n");
    free(path);
}

static void a_failing_reopen_keeps_the_old_file(void)
{
    char *path;
    char *dir;
    char *moved;

    log_to_file(&path, KH_LOG_INFO);
    dir = strndup(path, strlen(path) - strlen("/log"));
    moved = kh_test_path(kh_test_dir(), "moved");
    CU_ASSERT_EQUAL_FATAL(rename(dir, moved), 0);
    KH_ASSERT_FAILS(kh_log_reopen(&err), KH_UNAVAILABLE, err, path);
    kh_log(KH_LOG_INFO, "still here");
    CU_ASSERT_EQUAL_FATAL(rename(moved, dir), 0);
    has(path, "still here\n");
    free(moved);
    free(dir);
    free(path);
}

static void a_wrong_target_leaves_the_log_as_it_was(void)
{
    char *path;

    log_to_file(&path, KH_LOG_INFO);
    KH_ASSERT_FAILS(kh_log_open("other", "syslog", KH_LOG_DEBUG, &err), KH_INVALID, err,
        "stderr, journal or file:/absolute/path");
    KH_ASSERT_FAILS(kh_log_open("other", "file:log", KH_LOG_DEBUG, &err), KH_INVALID, err,
        "'file:log'");
    KH_ASSERT_FAILS(kh_log_open("other", "file:/nowhere/at/all", KH_LOG_DEBUG, &err),
        KH_UNAVAILABLE, err, "/nowhere/at/all: the log cannot be opened");
    kh_log(KH_LOG_DEBUG, "filtered");
    kh_log(KH_LOG_INFO, "kept");
    has(path, "testd[");
    free(path);
}

static void stderr_is_a_target(void)
{
    char *path = kh_test_path(kh_test_dir(), "stderr");
    int saved = dup(STDERR_FILENO);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    CU_ASSERT_FATAL(saved >= 0 && fd >= 0);
    KH_ASSERT_OK(kh_log_open("tool", "stderr", KH_LOG_INFO, &err), err);
    CU_ASSERT_FATAL(dup2(fd, STDERR_FILENO) >= 0);
    kh_log(KH_LOG_ERROR, "to stderr");
    CU_ASSERT_FATAL(dup2(saved, STDERR_FILENO) >= 0);
    (void)close(fd);
    (void)close(saved);
    has(path, "error tool[");
    free(path);
}

/* Where there is no journal, or none that takes the line, it goes to standard error. */
static void the_journal_is_a_target(void)
{
    KH_ASSERT_OK(kh_log_open("tool", "journal", KH_LOG_INFO, &err), err);
    errno = 77;
    kh_log(KH_LOG_NOTICE, "a line for the journal");
    CU_ASSERT_EQUAL(errno, 77);
    KH_ASSERT_OK(kh_log_open("tool", "stderr", KH_LOG_INFO, &err), err);
    KH_ASSERT_OK(kh_log_reopen(&err), err);
}

static void a_line_names_the_request_of_its_thread(void)
{
    char *path;

    log_to_file(&path, KH_LOG_INFO);
    kh_log_request("abc-1");
    CU_ASSERT_STRING_EQUAL(kh_log_request_id(), "abc-1");
    kh_log(KH_LOG_INFO, "one");
    has(path, "]: one request=abc-1\n");
    kh_log_request(NULL);
    CU_ASSERT_STRING_EQUAL(kh_log_request_id(), "");
    free(path);
    log_to_file(&path, KH_LOG_INFO);
    kh_log(KH_LOG_INFO, "two");
    has(path, "]: two\n");
    free(path);
}

static void *look_at_request(void *arg)
{
    *(bool *)arg = *kh_log_request_id() == '\0';
    return NULL;
}

static void another_thread_works_for_another_request(void)
{
    pthread_t thread;
    bool none = false;

    kh_log_request("mine");
    CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, look_at_request, &none), 0);
    CU_ASSERT_EQUAL_FATAL(pthread_join(thread, NULL), 0);
    CU_ASSERT_TRUE(none);
    CU_ASSERT_STRING_EQUAL(kh_log_request_id(), "mine");
    kh_log_request(NULL);
}

static void lines_may_be_json(void)
{
    static const struct kh_log_field fields[] = {
        {"id", KH_LOG_ID, "abc-1"}, {"status", KH_LOG_NUMBER, "200"}};
    char *path;

    log_to_file(&path, KH_LOG_INFO);
    kh_log_set_format(KH_LOG_JSON);
    kh_log_event(KH_LOG_DEBUG, "left out", fields, 2);
    kh_log_event(KH_LOG_INFO, "access", fields, 2);
    has(path, "\"message\":\"access\",\"request_id\":\"abc-1\",\"status\":200}\n");
    kh_log_set_format(KH_LOG_TEXT);
    free(path);
    log_to_file(&path, KH_LOG_INFO);
    kh_log_event(KH_LOG_INFO, "access", fields, 2);
    has(path, "]: access id=abc-1 status=200\n");
    free(path);
}

static void levels_have_names(void)
{
    kh_log_level level = KH_LOG_DEBUG;

    CU_ASSERT_EQUAL(kh_log_level_parse("error", &level), KH_OK);
    CU_ASSERT_EQUAL(level, KH_LOG_ERROR);
    CU_ASSERT_EQUAL(kh_log_level_parse("debug", &level), KH_OK);
    CU_ASSERT_EQUAL(level, KH_LOG_DEBUG);
    CU_ASSERT_EQUAL(kh_log_level_parse("", &level), KH_INVALID);
    CU_ASSERT_EQUAL(kh_log_level_parse("Debug", &level), KH_INVALID);
}

static void *write_many(void *arg)
{
    for (int i = 0; i < 200; i++)
        kh_log(
            KH_LOG_INFO, "thread %s says the same thing all the time", (const char *)arg);
    return NULL;
}

static void lines_of_many_threads_are_not_mixed(void)
{
    static char name[][2] = {"a", "b", "c", "d"};
    pthread_t threads[4];
    char *path;
    char *text;
    char *save = NULL;

    log_to_file(&path, KH_LOG_INFO);
    for (size_t i = 0; i < 4; i++)
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, write_many, name[i]), 0);
    for (size_t i = 0; i < 4; i++)
        CU_ASSERT_EQUAL_FATAL(pthread_join(threads[i], NULL), 0);
    text = text_of(path);
    CU_ASSERT_EQUAL(lines_of(text), 800);
    for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
        const char *words = strstr(l, "]: ");

        CU_ASSERT_PTR_NOT_NULL_FATAL(words);
        CU_ASSERT_STRING_EQUAL(words + 11, " says the same thing all the time");
    }
    free(text);
    free(path);
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"a_line_has_time_level_program_and_text",
            a_line_has_time_level_program_and_text},
        {"lines_below_the_level_are_left_out", lines_below_the_level_are_left_out},
        {"a_text_with_newlines_stays_one_line", a_text_with_newlines_stays_one_line},
        {"utf8_is_kept_and_what_is_not_utf8_is_escaped",
            utf8_is_kept_and_what_is_not_utf8_is_escaped},
        {"a_very_long_text_is_cut", a_very_long_text_is_cut},
        {"a_log_file_is_appended_to_and_not_for_everybody",
            a_log_file_is_appended_to_and_not_for_everybody},
        {"reopen_starts_a_new_file_after_a_rotation",
            reopen_starts_a_new_file_after_a_rotation},
        {"a_failing_reopen_keeps_the_old_file", a_failing_reopen_keeps_the_old_file},
        {"a_wrong_target_leaves_the_log_as_it_was",
            a_wrong_target_leaves_the_log_as_it_was},
        {"stderr_is_a_target", stderr_is_a_target},
        {"the_journal_is_a_target", the_journal_is_a_target},
        {"levels_have_names", levels_have_names},
        {"a_line_names_the_request_of_its_thread",
            a_line_names_the_request_of_its_thread},
        {"another_thread_works_for_another_request",
            another_thread_works_for_another_request},
        {"lines_may_be_json", lines_may_be_json},
        {"lines_of_many_threads_are_not_mixed", lines_of_many_threads_are_not_mixed},
    };

    return kh_test_main("core/log", tests, sizeof tests / sizeof tests[0]);
}
