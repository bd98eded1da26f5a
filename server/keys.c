#include "server/keys.h"

#include "core/backend_key.h"
#include "core/crypto.h"
#include "core/secmem.h"
#include "server/deposits.h"
#include "server/gate.h"
#include "server/query.h"
#include "server/reply.h"

#include <openssl/pem.h>
#include <string.h>

/* No parameter is known to these paths. False: answered. */
static bool no_query(struct kh_request *request)
{
    struct kh_error err = {0};
    struct kh_query query;
    kh_status st = kh_query_parse(request->query, 0, &query, &err);

    if (st != KH_OK)
        kh_reply_status(request, st, &err);
    return st == KH_OK;
}

/* The body says what the name is, so the rules are asked here. False: answered. */
static bool take_wish(
    struct kh_app *app, struct kh_request *request, struct kh_named_key *key)
{
    static const char *const members[] = {"name", "kind", "purposes", NULL};
    struct kh_error err = {0};
    json_t *body = no_query(request) ? kh_key_body(request, members) : NULL;
    kh_status st;

    if (!body)
        return false;
    st = kh_key_wish(body, key, &err);
    json_decref(body);
    memcpy(request->name, key->name, sizeof request->name);
    if (*request->name && !kh_gate_admits(app->gate, request, KH_OP_PUT))
        return false;
    if (st != KH_OK)
        kh_reply_status(request, st, &err);
    return st == KH_OK;
}

static void create(struct kh_app *app, struct kh_request *request)
{
    struct kh_named_key key = {0};
    struct kh_error err = {0};
    kh_status st;

    if (!take_wish(app, request, &key))
        return;
    st = kh_backend_key_create(app->backend, &key, &err);
    if (st == KH_OK)
        kh_reply_json(request, 201, kh_key_json(&key));
    else
        kh_reply_status(request, st, &err);
}

void kh_key_all(struct kh_app *app, struct kh_request *request)
{
    if (request->method == KH_METHOD_POST)
        create(app, request);
    else
        kh_key_list(app, request);
}

/* False: answered. */
static bool look(struct kh_app *app, struct kh_request *request, struct kh_named_key *key)
{
    struct kh_error err = {0};
    kh_status st;

    if (!no_query(request))
        return false;
    st = kh_backend_key_stat(app->backend, request->name, key, &err);
    if (st != KH_OK)
        kh_reply_status(request, st, &err);
    return st == KH_OK;
}

/* False: answered. */
static bool change(struct kh_app *app, struct kh_request *request, kh_key_change what)
{
    struct kh_error err = {0};
    kh_status st;

    if (!no_query(request))
        return false;
    st = kh_backend_key_change(app->backend, request->name, what, &err);
    if (st != KH_OK)
        kh_reply_status(request, st, &err);
    return st == KH_OK;
}

void kh_key_one(struct kh_app *app, struct kh_request *request)
{
    struct kh_named_key key = {0};

    if (request->method == KH_METHOD_DELETE) {
        if (change(app, request, KH_KEY_REMOVE))
            request->response.status = 204;
    } else if (look(app, request, &key)) {
        kh_reply_json(request, 200, kh_key_json(&key));
    }
}

void kh_key_undelete(struct kh_app *app, struct kh_request *request)
{
    if (change(app, request, KH_KEY_RESTORE))
        kh_reply_json(request, 200, json_pack("{s:s}", "name", request->name));
}

void kh_key_purge(struct kh_app *app, struct kh_request *request)
{
    if (change(app, request, KH_KEY_PURGE))
        kh_reply_json(request, 200, json_pack("{s:s}", "name", request->name));
}

/* The public half as `openssl pkey -pubout` writes one (RFC 7468, section 13). */
static kh_status write_pem(
    const struct kh_named_key *key, struct kh_buf *out, struct kh_error *err)
{
    BIO *memory = BIO_new(BIO_s_mem());
    char *text = NULL;
    long len = 0;
    kh_status st;

    if (memory && PEM_write_bio(memory, PEM_STRING_PUBLIC, "", key->public_key,
                      (long)key->public_len) > 0)
        len = BIO_get_mem_data(memory, &text);
    if (len > 0)
        st = kh_buf_copy(out, text, (size_t)len, err);
    else
        st = kh_fail(err, KH_BUSY, "'%s': its public half could not be written: %s",
            key->name, kh_crypto_reason("no memory"));
    BIO_free(memory);
    return st;
}

void kh_key_public(struct kh_app *app, struct kh_request *request)
{
    struct kh_named_key key = {0};
    struct kh_error err = {0};
    kh_status st;

    if (!look(app, request, &key))
        return;
    if (key.public_len == 0)
        st = kh_fail(
            &err, KH_NOT_FOUND, "'%s' is an AES key: it has no public half", key.name);
    else
        st = write_pem(&key, &request->response.body, &err);
    if (st != KH_OK) {
        kh_reply_status(request, st, &err);
        return;
    }
    request->response.status = 200;
    request->response.type = "application/x-pem-file";
}
