/* What is said of a migration by what it leaves in its directory. */
#include "server/status_migration.h"

#include "tests/lib/testlib.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static void write_file(const char *dir, const char *name, const char *text, time_t when)
{
    const struct timespec times[2] = {{when, 0}, {when, 0}};
    char *path = kh_test_path(dir, "%s", name);

    kh_test_write(path, text, strlen(text), 0600);
    CU_ASSERT_EQUAL(utimensat(-1, path, times, 0), 0);
    free(path);
}

static void says(const char *dir, const char *state, const char *text)
{
    json_t *found = kh_status_migration(dir);

    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(found, "state")), state);
    if (!strstr(json_string_value(json_object_get(found, "text")), text))
        CU_FAIL("another text");
    json_decref(found);
}

static json_int_t number(const char *dir, const char *member)
{
    json_t *found = kh_status_migration(dir);
    json_int_t value = json_integer_value(json_object_get(found, member));

    json_decref(found);
    return value;
}

static void without_a_migration_nothing_is_said(void)
{
    const char *dir = kh_test_dir();
    json_t *found = kh_status_migration(dir);

    CU_ASSERT_TRUE(json_is_null(found));
    json_decref(found);
    found = kh_status_migration("/nonexistent/migrations");
    CU_ASSERT_TRUE(json_is_null(found));
    json_decref(found);
    write_file(dir, "abc.journal", "SQLite", 1000);
    found = kh_status_migration(dir);
    CU_ASSERT_TRUE(json_is_null(found));
    json_decref(found);
}

static void one_that_runs_says_how_far_it_is(void)
{
    const char *dir = kh_test_dir();
    char text[200];

    snprintf(text, sizeof text,
        "{\"pid\":%ld,\"phase\":\"copy\",\"done\":30,\"total\":120,\"source\":\"a\","
        "\"destination\":\"b\"}      \n",
        (long)getpid());
    write_file(dir, "k.progress", text, 2000);
    says(dir, "running", "Running");
    CU_ASSERT_EQUAL(number(dir, "done"), 30);
    CU_ASSERT_EQUAL(number(dir, "total"), 120);
}

static void one_that_was_killed_was_interrupted(void)
{
    const char *dir = kh_test_dir();

    write_file(dir, "k.progress",
        "{\"pid\":2147483600,\"phase\":\"copy\",\"done\":3,\"total\":12}", 2000);
    says(dir, "interrupted", "run it again");
    write_file(dir, "k.progress", "{\"phase\":\"copy\"}", 2000);
    says(dir, "interrupted", "run it again");
    write_file(dir, "k.progress", "{\"pid\":-1}", 2000);
    says(dir, "interrupted", "run it again");
}

static void the_newest_report_tells_how_it_ended(void)
{
    const char *dir = kh_test_dir();

    write_file(dir, "a.report.json",
        "{\"program\":\"keyhsm\",\"outcome\":\"findings\",\"versions\":5,\"verified\":0,"
        "\n"
        "\"events\":[{\"x\":1}]}",
        1000);
    says(dir, "failed", "findings");
    write_file(dir, "b.report.json",
        "{\"outcome\":\"committed\",\"source\":\"from\",\"destination\":\"to\","
        "\"versions\":7,\"verified\":7,\n\"events\":[\n],\n\"renamings\":[]}\n",
        2000);
    says(dir, "committed", "Complete");
    CU_ASSERT_EQUAL(number(dir, "done"), 7);
    write_file(dir, "c.report.json", "{\"outcome\":\"unavailable\"}", 3000);
    says(dir, "interrupted", "destination went away");
    write_file(dir, "d.report.json", "{\"outcome\":\"something\"}", 4000);
    says(dir, "failed", "Failed");
    write_file(dir, "d.progress", "{\"pid\":2147483600}", 3500); /* of a run before */
    says(dir, "failed", "Failed");
}

static void what_cannot_be_read_is_not_known(void)
{
    const char *dir = kh_test_dir();

    write_file(dir, "a.report.json", "", 1000);
    says(dir, "unknown", "Not known");
    write_file(dir, "b.report.json", "[1]", 2000);
    says(dir, "unknown", "Not known");
    write_file(dir, "c.report.json", "{\"outcome\":", 3000);
    says(dir, "unknown", "Not known");
}

static void a_long_report_is_read_as_far_as_its_events(void)
{
    const char *dir = kh_test_dir();
    char *text = malloc(200000);
    size_t len;

    CU_ASSERT_PTR_NOT_NULL_FATAL(text);
    len = (size_t)snprintf(
        text, 200000, "{\"outcome\":\"committed\",\"verified\":9,\n\"events\":[\"");
    memset(text + len, 'x', 199999 - len);
    text[199999] = '\0';
    write_file(dir, "a.report.json", text, 1000);
    says(dir, "committed", "Complete");
    CU_ASSERT_EQUAL(number(dir, "done"), 9);
    free(text);
}

static void links_and_directories_are_not_followed(void)
{
    const char *dir = kh_test_dir();
    char *path = kh_test_path(dir, "a.report.json");
    json_t *found;

    CU_ASSERT_EQUAL(symlink("/etc/passwd", path), 0);
    free(path);
    path = kh_test_path(dir, "b.progress");
    CU_ASSERT_EQUAL(mkdir(path, 0700), 0);
    free(path);
    found = kh_status_migration(dir);
    CU_ASSERT_TRUE(json_is_null(found));
    json_decref(found);
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"without a migration nothing is said", without_a_migration_nothing_is_said},
        {"one that runs says how far it is", one_that_runs_says_how_far_it_is},
        {"one that was killed was interrupted", one_that_was_killed_was_interrupted},
        {"the newest report tells how it ended", the_newest_report_tells_how_it_ended},
        {"what cannot be read is not known", what_cannot_be_read_is_not_known},
        {"a long report is read as far as its events",
            a_long_report_is_read_as_far_as_its_events},
        {"links and directories are not followed",
            links_and_directories_are_not_followed},
    };

    return kh_test_main("server/status_migration", tests, sizeof tests / sizeof tests[0]);
}
