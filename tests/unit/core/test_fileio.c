#include "core/fileio.h"
#include "core/secmem.h"
#include "tests/lib/testlib.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct kh_error err;

static mode_t mode_of(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0 ? st.st_mode & 07777 : 0;
}

static void written_bytes_and_mode_are_read_back(void)
{
    char *path = kh_test_path(kh_test_dir(), "f");
    struct kh_buf b = {0};

    KH_ASSERT_OK_FATAL(kh_file_write(path, "one\0two", 7, 0600, false, &err), err);
    CU_ASSERT_EQUAL(mode_of(path), 0600);
    KH_ASSERT_OK_FATAL(kh_file_read(path, 7, &b, &err), err);
    CU_ASSERT_EQUAL(b.len, 7);
    CU_ASSERT_EQUAL(memcmp(b.data, "one\0two", 7), 0);
    kh_buf_free(&b);
    KH_ASSERT_OK(kh_file_write(path, "", 0, 0640, false, &err), err);
    CU_ASSERT_EQUAL(mode_of(path), 0640);
    KH_ASSERT_OK(kh_file_read(path, 7, &b, &err), err);
    CU_ASSERT_EQUAL(b.len, 0);
    free(path);
}

static void an_exclusive_write_never_overwrites(void)
{
    const char *dir = kh_test_dir();
    char *path = kh_test_path(dir, "f");
    struct kh_buf b = {0};

    KH_ASSERT_OK(kh_file_write(path, "first", 5, 0600, true, &err), err);
    KH_ASSERT_FAILS(kh_file_write(path, "second", 6, 0600, true, &err), KH_EXISTS, err,
        "exists already");
    KH_ASSERT_OK_FATAL(kh_file_read(path, 100, &b, &err), err);
    CU_ASSERT_EQUAL(b.len, 5);
    kh_buf_free(&b);
    CU_ASSERT_EQUAL(kh_test_shell("test \"$(ls -A '%s')\" = f", dir), 0);
    free(path);
}

static void reading_refuses_what_is_not_a_small_regular_file(void)
{
    const char *dir = kh_test_dir();
    char *path = kh_test_path(dir, "f");
    char *link = kh_test_path(dir, "link");
    char *fifo = kh_test_path(dir, "fifo");
    struct kh_buf b = {0};

    kh_test_write(path, "12345678", 8, 0600);
    CU_ASSERT_EQUAL_FATAL(symlink(path, link), 0);
    CU_ASSERT_EQUAL_FATAL(mkfifo(fifo, 0600), 0);
    KH_ASSERT_FAILS(kh_file_read(path, 7, &b, &err), KH_INVALID, err, "at most 7");
    KH_ASSERT_FAILS(kh_file_read(link, 100, &b, &err), KH_INVALID, err, "symbolic link");
    KH_ASSERT_FAILS(
        kh_file_read(fifo, 100, &b, &err), KH_INVALID, err, "not a regular file");
    KH_ASSERT_FAILS(
        kh_file_read(dir, 100, &b, &err), KH_INVALID, err, "not a regular file");
    unlink(path);
    KH_ASSERT_FAILS(kh_file_read(path, 100, &b, &err), KH_NOT_FOUND, err, path);
    CU_ASSERT_PTR_NULL(b.data);
    free(path);
    free(link);
    free(fifo);
}

/* A file size limit stands for a full disk: the write fails half way. */
static int write_beyond_the_limit(const char *path)
{
    const struct rlimit limit = {4096, 4096};
    static char big[65536];
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        signal(SIGXFSZ, SIG_IGN);
        if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
            _exit(99);
        _exit((int)kh_file_write(path, big, sizeof big, 0600, false, &err));
    }
    return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status)
                                                                : -1;
}

static void a_full_disk_leaves_the_old_file_and_no_debris(void)
{
    const char *dir = kh_test_dir();
    char *path = kh_test_path(dir, "f");
    struct kh_buf b = {0};

    KH_ASSERT_OK(kh_file_write(path, "old", 3, 0600, false, &err), err);
    CU_ASSERT_EQUAL(write_beyond_the_limit(path), KH_UNAVAILABLE);
    KH_ASSERT_OK_FATAL(kh_file_read(path, 100, &b, &err), err);
    CU_ASSERT_EQUAL(b.len, 3);
    kh_buf_free(&b);
    CU_ASSERT_EQUAL(kh_test_shell("test \"$(ls -A '%s')\" = f", dir), 0);
    free(path);
}

static void a_missing_directory_is_named(void)
{
    char *path = kh_test_path(kh_test_dir(), "no/such/f");

    KH_ASSERT_FAILS(
        kh_file_write(path, "x", 1, 0600, false, &err), KH_NOT_FOUND, err, "no/such");
    free(path);
}

static void directories_are_made_with_their_mode(void)
{
    const char *dir = kh_test_dir();
    char *deep = kh_test_path(dir, "a/b/c");
    char *file = kh_test_path(dir, "file");

    KH_ASSERT_OK(kh_dir_make(deep, 0700, &err), err);
    CU_ASSERT_EQUAL(mode_of(deep), 0700);
    KH_ASSERT_OK(kh_dir_make(deep, 0700, &err), err);
    kh_test_write(file, "", 0, 0600);
    KH_ASSERT_FAILS(kh_dir_make(file, 0700, &err), KH_INVALID, err, "not a directory");
    free(deep);
    free(file);
}

