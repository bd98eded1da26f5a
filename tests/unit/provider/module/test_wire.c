/* JSON of /v1/keys as the loadable provider writes and reads it. */
#include "provider/module/client_impl.h"

#include "tests/lib/testlib.h"

#include <jansson.h>
#include <openssl/evp.h>
#include <string.h>

static struct kh_buf text_buf(const char *text)
{
    return (struct kh_buf){.data = (unsigned char *)(uintptr_t)text, .len = strlen(text)};
}

/* ---- uses ---- */

static void a_use_is_one_json_object(void)
{
    static const unsigned char digest[32] = {0xff, 0x00, 0x3e};
    struct kh_key_use use = {.scheme = KH_SCHEME_RSA_PSS,
        .hash = KH_HASH_SHA256,
        .mgf_hash = KH_HASH_SHA384,
        .salt_len = 32,
        .input = digest,
        .input_len = sizeof digest};
    struct kh_error err = {0};
    struct kh_buf body = {0};
    json_t *root;

    KH_ASSERT_OK(kh_client_use_body(&use, &body, &err), err);
    root = json_loadb((char *)body.data, body.len, JSON_REJECT_DUPLICATES, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(root);
    CU_ASSERT_EQUAL(json_object_size(root), 5);
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(root, "scheme")), "rsa-pss");
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(root, "hash")), "sha256");
    CU_ASSERT_STRING_EQUAL(
        json_string_value(json_object_get(root, "mgf_hash")), "sha384");
    CU_ASSERT_EQUAL(json_integer_value(json_object_get(root, "salt_len")), 32);
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(root, "input")),
        "/wA+AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    json_decref(root);
    kh_client_buf_free(&body);
    CU_ASSERT_PTR_NULL(body.data);
}

static void a_use_says_no_more_than_it_has(void)
{
    struct kh_key_use use = {.scheme = KH_SCHEME_ED25519};
    struct kh_error err = {0};
    struct kh_buf body = {0};

    KH_ASSERT_OK(kh_client_use_body(&use, &body, &err), err);
    CU_ASSERT_EQUAL(body.len, strlen("{\"scheme\":\"ed25519\",\"input\":\"\"}"));
    CU_ASSERT_NSTRING_EQUAL(
        (char *)body.data, "{\"scheme\":\"ed25519\",\"input\":\"\"}", body.len);
    kh_client_buf_free(&body);
}

static void what_no_daemon_takes_is_not_sent(void)
{
    static const unsigned char input[KH_KEY_INPUT_MAX + 1];
    struct kh_key_use use = {
        .scheme = KH_SCHEME_ED25519, .input = input, .input_len = KH_KEY_INPUT_MAX};
    struct kh_error err = {0};
    struct kh_buf body = {0};

    KH_ASSERT_OK(kh_client_use_body(&use, &body, &err), err);
    kh_client_buf_free(&body);
    use.input_len++;
    KH_ASSERT_FAILS(kh_client_use_body(&use, &body, &err), KH_INVALID, err, "4096");
    use = (struct kh_key_use){.scheme = (kh_key_scheme)99};
    KH_ASSERT_FAILS(
        kh_client_use_body(&use, &body, &err), KH_INVALID, err, "no such use");
    use = (struct kh_key_use){.scheme = KH_SCHEME_ECDSA, .hash = (kh_key_hash)99};
    KH_ASSERT_FAILS(
        kh_client_use_body(&use, &body, &err), KH_INVALID, err, "no such use");
}

/* ---- outputs ---- */

static void an_output_is_found(void)
{
    static const char *const bodies[] = {"{\"output\":\"AP8=\"}",
        " { \"output\" :\n \"AP8=\" } ",
        "{\"name\":\"a\\\"output\\\":\",\"output\":\"AP8=\"}",
        "{\"output\":\"AP8=\",\"later\":1}"};

    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct kh_buf body = text_buf(bodies[i]), out = {0};
        struct kh_error err = {0};

        KH_ASSERT_OK(kh_client_output(&body, &out, &err), err);
        CU_ASSERT_EQUAL_FATAL(out.len, 2);
        CU_ASSERT(out.data[0] == 0 && out.data[1] == 0xff);
        kh_client_buf_free(&out);
    }
}

static void an_empty_output_is_one(void)
{
    struct kh_buf body = text_buf("{\"output\":\"\"}"), out = {0};
    struct kh_error err = {0};

    KH_ASSERT_OK(kh_client_output(&body, &out, &err), err);
    CU_ASSERT_EQUAL(out.len, 0);
    kh_client_buf_free(&out);
}

