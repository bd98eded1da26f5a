/* The deposits of an open store: the vtable's methods (keyhsm/plugin.h) without the check
 * of the seal. */
#ifndef KH_SOFTFILE_DEPOSITS_H
#define KH_SOFTFILE_DEPOSITS_H

#include "plugins/softfile/store.h"

KH_CHECK kh_status kh_soft_put(struct kh_soft_store *store,
    const struct kh_deposit *deposit, kh_put_mode mode, struct kh_error *err);
KH_CHECK kh_status kh_soft_get(const struct kh_soft_store *store, const char *name,
    uint32_t version, bool with_deleted, struct kh_deposit *deposit,
    struct kh_error *err);
KH_CHECK kh_status kh_soft_stat(const struct kh_soft_store *store, const char *name,
    uint32_t version, struct kh_stat *stat, struct kh_error *err);
KH_CHECK kh_status kh_soft_fingerprint(const struct kh_soft_store *store,
    const char *name, uint32_t version, unsigned char digest[KH_FINGERPRINT_LEN],
    struct kh_error *err);

/* remove (STATE KH_DELETED) and restore (KH_ACTIVE). */
KH_CHECK kh_status kh_soft_set_state(struct kh_soft_store *store, const char *name,
    uint32_t version, kh_state state, struct kh_error *err);
KH_CHECK kh_status kh_soft_purge(struct kh_soft_store *store, const char *name,
    uint32_t version, struct kh_error *err);

/* The seal's digest of the record inside one version's envelope, and the *STATE it was
 * found in. The version is opened and checked against NAME and VERSION, unless it was
 * since the store was opened and its bytes are the same. The store is a migration's. */
KH_CHECK kh_status kh_soft_record_digest(const struct kh_soft_store *store,
    const char *name, uint32_t version, unsigned char hmac[KH_SOFT_DIGEST_SIZE],
    kh_state *state, struct kh_error *err);

#endif
