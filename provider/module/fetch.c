#include "provider/module/fetch.h"

#include "provider/module/client.h"
#include "provider/module/failure.h"

void kh_fetch_complain(const struct kh_module *module, enum kh_reason reason,
    const struct kh_uri *uri, const char *words)
{
    struct kh_error ignored;
    char text[KH_URI_SIZE] = KH_URI_SCHEME;

    /* The URI was read, so that it can be written; percent-encoded, it cannot forge a
     * line of somebody's log. */
    if (kh_uri_write(text, uri->name, uri->version, &ignored) == KH_OK)
        kh_module_fail(module, reason, "%s: %s", text, words);
}

static bool fetch_deposit(struct kh_module *module, const struct kh_uri *uri,
    const struct kh_asker *asker, struct kh_fetched *out)
{
    struct kh_buf data = {0};
    struct kh_error err = {0};
    kh_status st = kh_client_get(module->client, uri->name, uri->version, &data, &err);

    if (st == KH_OK) {
        st = kh_contents_read(&out->contents, module, &data, asker, &err);
        if (st != KH_OK)
            kh_fetch_complain(module, KH_REASON_INVALID, uri, err.message);
    } else {
        kh_fetch_complain(module,
            kh_client_usable(module->client) ? (enum kh_reason)st : KH_REASON_CONFIG, uri,
            err.message);
    }
    kh_client_buf_free(&data);
    return st == KH_OK;
}

/* A client that may not see named keys may still have deposits. */
static bool is_final(kh_status st)
{
    return st != KH_NOT_FOUND && st != KH_REFUSED;
}

bool kh_fetch(struct kh_module *module, const struct kh_uri *uri, bool keys,
    const struct kh_asker *asker, struct kh_fetched *out)
{
    struct kh_error err = {0};

    if (keys && uri->version == KH_LATEST && kh_client_usable(module->client)) {
        out->key = kh_pkey_load(module, uri->name, &err);
        if (out->key)
            return true;
        if (is_final(err.status)) {
            kh_fetch_complain(module, (enum kh_reason)err.status, uri, err.message);
            return false;
        }
    }
    return fetch_deposit(module, uri, asker, out);
}

void kh_fetched_free(struct kh_fetched *fetched)
{
    kh_pkey_free(fetched->key);
    fetched->key = NULL;
    kh_contents_free(&fetched->contents);
}

void kh_fetch_complain_kind(const struct kh_module *module, const struct kh_uri *uri,
    const char *wanted, const struct kh_contents *contents)
{
    char words[120];

    (void)snprintf(words, sizeof words,
        "there is no %s in the deposit; the first thing in it is %s", wanted,
        kh_content_word(contents->list[0].kind));
    kh_fetch_complain(module, KH_REASON_NOT_A_KEY, uri, words);
}
