#include "core/deposit.h"
#include "server/kms/internal.h"

/* Soft: until it is purged it can be brought back (docs/hadoop-kms.md). */
void kh_kms_remove(struct kh_app *app, struct kh_request *request)
{
    KH_CLEANUP_DEPOSIT struct kh_deposit deposit = {0};
    struct kh_error err = {0};
    kh_status st;

    if (!kh_kms_begin(app, request, "DELETE_KEY", true) || !kh_kms_take_name(request))
        return;
    st = kh_kms_deposit(app, request->name, KH_LATEST, &deposit, &err);
    if (!kh_kms_may(app, request, KH_KMS_DELETE,
            st == KH_OK ? kh_kms_acl_name(&deposit) : request->name))
        return;
    if (st == KH_OK || st == KH_CORRUPT) /* what is damaged can be deleted, too */
        st = kh_backend_remove(app->backend, request->name, KH_ALL_VERSIONS, &err);
    kh_kms_changed(app->kms, request->name);
    if (st == KH_OK)
        kh_kms_answer_empty(request);
    else if (st == KH_NOT_FOUND)
        kh_kms_refuse(request, 500, KH_KMS_IO, "Key %s does not exist in %s",
            request->name, kh_backend_name(app->backend));
    else
        kh_kms_failed(request, st, &err);
}

void kh_kms_invalidate(struct kh_app *app, struct kh_request *request)
{
    kh_kms_right right;

    if (!kh_kms_begin(app, request, "INVALIDATE_CACHE", false) ||
        !kh_kms_take_name(request))
        return;
    /* Whoever may roll or delete keys. */
    right = kh_kms_has(app, request, KH_KMS_ROLL) ? KH_KMS_ROLL : KH_KMS_DELETE;
    if (!kh_kms_may(app, request, right, request->name))
        return;
    kh_kms_changed(app->kms, request->name);
    kh_kms_answer_empty(request);
}