static void the_directory_of_a_file_is_made_once(void)
{
    const char *dir = kh_test_dir();
    char *file = kh_test_path(dir, "a/b/file");
    char *parent = kh_test_path(dir, "a/b");

    KH_ASSERT_OK(kh_parent_make(file, 0750, &err), err);
    CU_ASSERT_EQUAL(mode_of(parent), 0750);
    KH_ASSERT_OK(kh_parent_make(file, 0700, &err), err); /* it is there: left alone */
    CU_ASSERT_EQUAL(mode_of(parent), 0750);
    KH_ASSERT_OK(kh_parent_make("/file", 0700, &err), err);
    KH_ASSERT_OK(kh_parent_make("file", 0700, &err), err);
    free(parent);
    free(file);
}

static void removing_is_idempotent(void)
{
    char *path = kh_test_path(kh_test_dir(), "f");

    kh_test_write(path, "x", 1, 0600);
    KH_ASSERT_OK(kh_file_remove(path, &err), err);
    CU_ASSERT_EQUAL(access(path, F_OK), -1);
    KH_ASSERT_OK(kh_file_remove(path, &err), err);
    free(path);
}

static void trust_asks_for_owner_type_and_mode(void)
{
    const char *dir = kh_test_dir();
    char *path = kh_test_path(dir, "pin");
    char *link = kh_test_path(dir, "link");

    kh_test_write(path, "x", 1, 0600);
    KH_ASSERT_OK(kh_file_trusted(path, 077, &err), err);
    CU_ASSERT_EQUAL_FATAL(chmod(path, 0640), 0);
    KH_ASSERT_FAILS(kh_file_trusted(path, 077, &err), KH_INVALID, err, "chmod 0600");
    KH_ASSERT_OK(kh_file_trusted(path, 022, &err), err);
    CU_ASSERT_EQUAL_FATAL(symlink(path, link), 0);
    KH_ASSERT_FAILS(
        kh_file_trusted(link, 077, &err), KH_INVALID, err, "not a regular file");
    if (geteuid() == 0) {
        CU_ASSERT_EQUAL_FATAL(chown(path, 65534, 65534), 0);
        KH_ASSERT_FAILS(
            kh_file_trusted(path, 022, &err), KH_INVALID, err, "owned by uid 65534");
    }
    free(path);
    free(link);
}

static void a_second_lock_names_the_holder(void)
{
    char *path = kh_test_path(kh_test_dir(), "lock");
    char pid[32];
    int first;
    int second;

    snprintf(pid, sizeof pid, "process %ld", (long)getpid());
    KH_ASSERT_OK_FATAL(kh_lock(path, "the store", &first, &err), err);
    KH_ASSERT_FAILS(kh_lock(path, "the store", &second, &err), KH_BUSY, err, pid);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "the store is in use"));
    CU_ASSERT_EQUAL(second, -1);
    kh_unlock(first);
    KH_ASSERT_OK(kh_lock(path, "the store", &second, &err), err);
    kh_unlock(second);
    kh_unlock(-1);
    free(path);
}

static void a_dead_holder_does_not_block(void)
{
    char *path = kh_test_path(kh_test_dir(), "lock");
    pid_t pid = fork();
    int status;
    int lock;

    if (pid == 0) {
        if (kh_lock(path, "it", &lock, &err) != KH_OK)
            _exit(1);
        kill(getpid(), SIGKILL);
    }
    CU_ASSERT_EQUAL_FATAL(waitpid(pid, &status, 0), pid);
    CU_ASSERT_TRUE(WIFSIGNALED(status));
    KH_ASSERT_OK(kh_lock(path, "it", &lock, &err), err);
    kh_unlock(lock);
    free(path);
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"written_bytes_and_mode_are_read_back", written_bytes_and_mode_are_read_back},
        {"an_exclusive_write_never_overwrites", an_exclusive_write_never_overwrites},
        {"reading_refuses_what_is_not_a_small_regular_file",
            reading_refuses_what_is_not_a_small_regular_file},
        {"a_full_disk_leaves_the_old_file_and_no_debris",
            a_full_disk_leaves_the_old_file_and_no_debris},
        {"a_missing_directory_is_named", a_missing_directory_is_named},
        {"directories_are_made_with_their_mode", directories_are_made_with_their_mode},
        {"the_directory_of_a_file_is_made_once", the_directory_of_a_file_is_made_once},
        {"removing_is_idempotent", removing_is_idempotent},
        {"trust_asks_for_owner_type_and_mode", trust_asks_for_owner_type_and_mode},
        {"a_second_lock_names_the_holder", a_second_lock_names_the_holder},
        {"a_dead_holder_does_not_block", a_dead_holder_does_not_block},
    };

    return kh_test_main("fileio", tests, sizeof tests / sizeof tests[0]);
}
