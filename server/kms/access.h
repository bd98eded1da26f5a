/* May the caller? Asks both levels of the rules (acl.h), and answers when not. */
#ifndef KH_KMS_ACCESS_H
#define KH_KMS_ACCESS_H

#include "server/app.h"

typedef enum kh_kms_right {
    KH_KMS_CREATE_KEY,
    KH_KMS_ROLL,
    KH_KMS_DELETE,
    KH_KMS_GET,
    KH_KMS_GET_KEYS,
    KH_KMS_GET_METADATA,
    KH_KMS_SET_MATERIAL,
    KH_KMS_GENERATE_EEK,
    KH_KMS_DECRYPT_EEK,
    KH_KMS_UNDELETE,
    KH_KMS_PURGE
} kh_kms_right;

/* RIGHT by the first level alone, which knows no keys: whether material is shown to who
 * made it, and who may invalidate. Thread safe. */
KH_CHECK bool kh_kms_has(
    struct kh_app *app, const struct kh_request *request, kh_kms_right right);

/* RIGHT on the key whose rules stand under ACL; of a right that is not for a key it is
 * "". When not, the request is answered with 403, in Hadoop's words; request->operation
 * and request->name are set. Thread safe. */
KH_CHECK bool kh_kms_may(
    struct kh_app *app, struct kh_request *request, kh_kms_right right, const char *acl);

#endif
