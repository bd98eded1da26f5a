/*
 * Runs the tests one after the other and says on a descriptor how each went, so that
 * somebody who watches knows which one a crash or a hang belongs to.
 *
 * One line an event:
 *
 *     count N                  how many tests there are
 *     begin NAME
 *     failure FILE:LINE: CONDITION
 *     end NAME pass|fail
 *     done
 *
 * On standard output and error a line "\036NAME" goes before what a test prints there, so
 * that it can be told whose it is.
 */
#ifndef KH_CONFORMANCE_RUNNER_H
#define KH_CONFORMANCE_RUNNER_H

#include "conformance/expect.h"

/* Runs the COUNT tests of TESTS behind the one called AFTER (NULL: all of them), with
 * their events on FD. The exit status: 0 when all that were run passed, 1 else, 2 when
 * there is no test AFTER. */
int kh_conformance_run(
    const struct kh_test *tests, size_t count, const char *after, int fd);

#endif
