/* POST /kms/v1/keyversion/{version}/_eek: decrypt and reencrypt. */
#include "core/secmem.h"
#include "server/kms/eek.h"
#include "server/kms/wrap.h"

#include <string.h>

/* One request. */
struct task {
    struct kh_app *app;
    struct kh_request *request;
    bool decrypt;
    char text[KH_KMS_VERSION_NAME]; /* the version as the path has it */
    struct kh_kms_version version;
    struct kh_kms_eek eek;
};

static bool take_body(struct task *t)
{
    struct kh_request *request = t->request;
    struct kh_kms_scan scan;

    if (!kh_kms_take_json(request))
        return false;
    kh_kms_scan_begin(&scan, request->body, request->body_len);
    if (!kh_kms_eek_scan(&scan, &t->eek) || !kh_kms_scan_end(&scan)) {
        kh_kms_refuse(request, 400, KH_KMS_ILLEGAL, "the JSON body: %s", scan.why);
        return false;
    }
    if (!t->eek.has_iv)
        kh_kms_refuse(request, 400, KH_KMS_ILLEGAL, "Parameter 'iv' cannot be null");
    else if (!t->eek.has_material)
        kh_kms_refuse(
            request, 400, KH_KMS_ILLEGAL, "Parameter 'material' cannot be null");
    return t->eek.has_iv && t->eek.has_material;
}

/* After the version was looked for, with ST: is it what the body says? */
static bool check(struct task *t, kh_status st, const struct kh_error *err)
{
    const char *name = t->eek.has_name ? t->eek.name : "null";

    if (st == KH_NOT_FOUND)
        kh_kms_refuse(t->request, 400, KH_KMS_ILLEGAL, "'%s' not found", t->text);
    else if (st != KH_OK)
        kh_kms_failed(t->request, st, err);
    else if (!t->eek.has_name || strcmp(name, t->version.name) != 0)
        kh_kms_refuse(t->request, 400, KH_KMS_ILLEGAL,
            "KeyVersion '%s' does not belong to the key '%s'", t->text, name);
    else if (t->eek.iv_len != KH_KMS_IV)
        kh_kms_refuse(t->request, 500, KH_KMS_IO,
            "java.security.InvalidAlgorithmParameterException: Wrong IV length: must be "
            "16 bytes long");
    else
        return true;
    return false;
}

static kh_status write_plain(
    struct task *t, struct kh_kms_key *key, struct kh_kms_out *out, struct kh_error *err)
{
    KH_CLEANUP_BUF struct kh_buf plain = {0};
    struct evp_cipher_ctx_st *work = kh_kms_work_new();
    kh_status st = kh_kms_eek_open(t->app, work, key, &t->eek, &plain, err);

    kh_kms_work_free(work);
    if (st != KH_OK)
        return st;
    kh_kms_out_raw(out, "{\"material\":");
    kh_kms_out_base64(out, plain.data, plain.len);
    kh_kms_out_raw(out, ",\"name\":");
    kh_kms_out_string(out, key->name);
    kh_kms_out_raw(out, ",\"versionName\":\"EK\"}");
    return KH_OK;
}

static void decrypt(struct task *t, struct kh_kms_key *key)
{
    struct kh_error err = {0};
    struct kh_kms_out out;
    size_t room = 64 + kh_kms_out_room(key->name) + t->eek.len / 3 * 4 + 4;
    kh_status st = kh_kms_out_begin(&out, room, true, &err);

    if (st == KH_OK)
        st = write_plain(t, key, &out, &err);
    if (st != KH_OK) {
        kh_kms_out_drop(&out);
        kh_kms_failed(t->request, st, &err);
        return;
    }
    kh_meter_add(t->app->kms->decrypted, 1);
    kh_kms_out_send(&out, t->request, 200);
}

static void reencrypt(struct task *t, struct kh_kms_key *key)
{
    KH_CLEANUP_KEY struct kh_kms_key *current = NULL;
    struct evp_cipher_ctx_st *work = kh_kms_work_new();
    struct kh_error err = {0};
    struct kh_kms_out out = {0};
    struct kh_kms_frame frame;
    kh_status st = kh_kms_load(t->app, key->name, KH_LATEST, &current, &err);

    if (st == KH_OK)
        st = kh_kms_eek_turn(
            t->app, work, (struct kh_kms_key *const[]){key, current}, &t->eek, &err);
    kh_kms_work_free(work);
    if (st == KH_OK)
        st = kh_kms_out_begin(&out, KH_KMS_VERSION_ROOM + KH_KMS_EEK_MAX, false, &err);
    if (st != KH_OK) {
        kh_kms_failed(t->request, st, &err);
        return;
    }
    kh_kms_frame_make(current, &frame);
    kh_kms_eek_write(&out, &frame, t->eek.iv, t->eek.material, t->eek.len);
    kh_meter_add(t->app->kms->reencrypted, 1);
    kh_kms_out_send(&out, t->request, 200);
}

static void run(struct task *t)
{
    KH_CLEANUP_KEY struct kh_kms_key *key = NULL;
    struct kh_error err = {0};
    kh_status st = KH_NOT_FOUND;

    if (*t->version.name)
        st = kh_kms_load(t->app, t->version.name, t->version.number, &key, &err);
    if (!kh_kms_may(t->app, t->request,
            t->decrypt ? KH_KMS_DECRYPT_EEK : KH_KMS_GENERATE_EEK,
            key ? key->acl : t->request->name) ||
        !check(t, st, &err))
        return;
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): check() saw it was loaded */
    t->request->version = key->version;
    t->request->has_version = true;
    if (t->decrypt)
        decrypt(t, key);
    else
        reencrypt(t, key);
}

void kh_kms_eek(struct kh_app *app, struct kh_request *request)
{
    struct task t = {.app = app, .request = request};
    char op[16];

    if (!kh_kms_begin(app, request, "DECRYPT_EEK", false) ||
        !kh_kms_take_version(request, &t.version, t.text) ||
        !kh_kms_take_eek_op(request, op))
        return;
    t.decrypt = strcmp(op, "decrypt") == 0;
    if (strcmp(op, "reencrypt") == 0) {
        request->operation = "REENCRYPT_EEK";
    } else if (!t.decrypt) {
        kh_kms_refuse(request, 400, KH_KMS_ILLEGAL, KH_KMS_WRONG_EEK_OP);
        return;
    }
    if (take_body(&t))
        run(&t);
}
