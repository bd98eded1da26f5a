#include "core/deposit.h"
#include "server/kms/internal.h"

#include <string.h>

/* KEYS_MAX of one request: a client asks for what fits into 1500 bytes. */
enum { KEYS_MAX = 1000, FIRST = 1024 };

/* What is known of the key NAME; *FACT is NULL when there is no such key. The catalog
 * says which version is the current one; only one that is not known yet is opened. */
static kh_status find(
    struct kh_app *app, const char *name, struct kh_kms_fact **fact, struct kh_error *err)
{
    struct kh_kms_place place = {.name = name};
    struct kh_stat stat;
    kh_status st = KH_NOT_FOUND;

    *fact = NULL;
    if (kh_kms_possible(name))
        st = kh_backend_stat(app->backend, name, KH_LATEST, &stat, err);
    if (st == KH_OK && stat.state == KH_DELETED)
        st = KH_NOT_FOUND;
    if (st == KH_OK) {
        place.version = stat.version;
        place.created = stat.created;
        st = kh_kms_fact(app, &place, fact, err);
    }
    if (st == KH_OK && !(*fact)->metadata) {
        kh_kms_fact_release(*fact);
        *fact = NULL;
    }
    return st == KH_NOT_FOUND ? KH_OK : st;
}

/* As find, when the caller may. False: answered. */
static bool look(struct kh_app *app, struct kh_request *request, const char *name,
    struct kh_kms_fact **fact)
{
    struct kh_error err = {0};
    kh_status st = find(app, name, fact, &err);

    if (!kh_kms_may(app, request, KH_KMS_GET_METADATA, *fact ? (*fact)->acl : name))
        return false;
    if (st == KH_OK)
        return true;
    kh_kms_failed(request, st, &err);
    return false;
}

void kh_kms_metadata(struct kh_app *app, struct kh_request *request)
{
    KH_CLEANUP_FACT struct kh_kms_fact *fact = NULL;

    if (kh_kms_begin(app, request, "GET_METADATA", false) && kh_kms_take_name(request) &&
        look(app, request, request->name, &fact))
        kh_kms_answer_text(request, fact ? fact->metadata : "{}");
}

static bool write_next(struct kh_app *app, struct kh_request *request, const char *name,
    struct kh_kms_out *out)
{
    KH_CLEANUP_FACT struct kh_kms_fact *fact = NULL;

    if (!look(app, request, name, &fact))
        return false;
    kh_kms_out_raw(out, fact ? fact->metadata : "{}");
    return true;
}

/* False: answered. */
static bool write_all(
    struct kh_app *app, struct kh_request *request, struct kh_kms_out *out)
{
    const char *from = request->query;
    char name[KH_KMS_VERSION_NAME];
    struct kh_error err = {0};
    unsigned count = 0;
    kh_status st;

    kh_kms_out_raw(out, "[");
    while ((st = kh_kms_query(&from, "key", name, sizeof name, &err)) == KH_OK) {
        if (count++ == KEYS_MAX) {
            kh_kms_refuse(request, 400, KH_KMS_ILLEGAL,
                "more than %d keys in one request", KEYS_MAX);
            return false;
        }
        kh_kms_out_raw(out, count > 1 ? "," : "");
        if (!write_next(app, request, name, out))
            return false;
    }
    kh_kms_out_raw(out, "]");
    if (st == KH_NOT_FOUND)
        return true;
    kh_kms_failed(request, st, &err);
    return false;
}

void kh_kms_keys_metadata(struct kh_app *app, struct kh_request *request)
{
    struct kh_error err = {0};
    struct kh_kms_out out;
    kh_status st;

    if (!kh_kms_begin(app, request, "GET_KEYS_METADATA", false))
        return;
    st = kh_kms_out_begin(&out, FIRST, false, &err);
    if (st != KH_OK)
        kh_kms_failed(request, st, &err);
    else if (write_all(app, request, &out))
        kh_kms_out_send(&out, request, 200);
    else
        kh_kms_out_drop(&out);
}
