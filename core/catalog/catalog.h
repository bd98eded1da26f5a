/* Opens a catalog; see keyhsm/catalog.h for what it does. */
#ifndef KH_CORE_CATALOG_H
#define KH_CORE_CATALOG_H

#include <keyhsm/catalog.h>

/* SQLite database at PATH (absolute), made with mode 0600 when missing. The caller holds
 * an exclusive lock on the directory. KH_CORRUPT, KH_UNAVAILABLE, KH_REFUSED (a newer
 * schema). */
KH_CHECK kh_status kh_catalog_open_sqlite(
    const char *path, struct kh_catalog **catalog, struct kh_error *err);

/*
 * Opens the catalog at PATH (absolute) to be read only: reads, counts, generation, facts,
 * keys, contents and check work, every other method is NULL. It never writes, locks out
 * nobody and never checkpoints, so another process may serve it meanwhile. KH_NOT_FOUND,
 * KH_CORRUPT (no catalog), KH_REFUSED (a newer schema), KH_UNAVAILABLE. Thread safe.
 */
KH_CHECK kh_status kh_catalog_open_reader(
    const char *path, struct kh_catalog **catalog, struct kh_error *err);

/*
 * Copies the catalog at PATH, as it is at one moment, to TO (absolute, made with mode
 * 0600; KH_EXISTS when it is there), while whoever serves it goes on. What was purged is
 * not in the copy. It is not flushed to the disk. Memory does not grow with the catalog.
 * As kh_catalog_open_reader, and KH_UNAVAILABLE when TO cannot be written; then TO is
 * gone.
 */
KH_CHECK kh_status kh_catalog_copy(
    const char *path, const char *to, struct kh_error *err);

#endif
