/* Named keys of a real keyhsmd through the plugin: every use, every refusal, and what
 * becomes of a request whose connection ends. */
#include "tests/unit/keyhsm/lab.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <string.h>

static struct lab lab;
static struct client client;

static const unsigned char digest[32] = "0123456789abcdef0123456789abcde";

static void begin(void)
{
    lab_prepare(&lab, "softkeys");
    lab.daemon.plugin_dir = TEST_MOCK_DIR;
    lab_start(&lab);
    client_must_open(&client, &lab);
}

static void end(void)
{
    client_close(&client);
    lab_close(&lab);
}

static struct kh_named_key wish(const char *name, kh_key_kind kind, uint32_t purposes)
{
    struct kh_named_key key = {.kind = kind, .purposes = purposes};

    snprintf(key.name, sizeof key.name, "%s", name);
    return key;
}

static struct kh_named_key make(const char *name, kh_key_kind kind, uint32_t purposes)
{
    struct kh_named_key key = wish(name, kind, purposes);
    struct kh_error err = {0};

    KH_ASSERT_OK_FATAL(kh_remote_key_create(client.remote, &key, &err), err);
    return key;
}

static struct kh_key_use use_of(kh_key_scheme scheme, const void *input, size_t len)
{
    return (struct kh_key_use){.scheme = scheme, .input = input, .input_len = len};
}

static struct kh_key_use sign_use(void)
{
    struct kh_key_use use = use_of(KH_SCHEME_ECDSA, digest, sizeof digest);

    use.hash = KH_HASH_SHA256;
    return use;
}

static bool verifies(const struct kh_named_key *key, const struct kh_buf *signature)
{
    const unsigned char *der = key->public_key;
    EVP_PKEY *pub = d2i_PUBKEY(NULL, &der, (long)key->public_len);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(pub, NULL);
    bool good =
        EVP_PKEY_verify_init(ctx) > 0 &&
        EVP_PKEY_verify(ctx, signature->data, signature->len, digest, sizeof digest) == 1;

    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(pub);
    return good;
}

static void a_key_is_made_told_and_used(void)
{
    KH_CLEANUP_BUF struct kh_buf out = {0};
    const struct kh_key_use use = sign_use();
    struct kh_named_key there = {0};
    struct kh_error err = {0};
    struct kh_named_key key;

    begin();
    key = make("web", KH_KIND_EC_P256, KH_KEY_SIGN);
    CU_ASSERT_TRUE(key.public_len > 80 && key.created > 0 && key.state == KH_ACTIVE);
    KH_ASSERT_OK(kh_remote_key_stat(client.remote, "web", &there, &err), err);
    CU_ASSERT_EQUAL(memcmp(&there, &key, sizeof key), 0);
    KH_ASSERT_OK(kh_remote_key_use(client.remote, "web", &use, &out, &err), err);
    CU_ASSERT_TRUE(verifies(&key, &out));
    CU_ASSERT_EQUAL(lab_log_lines(&lab, "MDEyMzQ1"), 0); /* what went in, in base64 */
    end();
}

