/* Legacy stores for tests: made, opened through the real loader, and damaged by hand. */
#ifndef KH_TEST_SOFTFILE_FIXTURE_H
#define KH_TEST_SOFTFILE_FIXTURE_H

#include "core/backend.h"
#include "core/deposit.h"
#include "core/secmem.h"
#include "tests/lib/testlib.h"

#include <string.h>

/* Opens the store in DIR. SETTINGS ends in NULL and may be NULL itself. */
kh_status soft_open(struct kh_backend **out, const char *dir, kh_open_mode mode,
    const char *const *settings, struct kh_error *err);
/* A new directory for a store, not made yet. Free with free(). */
char *soft_new_place(void);
/* Makes a store in DIR and opens it. Aborts when that fails. */
struct kh_backend *soft_make(const char *dir, kh_open_mode mode);
/* Opens a store that is there. Aborts when that fails. */
struct kh_backend *soft_reopen(const char *dir, kh_open_mode mode);

kh_status soft_put(struct kh_backend *b, const char *name, uint32_t version,
    const char *text, struct kh_error *err);
/* The same, checked. */
void soft_stored(
    struct kh_backend *b, const char *name, uint32_t version, const char *text);
/* True when NAME's VERSION holds TEXT. */
bool soft_holds(
    struct kh_backend *b, const char *name, uint32_t version, const char *text);
/* The status of reading it; ERR has the words. */
kh_status soft_read(
    struct kh_backend *b, const char *name, uint32_t version, struct kh_error *err);
/* The entry of a listing, found by name and version; false when there is none. */
bool soft_find(
    struct kh_backend *b, const char *name, uint32_t version, struct kh_item *item);
/* How many entries a listing has, and how many of them are corrupt. */
size_t soft_count(struct kh_backend *b, size_t *corrupt);
/* True when there is a file of that printf-formatted path. */
bool soft_exists(const char *format, ...) KH_PRINTF(1, 2);

#endif
