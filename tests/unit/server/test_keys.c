/* The handlers of named keys on software keys: what goes in, what comes out, and what is
 * refused. */
#include "server/keys.h"

#include "core/record.h"
#include "core/secmem.h"
#include "server/budget.h"
#include "server/gate.h"
#include "server/reply.h"

#include "tests/lib/testlib.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

static struct kh_config *config;
static struct kh_backend *backend;
static struct kh_app app;
static struct kh_request request;
static json_t *answer; /* to the last request; NULL: none, or no JSON */

static void open_app(void)
{
    struct kh_error err = {0};

    KH_ASSERT_OK_FATAL(kh_config_load(&config, NULL, &err), err);
    KH_ASSERT_OK_FATAL(kh_backend_claim(config, TEST_MOCK_DIR, "softkeys", &err), err);
    KH_ASSERT_OK_FATAL(
        kh_backend_open(&backend, "softkeys", TEST_MOCK_DIR, config, KH_OPEN_SERVE, &err),
        err);
    app.backend = backend;
    app.budget = kh_budget_new(1 << 20);
}

static void close_app(void)
{
    json_decref(answer);
    answer = NULL;
    kh_response_clear(&request.response);
    kh_budget_free(app.budget);
    kh_gate_free(app.gate);
    kh_backend_close(backend);
    kh_config_free(config);
    app = (struct kh_app){0};
}

/* Runs HANDLER for NAME with BODY (NULL: none); the status. */
static int ask(kh_handler handler, kh_method method, const char *name, const char *body)
{
    static const struct kh_route route = {.pattern = "/v1/keys"};

    json_decref(answer);
    kh_response_clear(&request.response);
    request = (struct kh_request){.method = method,
        .route = &route,
        .id = "id",
        .query = "",
        .body = (const unsigned char *)body,
        .body_len = body ? strlen(body) : 0};
    snprintf(request.name, sizeof request.name, "%s", name);
    snprintf(request.principal.subject, sizeof request.principal.subject, "CN=alice");
    memset(request.principal.fingerprint, 'a', 64);
    if (body)
        snprintf(request.content_type, sizeof request.content_type, "application/json");
    handler(&app, &request);
    answer = json_loadb(
        (const char *)request.response.body.data, request.response.body.len, 0, NULL);
    return request.response.status;
}

static int post(kh_handler handler, const char *name, const char *body)
{
    return ask(handler, KH_METHOD_POST, name, body);
}

static const char *word(const char *member)
{
    const char *text = json_string_value(json_object_get(answer, member));

    return text ? text : "";
}

static bool says(const char *text)
{
    const json_t *error = json_object_get(answer, "error");
    const char *message = json_string_value(json_object_get(error, "message"));

    if (message && strstr(message, text))
        return true;
    fprintf(stderr, "    the message: %s\n", message ? message : "(none)");
    return false;
}

static void make(const char *name, const char *kind, const char *purpose)
{
    char body[256];

    snprintf(body, sizeof body, "{\"name\":\"%s\",\"kind\":\"%s\",\"purposes\":[\"%s\"]}",
        name, kind, purpose);
    CU_ASSERT_EQUAL_FATAL(post(kh_key_all, "", body), 201);
}

/* The public half that the last answer holds. */
static EVP_PKEY *public_half(void)
{
    struct kh_error err = {0};
    KH_CLEANUP_BUF struct kh_buf der = {0};
    const char *text = word("public");
    const unsigned char *at;

    KH_ASSERT_OK_FATAL(kh_base64_decode(text, strlen(text), &der, &err), err);
    at = der.data;
    return d2i_PUBKEY(NULL, &at, (long)der.len);
}

/* Sends INPUT with the MEMBERS of a use to HANDLER; the status, and the output in OUT. */
static int use(kh_handler handler, const char *name, const char *members,
    const void *input, size_t len, struct kh_buf *out)
{
    char *text = malloc(kh_base64_length(len) + 1);
    char *body = NULL;
    struct kh_error err = {0};
    int status;

    kh_base64_encode(input, len, text);
    CU_ASSERT_TRUE_FATAL(asprintf(&body, "{%s%s\"input\":\"%s\"}", members,
                             *members ? "," : "", text) > 0);
    status = post(handler, name, body);
    kh_buf_free(out);
    if (status == 200)
        KH_ASSERT_OK(
            kh_base64_decode(word("output"), strlen(word("output")), out, &err), err);
    free(body);
    free(text);
    return status;
}

