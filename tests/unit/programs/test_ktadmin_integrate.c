/* keytrustee.ini before and after an integration; all else of it is tested with real
 * daemons (tests/integration/ktadmin_keyhsm*.sh). */
#include "programs/ktadmin/integrate.h"

#include "tests/lib/testlib.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct kh_error err;

static const struct kh_integration_args args = {
    .program = "test", .server = "https://hsm.example.com:9090"};

/* An integration whose configuration is DIR/etc/keytrustee.ini, which says TEXT; NULL:
 * there is none. */
static struct kh_integration *make(const char *text)
{
    struct kh_integration *in = calloc(1, sizeof *in);
    const char *dir = kh_test_dir();
    char *config = kh_test_path(dir, "etc/keytrustee.ini");
    char *etc = kh_test_path(dir, "etc");

    CU_ASSERT_PTR_NOT_NULL_FATAL(in);
    in->args = &args;
    in->config = config;
    in->lock = -1;
    snprintf(in->confdir, sizeof in->confdir, "%s", dir);
    snprintf(in->pin, sizeof in->pin, "/conf/.ssl/ssl-cert-keyhsm.pem");
    snprintf(in->certfile, sizeof in->certfile, "/pki/mycert.crt");
    snprintf(in->keyfile, sizeof in->keyfile, "/pki/mykey.key");
    snprintf(in->scratch_config, sizeof in->scratch_config, "%s/new.ini", dir);
    if (text) {
        CU_ASSERT_EQUAL_FATAL(mkdir(etc, 0755), 0);
        kh_test_write(config, text, strlen(text), 0640);
    }
    free(etc);
    return in;
}

static void drop(struct kh_integration *in)
{
    free((void *)(uintptr_t)in->config);
    free(in);
}

static int says(const char *path, const char *text)
{
    return kh_test_shell("printf '%%s' '%s' | diff - '%s' >&2", text, path);
}

#define KEYHSM                                                                           \
    "server = https://hsm.example.com:9090\n"                                            \
    "client_certificate = /pki/mycert.crt\n"                                             \
    "client_key = /pki/mykey.key\n"                                                      \
    "server_certificate = /conf/.ssl/ssl-cert-keyhsm.pem\n"

static void a_preview_changes_nothing_but_the_scratch_file(void)
{
    struct kh_integration *in = make("# mine\n[server]\nport = 11371\n");

    KH_ASSERT_OK(kh_integration_preview(in, &err), err);
    CU_ASSERT_EQUAL(says(in->config, "# mine\n[server]\nport = 11371\n"), 0);
    CU_ASSERT_EQUAL(
        says(in->scratch_config, "# mine\n[server]\nport = 11371\nbackend = keyhsm\n"
                                 "\n[backend.keyhsm]\n" KEYHSM),
        0);
    CU_ASSERT_EQUAL(
        kh_test_shell("test \"$(ls '%s')\" = \"$(printf 'etc\\nnew.ini')\"", in->confdir),
        0);
    drop(in);
}

static void the_configuration_becomes_what_the_preview_said(void)
{
    struct kh_integration *in =
        make("[backend.keyhsm]\nconnections = 4\n"
             "server = https://old:1\n[server]\nbackend=softfile\n");

    KH_ASSERT_OK(kh_integration_preview(in, &err), err);
    KH_ASSERT_OK(kh_integration_configure(in, &err), err);
    CU_ASSERT_EQUAL(kh_test_shell("cmp '%s' '%s'", in->config, in->scratch_config), 0);
    CU_ASSERT_EQUAL(kh_test_shell("grep -q '^connections = 4' '%s'", in->config), 0);
    CU_ASSERT_NOT_EQUAL(kh_test_shell("grep -q old:1 '%s'", in->config), 0);
    CU_ASSERT_EQUAL(kh_test_shell("grep -q old:1 '%s'.old-*", in->config), 0);
    drop(in);
}

static void a_second_time_nothing_is_written(void)
{
    struct kh_integration *in = make("[server]\nport = 1\n");

    KH_ASSERT_OK(kh_integration_configure(in, &err), err);
    KH_ASSERT_OK(kh_integration_configure(in, &err), err);
    CU_ASSERT_EQUAL(
        kh_test_shell("test \"$(ls '%s'.old-* | wc -l)\" = 1", in->config), 0);
    drop(in);
}

