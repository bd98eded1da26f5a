/* Files that are not as they were stored: each is named, none hides another, none stops
 * the rest. */
#include "plugins/softfile/listing.h"

#include "tests/unit/softfile/fixture.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <signal.h>
#include <unistd.h>

/* A store with a good deposit before and after the one that is damaged, and a shell
 * command run in its deposits directory. */
struct patient {
    char *dir;
    struct kh_backend *b;
};

static struct patient admit(const char *command)
{
    struct patient p = {.dir = soft_new_place()};

    p.b = soft_make(p.dir, KH_OPEN_TOOL);
    soft_stored(p.b, "aaa", 0, "before");
    soft_stored(p.b, "key", 0, "secret");
    soft_stored(p.b, "key", 1, "rolled");
    soft_stored(p.b, "zzz", 0, "after");
    CU_ASSERT_EQUAL(kh_test_shell("cd '%s/deposits' && { %s; }", p.dir, command), 0);
    return p;
}

static void discharge(struct patient *p)
{
    CU_ASSERT_TRUE(soft_holds(p->b, "aaa", 0, "before"));
    CU_ASSERT_TRUE(soft_holds(p->b, "zzz", 0, "after"));
    kh_backend_close(p->b);
    free(p->dir);
}

/* NAME's VERSION is listed as corrupt with WORD, and every other entry is there and is
 * good. */
static void is_listed(
    struct patient *p, const char *name, uint32_t version, const char *word)
{
    struct kh_item item;
    size_t corrupt = 0;

    CU_ASSERT_TRUE(soft_find(p->b, name, version, &item));
    CU_ASSERT_EQUAL(item.status, KH_CORRUPT);
    if (!strstr(item.note, word))
        fprintf(stderr, "    note: %s\n", item.note);
    CU_ASSERT_PTR_NOT_NULL(strstr(item.note, word));
    (void)soft_count(p->b, &corrupt);
    CU_ASSERT_EQUAL(corrupt, 1);
}

/* Damage seen by a listing and by a get. */
static void seen_by_both(const char *command, const char *word)
{
    struct patient p = admit(command);
    struct kh_error err = {0};

    is_listed(&p, "key", 0, word);
    KH_ASSERT_FAILS(soft_read(p.b, "key", 0, &err), KH_CORRUPT, err, word);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "key version 0"));
    CU_ASSERT_TRUE(soft_holds(p.b, "key", 1, "rolled"));
    discharge(&p);
}

/* Damage that only opening the envelope finds. */
static void seen_by_get(const char *command, const char *word)
{
    struct patient p = admit(command);
    struct kh_error err = {0};

    KH_ASSERT_FAILS(soft_read(p.b, "key", 0, &err), KH_CORRUPT, err, word);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "key version 0"));
    discharge(&p);
}

static void an_empty_file_is_corrupt(void)
{
    seen_by_both(": > key/00000000.cms", "empty");
}

static void a_truncated_file_is_corrupt(void)
{
    seen_by_both("truncate -s -1 key/00000000.cms", "torn");
}

static void a_file_with_trailing_bytes_is_corrupt(void)
{
    seen_by_both("printf x >> key/00000000.cms", "torn");
}

static void a_file_of_zeros_is_corrupt(void)
{
    seen_by_both("head -c 600 /dev/zero > key/00000000.cms", "torn");
}

static void a_file_above_the_limit_is_corrupt(void)
{
    seen_by_both("truncate -s 5M key/00000000.cms", "too large");
}

static void a_file_open_to_others_is_corrupt(void)
{
    seen_by_both("chmod 644 key/00000000.cms", "mode 0644, expected 0600");
}

static void a_symbolic_link_is_corrupt(void)
{
    seen_by_both(
        "mv key/00000000.cms ../x && ln -s ../../x key/00000000.cms", "symbolic link");
}

static void a_fifo_is_corrupt_and_holds_nobody_up(void)
{
    seen_by_both(
        "rm key/00000000.cms && mkfifo -m 600 key/00000000.cms", "not a regular file");
}

static void a_directory_in_place_of_a_file_is_corrupt(void)
{
    seen_by_both("rm key/00000000.cms && mkdir key/00000000.cms", "not a regular file");
}

static void a_version_in_both_states_is_corrupt(void)
{
    seen_by_both(
        "cp -p key/00000001.cms key/00000000.deleted", "both active and deleted");
}

static void swapped_versions_are_corrupt(void)
{
    seen_by_get("mv key/00000000.cms x && mv key/00000001.cms key/00000000.cms && "
                "mv x key/00000001.cms",
        "swapped");
}

static void the_file_of_another_deposit_is_corrupt(void)
{
    seen_by_get(
        "cp -p zzz/00000000.cms key/00000000.cms", "swapped: holds zzz version 0");
}