static const unsigned char digest[32] = "0123456789abcdef0123456789abcde";

/* SIGNATURE of the digest by PUB. PADDING 0: not RSA. */
static bool verifies(EVP_PKEY *pub, int padding, const struct kh_buf *signature)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(pub, NULL);
    bool good = EVP_PKEY_verify_init(ctx) > 0 &&
                (padding == 0 || EVP_PKEY_CTX_set_rsa_padding(ctx, padding) > 0) &&
                EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()) > 0 &&
                (padding != RSA_PKCS1_PSS_PADDING ||
                    EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) > 0) &&
                EVP_PKEY_verify(ctx, signature->data, signature->len, digest, 32) == 1;

    EVP_PKEY_CTX_free(ctx);
    return good;
}

static void a_key_is_made_and_shown(void)
{
    open_app();
    make("web", "ec-p256", "sign");
    CU_ASSERT_STRING_EQUAL(request.name, "web"); /* for the audit log */
    CU_ASSERT_EQUAL(ask(kh_key_one, KH_METHOD_GET, "web", NULL), 200);
    CU_ASSERT_STRING_EQUAL(word("name"), "web");
    CU_ASSERT_STRING_EQUAL(word("kind"), "ec-p256");
    CU_ASSERT_STRING_EQUAL(word("state"), "active");
    CU_ASSERT_EQUAL(strlen(word("created")), KH_TIME_LEN - 1);
    CU_ASSERT_EQUAL(json_array_size(json_object_get(answer, "purposes")), 1);
    CU_ASSERT_TRUE(*word("public"));
    CU_ASSERT_EQUAL(json_object_size(answer), 6);
    make("kek", "aes-256", "wrap");
    CU_ASSERT_PTR_NULL(json_object_get(answer, "public"));
    CU_ASSERT_EQUAL(ask(kh_key_one, KH_METHOD_GET, "none", NULL), 404);
    close_app();
}

static void the_public_half_is_pem(void)
{
    EVP_PKEY *pub;
    BIO *pem;

    open_app();
    make("web", "rsa-2048", "sign");
    CU_ASSERT_EQUAL(ask(kh_key_public, KH_METHOD_GET, "web", NULL), 200);
    CU_ASSERT_STRING_EQUAL(request.response.type, "application/x-pem-file");
    pem = BIO_new_mem_buf(request.response.body.data, (int)request.response.body.len);
    pub = PEM_read_bio_PUBKEY(pem, NULL, NULL, NULL);
    CU_ASSERT_TRUE(EVP_PKEY_is_a(pub, "RSA"));
    EVP_PKEY_free(pub);
    BIO_free(pem);
    make("kek", "aes-256", "wrap");
    CU_ASSERT_EQUAL(ask(kh_key_public, KH_METHOD_GET, "kek", NULL), 404);
    CU_ASSERT_TRUE(says("no public half"));
    close_app();
}

static void a_wish_that_is_none_is_refused(void)
{
    static const struct {
        const char *body;
        int status;
        const char *text;
    } wishes[] = {
        {"", 400, "empty"},
        {"{\"name\":\"a\"", 400, "ends too early"},
        {"[]", 400, "not an object"},
        {"{\"kind\":\"ec-p256\",\"purposes\":[\"sign\"]}", 400, "name:"},
        {"{\"name\":7,\"kind\":\"ec-p256\",\"purposes\":[\"sign\"]}", 400, "name:"},
        {"{\"name\":\"a\",\"kind\":\"dsa\",\"purposes\":[\"sign\"]}", 400, "rsa-4096"},
        {"{\"name\":\"a\",\"kind\":\"ec-p256\"}", 400, "purposes:"},
        {"{\"name\":\"a\",\"kind\":\"ec-p256\",\"purposes\":[]}", 400, "purposes:"},
        {"{\"name\":\"a\",\"kind\":\"ec-p256\",\"purposes\":\"sign\"}", 400, "purposes:"},
        {"{\"name\":\"a\",\"kind\":\"ec-p256\",\"purposes\":[\"sign\",\"sign\"]}", 400,
            "twice"},
        {"{\"name\":\"a\",\"kind\":\"ec-p256\",\"purposes\":[\"fly\"]}", 400, "derive"},
        {"{\"name\":\"a\",\"kind\":\"ec-p256\",\"purposes\":[\"wrap\"]}", 400, "cannot"},
        {"{\"name\":\"a/b\",\"kind\":\"ec-p256\",\"purposes\":[\"sign\"]}", 400,
            "byte 2 of the name"},
        {"{\"name\":\"a\",\"kind\":\"ec-p256\",\"purposes\":[\"sign\"],\"x\":1}", 400,
            "unknown member 'x'"},
        {"{\"name\":\"a\",\"kind\":\"rsa-4096\",\"purposes\":[\"sign\"]}", 403, "kind"},
    };

    open_app();
    for (size_t i = 0; i < sizeof wishes / sizeof wishes[0]; i++) {
        CU_ASSERT_EQUAL(post(kh_key_all, "", wishes[i].body), wishes[i].status);
        CU_ASSERT_TRUE(says(wishes[i].text));
    }
    make("a", "ec-p256", "sign");
    CU_ASSERT_EQUAL(post(kh_key_all, "",
                        "{\"name\":\"a\",\"kind\":\"ed25519\",\"purposes\":[\"sign\"]}"),
        409);
    CU_ASSERT_EQUAL(ask(kh_key_all, KH_METHOD_POST, "", NULL), 415);
    close_app();
}

