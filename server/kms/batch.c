/* POST /kms/v1/key/{name}/_reencryptbatch. */
#include "server/kms/eek.h"

#include <string.h>

enum { FIRST = 4096 };

/* One batch. */
struct batch {
    struct kh_app *app;
    struct kh_request *request;
    struct kh_kms_key *current;
    struct kh_kms_key *from; /* the version of the item before; NULL: none yet */
    struct evp_cipher_ctx_st *work;
    struct kh_kms_scan scan;
    struct kh_kms_eek eek;
    struct kh_kms_frame frame; /* of the current version */
    struct kh_kms_out out;
    size_t item; /* from 0 */
};

/* Counts and checks the form before anything is done. */
static bool check_form(struct batch *b)
{
    struct kh_kms_scan scan;
    size_t count = 0;

    kh_kms_scan_begin(&scan, b->request->body, b->request->body_len);
    if (kh_kms_scan_array(&scan))
        while (count <= b->app->kms->max_eeks && kh_kms_scan_item(&scan) &&
               kh_kms_scan_skip(&scan))
            count++;
    if (count > b->app->kms->max_eeks)
        kh_kms_refuse(b->request, 400, KH_KMS_ILLEGAL,
            "more than %zu items, the most that one request may have",
            b->app->kms->max_eeks);
    else if (!kh_kms_scan_end(&scan))
        kh_kms_refuse(b->request, 400, KH_KMS_ILLEGAL, "the JSON body, item %zu: %s",
            count, scan.why);
    else
        return true;
    return false;
}

static bool wrong(struct batch *b, const char *what)
{
    kh_kms_refuse(b->request, 400, KH_KMS_ILLEGAL, "%s (item %zu)", what, b->item);
    return false;
}

static bool check_item(struct batch *b)
{
    char text[96];

    if (!b->eek.has_version)
        return wrong(b, "Parameter 'versionName' cannot be null");
    if (!b->eek.has_iv)
        return wrong(b, "Parameter 'iv' cannot be null");
    if (!b->eek.has_inner)
        return wrong(b, "Parameter 'encryptedKeyVersion' cannot be null");
    if (!b->eek.has_material)
        return wrong(b, "Parameter 'material' cannot be null");
    if (strcmp(b->eek.inner_version, "EEK") != 0) {
        snprintf(text, sizeof text,
            "encryptedKey version name must be 'EEK', but found '%s'",
            b->eek.inner_version);
        return wrong(b, text);
    }
    if (b->eek.iv_len != KH_KMS_IV)
        return wrong(b, "Wrong IV length: must be 16 bytes long");
    return true;
}

/* Finds the version the item is encrypted under; most have that of the one before. */
static bool find_version(struct batch *b)
{
    struct kh_kms_version version;
    struct kh_error err = {0};
    char text[640];
    kh_status st = kh_kms_version_parse(b->eek.version, &version, &err);

    if (st == KH_OK && strcmp(version.name, b->request->name) != 0) {
        snprintf(text, sizeof text, "KeyVersion '%.270s' does not belong to the key '%s'",
            b->eek.version, b->request->name);
        return wrong(b, text);
    }
    if (st == KH_OK && b->from && b->from->version == version.number)
        return true;
    kh_kms_key_release(b->from);
    b->from = NULL;
    if (st == KH_OK)
        st = kh_kms_load(b->app, version.name, version.number, &b->from, &err);
    if (st == KH_OK)
        return true;
    if (st == KH_NOT_FOUND || st == KH_INVALID) {
        snprintf(text, sizeof text, "'%.270s' not found", b->eek.version);
        return wrong(b, text);
    }
    kh_kms_failed(b->request, st, &err);
    return false;
}

static bool turn(struct batch *b)
{
    struct kh_error err = {0};
    kh_status st = kh_kms_eek_turn(b->app, b->work,
        (struct kh_kms_key *const[]){b->from, b->current}, &b->eek, &err);

    if (st == KH_OK)
        return true;
    if (st == KH_INVALID)
        return wrong(b, err.message);
    kh_kms_failed(b->request, st, &err);
    return false;
}

/* Each item may cost operations of the token, and nobody waits for the rest when the
 * deadline has passed. */
static bool waited_for(struct batch *b)
{
    struct kh_error err = {0};

    if (!atomic_load(&b->request->abandoned))
        return true;
    kh_kms_failed(b->request,
        kh_fail(&err, KH_BUSY, "the deadline of the request has passed"), &err);
    return false;
}

/* False: answered. */
static bool run_items(struct batch *b)
{
    kh_kms_frame_make(b->current, &b->frame);
    kh_kms_out_raw(&b->out, "[");
    kh_kms_scan_begin(&b->scan, b->request->body, b->request->body_len);
    if (!kh_kms_scan_array(&b->scan))
        return wrong(b, b->scan.why);
    for (; kh_kms_scan_item(&b->scan); b->item++) {
        if (!kh_kms_eek_scan(&b->scan, &b->eek))
            return wrong(b, b->scan.why);
        if (!check_item(b) || !find_version(b) || !waited_for(b) || !turn(b))
            return false;
        kh_kms_out_raw(&b->out, b->item ? "," : "");
        kh_kms_eek_write(&b->out, &b->frame, b->eek.iv, b->eek.material, b->eek.len);
    }
    kh_kms_out_raw(&b->out, "]");
    return true;
}

static void run(struct batch *b)
{
    struct kh_error err = {0};
    kh_status st = kh_kms_out_begin(&b->out, FIRST, false, &err);

    if (st != KH_OK) {
        kh_kms_failed(b->request, st, &err);
        return;
    }
    b->work = kh_kms_work_new();
    if (run_items(b)) {
        kh_meter_add(b->app->kms->reencrypted, b->item);
        kh_kms_out_send(&b->out, b->request, 200);
    }
    kh_kms_out_drop(&b->out);
    kh_kms_work_free(b->work);
    kh_kms_key_release(b->from);
}

void kh_kms_reencrypt_batch(struct kh_app *app, struct kh_request *request)
{
    struct batch b = {.app = app, .request = request};
    struct kh_error err = {0};
    kh_status st;

    if (!kh_kms_begin(app, request, "REENCRYPT_EEK_BATCH", false) ||
        !kh_kms_take_name(request) || !kh_kms_take_json(request))
        return;
    st = kh_kms_load(app, request->name, KH_LATEST, &b.current, &err);
    if (kh_kms_may(app, request, KH_KMS_GENERATE_EEK,
            b.current ? b.current->acl : request->name) &&
        check_form(&b)) {
        if (st == KH_OK)
            run(&b);
        else if (st == KH_NOT_FOUND)
            kh_kms_refuse(request, 500, KH_KMS_IO, "No KeyVersion exists for key '%s' ",
                request->name);
        else
            kh_kms_failed(request, st, &err);
    }
    kh_kms_key_release(b.current);
}
