/*
 * The Hadoop KMS API of keytrusteed, /kms/v1 (docs/hadoop-kms.md): a Hadoop key is a
 * deposit with versions.
 */
#ifndef KH_KMS_H
#define KH_KMS_H

#include "core/config.h"
#include "server/app.h"

struct kh_plugin;
struct kh_kms;
struct kms_acl;

/* What [kms] of CONFIG says, which is claimed (keytrustee.ini(5)) and is not needed
 * afterwards. *OUT is NULL, with KH_OK, when it is not enabled. KH_INVALID for a value
 * out of range. */
KH_CHECK kh_status kh_kms_new(
    struct kh_kms **out, const struct kh_config *config, struct kh_error *err);
/* Can a backend of PLUGIN serve KMS (which may be NULL) as it is set? KH_INVALID says
 * what to set. */
KH_CHECK kh_status kh_kms_check(
    const struct kh_kms *kms, const struct kh_plugin *plugin, struct kh_error *err);
/* NULL is fine. No request may be under way. */
void kh_kms_free(struct kh_kms *kms);

/* At SIGHUP: forgets all keys, and reads who may do what again. On failure the lists stay
 * as they were. KMS may be NULL. Thread safe. */
KH_CHECK kh_status kh_kms_reload(
    struct kh_kms *kms, const struct kh_config *config, struct kh_error *err);
/* Its lists (acl.h), which live as long as it. */
struct kms_acl *kh_kms_acl(struct kh_kms *kms);

/* Registers what it counts. KMS must outlive METRICS. */
KH_CHECK kh_status kh_kms_meters(
    struct kh_kms *kms, struct kh_metrics *metrics, struct kh_error *err);

/* The deposit NAME was changed by another way than this API; NULL: anything may have
 * been. What is remembered of it is dropped. KMS may be NULL. Thread safe. */
void kh_kms_changed(struct kh_kms *kms, const char *name);
/* The deposit NAME, VERSION of it or KH_ALL_VERSIONS, is about to be purged: the AES keys
 * that the token has for it are destroyed first. Nothing for a deposit that has none.
 * Purge only when it is KH_OK. Thread safe. */
KH_CHECK kh_status kh_kms_purging(
    struct kh_app *app, const char *name, uint32_t version, struct kh_error *err);
/* To call now and then: wipes keys whose time has passed. KMS may be NULL. Thread safe.
 */
void kh_kms_tick(struct kh_kms *kms);

/* Delegation tokens, and acting for others, for the service that has the routes of KMS.
 * KMS's; NULL when KMS is. */
const struct kh_authn_extra *kh_kms_extra(struct kh_kms *kms);

/* Only for an application whose `kms` is set. */
extern const struct kh_route kh_kms_routes[];
extern const size_t kh_kms_route_count;

#endif
