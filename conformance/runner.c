#include "conformance/runner.h"

#include <stdlib.h>
#include <unistd.h>

static int events;

KH_PRINTF(1, 2)
static void say(const char *format, ...)
{
    char line[1024];
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (n < 0 || (size_t)n >= sizeof line)
        abort();
    /* Nobody listens any more: there is nobody to test for. */
    if (write(events, line, (size_t)n) != n)
        _exit(1);
}

static void mark(int fd, const char *name)
{
    char line[128];
    int n = snprintf(line, sizeof line, "\036%s\n", name);

    if (n < 0 || (size_t)n >= sizeof line || write(fd, line, (size_t)n) != n)
        abort();
}

static void begin(const CU_pTest test, const CU_pSuite suite)
{
    (void)suite;
    (void)fflush(NULL);
    if (events > STDERR_FILENO) {
        mark(STDOUT_FILENO, test->pName);
        mark(STDERR_FILENO, test->pName);
    }
    say("begin %s\n", test->pName);
}

static void end(
    const CU_pTest test, const CU_pSuite suite, const CU_pFailureRecord failures)
{
    (void)suite;
    (void)fflush(NULL); /* what it printed comes before what is said of it */
    for (CU_pFailureRecord f = failures; f; f = f->pNext)
        say("failure %s:%u: %.600s\n", f->strFileName, f->uiLineNumber, f->strCondition);
    say("end %s %s\n", test->pName, failures ? "fail" : "pass");
}

static size_t first_after(const struct kh_test *tests, size_t count, const char *after)
{
    for (size_t i = 0; after && i < count; i++) {
        if (strcmp(tests[i].name, after) == 0)
            return i + 1;
    }
    return after ? count + 1 : 0;
}

int kh_conformance_run(
    const struct kh_test *tests, size_t count, const char *after, int fd)
{
    size_t first = first_after(tests, count, after);
    CU_pSuite suite;
    unsigned failed;

    events = fd;
    if (first > count)
        return 2;
    if (CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    suite = CU_add_suite("conformance", NULL, NULL);
    for (size_t i = first; suite && i < count; i++) {
        if (!CU_add_test(suite, tests[i].name, tests[i].run))
            suite = NULL;
    }
    if (!suite)
        return 1;
    CU_set_test_start_handler(begin);
    CU_set_test_complete_handler(end);
    say("count %zu\n", count);
    (void)CU_run_all_tests();
    failed = CU_get_number_of_tests_failed() + CU_get_number_of_failures();
    CU_cleanup_registry();
    say("done\n");
    return failed ? 1 : 0;
}