static void every_scheme_of_signing_verifies(void)
{
    KH_CLEANUP_BUF struct kh_buf out = {0};
    EVP_PKEY *pub;

    open_app();
    make("ec", "ec-p256", "sign");
    pub = public_half();
    CU_ASSERT_EQUAL(use(kh_key_sign, "ec", "\"scheme\":\"ecdsa\",\"hash\":\"sha256\"",
                        digest, 32, &out),
        200);
    CU_ASSERT_TRUE(verifies(pub, 0, &out));
    CU_ASSERT_STRING_EQUAL(request.operation, "key.use.ecdsa");
    CU_ASSERT_TRUE(request.changes);
    EVP_PKEY_free(pub);
    make("rsa", "rsa-2048", "sign");
    pub = public_half();
    CU_ASSERT_EQUAL(use(kh_key_sign, "rsa",
                        "\"scheme\":\"rsa-pkcs1\",\"hash\":\"sha256\"", digest, 32, &out),
        200);
    CU_ASSERT_TRUE(verifies(pub, RSA_PKCS1_PADDING, &out));
    /* Without mgf_hash and salt_len: the digest's function and its length. */
    CU_ASSERT_EQUAL(use(kh_key_sign, "rsa", "\"scheme\":\"rsa-pss\",\"hash\":\"sha256\"",
                        digest, 32, &out),
        200);
    CU_ASSERT_TRUE(verifies(pub, RSA_PKCS1_PSS_PADDING, &out));
    CU_ASSERT_EQUAL(
        use(kh_key_sign, "rsa",
            "\"scheme\":\"rsa-pss\",\"hash\":\"sha256\",\"mgf_hash\":\"sha256\","
            "\"salt_len\":20",
            digest, 32, &out),
        200);
    CU_ASSERT_FALSE(verifies(pub, RSA_PKCS1_PSS_PADDING, &out)); /* another salt */
    EVP_PKEY_free(pub);
    make("ed", "ed25519", "sign");
    CU_ASSERT_EQUAL(
        use(kh_key_sign, "ed", "\"scheme\":\"ed25519\"", "hello", 5, &out), 200);
    CU_ASSERT_EQUAL(out.len, 64);
    close_app();
}

static void what_was_wrapped_is_unwrapped(void)
{
    KH_CLEANUP_BUF struct kh_buf wrapped = {0};
    KH_CLEANUP_BUF struct kh_buf out = {0};

    open_app();
    make("kek", "aes-256", "wrap");
    CU_ASSERT_EQUAL(use(kh_key_wrap, "kek", "", digest, 32, &wrapped), 200);
    CU_ASSERT_EQUAL(wrapped.len, 40);
    CU_ASSERT_STRING_EQUAL(request.operation, "key.use.aes-wrap");
    CU_ASSERT_EQUAL(use(kh_key_unwrap, "kek", "", wrapped.data, wrapped.len, &out), 200);
    CU_ASSERT_TRUE(out.len == 32 && memcmp(out.data, digest, 32) == 0);
    wrapped.data[0] ^= 1;
    CU_ASSERT_EQUAL(use(kh_key_unwrap, "kek", "", wrapped.data, wrapped.len, &out), 400);
    CU_ASSERT_EQUAL(use(kh_key_wrap, "kek", "\"scheme\":\"aes-unwrap\"", wrapped.data,
                        wrapped.len, &out),
        400);
    CU_ASSERT_TRUE(says("does not belong to this path"));
    close_app();
}

