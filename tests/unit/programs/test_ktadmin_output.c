#include "programs/ktadmin/output.h"

#include "core/record.h"
#include "core/secmem.h"
#include "tests/lib/testlib.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What PRINT writes of TEXT. */
static void printed(
    void (*print)(FILE *to, const char *text), const char *text, const char *want)
{
    char *out = NULL;
    size_t len = 0;
    FILE *to = open_memstream(&out, &len);

    CU_ASSERT_PTR_NOT_NULL_FATAL(to);
    print(to, text);
    fclose(to);
    CU_ASSERT_STRING_EQUAL(out, want);
    free(out);
}

static void name_alone(FILE *to, const char *name)
{
    kh_print_name(to, name, 0);
}

static void nothing_stored_can_steer_the_terminal(void)
{
    printed(kh_print_text, "plain text, \xc3\xa9", "plain text, \xc3\xa9");
    printed(kh_print_text, "\x1b[2J\a\x7f\n", "\\x1b[2J\\x07\\x7f\\x0a");
    printed(kh_print_text, "c1 \xc2\x9b", "c1 \\xc2\\x9b");
    printed(kh_print_text, "\xff\xe9", "\\xff\\xe9");
}

static void odd_names_are_percent_encoded(void)
{
    printed(name_alone, "good-name_1.0", "good-name_1.0");
    printed(name_alone, "a/b c\x1b%", "a%2Fb%20c%1B%25");
}

static void unknown_times_are_a_dash(void)
{
    char out[KH_TIME_LEN];

    CU_ASSERT_STRING_EQUAL(kh_time_word(0, out), "-");
    CU_ASSERT_STRING_EQUAL(kh_time_word(1795500209, out), "2026-11-24T06:03:29Z");
}

static void names_that_are_not_utf8_are_marked_in_json(void)
{
    json_t *object = json_object();

    kh_json_name(object, "\xff");
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(object, "name")), "%FF");
    CU_ASSERT_TRUE(json_is_true(json_object_get(object, "escaped")));
    json_object_clear(object);
    kh_json_name(object, "a b");
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(object, "name")), "a b");
    CU_ASSERT_PTR_NULL(json_object_get(object, "escaped"));
    json_decref(object);
}

static void data_goes_to_a_new_file_of_mode_0600(void)
{
    char *path = kh_test_path(kh_test_dir(), "out");
    KH_CLEANUP_BUF struct kh_buf data = {0};
    struct kh_error err = {0};
    struct stat st;

    KH_ASSERT_OK_FATAL(kh_buf_copy(&data, "a\0b", 3, &err), err);
    KH_ASSERT_OK_FATAL(kh_output_data(path, &data, false, &err), err);
    CU_ASSERT_EQUAL_FATAL(stat(path, &st), 0);
    CU_ASSERT_EQUAL(st.st_mode & 07777, 0600);
    CU_ASSERT_EQUAL(st.st_size, 3);
    free(path);
}

static void an_existing_file_is_left_alone_unless_forced(void)
{
    char *path = kh_test_path(kh_test_dir(), "out");
    KH_CLEANUP_BUF struct kh_buf data = {0};
    struct kh_error err = {0};
    struct stat st;

    kh_test_write(path, "old", 3, 0644);
    KH_ASSERT_OK_FATAL(kh_buf_copy(&data, "newer", 5, &err), err);
    KH_ASSERT_FAILS(kh_output_data(path, &data, false, &err), KH_EXISTS, err, path);
    CU_ASSERT_EQUAL_FATAL(stat(path, &st), 0);
    CU_ASSERT_EQUAL(st.st_size, 3);
    KH_ASSERT_OK(kh_output_data(path, &data, true, &err), err);
    CU_ASSERT_EQUAL_FATAL(stat(path, &st), 0);
    CU_ASSERT_EQUAL(st.st_size, 5);
    CU_ASSERT_EQUAL(st.st_mode & 07777, 0600);
    free(path);
}

static void a_missing_directory_is_not_a_missing_deposit(void)
{
    struct kh_buf data = {0};
    struct kh_error err = {0};

    KH_ASSERT_FAILS(kh_output_data("/nonexistent/dir/out", &data, false, &err),
        KH_UNAVAILABLE, err, "/nonexistent/dir");
}

static const struct kh_test tests[] = {
    {"nothing_stored_can_steer_the_terminal", nothing_stored_can_steer_the_terminal},
    {"odd_names_are_percent_encoded", odd_names_are_percent_encoded},
    {"unknown_times_are_a_dash", unknown_times_are_a_dash},
    {"names_that_are_not_utf8_are_marked_in_json",
        names_that_are_not_utf8_are_marked_in_json},
    {"data_goes_to_a_new_file_of_mode_0600", data_goes_to_a_new_file_of_mode_0600},
    {"an_existing_file_is_left_alone_unless_forced",
        an_existing_file_is_left_alone_unless_forced},
    {"a_missing_directory_is_not_a_missing_deposit",
        a_missing_directory_is_not_a_missing_deposit},
};

int main(void)
{
    return kh_test_main("ktadmin_output", tests, sizeof tests / sizeof tests[0]);
}