static void every_path_is_found_by_its_scheme(void)
{
    KH_CLEANUP_BUF struct kh_buf wrapped = {0};
    KH_CLEANUP_BUF struct kh_buf out = {0};
    struct kh_key_use use = use_of(KH_SCHEME_AES_WRAP, digest, sizeof digest);
    struct kh_error err = {0};

    begin();
    (void)make("kek", KH_KIND_AES_256, KH_KEY_WRAP);
    KH_ASSERT_OK(kh_remote_key_use(client.remote, "kek", &use, &wrapped, &err), err);
    use = use_of(KH_SCHEME_AES_UNWRAP, wrapped.data, wrapped.len);
    KH_ASSERT_OK(kh_remote_key_use(client.remote, "kek", &use, &out, &err), err);
    CU_ASSERT_TRUE(out.len == 32 && memcmp(out.data, digest, 32) == 0);
    (void)make("box", KH_KIND_RSA_2048, KH_KEY_DECRYPT | KH_KEY_SIGN);
    use = use_of(KH_SCHEME_RSA_OAEP, digest, sizeof digest);
    use.hash = use.mgf_hash = KH_HASH_SHA256;
    kh_buf_free(&out);
    KH_ASSERT_FAILS(kh_remote_key_use(client.remote, "box", &use, &out, &err), KH_INVALID,
        err, "box"); /* no ciphertext */
    (void)make("dh", KH_KIND_EC_P256, KH_KEY_DERIVE);
    use = use_of(KH_SCHEME_ECDH, digest, sizeof digest);
    KH_ASSERT_FAILS(
        kh_remote_key_use(client.remote, "dh", &use, &out, &err), KH_INVALID, err, "dh");
    CU_ASSERT_PTR_NULL(out.data);
    for (size_t i = 0; i < 4; i++) {
        static const char *const paths[] = {"wrap", "unwrap", "decrypt", "derive"};
        char pattern[64];

        snprintf(pattern, sizeof pattern, "route=/v1/keys/\\{name\\}/%s ", paths[i]);
        CU_ASSERT_EQUAL(lab_log_lines(&lab, pattern), 1);
    }
    end();
}

static void refusals_come_back_as_they_were(void)
{
    KH_CLEANUP_BUF struct kh_buf out = {0};
    struct kh_key_use use = sign_use();
    struct kh_named_key key = wish("web", KH_KIND_EC_P256, KH_KEY_SIGN);
    struct kh_error err = {0};

    begin();
    KH_ASSERT_FAILS(kh_remote_key_use(client.remote, "web", &use, &out, &err),
        KH_NOT_FOUND, err, "web");
    KH_ASSERT_FAILS(
        kh_remote_key_stat(client.remote, "web", &key, &err), KH_NOT_FOUND, err, "web");
    CU_ASSERT_EQUAL(key.public_len, 0);
    (void)make("web", KH_KIND_EC_P256, KH_KEY_SIGN);
    KH_ASSERT_FAILS(
        kh_remote_key_create(client.remote, &key, &err), KH_EXISTS, err, "web");
    key = wish("big", KH_KIND_RSA_4096, KH_KEY_SIGN);
    KH_ASSERT_FAILS(
        kh_remote_key_create(client.remote, &key, &err), KH_REFUSED, err, "kind");
    (void)make("dh", KH_KIND_EC_P256, KH_KEY_DERIVE);
    KH_ASSERT_FAILS(
        kh_remote_key_use(client.remote, "dh", &use, &out, &err), KH_REFUSED, err, "dh");
    use.input_len = 31;
    KH_ASSERT_FAILS(kh_remote_key_use(client.remote, "web", &use, &out, &err), KH_INVALID,
        err, "32 bytes");
    use.input_len = KH_KEY_INPUT_MAX + 1;
    KH_ASSERT_FAILS(kh_remote_key_use(client.remote, "web", &use, &out, &err), KH_INVALID,
        err, "a key");
    end();
}

static void keys_are_listed_from_a_name_on(void)
{
    struct kh_named_key keys[3] = {0};
    struct kh_error err = {0};
    size_t count = 0;

    begin();
    KH_ASSERT_OK(kh_remote_key_list(client.remote, NULL, keys, 3, &count, &err), err);
    CU_ASSERT_EQUAL(count, 0);
    (void)make("b", KH_KIND_AES_256, KH_KEY_WRAP);
    (void)make("a", KH_KIND_ED25519, KH_KEY_SIGN);
    (void)make("c", KH_KIND_EC_P384, KH_KEY_SIGN);
    KH_ASSERT_OK(kh_remote_key_list(client.remote, NULL, keys, 2, &count, &err), err);
    CU_ASSERT_EQUAL(count, 2);
    CU_ASSERT_STRING_EQUAL(keys[0].name, "a");
    CU_ASSERT_EQUAL(keys[1].kind, KH_KIND_AES_256);
    KH_ASSERT_OK(kh_remote_key_list(client.remote, "b", keys, 3, &count, &err), err);
    CU_ASSERT_EQUAL(count, 1);
    CU_ASSERT_STRING_EQUAL(keys[0].name, "c");
    KH_ASSERT_OK(kh_remote_key_list(client.remote, "c", keys, 3, &count, &err), err);
    CU_ASSERT_EQUAL(count, 0);
    end();
}

