#include "core/deposit.h"
#include "server/kms/internal.h"

#include <stdlib.h>
#include <string.h>

/* KEYS_MAX of one request: a client asks for what fits into 1500 bytes. */
enum { KEYS_MAX = 1000, FIRST = 1024 };

static void write_attributes(struct kh_kms_out *out, const struct kh_attrs *attrs)
{
    const size_t prefix = strlen(KH_KMS_ATTRIBUTE);
    bool first = true;

    kh_kms_out_raw(out, ",\"attributes\":{");
    for (size_t i = 0; i < attrs->count; i++) {
        if (strncmp(attrs->list[i].name, KH_KMS_ATTRIBUTE, prefix) != 0)
            continue;
        kh_kms_out_raw(out, first ? "" : ",");
        kh_kms_out_string(out, attrs->list[i].name + prefix);
        kh_kms_out_raw(out, ":");
        kh_kms_out_string(out, attrs->list[i].value);
        first = false;
    }
    kh_kms_out_raw(out, "}");
}

static int64_t created_ms(const struct kh_deposit *deposit)
{
    const char *text = kh_attrs_get(&deposit->attrs, KH_KMS_CREATED);
    int64_t ms = text ? strtoll(text, NULL, 10) : 0;

    return ms > 0 ? ms : deposit->created * 1000;
}

static void write(struct kh_kms_out *out, const struct kh_deposit *deposit)
{
    kh_kms_out_raw(out, "{\"name\":");
    kh_kms_out_string(out, deposit->name);
    kh_kms_out_raw(out, ",\"cipher\":");
    kh_kms_out_string(out, kh_attrs_get(&deposit->attrs, KH_KMS_CIPHER));
    kh_kms_out_raw(out, ",\"length\":");
    kh_kms_out_number(out, (int64_t)deposit->data.len * 8);
    kh_kms_out_raw(out, ",\"description\":");
    kh_kms_out_string(out, kh_attrs_get(&deposit->attrs, KH_KMS_DESCRIPTION));
    write_attributes(out, &deposit->attrs);
    kh_kms_out_raw(out, ",\"created\":");
    kh_kms_out_number(out, created_ms(deposit));
    kh_kms_out_raw(out, ",\"versions\":");
    /* The current one's number is always one less: clients count on it. */
    kh_kms_out_number(out, (int64_t)deposit->version + 1);
    kh_kms_out_raw(out, "}");
}

/* What is known of the key NAME, without its material: DEPOSIT is empty when there is no
 * such key. False: answered. */
static bool look(struct kh_app *app, struct kh_request *request, const char *name,
    struct kh_deposit *deposit)
{
    struct kh_error err = {0};
    kh_status st = kh_kms_deposit(app, name, KH_LATEST, deposit, &err);

    if (!kh_kms_may(app, request, KH_KMS_GET_METADATA,
            st == KH_OK ? kh_kms_acl_name(deposit) : name))
        return false;
    if (st == KH_OK || st == KH_NOT_FOUND)
        return true;
    kh_kms_failed(request, st, &err);
    return false;
}

void kh_kms_metadata(struct kh_app *app, struct kh_request *request)
{
    KH_CLEANUP_DEPOSIT struct kh_deposit deposit = {0};
    struct kh_error err = {0};
    struct kh_kms_out out;
    kh_status st;

    if (!kh_kms_begin(app, request, "GET_METADATA", false) ||
        !kh_kms_take_name(request) || !look(app, request, request->name, &deposit))
        return;
    if (!*deposit.name) {
        kh_kms_answer_text(request, "{}");
        return;
    }
    st = kh_kms_out_begin(&out, FIRST, false, &err);
    if (st != KH_OK) {
        kh_kms_failed(request, st, &err);
        return;
    }
    write(&out, &deposit);
    kh_kms_out_send(&out, request, 200);
}

static bool write_next(struct kh_app *app, struct kh_request *request, const char *name,
    struct kh_kms_out *out)
{
    KH_CLEANUP_DEPOSIT struct kh_deposit deposit = {0};

    if (!look(app, request, name, &deposit))
        return false;
    if (*deposit.name)
        write(out, &deposit);
    else
        kh_kms_out_raw(out, "{}");
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
