/* What a deposit is, from what was learned of it; or by opening it, once. */
#include "core/deposit.h"
#include "server/kms/internal.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST = 512 };

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
    kh_kms_out_number(out, (int64_t)kh_kms_bits(deposit));
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

/* The fact of a Hadoop key. */
static kh_status describe(
    const struct kh_deposit *deposit, struct kh_kms_fact **out, struct kh_error *err)
{
    struct kh_kms_out text;
    kh_status st = kh_kms_out_begin(&text, FIRST, false, err);

    *out = NULL;
    if (st != KH_OK)
        return st;
    write(&text, deposit);
    if (!text.full)
        *out = kh_kms_fact_new(
            (const char *)text.body.data, text.body.len, kh_kms_acl_name(deposit));
    kh_kms_out_drop(&text);
    return *out ? KH_OK : kh_fail(err, KH_BUSY, "no memory is free for a key's metadata");
}

/* That of a deposit that is none. */
static kh_status plain(const char *name, struct kh_kms_fact **out, struct kh_error *err)
{
    *out = kh_kms_fact_new(NULL, 0, name);
    return *out ? KH_OK : kh_fail(err, KH_BUSY, "no memory is free for a listing");
}

void kh_kms_made(struct kh_app *app, const struct kh_deposit *deposit, uint64_t ticket)
{
    const struct kh_kms_place place = {deposit->name, deposit->version, deposit->created};
    KH_CLEANUP_FACT struct kh_kms_fact *fact = NULL;

    kh_kms_changed(app->kms, deposit->name);
    if (describe(deposit, &fact, NULL) == KH_OK) /* one drop more was our own */
        kh_kms_facts_put(app->kms->facts, &place, fact, ticket + 1);
}

kh_status kh_kms_fact(struct kh_app *app, const struct kh_kms_place *place,
    struct kh_kms_fact **out, struct kh_error *err)
{
    KH_CLEANUP_DEPOSIT struct kh_deposit deposit = {0};
    uint64_t ticket;
    bool key = false;
    kh_status st;

    *out = kh_kms_facts_get(app->kms->facts, place);
    if (*out)
        return KH_OK;
    ticket = kh_kms_facts_ticket(app->kms->facts);
    st = kh_kms_open(app, place, &deposit, &key, err);
    if (st == KH_OK)
        st = key ? describe(&deposit, out, err) : plain(place->name, out, err);
    if (st == KH_OK)
        kh_kms_facts_put(app->kms->facts, place, *out, ticket);
    return st;
}
