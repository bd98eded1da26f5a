/* What the KMS reads: base64, JSON, names, bodies. */
#include "server/kms/base64.h"
#include "server/kms/eek.h"
#include "server/kms/names.h"
#include "server/kms/scan.h"
#include "server/kms/wanted.h"

#include "core/deposit.h"
#include "tests/lib/testlib.h"

#include <stdlib.h>
#include <string.h>

/* ---- base64 ---- */

static void what_was_encoded_decodes(void)
{
    unsigned char data[64];
    unsigned char back[64];
    char text[96];
    size_t used;

    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (unsigned char)(i * 151 + 17);
    for (size_t len = 0; len <= sizeof data; len++) {
        size_t chars = kh_kms_base64_length(len);

        kh_kms_base64_encode(data, len, text);
        CU_ASSERT_TRUE(kh_kms_base64_decode(text, chars, back, len, &used));
        CU_ASSERT_EQUAL(used, len);
        CU_ASSERT_EQUAL(memcmp(back, data, len), 0);
        if (len > 0)
            CU_ASSERT_FALSE(kh_kms_base64_decode(text, chars, back, len - 1, &used));
    }
}

static bool decodes(const char *text, const char *wanted)
{
    unsigned char out[16];
    size_t used;

    return kh_kms_base64_decode(text, strlen(text), out, sizeof out, &used) &&
           used == strlen(wanted) && memcmp(out, wanted, used) == 0;
}

static void both_alphabets_with_and_without_padding(void)
{
    CU_ASSERT_TRUE(decodes("_-8=", "\xff\xef"));
    CU_ASSERT_TRUE(decodes("/+8=", "\xff\xef"));
    CU_ASSERT_TRUE(decodes("/+8", "\xff\xef"));
    CU_ASSERT_TRUE(decodes("_w==", "\xff"));
    CU_ASSERT_TRUE(decodes("_w", "\xff"));
    CU_ASSERT_TRUE(decodes("", ""));
}

static void what_no_encoder_writes_is_refused(void)
{
    static const char *const bad[] = {"A", "AAAAA", "_w=", "_w===", "====", "=", "A=AA",
        "AA AA", "AA\nAA", "_x", "_x==", "AAB", "A*AA", "AAA=AAAA"};

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CU_ASSERT_FALSE(decodes(bad[i], ""));
}

/* ---- JSON ---- */

static bool skips(const char *text)
{
    struct kh_kms_scan scan;

    kh_kms_scan_begin(&scan, (const unsigned char *)text, strlen(text));
    return kh_kms_scan_skip(&scan) && kh_kms_scan_end(&scan);
}

