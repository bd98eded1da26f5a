/* Named keys in the daemon's JSON: what is asked for, what is read, what is refused. */
#include "programs/ktadmin/wire.h"

#include "core/secmem.h"
#include "tests/lib/testlib.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define FACTS(kind, purposes, more)                                                      \
    "{\"name\":\"web\",\"kind\":\"" kind "\",\"purposes\":" purposes                     \
    ",\"state\":\"active\",\"created\":\"2026-11-24T06:03:29Z\"" more "}"
#define GOOD FACTS("ec-p256", "[\"sign\"]", ",\"public\":\"AAEC\"")

/* Text as the body of an answer; points into the literal. */
static struct kh_buf body_of(const char *text)
{
    union {
        const char *in;
        unsigned char *out;
    } u = {.in = text};

    return (struct kh_buf){.data = u.out, .len = strlen(text), .cap = strlen(text)};
}

static bool is(const struct kh_buf *json, const char *wanted)
{
    json_t *a = json_loadb((const char *)json->data, json->len, 0, NULL);
    json_t *b = json_loads(wanted, 0, NULL);
    bool same = a && b && json_equal(a, b);

    json_decref(a);
    json_decref(b);
    return same;
}

static void a_wish_names_kind_and_purposes(void)
{
    const struct kh_named_key key = {.name = "web",
        .kind = KH_KIND_RSA_2048,
        .purposes = KH_KEY_SIGN | KH_KEY_DECRYPT};
    KH_CLEANUP_BUF struct kh_buf json = {0};
    struct kh_error err = {0};

    KH_ASSERT_OK(kh_wire_key_wish(&key, &json, &err), err);
    CU_ASSERT_TRUE(is(&json, "{\"name\":\"web\",\"kind\":\"rsa-2048\","
                             "\"purposes\":[\"sign\",\"decrypt\"]}"));
}

static void a_use_has_all_its_members(void)
{
    const struct kh_key_use use = {.scheme = KH_SCHEME_RSA_PSS,
        .hash = KH_HASH_SHA256,
        .mgf_hash = KH_HASH_SHA1,
        .salt_len = 20,
        .input = (const unsigned char *)"a\0b\377",
        .input_len = 4};
    KH_CLEANUP_BUF struct kh_buf json = {0};
    struct kh_error err = {0};

    KH_ASSERT_OK(kh_wire_key_use(&use, &json, &err), err);
    CU_ASSERT_TRUE(is(&json, "{\"scheme\":\"rsa-pss\",\"hash\":\"sha256\","
                             "\"mgf_hash\":\"sha1\",\"salt_len\":20,"
                             "\"input\":\"YQBi/w==\"}"));
}

static void a_key_is_read_whole(void)
{
    const struct kh_buf body = body_of(GOOD);
    const struct kh_buf aes = body_of(FACTS("aes-256", "[\"wrap\"]", ""));
    struct kh_named_key key;
    struct kh_error err = {0};

    KH_ASSERT_OK(kh_wire_key(&body, &key, &err), err);
    CU_ASSERT_STRING_EQUAL(key.name, "web");
    CU_ASSERT_EQUAL(key.kind, KH_KIND_EC_P256);
    CU_ASSERT_EQUAL(key.purposes, KH_KEY_SIGN);
    CU_ASSERT_EQUAL(key.state, KH_ACTIVE);
    CU_ASSERT_EQUAL(key.created, 1795500209);
    CU_ASSERT_TRUE(key.public_len == 3 && memcmp(key.public_key, "\0\1\2", 3) == 0);
    KH_ASSERT_OK(kh_wire_key(&aes, &key, &err), err);
    CU_ASSERT_EQUAL(key.public_len, 0);
}

static void what_is_no_key_is_refused(void)
{
    static const char *const bodies[] = {"[]", "{}",
        FACTS("dsa", "[\"sign\"]", ",\"public\":\"AAEC\""),
        FACTS("ec-p256", "[]", ",\"public\":\"AAEC\""),
        FACTS("ec-p256", "[\"fly\"]", ",\"public\":\"AAEC\""),
        FACTS("ec-p256", "[1]", ",\"public\":\"AAEC\""),
        FACTS("ec-p256", "[\"sign\"]", ""),
        FACTS("ec-p256", "[\"sign\"]", ",\"public\":\"\""),
        FACTS("ec-p256", "[\"sign\"]", ",\"public\":\"?\""),
        FACTS("ec-p256", "[\"sign\"]", ",\"public\":7")};
    struct kh_named_key key;
    struct kh_error err = {0};

    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        const struct kh_buf body = body_of(bodies[i]);

        KH_ASSERT_FAILS(kh_wire_key(&body, &key, &err), KH_UNAVAILABLE, err, "promises");
    }
}

