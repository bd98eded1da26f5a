/* A user's groups as the system knows them. For server/kms/groups.c only. */
#ifndef KH_SERVER_KMS_GROUPS_SYSTEM_H
#define KH_SERVER_KMS_GROUPS_SYSTEM_H

#include "server/kms/groups.h"

/* The kms_group_source that asks NSS (getpwnam_r, getgrouplist, getgrgid_r). */
KH_CHECK kh_status kms_groups_system(
    const char *user, struct kms_names *names, struct kh_error *err);

#endif
