/* Opens a catalog; see keyhsm/catalog.h for what it does. */
#ifndef KH_CORE_CATALOG_H
#define KH_CORE_CATALOG_H

#include <keyhsm/catalog.h>

/* SQLite database at PATH (absolute), made with mode 0600 when missing. The caller holds
 * an exclusive lock on the directory. KH_CORRUPT, KH_UNAVAILABLE, KH_REFUSED (a newer
 * schema). */
KH_CHECK kh_status kh_catalog_open_sqlite(
    const char *path, struct kh_catalog **catalog, struct kh_error *err);

#endif
