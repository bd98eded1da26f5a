#include "plugins/pkcs11/find.h"

#include "plugins/pkcs11/clock.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* An object that is half-made now may be in the making by another process: debris does
 * not change. */
#define STILL_MS 300

struct attest {
    const struct kh_key_id *id;
    char *label;
    size_t label_size;
};

static CK_RV read_label(
    struct kh_call *call, CK_OBJECT_HANDLE handle, const struct attest *want)
{
    char text[256];
    CK_ATTRIBUTE a = {CKA_LABEL, text, sizeof text};
    CK_RV rv = kh_said(call, "C_GetAttributeValue",
        call->p11->C_GetAttributeValue(call->session, handle, &a, 1));

    if (rv != CKR_OK)
        return rv;
    if (a.ulValueLen > sizeof text)
        return CKR_FUNCTION_FAILED;
    (void)snprintf(want->label, want->label_size, "%.*s", (int)a.ulValueLen, text);
    return CKR_OK;
}

/* Looks afresh, whatever the cache holds of it: not the handle's past but its present
 * counts. */
static CK_RV attest(struct kh_call *call, void *arg)
{
    const struct attest *want = arg;
    struct kh_cache *cache = &call->token->cache;
    CK_OBJECT_HANDLE handle;
    bool looked_at;
    CK_RV rv;

    if (kh_cache_get(cache, want->id, &handle, &looked_at) && looked_at)
        (void)kh_cache_put(cache, want->id, handle, false);
    rv = kh_key_handle(call, want->id, KH_NOT_FOUND, &handle);
    if (rv == CKR_OK && want->label)
        rv = read_label(call, handle, want);
    return rv;
}

kh_status kh_token_key_attest(struct kh_token *token, const struct kh_key_id *id,
    char *label, size_t label_size, struct kh_error *err)
{
    struct attest want = {
        .id = id, .label = label_size > 0 ? label : NULL, .label_size = label_size};
    kh_status st = kh_run(token, attest, &want, id, err);

    if (st == KH_OK)
        kh_cache_set_attested(&token->cache, id);
    return st;
}

void kh_token_attest_round(struct kh_token *token, bool begin)
{
    kh_cache_round(&token->cache, begin);
}

bool kh_token_key_attested(struct kh_token *token, const struct kh_key_id *id)
{
    return kh_cache_is_attested(&token->cache, id);
}

kh_status kh_token_key_each(struct kh_token *token,
    kh_status (*fn)(
        void *arg, const struct kh_token_object *object, struct kh_error *err),
    void *arg, struct kh_error *err)
{
    struct kh_pass pass = {0};
    kh_status st = kh_run(token, kh_pass_over, &pass, NULL, err);

    for (size_t i = 0; st == KH_OK && i < pass.count; i++)
        st = fn(arg, &pass.objects[i], err);
    kh_pass_free(&pass);
    return st;
}

static bool is_debris(const struct kh_look *look)
{
    return (!look->has_class || look->private_key) && look->id.len == 0 &&
           !look->material;
}

static CK_RV sweep(struct kh_call *call, void *arg)
{
    struct timespec still = {.tv_nsec = STILL_MS * 1000000L};
    size_t *count = arg;
    struct kh_pass pass = {0};
    CK_RV rv = kh_pass_over(call, &pass);

    if (rv == CKR_OK && pass.debris_count > 0)
        (void)nanosleep(&still, NULL);
    for (size_t i = 0; rv == CKR_OK && i < pass.debris_count; i++) {
        struct kh_look look;

        rv = kh_look_at(call, pass.debris[i], &look);
        if (rv == CKR_OBJECT_HANDLE_INVALID) {
            rv = CKR_OK;
            continue;
        }
        if (rv != CKR_OK || !is_debris(&look))
            continue;
        rv = kh_said(call, "C_DestroyObject",
            call->p11->C_DestroyObject(call->session, pass.debris[i]));
        if (rv == CKR_OK)
            ++*count;
        kh_cache_doubt(&call->token->cache);
    }
    kh_pass_free(&pass);
    return rv;
}

kh_status kh_token_sweep_debris(
    struct kh_token *token, size_t *count, struct kh_error *err)
{
    kh_status st;

    *count = 0;
    if (atomic_load(&token->tidy))
        return KH_OK;
    st = kh_turn_take(&token->turn, true, kh_clock_now() + token->patience, err);
    if (st != KH_OK)
        return st;
    st = kh_run(token, sweep, count, NULL, err);
    kh_turn_give(&token->turn, true);
    return st;
}