static void a_flipped_bit_is_corrupt(void)
{
    /* The last byte is the tag's, one of the middle is the content's. */
    seen_by_get("f=key/00000000.cms; n=$(($(stat -c %s $f) - 1)); b=$(tail -c1 $f | od "
                "-An -tu1); "
                "printf \"\\\\$(printf %o $((b ^ 1)))\" | "
                "dd of=$f bs=1 seek=$n conv=notrunc status=none",
        "authentication failed");
    seen_by_get("f=key/00000000.cms; n=$(($(stat -c %s $f) - 40)); "
                "b=$(tail -c40 $f | head -c1 | od -An -tu1); "
                "printf \"\\\\$(printf %o $((b ^ 1)))\" | "
                "dd of=$f bs=1 seek=$n conv=notrunc status=none",
        "authentication failed");
}

/* Whoever chooses the point may learn of the private key from one that is not on the
 * curve (an invalid curve attack). 03 42 00 04: the BIT STRING of an uncompressed point.
 */
static void a_sender_that_is_not_on_the_curve_is_corrupt(void)
{
    seen_by_get(
        "f=key/00000000.cms; n=$(LC_ALL=C grep -obUaP '\\x03\\x42\\x00\\x04' $f | "
        "head -1 | cut -d: -f1); test -n \"$n\" && "
        "head -c 64 /dev/zero | tr '\\000' '\\101' | "
        "dd of=$f bs=1 seek=$((n + 4)) conv=notrunc status=none",
        "its content key cannot be opened");
    seen_by_get(
        "f=key/00000000.cms; n=$(LC_ALL=C grep -obUaP '\\x03\\x42\\x00\\x04' $f | "
        "head -1 | cut -d: -f1); test -n \"$n\" && "
        "head -c 64 /dev/zero | "
        "dd of=$f bs=1 seek=$((n + 4)) conv=notrunc status=none",
        "its content key cannot be opened");
}

static void something_that_is_no_cms_message_is_corrupt(void)
{
    seen_by_get(
        "printf '\\060\\003\\001\\001\\377' > key/00000000.cms", "not a CMS message");
}

static void a_message_without_authentication_is_corrupt(void)
{
    seen_by_get("printf x | openssl cms -encrypt -aes-256-cbc -binary -outform DER "
                "-recip ../store.pem -keyid -out key/00000000.cms",
        "without authentication");
}

static void a_message_to_another_key_is_corrupt(void)
{
    seen_by_get("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
                "-keyout ../k.pem -out ../c.pem -subj /CN=x 2>/dev/null && "
                "printf x | openssl cms -encrypt -aes-256-gcm -binary -outform DER "
                "-recip ../c.pem -keyid -out key/00000000.cms",
        "another store");
}

static void a_message_that_is_no_record_is_corrupt(void)
{
    seen_by_get("printf '{}' | openssl cms -encrypt -aes-256-gcm -binary -outform DER "
                "-recip ../store.pem -keyid -out key/00000000.cms",
        "record");
}

/* ---- directories and foreign files ---- */

static void a_deposits_directory_open_to_others_makes_its_versions_corrupt(void)
{
    struct patient p = admit("chmod 755 key");
    struct kh_item item;
    struct kh_error err = {0};

    for (uint32_t v = 0; v < 2; v++) {
        CU_ASSERT_TRUE(soft_find(p.b, "key", v, &item));
        CU_ASSERT_EQUAL(item.status, KH_CORRUPT);
        CU_ASSERT_PTR_NOT_NULL(strstr(item.note, "mode 0755, expected 0700"));
        KH_ASSERT_FAILS(soft_read(p.b, "key", v, &err), KH_CORRUPT, err, "mode 0755");
    }
    KH_ASSERT_FAILS(soft_put(p.b, "key", 2, "x", &err), KH_CORRUPT, err, "mode 0755");
    KH_ASSERT_FAILS(kh_backend_purge(p.b, "key", 0, &err), KH_CORRUPT, err, "mode 0755");
    discharge(&p);
}

static void a_file_in_place_of_a_directory_is_listed(void)
{
    struct patient p = admit("rm -r key && echo x > key");
    struct kh_error err = {0};

    is_listed(&p, "key", 0, "not a directory");
    KH_ASSERT_FAILS(soft_read(p.b, "key", 0, &err), KH_CORRUPT, err, "not a directory");
    KH_ASSERT_FAILS(
        soft_put(p.b, "key", 0, "x", &err), KH_CORRUPT, err, "not a directory");
    discharge(&p);
}

static void a_link_in_place_of_a_directory_is_listed_and_not_followed(void)
{
    struct patient p = admit("mv key ../elsewhere && ln -s ../elsewhere key");
    struct kh_error err = {0};

    is_listed(&p, "key", 0, "not a directory");
    KH_ASSERT_FAILS(
        soft_put(p.b, "key", 5, "x", &err), KH_CORRUPT, err, "not a directory");
    CU_ASSERT_FALSE(soft_exists("%s/elsewhere/00000005.cms", p.dir));
    discharge(&p);
}