static void a_key_goes_and_comes_back_and_is_destroyed(void)
{
    KH_CLEANUP_BUF struct kh_buf out = {0};
    const struct kh_key_use use = sign_use();
    struct kh_remote *remote;
    struct kh_named_key key;
    struct kh_error err = {0};

    begin();
    remote = client.remote;
    (void)make("web", KH_KIND_EC_P256, KH_KEY_SIGN);
    KH_ASSERT_OK(kh_remote_key_change(remote, "web", KH_KEY_REMOVE, &err), err);
    KH_ASSERT_OK(kh_remote_key_stat(remote, "web", &key, &err), err);
    CU_ASSERT_EQUAL(key.state, KH_DELETED);
    KH_ASSERT_FAILS(
        kh_remote_key_use(remote, "web", &use, &out, &err), KH_NOT_FOUND, err, "web");
    KH_ASSERT_OK(kh_remote_key_change(remote, "web", KH_KEY_RESTORE, &err), err);
    KH_ASSERT_OK(kh_remote_key_use(remote, "web", &use, &out, &err), err);
    KH_ASSERT_OK(kh_remote_key_change(remote, "web", KH_KEY_PURGE, &err), err);
    KH_ASSERT_FAILS(kh_remote_key_change(remote, "web", KH_KEY_PURGE, &err), KH_NOT_FOUND,
        err, "web");
    end();
}

static void a_lost_use_is_sent_again(void)
{
    const struct kh_key_use use = sign_use();
    struct kh_named_key key;
    struct kh_error err = {0};

    begin();
    key = make("web", KH_KIND_EC_P256, KH_KEY_SIGN);
    for (int i = 0; i < 2; i++) {
        KH_CLEANUP_BUF struct kh_buf out = {0};

        proxy_arm(lab.proxy, i == 0 ? PROXY_CUT_ANSWER : PROXY_CUT_REQUEST);
        KH_ASSERT_OK(kh_remote_key_use(client.remote, "web", &use, &out, &err), err);
        CU_ASSERT_TRUE(verifies(&key, &out));
    }
    end();
}

static void a_lost_create_is_made_once_or_not_known(void)
{
    struct kh_named_key key = wish("one", KH_KIND_EC_P256, KH_KEY_SIGN);
    struct kh_error err = {0};

    begin();
    proxy_arm(lab.proxy, PROXY_CUT_REQUEST);
    KH_ASSERT_OK(kh_remote_key_create(client.remote, &key, &err), err);
    key = wish("two", KH_KIND_EC_P256, KH_KEY_SIGN);
    proxy_arm(lab.proxy, PROXY_CUT_ANSWER);
    KH_ASSERT_FAILS(kh_remote_key_create(client.remote, &key, &err), KH_UNAVAILABLE, err,
        "whether the key 'two' was made is not known; there is one");
    KH_ASSERT_OK(kh_remote_key_stat(client.remote, "two", &key, &err), err);
    CU_ASSERT_EQUAL(lab_log_lines(&lab, "name=two status=201"), 1);
    CU_ASSERT_EQUAL(lab_log_lines(&lab, "method=POST .*name=(one|two)"), 2);
    end();
}

static void a_lost_purge_is_looked_for(void)
{
    struct kh_error err = {0};
    struct kh_named_key key;

    begin();
    for (int i = 0; i < 2; i++) {
        (void)make("gone", KH_KIND_EC_P256, KH_KEY_SIGN);
        proxy_arm(lab.proxy, i == 0 ? PROXY_CUT_ANSWER : PROXY_CUT_REQUEST);
        KH_ASSERT_OK(
            kh_remote_key_change(client.remote, "gone", KH_KEY_PURGE, &err), err);
        KH_ASSERT_FAILS(kh_remote_key_stat(client.remote, "gone", &key, &err),
            KH_NOT_FOUND, err, "gone");
    }
    CU_ASSERT_EQUAL(lab_log_lines(&lab, "/purge.* status=200"), 2);
    CU_ASSERT_EQUAL(lab_log_lines(&lab, "/purge"), 2);
    end();
}

