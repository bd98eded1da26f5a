/*
 * Which groups a user is in: what [kms.groups] says, and what the system says
 * (getgrouplist, so passwd, group, SSSD or LDAP through NSS).
 *
 *     [kms.groups]
 *     keyadmins = alice,bob
 *
 * What the system said of a user is remembered for groups_cache.
 */
#ifndef KH_SERVER_KMS_GROUPS_H
#define KH_SERVER_KMS_GROUPS_H

#include "core/config.h"

struct kms_groups;
struct kms_names;

enum kms_member { KMS_NO, KMS_YES, KMS_UNKNOWN };

/* What the system says of USER's groups: their names go to NAMES. A user that is not
 * known to it has none. KH_UNAVAILABLE when it cannot say. May block. */
typedef kh_status (*kms_group_source)(
    const char *user, struct kms_names *names, struct kh_error *err);

/* Reads [kms.groups], and system_groups and groups_cache of [kms], of CONFIG, which is
 * not needed afterwards. KH_INVALID, "FILE:LINE: ...". *OUT goes to kms_groups_free. */
KH_CHECK kh_status kms_groups_new(
    struct kms_groups **out, const struct kh_config *config, struct kh_error *err);

/* For tests: asks SOURCE and not the system. */
void kms_groups_ask(struct kms_groups *groups, kms_group_source source);

/* Whether USER is in one of WANTED. KMS_UNKNOWN: the configuration does not say so, and
 * the system could not be asked; that is not remembered. May block on a worker. Thread
 * safe. */
enum kms_member kms_groups_have(
    struct kms_groups *groups, const char *user, const struct kms_names *wanted);

/* NULL is fine. */
void kms_groups_free(struct kms_groups *groups);

#endif
