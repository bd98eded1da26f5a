#include "programs/ktadmin/keytext.h"

#include "core/secmem.h"
#include "programs/ktadmin/output.h"

#include <openssl/pem.h>

static const char *join(
    const struct kh_key_word *words, uint32_t bits, char text[KH_WORDS_SIZE])
{
    size_t used = 0;

    text[0] = '\0';
    for (; words->word && used < KH_WORDS_SIZE; words++) {
        if (bits == 0 || (bits & words->value))
            used += (size_t)snprintf(
                text + used, KH_WORDS_SIZE - used, "%s%s", used ? ", " : "", words->word);
    }
    return text;
}

const char *kh_words_text(const struct kh_key_word *words, char text[KH_WORDS_SIZE])
{
    return join(words, 0, text);
}

const char *kh_purposes_text(uint32_t purposes, char text[KH_WORDS_SIZE])
{
    return join(kh_key_purpose_words(), purposes, text);
}

json_t *kh_key_facts(const struct kh_named_key *key)
{
    json_t *purposes = json_array();
    json_t *object;

    for (const struct kh_key_word *w = kh_key_purpose_words(); w->word; w++) {
        if (key->purposes & w->value)
            (void)json_array_append_new(purposes, json_string(w->word));
    }
    object = json_pack("{s:s,s:s?,s:o,s:s}", "name", key->name, "kind",
        kh_key_word(kh_key_kind_words(), key->kind), "purposes", purposes, "state",
        kh_state_word(key->state));
    if (object)
        kh_json_created(object, key->created);
    return object;
}

kh_status kh_key_pem(
    const struct kh_named_key *key, struct kh_buf *out, struct kh_error *err)
{
    BIO *memory;
    char *text = NULL;
    long len = 0;
    kh_status status;

    if (key->public_len == 0)
        return kh_fail(
            err, KH_REFUSED, "'%s' is an AES key: it has no public half", key->name);
    memory = BIO_new(BIO_s_mem());
    if (memory && PEM_write_bio(memory, PEM_STRING_PUBLIC, "", key->public_key,
                      (long)key->public_len) > 0)
        len = BIO_get_mem_data(memory, &text);
    status = len > 0 ? kh_buf_copy(out, text, (size_t)len, err)
                     : kh_fail(err, KH_FATAL, "out of memory");
    BIO_free(memory);
    return status;
}
