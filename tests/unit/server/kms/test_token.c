#include "server/kms/token.h"
#include "server/kms/writable.h"

#include "tests/lib/testlib.h"

#include <stdlib.h>
#include <string.h>

static struct kh_error err;

static struct kms_token made(void)
{
    static const struct kms_ident ident = {
        "alice", "yarn", "root", 1795488629041, 1796093429041, 5, 20780};
    struct kms_token token = {0};

    token.ident_len = kms_ident_write(&ident, token.ident);
    for (size_t i = 0; i < KMS_MAC_LEN; i++)
        token.mac[i] = (unsigned char)(7 * i + 3);
    return token;
}

/* Numbers and their bytes, worked out by the rule of Hadoop's WritableUtils. */
static void numbers_have_hadoops_bytes(void)
{
    static const struct {
        int64_t number;
        const char *hex;
    } known[] = {{0, "00"}, {127, "7f"}, {-112, "90"}, {128, "8f80"}, {-113, "8770"},
        {255, "8fff"}, {256, "8e0100"}, {-256, "87ff"}, {-257, "860100"},
        {1795488629041, "8a01a20b764131"}, {INT64_MAX, "887fffffffffffffff"},
        {INT64_MIN, "807fffffffffffffff"}};

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        unsigned char bytes[16];
        char hex[40] = "";
        struct kms_writer writer = {bytes, bytes + sizeof bytes, false};
        struct kms_reader reader = {bytes, bytes, false};

        kms_write_number(&writer, known[i].number);
        for (unsigned char *p = bytes; p < writer.at; p++)
            (void)snprintf(hex + 2 * (p - bytes), 3, "%02x", *p);
        CU_ASSERT_STRING_EQUAL(hex, known[i].hex);
        reader.end = writer.at;
        CU_ASSERT_EQUAL(kms_read_number(&reader), known[i].number);
        CU_ASSERT_FALSE(reader.bad);
        CU_ASSERT_PTR_EQUAL(reader.at, reader.end);
        /* Cut anywhere, it is none. */
        for (reader.end = bytes; reader.end < writer.at; reader.end++) {
            reader.at = bytes;
            reader.bad = false;
            (void)kms_read_number(&reader);
            CU_ASSERT_TRUE(reader.bad);
        }
    }
}

static void longer_forms_of_numbers_are_refused(void)
{
    static const unsigned char longer[][4] = {
        {0x8f, 0x05}, {0x8f, 0x7f}, {0x8e, 0x00, 0x80}, {0x87, 0x6f}, {0x86, 0x00, 0x70}};

    for (size_t i = 0; i < sizeof longer / sizeof longer[0]; i++) {
        struct kms_reader reader = {longer[i], longer[i] + 4, false};

        CU_ASSERT_EQUAL(kms_read_number(&reader), 0);
        CU_ASSERT_TRUE(reader.bad);
    }
}

/* Made by a genuine Hadoop KMS, with its HMAC-SHA-1: the layout around it. */
static void an_identifier_of_a_genuine_server_is_read(void)
{
    /* 00 04 "root" 04 "yarn" 00 8a 01 a2 0b 76 41 31 8a 01 a2 2f 82 c5 31 02 02 */
    static const unsigned char genuine[] = {0x00, 0x04, 'r', 'o', 'o', 't', 0x04, 'y',
        'a', 'r', 'n', 0x00, 0x8a, 0x01, 0xa2, 0x0b, 0x76, 0x41, 0x31, 0x8a, 0x01, 0xa2,
        0x2f, 0x82, 0xc5, 0x31, 0x02, 0x02};
    unsigned char again[KMS_IDENT_MAX];
    struct kms_ident ident;
    char text[1200];

    KH_ASSERT_OK(kms_ident_parse(genuine, sizeof genuine, &ident, &err), err);
    kms_ident_text(&ident, text, sizeof text);
    CU_ASSERT_STRING_EQUAL(text,
        "(kms-dt owner=root, renewer=yarn, realUser=, issueDate=1795488629041, "
        "maxDate=1796093429041, sequenceNumber=2, masterKeyId=2)");
    CU_ASSERT_EQUAL(kms_ident_write(&ident, again), sizeof genuine);
    CU_ASSERT_EQUAL(memcmp(again, genuine, sizeof genuine), 0);
    for (size_t i = 0; i < sizeof genuine; i++)
        KH_ASSERT_FAILS(
            kms_ident_parse(genuine, i, &ident, &err), KH_INVALID, err, "identifier");
}

static void a_token_comes_back_as_it_was(void)
{
    struct kms_token token = made();
    struct kms_token back;
    char text[KMS_TOKEN_TEXT];

    kms_token_write(&token, NULL, text);
    CU_ASSERT_EQUAL(strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                 "0123456789-_"),
        strlen(text));
    KH_ASSERT_OK(kms_token_parse(text, &back, &err), err);
    CU_ASSERT_EQUAL(memcmp(&token, &back, sizeof token), 0);
    /* A client writes where it got it from into the service. */
    kms_token_write(&token, "kms://https@kt01;kt02:11371/kms", text);
    KH_ASSERT_OK(kms_token_parse(text, &back, &err), err);
    CU_ASSERT_EQUAL(memcmp(&token, &back, sizeof token), 0);
}

