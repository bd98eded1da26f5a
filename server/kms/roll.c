#include "core/deposit.h"
#include "server/kms/internal.h"
#include "server/kms/wanted.h"
#include "server/kms/wrap.h"

#include <time.h>

/* False: answered. */
static bool take_body(struct kh_request *request, struct kh_kms_wanted *wanted)
{
    struct kh_error err = {0};

    if (!kh_kms_take_json(request))
        return false;
    if (kh_kms_wanted_parse(request->body, request->body_len, wanted, &err) == KH_OK)
        return true;
    kh_kms_failed(request, KH_INVALID, &err);
    return false;
}

static bool check_rights(struct kh_app *app, struct kh_request *request,
    const struct kh_kms_wanted *wanted, const char *acl)
{
    return kh_kms_may(app, request, KH_KMS_ROLL, acl) &&
           (wanted->material.len == 0 ||
               kh_kms_may(app, request, KH_KMS_SET_MATERIAL, acl));
}

/* DEPOSIT, the current version, becomes the next one; all but what it encrypts with
 * stays. */
static void store(struct kh_app *app, struct kh_request *request,
    struct kh_kms_wanted *wanted, struct kh_deposit *deposit)
{
    unsigned bits = kh_kms_bits(deposit);
    uint64_t ticket = kh_kms_facts_ticket(app->kms->facts);
    struct kh_error err = {0};
    kh_status st;

    if (!kh_kms_may_bring(app, request, wanted))
        return;
    if (wanted->material.len > 0 && wanted->material.len * 8 != bits) {
        kh_kms_refuse(request, 500, KH_KMS_IO,
            "Wrong key length. Required %u, but got %zu", bits, 8 * wanted->material.len);
        return;
    }
    wanted->bits = bits;
    st = kh_kms_equip(app, wanted, deposit, &err);
    deposit->created = (int64_t)time(NULL);
    if (st == KH_OK)
        st = kh_backend_roll(app->backend, deposit, &err);
    if (st == KH_OK)
        st = kh_kms_wrap_stored(app, deposit, &err);
    if (st == KH_OK)
        kh_kms_made(app, deposit, ticket);
    else
        kh_kms_changed(app->kms, request->name);
    if (st == KH_OK)
        kh_kms_answer_version(
            request, 200, deposit, kh_kms_has(app, request, KH_KMS_GET));
    else
        kh_kms_failed(request, st, &err);
}

void kh_kms_roll(struct kh_app *app, struct kh_request *request)
{
    KH_CLEANUP_WANTED struct kh_kms_wanted wanted = {0};
    KH_CLEANUP_DEPOSIT struct kh_deposit deposit = {0};
    struct kh_error err = {0};
    kh_status st;

    if (!kh_kms_begin(app, request, "ROLL_NEW_VERSION", true) ||
        !kh_kms_take_name(request) || !take_body(request, &wanted))
        return;
    st = kh_kms_deposit(app, request->name, KH_LATEST, &deposit, &err);
    if (!check_rights(app, request, &wanted,
            st == KH_OK ? kh_kms_acl_name(&deposit) : request->name))
        return;
    if (st == KH_OK)
        store(app, request, &wanted, &deposit);
    else if (st == KH_NOT_FOUND)
        kh_kms_refuse(
            request, 500, KH_KMS_IO, "Can't find Metadata for key %s", request->name);
    else
        kh_kms_failed(request, st, &err);
}
