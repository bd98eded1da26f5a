#include "core/loader.h"

#include "tests/lib/testlib.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct kh_error err;

/* Loads NAME of the mocks, which must be refused with WORD and name the file. */
static void refused(const char *name, const char *word)
{
    const struct kh_plugin *plugin = NULL;
    char file[64];

    err = (struct kh_error){0};
    KH_ASSERT_FAILS(
        kh_loader_load(TEST_MOCK_DIR, name, &plugin, &err), KH_REFUSED, err, word);
    (void)snprintf(file, sizeof file, "/%s.so: ", name);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, file));
    CU_ASSERT_PTR_NULL(plugin);
}

/* A new directory with a copy of the mock NAME (freed by the caller: the copy's path). */
static const char *copy(const char *name, char **path)
{
    const char *dir = kh_test_dir();

    *path = kh_test_path(dir, "%s.so", name);
    CU_ASSERT_EQUAL_FATAL(
        kh_test_shell("install -m 0755 '%s/%s.so' '%s'", TEST_MOCK_DIR, name, *path), 0);
    return dir;
}

static void fails(const char *dir, const char *name, kh_status st, const char *word)
{
    const struct kh_plugin *plugin = NULL;

    err = (struct kh_error){0};
    KH_ASSERT_FAILS(kh_loader_load(dir, name, &plugin, &err), st, err, word);
    CU_ASSERT_PTR_NULL(plugin);
}

static void a_good_plugin_is_loaded_once(void)
{
    const struct kh_plugin *first = NULL;
    const struct kh_plugin *second = NULL;

    KH_ASSERT_OK_FATAL(kh_loader_load(TEST_MOCK_DIR, "memory", &first, &err), err);
    CU_ASSERT_STRING_EQUAL(first->name, "memory");
    CU_ASSERT_TRUE(first->capabilities & KH_CAP_EXPORT);
    KH_ASSERT_OK_FATAL(kh_loader_load(TEST_MOCK_DIR, "memory", &second, &err), err);
    CU_ASSERT_PTR_EQUAL(first, second);
}

static void a_name_has_a_syntax(void)
{
    static const char *const wrong[] = {"", "Memory", "../memory", "mem/ory", "1memory",
        "mem-ory", "_memory", "memory.so", "a2345678901234567890123456789012x"};

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        fails(TEST_MOCK_DIR, wrong[i], KH_INVALID, "is not the name of a plugin");
    fails(
        TEST_MOCK_DIR, "a2345678901234567890123456789012", KH_NOT_FOUND, "No such file");
}

static void the_directory_is_absolute_and_there(void)
{
    char *path;
    const char *dir = copy("single", &path);
    char *inside = kh_test_path(dir, "single.so");

    fails("plugins", "single", KH_INVALID, "absolute path");
    fails("", "single", KH_INVALID, "absolute path");
    fails("/nowhere/plugins", "single", KH_NOT_FOUND,
        "/nowhere/plugins: the plugin directory");
    fails(inside, "single", KH_REFUSED, "is not a directory");
    free(inside);
    free(path);
}

static void a_missing_plugin_is_not_found(void)
{
    fails(TEST_MOCK_DIR, "absent", KH_NOT_FOUND, "/absent.so: the plugin cannot be used");
}

static void a_directory_that_others_can_write_is_refused(void)
{
    char *path;
    const char *dir = copy("single", &path);

    CU_ASSERT_EQUAL_FATAL(chmod(dir, 0770), 0);
    fails(dir, "single", KH_REFUSED, "mode 0770 lets others write it");
    CU_ASSERT_EQUAL_FATAL(chmod(dir, 0707), 0);
    fails(dir, "single", KH_REFUSED, dir);
    CU_ASSERT_EQUAL_FATAL(chmod(dir, 0700), 0);
    free(path);
}

static void a_file_that_others_can_write_is_refused(void)
{
    char *path;
    const char *dir = copy("single", &path);

    CU_ASSERT_EQUAL_FATAL(chmod(path, 0775), 0);
    fails(dir, "single", KH_REFUSED, "single.so: mode 0775 lets others write it");
    CU_ASSERT_EQUAL_FATAL(chmod(path, 0602), 0);
    fails(dir, "single", KH_REFUSED, "mode 0602");
    free(path);
}

/* Run as an ordinary user, nothing can be given to somebody else; then the refusal is
 * seen from the other side, by nobody looking at our file. */
