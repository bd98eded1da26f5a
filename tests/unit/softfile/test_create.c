/* Making a store and opening it: what is made, what is left alone, what is refused. */
#include "tests/unit/softfile/fixture.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const create[] = {"create=yes", NULL};

static unsigned mode_of(const char *dir, const char *file)
{
    char *path = kh_test_path(dir, "%s", file);
    struct stat st = {0};

    CU_ASSERT_EQUAL(lstat(path, &st), 0);
    free(path);
    return (unsigned)st.st_mode & 07777;
}

static void try_open(
    const char *dir, const char *const *settings, kh_status want, const char *word)
{
    struct kh_backend *b = NULL;
    struct kh_error err = {0};

    KH_ASSERT_FAILS(soft_open(&b, dir, KH_OPEN_TOOL, settings, &err), want, err, word);
    CU_ASSERT_PTR_NULL(b);
    kh_backend_close(b);
}

static void a_store_is_made_with_its_parents_and_closed_to_others(void)
{
    char *dir = kh_test_path(kh_test_dir(), "a/b/store");
    mode_t mask = umask(0);
    struct kh_backend *b = soft_make(dir, KH_OPEN_TOOL);

    soft_stored(b, "key", 0, "secret");
    (void)umask(mask);
    CU_ASSERT_EQUAL(mode_of(dir, ""), 0700);
    CU_ASSERT_EQUAL(mode_of(dir, "deposits"), 0700);
    CU_ASSERT_EQUAL(mode_of(dir, "deposits/key"), 0700);
    CU_ASSERT_EQUAL(mode_of(dir, "deposits/key/00000000.cms"), 0600);
    CU_ASSERT_EQUAL(mode_of(dir, "store.key"), 0600);
    CU_ASSERT_EQUAL(mode_of(dir, "store.pem"), 0600);
    CU_ASSERT_EQUAL(mode_of(dir, "write.lock"), 0600);
    kh_backend_close(b);
    free(dir);
}

static void a_store_that_is_there_is_left_alone(void)
{
    char *dir = soft_new_place();
    struct kh_backend *b = soft_make(dir, KH_OPEN_TOOL);

    soft_stored(b, "key", 0, "secret");
    kh_backend_close(b);
    CU_ASSERT_EQUAL(kh_test_shell("cd '%s' && sha256sum store.* > ../before", dir), 0);
    b = soft_make(dir, KH_OPEN_TOOL);
    CU_ASSERT_TRUE(soft_holds(b, "key", 0, "secret"));
    kh_backend_close(b);
    CU_ASSERT_EQUAL(kh_test_shell("cd '%s' && sha256sum -c --quiet ../before", dir), 0);
    free(dir);
}

static void the_key_of_a_making_that_was_interrupted_is_kept(void)
{
    char *dir = soft_new_place();
    struct kh_backend *b = soft_make(dir, KH_OPEN_TOOL);

    kh_backend_close(b);
    CU_ASSERT_EQUAL(
        kh_test_shell("cd '%s' && sha256sum store.key > ../before && rm store.pem && "
                      "touch .tmp-abcdef",
            dir),
        0);
    b = soft_make(dir, KH_OPEN_TOOL);
    soft_stored(b, "key", 0, "secret");
    kh_backend_close(b);
    CU_ASSERT_EQUAL(kh_test_shell("cd '%s' && sha256sum -c --quiet ../before", dir), 0);
    free(dir);
}

static void an_empty_directory_and_one_with_ssl_become_stores(void)
{
    char *dir = soft_new_place();
    struct kh_backend *b;

    CU_ASSERT_EQUAL(kh_test_shell("mkdir -m 700 '%s' '%s/.ssl'", dir, dir), 0);
    b = soft_make(dir, KH_OPEN_TOOL);
    soft_stored(b, "key", 0, "secret");
    kh_backend_close(b);
    free(dir);
}

static void a_directory_with_something_else_is_refused_and_left_alone(void)
{
    char *dir = soft_new_place();

    CU_ASSERT_EQUAL(
        kh_test_shell("mkdir -m 700 '%s' && echo x > '%s/notes.txt'", dir, dir), 0);
    try_open(dir, create, KH_REFUSED, "notes.txt");
    CU_ASSERT_EQUAL(kh_test_shell("test \"$(ls -A '%s')\" = notes.txt", dir), 0);
    free(dir);
}

