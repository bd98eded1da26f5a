/* GET /kms/v1/keys/names. */
#include "core/deposit.h"
#include "server/kms/internal.h"

#include <stdlib.h>
#include <string.h>

enum { PAGE = 256, FIRST = 1024 };

/* Where a listing stands. */
struct listing {
    struct kh_app *app;
    struct kh_kms_out out;
    struct kh_item current; /* the highest version so far of the name it is at, which is
                             * not deleted; "": none */
    size_t count;           /* of what was written */
};

/* Whether the deposit is a Hadoop key stands inside of it: it is opened for that, once.
 */
static kh_status take(struct listing *l, struct kh_error *err)
{
    const struct kh_item *item = &l->current;
    const struct kh_kms_place place = {item->name, item->version, item->created};
    KH_CLEANUP_FACT struct kh_kms_fact *fact = NULL;
    kh_status st;

    if (!*item->name || item->status != KH_OK || !kh_kms_possible(item->name))
        return KH_OK;
    st = kh_kms_fact(l->app, &place, &fact, err);
    if (st == KH_NOT_FOUND || st == KH_CORRUPT) /* one that is damaged hides no other */
        return KH_OK;
    if (st != KH_OK)
        return st;
    if (fact->metadata) {
        kh_kms_out_raw(&l->out, l->count++ ? "," : "");
        kh_kms_out_string(&l->out, item->name);
    }
    return KH_OK;
}

static kh_status take_page(
    struct listing *l, const struct kh_item *items, size_t count, struct kh_error *err)
{
    kh_status st = KH_OK;

    for (size_t i = 0; st == KH_OK && i < count; i++) {
        if (items[i].state == KH_DELETED)
            continue;
        if (strcmp(items[i].name, l->current.name) != 0)
            st = take(l, err);
        l->current = items[i];
    }
    return st;
}

static kh_status take_all(struct listing *l, struct kh_error *err)
{
    struct kh_item *items = calloc(PAGE, sizeof *items);
    struct kh_cursor after = {0};
    size_t count = 0;
    kh_status st;

    if (!items)
        return kh_fail(err, KH_BUSY, "no memory is free for a listing");
    do {
        st = kh_backend_list(l->app->backend, &after, items, PAGE, &count, err);
        if (st == KH_OK && count == 0)
            st = take(l, err);
        if (st != KH_OK || count == 0)
            break;
        st = take_page(l, items, count, err);
        memcpy(after.name, items[count - 1].name, sizeof after.name);
        after.version = items[count - 1].version;
        after.started = true;
    } while (st == KH_OK);
    free(items);
    return st;
}

void kh_kms_names(struct kh_app *app, struct kh_request *request)
{
    struct listing l = {.app = app};
    struct kh_error err = {0};
    kh_status st;

    if (!kh_kms_begin(app, request, "GET_KEYS", false) ||
        !kh_kms_may(app, request, KH_KMS_GET_KEYS, ""))
        return;
    st = kh_kms_out_begin(&l.out, FIRST, false, &err);
    if (st == KH_OK) {
        kh_kms_out_raw(&l.out, "[");
        st = take_all(&l, &err);
        kh_kms_out_raw(&l.out, "]");
    }
    if (st == KH_OK) {
        kh_kms_out_send(&l.out, request, 200);
        return;
    }
    kh_kms_out_drop(&l.out);
    kh_kms_failed(request, st, &err);
}
