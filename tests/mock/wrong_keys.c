/*
 * Named keys that are not what the contract says, for tests of the core. By the name of
 * the key:
 *
 *   nopublic     an EC key without a public half      aespublic  an AES key with one
 *   hugepublic   a public half that does not fit      silent     fails without a word
 *   renamed      key_stat tells of another key        leaves     fails, leaving an output
 *   any other    a good EC key, whose use gives the input back
 *
 * key_list gives one key more than fits.
 */
#include "tests/mock/stubs.h"

#include <string.h>

static const struct kh_host *the_host;

static kh_status open_keys(const struct kh_host *host, void **ctx, struct kh_error *err)
{
    (void)err;
    the_host = host;
    *ctx = NULL;
    return KH_OK;
}

static bool is(const char *name, const char *word)
{
    return strcmp(name, word) == 0;
}

static void fill(const char *name, struct kh_named_key *key)
{
    key->kind = is(name, "aespublic") ? KH_KIND_AES_256 : KH_KIND_EC_P256;
    key->purposes = key->kind == KH_KIND_AES_256 ? KH_KEY_WRAP : KH_KEY_SIGN;
    key->created = 1700000000;
    key->public_len = 1;
    if (is(name, "nopublic"))
        key->public_len = 0;
    if (is(name, "hugepublic"))
        key->public_len = KH_PUBLIC_KEY_MAX + 1;
}

static kh_status key_create(void *ctx, struct kh_named_key *key, struct kh_error *err)
{
    (void)ctx;
    (void)err;
    if (is(key->name, "silent"))
        return KH_REFUSED;
    fill(key->name, key);
    return KH_OK;
}

static kh_status key_stat(
    void *ctx, const char *name, struct kh_named_key *key, struct kh_error *err)
{
    (void)ctx;
    (void)err;
    if (is(name, "silent"))
        return KH_NOT_FOUND;
    fill(name, key);
    (void)snprintf(
        key->name, sizeof key->name, "%s", is(name, "renamed") ? "another" : name);
    return KH_OK;
}

static kh_status key_list(void *ctx, const char *after, struct kh_named_key *keys,
    size_t max, size_t *count, struct kh_error *err)
{
    (void)ctx;
    (void)err;
    if (after && is(after, "zzz")) {
        *count = 0;
        return KH_OK;
    }
    fill("good", &keys[0]);
    *count = max + 1;
    return KH_OK;
}

static kh_status key_use(void *ctx, const char *name, const struct kh_key_use *use,
    struct kh_buf *out, struct kh_error *err)
{
    kh_status st;

    (void)ctx;
    if (is(name, "silent"))
        return KH_CORRUPT;
    st = the_host->buf_alloc(the_host, out, use->input_len, err);
    if (st != KH_OK)
        return st;
    memcpy(out->data, use->input, use->input_len);
    return is(name, "leaves") ? kh_fail(err, KH_CORRUPT, "and here it is") : KH_OK;
}

static kh_status key_change(
    void *ctx, const char *name, kh_key_change change, struct kh_error *err)
{
    (void)ctx;
    (void)err;
    return is(name, "silent") || change < KH_KEY_REMOVE || change > KH_KEY_PURGE
               ? KH_NOT_FOUND
               : KH_OK;
}

const struct kh_plugin kh_plugin = {
    .abi = KH_PLUGIN_ABI,
    .size = sizeof(struct kh_plugin),
    .name = "wrong_keys",
    .version = "1",
    .description = "named keys that are not what the contract says",
    .open = open_keys,
    .close = stub_close,
    .probe = stub_probe,
    .info = stub_info,
    .key_create = key_create,
    .key_stat = key_stat,
    .key_list = key_list,
    .key_use = key_use,
    .key_change = key_change,
};