static void deposits_without_a_certificate_are_not_covered_up(void)
{
    char *dir = soft_new_place();
    struct kh_backend *b = soft_make(dir, KH_OPEN_TOOL);

    soft_stored(b, "key", 0, "secret");
    kh_backend_close(b);
    CU_ASSERT_EQUAL(kh_test_shell("rm '%s/store.pem'", dir), 0);
    try_open(dir, create, KH_REFUSED, "backup");
    try_open(dir, NULL, KH_UNAVAILABLE, "store.pem");
    free(dir);
}

static void a_directory_open_to_others_does_not_become_a_store(void)
{
    char *dir = soft_new_place();

    CU_ASSERT_EQUAL(kh_test_shell("mkdir -m 755 '%s'", dir), 0);
    try_open(dir, create, KH_REFUSED, "mode 0755");
    CU_ASSERT_EQUAL(kh_test_shell("test -z \"$(ls -A '%s')\"", dir), 0);
    free(dir);
}

static void a_missing_store_says_who_makes_one(void)
{
    char *dir = soft_new_place();

    try_open(dir, NULL, KH_UNAVAILABLE, "ktadmin init");
    CU_ASSERT_EQUAL(kh_test_shell("mkdir -m 700 '%s'", dir), 0);
    try_open(dir, NULL, KH_UNAVAILABLE, "ktadmin init");
    free(dir);
}

static void a_place_that_cannot_be_made_says_why(void)
{
    char *dir = kh_test_path(kh_test_dir(), "file/store");
    char *file = strndup(dir, strlen(dir) - strlen("/store"));

    kh_test_write(file, "x", 1, 0600);
    try_open(dir, create, KH_UNAVAILABLE, dir);
    free(file);
    free(dir);
}

static void a_wrong_mode_is_named_with_its_remedy(void)
{
    static const struct {
        const char *path;
        const char *mode;
        const char *word;
    } cases[] = {{"", "0750", "chmod 0700"}, {"store.key", "0640", "chmod 0600"},
        {"store.pem", "0644", "chmod 0600"}, {"deposits", "0711", "chmod 0700"}};
    char *dir = soft_new_place();

    kh_backend_close(soft_make(dir, KH_OPEN_TOOL));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CU_ASSERT_EQUAL(
            kh_test_shell("stat -c %%a '%s/%s' > '%s.mode' && chmod %s '%s/%s'", dir,
                cases[i].path, dir, cases[i].mode, dir, cases[i].path),
            0);
        try_open(dir, NULL, KH_REFUSED, cases[i].word);
        try_open(dir, NULL, KH_REFUSED, cases[i].mode);
        CU_ASSERT_EQUAL(
            kh_test_shell("chmod $(cat '%s.mode') '%s/%s'", dir, dir, cases[i].path), 0);
    }
    kh_backend_close(soft_reopen(dir, KH_OPEN_TOOL));
    free(dir);
}

static void a_symbolic_link_is_refused(void)
{
    char *dir = soft_new_place();
    char *link = kh_test_path(kh_test_dir(), "link");

    kh_backend_close(soft_make(dir, KH_OPEN_TOOL));
    CU_ASSERT_EQUAL(symlink(dir, link), 0);
    try_open(link, NULL, KH_REFUSED, "symbolic link");
    try_open(link, create, KH_REFUSED, "symbolic link");
    CU_ASSERT_EQUAL(
        kh_test_shell("cd '%s' && mv store.key ../k && ln -s ../k store.key", dir), 0);
    try_open(dir, NULL, KH_CORRUPT, "symbolic link");
    free(link);
    free(dir);
}

static void a_missing_part_is_named(void)
{
    char *dir = soft_new_place();

    kh_backend_close(soft_make(dir, KH_OPEN_TOOL));
    CU_ASSERT_EQUAL(kh_test_shell("mv '%s/store.key' '%s.key'", dir, dir), 0);
    try_open(dir, NULL, KH_NOT_FOUND, "store.key");
    try_open(dir, create, KH_NOT_FOUND, "store.key");
    CU_ASSERT_EQUAL(kh_test_shell("mv '%s.key' '%s/store.key'", dir, dir), 0);
    CU_ASSERT_EQUAL(kh_test_shell("rmdir '%s/deposits'", dir), 0);
    try_open(dir, NULL, KH_CORRUPT, "deposits");
    free(dir);
}

