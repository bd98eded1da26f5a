#include "plugins/pkcs11/find.h"

#include <stdlib.h>
#include <string.h>

void kh_pass_free(struct kh_pass *pass)
{
    free(pass->objects);
    free(pass->debris);
    memset(pass, 0, sizeof *pass);
}

/* An id on two objects is never used without a search, which then refuses. */
static void remember(
    struct kh_cache *cache, const struct kh_key_id *id, CK_OBJECT_HANDLE handle)
{
    CK_OBJECT_HANDLE known;
    bool looked_at;

    if (!kh_cache_get(cache, id, &known, &looked_at))
        (void)kh_cache_put(cache, id, handle, false);
    else if (known != handle)
        (void)kh_cache_put(cache, id, CK_INVALID_HANDLE, false);
}

static void note(struct kh_call *call, struct kh_pass *pass, CK_OBJECT_HANDLE handle,
    const struct kh_look *look)
{
    struct kh_token_object *object = &pass->objects[pass->count];

    /* A crash inside C_GenerateKeyPair may leave an object that does not even have a
     * class. */
    if (look->has_class && !look->private_key && !look->secret_key)
        return;
    if (!look->has_class && (look->material || look->id.len > 0))
        return;
    object->id = look->id;
    object->complete = look->material;
    pass->count++;
    if (look->material && look->id.len > 0)
        remember(&call->token->cache, &look->id, handle);
    else if (look->id.len == 0 && !look->material && !look->secret_key)
        pass->debris[pass->debris_count++] = handle;
}

CK_RV kh_pass_over(struct kh_call *call, void *arg)
{
    struct kh_pass *pass = arg;
    struct kh_handles all = {0};
    CK_RV rv;

    kh_pass_free(pass); /* of an attempt before */
    rv = kh_find(call, NULL, 0, &all);
    if (rv == CKR_OK && all.count == 0)
        rv = kh_find_credible(call);
    if (rv == CKR_OK) {
        pass->objects = calloc(all.count + 1, sizeof *pass->objects);
        pass->debris = calloc(all.count + 1, sizeof *pass->debris);
        if (!pass->objects || !pass->debris)
            rv = CKR_HOST_MEMORY;
    }
    for (size_t i = 0; rv == CKR_OK && i < all.count; i++) {
        struct kh_look look;

        rv = kh_look_at(call, all.list[i], &look);
        if (rv == CKR_OK)
            note(call, pass, all.list[i], &look);
        else if (rv == CKR_OBJECT_HANDLE_INVALID)
            rv = CKR_OK; /* destroyed since the search */
    }
    kh_handles_free(&all);
    if (rv == CKR_OK) {
        kh_cache_set_complete(&call->token->cache);
        atomic_store(&call->token->tidy, pass->debris_count == 0);
    }
    return rv;
}

kh_status kh_fill_cache(struct kh_token *token, struct kh_error *err)
{
    struct kh_pass pass = {0};
    struct kh_call call = {.token = token,
        .p11 = token->module.p11,
        .quirks = token->module.quirks.flags,
        .what = "?",
        .err = err};
    CK_RV rv;

    call.session = token->sessions.keeper;
    rv = kh_pass_over(&call, &pass);
    kh_pass_free(&pass);
    return rv == CKR_OK ? KH_OK : kh_rv_fail(err, call.what, rv);
}
