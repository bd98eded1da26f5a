#include "server/kms/internal.h"

void kh_kms_write_version(struct kh_kms_out *out, const char *name, uint32_t version,
    const struct kh_buf *material)
{
    char full[KH_KMS_VERSION_NAME];

    kh_kms_version_name(name, version, full);
    kh_kms_out_raw(out, "{\"material\":");
    if (material && material->len > 0) /* there is none under the token scheme */
        kh_kms_out_base64(out, material->data, material->len);
    else
        kh_kms_out_raw(out, "null");
    kh_kms_out_raw(out, ",\"name\":");
    kh_kms_out_string(out, name);
    kh_kms_out_raw(out, ",\"versionName\":");
    kh_kms_out_string(out, full);
    kh_kms_out_raw(out, "}");
}

void kh_kms_answer_version(
    struct kh_request *request, int status, const struct kh_deposit *deposit, bool show)
{
    struct kh_error err = {0};
    struct kh_kms_out out;
    kh_status st = kh_kms_out_begin(&out, KH_KMS_VERSION_ROOM, show, &err);

    if (st != KH_OK) {
        kh_kms_failed(request, st, &err);
        return;
    }
    request->version = deposit->version;
    request->has_version = true;
    kh_kms_write_version(
        &out, deposit->name, deposit->version, show ? &deposit->data : NULL);
    kh_kms_out_send(&out, request, status);
}

void kh_kms_answer_text(struct kh_request *request, const char *text)
{
    struct kh_error err = {0};
    struct kh_kms_out out;
    kh_status st = kh_kms_out_begin(&out, 16, false, &err);

    if (st != KH_OK) {
        kh_kms_failed(request, st, &err);
        return;
    }
    kh_kms_out_raw(&out, text);
    kh_kms_out_send(&out, request, 200);
}

void kh_kms_answer_empty(struct kh_request *request)
{
    request->response.status = 200;
}
