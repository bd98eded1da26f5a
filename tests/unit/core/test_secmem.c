#include "core/secmem.h"
#include "tests/lib/testlib.h"

#include <openssl/crypto.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static struct kh_error err;

static void a_buffer_is_zeroed_and_has_its_length(void)
{
    struct kh_buf b = {0};

    KH_ASSERT_OK_FATAL(kh_buf_alloc(&b, 100, &err), err);
    CU_ASSERT_EQUAL(b.len, 100);
    for (size_t i = 0; i < b.len; i++)
        CU_ASSERT_EQUAL(b.data[i], 0);
    CU_ASSERT_TRUE(CRYPTO_secure_allocated(b.data));
    kh_buf_free(&b);
    CU_ASSERT_PTR_NULL(b.data);
    CU_ASSERT_EQUAL(b.len, 0);
    kh_buf_free(&b);
    kh_buf_free(NULL);
}

static void an_empty_buffer_needs_no_memory(void)
{
    unsigned char byte = 1;
    struct kh_buf b = {&byte, 1, 1};

    KH_ASSERT_OK(kh_buf_alloc(&b, 0, &err), err);
    CU_ASSERT_PTR_NULL(b.data);
    CU_ASSERT_EQUAL(b.len, 0);
}

static void more_than_there_is_is_refused_in_words(void)
{
    struct kh_buf b = {0};

    KH_ASSERT_FAILS(kh_buf_alloc(&b, (size_t)1 << 34, &err), KH_FATAL, err,
        "raise [memory] secure_heap");
    CU_ASSERT_PTR_NULL(b.data);
}

static void freed_bytes_are_wiped(void)
{
    struct kh_buf b = {0};
    unsigned char *old;

    KH_ASSERT_OK_FATAL(
        kh_buf_copy(&b, "canary-canary-canary-canary-canary-canary", 41, &err), err);
    old = b.data;
    CU_ASSERT_EQUAL(memcmp(old + 7, "canary-canary", 13), 0);
    kh_buf_free(&b);
    /* The arena stays mapped. The allocator's free list uses the first bytes only. */
    CU_ASSERT_NOT_EQUAL(memcmp(old + 21, "canary-canary", 13), 0);
}

static void equality_looks_at_length_and_bytes(void)
{
    struct kh_buf a = {0};
    struct kh_buf b = {0};

    CU_ASSERT_TRUE(kh_buf_equal(&a, &b));
    KH_ASSERT_OK_FATAL(kh_buf_copy(&a, "abc", 3, &err), err);
    CU_ASSERT_FALSE(kh_buf_equal(&a, &b));
    KH_ASSERT_OK_FATAL(kh_buf_copy(&b, "abd", 3, &err), err);
    CU_ASSERT_FALSE(kh_buf_equal(&a, &b));
    b.data[2] = 'c';
    CU_ASSERT_TRUE(kh_buf_equal(&a, &b));
    kh_buf_free(&a);
    kh_buf_free(&b);
}

static void the_process_leaves_no_core_and_is_not_dumpable(void)
{
    struct rlimit limit;

    CU_ASSERT_EQUAL(prctl(PR_GET_DUMPABLE), 0);
    CU_ASSERT_EQUAL_FATAL(getrlimit(RLIMIT_CORE, &limit), 0);
    CU_ASSERT_EQUAL(limit.rlim_cur, 0);
    CU_ASSERT_EQUAL(limit.rlim_max, 0);
}

/* In a child that may lock nothing and is not root: init has to refuse, or to go on when
 * told so. */
static int child_without_lock(kh_lock_policy policy)
{
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        const struct rlimit none = {0, 0};
        char self[512];
        ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

        if (n < 0 || setrlimit(RLIMIT_MEMLOCK, &none) != 0)
            _exit(99);
        self[n] = '\0';
        if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
            _exit(98);
        execl(self, self, policy == KH_LOCK_REQUIRED ? "required" : "preferred",
            (char *)NULL);
        _exit(97);
    }
    return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status)
                                                                : -1;
}

static void memory_that_cannot_be_locked_is_refused(void)
{
    CU_ASSERT_EQUAL(child_without_lock(KH_LOCK_REQUIRED), 10 + KH_REFUSED);
}

static void unlocked_memory_is_accepted_when_told_so(void)
{
    CU_ASSERT_EQUAL(child_without_lock(KH_LOCK_PREFERRED), 10 + KH_OK);
}

static int run_child(const char *word)
{
    kh_lock_policy policy =
        strcmp(word, "required") == 0 ? KH_LOCK_REQUIRED : KH_LOCK_PREFERRED;
    kh_status st = kh_secmem_init(0, policy, &err);

    if (st == KH_OK && kh_secmem_locked())
        return 50;
    if (st != KH_OK && !strstr(err.message, "RLIMIT_MEMLOCK"))
        return 51;
    return 10 + (int)st;
}

int main(int argc, char **argv)
{
    static const struct kh_test tests[] = {
        {"a_buffer_is_zeroed_and_has_its_length", a_buffer_is_zeroed_and_has_its_length},
        {"an_empty_buffer_needs_no_memory", an_empty_buffer_needs_no_memory},
        {"more_than_there_is_is_refused_in_words",
            more_than_there_is_is_refused_in_words},
        {"freed_bytes_are_wiped", freed_bytes_are_wiped},
        {"equality_looks_at_length_and_bytes", equality_looks_at_length_and_bytes},
        {"the_process_leaves_no_core_and_is_not_dumpable",
            the_process_leaves_no_core_and_is_not_dumpable},
        {"memory_that_cannot_be_locked_is_refused",
            memory_that_cannot_be_locked_is_refused},
        {"unlocked_memory_is_accepted_when_told_so",
            unlocked_memory_is_accepted_when_told_so},
    };

    if (argc == 2)
        return run_child(argv[1]);
    return kh_test_main("secmem", tests, sizeof tests / sizeof tests[0]);
}
