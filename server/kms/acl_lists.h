/* The lists of both levels as one configuration has them. They do not change. For
 * server/kms/acl.c only. */
#ifndef KH_SERVER_KMS_ACL_LISTS_H
#define KH_SERVER_KMS_ACL_LISTS_H

#include "server/kms/acl.h"
#include "server/kms/proxy.h"
#include "server/kms/users.h"

#define KMS_KEYS_MAX 16384 /* keys with lists of their own */

/* The lists of one key, or the default ones, or the whitelist. */
struct kms_key_lists {
    char *name;       /* NULL for the default ones and the whitelist */
    unsigned present; /* bit 1 << OP: there is a list, perhaps of nobody */
    struct kms_users lists[KMS_KEY_OPS];
};

struct kms_lists {
    struct kms_users allow[KMS_OPS];
    struct kms_users block[KMS_OPS];
    bool per_key;               /* key_authorization */
    struct kms_key_lists *keys; /* sorted by name */
    size_t key_count;
    struct kms_key_lists defaults;
    struct kms_key_lists whitelist;
    struct kms_proxies proxies;
    struct kms_groups *groups;
};

/* As kms_acl_new. *OUT goes to kms_lists_free. */
KH_CHECK kh_status kms_lists_read(
    struct kms_lists **out, const struct kh_config *config, struct kh_error *err);

/* The lists of the key NAME, or NULL. */
const struct kms_key_lists *kms_lists_key(
    const struct kms_lists *lists, const char *name);

/* NULL is fine. */
void kms_lists_free(struct kms_lists *lists);

#endif
