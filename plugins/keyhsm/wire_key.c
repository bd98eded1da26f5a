/* Named keys in keyhsmd's JSON. */
#include "plugins/keyhsm/json.h"
#include "plugins/keyhsm/wire.h"

#include <keyhsm/key_words.h>
#include <openssl/evp.h>
#include <string.h>

static json_t *purposes_json(uint32_t purposes)
{
    json_t *list = json_array();

    for (const struct kh_key_word *w = kh_key_purpose_words(); w->word; w++) {
        if (purposes & w->value)
            (void)json_array_append_new(list, json_string(w->word));
    }
    return list;
}

kh_status kh_wire_key_wish(const struct kh_host *host, const struct kh_named_key *key,
    struct kh_buf *out, struct kh_error *err)
{
    KH_CLEANUP_JSON json_t *root = json_pack("{s:s,s:s?,s:o}", "name", key->name, "kind",
        kh_key_word(kh_key_kind_words(), key->kind), "purposes",
        purposes_json(key->purposes));
    size_t len = root ? json_dumpb(root, NULL, 0, JSON_COMPACT) : 0;

    if (len == 0 || host->buf_alloc(host, out, len, err) != KH_OK)
        return kh_fail(err, KH_BUSY, "no secret memory is free for '%s'", key->name);
    if (json_dumpb(root, (char *)out->data, len, JSON_COMPACT) == len)
        return KH_OK;
    host->buf_free(host, out);
    return kh_fail(err, KH_BUSY, "no secret memory is free for '%s'", key->name);
}

/* Written once, into one piece of its final size: what goes in may be secret. */
kh_status kh_wire_key_use(const struct kh_host *host, const struct kh_key_use *use,
    struct kh_buf *out, struct kh_error *err)
{
    const struct kh_key_word *hashes = kh_key_hash_words();
    const char *hash = kh_key_word(hashes, use->hash);
    const char *mgf = kh_key_word(hashes, use->mgf_hash);
    const char *scheme = kh_key_word(kh_key_scheme_words(), use->scheme);
    char head[160];
    int len;

    if (!hash || !mgf || !scheme || use->input_len > KH_KEY_INPUT_MAX)
        return kh_fail(err, KH_INVALID, "a use of a key that keyhsmd does not know");
    len = snprintf(head, sizeof head,
        "{\"scheme\":\"%s\",\"hash\":\"%s\",\"mgf_hash\":\"%s\",\"salt_len\":%u,"
        "\"input\":\"",
        scheme, hash, mgf, use->salt_len);
    if (host->buf_alloc(host, out, (size_t)len + (use->input_len + 2) / 3 * 4 + 3, err) !=
        KH_OK)
        return kh_fail(err, KH_BUSY, "no secret memory is free for what a key is given");
    memcpy(out->data, head, (size_t)len);
    out->len = (size_t)len;
    out->len +=
        (size_t)EVP_EncodeBlock(out->data + out->len, use->input, (int)use->input_len);
    memcpy(out->data + out->len, "\"}", 2);
    out->len += 2;
    return KH_OK;
}

/* ---- reading ---- */

static bool take_word(const json_t *value, const struct kh_key_word *words, unsigned *out)
{
    return kh_key_word_value(words, json_string_value(value), out);
}

static bool take_purposes(const json_t *list, uint32_t *out)
{
    size_t count = json_array_size(list);
    unsigned bit = 0;
    bool good = count > 0;

    for (size_t i = 0; good && i < count; i++) {
        good = take_word(json_array_get(list, i), kh_key_purpose_words(), &bit);
        *out |= bit;
    }
    return good;
}

/* Nothing secret; only AES keys have none. */
static bool take_public(
    const struct kh_host *host, const json_t *root, struct kh_named_key *out)
{
    const json_t *value = json_object_get(root, "public");
    struct kh_buf der = {0};
    struct kh_error ignored = {0};
    bool good;

    if (!value)
        return out->kind == KH_KIND_AES_256;
    good = kh_wire_data(host, value, &der, &ignored) == KH_OK && der.len > 0 &&
           der.len <= sizeof out->public_key;
    if (good) {
        memcpy(out->public_key, der.data, der.len);
        out->public_len = der.len;
    }
    host->buf_free(host, &der);
    return good;
}

static bool take_key(
    const struct kh_host *host, const json_t *root, struct kh_named_key *out)
{
    struct kh_named_key found = {0};
    unsigned kind = 0;

    if (!kh_json_text(root, "name", found.name, sizeof found.name) || !*found.name ||
        !take_word(json_object_get(root, "kind"), kh_key_kind_words(), &kind) ||
        !take_purposes(json_object_get(root, "purposes"), &found.purposes) ||
        !kh_json_state(root, &found.state) || !kh_json_time(root, &found.created))
        return false;
    found.kind = (kh_key_kind)kind;
    if (!take_public(host, root, &found))
        return false;
    *out = found;
    return true;
}

kh_status kh_wire_key(const struct kh_host *host, const struct kh_buf *body,
    struct kh_named_key *out, struct kh_error *err)
{
    KH_CLEANUP_JSON json_t *root = kh_json_object(body, err);

    if (!root)
        return err->status;
    if (!take_key(host, root, out))
        return kh_json_strange(err, "no name, kind, purposes, state, created and public");
    return KH_OK;
}

kh_status kh_wire_keys(const struct kh_host *host, const struct kh_buf *body,
    struct kh_named_key *keys, size_t *count, struct kh_error *err)
{
    KH_CLEANUP_JSON json_t *root = kh_json_object(body, err);
    const json_t *list = json_object_get(root, "keys");
    size_t n = json_array_size(list);

    if (!root)
        return err->status;
    if (!json_is_array(list) || n > *count)
        return kh_json_strange(err, "no keys, or too many");
    for (size_t i = 0; i < n; i++) {
        if (!take_key(host, json_array_get(list, i), &keys[i]))
            return kh_json_strange(err, "a key that is described otherwise");
    }
    *count = n;
    return KH_OK;
}

kh_status kh_wire_output(const struct kh_host *host, const struct kh_buf *body,
    struct kh_buf *out, struct kh_error *err)
{
    KH_CLEANUP_JSON json_t *root = kh_json_object(body, err);
    kh_status st;

    if (!root)
        return err->status;
    st = kh_wire_data(host, json_object_get(root, "output"), out, err);
    if (st != KH_OK)
        host->buf_free(host, out);
    return st;
}
