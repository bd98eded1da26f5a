/*
 * Runs keyhsm-conformance on a plugin and watches it: which test it is in, what it
 * prints, how long it takes, how much memory it has. A crash or a hang is the finding of
 * the test it happened in, and the next run goes on behind that one.
 */
#ifndef KH_KEYHSM_BACKEND_SUITE_H
#define KH_KEYHSM_BACKEND_SUITE_H

#include "programs/keyhsm/backend/place.h"

enum { KH_SUITE_TESTS_MAX = 192, KH_SUITE_DETAIL = 1200 };
/* Begins a line that says, on standard output and error, which test follows. */
#define KH_SUITE_MARK '\036'

struct kh_suite_result {
    char name[96];
    bool passed;
    double seconds;
    char detail[KH_SUITE_DETAIL]; /* of a failure: lines */
};

struct kh_suite {
    struct kh_plugin_place plugin;
    const char *program;         /* keyhsm-conformance */
    const char *const *settings; /* KEY=VALUE of [backend.NAME] */
    unsigned setting_count;
    const char *test; /* run only this one; NULL: all */
    bool shared;
    unsigned seconds; /* a test may take */
    /* Called after each test, on a terminal; may be NULL. */
    void (*progress)(const struct kh_suite *suite, const char *name);

    /* What came of it. */
    struct kh_suite_result results[KH_SUITE_TESTS_MAX];
    size_t count;
    size_t expected;     /* tests there are; 0: it never got so far */
    char printed[160];   /* the first that the plugin wrote to standard output */
    char printed_in[96]; /* in which test */
};

/* KH_OK: it ran to its end, whatever it found. KH_UNAVAILABLE: the program is not there
 * or cannot be started; KH_REFUSED: the plugin's place cannot be opened, at the beginning
 * or after a crash; the results until then stand. */
KH_CHECK kh_status kh_suite_run(struct kh_suite *suite, struct kh_error *err);

#endif
