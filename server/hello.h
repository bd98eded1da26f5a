/*
 * The round trip behind GET /test_hsm: makes a deposit
 * TEST_HELLO_DEPOSIT<YYYY-MM-DD-HHMMSS> of random data, reads it back, compares, purges
 * it.
 */
#ifndef KH_SERVER_HELLO_H
#define KH_SERVER_HELLO_H

#include "core/backend.h"

#define KH_HELLO_PREFIX "TEST_HELLO_DEPOSIT"
#define KH_HELLO_FORMAT KH_HELLO_PREFIX "%Y-%m-%d-%H%M%S" /* strftime, UTC */

struct kh_hello;

/* NULL: no memory. BACKEND must outlive it; NULL: kh_hello_use follows. */
struct kh_hello *kh_hello_new(struct kh_backend *backend);
/* Round trips that begin from now on go to BACKEND. Thread safe. */
void kh_hello_use(struct kh_hello *hello, struct kh_backend *backend);
void kh_hello_free(struct kh_hello *hello);

/* May a caller ask now (monotonic milliseconds)? One a second, five at once. Thread safe.
 */
bool kh_hello_admit(struct kh_hello *hello, uint64_t now_ms);

/*
 * One round trip at most a second: callers that come while one is under way, or in the
 * second of the last one that went well, share its outcome. NOW is the wall clock. NAME
 * gets the deposit's name. The deposit is purged whatever happens. KH_CORRUPT when what
 * came back differs. Thread safe.
 */
KH_CHECK kh_status kh_hello_run(struct kh_hello *hello, int64_t now,
    char name[KH_NAME_MAX + 1], struct kh_error *err);

/* Purges test deposits that a daemon which was killed left in BACKEND: those older than a
 * minute at NOW (wall clock). Returns their number. What cannot be done is logged. */
unsigned kh_hello_clean(struct kh_backend *backend, int64_t now);

#endif