static void a_file_or_directory_of_somebody_else_is_refused(void)
{
    char *path;
    const char *dir = copy("single", &path);

    if (geteuid() != 0) {
        char *proc = kh_test_path("/proc/1", "cwd");

        /* /proc/1/cwd belongs to root and cannot be followed: not usable either. */
        fails(proc, "single", KH_REFUSED, "cannot be used");
        free(proc);
        free(path);
        return;
    }
    CU_ASSERT_EQUAL_FATAL(chown(path, 65534, 65534), 0);
    fails(dir, "single", KH_REFUSED, "single.so: belongs to user 65534");
    CU_ASSERT_EQUAL_FATAL(chown(path, 0, 0), 0);
    CU_ASSERT_EQUAL_FATAL(chown(dir, 65534, 65534), 0);
    fails(dir, "single", KH_REFUSED, "belongs to user 65534");
    CU_ASSERT_EQUAL_FATAL(chown(dir, 0, 0), 0);
    free(path);
}

static void what_is_not_a_regular_file_is_refused(void)
{
    const char *dir = kh_test_dir();
    char *link = kh_test_path(dir, "single.so");
    char *sub = kh_test_path(dir, "sub.so");

    CU_ASSERT_EQUAL_FATAL(symlink(TEST_MOCK_DIR "/single.so", link), 0);
    fails(dir, "single", KH_REFUSED, "not a regular file but a symbolic link");
    CU_ASSERT_EQUAL_FATAL(mkdir(sub, 0700), 0);
    fails(dir, "sub", KH_REFUSED, "not a regular file");
    free(sub);
    free(link);
}

static void what_is_no_shared_object_is_refused(void)
{
    const char *dir = kh_test_dir();
    char *text = kh_test_path(dir, "text.so");
    char *empty = kh_test_path(dir, "empty.so");

    kh_test_write(text, "#!/bin/sh\n", 10, 0755);
    fails(dir, "text", KH_REFUSED, "text.so: the plugin cannot be loaded");
    kh_test_write(empty, "", 0, 0755);
    fails(dir, "empty", KH_REFUSED, "empty.so: the plugin cannot be loaded");
    free(empty);
    free(text);
}

/* As a disk that is full leaves it, at each length: none of them may kill the process. */
static void a_file_that_was_cut_off_is_refused(void)
{
    char *path;
    const char *dir = copy("single", &path);

    /* Its segments end behind 12288 bytes; what follows is for debuggers. */
    for (off_t len = 12000; len >= 0; len -= 125) {
        CU_ASSERT_EQUAL_FATAL(truncate(path, len), 0);
        fails(dir, "single", KH_REFUSED, "single.so: the plugin cannot be loaded");
    }
    free(path);
}

static void a_plugin_with_unresolved_symbols_is_refused(void)
{
    refused("missing_library", "cannot be loaded");
}

static void a_plugin_without_the_symbol_is_refused(void)
{
    refused("no_symbol", "the symbol 'kh_plugin' is missing");
}

static void a_plugin_of_another_abi_is_refused(void)
{
    refused("wrong_abi", "built for plugin ABI 2, this program has 1");
}

static void a_plugin_with_a_table_that_no_version_had_is_refused(void)
{
    refused("wrong_size", "its plugin table has 64 bytes, which no version had");
}

static void a_plugin_newer_than_the_program_is_refused(void)
{
    refused("newer", "built against a newer version of keyhsm");
}

/* What stands behind its shorter table is not taken for methods. */
static void a_plugin_older_than_the_program_lacks_what_came_later(void)
{
    const struct kh_plugin *plugin = NULL;

    KH_ASSERT_OK_FATAL(kh_loader_load(TEST_MOCK_DIR, "older", &plugin, &err), err);
    CU_ASSERT_STRING_EQUAL(plugin->version, "0.1");
    CU_ASSERT_PTR_NOT_NULL(plugin->open);
    CU_ASSERT_PTR_NULL(plugin->attest);
    CU_ASSERT_PTR_NULL(plugin->attest_round);
    CU_ASSERT_PTR_NULL(plugin->examine);
    CU_ASSERT_PTR_NULL(plugin->create);
    CU_ASSERT_PTR_NULL(plugin->check);
}

static void a_plugin_named_otherwise_than_its_file_is_refused(void)
{
    refused("wrong_name", "calls itself 'other', not 'wrong_name'");
}

static void a_plugin_that_lacks_a_mandatory_method_is_refused(void)
{
    refused("no_method", "no method 'stat'");
    refused("no_fingerprint", "no method 'fingerprint'");
}

static void a_plugin_with_a_wrong_option_is_refused(void)
{
    refused("bad_option", "option 'size': its default: 'plenty' is not a size");
}

static void a_plugin_from_a_second_place_is_refused(void)
{
    const struct kh_plugin *plugin = NULL;
    char *path;
    const char *dir = copy("vault", &path);

    KH_ASSERT_OK(kh_loader_load(TEST_MOCK_DIR, "vault", &plugin, &err), err);
    fails(dir, "vault", KH_REFUSED, "loaded already, from " TEST_MOCK_DIR "/vault.so");
    free(path);
}