static void a_peer_derives_the_same(void)
{
    KH_CLEANUP_BUF struct kh_buf out = {0};
    EVP_PKEY *peer = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    unsigned char *point = NULL;
    size_t point_len = EVP_PKEY_get1_encoded_public_key(peer, &point);
    unsigned char secret[32];
    size_t len = sizeof secret;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(peer, NULL);
    EVP_PKEY *pub;

    open_app();
    make("dh", "ec-p256", "derive");
    pub = public_half();
    CU_ASSERT_TRUE(EVP_PKEY_derive_init(ctx) > 0 &&
                   EVP_PKEY_derive_set_peer(ctx, pub) > 0 &&
                   EVP_PKEY_derive(ctx, secret, &len) > 0);
    CU_ASSERT_EQUAL(use(kh_key_derive, "dh", "", point, point_len, &out), 200);
    CU_ASSERT_TRUE(out.len == len && memcmp(out.data, secret, len) == 0);
    point[5] ^= 1; /* not on the curve */
    CU_ASSERT_EQUAL(use(kh_key_derive, "dh", "", point, point_len, &out), 400);
    OPENSSL_free(point);
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(peer);
    EVP_PKEY_free(pub);
    close_app();
}

static void what_was_encrypted_is_decrypted(void)
{
    KH_CLEANUP_BUF struct kh_buf out = {0};
    unsigned char sealed[256];
    size_t len = sizeof sealed;
    EVP_PKEY *pub;
    EVP_PKEY_CTX *ctx;

    open_app();
    make("box", "rsa-2048", "decrypt");
    pub = public_half();
    ctx = EVP_PKEY_CTX_new(pub, NULL);
    CU_ASSERT_TRUE(EVP_PKEY_encrypt_init(ctx) > 0 &&
                   EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) > 0 &&
                   EVP_PKEY_CTX_set_rsa_oaep_md(ctx, EVP_sha256()) > 0 &&
                   EVP_PKEY_encrypt(ctx, sealed, &len, digest, 32) > 0);
    CU_ASSERT_EQUAL(
        use(kh_key_decrypt, "box", "\"hash\":\"sha256\"", sealed, len, &out), 200);
    CU_ASSERT_TRUE(out.len == 32 && memcmp(out.data, digest, 32) == 0);
    CU_ASSERT_EQUAL(use(kh_key_decrypt, "box", "", sealed, len, &out), 400);
    CU_ASSERT_TRUE(says("needs a hash function"));
    CU_ASSERT_EQUAL(use(kh_key_sign, "box", "\"scheme\":\"rsa-pss\",\"hash\":\"sha256\"",
                        digest, 32, &out),
        403); /* not its purpose */
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(pub);
    close_app();
}

static void a_use_that_is_none_is_refused(void)
{
    static const struct {
        const char *members;
        const char *text;
    } uses[] = {
        {"", "scheme: one of ecdsa"},
        {"\"scheme\":\"dsa\"", "scheme: one of ecdsa"},
        {"\"scheme\":\"ecdh\"", "does not belong to this path"},
        {"\"scheme\":\"ecdsa\"", "needs the digest's function"},
        {"\"scheme\":\"ecdsa\",\"hash\":\"md5\"", "hash: one of none, sha1"},
        {"\"scheme\":\"ecdsa\",\"hash\":\"sha384\"", "has 48 bytes, not 32"},
        {"\"scheme\":\"ed25519\",\"hash\":\"sha256\"", "hash: the scheme ed25519"},
        {"\"scheme\":\"rsa-pss\",\"hash\":\"sha256\",\"salt_len\":513", "salt_len:"},
        {"\"scheme\":\"rsa-pss\",\"hash\":\"sha256\",\"salt_len\":-1", "salt_len:"},
        {"\"scheme\":\"rsa-pss\",\"hash\":\"sha256\",\"salt_len\":\"2\"", "salt_len:"},
        {"\"scheme\":\"ecdsa\",\"scheme\":\"ecdsa\"", "twice"},
        {"\"scheme\":\"ecdsa\",\"key\":\"ec\"", "unknown member 'key'"},
    };
    KH_CLEANUP_BUF struct kh_buf out = {0};

    open_app();
    make("ec", "ec-p256", "sign");
    for (size_t i = 0; i < sizeof uses / sizeof uses[0]; i++) {
        CU_ASSERT_EQUAL(use(kh_key_sign, "ec", uses[i].members, digest, 32, &out), 400);
        CU_ASSERT_TRUE(says(uses[i].text));
    }
    CU_ASSERT_EQUAL(post(kh_key_sign, "ec", "{\"scheme\":\"ecdsa\"}"), 400);
    CU_ASSERT_TRUE(says("input:"));
    CU_ASSERT_EQUAL(
        post(kh_key_sign, "ec", "{\"scheme\":\"ecdsa\",\"input\":\"!\"}"), 400);
    CU_ASSERT_TRUE(says("input:"));
    CU_ASSERT_EQUAL(use(kh_key_sign, "no", "\"scheme\":\"ecdsa\",\"hash\":\"sha256\"",
                        digest, 32, &out),
        404);
    close_app();
}

