#include "provider/module/client_impl.h"

#include "plugins/keyhsm/json.h"
#include "provider/module/host.h"

#include <keyhsm/key_words.h>

#include <openssl/evp.h>
#include <string.h>

static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* ---- what is sent ---- */

kh_status kh_client_use_body(
    const struct kh_key_use *use, struct kh_buf *out, struct kh_error *err)
{
    const struct kh_host *host = kh_module_host();
    const char *scheme = kh_key_word(kh_key_scheme_words(), use->scheme);
    const char *hash = kh_key_word(kh_key_hash_words(), use->hash);
    const char *mgf = kh_key_word(kh_key_hash_words(), use->mgf_hash);
    char head[256];
    size_t len;

    memset(out, 0, sizeof *out);
    if (!scheme || !hash || !mgf)
        return kh_fail(err, KH_INVALID, "no such use of a key");
    if (use->input_len > KH_KEY_INPUT_MAX)
        return kh_fail(err, KH_INVALID, "a key takes at most %d bytes, and these are %zu",
            KH_KEY_INPUT_MAX, use->input_len);
    len = (size_t)snprintf(head, sizeof head, "{\"scheme\":\"%s\"", scheme);
    if (use->hash != KH_HASH_NONE)
        len += (size_t)snprintf(head + len, sizeof head - len, ",\"hash\":\"%s\"", hash);
    if (use->mgf_hash != KH_HASH_NONE)
        len +=
            (size_t)snprintf(head + len, sizeof head - len, ",\"mgf_hash\":\"%s\"", mgf);
    if (use->scheme == KH_SCHEME_RSA_PSS)
        len += (size_t)snprintf(
            head + len, sizeof head - len, ",\"salt_len\":%u", use->salt_len);
    len += (size_t)snprintf(head + len, sizeof head - len, ",\"input\":\"");
    if (host->buf_alloc(
            host, out, len + (use->input_len + 2) / 3 * 4 + sizeof "\"}", err) != KH_OK)
        return kh_fail(err, KH_BUSY, "out of memory");
    memcpy(out->data, head, len);
    if (use->input_len > 0)
        len += (size_t)EVP_EncodeBlock(out->data + len, use->input, (int)use->input_len);
    memcpy(out->data + len, "\"}", 2);
    out->len = len + 2;
    return KH_OK;
}

/* ---- what comes back ---- */

/* LEN characters of base64, padded (RFC 4648), into OUT. EVP_DecodeBlock forgives white
 * space. */
static bool decode(const char *text, size_t len, unsigned char *out, size_t *out_len)
{
    size_t digits = 0;

    while (digits < len && memchr(alphabet, text[digits], sizeof alphabet - 1))
        digits++;
    *out_len = len / 4 * 3 - (len - digits);
    return len % 4 == 0 && len - digits <= 2 &&
           (len - digits < 1 || text[len - 1] == '=') &&
           (len - digits < 2 || text[len - 2] == '=') &&
           (len == 0 || EVP_DecodeBlock(out, (const unsigned char *)text, (int)len) >= 0);
}

static const char *skip_space(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\r' || *at == '\n'))
        at++;
    return at;
}

/*
 * The text of member "output": from *TEXT, *LEN characters. jansson would leave copies of
 * it in the application's heap, where nothing wipes them. The name with both its quotes,
 * and a colon behind it, is no part of another string: a quote in one has a backslash
 * before it.
 */
static bool find_output(const struct kh_buf *body, const char **text, size_t *len)
{
    static const char name[] = "\"output\"";
    const char *start = (const char *)body->data;
    const char *end = body->data ? start + body->len : NULL;
    const char *at = start ? memmem(start, body->len, name, sizeof name - 1) : NULL;
    const char *quote;

    if (!at)
        return false;
    at = skip_space(at + sizeof name - 1, end);
    if (at == end || *at++ != ':')
        return false;
    at = skip_space(at, end);
    if (at == end || *at++ != '"')
        return false;
    quote = memchr(at, '"', (size_t)(end - at));
    *text = at;
    *len = quote ? (size_t)(quote - at) : 0;
    return quote != NULL;
}

kh_status kh_client_output(
    const struct kh_buf *body, struct kh_buf *out, struct kh_error *err)
{
    const struct kh_host *host = kh_module_host();
    const char *text = NULL;
    size_t len = 0;

    if (!find_output(body, &text, &len))
        return kh_json_strange(err, "no output");
    if (host->buf_alloc(host, out, len / 4 * 3 + 1, err) != KH_OK)
        return kh_fail(err, KH_BUSY, "out of memory");
    if (decode(text, len, out->data, &out->len))
        return KH_OK;
    host->buf_free(host, out);
    return kh_json_strange(err, "output is not base64");
}

static bool take_purposes(const json_t *root, uint32_t *out)
{
    const json_t *list = json_object_get(root, "purposes");
    const json_t *item;
    size_t i;

    json_array_foreach(list, i, item)
    {
        unsigned bit = 0;

        /* A purpose of a later daemon is none that is asked for here. */
        if (kh_key_word_value(kh_key_purpose_words(), json_string_value(item), &bit))
            *out |= bit;
    }
    return json_is_array(list);
}

static bool take_public(const json_t *root, struct kh_named_key *out)
{
    const json_t *value = json_object_get(root, "public");
    size_t len = json_string_length(value);

    if (!value)
        return out->kind == KH_KIND_AES_256;
    /* EVP_DecodeBlock writes whole groups, and counts the padding. */
    return json_is_string(value) && len <= sizeof out->public_key / 3 * 4 &&
           decode(json_string_value(value), len, out->public_key, &out->public_len);
}

kh_status kh_client_key_object(
    const struct kh_buf *body, struct kh_named_key *out, struct kh_error *err)
{
    KH_CLEANUP_JSON json_t *root = kh_json_object(body, err);
    const char *word = json_string_value(json_object_get(root, "kind"));
    unsigned kind = 0;

    memset(out, 0, sizeof *out);
    if (!root)
        return err->status;
    if (word && !kh_key_word_value(kh_key_kind_words(), word, &kind))
        return kh_fail(
            err, KH_INVALID, "a key of kind '%.40s' is not known to this provider", word);
    out->kind = (kh_key_kind)kind;
    if (!word || !take_purposes(root, &out->purposes) ||
        !kh_json_state(root, &out->state) || !kh_json_time(root, &out->created) ||
        !take_public(root, out))
        return kh_json_strange(err, "no kind, purposes, state, created and public");
    return KH_OK;
}