static void damaged_keys_and_certificates_are_named(void)
{
    char *dir = soft_new_place();
    char *other = soft_new_place();

    kh_backend_close(soft_make(dir, KH_OPEN_TOOL));
    kh_backend_close(soft_make(other, KH_OPEN_TOOL));
    CU_ASSERT_EQUAL(kh_test_shell("cp '%s/store.pem' '%s.pem'", dir, dir), 0);
    CU_ASSERT_EQUAL(kh_test_shell("cp '%s/store.pem' '%s/store.pem'", other, dir), 0);
    try_open(dir, NULL, KH_CORRUPT, "not the certificate of store.key");
    CU_ASSERT_EQUAL(kh_test_shell("echo nonsense > '%s/store.pem'", dir), 0);
    try_open(dir, NULL, KH_CORRUPT, "not a certificate");
    CU_ASSERT_EQUAL(kh_test_shell("cp '%s.pem' '%s/store.pem'", dir, dir), 0);
    CU_ASSERT_EQUAL(kh_test_shell("echo nonsense > '%s/store.key'", dir), 0);
    try_open(dir, NULL, KH_CORRUPT, "not a private key");
    CU_ASSERT_EQUAL(kh_test_shell(": > '%s/store.key'", dir), 0);
    try_open(dir, NULL, KH_CORRUPT, "empty");
    CU_ASSERT_EQUAL(kh_test_shell("truncate -s 100000 '%s/store.key'", dir), 0);
    try_open(dir, NULL, KH_CORRUPT, "too large");
    CU_ASSERT_EQUAL(
        kh_test_shell(
            "openssl genpkey -algorithm ED25519 -out '%s/store.key' 2>/dev/null", dir),
        0);
    try_open(dir, NULL, KH_INVALID, "EC or RSA");
    free(other);
    free(dir);
}

/* ---- passphrase ---- */

static char *passphrase_setting(const char *text)
{
    char *path = kh_test_path(kh_test_dir(), "pass");
    char *setting = NULL;

    kh_test_write(path, text, strlen(text), 0600);
    if (asprintf(&setting, "passphrase_source=file:%s", path) < 0)
        abort();
    free(path);
    return setting;
}

static void a_key_with_a_passphrase_opens_with_it_alone(void)
{
    char *dir = soft_new_place();
    char *right = passphrase_setting("correct horse");
    char *wrong = passphrase_setting("battery staple");
    char *empty = passphrase_setting("");
    const char *const making[] = {"create=yes", right, NULL};
    const char *const with_right[] = {right, NULL};
    const char *const with_wrong[] = {wrong, NULL};
    const char *const with_empty[] = {"create=yes", empty, NULL};
    struct kh_backend *b = NULL;
    struct kh_error err = {0};
    char *fresh = soft_new_place();

    KH_ASSERT_OK_FATAL(soft_open(&b, dir, KH_OPEN_TOOL, making, &err), err);
    soft_stored(b, "key", 0, "secret");
    kh_backend_close(b);
    CU_ASSERT_EQUAL(
        kh_test_shell("grep -q 'BEGIN ENCRYPTED PRIVATE KEY' '%s/store.key'", dir), 0);
    KH_ASSERT_OK_FATAL(soft_open(&b, dir, KH_OPEN_TOOL, with_right, &err), err);
    CU_ASSERT_TRUE(soft_holds(b, "key", 0, "secret"));
    kh_backend_close(b);
    try_open(dir, with_wrong, KH_REFUSED, "wrong passphrase");
    try_open(dir, NULL, KH_REFUSED, "passphrase_source");
    try_open(fresh, with_empty, KH_UNAVAILABLE, "empty");
    CU_ASSERT_FALSE(soft_exists("%s/store.key", fresh));
    free(fresh);
    free(right);
    free(wrong);
    free(empty);
    free(dir);
}

/* A key that an administrator made by hand, in the old form, is as good. */
static void an_rsa_store_and_a_traditional_key_work(void)
{
    static const char *const rsa[] = {"create=yes", "key_type=rsa", NULL};
    char *dir = soft_new_place();
    struct kh_backend *b = NULL;
    struct kh_error err = {0};
    struct kh_info info;

    KH_ASSERT_OK_FATAL(soft_open(&b, dir, KH_OPEN_TOOL, rsa, &err), err);
    soft_stored(b, "key", 0, "secret");
    KH_ASSERT_OK(kh_backend_info(b, &info, &err), err);
    CU_ASSERT_STRING_EQUAL(info.profile, "rsa-oaep-sha256");
    kh_backend_close(b);
    CU_ASSERT_EQUAL(
        kh_test_shell("cd '%s' && openssl rsa -traditional -in store.key -out k "
                      "2>/dev/null && chmod 600 k && mv k store.key",
            dir),
        0);
    b = soft_reopen(dir, KH_OPEN_TOOL);
    CU_ASSERT_TRUE(soft_holds(b, "key", 0, "secret"));
    kh_backend_close(b);
    free(dir);
}

