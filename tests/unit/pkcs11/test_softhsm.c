/* SoftHSM's token file: the copy, the guard, and what a crash leaves. */
#include "tests/unit/pkcs11/faulty.h"

#include "plugins/pkcs11/softdir.h"
#include "plugins/pkcs11/softguard.h"
#include "plugins/pkcs11/softhsm.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct rig rig;
static struct kh_public_half half;

/* A token with key 1 that was opened, used and closed: so there is a copy. */
static void begin(void)
{
    rig_make(&rig);
    KH_ASSERT_OK_FATAL(rig_open(&rig), rig.err);
    KH_ASSERT_OK_FATAL(rig_generate(&rig, 1, &half), rig.err);
    rig_close(&rig);
}

static void end(void)
{
    free(half.spki);
    rig_end(&rig);
}

static int in_tokens(const char *command)
{
    return kh_test_shell("cd '%s'/tokens/*/ && %s", rig.soft.dir, command);
}

static int in_state(const char *command)
{
    return kh_test_shell("cd '%s' && %s", rig.state, command);
}

static void a_start_keeps_one_copy_with_its_digest(void)
{
    begin();
    CU_ASSERT_EQUAL(in_state("test $(ls softhsm-*.object | wc -l) = 1"), 0);
    CU_ASSERT_EQUAL(in_state("test $(stat -c %a softhsm-*.object) = 600"), 0);
    CU_ASSERT_EQUAL(
        in_state("f=$(ls softhsm-*.object) && d=$(sha256sum $f | cut -c1-64) && "
                 "case $f in *-$d.object) ;; *) exit 1;; esac"),
        0);
    CU_ASSERT_EQUAL(
        kh_test_shell("cmp -s '%s'/softhsm-*.object '%s'/tokens/*/token.object",
            rig.state, rig.soft.dir),
        0);
    end();
}

static void an_empty_token_file_is_put_back(void)
{
    begin();
    CU_ASSERT_EQUAL(in_tokens(": > token.object"), 0);
    KH_ASSERT_OK_FATAL(rig_open(&rig), rig.err);
    CU_ASSERT_TRUE(rig_agrees(&rig, 1, &half));
    CU_ASSERT_EQUAL(in_tokens("test $(stat -c %a token.object) = 600"), 0);
    end();
}

static void a_missing_token_file_is_put_back(void)
{
    begin();
    CU_ASSERT_EQUAL(in_tokens("rm token.object"), 0);
    KH_ASSERT_OK_FATAL(rig_open(&rig), rig.err);
    CU_ASSERT_TRUE(rig_agrees(&rig, 1, &half));
    end();
}

static void a_damaged_copy_is_not_put_back(void)
{
    begin();
    CU_ASSERT_EQUAL(in_state("for f in softhsm-*.object; do printf x >> $f; done"), 0);
    CU_ASSERT_EQUAL(in_tokens("cp token.object ../../saved && : > token.object"), 0);
    CU_ASSERT_EQUAL(rig_open(&rig), KH_UNAVAILABLE);
    CU_ASSERT_EQUAL(
        in_tokens("test ! -s token.object && cat ../../saved > token.object"), 0);
    KH_ASSERT_OK(rig_open(&rig), rig.err); /* and a good copy is made anew */
    rig_close(&rig);
    CU_ASSERT_EQUAL(in_state("test $(ls softhsm-*.object | wc -l) = 1"), 0);
    CU_ASSERT_EQUAL(in_tokens(": > token.object"), 0);
    KH_ASSERT_OK(rig_open(&rig), rig.err);
    end();
}

static void a_good_token_file_is_left_alone_and_copied_anew(void)
{
    begin();
    CU_ASSERT_EQUAL(
        kh_test_shell("SOFTHSM2_CONF='%s' pkcs11-tool --module " SOFTHSM2_MODULE
                      " --token-label lab --login --pin 1234 --change-pin "
                      "--new-pin 567890 >/dev/null 2>&1",
            rig.soft.conf),
        0);
    kh_test_write(rig.soft.pin_file, "567890", 6, 0600);
    KH_ASSERT_OK_FATAL(rig_open(&rig), rig.err);
    rig_close(&rig);
    CU_ASSERT_EQUAL(in_state("test $(ls softhsm-*.object | wc -l) = 1"), 0);
    CU_ASSERT_EQUAL(in_tokens(": > token.object"), 0);
    KH_ASSERT_OK_FATAL(
        rig_open(&rig), rig.err); /* with the new PIN: the copy is of after it */
    CU_ASSERT_TRUE(rig_agrees(&rig, 1, &half));
    end();
}

static void a_deleted_token_is_not_brought_back(void)
{
    begin();
    CU_ASSERT_EQUAL(kh_test_shell("rm -r '%s'/tokens/*", rig.soft.dir), 0);
    CU_ASSERT_EQUAL(rig_open(&rig), KH_UNAVAILABLE);
    CU_ASSERT_EQUAL(kh_test_shell("test -z \"$(ls '%s'/tokens)\"", rig.soft.dir), 0);
    end();
}