static void a_refused_plugin_may_be_loaded_once_it_is_put_right(void)
{
    const struct kh_plugin *plugin = NULL;
    char *path;
    const char *dir = copy("refuses", &path);

    CU_ASSERT_EQUAL_FATAL(chmod(path, 0777), 0);
    fails(dir, "refuses", KH_REFUSED, "mode 0777");
    CU_ASSERT_EQUAL_FATAL(chmod(path, 0755), 0);
    KH_ASSERT_OK(kh_loader_load(dir, "refuses", &plugin, &err), err);
    free(path);
}

static void the_default_directory_is_the_installed_one(void)
{
    const struct kh_plugin *plugin = NULL;

    CU_ASSERT_EQUAL(*kh_plugin_dir, '/');
    CU_ASSERT_NOT_EQUAL(kh_loader_load(NULL, "absent", &plugin, &err), KH_OK);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, kh_plugin_dir));
}

static void a_search_goes_on_where_a_plugin_is_missing(void)
{
    const char *empty = kh_test_dir();
    const struct kh_plugin *plugin = NULL;

    kh_loader_search(empty, TEST_MOCK_DIR);
    KH_ASSERT_OK(kh_loader_load(NULL, "memory", &plugin, &err), err);
    CU_ASSERT_PTR_NOT_NULL(plugin);
    /* Nowhere: the first place is named. */
    KH_ASSERT_FAILS(
        kh_loader_load(NULL, "absent", &plugin, &err), KH_NOT_FOUND, err, empty);
    CU_ASSERT_PTR_NULL(plugin);
    /* What is there and refused is not looked for elsewhere. */
    kh_loader_search(TEST_MOCK_DIR, empty);
    KH_ASSERT_FAILS(
        kh_loader_load(NULL, "no_symbol", &plugin, &err), KH_REFUSED, err, "no_symbol");
    kh_loader_search(empty, NULL);
    KH_ASSERT_FAILS(
        kh_loader_load(NULL, "memory", &plugin, &err), KH_NOT_FOUND, err, empty);
    kh_loader_search(kh_plugin_dir, NULL);
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"a_good_plugin_is_loaded_once", a_good_plugin_is_loaded_once},
        {"a_name_has_a_syntax", a_name_has_a_syntax},
        {"the_directory_is_absolute_and_there", the_directory_is_absolute_and_there},
        {"a_search_goes_on_where_a_plugin_is_missing",
            a_search_goes_on_where_a_plugin_is_missing},
        {"a_missing_plugin_is_not_found", a_missing_plugin_is_not_found},
        {"a_directory_that_others_can_write_is_refused",
            a_directory_that_others_can_write_is_refused},
        {"a_file_that_others_can_write_is_refused",
            a_file_that_others_can_write_is_refused},
        {"a_file_or_directory_of_somebody_else_is_refused",
            a_file_or_directory_of_somebody_else_is_refused},
        {"what_is_not_a_regular_file_is_refused", what_is_not_a_regular_file_is_refused},
        {"what_is_no_shared_object_is_refused", what_is_no_shared_object_is_refused},
        {"a_file_that_was_cut_off_is_refused", a_file_that_was_cut_off_is_refused},
        {"a_plugin_with_unresolved_symbols_is_refused",
            a_plugin_with_unresolved_symbols_is_refused},
        {"a_plugin_without_the_symbol_is_refused",
            a_plugin_without_the_symbol_is_refused},
        {"a_plugin_of_another_abi_is_refused", a_plugin_of_another_abi_is_refused},
        {"a_plugin_with_a_table_that_no_version_had_is_refused",
            a_plugin_with_a_table_that_no_version_had_is_refused},
        {"a_plugin_newer_than_the_program_is_refused",
            a_plugin_newer_than_the_program_is_refused},
        {"a_plugin_older_than_the_program_lacks_what_came_later",
            a_plugin_older_than_the_program_lacks_what_came_later},
        {"a_plugin_named_otherwise_than_its_file_is_refused",
            a_plugin_named_otherwise_than_its_file_is_refused},
        {"a_plugin_that_lacks_a_mandatory_method_is_refused",
            a_plugin_that_lacks_a_mandatory_method_is_refused},
        {"a_plugin_with_a_wrong_option_is_refused",
            a_plugin_with_a_wrong_option_is_refused},
        {"a_plugin_from_a_second_place_is_refused",
            a_plugin_from_a_second_place_is_refused},
        {"a_refused_plugin_may_be_loaded_once_it_is_put_right",
            a_refused_plugin_may_be_loaded_once_it_is_put_right},
        {"the_default_directory_is_the_installed_one",
            the_default_directory_is_the_installed_one},
    };

    return kh_test_main("core/loader", tests, sizeof tests / sizeof tests[0]);
}
