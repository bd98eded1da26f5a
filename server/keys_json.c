#include "server/keys.h"

#include "core/record.h"
#include "core/secmem.h"
#include "server/deposits.h"
#include "server/json.h"
#include "server/reply.h"

#include <keyhsm/key_words.h>
#include <string.h>

enum { SALT_MAX = 512, WORDS_MAX = 160 };

json_t *kh_key_body(struct kh_request *request, const char *const *names)
{
    struct kh_error err = {0};
    json_t *body = NULL;
    kh_status st;

    if (strcmp(request->content_type, "application/json") != 0) {
        kh_response_error(&request->response, 415, "unsupported",
            "Content-Type must be application/json", request->name);
        return NULL;
    }
    if (request->body_len > KH_KEY_BODY_MAX) {
        kh_response_error(&request->response, 413, "too_large",
            "the body is larger than 16384 bytes", request->name);
        return NULL;
    }
    st = kh_json_parse(request->body, request->body_len, &body, &err);
    if (st == KH_OK)
        st = kh_json_only(body, names, &err);
    if (st == KH_OK)
        return body;
    kh_reply_status(request, st, &err);
    json_decref(body);
    return NULL;
}

/* "a, b, c": what could stand there. */
static const char *all_words(const struct kh_key_word *words, char text[WORDS_MAX])
{
    size_t used = 0;

    text[0] = '\0';
    for (; words->word && used < WORDS_MAX; words++)
        used += (size_t)snprintf(
            text + used, WORDS_MAX - used, "%s%s", used ? ", " : "", words->word);
    return text;
}

/* The value of VALUE, a string of WORDS, called MEMBER in the message. */
static kh_status take_word(const char *member, const json_t *value,
    const struct kh_key_word *words, unsigned *out, struct kh_error *err)
{
    char text[WORDS_MAX];

    if (kh_key_word_value(words, json_string_value(value), out))
        return KH_OK;
    return kh_fail(
        err, KH_INVALID, "%s: one of %s is needed", member, all_words(words, text));
}

/* The same, where nothing need be said: *OUT stays as it is. */
static kh_status take_other(const json_t *body, const char *member,
    const struct kh_key_word *words, unsigned *out, struct kh_error *err)
{
    const json_t *value = json_object_get(body, member);

    return value ? take_word(member, value, words, out, err) : KH_OK;
}

static kh_status take_purposes(
    const json_t *list, uint32_t *purposes, struct kh_error *err)
{
    size_t count = json_array_size(list);
    unsigned bit = 0;
    kh_status st = KH_OK;

    if (count == 0)
        return kh_fail(err, KH_INVALID, "purposes: a list of at least one is needed");
    for (size_t i = 0; st == KH_OK && i < count; i++) {
        st = take_word(
            "purposes", json_array_get(list, i), kh_key_purpose_words(), &bit, err);
        if (st == KH_OK && (*purposes & bit))
            st = kh_fail(err, KH_INVALID, "purposes: one stands twice");
        *purposes |= bit;
    }
    return st;
}

kh_status kh_key_wish(const json_t *body, struct kh_named_key *key, struct kh_error *err)
{
    const json_t *name = json_object_get(body, "name");
    unsigned kind = 0;
    kh_status st;

    if (!json_is_string(name) || json_string_length(name) == 0)
        return kh_fail(err, KH_INVALID, "name: a string is needed");
    if (json_string_length(name) > KH_NAME_MAX)
        return kh_fail(err, KH_INVALID, "name: longer than %d bytes", KH_NAME_MAX);
    memcpy(key->name, json_string_value(name), json_string_length(name) + 1);
    st =
        take_word("kind", json_object_get(body, "kind"), kh_key_kind_words(), &kind, err);
    key->kind = (kh_key_kind)kind;
    return st == KH_OK
               ? take_purposes(json_object_get(body, "purposes"), &key->purposes, err)
               : st;
}

