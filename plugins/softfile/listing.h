/* The deposits of a store in order, good and bad. */
#ifndef KH_SOFTFILE_LISTING_H
#define KH_SOFTFILE_LISTING_H

#include "plugins/softfile/store.h"

/*
 * Versions of items that are no versions of a deposit, so that none hides another: the
 * n-th foreign file of a deposit's directory, and a file of deposits/ whose name is no
 * encoding of a name.
 */
#define KH_SOFT_FOREIGN_FILE (KH_VERSION_MAX + 1U)
#define KH_SOFT_FOREIGN_NAME 0xfffffff0U

/* See kh_plugin.list. Looks at owner, mode, kind, size and the outer length of each file;
 * opens none. */
KH_CHECK kh_status kh_soft_list(struct kh_soft_store *store,
    const struct kh_cursor *after, struct kh_item *items, size_t max, size_t *count,
    struct kh_error *err);

/* How many deposits and versions the store holds, bad ones included, by the names of
 * their files: none is opened. */
KH_CHECK kh_status kh_soft_count(
    const struct kh_soft_store *store, struct kh_usage *usage, struct kh_error *err);

#endif
