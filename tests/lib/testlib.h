/* What every unit test shares: a runner on CUnit, scratch directories, short checks. */
#ifndef KH_TESTLIB_H
#define KH_TESTLIB_H

#include "conformance/expect.h"

/* Runs the tests of one suite under CUnit (verbose), prints its totals and returns the
 * exit status: 0 only when at least one test ran and none failed. Initialises secret
 * memory. Test programs end in `return kh_test_main("area", tests, sizeof tests / sizeof
 * tests[0]);`. */
int kh_test_main(const char *suite, const struct kh_test *tests, size_t count);

/* A new directory (0700) below $TMPDIR or /tmp; removed, with all in it, when the program
 * ends. The string is valid until then. Aborts on failure. */
const char *kh_test_dir(void);
/* Joins DIR and a printf-formatted rest with '/'. Free with free(). */
char *kh_test_path(const char *dir, const char *format, ...) KH_PRINTF(2, 3);
/* Writes TEXT to PATH with MODE, or aborts. */
void kh_test_write(const char *path, const void *data, size_t len, unsigned mode);
/* Runs a shell command; its exit status, -1 when it died by a signal. */
int kh_test_shell(const char *format, ...) KH_PRINTF(1, 2);

#endif
