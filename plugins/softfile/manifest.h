/* Writes seal.json: what a store held when it was left. */
#ifndef KH_SOFTFILE_MANIFEST_H
#define KH_SOFTFILE_MANIFEST_H

#include "plugins/softfile/store.h"

#define KH_SOFT_SEAL_FORMAT 1

/* Digests the record of every version, writes the manifest in pieces (memory does not
 * grow with the store) and puts it in place, durably. KH_CORRUPT when anything in the
 * store is not as it should be: then nothing was changed. KH_INVALID: words too long, or
 * not UTF-8. The caller holds the write lock. */
KH_CHECK kh_status kh_soft_manifest_write(
    struct kh_soft_store *store, const struct kh_seal *seal, struct kh_error *err);

#endif
