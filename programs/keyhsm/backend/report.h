/* What a run of the suite found: for people, and for tools as JUnit XML. */
#ifndef KH_KEYHSM_BACKEND_REPORT_H
#define KH_KEYHSM_BACKEND_REPORT_H

#include "programs/keyhsm/backend/suite.h"

/* Tests that failed, with what it printed counted as one. */
unsigned kh_report_failures(const struct kh_suite *suite);

/* The report on standard output: which file (with its SHA-256), when, by what version;
 * each test; the sum. */
void kh_report_print(const struct kh_suite *suite);

/* The same as JUnit XML in the file PATH, made anew. KH_UNAVAILABLE: it cannot be
 * written. */
KH_CHECK kh_status kh_report_junit(
    const struct kh_suite *suite, const char *path, struct kh_error *err);

#endif