static bool takes_digest(kh_key_scheme scheme)
{
    return scheme == KH_SCHEME_ECDSA || scheme == KH_SCHEME_RSA_PKCS1 ||
           scheme == KH_SCHEME_RSA_PSS || scheme == KH_SCHEME_RSA_OAEP;
}

/* Without them: MGF1 of the same function, a salt as long as the digest. */
static kh_status take_hashes(
    const json_t *body, struct kh_key_use *use, struct kh_error *err)
{
    const struct kh_key_word *words = kh_key_hash_words();
    const json_t *salt = json_object_get(body, "salt_len");
    unsigned hash = KH_HASH_NONE;
    unsigned mgf;
    kh_status st = take_other(body, "hash", words, &hash, err);

    mgf = hash;
    if (st == KH_OK)
        st = take_other(body, "mgf_hash", words, &mgf, err);
    if (st != KH_OK)
        return st;
    use->hash = (kh_key_hash)hash;
    use->mgf_hash = (kh_key_hash)mgf;
    use->salt_len = (uint32_t)kh_key_hash_len(use->hash);
    /* Whoever names a function sends its digest, and not what these take. */
    if (hash != KH_HASH_NONE && !takes_digest(use->scheme))
        return kh_fail(err, KH_INVALID, "hash: the scheme %s has none",
            kh_key_word(kh_key_scheme_words(), use->scheme));
    if (!salt)
        return KH_OK;
    if (!json_is_integer(salt) || json_integer_value(salt) < 0 ||
        json_integer_value(salt) > SALT_MAX)
        return kh_fail(
            err, KH_INVALID, "salt_len: a number from 0 to %d is needed", SALT_MAX);
    use->salt_len = (uint32_t)json_integer_value(salt);
    return KH_OK;
}

kh_status kh_key_use_parse(
    const json_t *body, uint32_t purpose, struct kh_key_use *use, struct kh_error *err)
{
    const json_t *value = json_object_get(body, "scheme");
    unsigned scheme = use->scheme;
    kh_status st = KH_OK;

    if (value || scheme == 0)
        st = take_word("scheme", value, kh_key_scheme_words(), &scheme, err);
    if (st != KH_OK)
        return st;
    if (kh_key_scheme_purpose((kh_key_scheme)scheme) != purpose ||
        (use->scheme != 0 && use->scheme != scheme))
        return kh_fail(err, KH_INVALID, "scheme: %s does not belong to this path",
            kh_key_word(kh_key_scheme_words(), scheme));
    use->scheme = (kh_key_scheme)scheme;
    return take_hashes(body, use, err);
}

json_t *kh_key_bytes(const unsigned char *data, size_t len)
{
    KH_CLEANUP_BUF struct kh_buf text = {0};
    struct kh_error err;
    size_t text_len = kh_base64_length(len);

    if (kh_buf_alloc(&text, text_len + 1, &err) != KH_OK)
        return NULL;
    kh_base64_encode(data, len, (char *)text.data);
    return json_stringn_nocheck((const char *)text.data, text_len);
}

static json_t *purposes_json(uint32_t purposes)
{
    json_t *list = json_array();

    for (const struct kh_key_word *w = kh_key_purpose_words(); w->word; w++) {
        if (!(purposes & w->value) ||
            json_array_append_new(list, json_string(w->word)) == 0)
            continue;
        json_decref(list);
        return NULL;
    }
    return list;
}

json_t *kh_key_json(const struct kh_named_key *key)
{
    json_t *object = json_pack("{s:s,s:s,s:o,s:s,s:o}", "name", key->name, "kind",
        kh_key_word(kh_key_kind_words(), key->kind), "purposes",
        purposes_json(key->purposes), "state", kh_state_name(key->state), "created",
        kh_created_json(key->created));

    if (!object || key->public_len == 0 ||
        json_object_set_new(
            object, "public", kh_key_bytes(key->public_key, key->public_len)) == 0)
        return object;
    json_decref(object);
    return NULL;
}
