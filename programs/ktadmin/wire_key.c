/* Named keys in the daemon's JSON. */
#include "programs/ktadmin/wire.h"

#include "core/deposit.h"
#include "core/record.h"
#include "core/secmem.h"

#include <keyhsm/key_words.h>
#include <string.h>

static json_t *words_json(const struct kh_key_word *words, uint32_t bits)
{
    json_t *list = json_array();

    for (; words->word; words++) {
        if (bits & words->value)
            (void)json_array_append_new(list, json_string(words->word));
    }
    return list;
}

/* ROOT is taken over. */
static kh_status dump(json_t *root, struct kh_buf *out, struct kh_error *err)
{
    size_t len = root ? json_dumpb(root, NULL, 0, JSON_COMPACT) : 0;
    kh_status status =
        len > 0 ? kh_buf_alloc(out, len, err) : kh_fail(err, KH_FATAL, "out of memory");

    if (status == KH_OK &&
        json_dumpb(root, (char *)out->data, len, JSON_COMPACT) != len) {
        kh_buf_free(out);
        status = kh_fail(err, KH_FATAL, "out of memory");
    }
    json_decref(root);
    return status;
}

kh_status kh_wire_key_wish(
    const struct kh_named_key *key, struct kh_buf *out, struct kh_error *err)
{
    return dump(json_pack("{s:s,s:s?,s:o}", "name", key->name, "kind",
                    kh_key_word(kh_key_kind_words(), key->kind), "purposes",
                    words_json(kh_key_purpose_words(), key->purposes)),
        out, err);
}

kh_status kh_wire_key_use(
    const struct kh_key_use *use, struct kh_buf *out, struct kh_error *err)
{
    KH_CLEANUP_BUF struct kh_buf text = {0};
    size_t len = kh_base64_length(use->input_len);
    kh_status status = kh_buf_alloc(&text, len + 1, err);

    if (status != KH_OK)
        return status;
    kh_base64_encode(use->input, use->input_len, (char *)text.data);
    return dump(json_pack("{s:s?,s:s?,s:s?,s:I,s:s}", "scheme",
                    kh_key_word(kh_key_scheme_words(), use->scheme), "hash",
                    kh_key_word(kh_key_hash_words(), use->hash), "mgf_hash",
                    kh_key_word(kh_key_hash_words(), use->mgf_hash), "salt_len",
                    (json_int_t)use->salt_len, "input", (const char *)text.data),
        out, err);
}

static bool take_bits(const json_t *list, const struct kh_key_word *words, uint32_t *out)
{
    unsigned bit = 0;

    for (size_t i = 0; i < json_array_size(list); i++) {
        if (!kh_key_word_value(words, json_string_value(json_array_get(list, i)), &bit))
            return false;
        *out |= bit;
    }
    return *out != 0;
}

static bool take_public(const json_t *root, struct kh_named_key *key)
{
    const json_t *value = json_object_get(root, "public");
    KH_CLEANUP_BUF struct kh_buf der = {0};
    struct kh_error ignored = {0};

    if (!value)
        return key->kind == KH_KIND_AES_256;
    if (!json_is_string(value) ||
        kh_base64_decode(json_string_value(value), json_string_length(value), &der,
            &ignored) != KH_OK ||
        der.len == 0 || der.len > sizeof key->public_key)
        return false;
    memcpy(key->public_key, der.data, der.len);
    key->public_len = der.len;
    return true;
}

static bool take_key(const json_t *root, struct kh_named_key *key)
{
    const char *kind = json_string_value(json_object_get(root, "kind"));
    unsigned value = 0;

    memset(key, 0, sizeof *key);
    if (!kh_wire_name(json_object_get(root, "name"), key->name) ||
        !kh_key_word_value(kh_key_kind_words(), kind, &value) ||
        !take_bits(
            json_object_get(root, "purposes"), kh_key_purpose_words(), &key->purposes) ||
        !kh_wire_state(root, &key->state) || !kh_wire_created(root, &key->created))
        return false;
    key->kind = (kh_key_kind)value;
    return take_public(root, key);
}

kh_status kh_wire_key(
    const struct kh_buf *body, struct kh_named_key *key, struct kh_error *err)
{
    KH_CLEANUP_WIRE json_t *root = kh_wire_parse(body, err);

    if (!root)
        return err->status;
    if (!take_key(root, key))
        return kh_wire_strange(err, "no facts of a key");
    return KH_OK;
}

kh_status kh_wire_keys(const struct kh_buf *body, kh_key_fn fn, void *arg,
    char next[KH_NAME_MAX + 1], struct kh_error *err)
{
    KH_CLEANUP_WIRE json_t *root = kh_wire_parse(body, err);
    const json_t *list = json_object_get(root, "keys");
    const json_t *more = json_object_get(root, "next");
    struct kh_named_key key;
    kh_status status = KH_OK;

    *next = '\0';
    if (!root)
        return err->status;
    if (!json_is_array(list) ||
        (more && !json_is_null(more) && !kh_wire_name(more, next)))
        return kh_wire_strange(err, "no keys");
    for (size_t i = 0; status == KH_OK && i < json_array_size(list); i++) {
        status = take_key(json_array_get(list, i), &key)
                     ? fn(arg, &key, err)
                     : kh_wire_strange(err, "a key without its facts");
    }
    return status;
}

kh_status kh_wire_output(
    const struct kh_buf *body, struct kh_buf *out, struct kh_error *err)
{
    KH_CLEANUP_WIRE json_t *root = kh_wire_parse(body, err);
    const json_t *value = json_object_get(root, "output");
    struct kh_error why = {0};

    if (!root)
        return err->status;
    if (!json_is_string(value) || kh_base64_decode(json_string_value(value),
                                      json_string_length(value), out, &why) != KH_OK)
        return kh_wire_strange(err, "no output");
    return KH_OK;
}
