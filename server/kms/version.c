/* Versions of a key, with their material. */
#include "core/deposit.h"
#include "server/kms/internal.h"

#include <string.h>

/* The version NUMBER of request->name; "{}" when there is none. */
static void answer(struct kh_app *app, struct kh_request *request, uint32_t number)
{
    KH_CLEANUP_DEPOSIT struct kh_deposit deposit = {0};
    struct kh_error err = {0};
    kh_status st = kh_kms_deposit(app, request->name, number, &deposit, &err);

    if (!kh_kms_may(app, request, KH_KMS_GET,
            st == KH_OK ? kh_kms_acl_name(&deposit) : request->name))
        return;
    if (st == KH_OK)
        kh_kms_answer_version(request, 200, &deposit, true);
    else if (st == KH_NOT_FOUND)
        kh_kms_answer_text(request, "{}");
    else
        kh_kms_failed(request, st, &err);
}

void kh_kms_current(struct kh_app *app, struct kh_request *request)
{
    if (kh_kms_begin(app, request, "GET_CURRENT_KEY", false) && kh_kms_take_name(request))
        answer(app, request, KH_LATEST);
}

void kh_kms_version(struct kh_app *app, struct kh_request *request)
{
    char text[KH_KMS_VERSION_NAME];
    struct kh_kms_version version;

    if (kh_kms_begin(app, request, "GET_KEY_VERSION", false) &&
        kh_kms_take_version(request, &version, text))
        answer(app, request, version.number);
}

enum { VERSIONS_MAX = 4096 }; /* in one answer: all of it stands in secret memory */

/* The COUNT first versions of a key. */
struct many {
    const char *name;
    uint32_t count;
};

/* Those that are there. */
static kh_status write_all(struct kh_app *app, const struct many *which,
    struct kh_kms_out *out, struct kh_error *err)
{
    bool first = true;

    kh_kms_out_raw(out, "[");
    for (uint32_t i = 0; i < which->count; i++) {
        KH_CLEANUP_DEPOSIT struct kh_deposit deposit = {0};
        kh_status st = kh_kms_deposit(app, which->name, i, &deposit, err);

        if (st == KH_NOT_FOUND) /* deleted by itself */
            continue;
        if (st != KH_OK)
            return st;
        kh_kms_out_raw(out, first ? "" : ",");
        kh_kms_write_version(out, deposit.name, deposit.version, &deposit.data);
        first = false;
    }
    kh_kms_out_raw(out, "]");
    return KH_OK;
}

static void answer_all(struct kh_app *app, struct kh_request *request, uint32_t count)
{
    const struct many which = {request->name, count};
    size_t room = 2 * strlen(request->name) + 140;
    struct kh_error err = {0};
    struct kh_kms_out out;
    kh_status st;

    if (count > VERSIONS_MAX) {
        kh_kms_refuse(request, 500, KH_KMS_IO,
            "Key %s has more than %d versions: ask for one of them", request->name,
            VERSIONS_MAX);
        return;
    }
    st = kh_kms_out_begin(&out, count * room + 2, true, &err);
    if (st == KH_OK)
        st = write_all(app, &which, &out, &err);
    if (st == KH_OK) {
        kh_kms_out_send(&out, request, 200);
        return;
    }
    kh_kms_out_drop(&out);
    kh_kms_failed(request, st, &err);
}

void kh_kms_versions(struct kh_app *app, struct kh_request *request)
{
    KH_CLEANUP_DEPOSIT struct kh_deposit deposit = {0};
    struct kh_error err = {0};
    kh_status st;

    if (!kh_kms_begin(app, request, "GET_KEY_VERSIONS", false) ||
        !kh_kms_take_name(request))
        return;
    st = kh_kms_deposit(app, request->name, KH_LATEST, &deposit, &err);
    if (!kh_kms_may(app, request, KH_KMS_GET,
            st == KH_OK ? kh_kms_acl_name(&deposit) : request->name))
        return;
    if (st == KH_OK)
        answer_all(app, request, deposit.version + 1);
    else if (st == KH_NOT_FOUND)
        kh_kms_answer_text(request, "[]");
    else
        kh_kms_failed(request, st, &err);
}