static void a_keyhsmd_without_named_keys_says_so(void)
{
    struct kh_named_key key = wish("web", KH_KIND_EC_P256, KH_KEY_SIGN);
    struct kh_error err = {0};
    size_t count = 0;

    lab_open(&lab); /* on the file store */
    client_must_open(&client, &lab);
    KH_ASSERT_FAILS(kh_remote_key_create(client.remote, &key, &err), KH_REFUSED, err,
        "no named keys");
    KH_ASSERT_FAILS(kh_remote_key_list(client.remote, NULL, &key, 1, &count, &err),
        KH_REFUSED, err, "no named keys");
    CU_ASSERT_EQUAL(count, 0);
    end();
}

/* ---- answers that no keyhsmd gives ---- */

static struct kh_buf text_of(const char *text)
{
    struct kh_buf body = {0};
    struct kh_error err = {0};

    KH_ASSERT_OK_FATAL(kh_buf_copy(&body, text, strlen(text), &err), err);
    return body;
}

static void answers_that_are_none_are_refused(void)
{
    static const char *const bodies[] = {"{}", "[]",
        "{\"name\":\"a\",\"kind\":\"dsa\",\"purposes\":[\"sign\"],\"state\":\"active\","
        "\"created\":\"2026-11-24T06:03:29Z\",\"public\":\"AAAA\"}",
        "{\"name\":\"a\",\"kind\":\"ec-p256\",\"purposes\":[],\"state\":\"active\","
        "\"created\":\"2026-11-24T06:03:29Z\",\"public\":\"AAAA\"}",
        "{\"name\":\"a\",\"kind\":\"ec-p256\",\"purposes\":[\"sign\"],\"state\":\"x\","
        "\"created\":\"2026-11-24T06:03:29Z\",\"public\":\"AAAA\"}",
        "{\"name\":\"a\",\"kind\":\"ec-p256\",\"purposes\":[\"sign\"],"
        "\"state\":\"active\",\"created\":\"2026-11-24T06:03:29Z\"}",
        "{\"name\":\"a\",\"kind\":\"ec-p256\",\"purposes\":[\"sign\"],"
        "\"state\":\"active\",\"created\":\"2026-11-24T06:03:29Z\",\"public\":\"?\"}"};
    struct kh_named_key key = {0};
    struct kh_error err = {0};
    size_t count = 1;

    begin();
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        KH_CLEANUP_BUF struct kh_buf body = text_of(bodies[i]);
        KH_CLEANUP_BUF struct kh_buf out = {0};

        KH_ASSERT_FAILS(
            kh_wire_key(&client.host, &body, &key, &err), KH_UNAVAILABLE, err, "API");
        CU_ASSERT_EQUAL(key.public_len, 0);
        KH_ASSERT_FAILS(kh_wire_keys(&client.host, &body, &key, &count, &err),
            KH_UNAVAILABLE, err, "API");
        KH_ASSERT_FAILS(
            kh_wire_output(&client.host, &body, &out, &err), KH_UNAVAILABLE, err, "API");
        CU_ASSERT_PTR_NULL(out.data);
    }
    end();
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"a key is made, told and used", a_key_is_made_told_and_used},
        {"every path is found by its scheme", every_path_is_found_by_its_scheme},
        {"refusals come back as they were", refusals_come_back_as_they_were},
        {"keys are listed from a name on", keys_are_listed_from_a_name_on},
        {"a key goes, comes back and is destroyed",
            a_key_goes_and_comes_back_and_is_destroyed},
        {"a lost use is sent again", a_lost_use_is_sent_again},
        {"a lost create is made once or not known",
            a_lost_create_is_made_once_or_not_known},
        {"a lost purge is looked for", a_lost_purge_is_looked_for},
        {"a keyhsmd without named keys says so", a_keyhsmd_without_named_keys_says_so},
        {"answers that are none are refused", answers_that_are_none_are_refused},
    };

    return kh_test_main("keyhsm keys", tests, sizeof tests / sizeof tests[0]);
}
