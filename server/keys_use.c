#include "core/backend_key.h"
#include "core/record.h"
#include "core/secmem.h"
#include "server/budget.h"
#include "server/keys.h"
#include "server/query.h"
#include "server/reply.h"

#include <string.h>

/* What the audit log calls a use: every one stands there, and what went in or came out
 * does not. */
static const char *audited(kh_key_scheme scheme)
{
    switch (scheme) {
    case KH_SCHEME_ECDSA:
        return "key.use.ecdsa";
    case KH_SCHEME_ED25519:
        return "key.use.ed25519";
    case KH_SCHEME_RSA_PKCS1:
        return "key.use.rsa-pkcs1";
    case KH_SCHEME_RSA_PSS:
        return "key.use.rsa-pss";
    case KH_SCHEME_RSA_OAEP:
        return "key.use.rsa-oaep";
    case KH_SCHEME_ECDH:
        return "key.use.ecdh";
    case KH_SCHEME_AES_WRAP:
        return "key.use.aes-wrap";
    case KH_SCHEME_AES_UNWRAP:
        return "key.use.aes-unwrap";
    }
    return "key.use";
}

static kh_status take_input(
    const json_t *body, struct kh_buf *input, struct kh_error *err)
{
    const json_t *text = json_object_get(body, "input");
    struct kh_error why = {0};
    kh_status st;

    if (!json_is_string(text))
        return kh_fail(err, KH_INVALID, "input: a base64 string is needed");
    st = kh_base64_decode(json_string_value(text), json_string_length(text), input, &why);
    if (st == KH_INVALID)
        return kh_fail(err, KH_INVALID, "input: %s", why.message);
    return st == KH_OK ? KH_OK
                       : kh_fail(err, KH_BUSY, "no secret memory is free for the input");
}

/* False: answered. INPUT is the caller's either way. */
static bool take_use(struct kh_request *request, uint32_t purpose, struct kh_key_use *use,
    struct kh_buf *input)
{
    static const char *const members[] = {
        "scheme", "hash", "mgf_hash", "salt_len", "input", NULL};
    struct kh_error err = {0};
    json_t *body = kh_key_body(request, members);
    kh_status st;

    if (!body)
        return false;
    st = kh_key_use_parse(body, purpose, use, &err);
    if (st == KH_OK)
        st = take_input(body, input, &err);
    json_decref(body);
    use->input = input->data;
    use->input_len = input->len;
    if (st != KH_OK)
        kh_reply_status(request, st, &err);
    return st == KH_OK;
}

static void use_key(
    struct kh_app *app, struct kh_request *request, const struct kh_key_use *use)
{
    KH_CLEANUP_BUF struct kh_buf out = {0};
    struct kh_error err = {0};
    kh_status st = kh_backend_key_use(app->backend, request->name, use, &out, &err);

    if (st == KH_OK)
        kh_reply_json(
            request, 200, json_pack("{s:o}", "output", kh_key_bytes(out.data, out.len)));
    else
        kh_reply_status(request, st, &err);
}

/* SCHEME is what the path implies; 0: several can be. */
static void run(struct kh_app *app, struct kh_request *request, uint32_t purpose,
    kh_key_scheme scheme)
{
    KH_CLEANUP_BUF struct kh_buf input = {0};
    struct kh_key_use use = {.scheme = scheme};
    struct kh_error err = {0};
    struct kh_query query;
    size_t len = request->body_len;
    bool taken;

    request->operation = "key.use";
    request->changes = true; /* recorded, and not done without a record */
    if (kh_query_parse(request->query, 0, &query, &err) != KH_OK) {
        kh_reply_status(request, KH_INVALID, &err);
        return;
    }
    kh_budget_take(app->budget, len);
    taken = take_use(request, purpose, &use, &input);
    kh_budget_give(app->budget, len);
    if (use.scheme)
        request->operation = audited(use.scheme);
    if (taken)
        use_key(app, request, &use);
}

void kh_key_sign(struct kh_app *app, struct kh_request *request)
{
    run(app, request, KH_KEY_SIGN, 0);
}

void kh_key_decrypt(struct kh_app *app, struct kh_request *request)
{
    run(app, request, KH_KEY_DECRYPT, KH_SCHEME_RSA_OAEP);
}

void kh_key_derive(struct kh_app *app, struct kh_request *request)
{
    run(app, request, KH_KEY_DERIVE, KH_SCHEME_ECDH);
}

void kh_key_wrap(struct kh_app *app, struct kh_request *request)
{
    run(app, request, KH_KEY_WRAP, KH_SCHEME_AES_WRAP);
}

void kh_key_unwrap(struct kh_app *app, struct kh_request *request)
{
    run(app, request, KH_KEY_WRAP, KH_SCHEME_AES_UNWRAP);
}