static void large_inputs_and_bodies_are_refused(void)
{
    KH_CLEANUP_BUF struct kh_buf out = {0};
    char *large = calloc(1, KH_KEY_BODY_MAX + 2);

    open_app();
    make("ed", "ed25519", "sign");
    memset(large, ' ', KH_KEY_BODY_MAX + 1);
    CU_ASSERT_EQUAL(post(kh_key_sign, "ed", large), 413);
    CU_ASSERT_EQUAL(use(kh_key_sign, "ed", "\"scheme\":\"ed25519\"", large,
                        KH_KEY_INPUT_MAX + 1, &out),
        400);
    CU_ASSERT_TRUE(says("4097 bytes"));
    CU_ASSERT_EQUAL(
        use(kh_key_sign, "ed", "\"scheme\":\"ed25519\"", large, KH_KEY_INPUT_MAX, &out),
        200);
    CU_ASSERT_EQUAL(use(kh_key_sign, "ed", "\"scheme\":\"ed25519\"", "", 0, &out), 400);
    free(large);
    close_app();
}

static void a_deleted_key_is_not_used_and_comes_back(void)
{
    static const char members[] = "\"scheme\":\"ecdsa\",\"hash\":\"sha256\"";
    KH_CLEANUP_BUF struct kh_buf out = {0};

    open_app();
    make("ec", "ec-p256", "sign");
    CU_ASSERT_EQUAL(ask(kh_key_one, KH_METHOD_DELETE, "ec", NULL), 204);
    CU_ASSERT_EQUAL(ask(kh_key_one, KH_METHOD_DELETE, "ec", NULL), 204);
    CU_ASSERT_EQUAL(ask(kh_key_one, KH_METHOD_GET, "ec", NULL), 200);
    CU_ASSERT_STRING_EQUAL(word("state"), "deleted");
    CU_ASSERT_EQUAL(use(kh_key_sign, "ec", members, digest, 32, &out), 404);
    CU_ASSERT_EQUAL(post(kh_key_undelete, "ec", NULL), 200);
    CU_ASSERT_EQUAL(use(kh_key_sign, "ec", members, digest, 32, &out), 200);
    CU_ASSERT_EQUAL(post(kh_key_purge, "ec", NULL), 200);
    CU_ASSERT_EQUAL(post(kh_key_purge, "ec", NULL), 404);
    CU_ASSERT_EQUAL(post(kh_key_undelete, "ec", NULL), 404);
    CU_ASSERT_EQUAL(ask(kh_key_one, KH_METHOD_DELETE, "ec", NULL), 404);
    close_app();
}

/* Names of the last answer's listing, and where it goes on. */
static void listed(const char *query, const char *wanted, const char *next)
{
    static const struct kh_route route = {.pattern = "/v1/keys"};
    char names[256] = "";
    json_t *key;
    size_t i;

    json_decref(answer);
    kh_response_clear(&request.response);
    request =
        (struct kh_request){.method = KH_METHOD_GET, .route = &route, .query = query};
    snprintf(request.principal.subject, sizeof request.principal.subject, "CN=alice");
    memset(request.principal.fingerprint, 'a', 64);
    kh_key_all(&app, &request);
    answer = json_loadb(
        (const char *)request.response.body.data, request.response.body.len, 0, NULL);
    CU_ASSERT_EQUAL(request.response.status, 200);
    json_array_foreach(json_object_get(answer, "keys"), i, key)
    {
        size_t used = strlen(names);

        snprintf(names + used, sizeof names - used, "%s ",
            json_string_value(json_object_get(key, "name")));
    }
    CU_ASSERT_STRING_EQUAL(names, wanted);
    CU_ASSERT_STRING_EQUAL(word("next"), next);
}

