#include "programs/common/ini_edit.h"

#include "core/config.h"
#include "core/fileio.h"
#include "core/secmem.h"
#include "tests/lib/testlib.h"

#include <glob.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The outcome of the last edit. */
static char kept[PATH_MAX];
static struct kh_error err;

static kh_status edit(
    const char *path, const char *section, const char *key, const char *value)
{
    const struct kh_ini_change change = {section, key, value};

    memset(&err, 0, sizeof err);
    return kh_ini_edit(path, &change, 1, kept, sizeof kept, &err);
}

static void assert_text(const char *path, const char *want)
{
    struct kh_buf buf;
    bool same;

    KH_ASSERT_OK_FATAL(kh_file_read(path, 4096, &buf, &err), err);
    /* An empty file has no data at all, not even a pointer. */
    same =
        buf.len == strlen(want) && (buf.len == 0 || memcmp(buf.data, want, buf.len) == 0);
    if (!same)
        fprintf(stderr, "    holds:\n%.*s", (int)buf.len,
            buf.len ? (const char *)buf.data : "");
    CU_ASSERT_EQUAL(buf.len, strlen(want));
    CU_ASSERT(same);
    kh_buf_free(&buf);
}

/* TEXT in a new file, one change, and what must stand there then. */
static void changes_to(const char *text, const char *section, const char *key,
    const char *value, const char *want)
{
    char *path = kh_test_path(kh_test_dir(), "a.ini");

    kh_test_write(path, text, strlen(text), 0600);
    KH_ASSERT_OK(edit(path, section, key, value), err);
    assert_text(path, want);
    if (strcmp(text, want) == 0)
        CU_ASSERT_STRING_EQUAL(kept, "")
    else
        assert_text(kept, text);
    free(path);
}

static void a_value_is_replaced_and_its_comment_stays(void)
{
    changes_to("# top\n[a]\nk = 1\nl = 2\n", "a", "k", "3", "# top\n[a]\nk = 3\nl = 2\n");
    changes_to(" [a] ; s\n  k=1 ; why\n", "a", "k", "3", " [a] ; s\nk = 3 ; why\n");
    changes_to("[a]\nk: x;y\n", "a", "k", "z", "[a]\nk = z\n");
    changes_to("[b]\nk = 1\n[a]\nk = 1\n", "a", "k", "2", "[b]\nk = 1\n[a]\nk = 2\n");
    changes_to(
        "\xEF\xBB\xBF[a]\r\nk = 1\r\n", "a", "k", "2", "\xEF\xBB\xBF[a]\r\nk = 2\r\n");
}

static void a_new_key_goes_after_the_last_of_its_section(void)
{
    changes_to("[a]\nk = 1\n\n# about b\n[b]\n", "a", "n", "2",
        "[a]\nk = 1\nn = 2\n\n# about b\n[b]\n");
    changes_to("[a]\n#n = 1\n", "a", "n", "2", "[a]\nn = 2\n#n = 1\n");
    changes_to("[a]\nkk = 1", "a", "k", "2", "[a]\nkk = 1\nk = 2\n");
    changes_to("[a]\r\nk = 1\r\n", "a", "n", "2", "[a]\r\nk = 1\r\nn = 2\r\n");
}

static void a_new_section_goes_to_the_end(void)
{
    changes_to("[a]\nk = 1\n", "b.c", "k", "2", "[a]\nk = 1\n\n[b.c]\nk = 2\n");
    changes_to("; [b]\n[a]\nk = 1", "b", "k", "2", "; [b]\n[a]\nk = 1\n\n[b]\nk = 2\n");
    changes_to("", "b", "k", "2", "[b]\nk = 2\n");
}

static void a_key_is_taken_out(void)
{
    changes_to("[a]\nk = 1 ; c\n# l\nl = 2\n", "a", "k", NULL, "[a]\n# l\nl = 2\n");
    changes_to("[a]\nl = 2\n", "a", "k", NULL, "[a]\nl = 2\n");
    changes_to("[a]\nl = 2\n", "b", "l", NULL, "[a]\nl = 2\n");
}

static void several_changes_are_one_edit(void)
{
    const struct kh_ini_change changes[] = {
        {"a", "k", "2"}, {"b", "x", "1"}, {"b", "y", "2"}, {"a", "l", NULL}};
    char *path = kh_test_path(kh_test_dir(), "a.ini");

    kh_test_write(path, "[a]\nk = 1\nl = 1\n", 16, 0600);
    KH_ASSERT_OK(kh_ini_edit(path, changes, 4, kept, sizeof kept, &err), err);
    assert_text(path, "[a]\nk = 2\n\n[b]\nx = 1\ny = 2\n");
    free(path);
}