static void the_longest_names_fit(void)
{
    struct kms_ident ident = {
        .issued = INT64_MAX, .max = INT64_MIN, .sequence = INT32_MIN, .key = INT32_MAX};
    struct kms_ident back;
    struct kms_token token = {0};
    struct kms_token parsed;
    char text[KMS_TOKEN_TEXT];
    char service[256];

    memset(ident.owner, 'o', 255);
    memset(ident.renewer, 'r', 255);
    memset(ident.real_user, 'u', 255);
    memset(service, 's', 255);
    service[255] = '\0';
    token.ident_len = kms_ident_write(&ident, token.ident);
    KH_ASSERT_OK(kms_ident_parse(token.ident, token.ident_len, &back, &err), err);
    CU_ASSERT_EQUAL(memcmp(&ident, &back, sizeof ident), 0);
    kms_token_write(&token, service, text);
    KH_ASSERT_OK(kms_token_parse(text, &parsed, &err), err);
    CU_ASSERT_EQUAL(memcmp(&token, &parsed, sizeof token), 0);
}

/* Whatever is read from a changed text is another token, or none: nothing in it is
 * without effect. */
static void a_text_changed_in_any_byte_is_another_token_or_none(void)
{
    struct kms_token token = made();
    struct kms_token back;
    char text[KMS_TOKEN_TEXT];
    size_t len;

    kms_token_write(&token, NULL, text);
    len = strlen(text);
    for (size_t i = 0; i < len; i++) {
        char was = text[i];

        for (int c = 1; c < 256; c++) {
            if ((char)c == was)
                continue;
            text[i] = (char)c;
            if (kms_token_parse(text, &back, &err) == KH_OK)
                CU_ASSERT_NOT_EQUAL(memcmp(&token, &back, sizeof token), 0);
        }
        text[i] = '\0'; /* and a shorter one is none */
        CU_ASSERT_EQUAL(kms_token_parse(text, &back, &err), KH_INVALID);
        text[i] = was;
    }
}

static void texts_that_are_no_tokens_are_refused(void)
{
    static const char *const wrong[] = {"", "a", "abcd", "=", "AA==", "a b", "AAAA+",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "f39_f39_f39_"};
    struct kms_token back;
    char huge[3 * KMS_TOKEN_MAX];

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        KH_ASSERT_FAILS(kms_token_parse(wrong[i], &back, &err), KH_INVALID, err, "token");
        if (strlen(wrong[i]) > 3)
            CU_ASSERT_PTR_NULL(strstr(err.message, wrong[i]));
    }
    memset(huge, 'A', sizeof huge - 1);
    huge[sizeof huge - 1] = '\0';
    KH_ASSERT_FAILS(kms_token_parse(huge, &back, &err), KH_INVALID, err, "token");
}

static void identifiers_with_wrong_names_are_refused(void)
{
    static const unsigned char nul[] = {0, 3, 'a', 0, 'b', 0, 0, 0, 0, 0, 0};
    static const unsigned char latin[] = {0, 1, 0xe4, 0, 0, 0, 0, 0, 0};
    static const unsigned char version[] = {1, 0, 0, 0, 0, 0, 0, 0};
    static const unsigned char negative[] = {0, 0xff, 0, 0, 0, 0, 0, 0};
    static const unsigned char more[] = {0, 0, 0, 0, 0, 0, 0, 0, 0};
    static const unsigned char wide[] = {0, 0, 0, 0, 0, 0, 0x8b, 1, 0, 0, 0, 0, 0};
    struct kms_ident ident;

    CU_ASSERT_EQUAL(kms_ident_parse(more, 8, &ident, &err), KH_OK);
#define REFUSED(bytes)                                                                   \
    CU_ASSERT_EQUAL(kms_ident_parse(bytes, sizeof bytes, &ident, &err), KH_INVALID)
    REFUSED(nul);
    REFUSED(latin);
    REFUSED(version);
    REFUSED(negative);
    REFUSED(more);
    REFUSED(wide);
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"numbers have Hadoop's bytes", numbers_have_hadoops_bytes},
        {"longer forms of numbers are refused", longer_forms_of_numbers_are_refused},
        {"an identifier of a genuine server is read",
            an_identifier_of_a_genuine_server_is_read},
        {"a token comes back as it was", a_token_comes_back_as_it_was},
        {"the longest names fit", the_longest_names_fit},
        {"a text changed in any byte is another token, or none",
            a_text_changed_in_any_byte_is_another_token_or_none},
        {"texts that are no tokens are refused", texts_that_are_no_tokens_are_refused},
        {"identifiers with wrong names are refused",
            identifiers_with_wrong_names_are_refused},
    };

    return kh_test_main("kms token", tests, sizeof tests / sizeof tests[0]);
}
