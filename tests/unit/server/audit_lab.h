/* An audit log in a scratch directory, for its tests. Whatever fails here is an assertion
 * of the test. */
#ifndef KH_AUDIT_LAB_H
#define KH_AUDIT_LAB_H

#include "server/audit.h"
#include "tests/lib/testlib.h"

extern struct kh_error err;
extern char *lab_path; /* the log; to be freed at the end */

/* Another log, which does not exist yet. */
void lab_new(void);
/* lab_path with SUFFIX; to be freed. */
char *lab_beside(const char *suffix);
struct kh_audit *lab_open(void);
/* Writes an entry about DEPOSIT. */
kh_status lab_put(struct kh_audit *audit, const char *deposit);
/* A new log, closed again, with audit.start and COUNT entries of deposits k1, k2, ... */
void lab_fill(unsigned count);
/* All of the file with SUFFIX; to be freed. */
char *lab_text(const char *suffix, size_t *len);
/* Changes the file behind the log's back. */
void lab_overwrite(const char *text, size_t len);
void lab_append(const void *text, size_t len);
void lab_rotate(const char *suffix);
/* Verifies the log, and lab_path.1 with the log behind it. */
kh_status lab_verify(
    const struct kh_audit_expected *expected, struct kh_audit_report *report);
kh_status lab_verify_both(struct kh_audit_report *report);

#endif