static void values_are_passed_over(void)
{
    static const char *const good[] = {"{}", "[]", " { } ", "[1,-0,0.5,1e9,-2.5E-3]",
        "{\"a\":[{\"b\":null},true,false,\"\\u00e9\\/\\n\"],\"c\":{}}", "\"\"", "null",
        "[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]"};
    static const char *const bad[] = {"", " ", "{", "[", "{\"a\"}", "{\"a\":}", "{a:1}",
        "[1,]", "{\"a\":1,}", "[1 2]", "[,1]", "{}{}", "[] x", "nul", "truex", "01", "-",
        "1.", "1e", ".5", "+1", "\"\x01\"", "\"\\x\"", "\"\\u12\"", "\"\\u0000\"",
        "\"\\ud800\"", "\"\\udc00\"", "\"\\ud800\\u0041\"", "\"", "\"\\", "[}", "{]",
        "[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]"};

    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        CU_ASSERT_TRUE(skips(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CU_ASSERT_FALSE(skips(bad[i]));
}

static bool reads(const char *text, const char *wanted, size_t size)
{
    struct kh_kms_scan scan;
    char out[64];
    size_t len;

    kh_kms_scan_begin(&scan, (const unsigned char *)text, strlen(text));
    return kh_kms_scan_string(&scan, out, size, &len) && kh_kms_scan_end(&scan) &&
           len == strlen(wanted) && strcmp(out, wanted) == 0;
}

static void strings_are_decoded(void)
{
    CU_ASSERT_TRUE(reads("\"a\\/b\\\\\\\"\\t\"", "a/b\\\"\t", 64));
    CU_ASSERT_TRUE(reads("\"\\u00e9\\u20ac\\ud83d\\ude00\"", "é€😀", 64));
    CU_ASSERT_TRUE(reads("\"é\"", "é", 3));
    CU_ASSERT_FALSE(reads("\"é\"", "é", 2));
    CU_ASSERT_FALSE(reads("\"\xff\"", "\xff", 64));
    CU_ASSERT_FALSE(reads("7", "7", 64));
}

static void numbers_are_whole_and_bounded(void)
{
    static const char *const bad[] = {
        "1.0", "1e2", "\"1\"", "9223372036854775808", "-", "", "null", "00", "0x10"};
    struct kh_kms_scan scan;
    int64_t n;

    kh_kms_scan_begin(&scan, (const unsigned char *)"-9223372036854775807", 20);
    CU_ASSERT_TRUE(kh_kms_scan_integer(&scan, &n) && kh_kms_scan_end(&scan));
    CU_ASSERT_EQUAL(n, -INT64_MAX);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        kh_kms_scan_begin(&scan, (const unsigned char *)bad[i], strlen(bad[i]));
        CU_ASSERT_FALSE(kh_kms_scan_integer(&scan, &n) && kh_kms_scan_end(&scan));
    }
}

/* ---- names ---- */

static void versions_divide_at_the_last_at(void)
{
    struct kh_kms_version v;
    struct kh_error err = {0};

    KH_ASSERT_OK(kh_kms_version_parse("k1@0", &v, &err), err);
    CU_ASSERT_STRING_EQUAL(v.name, "k1");
    CU_ASSERT_EQUAL(v.number, 0);
    KH_ASSERT_OK(kh_kms_version_parse("K.a-b_c@2147483647", &v, &err), err);
    CU_ASSERT_EQUAL(v.number, KH_VERSION_MAX);
    CU_ASSERT_EQUAL(kh_kms_version_parse("k1", &v, &err), KH_INVALID);
}

static void what_no_version_is_called_is_not_found(void)
{
    static const char *const bad[] = {"k1@", "@0", "k1@-1", "k1@00", "k1@1x", "a@b@0",
        "k1@2147483648", "k1@99999999999", "a b@0", "a/b@0", ".@0"};
    struct kh_kms_version v;
    struct kh_error err = {0};

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CU_ASSERT_EQUAL(kh_kms_version_parse(bad[i], &v, &err), KH_NOT_FOUND);
}

static void the_longest_version_fits(void)
{
    char path[1024] = "/kms/v1/keyversion/";
    char text[KH_KMS_VERSION_NAME];
    struct kh_kms_version v;
    struct kh_error err = {0};
    char *name = path + strlen(path);

    memset(name, 'k', 255);
    memcpy(name + 255, "%402147483647/_eek", 19);
    KH_ASSERT_OK(kh_kms_segment(path, "/kms/v1/keyversion/", text, &err), err);
    KH_ASSERT_OK(kh_kms_version_parse(text, &v, &err), err);
    CU_ASSERT_EQUAL(strlen(v.name), 255);
    CU_ASSERT_EQUAL(v.number, KH_VERSION_MAX);
    memmove(name + 1, name, strlen(name) + 1);
    CU_ASSERT_EQUAL(kh_kms_segment(path, "/kms/v1/keyversion/", text, &err), KH_INVALID);
}

static void query_values_are_found(void)
{
    const char *from = "user.name=x&key=a%2eb&key=c+d&nokey=1&key=&other";
    char out[16];
    struct kh_error err = {0};

    KH_ASSERT_OK(kh_kms_query(&from, "key", out, sizeof out, &err), err);
    CU_ASSERT_STRING_EQUAL(out, "a.b");
    KH_ASSERT_OK(kh_kms_query(&from, "key", out, sizeof out, &err), err);
    CU_ASSERT_STRING_EQUAL(out, "c d");
    KH_ASSERT_OK(kh_kms_query(&from, "key", out, sizeof out, &err), err);
    CU_ASSERT_STRING_EQUAL(out, "");
    CU_ASSERT_EQUAL(kh_kms_query(&from, "key", out, sizeof out, &err), KH_NOT_FOUND);
    from = "key=%zz";
    CU_ASSERT_EQUAL(kh_kms_query(&from, "key", out, sizeof out, &err), KH_INVALID);
    from = "key=0123456789abcdefg";
    CU_ASSERT_EQUAL(kh_kms_query(&from, "key", out, sizeof out, &err), KH_INVALID);
}

/* ---- bodies ---- */

static kh_status want(const char *text, struct kh_kms_wanted *out, struct kh_error *err)
{
    return kh_kms_wanted_parse((const unsigned char *)text, strlen(text), out, err);
}

static void a_new_key_is_read(void)
{
    KH_CLEANUP_WANTED struct kh_kms_wanted w = {0};
    struct kh_error err = {0};

    KH_ASSERT_OK(want("{\"name\":\"k\",\"cipher\":\"AES/CTR/NoPadding\",\"length\":256,"
                      "\"material\":\"-_v7-_v7-_v7-_v7-_v7-w==\",\"description\":\"d\","
                      "\"attributes\":{\"a\":\"b\"},\"frob\":[{}]}",
                     &w, &err),
        err);
    CU_ASSERT_TRUE(w.has_name);
    CU_ASSERT_STRING_EQUAL(w.name, "k");
    CU_ASSERT_EQUAL(w.bits, 256);
    CU_ASSERT_EQUAL(w.material.len, 16);
    CU_ASSERT_STRING_EQUAL(kh_attrs_get(&w.attrs, "kms.attr.a"), "b");
    CU_ASSERT_STRING_EQUAL(kh_attrs_get(&w.attrs, "kms.description"), "d");
}

static void null_is_not_given(void)
{
    KH_CLEANUP_WANTED struct kh_kms_wanted w = {0};
    struct kh_error err = {0};

    KH_ASSERT_OK(
        want("{\"name\":null,\"material\":null,\"length\":null}", &w, &err), err);
    CU_ASSERT_FALSE(w.has_name);
    CU_ASSERT_EQUAL(w.material.len, 0);
}

static void wrong_bodies_are_refused(void)
{
    static const char *const bad[] = {"", "[]", "{", "{\"name\":1}",
        "{\"length\":\"128\"}", "{\"length\":1.5}", "{\"name\":\"a\",\"name\":\"b\"}",
        "{\"attributes\":[]}", "{\"attributes\":{\"a\":1}}",
        "{\"attributes\":{\"\":\"b\"}}", "{\"attributes\":{\"a\":\"b\",\"a\":\"c\"}}",
        "{\"material\":\"*\"}", "{\"material\":\"\"}", "{\"name\":\"a\"} x", "null"};
    struct kh_error err = {0};

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        KH_CLEANUP_WANTED struct kh_kms_wanted w = {0};

        CU_ASSERT_EQUAL(want(bad[i], &w, &err), KH_INVALID);
        CU_ASSERT_TRUE(*err.message);
    }
}

