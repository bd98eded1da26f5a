#include "core/deposit.h"
#include "core/record.h"
#include "core/secmem.h"
#include "tests/lib/testlib.h"

#include <openssl/crypto.h>
#include <string.h>

static struct kh_error err;

static void make(struct kh_deposit *d, const void *data, size_t len)
{
    memset(d, 0, sizeof *d);
    snprintf(d->name, sizeof d->name, "key1");
    d->version = 2;
    d->created = 1764000209;
    KH_ASSERT_OK_FATAL(kh_attrs_set(&d->attrs, "owner", "Jos\xc3\xa9 \"x\"", &err), err);
    KH_ASSERT_OK_FATAL(kh_buf_copy(&d->data, data, len, &err), err);
}

static void a_record_is_the_documented_json(void)
{
    static const char want[] =
        "{\"name\":\"key1\",\"version\":2,\"created\":\"2025-11-24T16:03:29Z\","
        "\"attributes\":{\"owner\":\"Jos\xc3\xa9 \\\"x\\\"\"},\"data\":\"AAECAw==\"}";
    struct kh_deposit d;
    struct kh_buf text = {0};

    make(&d, "\0\1\2\3", 4);
    KH_ASSERT_OK_FATAL(kh_record_encode(&d, &text, &err), err);
    CU_ASSERT_EQUAL(text.len, strlen(want));
    CU_ASSERT_NSTRING_EQUAL(text.data, want, strlen(want));
    CU_ASSERT_TRUE(CRYPTO_secure_allocated(text.data));
    kh_buf_free(&text);
    kh_deposit_free(&d);
}

static void round_trip(const void *data, size_t len)
{
    struct kh_deposit d;
    struct kh_deposit back;
    struct kh_buf text = {0};

    make(&d, data, len);
    KH_ASSERT_OK_FATAL(kh_record_encode(&d, &text, &err), err);
    KH_ASSERT_OK_FATAL(kh_record_decode(text.data, text.len, &back, &err), err);
    CU_ASSERT_TRUE(kh_deposit_equal(&d, &back));
    kh_buf_free(&text);
    kh_deposit_free(&d);
    kh_deposit_free(&back);
}

static void data_of_every_length_comes_back(void)
{
    static unsigned char big[KH_DATA_LIMIT];

    for (size_t i = 0; i < sizeof big; i++)
        big[i] = (unsigned char)(i * 7 + i / 256);
    for (size_t len = 0; len < 70; len++)
        round_trip(big, len);
    round_trip(big, KH_DATA_DEFAULT_MAX);
    round_trip(big, KH_DATA_LIMIT);
}

#define HEAD                                                                             \
    "{\"name\":\"k\",\"version\":0,\"created\":\"2025-11-24T16:03:29Z\",\"attributes\":"

static void what_is_not_a_record_is_corrupt(void)
{
    static const char *const bad[] = {
        "",
        "{",
        "[]",
        "null",
        "{}",
        "{\"name\":\"k\"}",
        HEAD "{},\"data\":\"AA==\",\"more\":1}",
        HEAD "{},\"data\":\"AA==\",\"data\":\"AA==\"}",
        HEAD "[],\"data\":\"AA==\"}",
        HEAD "{\"a\":1},\"data\":\"AA==\"}",
        HEAD "{\"\":\"x\"},\"data\":\"AA==\"}",
        HEAD "{\"a\":\"x\\u0000y\"},\"data\":\"AA==\"}",
        HEAD "{},\"data\":7}",
        HEAD "{},\"data\":\"A\"}",
        HEAD "{},\"data\":\"A A=\"}",
        HEAD "{},\"data\":\"AB==\"}",
        HEAD "{},\"data\":\"AA==\"} trailing",
        "{\"name\":\"\",\"version\":0,\"created\":\"2025-11-24T16:03:29Z\","
        "\"attributes\":{},\"data\":\"\"}",
        "{\"name\":\"k\\u0000\",\"version\":0,\"created\":\"2025-11-24T16:03:29Z\","
        "\"attributes\":{},\"data\":\"\"}",
        "{\"name\":\"k\",\"version\":-1,\"created\":\"2025-11-24T16:03:29Z\","
        "\"attributes\":{},\"data\":\"\"}",
        "{\"name\":\"k\",\"version\":2147483648,\"created\":\"2025-11-24T16:03:29Z\","
        "\"attributes\":{},\"data\":\"\"}",
        "{\"name\":\"k\",\"version\":1.5,\"created\":\"2025-11-24T16:03:29Z\","
        "\"attributes\":{},\"data\":\"\"}",
        "{\"name\":\"k\",\"version\":0,\"created\":\"yesterday\",\"attributes\":{},"
        "\"data\":\"\"}",
        "{\"name\":\"k\",\"version\":0,\"created\":\"2025-02-30T16:03:29Z\","
        "\"attributes\":{},\"data\":\"\"}",
    };

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct kh_deposit d;
        kh_status st =
            kh_record_decode((const unsigned char *)bad[i], strlen(bad[i]), &d, &err);

        if (st != KH_CORRUPT)
            fprintf(stderr, "    row %zu: status %d\n", i, (int)st);
        CU_ASSERT_EQUAL(st, KH_CORRUPT);
        CU_ASSERT_PTR_NULL(d.data.data);
        CU_ASSERT_PTR_NULL(d.attrs.list);
        CU_ASSERT_EQUAL(d.name[0], 0);
        if (st == KH_OK)
            kh_deposit_free(&d);
    }
}

