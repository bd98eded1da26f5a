#include "server/kms/access.h"

#include "server/gate.h"
#include "server/kms/refuse.h"

static const struct {
    const char *name;
    unsigned operation; /* of [acl] */
    bool of_key;        /* the refusal names the key */
} rights[] = {
    [KH_KMS_CREATE_KEY] = {"CREATE_KEY", KH_OP_PUT, true},
    [KH_KMS_ROLL] = {"ROLL_NEW_VERSION", KH_OP_PUT, true},
    [KH_KMS_DELETE] = {"DELETE_KEY", KH_OP_DELETE, true},
    [KH_KMS_GET] = {"GET_KEY_VERSION", KH_OP_GET, false},
    [KH_KMS_GET_KEYS] = {"GET_KEYS", KH_OP_LIST, false},
    [KH_KMS_GET_METADATA] = {"GET_METADATA", KH_OP_GET, true},
    [KH_KMS_SET_MATERIAL] = {"SET_KEY_MATERIAL", KH_OP_PUT, true},
    [KH_KMS_GENERATE_EEK] = {"GENERATE_EEK", KH_OP_GET, true},
    [KH_KMS_DECRYPT_EEK] = {"DECRYPT_EEK", KH_OP_GET, true},
};

bool kh_kms_allows(struct kh_app *app, const struct kh_request *request,
    kh_kms_right right, const char *acl)
{
    return kh_gate_allows(app->gate, request, rights[right].operation, acl);
}

bool kh_kms_may(
    struct kh_app *app, struct kh_request *request, kh_kms_right right, const char *acl)
{
    const char *user = request->principal.subject;

    if (kh_kms_allows(app, request, right, acl))
        return true;
    if (rights[right].of_key)
        kh_kms_refuse(request, 403, KH_KMS_AUTHORIZATION,
            "User:%s not allowed to do '%s' on '%s'", user, rights[right].name,
            request->name);
    else
        kh_kms_refuse(request, 403, KH_KMS_AUTHORIZATION,
            "User:%s not allowed to do '%s'", user, rights[right].name);
    return false;
}
