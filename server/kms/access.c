#include "server/kms/access.h"

#include "server/kms/acl.h"
#include "server/kms/internal.h"

#include <string.h>

/* What the two levels of rules ask for a right. */
static const struct {
    kms_op op;
    kms_key_op key_op; /* KMS_KEY_ALL: no key is concerned */
} rights[] = {
    [KH_KMS_CREATE_KEY] = {KMS_OP_CREATE, KMS_KEY_MANAGEMENT},
    [KH_KMS_ROLL] = {KMS_OP_ROLLOVER, KMS_KEY_MANAGEMENT},
    [KH_KMS_DELETE] = {KMS_OP_DELETE, KMS_KEY_MANAGEMENT},
    [KH_KMS_GET] = {KMS_OP_GET, KMS_KEY_READ},
    [KH_KMS_GET_KEYS] = {KMS_OP_GET_KEYS, KMS_KEY_ALL},
    [KH_KMS_GET_METADATA] = {KMS_OP_GET_METADATA, KMS_KEY_READ},
    [KH_KMS_SET_MATERIAL] = {KMS_OP_SET_KEY_MATERIAL, KMS_KEY_MANAGEMENT},
    [KH_KMS_GENERATE_EEK] = {KMS_OP_GENERATE_EEK, KMS_KEY_GENERATE_EEK},
    [KH_KMS_DECRYPT_EEK] = {KMS_OP_DECRYPT_EEK, KMS_KEY_DECRYPT_EEK},
    [KH_KMS_UNDELETE] = {KMS_OP_UNDELETE, KMS_KEY_MANAGEMENT},
    [KH_KMS_PURGE] = {KMS_OP_PURGE, KMS_KEY_MANAGEMENT},
};

bool kh_kms_has(struct kh_app *app, const struct kh_request *request, kh_kms_right right)
{
    return kms_acl_has_op(app->kms->acl, &request->principal, rights[right].op);
}

/* The key that the refusal names: Hadoop names none where a version is asked for. */
static const char *shown(const struct kh_request *request)
{
    bool named = *request->name && strcmp(request->operation, "GET_KEY_VERSION") != 0;

    return named ? request->name : NULL;
}

bool kh_kms_may(
    struct kh_app *app, struct kh_request *request, kh_kms_right right, const char *acl)
{
    const struct kh_principal *who = &request->principal;
    kms_key_op key_op = rights[right].key_op;
    char text[1024];

    if (!kh_kms_has(app, request, right))
        kms_acl_op_text(text, sizeof text, who, request->operation, shown(request));
    else if (key_op != KMS_KEY_ALL && !kms_acl_has_key(app->kms->acl, who, key_op, acl))
        kms_acl_key_text(text, sizeof text, who, key_op, acl, right == KH_KMS_CREATE_KEY);
    else
        return true;
    kh_kms_refuse(request, 403, KH_KMS_AUTHORIZATION, "%s", text);
    return false;
}
