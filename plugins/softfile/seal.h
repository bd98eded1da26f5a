/* The seal: seal.json, after which a store is never read or written again. Format:
 * README.md. */
#ifndef KH_SOFTFILE_SEAL_H
#define KH_SOFTFILE_SEAL_H

#include "plugins/softfile/store.h"

struct kh_soft_seal_facts {
    char destination[256];
    char migration[128];
    char sealed[32]; /* RFC 3339 */
    bool keep_source;
    uint64_t versions;
};

/* True when there is a seal. One system call: every operation asks. A file system that
 * does not answer counts as sealed: better refused than wrong. */
bool kh_soft_seal_exists(const struct kh_soft_store *store);

/* KH_OK when there is no seal; KH_REFUSED in words that say where the deposits went. */
KH_CHECK kh_status kh_soft_seal_check(
    const struct kh_soft_store *store, struct kh_error *err);

/* What the seal says. KH_CORRUPT when it cannot be read. */
KH_CHECK kh_status kh_soft_seal_read(const struct kh_soft_store *store,
    struct kh_soft_seal_facts *facts, struct kh_error *err);

/* See kh_plugin.seal. */
KH_CHECK kh_status kh_soft_seal(
    struct kh_soft_store *store, const struct kh_seal *seal, struct kh_error *err);

#endif
