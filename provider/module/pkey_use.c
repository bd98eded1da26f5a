#include "provider/module/pkey.h"

#include "provider/module/client.h"
#include "provider/module/failure.h"

#include <keyhsm/key_words.h>

#include <openssl/err.h>
#include <string.h>

int kh_pkey_may(const struct kh_pkey *key, uint32_t purpose)
{
    const char *word = kh_key_word(kh_key_purpose_words(), purpose);

    if (!key || key->name[0] == '\0') {
        if (key)
            kh_module_fail(key->module, KH_REASON_NOT_A_KEY,
                "there is only a public half here, and none to %s with", word);
        return 0;
    }
    if (key->purposes & purpose)
        return 1;
    kh_module_fail(key->module, KH_REASON_REFUSED,
        "key '%s' was not made to %s; what a key may do is fixed when it is made",
        key->name, word);
    return 0;
}

int kh_pkey_hash(const struct kh_pkey *key, const char *name, kh_key_hash *hash)
{
    EVP_MD *md;

    *hash = KH_HASH_NONE;
    if (name[0] == '\0')
        return 1;
    (void)ERR_set_mark();
    md = EVP_MD_fetch(key->module->inner, name, NULL);
    (void)ERR_pop_to_mark();
    for (const struct kh_key_word *w = kh_key_hash_words(); md && w->word; w++) {
        if (EVP_MD_is_a(md, w->word))
            *hash = (kh_key_hash)w->value;
    }
    EVP_MD_free(md);
    if (*hash != KH_HASH_NONE)
        return 1;
    kh_module_fail(key->module, KH_REASON_INVALID,
        "key '%s': the digest %s; SHA-1, SHA-224, SHA-256, SHA-384 and SHA-512 can be",
        key->name, name);
    return 0;
}

int kh_pkey_use(const struct kh_pkey *key, const struct kh_key_use *use,
    unsigned char *out, size_t *len, size_t size)
{
    struct kh_error err = {0};
    struct kh_buf answer = {0};
    kh_status st = kh_client_key_use(key->module->client, key->name, use, &answer, &err);

    *len = 0;
    if (st == KH_OK && answer.len > size)
        st = kh_fail(&err, KH_UNAVAILABLE,
            "key '%s': the daemon's answer has %zu bytes, where %zu can be", key->name,
            answer.len, size);
    if (st == KH_OK) {
        if (answer.len > 0)
            memcpy(out, answer.data, answer.len);
        *len = answer.len;
    } else {
        kh_module_raise(key->module, &err);
    }
    kh_client_buf_free(&answer);
    return st == KH_OK;
}
