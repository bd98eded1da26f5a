/* The keyed digests that a seal keeps of what a store held. */
#ifndef KH_SOFTFILE_DIGESTS_H
#define KH_SOFTFILE_DIGESTS_H

#include "plugins/softfile/store.h"

/* What became of one item. */
struct kh_soft_digest {
    kh_status status;
    struct kh_error error; /* when STATUS is not KH_OK */
    kh_state state;        /* as it was found, which may be later than the listing */
    char hmac[2 * KH_SOFT_DIGEST_SIZE + 1]; /* of the record, hexadecimal */
};

/*
 * Digests the record of each of COUNT ITEMS, on several threads: one core opens some
 * thousands of envelopes in a second, and a store may hold 50,000. OUT has room for
 * COUNT; each item has its own verdict there, KH_CORRUPT for one that the listing calls
 * corrupt. Returns when all threads have ended. The store is a migration's.
 */
void kh_soft_digests_make(const struct kh_soft_store *store, const struct kh_item *items,
    size_t count, struct kh_soft_digest *out);

#endif
