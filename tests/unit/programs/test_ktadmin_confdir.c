#include "programs/ktadmin/confdir.h"

#include "tests/lib/testlib.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct kh_error err;

static unsigned mode_of(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0 ? (unsigned)(st.st_mode & 07777) : 0;
}

static void paths_stand_below_the_directory(void)
{
    char path[PATH_MAX];

    KH_ASSERT_OK(kh_confdir_path(path, "/conf", KH_CONFDIR_PIN, &err), err);
    CU_ASSERT_STRING_EQUAL(path, "/conf/.ssl/ssl-cert-keyhsm.pem");
    KH_ASSERT_OK(kh_confdir_path(path, "/conf", KH_CONFDIR_CERTIFICATE, &err), err);
    CU_ASSERT_STRING_EQUAL(path, "/conf/.ssl/ssl-cert-keytrustee.pem");
    KH_ASSERT_OK(kh_confdir_path(path, "/conf", KH_CONFDIR_KEY, &err), err);
    CU_ASSERT_STRING_EQUAL(path, "/conf/.ssl/ssl-cert-keytrustee-pk.pem");
}

static void a_path_that_is_too_long_is_refused(void)
{
    char *longest = malloc(PATH_MAX);
    char path[PATH_MAX];

    CU_ASSERT_PTR_NOT_NULL_FATAL(longest);
    memset(longest, 'a', PATH_MAX - 1);
    longest[0] = '/';
    longest[PATH_MAX - 1] = '\0';
    KH_ASSERT_FAILS(
        kh_confdir_path(path, longest, "x", &err), KH_INVALID, err, "too long");
    KH_ASSERT_FAILS(kh_confdir_make_ssl(longest, &err), KH_INVALID, err, "too long");
    free(longest);
}

static void the_ssl_directory_is_closed_to_others(void)
{
    const char *dir = kh_test_dir();
    char *ssl = kh_test_path(dir, ".ssl");
    mode_t old = umask(0);

    KH_ASSERT_OK(kh_confdir_make_ssl(dir, &err), err);
    CU_ASSERT_EQUAL(mode_of(ssl), 0700);
    KH_ASSERT_OK(kh_confdir_make_ssl(dir, &err), err);
    (void)umask(old);
    free(ssl);
}

static void one_that_is_there_keeps_its_mode(void)
{
    const char *dir = kh_test_dir();
    char *ssl = kh_test_path(dir, ".ssl");

    CU_ASSERT_EQUAL_FATAL(mkdir(ssl, 0755), 0);
    CU_ASSERT_EQUAL_FATAL(chmod(ssl, 0755), 0);
    KH_ASSERT_OK(kh_confdir_make_ssl(dir, &err), err);
    CU_ASSERT_EQUAL(mode_of(ssl), 0755);
    CU_ASSERT_EQUAL_FATAL(chmod(ssl, 0775), 0);
    KH_ASSERT_FAILS(kh_confdir_make_ssl(dir, &err), KH_REFUSED, err, "chmod 0700");
    CU_ASSERT_EQUAL(mode_of(ssl), 0775);
    free(ssl);
}

static void what_is_no_directory_is_refused(void)
{
    const char *dir = kh_test_dir();
    char *ssl = kh_test_path(dir, ".ssl");

    kh_test_write(ssl, "x", 1, 0600);
    KH_ASSERT_FAILS(kh_confdir_make_ssl(dir, &err), KH_REFUSED, err, "no directory");
    CU_ASSERT_EQUAL_FATAL(unlink(ssl), 0);
    CU_ASSERT_EQUAL_FATAL(symlink("/tmp", ssl), 0);
    KH_ASSERT_FAILS(kh_confdir_make_ssl(dir, &err), KH_REFUSED, err, "symbolic link");
    free(ssl);
}

static void a_missing_directory_is_named(void)
{
    char *gone = kh_test_path(kh_test_dir(), "gone");

    KH_ASSERT_FAILS(kh_confdir_make_ssl(gone, &err), KH_UNAVAILABLE, err, gone);
    free(gone);
}

/* Only root can give a file away; anybody else is left in peace. */
static void root_gives_what_it_makes_to_the_owner(void)
{
    const char *dir = kh_test_dir();
    char *ssl = kh_test_path(dir, ".ssl");
    char *gone = kh_test_path(dir, "gone");
    struct stat st;

    if (geteuid() == 0) {
        CU_ASSERT_EQUAL_FATAL(chown(dir, 12345, 12346), 0);
        KH_ASSERT_OK(kh_confdir_make_ssl(dir, &err), err);
        CU_ASSERT_EQUAL_FATAL(stat(ssl, &st), 0);
        CU_ASSERT_EQUAL(st.st_uid, 12345);
        CU_ASSERT_EQUAL(st.st_gid, 12346);
        KH_ASSERT_FAILS(kh_confdir_give(dir, gone, &err), KH_UNAVAILABLE, err, gone);
    } else {
        KH_ASSERT_OK(kh_confdir_give(dir, gone, &err), err);
    }
    free(gone);
    free(ssl);
}

#define T(name)                                                                          \
    {                                                                                    \
#name, name                                                                      \
    }

int main(void)
{
    static const struct kh_test tests[] = {
        T(paths_stand_below_the_directory),
        T(a_path_that_is_too_long_is_refused),
        T(the_ssl_directory_is_closed_to_others),
        T(one_that_is_there_keeps_its_mode),
        T(what_is_no_directory_is_refused),
        T(a_missing_directory_is_named),
        T(root_gives_what_it_makes_to_the_owner),
    };

    return kh_test_main("confdir", tests, sizeof tests / sizeof tests[0]);
}
