/* May the caller? Asks the rules, and answers when not. */
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
    KH_KMS_DECRYPT_EEK
} kh_kms_right;

/* RIGHT on the key of the request, whose rules stand under ACL. Of a
 * right that is not for a key it is "". Thread safe. */
KH_CHECK bool kh_kms_allows(struct kh_app *app, const struct kh_request *request,
    kh_kms_right right, const char *acl);
/* The same; when not, the request is answered with 403. */
KH_CHECK bool kh_kms_may(
    struct kh_app *app, struct kh_request *request, kh_kms_right right, const char *acl);

#endif