static void a_foreign_file_among_the_deposits_is_listed(void)
{
    struct patient p = admit("echo x > core%2f && rm -r key");

    is_listed(&p, "core%2f", KH_SOFT_FOREIGN_NAME, "foreign");
    CU_ASSERT_EQUAL(soft_count(p.b, NULL), 3);
    discharge(&p);
}

static void a_foreign_file_among_the_versions_is_listed(void)
{
    struct patient p = admit("echo x > key/00000000.cms.bak");
    struct kh_error err = {0};

    is_listed(&p, "key", KH_SOFT_FOREIGN_FILE, "foreign file 00000000.cms.bak");
    CU_ASSERT_TRUE(soft_holds(p.b, "key", 0, "secret"));
    KH_ASSERT_FAILS(soft_put(p.b, "key", 2, "x", &err), KH_CORRUPT, err, ".bak");
    discharge(&p);
}

static void a_foreign_name_of_any_bytes_is_listed_on_one_line(void)
{
    struct patient p = admit("echo x > \"key/$(printf 'a\\nb\\377')\"");
    struct kh_item item;
    struct kh_error err = {0};

    is_listed(&p, "key", KH_SOFT_FOREIGN_FILE, "foreign file a?b?");
    CU_ASSERT_TRUE(soft_find(p.b, "key", KH_SOFT_FOREIGN_FILE, &item));
    CU_ASSERT_EQUAL(item.state, KH_DELETED);
    KH_ASSERT_FAILS(soft_put(p.b, "key", 2, "x", &err), KH_CORRUPT, err, "a%0Ab%FF");
    discharge(&p);
}

static void every_foreign_file_is_listed_whatever_the_page(void)
{
    struct patient p =
        admit("for i in 1 2 3 4 5; do echo > key/f$i; echo > x%2e$i; done");
    struct kh_cursor cursor = {0};
    struct kh_error err = {0};
    struct kh_item item;
    size_t foreign = 0;
    size_t count = 1;

    while (count > 0) {
        KH_ASSERT_OK_FATAL(kh_backend_list(p.b, &cursor, &item, 1, &count, &err), err);
        if (count == 0)
            break;
        foreign += item.status == KH_CORRUPT;
        memcpy(cursor.name, item.name, sizeof cursor.name);
        cursor.version = item.version;
        cursor.started = true;
    }
    CU_ASSERT_EQUAL(foreign, 10);
    discharge(&p);
}

static void what_a_crash_leaves_is_no_deposit(void)
{
    struct patient p = admit("mkdir -m 700 empty && touch key/.tmp-abcdef");
    size_t corrupt = 9;

    CU_ASSERT_EQUAL(soft_count(p.b, &corrupt), 4);
    CU_ASSERT_EQUAL(corrupt, 0);
    soft_stored(p.b, "empty", 0, "now it is one");
    CU_ASSERT_TRUE(soft_holds(p.b, "empty", 0, "now it is one"));
    discharge(&p);
}

static void a_corrupt_version_can_be_purged(void)
{
    struct patient p = admit(": > key/00000000.cms; ln -s x key/00000007.cms");
    struct kh_error err = {0};
    size_t corrupt = 9;

    KH_ASSERT_OK(kh_backend_purge(p.b, "key", 0, &err), err);
    KH_ASSERT_OK(kh_backend_purge(p.b, "key", 7, &err), err);
    CU_ASSERT_EQUAL(soft_count(p.b, &corrupt), 3);
    CU_ASSERT_EQUAL(corrupt, 0);
    CU_ASSERT_TRUE(soft_holds(p.b, "key", 1, "rolled"));
    discharge(&p);
}

static void the_fingerprint_follows_bytes_and_state(void)
{
    struct patient p = admit("true");
    unsigned char active[KH_FINGERPRINT_LEN];
    unsigned char again[KH_FINGERPRINT_LEN];
    struct kh_error err = {0};

    KH_ASSERT_OK(kh_backend_fingerprint(p.b, "key", 0, active, &err), err);
    KH_ASSERT_OK(kh_backend_remove(p.b, "key", 0, &err), err);
    KH_ASSERT_OK(kh_backend_fingerprint(p.b, "key", 0, again, &err), err);
    CU_ASSERT_NOT_EQUAL(memcmp(active, again, sizeof active), 0);
    KH_ASSERT_OK(kh_backend_restore(p.b, "key", 0, &err), err);
    KH_ASSERT_OK(kh_backend_fingerprint(p.b, "key", 0, again, &err), err);
    CU_ASSERT_EQUAL(memcmp(active, again, sizeof active), 0);
    CU_ASSERT_EQUAL(
        kh_test_shell("printf x >> '%s/deposits/key/00000000.cms'", p.dir), 0);
    KH_ASSERT_OK(kh_backend_fingerprint(p.b, "key", 0, again, &err), err);
    CU_ASSERT_NOT_EQUAL(memcmp(active, again, sizeof active), 0);
    discharge(&p);
}