static void what_is_no_output_is_refused(void)
{
    static const char *const bodies[] = {"", "{}", "null", "{\"output\"",
        "{\"output\":", "{\"output\":7}", "{\"output\":\"AP8=", "{\"output\":\"AP8\"}",
        "{\"output\":\"AP8=A\"}", "{\"output\":\"A===\"}", "{\"output\":\"=AP8\"}",
        "{\"output\":\"AP 8\"}", "{\"output\":\"AP\\u0038=\"}", "{\"output\":\"====\"}",
        "{\"output\":\"AP-_\"}", "{\"output\" \"AP8=\"}"};

    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct kh_buf body = text_buf(bodies[i]), out = {0};
        struct kh_error err = {0};

        KH_ASSERT_FAILS(
            kh_client_output(&body, &out, &err), KH_UNAVAILABLE, err, "output");
        CU_ASSERT_PTR_NULL(out.data);
    }
}

/* ---- key objects ---- */

#define KEY(kind, more)                                                                  \
    "{\"name\":\"web\",\"kind\":\"" kind "\",\"purposes\":[\"sign\",\"sing\"],"          \
    "\"state\":\"active\",\"created\":\"2026-11-24T06:03:29Z\"" more "}"

static void a_key_object_is_read(void)
{
    struct kh_buf body = text_buf(KEY("ec-p256", ",\"public\":\"AP8A\",\"later\":1"));
    struct kh_error err = {0};
    struct kh_named_key key;

    KH_ASSERT_OK(kh_client_key_object(&body, &key, &err), err);
    CU_ASSERT_EQUAL(key.kind, KH_KIND_EC_P256);
    CU_ASSERT_EQUAL(key.purposes, KH_KEY_SIGN);
    CU_ASSERT_EQUAL(key.state, KH_ACTIVE);
    CU_ASSERT_EQUAL(key.public_len, 3);
    body = text_buf(KEY("aes-256", ""));
    KH_ASSERT_OK(kh_client_key_object(&body, &key, &err), err);
    CU_ASSERT_EQUAL(key.public_len, 0);
}

static void what_is_no_key_object_is_refused(void)
{
    static const char *const bodies[] = {"", "[]", "{}", "{\"kind\":7}",
        KEY("ec-p256", ""), KEY("ec-p256", ",\"public\":7"),
        KEY("ec-p256", ",\"public\":\"A\""),
        KEY("ec-p256", ",\"public\":\"AP8A\",\"public\":\"AP8A\""),
        "{\"kind\":\"aes-256\",\"purposes\":7,\"state\":\"active\",\"created\":null}",
        "{\"kind\":\"aes-256\",\"purposes\":[],\"state\":\"lost\",\"created\":null}"};

    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct kh_buf body = text_buf(bodies[i]);
        struct kh_error err = {0};
        struct kh_named_key key;

        KH_ASSERT_FAILS(
            kh_client_key_object(&body, &key, &err), KH_UNAVAILABLE, err, "API");
    }
}

static void a_kind_of_a_later_daemon_is_said(void)
{
    struct kh_buf body = text_buf(KEY("ml-dsa-65", ",\"public\":\"AP8A\""));
    struct kh_error err = {0};
    struct kh_named_key key;

    KH_ASSERT_FAILS(
        kh_client_key_object(&body, &key, &err), KH_INVALID, err, "'ml-dsa-65'");
}

/* 1368 characters are 1026 bytes; RSA-4096 needs 550. */
static void a_public_key_has_a_limit(void)
{
    char text[2000] = "", data[1369];
    struct kh_error err = {0};
    struct kh_named_key key;
    struct kh_buf body;

    memset(data, 'A', sizeof data);
    for (int len = 1368; len >= 1364; len -= 4) {
        data[len] = '\0';
        (void)snprintf(text, sizeof text, KEY("rsa-4096", ",\"public\":\"%s\""), data);
        body = text_buf(text);
        if (len > 1364)
            KH_ASSERT_FAILS(
                kh_client_key_object(&body, &key, &err), KH_UNAVAILABLE, err, "API");
        else
            KH_ASSERT_OK(kh_client_key_object(&body, &key, &err), err);
    }
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"a use is one JSON object", a_use_is_one_json_object},
        {"a use says no more than it has", a_use_says_no_more_than_it_has},
        {"what no daemon takes is not sent", what_no_daemon_takes_is_not_sent},
        {"an output is found", an_output_is_found},
        {"an empty output is one", an_empty_output_is_one},
        {"what is no output is refused", what_is_no_output_is_refused},
        {"a key object is read", a_key_object_is_read},
        {"what is no key object is refused", what_is_no_key_object_is_refused},
        {"a kind of a later daemon is said", a_kind_of_a_later_daemon_is_said},
        {"a public key has a limit", a_public_key_has_a_limit},
    };

    return kh_test_main("provider wire", tests, sizeof tests / sizeof tests[0]);
}