/* Can the token file be written by us now? Guards leave that impossible. */
static bool writable(void)
{
    return in_tokens("dd if=/dev/null of=token.object conv=notrunc 2>/dev/null") == 0;
}

static void find_file(struct kh_softhsm *softhsm)
{
    static struct kh_module module = {.quirks = {.flags = KH_QUIRK_TOKEN_FILE}};
    struct kh_token_facts facts;

    KH_ASSERT_OK_FATAL(rig_open(&rig), rig.err);
    kh_token_facts(rig.token, &facts);
    rig_close(&rig);
    KH_ASSERT_OK_FATAL(
        kh_softhsm_attach(softhsm, &rig.host, &module, facts.serial, &rig.err), rig.err);
    CU_ASSERT_TRUE_FATAL(softhsm->active);
}

static void the_guard_forbids_writing_and_goes_away(void)
{
    struct kh_softhsm softhsm = {.active = false};

    begin();
    find_file(&softhsm);
    KH_ASSERT_OK(kh_softhsm_guard(&softhsm, &rig.host, &rig.err), rig.err);
    CU_ASSERT_NOT_EQUAL(softhsm.guard, KH_GUARD_NONE);
    CU_ASSERT_FALSE(writable());
    CU_ASSERT_EQUAL(in_state("ls softhsm-*.guard >/dev/null"), 0);
    kh_softhsm_unguard(&softhsm, &rig.host);
    CU_ASSERT_TRUE(writable());
    CU_ASSERT_NOT_EQUAL(in_state("ls softhsm-*.guard >/dev/null 2>&1"), 0);
    end();
}

static void a_guard_left_by_a_crash_is_taken_away_at_start(void)
{
    struct kh_softhsm softhsm = {.active = false};

    begin();
    find_file(&softhsm);
    KH_ASSERT_OK(kh_softhsm_guard(&softhsm, &rig.host, &rig.err), rig.err);
    KH_ASSERT_OK_FATAL(rig_open(&rig), rig.err); /* as if we had died in between */
    CU_ASSERT_TRUE(writable());
    CU_ASSERT_TRUE(rig_agrees(&rig, 1, &half));
    end();
}

static void an_administrators_own_guard_is_left_alone(void)
{
    struct kh_softhsm softhsm = {.active = false};
    struct kh_softhsm second;

    begin();
    find_file(&softhsm);
    KH_ASSERT_OK(kh_softguard_set(&softhsm, &rig.host, &rig.err), rig.err);
    CU_ASSERT_EQUAL(in_state("rm softhsm-*.guard"), 0); /* so it is nobody's but his */
    second = softhsm;
    KH_ASSERT_OK(kh_softguard_set(&second, &rig.host, &rig.err), rig.err);
    CU_ASSERT_EQUAL(second.guard, KH_GUARD_NONE);
    CU_ASSERT_FALSE(writable());
    KH_ASSERT_OK_FATAL(rig_open(&rig), rig.err); /* a login works all the same */
    CU_ASSERT_TRUE(rig_agrees(&rig, 1, &half));
    CU_ASSERT_FALSE(writable());
    rig_close(&rig);
    kh_softguard_clear(&softhsm, &rig.host);
    CU_ASSERT_TRUE(writable());
    end();
}

/* The other kind of guard needs another user: the child becomes one. */
static void without_root_the_guard_is_the_mode(void)
{
    pid_t child;
    int status = 0;
    struct kh_softhsm softhsm = {.active = false};

    begin();
    find_file(&softhsm);
    if (geteuid() == 0)
        CU_ASSERT_EQUAL(kh_test_shell("chmod 755 '%s' && chown -R 65534 '%s'",
                            rig.soft.dir, rig.soft.dir),
            0);
    child = fork();
    if (child == 0) {
        struct kh_error err = {0};
        struct stat st;
        bool ok;

        if (geteuid() == 0 && setuid(65534) != 0)
            _exit(2);
        ok = kh_softhsm_guard(&softhsm, &rig.host, &err) == KH_OK &&
             softhsm.guard == KH_GUARD_MODE && stat(softhsm.file, &st) == 0 &&
             (st.st_mode & 07777) == 0400 && open(softhsm.file, O_WRONLY | O_CLOEXEC) < 0;
        ok = ok && kh_softhsm_mend(&rig.host, &err) == KH_OK; /* as after a crash */
        ok = ok && stat(softhsm.file, &st) == 0 && (st.st_mode & 07777) == 0600;
        _exit(ok ? 0 : 1);
    }
    CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
    CU_ASSERT_EQUAL(status, 0);
    end();
}

static void a_state_directory_that_cannot_be_made_stops_the_start(void)
{
    rig_make(&rig);
    rig_set(&rig, "state_dir=/proc/nowhere/state");
    rig_host(&rig);
    CU_ASSERT_EQUAL(rig_open(&rig), KH_UNAVAILABLE);
    CU_ASSERT_PTR_NOT_NULL(strstr(rig.err.message, "/proc/nowhere/state"));
    rig_end(&rig);
}

