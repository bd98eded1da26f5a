#include "plugins/pkcs11/find.h"

#include <stdlib.h>
#include <string.h>

#define BATCH 256

void kh_handles_free(struct kh_handles *handles)
{
    free(handles->list);
    handles->list = NULL;
    handles->count = 0;
}

struct kh_key_name kh_key_name(const struct kh_key_id *id)
{
    struct kh_key_name out = {.text = ""};

    for (size_t i = 0; i < id->len && i < KH_KEY_ID_MAX; i++)
        (void)snprintf(out.text + 2 * i, 3, "%02x", id->bytes[i]);
    return out;
}

static CK_RV collect(struct kh_call *call, struct kh_handles *handles)
{
    size_t room = 0;

    for (;;) {
        CK_ULONG got = 0;
        CK_RV rv;

        if (handles->count + BATCH > room) {
            size_t wider = room * 2 + BATCH;
            CK_OBJECT_HANDLE *list = realloc(handles->list, wider * sizeof *list);

            if (!list)
                return CKR_HOST_MEMORY;
            handles->list = list;
            room = wider;
        }
        rv = kh_said(call, "C_FindObjects",
            call->p11->C_FindObjects(
                call->session, handles->list + handles->count, BATCH, &got));
        if (rv != CKR_OK)
            return rv;
        if (got == 0)
            return CKR_OK;
        handles->count += got < BATCH ? got : BATCH;
    }
}

CK_RV kh_find(struct kh_call *call, CK_ATTRIBUTE *template, CK_ULONG count,
    struct kh_handles *handles)
{
    CK_RV rv = kh_said(call, "C_FindObjectsInit",
        call->p11->C_FindObjectsInit(call->session, template, count));

    if (rv == CKR_OK)
        rv = collect(call, handles);
    if (rv == CKR_OK)
        rv = kh_said(
            call, "C_FindObjectsFinal", call->p11->C_FindObjectsFinal(call->session));
    if (rv != CKR_OK)
        kh_handles_free(handles);
    return rv;
}

CK_RV kh_find_id(
    struct kh_call *call, const struct kh_key_id *id, struct kh_handles *handles)
{
    struct kh_key_id copy = *id;
    CK_ATTRIBUTE template[] = {{CKA_ID, copy.bytes, copy.len}};

    return kh_find(call, template, 1, handles);
}

CK_RV kh_destroy(
    struct kh_call *call, CK_OBJECT_HANDLE handle, const struct kh_key_id *id)
{
    struct kh_look look = {.has_class = false};
    CK_RV rv = CKR_OK;

    if (id && (call->quirks & KH_QUIRK_ANCHOR)) {
        rv = kh_look_at(call, handle, &look);
        if (rv == CKR_OK &&
            (look.id.len != id->len || memcmp(look.id.bytes, id->bytes, id->len) != 0))
            return kh_verdict(
                call, kh_fail(call->err, KH_CORRUPT,
                          "the token takes key %s for another one: nothing is destroyed; "
                          "restart, and the key is found again",
                          kh_key_name(id).text));
    }
    if (rv == CKR_OK)
        rv = kh_said(
            call, "C_DestroyObject", call->p11->C_DestroyObject(call->session, handle));
    return rv;
}

/* Without a login a token hides its private keys, and SoftHSM goes on without its
 * directory: neither may look like a key that was destroyed. */
CK_RV kh_find_credible(struct kh_call *call)
{
    return kh_run_self_test(call, NULL);
}

/* The one key of its class with this id. */
static CK_RV find_key(
    struct kh_call *call, const struct kh_wanted *wanted, CK_OBJECT_HANDLE *handle)
{
    const char *label = call->token->slot.label;
    const struct kh_key_id *id = wanted->id;
    CK_OBJECT_CLASS class = wanted->secret_key ? CKO_SECRET_KEY : CKO_PRIVATE_KEY;
    struct kh_key_id copy = *id;
    CK_ATTRIBUTE template[] = {
        {CKA_CLASS, &class, sizeof class}, {CKA_ID, copy.bytes, copy.len}};
    struct kh_handles found = {0};
    CK_RV rv = kh_find(call, template, 2, &found);
    size_t count = found.count;

    if (rv == CKR_OK && count == 1)
        *handle = found.list[0];
    kh_handles_free(&found);
    if (rv != CKR_OK || count == 1)
        return rv;
    if (count > 1)
        return kh_verdict(call,
            kh_fail(call->err, KH_CORRUPT,
                "%zu %s keys with id %s are on token '%s': none of them is used", count,
                wanted->secret_key ? "secret" : "private", kh_key_name(id).text, label));
    rv = kh_find_credible(call);
    if (rv != CKR_OK)
        return rv;
    return kh_verdict(call, kh_fail(call->err, wanted->missing,
                                "key %s is not on token '%s': it was destroyed (revoked) "
                                "there, and what it sealed "
                                "cannot be opened again",
                                kh_key_name(id).text, label));
}

/* Looks at HANDLE; *OURS is false when it names another key by now. */
static CK_RV examine(struct kh_call *call, const struct kh_wanted *wanted,
    CK_OBJECT_HANDLE handle, bool *ours)
{
    struct kh_token *token = call->token;
    const struct kh_key_id *id = wanted->id;
    struct kh_look look;
    const char *fault;
    CK_RV rv = kh_look_at(call, handle, &look);

    *ours = true;
    if (rv != CKR_OK)
        return rv;
    *ours = look.id.len == id->len && memcmp(look.id.bytes, id->bytes, id->len) == 0;
    if (!*ours)
        return CKR_OK;
    fault = kh_look_fault(&look, wanted);
    if (fault) {
        kh_cache_drop(&token->cache, id);
        return kh_verdict(
            call, kh_fail(call->err, KH_CORRUPT, "key %s on token '%s' is not used: %s",
                      kh_key_name(id).text, token->slot.label, fault));
    }
    /* Without memory for the cache the next use looks again. */
    (void)kh_cache_put(&token->cache, id, handle, true);
    return CKR_OK;
}

CK_RV kh_key_handle(struct kh_call *call, const struct kh_key_id *id, kh_status missing,
    CK_OBJECT_HANDLE *handle)
{
    const struct kh_wanted wanted = {.id = id, .missing = missing};

    return kh_wanted_handle(call, &wanted, handle);
}

CK_RV kh_wanted_handle(
    struct kh_call *call, const struct kh_wanted *wanted, CK_OBJECT_HANDLE *handle)
{
    const struct kh_key_id *id = wanted->id;
    const struct kh_host *host = call->token->host;
    struct kh_cache *cache = &call->token->cache;
    bool looked_at = false;
    bool ours;
    CK_RV rv;

    if (kh_cache_get(cache, id, handle, &looked_at) && *handle != CK_INVALID_HANDLE) {
        if (looked_at)
            return CKR_OK;
        rv = examine(call, wanted, *handle, &ours);
        if (rv != CKR_OK || ours)
            return rv;
        host->log(host, KH_LOG_ERROR,
            "token '%s': the handle of key %s names another object now; searching for "
            "the key",
            call->token->slot.label, kh_key_name(id).text);
        kh_cache_drop(cache, id);
    }
    rv = find_key(call, wanted, handle);
    if (rv == CKR_OK)
        rv = examine(call, wanted, *handle, &ours);
    if (rv == CKR_OK && !ours)
        return kh_verdict(call,
            kh_fail(call->err, KH_CORRUPT,
                "token '%s' answers a search for key %s with another key: it is not used",
                call->token->slot.label, kh_key_name(id).text));
    return rv;
}
