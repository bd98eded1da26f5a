#include "tests/lib/testlib.h"

#include "core/secmem.h"

#include <CUnit/Basic.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char *scratch[64];
static size_t scratch_count;
static pid_t scratch_owner;

static void die(const char *what)
{
    perror(what);
    abort();
}

/* A forked child of a test must not remove its parent's directories. */
static void remove_scratch(void)
{
    if (getpid() != scratch_owner)
        return;
    for (size_t i = 0; i < scratch_count; i++) {
        (void)kh_test_shell(
            "chattr -R -i '%s' 2>/dev/null; rm -rf '%s'", scratch[i], scratch[i]);
        free(scratch[i]);
    }
    scratch_count = 0;
}

const char *kh_test_dir(void)
{
    const char *base = getenv("TMPDIR");
    char *path = NULL;

    if (asprintf(&path, "%s/keyhsm-test-XXXXXX", base ? base : "/tmp") < 0 ||
        !mkdtemp(path))
        die("mkdtemp");
    if (scratch_count == sizeof scratch / sizeof scratch[0]) {
        fprintf(stderr, "too many scratch directories\n");
        abort();
    }
    if (scratch_count == 0) {
        scratch_owner = getpid();
        atexit(remove_scratch);
    }
    scratch[scratch_count++] = path;
    return path;
}

char *kh_test_path(const char *dir, const char *format, ...)
{
    char *rest = NULL;
    char *path = NULL;
    va_list args;

    va_start(args, format);
    if (vasprintf(&rest, format, args) < 0 || asprintf(&path, "%s/%s", dir, rest) < 0)
        die("asprintf");
    va_end(args);
    free(rest);
    return path;
}

void kh_test_write(const char *path, const void *data, size_t len, unsigned mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

    if (fd < 0 || fchmod(fd, mode) != 0 || write(fd, data, len) != (ssize_t)len ||
        close(fd) != 0)
        die(path);
}

int kh_test_shell(const char *format, ...)
{
    char *command = NULL;
    va_list args;
    int status;

    va_start(args, format);
    if (vasprintf(&command, format, args) < 0)
        die("vasprintf");
    va_end(args);
    status = system(command); /* NOLINT(cert-env33-c): test commands are our own text */
    free(command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int kh_test_main(const char *suite_name, const struct kh_test *tests, size_t count)
{
    struct kh_error err = {0};
    CU_pSuite suite;
    unsigned ran;
    unsigned failed;

    if (kh_secmem_init(0, KH_LOCK_PREFERRED, &err) != KH_OK) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    if (CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    suite = CU_add_suite(suite_name, NULL, NULL);
    for (size_t i = 0; suite && i < count; i++) {
        if (!CU_add_test(suite, tests[i].name, tests[i].run))
            suite = NULL;
    }
    if (!suite) {
        fprintf(stderr, "CUnit: %s\n", CU_get_error_msg());
        return 1;
    }
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    ran = CU_get_number_of_tests_run();
    failed = CU_get_number_of_tests_failed() + CU_get_number_of_failures();
    CU_cleanup_registry();
    return ran == count && ran > 0 && failed == 0 ? 0 : 1;
}
