#include "plugins/pkcs11/keys.h"

#include "plugins/pkcs11/clock.h"
#include "plugins/pkcs11/named_make.h"

#include <stdlib.h>

struct generate {
    struct kh_key_id id;
    const char *label;
    const struct kh_named_spec *named; /* NULL: a deposit key, as the facts say */
    struct kh_public_half public_half;
    bool tried; /* an attempt before this one may have left a key, whole or half */
};

CK_RV kh_key_destroy_found(struct kh_call *call, void *arg)
{
    const struct kh_key_id *id = arg;
    struct kh_handles found = {0};
    CK_RV rv = kh_find_id(call, id, &found);
    bool any = found.count > 0;

    for (size_t i = 0; rv == CKR_OK && i < found.count; i++) {
        rv = kh_destroy(call, found.list[i], id);
        if (rv == CKR_OBJECT_HANDLE_INVALID)
            rv = CKR_OK; /* somebody was faster */
    }
    kh_handles_free(&found);
    if (rv == CKR_OK && !any)
        rv = kh_find_credible(call);
    if (any) {
        kh_cache_drop(&call->token->cache, id);
        kh_cache_doubt(&call->token->cache);
    }
    return rv;
}

/* Ids are random and all keys of a complete cache are known, so a search of the whole
 * token is made only when the cache cannot tell. */
static CK_RV check_free(struct kh_call *call, const struct kh_key_id *id)
{
    struct kh_cache *cache = &call->token->cache;
    struct kh_handles found = {0};
    CK_OBJECT_HANDLE handle;
    bool looked_at;
    bool taken = kh_cache_get(cache, id, &handle, &looked_at);
    CK_RV rv = CKR_OK;

    if (!taken && !kh_cache_is_complete(cache)) {
        rv = kh_find_id(call, id, &found);
        taken = found.count > 0;
        kh_handles_free(&found);
    }
    if (rv == CKR_OK && taken)
        return kh_verdict(call,
            kh_fail(call->err, KH_EXISTS, "a key with id %s is on token '%s' already",
                kh_key_name(id).text, call->token->slot.label));
    return rv;
}

static CK_RV make(struct kh_call *call, struct generate *g, CK_OBJECT_HANDLE *handle)
{
    const struct kh_token_facts *facts = &call->token->facts;
    struct kh_key_spec spec = {.type = facts->key_type,
        .bits = facts->key_bits,
        .on_token = true,
        .id = &g->id,
        .label = g->label};

    if (g->named)
        return kh_named_make(call, g->named, &g->id, handle, &g->public_half);
    return kh_key_make(call, &spec, handle, &g->public_half);
}

static CK_RV generate(struct kh_call *call, void *arg)
{
    struct generate *g = arg;
    struct kh_token *token = call->token;
    struct kh_wanted wanted = {
        .id = &g->id, .secret_key = g->named && g->named->kind == KH_KIND_AES_256};
    CK_OBJECT_HANDLE handle = CK_INVALID_HANDLE;
    struct kh_look look;
    const char *fault = NULL;
    CK_RV rv = g->tried ? kh_key_destroy_found(call, &g->id) : check_free(call, &g->id);

    if (rv != CKR_OK)
        return rv;
    g->tried = true;
    free(g->public_half.spki);
    g->public_half = (struct kh_public_half){0};
    rv = make(call, g, &handle);
    if (rv == CKR_OK)
        rv = kh_look_at(call, handle, &look);
    if (rv == CKR_OK && g->named)
        rv = kh_named_look(call, g->named, handle, &fault);
    if (rv != CKR_OK)
        return rv;
    if (!fault)
        fault = kh_look_fault(&look, &wanted);
    if (fault)
        return kh_verdict(call, kh_fail(call->err, KH_REFUSED,
                                    "token '%s' does not honour the attributes of a new "
                                    "key: %s; the key is destroyed "
                                    "again",
                                    token->slot.label, fault));
    (void)kh_cache_put(&token->cache, &g->id, handle, true);
    return CKR_OK;
}

static kh_status run_generate(struct kh_token *token, struct generate *g,
    struct kh_public_half *public_half, struct kh_error *err)
{
    const struct kh_key_id *id = &g->id;
    struct kh_error ignored = {0};
    /* Then check_free searches the token. */
    bool alone = !kh_cache_is_complete(&token->cache);
    kh_status st;

    if (id->len == 0 || id->len > KH_KEY_ID_MAX)
        return kh_fail(err, KH_INVALID, "a key id has 1 to %d bytes", KH_KEY_ID_MAX);
    st = kh_turn_take(&token->turn, alone, kh_clock_now() + token->patience, err);
    if (st != KH_OK)
        return st;
    st = kh_run(token, generate, g, id, err);
    kh_turn_give(&token->turn, alone);
    if (st == KH_OK) {
        *public_half = g->public_half;
        return KH_OK;
    }
    free(g->public_half.spki);
    /* What is left is found again by its id at the next start when it cannot be destroyed
     * now. */
    if (g->tried && kh_token_key_destroy(token, id, &ignored) != KH_OK)
        token->host->log(token->host, KH_LOG_WARNING,
            "key %s may be left on token '%s' until the next start: %s",
            kh_key_name(id).text, token->facts.label, ignored.message);
    return st;
}

kh_status kh_token_key_generate(struct kh_token *token, const struct kh_key_id *id,
    const char *label, struct kh_public_half *public_half, struct kh_error *err)
{
    struct generate g = {.id = *id, .label = label};

    return run_generate(token, &g, public_half, err);
}

kh_status kh_token_named_generate(struct kh_token *token, const struct kh_key_id *id,
    const struct kh_named_spec *spec, struct kh_public_half *public_half,
    struct kh_error *err)
{
    struct generate g = {.id = *id, .named = spec};

    return run_generate(token, &g, public_half, err);
}

kh_status kh_token_key_destroy(
    struct kh_token *token, const struct kh_key_id *id, struct kh_error *err)
{
    struct kh_key_id copy = *id;
    kh_status st;

    if (id->len == 0 || id->len > KH_KEY_ID_MAX)
        return kh_fail(err, KH_INVALID, "a key id has 1 to %d bytes", KH_KEY_ID_MAX);
    st = kh_turn_take(&token->turn, true, kh_clock_now() + token->patience, err);
    if (st != KH_OK)
        return st;
    st = kh_run(token, kh_key_destroy_found, &copy, id, err);
    kh_turn_give(&token->turn, true);
    return st;
}
