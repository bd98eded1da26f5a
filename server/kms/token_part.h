/* The deposits that events of delegation tokens are kept in. For server/kms/token_log.c
 * only. */
#ifndef KH_SERVER_KMS_TOKEN_PART_H
#define KH_SERVER_KMS_TOKEN_PART_H

#include "core/backend.h"
#include "server/kms/token_table.h"
#include "server/kms/users.h"

#define KMS_PART_EVENTS 1024 /* of one deposit: 36 KiB */

/* The name of a part: when it may be purged, whose it is, which one. */
void kms_part_name(const struct kms_table *events, unsigned server, unsigned number,
    char out[KH_NAME_MAX + 1]);

/* True when nothing in the part NAME need be known at NOW, which its name tells. */
bool kms_part_over(const char *name, int64_t now);

/* The names of all parts. */
KH_CHECK kh_status kms_part_list(
    struct kh_backend *backend, struct kms_names *out, struct kh_error *err);

/* KH_CORRUPT, with what to do, when NAME is none. OUT goes to kms_table_clear. */
KH_CHECK kh_status kms_part_read(struct kh_backend *backend, const char *name,
    struct kms_table *out, struct kh_error *err);

KH_CHECK kh_status kms_part_write(struct kh_backend *backend, const char *name,
    const struct kms_table *events, struct kh_error *err);

/* Destroys it; what fails is tried again when its time is over. */
void kms_part_purge(struct kh_backend *backend, const char *name);

#endif
