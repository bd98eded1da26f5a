/* The template that vendors copy, built out of the tree as its README says, and loaded.
 */
#include "core/backend.h"

#include "core/deposit.h"
#include "core/secmem.h"
#include "tests/lib/testlib.h"

#include <stdlib.h>
#include <string.h>

#define SOURCE TEST_SOURCE_DIR "/plugins/example"
#define HEADERS TEST_SOURCE_DIR "/include"

static struct kh_error err;

/* Puts a deposit into the plugin of DIR, rolls it, deletes, undeletes and purges it. */
static void try_plugin(const char *dir)
{
    KH_CLEANUP_DEPOSIT struct kh_deposit in = {.name = "a", .created = 1700000000};
    KH_CLEANUP_DEPOSIT struct kh_deposit out = {0};
    struct kh_backend *b = NULL;
    struct kh_config *config;
    struct kh_item items[4];
    struct kh_stat stat;
    size_t count;

    KH_ASSERT_OK_FATAL(kh_config_load(&config, NULL, &err), err);
    KH_ASSERT_OK(kh_config_override(config, "backend.example.may_forget=no", &err), err);
    KH_ASSERT_OK_FATAL(kh_backend_claim(config, dir, "example", &err), err);
    KH_ASSERT_OK_FATAL(
        kh_backend_open(&b, "example", dir, config, KH_OPEN_TOOL, &err), err);
    KH_ASSERT_OK(kh_buf_copy(&in.data, "sesame", 6, &err), err);
    KH_ASSERT_OK(kh_backend_put(b, &in, KH_PUT_NEW, &err), err);
    KH_ASSERT_FAILS(
        kh_backend_put(b, &in, KH_PUT_NEW, &err), KH_EXISTS, err, "'a' exists");
    KH_ASSERT_OK(kh_backend_get(b, "a", KH_LATEST, false, &out, &err), err);
    CU_ASSERT_TRUE(kh_deposit_equal(&in, &out));
    KH_ASSERT_OK(kh_backend_roll(b, &in, &err), err);
    KH_ASSERT_OK(kh_backend_list(b, NULL, items, 4, &count, &err), err);
    CU_ASSERT_EQUAL(count, 2);
    KH_ASSERT_OK(kh_backend_remove(b, "a", 1, &err), err);
    KH_ASSERT_OK(kh_backend_stat(b, "a", KH_LATEST, &stat, &err), err);
    CU_ASSERT_EQUAL(stat.version, 0);
    CU_ASSERT_EQUAL(stat.versions, 2);
    KH_ASSERT_OK(kh_backend_restore(b, "a", 1, &err), err);
    KH_ASSERT_OK(kh_backend_purge(b, "a", KH_ALL_VERSIONS, &err), err);
    KH_ASSERT_FAILS(kh_backend_stat(b, "a", 0, &stat, &err), KH_NOT_FOUND, err, "'a'");
    kh_backend_close(b);
    /* What would be lost does not come by a migration unless that is wanted. */
    KH_ASSERT_FAILS(kh_backend_open(&b, "example", dir, config, KH_OPEN_MIGRATE, &err),
        KH_REFUSED, err, "may_forget = yes");
    kh_config_free(config);
}

static void it_builds_with_the_compiler_and_the_headers_alone(void)
{
    const char *dir = kh_test_dir();

    CU_ASSERT_EQUAL_FATAL(kh_test_shell("cp %s/example.c %s && cd %s && umask 022 && "
                                        "cc -std=c11 -Wall -Wextra -Werror -shared -fPIC "
                                        "-I %s -o example.so example.c",
                              SOURCE, dir, dir, HEADERS),
        0);
    /* It needs nothing but the C library. */
    CU_ASSERT_EQUAL(
        kh_test_shell(
            "objdump -p %s/example.so | grep NEEDED | grep -qv 'libc\\.so'", dir),
        1);
    try_plugin(dir);
}

static void it_builds_with_cmake_out_of_the_tree(void)
{
    const char *dir = kh_test_dir();

    CU_ASSERT_EQUAL_FATAL(
        kh_test_shell("{ cmake --install %s --component libkeyhsm-dev --prefix %s/usr && "
                      "cp -r %s %s/copy && umask 022 && "
                      "cmake -S %s/copy -B %s/build -DCMAKE_PREFIX_PATH=%s/usr && "
                      "cmake --build %s/build; } >%s/log 2>&1 || { cat %s/log; exit 1; }",
            TEST_BUILD_DIR, dir, SOURCE, dir, dir, dir, dir, dir, dir, dir),
        0);
    /* What it exports is its table, and nothing else. */
    CU_ASSERT_EQUAL(kh_test_shell("test \"$(nm -D --defined-only %s/build/example.so | "
                                  "awk '$2 != \"A\" {print $3}')\" = "
                                  "kh_plugin@@KEYHSM_PLUGIN_1",
                        dir),
        0);
}

static void it_is_built_with_the_project_too(void)
{
    CU_ASSERT_EQUAL(kh_test_shell("test -f %s/example.so", TEST_EXAMPLE_DIR), 0);
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"it_builds_with_the_compiler_and_the_headers_alone",
            it_builds_with_the_compiler_and_the_headers_alone},
        {"it_builds_with_cmake_out_of_the_tree", it_builds_with_cmake_out_of_the_tree},
        {"it_is_built_with_the_project_too", it_is_built_with_the_project_too},
    };

    return kh_test_main("plugins/example", tests, sizeof tests / sizeof tests[0]);
}
