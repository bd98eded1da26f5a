#include "programs/ktadmin/input.h"

#include "core/deposit.h"
#include "core/secmem.h"
#include "tests/lib/testlib.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void a_file_is_read_byte_for_byte(void)
{
    char *path = kh_test_path(kh_test_dir(), "in");
    KH_CLEANUP_BUF struct kh_buf buf = {0};
    struct kh_error err = {0};

    kh_test_write(path, "a\0b\n", 4, 0600);
    KH_ASSERT_OK_FATAL(kh_input_read(path, &buf, &err), err);
    CU_ASSERT_EQUAL_FATAL(buf.len, 4);
    CU_ASSERT_EQUAL(memcmp(buf.data, "a\0b\n", 4), 0);
    free(path);
}

static void an_empty_file_is_empty_data(void)
{
    KH_CLEANUP_BUF struct kh_buf buf = {0};
    struct kh_error err = {0};

    KH_ASSERT_OK(kh_input_read("/dev/null", &buf, &err), err);
    CU_ASSERT_EQUAL(buf.len, 0);
}

static void a_pipe_is_read_to_its_end(void)
{
    int ends[2];
    char path[32];
    pid_t child;
    KH_CLEANUP_BUF struct kh_buf buf = {0};
    struct kh_error err = {0};

    CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
    child = fork();
    if (child == 0) {
        static unsigned char block[70000];

        close(ends[0]);
        memset(block, 'x', sizeof block);
        for (size_t done = 0; done < sizeof block;)
            done += (size_t)write(ends[1], block + done, sizeof block - done);
        _exit(0);
    }
    close(ends[1]);
    snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);
    KH_ASSERT_OK(kh_input_read(path, &buf, &err), err);
    CU_ASSERT_EQUAL(buf.len, 70000);
    close(ends[0]);
}

/* The limit itself fits, one byte more does not. */
static void the_limit_is_said_when_it_is_passed(void)
{
    char *path = kh_test_path(kh_test_dir(), "large");
    unsigned char *large = calloc(1, KH_DATA_LIMIT + 1);
    KH_CLEANUP_BUF struct kh_buf buf = {0};
    struct kh_error err = {0};

    CU_ASSERT_PTR_NOT_NULL_FATAL(large);
    kh_test_write(path, large, KH_DATA_LIMIT + 1, 0600);
    KH_ASSERT_FAILS(
        kh_input_read(path, &buf, &err), KH_INVALID, err, "more than 1048576 bytes");
    CU_ASSERT_PTR_NULL(buf.data);
    CU_ASSERT_EQUAL_FATAL(truncate(path, KH_DATA_LIMIT), 0);
    KH_ASSERT_OK(kh_input_read(path, &buf, &err), err);
    CU_ASSERT_EQUAL(buf.len, KH_DATA_LIMIT);
    free(large);
    free(path);
}

static void a_missing_file_and_a_directory_are_named(void)
{
    KH_CLEANUP_BUF struct kh_buf buf = {0};
    struct kh_error err = {0};

    KH_ASSERT_FAILS(
        kh_input_read("/nonexistent/x", &buf, &err), KH_INVALID, err, "/nonexistent/x");
    KH_ASSERT_FAILS(kh_input_read("/", &buf, &err), KH_INVALID, err, "directory");
}

static void attributes_are_split_at_the_first_equals_sign(void)
{
    struct kh_attribute_args args = {.list = {"a=1", "b=x=y", "empty="}, .count = 3};
    struct kh_attrs attrs = {0};
    struct kh_error err = {0};

    KH_ASSERT_OK(kh_input_attributes(&args, &attrs, &err), err);
    CU_ASSERT_EQUAL(attrs.count, 3);
    CU_ASSERT_STRING_EQUAL(kh_attrs_get(&attrs, "b"), "x=y");
    CU_ASSERT_STRING_EQUAL(kh_attrs_get(&attrs, "empty"), "");
    kh_attrs_free(&attrs);
}

static void refuse(const char *text, const char *word)
{
    struct kh_attribute_args args = {.list = {"a=1", text}, .count = 2};
    struct kh_attrs attrs = {0};
    struct kh_error err = {0};

    KH_ASSERT_FAILS(kh_input_attributes(&args, &attrs, &err), KH_INVALID, err, word);
    kh_attrs_free(&attrs);
}

static void malformed_attributes_are_refused_by_name(void)
{
    char longname[KH_ATTR_NAME_MAX + 8];

    memset(longname, 'n', sizeof longname);
    memcpy(longname + KH_ATTR_NAME_MAX + 1, "=v", 3);
    refuse("novalue", "NAME=VALUE");
    refuse("=v", "NAME=VALUE");
    refuse("a=2", "twice");
    refuse("b=\xff\xfe", "UTF-8");
    refuse(longname, "longer");
}

static void the_33rd_attribute_is_refused(void)
{
    struct kh_attribute_args args = {0};
    struct kh_attrs attrs = {0};
    struct kh_error err = {0};
    char texts[33][16];

    for (unsigned i = 0; i < 33; i++) {
        snprintf(texts[i], sizeof texts[i], "k%u=v", i);
        args.list[args.count++] = texts[i];
    }
    KH_ASSERT_FAILS(kh_input_attributes(&args, &attrs, &err), KH_INVALID, err, "32");
    kh_attrs_free(&attrs);
    args.count = 32;
    KH_ASSERT_OK(kh_input_attributes(&args, &attrs, &err), err);
    CU_ASSERT_EQUAL(attrs.count, 32);
    kh_attrs_free(&attrs);
}

static const struct kh_test tests[] = {
    {"a_file_is_read_byte_for_byte", a_file_is_read_byte_for_byte},
    {"an_empty_file_is_empty_data", an_empty_file_is_empty_data},
    {"a_pipe_is_read_to_its_end", a_pipe_is_read_to_its_end},
    {"the_limit_is_said_when_it_is_passed", the_limit_is_said_when_it_is_passed},
    {"a_missing_file_and_a_directory_are_named",
        a_missing_file_and_a_directory_are_named},
    {"attributes_are_split_at_the_first_equals_sign",
        attributes_are_split_at_the_first_equals_sign},
    {"malformed_attributes_are_refused_by_name",
        malformed_attributes_are_refused_by_name},
    {"the_33rd_attribute_is_refused", the_33rd_attribute_is_refused},
};

int main(void)
{
    return kh_test_main("ktadmin_input", tests, sizeof tests / sizeof tests[0]);
}
