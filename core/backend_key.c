#include "core/backend_key.h"

#include "core/backend_check.h"
#include "core/backend_open.h"
#include "core/secmem.h"
#include "core/name.h"

#include <keyhsm/key_words.h>
#include <string.h>

bool kh_backend_has_keys(const struct kh_backend *backend)
{
    const struct kh_plugin *p = backend->plugin;

    return p->key_create && p->key_stat && p->key_list && p->key_use && p->key_change;
}

static kh_status need_keys(const struct kh_backend *backend, struct kh_error *err)
{
    if (kh_backend_has_keys(backend))
        return KH_OK;
    return kh_fail(err, KH_REFUSED, "backend '%s' has no named keys", backend->name);
}

static kh_status need_key(
    const struct kh_backend *backend, const char *name, struct kh_error *err)
{
    kh_status st = need_keys(backend, err);

    return st == KH_OK ? kh_check_name_length(name, err) : st;
}

kh_status kh_check_key_wish(const struct kh_named_key *key, struct kh_error *err)
{
    uint32_t can = kh_key_kind_purposes(key->kind);
    uint32_t both = KH_KEY_SIGN | KH_KEY_DERIVE;
    kh_status st = kh_name_check(key->name, err);

    if (st != KH_OK)
        return st;
    if (can == 0)
        return kh_fail(err, KH_INVALID, "'%s': there is no kind %d of keys", key->name,
            (int)key->kind);
    if (key->purposes == 0 || (key->purposes & ~can) != 0)
        return kh_fail(err, KH_INVALID,
            "'%s': a key of kind %s cannot have these purposes", key->name,
            kh_key_word(kh_key_kind_words(), key->kind));
    if ((key->purposes & both) == both)
        return kh_fail(err, KH_INVALID,
            "'%s': a key either signs or derives: make two keys", key->name);
    return KH_OK;
}

static kh_status check_made(
    const struct kh_backend *b, const struct kh_named_key *key, struct kh_error *err)
{
    if (key->public_len <= sizeof key->public_key &&
        (key->public_len == 0) == (key->kind == KH_KIND_AES_256))
        return KH_OK;
    return kh_fail(err, KH_CORRUPT, "backend '%s' gave '%s' a public half that is none",
        b->name, key->name);
}

kh_status kh_backend_key_create(
    struct kh_backend *backend, struct kh_named_key *key, struct kh_error *err)
{
    struct kh_backend_call call;
    kh_status st = need_keys(backend, err);

    if (st == KH_OK)
        st = kh_check_key_wish(key, err);
    if (st != KH_OK)
        return st;
    err = kh_backend_enter(backend, &call, KH_CALL_KEY_CREATE, err);
    st = kh_backend_leave(
        backend, &call, backend->plugin->key_create(backend->ctx, key, err), err);
    return st == KH_OK ? check_made(backend, key, err) : st;
}

kh_status kh_backend_key_stat(struct kh_backend *backend, const char *name,
    struct kh_named_key *key, struct kh_error *err)
{
    struct kh_backend_call call;
    kh_status st = need_key(backend, name, err);

    memset(key, 0, sizeof *key);
    if (st != KH_OK)
        return st;
    err = kh_backend_enter(backend, &call, KH_CALL_KEY_STAT, err);
    st = kh_backend_leave(
        backend, &call, backend->plugin->key_stat(backend->ctx, name, key, err), err);
    if (st == KH_OK && strcmp(key->name, name) != 0)
        st = kh_fail(err, KH_CORRUPT, "backend '%s' told of another key than '%s'",
            backend->name, name);
    return st == KH_OK ? check_made(backend, key, err) : st;
}

kh_status kh_backend_key_list(struct kh_backend *backend, const char *after,
    struct kh_named_key *keys, size_t max, size_t *count, struct kh_error *err)
{
    struct kh_backend_call call;
    kh_status st = after ? need_key(backend, after, err) : need_keys(backend, err);

    *count = 0;
    if (st != KH_OK || max == 0)
        return st;
    err = kh_backend_enter(backend, &call, KH_CALL_KEY_LIST, err);
    st = kh_backend_leave(backend, &call,
        backend->plugin->key_list(backend->ctx, after, keys, max, count, err), err);
    if (st == KH_OK && *count > max)
        st = kh_fail(
            err, KH_CORRUPT, "backend '%s' listed more keys than fit", backend->name);
    return st;
}