/* A file size limit stands in for the full disk: the write fails half-way in the same
 * place. */
static int put_without_space(const char *dir)
{
    const struct rlimit limit = {512, 512};
    struct kh_backend *b = soft_reopen(dir, KH_OPEN_TOOL);
    struct kh_error err = {0};
    char text[4096];
    kh_status st;

    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    (void)signal(SIGXFSZ, SIG_IGN);
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
        return 2;
    st = soft_put(b, "new", 0, text, &err);
    kh_backend_close(b);
    return st == KH_UNAVAILABLE && strstr(err.message, "new") ? 0 : 1;
}

static void a_write_that_fails_leaves_nothing(void)
{
    struct patient p = admit("true");
    int status = -1;
    pid_t child;

    (void)fflush(NULL);
    child = fork();
    if (child == 0)
        _exit(put_without_space(p.dir));
    CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
    CU_ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CU_ASSERT_FALSE(soft_exists("%s/deposits/new", p.dir));
    CU_ASSERT_EQUAL(soft_count(p.b, NULL), 4);
    discharge(&p);
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"an_empty_file_is_corrupt", an_empty_file_is_corrupt},
        {"a_truncated_file_is_corrupt", a_truncated_file_is_corrupt},
        {"a_file_with_trailing_bytes_is_corrupt", a_file_with_trailing_bytes_is_corrupt},
        {"a_file_of_zeros_is_corrupt", a_file_of_zeros_is_corrupt},
        {"a_file_above_the_limit_is_corrupt", a_file_above_the_limit_is_corrupt},
        {"a_file_open_to_others_is_corrupt", a_file_open_to_others_is_corrupt},
        {"a_symbolic_link_is_corrupt", a_symbolic_link_is_corrupt},
        {"a_fifo_is_corrupt_and_holds_nobody_up", a_fifo_is_corrupt_and_holds_nobody_up},
        {"a_directory_in_place_of_a_file_is_corrupt",
            a_directory_in_place_of_a_file_is_corrupt},
        {"a_version_in_both_states_is_corrupt", a_version_in_both_states_is_corrupt},
        {"swapped_versions_are_corrupt", swapped_versions_are_corrupt},
        {"the_file_of_another_deposit_is_corrupt",
            the_file_of_another_deposit_is_corrupt},
        {"a_flipped_bit_is_corrupt", a_flipped_bit_is_corrupt},
        {"a_sender_that_is_not_on_the_curve_is_corrupt",
            a_sender_that_is_not_on_the_curve_is_corrupt},
        {"something_that_is_no_cms_message_is_corrupt",
            something_that_is_no_cms_message_is_corrupt},
        {"a_message_without_authentication_is_corrupt",
            a_message_without_authentication_is_corrupt},
        {"a_message_to_another_key_is_corrupt", a_message_to_another_key_is_corrupt},
        {"a_message_that_is_no_record_is_corrupt",
            a_message_that_is_no_record_is_corrupt},
        {"a_deposits_directory_open_to_others_makes_its_versions_corrupt",
            a_deposits_directory_open_to_others_makes_its_versions_corrupt},
        {"a_file_in_place_of_a_directory_is_listed",
            a_file_in_place_of_a_directory_is_listed},
        {"a_link_in_place_of_a_directory_is_listed_and_not_followed",
            a_link_in_place_of_a_directory_is_listed_and_not_followed},
        {"a_foreign_file_among_the_deposits_is_listed",
            a_foreign_file_among_the_deposits_is_listed},
        {"a_foreign_file_among_the_versions_is_listed",
            a_foreign_file_among_the_versions_is_listed},
        {"a_foreign_name_of_any_bytes_is_listed_on_one_line",
            a_foreign_name_of_any_bytes_is_listed_on_one_line},
        {"every_foreign_file_is_listed_whatever_the_page",
            every_foreign_file_is_listed_whatever_the_page},
        {"what_a_crash_leaves_is_no_deposit", what_a_crash_leaves_is_no_deposit},
        {"a_corrupt_version_can_be_purged", a_corrupt_version_can_be_purged},
        {"the_fingerprint_follows_bytes_and_state",
            the_fingerprint_follows_bytes_and_state},
        {"a_write_that_fails_leaves_nothing", a_write_that_fails_leaves_nothing},
    };

    return kh_test_main("softfile damage", tests, sizeof tests / sizeof tests[0]);
}