static void a_name_longer_than_allowed_is_corrupt(void)
{
    char text[600];
    char name[KH_NAME_MAX + 2];
    struct kh_deposit d;

    memset(name, 'n', KH_NAME_MAX + 1);
    name[KH_NAME_MAX + 1] = '\0';
    snprintf(text, sizeof text,
        "{\"name\":\"%s\",\"version\":0,\"created\":\"2025-11-24T16:03:29Z\","
        "\"attributes\":{},"
        "\"data\":\"\"}",
        name);
    CU_ASSERT_EQUAL(kh_record_decode((const unsigned char *)text, strlen(text), &d, &err),
        KH_CORRUPT);
}

static void base64_is_strict(void)
{
    static const char *const bad[] = {"A", "AA", "AAA", "AA=A", "====", "A===", "AA==\n",
        "AB==", "AAB=", " AAA", "AA-_", "AAAA===="};
    struct kh_buf out = {0};

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CU_ASSERT_EQUAL(kh_base64_decode(bad[i], strlen(bad[i]), &out, &err), KH_INVALID);
        CU_ASSERT_PTR_NULL(out.data);
    }
    KH_ASSERT_OK(kh_base64_decode("", 0, &out, &err), err);
    CU_ASSERT_EQUAL(out.len, 0);
    KH_ASSERT_OK_FATAL(kh_base64_decode("Zm9vYg==", 8, &out, &err), err);
    CU_ASSERT_EQUAL(out.len, 4);
    CU_ASSERT_NSTRING_EQUAL(out.data, "foob", 4);
    kh_buf_free(&out);
}

static void times_round_trip_and_bad_ones_are_refused(void)
{
    static const int64_t good[] = {0, 1, 951782399, 1764000209, 4102444800};
    static const char *const bad[] = {"", "2025-11-24", "2025-11-24T16:03:29",
        "2025-11-24 16:03:29Z", "2025-13-24T16:03:29Z", "2025-11-24T16:03:29Zx",
        "2025-11-24T16:03:29+01:00"};
    char text[KH_TIME_LEN];
    int64_t back;

    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        kh_time_format(good[i], text);
        KH_ASSERT_OK(kh_time_parse(text, &back, &err), err);
        CU_ASSERT_EQUAL(back, good[i]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CU_ASSERT_EQUAL(kh_time_parse(bad[i], &back, &err), KH_INVALID);
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"a_record_is_the_documented_json", a_record_is_the_documented_json},
        {"data_of_every_length_comes_back", data_of_every_length_comes_back},
        {"what_is_not_a_record_is_corrupt", what_is_not_a_record_is_corrupt},
        {"a_name_longer_than_allowed_is_corrupt", a_name_longer_than_allowed_is_corrupt},
        {"base64_is_strict", base64_is_strict},
        {"times_round_trip_and_bad_ones_are_refused",
            times_round_trip_and_bad_ones_are_refused},
    };

    return kh_test_main("record", tests, sizeof tests / sizeof tests[0]);
}
