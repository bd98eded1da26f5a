#include "server/gate.h"
#include "server/kms/internal.h"

#include <string.h>

bool kh_kms_begin(
    struct kh_app *app, struct kh_request *request, const char *operation, bool changes)
{
    request->operation = operation;
    request->changes = changes;
    return !changes || kh_gate_hears(app->gate, request);
}

bool kh_kms_take_name(struct kh_request *request)
{
    char text[KH_KMS_VERSION_NAME];
    struct kh_error err = {0};
    kh_status st = kh_kms_segment(request->path, "/kms/v1/key/", text, &err);

    if (st == KH_OK && strlen(text) > KH_NAME_MAX)
        st = kh_fail(
            &err, KH_INVALID, "the name in the path: longer than %d bytes", KH_NAME_MAX);
    if (st != KH_OK) {
        kh_kms_failed(request, st, &err);
        return false;
    }
    snprintf(request->name, sizeof request->name, "%.*s", KH_NAME_MAX, text);
    return true;
}

bool kh_kms_take_version(struct kh_request *request, struct kh_kms_version *out,
    char text[KH_KMS_VERSION_NAME])
{
    struct kh_error err = {0};
    kh_status st = kh_kms_segment(request->path, "/kms/v1/keyversion/", text, &err);

    if (st == KH_OK)
        st = kh_kms_version_parse(text, out, &err);
    if (st == KH_NOT_FOUND)
        *out = (struct kh_kms_version){0};
    else if (st != KH_OK) {
        kh_kms_failed(request, st, &err);
        return false;
    }
    memcpy(request->name, out->name, sizeof request->name);
    return true;
}

bool kh_kms_take_json(struct kh_request *request)
{
    if (strcmp(request->content_type, "application/json") == 0)
        return true;
    kh_kms_refuse(request, 415, KH_KMS_ILLEGAL, "Content-Type must be application/json");
    return false;
}

bool kh_kms_take_eek_op(struct kh_request *request, char out[16])
{
    const char *from = request->query;
    struct kh_error err = {0};
    kh_status st = kh_kms_query(&from, "eek_op", out, 16, &err);

    if (st == KH_OK)
        return true;
    if (st == KH_NOT_FOUND)
        kh_kms_refuse(request, 400, KH_KMS_ILLEGAL, "Parameter 'eekOp' cannot be null");
    else
        kh_kms_refuse(request, 400, KH_KMS_ILLEGAL, KH_KMS_WRONG_EEK_OP);
    return false;
}
