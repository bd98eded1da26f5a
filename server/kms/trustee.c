/* Key Trustee's own extras: POST
 * /kms/v1/trustee/key/NAME?trusteeOp=delete|undelete|purge.
 */
#include "core/deposit.h"
#include "core/name.h"
#include "server/internal_name.h"
#include "server/kms/internal.h"

#include <string.h>

typedef kh_status (*change)(
    struct kh_backend *backend, const char *name, uint32_t version, struct kh_error *err);

static const struct op {
    const char *name;
    const char *audited;
    kh_kms_right right;
    change run;
} ops[] = {
    {"delete", "DELETE_KEY", KH_KMS_DELETE, kh_backend_remove},
    {"undelete", "UNDELETE_KEY", KH_KMS_UNDELETE, kh_backend_restore},
    {"purge", "PURGE_KEY", KH_KMS_PURGE, kh_backend_purge},
};

static const struct op *take_op(struct kh_request *request)
{
    const char *from = request->query;
    struct kh_error err = {0};
    char text[16];
    kh_status st = kh_kms_query(&from, "trusteeOp", text, sizeof text, &err);

    for (size_t i = 0; st == KH_OK && i < sizeof ops / sizeof ops[0]; i++) {
        if (strcmp(text, ops[i].name) == 0)
            return &ops[i];
    }
    if (st == KH_NOT_FOUND)
        kh_kms_refuse(
            request, 400, KH_KMS_ILLEGAL, "Parameter 'trusteeOp' cannot be null");
    else
        kh_kms_refuse(request, 400, KH_KMS_ILLEGAL,
            "Wrong trusteeOp value, it must be delete, undelete or purge");
    return NULL;
}

/* {name} of the path into request->name. False: answered. */
static bool take_name(struct kh_request *request)
{
    char text[KH_KMS_VERSION_NAME];
    struct kh_error err = {0};
    kh_status st = kh_kms_segment(request->path, "/kms/v1/trustee/key/", text, &err);

    if (st == KH_OK && strlen(text) > KH_NAME_MAX)
        st = kh_fail(
            &err, KH_INVALID, "the name in the path: longer than %d bytes", KH_NAME_MAX);
    if (st != KH_OK) {
        kh_kms_failed(request, st, &err);
        return false;
    }
    (void)snprintf(request->name, sizeof request->name, "%.*s", KH_NAME_MAX, text);
    return true;
}

/* The key, deleted or not; what is damaged is there, too. */
static kh_status look(
    struct kh_app *app, const char *name, struct kh_deposit *out, struct kh_error *err)
{
    kh_status st = KH_NOT_FOUND;
    struct kh_error unused;

    if (!kh_name_internal(name) && kh_name_check(name, &unused) == KH_OK)
        st = kh_backend_get(app->backend, name, KH_LATEST, true, out, err);
    if (st == KH_OK && !kh_attrs_get(&out->attrs, KH_KMS_CIPHER))
        st = KH_NOT_FOUND;
    return st;
}

static void run(struct kh_app *app, struct kh_request *request, const struct op *op)
{
    KH_CLEANUP_DEPOSIT struct kh_deposit deposit = {0};
    struct kh_error err = {0};
    kh_status st = look(app, request->name, &deposit, &err);

    if (!kh_kms_may(app, request, op->right,
            st == KH_OK ? kh_kms_acl_name(&deposit) : request->name))
        return;
    if ((st == KH_OK || st == KH_CORRUPT) && op->right == KH_KMS_PURGE) {
        kh_status gone = kh_kms_purging(app, request->name, KH_ALL_VERSIONS, &err);

        st = gone == KH_OK ? st : gone;
    }
    if (st == KH_OK || st == KH_CORRUPT)
        st = op->run(app->backend, request->name, KH_ALL_VERSIONS, &err);
    kh_kms_changed(app->kms, request->name);
    if (st == KH_OK)
        kh_kms_answer_empty(request);
    else if (st == KH_NOT_FOUND)
        kh_kms_refuse(request, 500, KH_KMS_IO, "Key with name %s not found in %s",
            request->name, kh_backend_name(app->backend));
    else
        kh_kms_failed(request, st, &err);
}

void kh_kms_trustee(struct kh_app *app, struct kh_request *request)
{
    const struct op *op = take_op(request);

    if (op && kh_kms_begin(app, request, op->audited, true) && take_name(request))
        run(app, request, op);
}

/* Where Hadoop's clients ask for tokens, which is answered before this. */
void kh_kms_root(struct kh_app *app, struct kh_request *request)
{
    (void)app;
    kh_kms_refuse(request, 404, KH_KMS_ILLEGAL, "no such path");
}