static void a_public_half_over_the_limit_is_refused(void)
{
    char text[4096];
    char large[2048];
    struct kh_named_key key;
    struct kh_error err = {0};
    struct kh_buf body;

    memset(large, 'A', 1368);
    large[1368] = '\0'; /* 1026 bytes */
    snprintf(text, sizeof text,
        "{\"name\":\"web\",\"kind\":\"ec-p256\",\"purposes\":[\"sign\"],"
        "\"state\":\"active\",\"created\":\"2026-11-24T06:03:29Z\",\"public\":\"%s\"}",
        large);
    body = body_of(text);
    KH_ASSERT_FAILS(kh_wire_key(&body, &key, &err), KH_UNAVAILABLE, err, "promises");
}

static kh_status count(void *arg, const struct kh_named_key *key, struct kh_error *err)
{
    unsigned *seen = arg;

    (void)err;
    CU_ASSERT_STRING_EQUAL(key->name, "web");
    return ++*seen == 3 ? kh_fail(err, KH_BUSY, "enough") : KH_OK;
}

static void a_listing_is_walked(void)
{
    const struct kh_buf two = body_of("{\"keys\":[" GOOD "," GOOD "],\"next\":\"web\"}");
    const struct kh_buf last = body_of("{\"keys\":[],\"next\":null}");
    const struct kh_buf bare = body_of("{\"keys\":[" GOOD "]}");
    const struct kh_buf wrong = body_of("{\"keys\":[{}],\"next\":null}");
    const struct kh_buf none = body_of("{\"keys\":{},\"next\":7}");
    char next[KH_NAME_MAX + 1];
    struct kh_error err = {0};
    unsigned seen = 0;

    KH_ASSERT_OK(kh_wire_keys(&two, count, &seen, next, &err), err);
    CU_ASSERT_EQUAL(seen, 2);
    CU_ASSERT_STRING_EQUAL(next, "web");
    KH_ASSERT_OK(kh_wire_keys(&last, count, &seen, next, &err), err);
    CU_ASSERT_STRING_EQUAL(next, "");
    KH_ASSERT_FAILS(
        kh_wire_keys(&bare, count, &seen, next, &err), KH_BUSY, err, "enough");
    KH_ASSERT_FAILS(
        kh_wire_keys(&wrong, count, &seen, next, &err), KH_UNAVAILABLE, err, "key");
    KH_ASSERT_FAILS(
        kh_wire_keys(&none, count, &seen, next, &err), KH_UNAVAILABLE, err, "keys");
}

static void an_output_is_bytes(void)
{
    const struct kh_buf good = body_of("{\"output\":\"YQBi/w==\"}");
    const struct kh_buf wrong = body_of("{\"output\":\"YQBi/w\"}");
    KH_CLEANUP_BUF struct kh_buf out = {0};
    struct kh_error err = {0};

    KH_ASSERT_OK(kh_wire_output(&good, &out, &err), err);
    CU_ASSERT_TRUE(out.len == 4 && memcmp(out.data, "a\0b\377", 4) == 0);
    kh_buf_free(&out);
    KH_ASSERT_FAILS(kh_wire_output(&wrong, &out, &err), KH_UNAVAILABLE, err, "output");
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"a wish names kind and purposes", a_wish_names_kind_and_purposes},
        {"a use has all its members", a_use_has_all_its_members},
        {"a key is read whole", a_key_is_read_whole},
        {"what is no key is refused", what_is_no_key_is_refused},
        {"a public half over the limit is refused",
            a_public_half_over_the_limit_is_refused},
        {"a listing is walked", a_listing_is_walked},
        {"an output is bytes", an_output_is_bytes},
    };

    return kh_test_main("ktadmin_wire_key", tests, sizeof tests / sizeof tests[0]);
}
