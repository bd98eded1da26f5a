/* What the catalog's tests share. */
#ifndef KH_TEST_CATALOG_SUPPORT_H
#define KH_TEST_CATALOG_SUPPORT_H

#include "core/catalog/catalog.h"
#include "tests/lib/testlib.h"

/* A fresh catalog in a scratch directory; its path is left in *PATH when that is not NULL
 * (static until the next call). Fails the test when it cannot be made. */
struct kh_catalog *catalog_new(const char **path);
struct kh_catalog *catalog_open(const char *path);

/* Key id number N, and a row of NAME/VERSION under it with a recognisable envelope
 * (static memory, one per thread). */
struct kh_key_id key_id(unsigned n);
kh_status announce(
    struct kh_catalog *catalog, unsigned n, const char *scope, struct kh_error *err);
kh_status insert(struct kh_catalog *catalog, const char *name, uint32_t version,
    unsigned key, struct kh_error *err);
/* Announces key N and inserts under it; both must work. */
void add(struct kh_catalog *catalog, const char *name, uint32_t version, unsigned key);

/* A named key NAME of KIND (which decides purposes and public half) under key N. */
struct kh_catalog_named named(const char *name, kh_key_kind kind, unsigned key);
/* Announces key N and inserts the named key under it; the status of the latter. */
kh_status insert_named(struct kh_catalog *catalog, const char *name, kh_key_kind kind,
    unsigned key, struct kh_error *err);

kh_key_state state_of(struct kh_catalog *catalog, unsigned key);
uint64_t generation_of(struct kh_catalog *catalog);

/* Runs TEXT on the closed database at PATH with a connection of the test's own. */
void sqlite_do(const char *path, const char *text);

#endif