static void a_uuid_is_what_it_is(void)
{
    CU_ASSERT_TRUE(kh_softguard_is_uuid("f120ac8a-1727-164c-ea6b-efe20386a15e"));
    CU_ASSERT_FALSE(kh_softguard_is_uuid("f120ac8a-1727-164c-ea6b-efe20386a15"));
    CU_ASSERT_FALSE(kh_softguard_is_uuid("f120ac8a-1727-164c-ea6b-efe20386a15e0"));
    CU_ASSERT_FALSE(kh_softguard_is_uuid("f120ac8a-1727-164c-ea6b/../../../../etc"));
    CU_ASSERT_FALSE(kh_softguard_is_uuid(""));
}

static void the_token_directory_is_read_from_the_configuration(void)
{
    const char *dir = kh_test_dir();
    char *conf = kh_test_path(dir, "c.conf");
    char out[64];
    static const char text[] = "# directories.tokendir = /wrong\n log.level=x\n"
                               "  directories.tokendir =  /some/where/  \n";
    static const char long_text[] =
        "directories.tokendir = /"
        "0123456789012345678901234567890123456789012345678901234567890123456789\n";

    setenv("SOFTHSM2_CONF", conf, 1);
    CU_ASSERT_FALSE(kh_softdir_tokens(out, sizeof out));
    kh_test_write(conf, text, sizeof text - 1, 0600);
    CU_ASSERT_TRUE(kh_softdir_tokens(out, sizeof out));
    CU_ASSERT_STRING_EQUAL(out, "/some/where");
    kh_test_write(conf, long_text, sizeof long_text - 1, 0600);
    CU_ASSERT_FALSE(kh_softdir_tokens(out, sizeof out));
    free(conf);
}

static void a_full_token_says_that_it_is_full(void)
{
    struct kh_public_half made;
    struct kh_key_id id;
    kh_status st = KH_OK;
    unsigned i;
    unsigned complete;

    rig_make(&rig);
    if (kh_test_shell(
            "mount -t tmpfs -o size=128k keyhsm-test '%s/tokens' && softhsm2-util "
            "--init-token --free --label lab --so-pin 12345678 --pin 1234 >/dev/null",
            rig.soft.dir) != 0) {
        /* No right to mount: only root can make a small file system. */
        CU_ASSERT_NOT_EQUAL(geteuid(), 0);
        rig_end(&rig);
        return;
    }
    KH_ASSERT_OK(rig_open(&rig), rig.err);
    for (i = 0; st == KH_OK && rig.token && i < 200; i++) {
        st = rig_generate(&rig, i, &made);
        free(made.spki);
    }
    KH_ASSERT_FAILS(st, KH_UNAVAILABLE, rig.err, "full");
    CU_ASSERT_EQUAL(rig_count(&rig, &complete), complete); /* no half key is left */
    id = rig_id(0);
    KH_ASSERT_OK(kh_token_key_destroy(rig.token, &id, &rig.err), rig.err);
    KH_ASSERT_OK(rig_ecdh(&rig, 1, &rig.err), rig.err);
    rig_end(&rig);
    CU_ASSERT_EQUAL(kh_test_shell("umount '%s/tokens'", rig.soft.dir), 0);
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"a_start_keeps_one_copy_with_its_digest",
            a_start_keeps_one_copy_with_its_digest},
        {"an_empty_token_file_is_put_back", an_empty_token_file_is_put_back},
        {"a_missing_token_file_is_put_back", a_missing_token_file_is_put_back},
        {"a_damaged_copy_is_not_put_back", a_damaged_copy_is_not_put_back},
        {"a_good_token_file_is_left_alone_and_copied_anew",
            a_good_token_file_is_left_alone_and_copied_anew},
        {"a_deleted_token_is_not_brought_back", a_deleted_token_is_not_brought_back},
        {"the_guard_forbids_writing_and_goes_away",
            the_guard_forbids_writing_and_goes_away},
        {"a_guard_left_by_a_crash_is_taken_away_at_start",
            a_guard_left_by_a_crash_is_taken_away_at_start},
        {"an_administrators_own_guard_is_left_alone",
            an_administrators_own_guard_is_left_alone},
        {"without_root_the_guard_is_the_mode", without_root_the_guard_is_the_mode},
        {"a_state_directory_that_cannot_be_made_stops_the_start",
            a_state_directory_that_cannot_be_made_stops_the_start},
        {"a_uuid_is_what_it_is", a_uuid_is_what_it_is},
        {"the_token_directory_is_read_from_the_configuration",
            the_token_directory_is_read_from_the_configuration},
        {"a_full_token_says_that_it_is_full", a_full_token_says_that_it_is_full},
    };

    return kh_test_main("pkcs11.softhsm", tests, sizeof tests / sizeof tests[0]);
}
