#include "core/backend.h"

#include "tests/lib/testlib.h"

#include <stdlib.h>
#include <string.h>

static struct kh_error err;
static char *path;

/* Reads TEXT and claims its backends; USED are those that will be opened. */
static kh_status claim(struct kh_config **config, const char *text, const char *used)
{
    kh_status st;

    free(path);
    path = kh_test_path(kh_test_dir(), "keyhsm.ini");
    kh_test_write(path, text, strlen(text), 0644);
    KH_ASSERT_OK_FATAL(kh_config_load(config, path, &err), err);
    st = kh_backend_claim(*config, TEST_MOCK_DIR, used, &err);
    return st == KH_OK ? kh_config_finish(*config, &err) : st;
}

static void refused(const char *text, const char *used, kh_status want, const char *word)
{
    struct kh_config *config = NULL;

    err = (struct kh_error){0};
    KH_ASSERT_FAILS(claim(&config, text, used), want, err, word);
    kh_config_free(config);
}

static void every_backend_of_the_file_is_claimed(void)
{
    struct kh_config *c;

    KH_ASSERT_OK(
        claim(&c, "[backend.memory]\nmax_keys = 3\n[backend.vault]\n", NULL), err);
    CU_ASSERT_EQUAL(kh_config_int(c, "backend.memory", "max_keys"), 3);
    CU_ASSERT_STRING_EQUAL(kh_config_string(c, "backend.vault", "store"), "default");
    kh_config_free(c);
}

static void a_used_backend_needs_no_section(void)
{
    struct kh_config *c;

    KH_ASSERT_OK(claim(&c, "", "memory, vault"), err);
    CU_ASSERT_STRING_EQUAL(kh_config_string(c, "backend.memory", "store"), "default");
    CU_ASSERT_STRING_EQUAL(kh_config_string(c, "backend.vault", "store"), "default");
    kh_config_free(c);
}

static void required_options_are_enforced_for_what_is_used(void)
{
    struct kh_config *c;

    KH_ASSERT_OK(claim(&c, "\n[backend.refuses]\nsilent = yes\n", "memory"), err);
    kh_config_free(c);
    refused("\n[backend.refuses]\nsilent = yes\n", "memory,refuses", KH_INVALID,
        ":2: [backend.refuses] lacks the required option 'place'");
    refused("", "refuses", KH_INVALID,
        "there is no [backend.refuses] with the required option");
}

static void a_wrong_value_is_refused_even_where_it_is_not_used(void)
{
    refused("[backend.memory]\nmax_keys = lots\n", "vault", KH_INVALID,
        ":2: max_keys: 'lots'");
    refused(
        "[backend.refuses]\npin = 1234\n", "vault", KH_INVALID, ":2: pin: not a source");
    CU_ASSERT_PTR_NULL(strstr(err.message, "1234"));
}

static void a_backend_that_cannot_be_loaded_is_refused_by_line(void)
{
    char where[4096];

    refused(
        "[backend.memory]\n\n[backend.softfle]\n", "memory", KH_NOT_FOUND, "softfle.so");
    (void)snprintf(where, sizeof where, "%s:3: [backend.softfle]: ", path);
    CU_ASSERT_EQUAL(strncmp(err.message, where, strlen(where)), 0);
    refused("[backend.wrong_abi]\n", NULL, KH_REFUSED, ":1: [backend.wrong_abi]: ");
    refused("[backend.]\n", NULL, KH_INVALID, "is not the name of a plugin");
    refused("[backend.../x]\n", NULL, KH_INVALID, "is not the name of a plugin");
}

static void a_used_backend_that_cannot_be_loaded_is_refused(void)
{
    refused("", "absent", KH_NOT_FOUND, "/absent.so");
    refused("", "", KH_INVALID, "give a backend's name");
    refused("", "memory,", KH_INVALID, "give a backend's name");
    refused("", "memory,,vault", KH_INVALID, "give a backend's name");
    refused("", "../memory", KH_INVALID, "is not the name of a plugin");
}

static void a_section_that_only_begins_like_a_backend_is_left_alone(void)
{
    refused("[backendmemory]\n", "memory", KH_INVALID,
        ":1: there is no section [backendmemory]");
    refused("[backend]\n", "memory", KH_INVALID, ":1: there is no section [backend]");
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"every_backend_of_the_file_is_claimed", every_backend_of_the_file_is_claimed},
        {"a_used_backend_needs_no_section", a_used_backend_needs_no_section},
        {"required_options_are_enforced_for_what_is_used",
            required_options_are_enforced_for_what_is_used},
        {"a_wrong_value_is_refused_even_where_it_is_not_used",
            a_wrong_value_is_refused_even_where_it_is_not_used},
        {"a_backend_that_cannot_be_loaded_is_refused_by_line",
            a_backend_that_cannot_be_loaded_is_refused_by_line},
        {"a_used_backend_that_cannot_be_loaded_is_refused",
            a_used_backend_that_cannot_be_loaded_is_refused},
        {"a_section_that_only_begins_like_a_backend_is_left_alone",
            a_section_that_only_begins_like_a_backend_is_left_alone},
    };
    int rc = kh_test_main("core/backend_claim", tests, sizeof tests / sizeof tests[0]);

    free(path);
    return rc;
}