static kh_status check_digest(const struct kh_key_use *use, struct kh_error *err)
{
    size_t len = kh_key_hash_len(use->hash);

    if (len == 0)
        return kh_fail(err, KH_INVALID, "the scheme %s needs the digest's function",
            kh_key_word(kh_key_scheme_words(), use->scheme));
    if (use->input_len != len)
        return kh_fail(err, KH_INVALID, "a digest of %s has %zu bytes, not %zu",
            kh_key_word(kh_key_hash_words(), use->hash), len, use->input_len);
    return KH_OK;
}

static kh_status check_pss(const struct kh_key_use *use, struct kh_error *err)
{
    kh_status st = check_digest(use, err);

    if (st != KH_OK)
        return st;
    if (kh_key_hash_len(use->mgf_hash) == 0)
        return kh_fail(err, KH_INVALID, "the scheme rsa-pss needs the function of MGF1");
    if (use->salt_len > 512)
        return kh_fail(err, KH_INVALID, "a salt of %u bytes: 512 at most", use->salt_len);
    return KH_OK;
}

kh_status kh_check_key_use(const struct kh_key_use *use, struct kh_error *err)
{
    if (kh_key_scheme_purpose(use->scheme) == 0)
        return kh_fail(err, KH_INVALID, "there is no scheme %d", (int)use->scheme);
    if (!use->input || use->input_len == 0 || use->input_len > KH_KEY_INPUT_MAX)
        return kh_fail(err, KH_INVALID, "%zu bytes of input; 1 to %d can be",
            use->input_len, KH_KEY_INPUT_MAX);
    switch (use->scheme) {
    case KH_SCHEME_ECDSA:
        return check_digest(use, err);
    case KH_SCHEME_RSA_PKCS1:
        return use->hash == KH_HASH_NONE ? KH_OK : check_digest(use, err);
    case KH_SCHEME_RSA_PSS:
        return check_pss(use, err);
    case KH_SCHEME_RSA_OAEP:
        if (kh_key_hash_len(use->hash) == 0 || kh_key_hash_len(use->mgf_hash) == 0)
            return kh_fail(err, KH_INVALID,
                "the scheme rsa-oaep needs a hash function and that of MGF1");
        return KH_OK;
    case KH_SCHEME_AES_WRAP:
        if (use->input_len % 8 != 0 || use->input_len < 16 || use->input_len > 64)
            return kh_fail(err, KH_INVALID,
                "AES key wrap takes 16 to 64 bytes, a multiple of 8; not %zu",
                use->input_len);
        return KH_OK;
    case KH_SCHEME_AES_UNWRAP:
        if (use->input_len % 8 != 0 || use->input_len < 24 || use->input_len > 72)
            return kh_fail(err, KH_INVALID,
                "a key wrapped by AES has 24 to 72 bytes, a multiple of 8; not %zu",
                use->input_len);
        return KH_OK;
    default:
        return KH_OK;
    }
}

kh_status kh_backend_key_use(struct kh_backend *backend, const char *name,
    const struct kh_key_use *use, struct kh_buf *out, struct kh_error *err)
{
    struct kh_backend_call call;
    kh_status st = need_key(backend, name, err);

    memset(out, 0, sizeof *out);
    if (st == KH_OK)
        st = kh_check_key_use(use, err);
    if (st != KH_OK)
        return st;
    err = kh_backend_enter(backend, &call, KH_CALL_KEY_USE, err);
    st = kh_backend_leave(
        backend, &call, backend->plugin->key_use(backend->ctx, name, use, out, err), err);
    if (st != KH_OK)
        kh_buf_free(out);
    return st;
}

kh_status kh_backend_key_change(struct kh_backend *backend, const char *name,
    kh_key_change change, struct kh_error *err)
{
    struct kh_backend_call call;
    kh_status st = need_key(backend, name, err);

    if (st != KH_OK)
        return st;
    if (change != KH_KEY_REMOVE && change != KH_KEY_RESTORE && change != KH_KEY_PURGE)
        return kh_fail(err, KH_INVALID, "%d is no change of a key", (int)change);
    err = kh_backend_enter(backend, &call, KH_CALL_KEY_CHANGE, err);
    return kh_backend_leave(backend, &call,
        backend->plugin->key_change(backend->ctx, name, change, err), err);
}