static void the_largest_deposit_is_an_option_with_a_limit(void)
{
    static const char *const small[] = {"create=yes", "max_deposit_size=4", NULL};
    static const char *const large[] = {"max_deposit_size=2M", NULL};
    char *dir = soft_new_place();
    struct kh_backend *b = NULL;
    struct kh_error err = {0};

    KH_ASSERT_OK_FATAL(soft_open(&b, dir, KH_OPEN_TOOL, small, &err), err);
    soft_stored(b, "four", 0, "1234");
    KH_ASSERT_FAILS(soft_put(b, "five", 0, "12345", &err), KH_INVALID, err, "at most 4");
    kh_backend_close(b);
    try_open(dir, large, KH_INVALID, "max_deposit_size");
    free(dir);
}

/* Root works in a store of the service's user, who must be able to read what root made.
 */
static void what_is_made_belongs_to_the_owner_of_the_store(void)
{
    char *dir = soft_new_place();
    struct kh_backend *b = soft_make(dir, KH_OPEN_TOOL);

    kh_backend_close(b);
    if (geteuid() == 0)
        CU_ASSERT_EQUAL(kh_test_shell("chown -R 65534:65534 '%s'", dir), 0);
    b = soft_reopen(dir, KH_OPEN_MIGRATE);
    soft_stored(b, "key", 0, "secret");
    kh_backend_close(b);
    CU_ASSERT_EQUAL(
        kh_test_shell(
            "u=$(stat -c %%u '%s'); test -z \"$(find '%s' ! -uid $u)\"", dir, dir),
        0);
    b = soft_reopen(dir, KH_OPEN_SERVE);
    CU_ASSERT_TRUE(soft_holds(b, "key", 0, "secret"));
    kh_backend_close(b);
    CU_ASSERT_EQUAL(
        kh_test_shell(
            "u=$(stat -c %%u '%s'); test -z \"$(find '%s' ! -uid $u)\"", dir, dir),
        0);
    free(dir);
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"a_store_is_made_with_its_parents_and_closed_to_others",
            a_store_is_made_with_its_parents_and_closed_to_others},
        {"a_store_that_is_there_is_left_alone", a_store_that_is_there_is_left_alone},
        {"the_key_of_a_making_that_was_interrupted_is_kept",
            the_key_of_a_making_that_was_interrupted_is_kept},
        {"an_empty_directory_and_one_with_ssl_become_stores",
            an_empty_directory_and_one_with_ssl_become_stores},
        {"a_directory_with_something_else_is_refused_and_left_alone",
            a_directory_with_something_else_is_refused_and_left_alone},
        {"deposits_without_a_certificate_are_not_covered_up",
            deposits_without_a_certificate_are_not_covered_up},
        {"a_directory_open_to_others_does_not_become_a_store",
            a_directory_open_to_others_does_not_become_a_store},
        {"a_missing_store_says_who_makes_one", a_missing_store_says_who_makes_one},
        {"a_place_that_cannot_be_made_says_why", a_place_that_cannot_be_made_says_why},
        {"a_wrong_mode_is_named_with_its_remedy", a_wrong_mode_is_named_with_its_remedy},
        {"a_symbolic_link_is_refused", a_symbolic_link_is_refused},
        {"a_missing_part_is_named", a_missing_part_is_named},
        {"damaged_keys_and_certificates_are_named",
            damaged_keys_and_certificates_are_named},
        {"a_key_with_a_passphrase_opens_with_it_alone",
            a_key_with_a_passphrase_opens_with_it_alone},
        {"an_rsa_store_and_a_traditional_key_work",
            an_rsa_store_and_a_traditional_key_work},
        {"what_is_made_belongs_to_the_owner_of_the_store",
            what_is_made_belongs_to_the_owner_of_the_store},
        {"the_largest_deposit_is_an_option_with_a_limit",
            the_largest_deposit_is_an_option_with_a_limit},
    };

    return kh_test_main("softfile create", tests, sizeof tests / sizeof tests[0]);
}