static bool eek(const char *text, struct kh_kms_eek *out)
{
    struct kh_kms_scan scan;

    kh_kms_scan_begin(&scan, (const unsigned char *)text, strlen(text));
    return kh_kms_eek_scan(&scan, out) && kh_kms_scan_end(&scan);
}

static void encrypted_keys_are_read(void)
{
    struct kh_kms_eek e;

    CU_ASSERT_TRUE(
        eek("{\"name\":\"k1\",\"iv\":\"tPo5dUSw0dnF8lcrXi2dfA==\",\"material\":"
            "\"aNfks6RpdiML7GZv\\/4NlEQ\"}",
            &e));
    CU_ASSERT_TRUE(e.has_name && e.has_iv && e.has_material && !e.has_inner);
    CU_ASSERT_EQUAL(e.iv_len, 16);
    CU_ASSERT_EQUAL(e.len, 16);
    CU_ASSERT_TRUE(
        eek("{\"versionName\":\"k1@0\",\"iv\":\"AAAA\",\"encryptedKeyVersion\":{"
            "\"versionName\":\"EEK\",\"name\":\"k\",\"material\":\"AAAA\"}}",
            &e));
    CU_ASSERT_TRUE(e.has_inner && e.has_version && e.has_material && !e.has_name);
    CU_ASSERT_STRING_EQUAL(e.inner_version, "EEK");
    CU_ASSERT_TRUE(eek("{\"iv\":null}", &e));
    CU_ASSERT_FALSE(e.has_iv);
    CU_ASSERT_FALSE(eek("{\"iv\":\"AAAA\",\"iv\":\"AAAA\"}", &e));
    CU_ASSERT_FALSE(eek("{\"iv\":7}", &e));
    CU_ASSERT_FALSE(eek("{\"encryptedKeyVersion\":\"EEK\"}", &e));
    CU_ASSERT_FALSE(eek("[]", &e));
}

static void encrypted_material_has_a_bound(void)
{
    size_t chars = kh_kms_base64_length(KH_KMS_EEK_MAX);
    char *text = malloc(chars + 64);
    struct kh_kms_eek *e = malloc(sizeof *e);

    CU_ASSERT_TRUE_FATAL(text && e);
    snprintf(text, chars + 64, "{\"material\":\"%*s\"}", (int)chars, "");
    memset(strchr(text, ' '), 'A', chars);
    CU_ASSERT_TRUE(eek(text, e));
    CU_ASSERT_EQUAL(e->len, KH_KMS_EEK_MAX);
    snprintf(text, chars + 64, "{\"material\":\"%*s\"}", (int)chars + 2, "");
    memset(strchr(text, ' '), 'A', chars + 2);
    CU_ASSERT_FALSE(eek(text, e));
    free(text);
    free(e);
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"what was encoded decodes", what_was_encoded_decodes},
        {"both alphabets, with and without padding",
            both_alphabets_with_and_without_padding},
        {"what no encoder writes is refused", what_no_encoder_writes_is_refused},
        {"values are passed over", values_are_passed_over},
        {"strings are decoded", strings_are_decoded},
        {"numbers are whole and bounded", numbers_are_whole_and_bounded},
        {"versions divide at the last at", versions_divide_at_the_last_at},
        {"what no version is called is not found",
            what_no_version_is_called_is_not_found},
        {"the longest version fits", the_longest_version_fits},
        {"query values are found", query_values_are_found},
        {"a new key is read", a_new_key_is_read},
        {"null is not given", null_is_not_given},
        {"wrong bodies are refused", wrong_bodies_are_refused},
        {"encrypted keys are read", encrypted_keys_are_read},
        {"encrypted material has a bound", encrypted_material_has_a_bound},
    };

    return kh_test_main("kms parse", tests, sizeof tests / sizeof tests[0]);
}