static void keys_are_listed_in_pages(void)
{
    open_app();
    listed("", "", "");
    make("b", "ec-p256", "sign");
    make("a", "aes-256", "wrap");
    make("c", "ed25519", "sign");
    listed("", "a b c ", "");
    listed("limit=2", "a b ", "b");
    listed("limit=2&after=b", "c ", "");
    listed("limit=3", "a b c ", "");
    CU_ASSERT_EQUAL(ask(kh_key_one, KH_METHOD_DELETE, "b", NULL), 204);
    listed("", "a b c ", "");
    close_app();
}

static void more_keys_than_a_page_are_all_listed(void)
{
    char name[16];

    open_app();
    for (int i = 0; i < 70; i++) {
        snprintf(name, sizeof name, "k%02d", i);
        make(name, "aes-256", "wrap");
    }
    CU_ASSERT_EQUAL(ask(kh_key_all, KH_METHOD_GET, "", NULL), 200);
    CU_ASSERT_EQUAL(json_array_size(json_object_get(answer, "keys")), 70);
    listed("after=k68", "k69 ", "");
    close_app();
}

static void queries_that_mean_nothing_are_refused(void)
{
    static const struct kh_route route = {.pattern = "/v1/keys"};
    static const kh_handler handlers[] = {kh_key_all, kh_key_one, kh_key_public,
        kh_key_sign, kh_key_undelete, kh_key_purge};

    open_app();
    make("ec", "ec-p256", "sign");
    for (size_t i = 0; i < sizeof handlers / sizeof handlers[0]; i++) {
        kh_response_clear(&request.response);
        request = (struct kh_request){.method = KH_METHOD_POST,
            .route = &route,
            .query = "version=0",
            .name = "ec"};
        handlers[i](&app, &request);
        CU_ASSERT_EQUAL(request.response.status, 400);
    }
    close_app();
}

/* The name stands in the body, so it is the handler that asks. */
static void rules_hold_for_names_in_bodies_and_listings(void)
{
    struct kh_config *lines = NULL;
    struct kh_acl *rules = NULL;
    struct kh_error err = {0};

    open_app();
    make("app-1", "ec-p256", "sign");
    make("other", "ec-p256", "sign");
    KH_ASSERT_OK_FATAL(kh_config_load(&lines, NULL, &err), err);
    KH_ASSERT_OK_FATAL(
        kh_config_override(lines, "acl.a=allow all on app-* to CN=alice", &err), err);
    KH_ASSERT_OK_FATAL(kh_config_claim_free(lines, "acl", &err), err);
    KH_ASSERT_OK_FATAL(kh_acl_new(&rules, lines, &err), err);
    KH_ASSERT_OK_FATAL(kh_gate_new(&app.gate, rules, NULL, false, &err), err);
    kh_config_free(lines);
    make("app-2", "ec-p256", "sign");
    CU_ASSERT_EQUAL(
        post(kh_key_all, "",
            "{\"name\":\"web\",\"kind\":\"ec-p256\",\"purposes\":[\"sign\"]}"),
        403);
    CU_ASSERT_STRING_EQUAL(request.name, "web");
    CU_ASSERT_TRUE(says("no rule"));
    CU_ASSERT_EQUAL(kh_gate_count(app.gate).denied, 1);
    listed("", "app-1 app-2 ", "");
    listed("limit=1", "app-1 ", "app-1");
    listed("limit=2", "app-1 app-2 ", "");
    close_app();
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"a key is made and shown", a_key_is_made_and_shown},
        {"the public half is PEM", the_public_half_is_pem},
        {"a wish that is none is refused", a_wish_that_is_none_is_refused},
        {"every scheme of signing verifies", every_scheme_of_signing_verifies},
        {"what was wrapped is unwrapped", what_was_wrapped_is_unwrapped},
        {"a peer derives the same", a_peer_derives_the_same},
        {"what was encrypted is decrypted", what_was_encrypted_is_decrypted},
        {"a use that is none is refused", a_use_that_is_none_is_refused},
        {"large inputs and bodies are refused", large_inputs_and_bodies_are_refused},
        {"a deleted key is not used and comes back",
            a_deleted_key_is_not_used_and_comes_back},
        {"keys are listed in pages", keys_are_listed_in_pages},
        {"more keys than a page are all listed", more_keys_than_a_page_are_all_listed},
        {"queries that mean nothing are refused", queries_that_mean_nothing_are_refused},
        {"rules hold for names in bodies and listings",
            rules_hold_for_names_in_bodies_and_listings},
    };

    return kh_test_main("server keys", tests, sizeof tests / sizeof tests[0]);
}
