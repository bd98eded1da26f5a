/*
 * Who may do what with keys of the KMS: both levels of Hadoop's ACLs.
 *
 *     [kms.acl]               hadoop.kms.acl.X, keytrustee.kms.acl.UNDELETE and .PURGE
 *     DECRYPT_EEK = * hdfsusers
 *     [kms.blacklist]         hadoop.kms.blacklist.X
 *     DECRYPT_EEK = hdfs
 *     [kms.key.acl]           key.acl.KEY.OP
 *     LABEL = finance DECRYPT_EEK alice,bob analysts
 *     [kms.key.acl.default]   default.key.acl.OP
 *     [kms.key.acl.whitelist] whitelist.key.acl.OP
 *     READ = keyadmin
 *
 * Values are lists of users and groups (users.h). In [kms.key.acl] the key is a label of
 * the operator's own, because a key's name may be longer than a key of an INI file; KEY
 * is written as in a URL; several lines for one KEY and OP add up.
 *
 * First level: the list of [kms.acl] must have the caller, and [kms.blacklist] must not.
 * What is absent from [kms.acl] is refused to everybody (Hadoop: allowed to everybody;
 * `ktadmin import-kms-acls` writes its "*" down). Second level, unless key_authorization
 * of [kms] is off: the key's own lists, or the default ones when the key has none at all,
 * must have the caller, or those of the whitelist; an operation without a list is
 * refused. ALL in [kms.key.acl] stands for every operation.
 */
#ifndef KH_SERVER_KMS_ACL_H
#define KH_SERVER_KMS_ACL_H

#include "core/config.h"
#include "server/http.h"

/* What [kms.acl] speaks of, in the order of its options. */
typedef enum kms_op {
    KMS_OP_CREATE,
    KMS_OP_DELETE,
    KMS_OP_ROLLOVER,
    KMS_OP_GET,
    KMS_OP_GET_KEYS,
    KMS_OP_GET_METADATA,
    KMS_OP_SET_KEY_MATERIAL,
    KMS_OP_GENERATE_EEK,
    KMS_OP_DECRYPT_EEK,
    KMS_OP_UNDELETE,
    KMS_OP_PURGE
} kms_op;
#define KMS_OPS 11

/* What the lists of one key speak of. */
typedef enum kms_key_op {
    KMS_KEY_MANAGEMENT, /* create, roll, delete, undelete, purge, invalidate */
    KMS_KEY_GENERATE_EEK,
    KMS_KEY_DECRYPT_EEK,
    KMS_KEY_READ, /* metadata, current version, one version, all versions */
    KMS_KEY_ALL   /* in a list: every one of them */
} kms_key_op;
#define KMS_KEY_OPS 5

#define KMS_ACT_TEXT 640

/* "CREATE", "MANAGEMENT": as configurations name them. */
extern const char *const kms_op_names[KMS_OPS];
extern const char *const kms_key_op_names[KMS_KEY_OPS];

/* The lists in effect; one for a daemon. Every function is thread safe. */
struct kms_acl;

/* Reads the lists of CONFIG, which is not needed afterwards. KH_INVALID, "FILE:LINE: KEY:
 * what is wrong; what would be right". *OUT is the caller's (kms_acl_free), NULL on
 * failure. */
KH_CHECK kh_status kms_acl_new(
    struct kms_acl **out, const struct kh_config *config, struct kh_error *err);

/* Reads them again from CONFIG; what is under way ends with the old ones. On failure the
 * old ones stay. Groups that the system named are asked for again. */
KH_CHECK kh_status kms_acl_reload(
    struct kms_acl *acl, const struct kh_config *config, struct kh_error *err);

/* First level: WHO (by his short name) may do OP, and no blacklist has him. May block:
 * the system may be asked for his groups. */
bool kms_acl_has_op(struct kms_acl *acl, const struct kh_principal *who, kms_op op);

/* Second level: WHO may do OP (not ALL) to keys whose ACL name (attribute key.acl.name,
 * else the key's name) is NAME. Always true when key_authorization is off. May block. */
bool kms_acl_has_key(
    struct kms_acl *acl, const struct kh_principal *who, kms_key_op op, const char *name);

/* Both levels at once: the second one with what OP needs of a key (CREATE, DELETE,
 * ROLLOVER, SET_KEY_MATERIAL, UNDELETE, PURGE: MANAGEMENT; GET, GET_METADATA: READ;
 * GET_KEYS: nothing), and not at all when NAME is NULL. */
bool kms_acl_allows(
    struct kms_acl *acl, const struct kh_principal *who, kms_op op, const char *name);

/* What Hadoop says to WHO who was refused at the first level: "User:U not allowed to do
 * 'OP' on 'KEY'", without " on" when KEY is NULL. OP is the name in Hadoop's audit log
 * (CREATE_KEY). Both are AuthorizationException, 403. OUT is cut at SIZE. */
void kms_acl_op_text(char *out, size_t size, const struct kh_principal *who,
    const char *op, const char *key);
/* The same at the second level; CREATE: a key was to be made, which Hadoop words in
 * another way. */
void kms_acl_key_text(char *out, size_t size, const struct kh_principal *who,
    kms_key_op op, const char *name, bool create);

/* Whether WHO (by his short name) may act for USER from ADDRESS (doAs, [kms.proxyuser]).
 * When not, OUT says so as Hadoop does, AuthorizationException, 403: "User: P is not
 * allowed to impersonate U", "Unauthorized connection for super-user: P from IP A". May
 * block. */
bool kms_acl_may_act(struct kms_acl *acl, const struct kh_principal *who,
    const char *const user_and_address[2], char out[KMS_ACT_TEXT]);

/* NULL is fine. Nobody may be inside. */
void kms_acl_free(struct kms_acl *acl);

#endif
