#include "core/deposit.h"
#include "core/name.h"
#include "server/internal_name.h"
#include "server/kms/internal.h"
#include "server/kms/wanted.h"
#include "server/kms/wrap.h"

#include <string.h>
#include <strings.h>
#include <time.h>

#define CIPHER "AES/CTR/NoPadding"

enum { DEFAULT_BITS = 128 };

static bool check_name(struct kh_request *request, const struct kh_kms_wanted *wanted)
{
    struct kh_error err = {0};

    if (!wanted->has_name)
        kh_kms_refuse(request, 400, KH_KMS_ILLEGAL, "Parameter 'name' cannot be null");
    else if (!*wanted->name)
        kh_kms_refuse(request, 400, KH_KMS_ILLEGAL, "Parameter 'name' cannot be empty");
    else if (kh_name_check(wanted->name, &err) != KH_OK)
        kh_kms_failed(request, KH_INVALID, &err);
    else if (kh_name_internal(wanted->name))
        kh_kms_refuse(request, 400, KH_KMS_ILLEGAL,
            "names that begin with '" KH_INTERNAL "' are this server's own");
    else {
        snprintf(request->name, sizeof request->name, "%.*s", KH_NAME_MAX, wanted->name);
        return true;
    }
    return false;
}

static bool check_kind(struct kh_request *request, struct kh_kms_wanted *wanted)
{
    if (!*wanted->cipher)
        memcpy(wanted->cipher, CIPHER, sizeof CIPHER);
    if (strncasecmp(wanted->cipher, "AES", 3) != 0 ||
        (wanted->cipher[3] && wanted->cipher[3] != '/')) {
        kh_kms_refuse(request, 400, KH_KMS_ILLEGAL,
            "The cipher is not offered: keys are AES keys (" CIPHER ")");
        return false;
    }
    if (wanted->bits == 0)
        wanted->bits = DEFAULT_BITS;
    if (wanted->bits != 128 && wanted->bits != 192 && wanted->bits != 256) {
        kh_kms_refuse(request, 400, KH_KMS_PARAMETER,
            "Wrong keysize: must be equal to 128, 192 or 256");
        return false;
    }
    if (wanted->material.len == 0 || wanted->material.len * 8 == (size_t)wanted->bits)
        return true;
    kh_kms_refuse(request, 500, KH_KMS_IO, "Wrong key length. Required %u, but got %zu",
        (unsigned)wanted->bits, 8 * wanted->material.len);
    return false;
}

static bool check_rights(struct kh_app *app, struct kh_request *request,
    const struct kh_kms_wanted *wanted, const char *acl)
{
    return kh_kms_may(app, request, KH_KMS_CREATE_KEY, acl) &&
           (wanted->material.len == 0 ||
               kh_kms_may(app, request, KH_KMS_SET_MATERIAL, acl));
}

static kh_status fill(struct kh_app *app, struct kh_kms_wanted *wanted,
    struct kh_deposit *deposit, struct kh_error *err)
{
    struct timespec now;
    char created[24];
    kh_status st;

    clock_gettime(CLOCK_REALTIME, &now);
    snprintf(created, sizeof created, "%lld",
        (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000);
    snprintf(deposit->name, sizeof deposit->name, "%.*s", KH_NAME_MAX, wanted->name);
    deposit->created = now.tv_sec;
    deposit->attrs = wanted->attrs;
    wanted->attrs = (struct kh_attrs){0};
    st = kh_attrs_set(&deposit->attrs, KH_KMS_CIPHER, wanted->cipher, err);
    if (st == KH_OK)
        st = kh_attrs_set(&deposit->attrs, KH_KMS_CREATED, created, err);
    if (st == KH_OK)
        st = kh_attrs_set(&deposit->attrs, KH_KMS_ATTRIBUTE KH_KMS_ACL_NAME,
            kh_kms_acl_name(deposit), err);
    return st == KH_OK ? kh_kms_equip(app, wanted, deposit, err) : st;
}

static void answer_exists(struct kh_app *app, struct kh_request *request)
{
    struct kh_error err = {0};
    struct kh_stat stat;
    bool deleted =
        kh_backend_stat(app->backend, request->name, KH_LATEST, &stat, &err) == KH_OK &&
        stat.state == KH_DELETED;

    kh_kms_refuse(request, 500, KH_KMS_IO, "Key %s already exists in %s%s", request->name,
        kh_backend_name(app->backend),
        deleted ? ": it is deleted; undelete it, or purge it first" : "");
}

/* An AES key is not made for a name that is taken. */
static kh_status put(struct kh_app *app, struct kh_kms_wanted *wanted,
    struct kh_deposit *deposit, struct kh_error *err)
{
    struct kh_stat stat;
    kh_status st;

    if (app->kms->token_scheme &&
        kh_backend_stat(app->backend, wanted->name, KH_LATEST, &stat, err) == KH_OK)
        return kh_fail(err, KH_EXISTS, "'%s' exists", wanted->name);
    st = fill(app, wanted, deposit, err);
    if (st == KH_OK)
        st = kh_backend_put(app->backend, deposit, KH_PUT_NEW, err);
    if (st == KH_OK)
        st = kh_kms_wrap_stored(app, deposit, err);
    if (st == KH_OK && app->kms->token_scheme)
        kh_kms_wrap_sweep(app, deposit);
    return st;
}

static void store(
    struct kh_app *app, struct kh_request *request, struct kh_kms_wanted *wanted)
{
    KH_CLEANUP_DEPOSIT struct kh_deposit deposit = {0};
    uint64_t ticket = kh_kms_facts_ticket(app->kms->facts);
    struct kh_error err = {0};
    kh_status st = put(app, wanted, &deposit, &err);

    if (st == KH_OK)
        kh_kms_made(app, &deposit, ticket);
    else
        kh_kms_changed(app->kms, request->name);
    if (st == KH_OK)
        kh_kms_answer_version(
            request, 201, &deposit, kh_kms_has(app, request, KH_KMS_GET));
    else if (st == KH_EXISTS)
        answer_exists(app, request);
    else
        kh_kms_failed(request, st, &err);
}

void kh_kms_create(struct kh_app *app, struct kh_request *request)
{
    KH_CLEANUP_WANTED struct kh_kms_wanted wanted = {0};
    struct kh_error err = {0};
    const char *acl;

    if (!kh_kms_begin(app, request, "CREATE_KEY", true) || !kh_kms_take_json(request))
        return;
    if (kh_kms_wanted_parse(request->body, request->body_len, &wanted, &err) != KH_OK) {
        kh_kms_failed(request, KH_INVALID, &err);
        return;
    }
    if (!check_name(request, &wanted))
        return;
    acl = kh_attrs_get(&wanted.attrs, KH_KMS_ATTRIBUTE KH_KMS_ACL_NAME);
    if (check_rights(app, request, &wanted, acl ? acl : wanted.name) &&
        check_kind(request, &wanted) && kh_kms_may_bring(app, request, &wanted))
        store(app, request, &wanted);
}