static void the_daemons_source_comes_and_goes(void)
{
    struct kh_integration *in = make("");

    snprintf(in->daemon_source, sizeof in->daemon_source, "credential:kts");
    KH_ASSERT_OK(kh_integration_configure(in, &err), err);
    CU_ASSERT_EQUAL(
        kh_test_shell("grep -qx 'passphrase_source = credential:kts' '%s'", in->config),
        0);
    *in->daemon_source = '\0';
    KH_ASSERT_OK(kh_integration_configure(in, &err), err);
    CU_ASSERT_NOT_EQUAL(kh_test_shell("grep -q passphrase_source '%s'", in->config), 0);
    drop(in);
}

static void a_missing_file_is_made_with_its_directory(void)
{
    struct kh_integration *in = make(NULL);
    struct stat st;

    KH_ASSERT_OK(kh_integration_preview(in, &err), err);
    KH_ASSERT_OK(kh_integration_configure(in, &err), err);
    CU_ASSERT_EQUAL_FATAL(stat(in->config, &st), 0);
    CU_ASSERT_EQUAL(st.st_mode & 07777, 0640);
    CU_ASSERT_EQUAL(
        says(in->config, "[server]\nbackend = keyhsm\n\n[backend.keyhsm]\n" KEYHSM), 0);
    drop(in);
}

/* The daemon runs as the store's owner, and root makes the file. */
static void the_owner_of_the_store_may_read_a_new_file(void)
{
    struct kh_integration *in = make(NULL);
    struct stat st;

    if (geteuid() == 0)
        CU_ASSERT_EQUAL_FATAL(chown(in->confdir, 12345, 12346), 0);
    KH_ASSERT_OK(kh_integration_configure(in, &err), err);
    CU_ASSERT_EQUAL_FATAL(stat(in->config, &st), 0);
    CU_ASSERT_EQUAL(st.st_gid, geteuid() == 0 ? 12346 : getegid());
    CU_ASSERT_EQUAL(st.st_uid, geteuid());
    drop(in);
}

static void what_cannot_be_written_is_found_in_the_preview(void)
{
    struct kh_integration *in = make("[server]\n");
    char *link = kh_test_path(in->confdir, "link.ini");

    snprintf(in->keyfile, sizeof in->keyfile, "/pki/a ;b.key");
    KH_ASSERT_FAILS(kh_integration_preview(in, &err), KH_INVALID, err, "client_key");
    snprintf(in->keyfile, sizeof in->keyfile, "/pki/mykey.key");
    CU_ASSERT_EQUAL_FATAL(symlink(in->config, link), 0);
    free((void *)(uintptr_t)in->config);
    in->config = link;
    KH_ASSERT_FAILS(kh_integration_preview(in, &err), KH_INVALID, err, "symbolic link");
    drop(in);
}

static void exit_statuses_do_not_meet_those_of_a_migration(void)
{
    CU_ASSERT_EQUAL(kh_integration_exit(KH_OK), 0);
    CU_ASSERT_EQUAL(kh_integration_exit(KH_FATAL), 1);
    CU_ASSERT_EQUAL(kh_integration_exit(KH_NOT_FOUND), 1);
    CU_ASSERT_EQUAL(kh_integration_exit(KH_EXISTS), 1);
    CU_ASSERT_EQUAL(kh_integration_exit(KH_INVALID), 2);
    CU_ASSERT_EQUAL(kh_integration_exit(KH_UNAVAILABLE), 5);
    CU_ASSERT_EQUAL(kh_integration_exit(KH_REFUSED), 7);
    CU_ASSERT_EQUAL(kh_integration_exit(KH_BUSY), 7);
}

#define T(name)                                                                          \
    {                                                                                    \
#name, name                                                                      \
    }

int main(void)
{
    static const struct kh_test tests[] = {
        T(a_preview_changes_nothing_but_the_scratch_file),
        T(the_configuration_becomes_what_the_preview_said),
        T(a_second_time_nothing_is_written),
        T(the_daemons_source_comes_and_goes),
        T(a_missing_file_is_made_with_its_directory),
        T(the_owner_of_the_store_may_read_a_new_file),
        T(what_cannot_be_written_is_found_in_the_preview),
        T(exit_statuses_do_not_meet_those_of_a_migration),
    };

    return kh_test_main("integrate", tests, sizeof tests / sizeof tests[0]);
}