static void files_are_made_and_kept(void)
{
    const char *dir = kh_test_dir();
    char *path = kh_test_path(dir, "a.ini");
    char *pattern = kh_test_path(dir, "a.ini*");
    struct stat sb;
    glob_t found;

    KH_ASSERT_OK(edit(path, "a", "k", "1"), err);
    CU_ASSERT_STRING_EQUAL(kept, "");
    CU_ASSERT_EQUAL(stat(path, &sb), 0);
    CU_ASSERT_EQUAL(sb.st_mode & 07777, 0640);
    CU_ASSERT_EQUAL(chmod(path, 0604), 0);
    for (const char *value = "23456"; *value; value++) {
        const char text[] = {*value, '\0'};
        size_t len = strlen(path);

        KH_ASSERT_OK(edit(path, "a", "k", text), err);
        CU_ASSERT_NSTRING_EQUAL(kept, path, len);
        CU_ASSERT_NSTRING_EQUAL(kept + len, ".old-2", 6);
        CU_ASSERT_EQUAL(kept[len + 20], 'Z');
    }
    CU_ASSERT_EQUAL(stat(path, &sb), 0);
    CU_ASSERT_EQUAL(sb.st_mode & 07777, 0604);
    CU_ASSERT_EQUAL(glob(pattern, 0, NULL, &found), 0);
    CU_ASSERT_EQUAL(found.gl_pathc, 6); /* the file and its five older forms */
    globfree(&found);
    free(pattern);
    free(path);
}

static void what_would_not_read_back_is_refused(void)
{
    static const char *const bad[] = {"a\nb", "a ; b", ";b", " a", "a ", "\x01", "\xff"};
    char *path = kh_test_path(kh_test_dir(), "a.ini");
    char longest[1100];

    kh_test_write(path, "[a]\nk = 1\n", 10, 0600);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        KH_ASSERT_FAILS(
            edit(path, "a", "k", bad[i]), KH_INVALID, err, "[a] k: the value");
    memset(longest, 'x', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    KH_ASSERT_FAILS(edit(path, "a", "k", longest), KH_INVALID, err, "longer than 1024");
    KH_ASSERT_FAILS(edit(path, "a]", "k", "1"), KH_INVALID, err, "no name");
    KH_ASSERT_FAILS(edit(path, "a", "k=", "1"), KH_INVALID, err, "no name");
    KH_ASSERT_FAILS(edit(path, "a", "", "1"), KH_INVALID, err, "no name");
    assert_text(path, "[a]\nk = 1\n");
    free(path);
}

static void files_that_are_no_configuration_are_left_alone(void)
{
    char *path = kh_test_path(kh_test_dir(), "a.ini");
    char *other = kh_test_path(kh_test_dir(), "link.ini");
    char *nowhere = kh_test_path(kh_test_dir(), "no/a.ini");

    kh_test_write(path, "[a]\nwhat is this\n", 17, 0600);
    KH_ASSERT_FAILS(edit(path, "a", "k", "1"), KH_INVALID, err, "a.ini:2: ");
    assert_text(path, "[a]\nwhat is this\n");
    CU_ASSERT_EQUAL(symlink(path, other), 0);
    KH_ASSERT_FAILS(edit(other, "a", "k", "1"), KH_INVALID, err, "symbolic link");
    KH_ASSERT_FAILS(edit(nowhere, "a", "k", "1"), KH_NOT_FOUND, err, "no");
    free(nowhere);
    free(other);
    free(path);
}

static void values_read_back_the_same(void)
{
    static const struct kh_option options[] = {
        {.name = "k", .type = KH_OPT_STRING, .help = "any text"}};
    static const char *const values[] = {
        "a;b", "#x", "a = b: c", "\"q\"", "[z]", "\xc3\xa4"};
    char *path = kh_test_path(kh_test_dir(), "a.ini");

    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        struct kh_config *config;

        KH_ASSERT_OK(edit(path, "a", "k", values[i]), err);
        KH_ASSERT_OK_FATAL(kh_config_load(&config, path, &err), err);
        KH_ASSERT_OK(kh_config_claim(config, "a", options, 1, true, &err), err);
        CU_ASSERT_STRING_EQUAL(kh_config_string(config, "a", "k"), values[i]);
        kh_config_free(config);
    }
    free(path);
}

static const struct kh_test tests[] = {
    {"a_value_is_replaced_and_its_comment_stays",
        a_value_is_replaced_and_its_comment_stays},
    {"a_new_key_goes_after_the_last_of_its_section",
        a_new_key_goes_after_the_last_of_its_section},
    {"a_new_section_goes_to_the_end", a_new_section_goes_to_the_end},
    {"a_key_is_taken_out", a_key_is_taken_out},
    {"several_changes_are_one_edit", several_changes_are_one_edit},
    {"files_are_made_and_kept", files_are_made_and_kept},
    {"what_would_not_read_back_is_refused", what_would_not_read_back_is_refused},
    {"files_that_are_no_configuration_are_left_alone",
        files_that_are_no_configuration_are_left_alone},
    {"values_read_back_the_same", values_read_back_the_same},
};

int main(void)
{
    return kh_test_main("ini_edit", tests, sizeof tests / sizeof tests[0]);
}
