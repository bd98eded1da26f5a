#include "provider/module/client_impl.h"

#include "provider/module/host.h"

#include <keyhsm/key_words.h>

#include <string.h>

static void key_path(char out[KH_PATH_SIZE], const char *name, const char *below)
{
    char escaped[3 * KH_NAME_MAX + 1];

    (void)snprintf(
        out, KH_PATH_SIZE, "/v1/keys/%s%s", kh_url_escape(name, escaped), below);
}

/* The part of the path that SCHEME is used at; NULL: no such scheme. */
static const char *below(kh_key_scheme scheme)
{
    switch (kh_key_scheme_purpose(scheme)) {
    case KH_KEY_SIGN:
        return "/sign";
    case KH_KEY_DECRYPT:
        return "/decrypt";
    case KH_KEY_DERIVE:
        return "/derive";
    case KH_KEY_WRAP:
        return scheme == KH_SCHEME_AES_WRAP ? "/wrap" : "/unwrap";
    default:
        return NULL;
    }
}

kh_status kh_client_key_stat(struct kh_client *client, const char *name,
    struct kh_named_key *out, struct kh_error *err)
{
    struct kh_exchange e = {.method = "GET", .repeatable = true};
    char path[KH_PATH_SIZE];
    kh_status st;

    memset(out, 0, sizeof *out);
    if (strlen(name) > KH_NAME_MAX)
        return kh_fail(err, KH_INVALID, "a name has at most %d bytes", KH_NAME_MAX);
    key_path(path, name, "");
    e.path = path;
    st = kh_client_call(client, &e, err);
    if (st == KH_OK)
        st = kh_client_key_object(&e.answer, out, err);
    else if (e.fate == KH_ANSWERED && (e.status == 405 || e.status == 501))
        st = kh_fail(err, KH_NOT_FOUND, "'%s': the daemon has no named keys", name);
    if (st == KH_OK && out->state == KH_DELETED)
        st = kh_fail(err, KH_NOT_FOUND, "key '%s' is deleted", name);
    (void)snprintf(out->name, sizeof out->name, "%s", name);
    kh_exchange_free(kh_module_host(), &e);
    return st;
}

kh_status kh_client_key_use(struct kh_client *client, const char *name,
    const struct kh_key_use *use, struct kh_buf *out, struct kh_error *err)
{
    struct kh_exchange e = {.method = "POST", .repeatable = true};
    const char *place = below(use->scheme);
    struct kh_buf body = {0};
    char path[KH_PATH_SIZE];
    kh_status st = KH_INVALID;

    if (!place || strlen(name) > KH_NAME_MAX)
        return kh_fail(err, KH_INVALID, "no such use of a key");
    key_path(path, name, place);
    st = kh_client_use_body(use, &body, err);
    if (st != KH_OK)
        return st;
    e.path = path;
    e.body = &body;
    st = kh_client_call(client, &e, err);
    if (st == KH_OK)
        st = kh_client_output(&e.answer, out, err);
    kh_exchange_free(kh_module_host(), &e);
    kh_client_buf_free(&body);
    return st;
}
