#include "server/audit_line.h"

#include "core/deposit.h"
#include "tests/lib/testlib.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"

static const struct kh_audit_entry plain = {
    "id-1", "CN=alice", "3f0c", "get", "key", "0", NULL, NULL, 200};

static char line[KH_AUDIT_LINE_MAX];

/* Makes the line of ENTRY behind the origin; its length without the newline. */
static size_t make(const struct kh_audit_entry *entry, struct kh_audit_link *link)
{
    size_t len;

    *link = (struct kh_audit_link)KH_AUDIT_ORIGIN;
    len = kh_audit_line_make(line, entry, NULL, link);
    CU_ASSERT_FATAL(len > 1 && len <= sizeof line);
    CU_ASSERT_EQUAL(line[len - 1], '\n');
    CU_ASSERT_PTR_EQUAL(memchr(line, '\n', len), line + len - 1);
    return len - 1;
}

/* The member NAME of the line, by jansson's own parser. */
static void member_is(size_t len, const char *name, const char *wanted)
{
    json_error_t error;
    json_t *object = json_loadb(line, len, JSON_REJECT_DUPLICATES, &error);
    const char *got = json_string_value(json_object_get(object, name));

    CU_ASSERT_PTR_NOT_NULL(object);
    if (!got || strcmp(got, wanted) != 0)
        fprintf(stderr, "    %s: '%s', wanted '%s'\n", name, got ? got : "", wanted);
    CU_ASSERT(got && strcmp(got, wanted) == 0);
    json_decref(object);
}

static void a_line_has_the_documented_form(void)
{
    struct kh_audit_link link;
    size_t len = make(&plain, &link);
    const char *after = strchr(line + 17, '"'); /* behind the time */
    char want[400];

    CU_ASSERT_EQUAL(strncmp(line, "{\"seq\":1,\"time\":\"2", 18), 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(after);
    CU_ASSERT_EQUAL(after[-1], 'Z');
    CU_ASSERT_EQUAL(after - (line + 17), 24);
    (void)snprintf(want, sizeof want,
        "\",\"id\":\"id-1\",\"principal\":\"CN=alice\",\"certificate\":\"3f0c\","
        "\"operation\":\"get\",\"deposit\":\"key\",\"version\":\"0\",\"status\":200,"
        "\"prev\":\"" ZEROS "\",\"hash\":\"%s\"}",
        link.hash);
    CU_ASSERT_EQUAL(strlen(want), len - (size_t)(after - line));
    CU_ASSERT_EQUAL(memcmp(after, want, strlen(want)), 0);
    CU_ASSERT_EQUAL(link.seq, 1);
}

static void the_next_line_refers_to_the_one_before(void)
{
    struct kh_audit_facts facts;
    struct kh_audit_link link;
    struct kh_audit_link first;
    size_t len;

    (void)make(&plain, &link);
    first = link;
    len = kh_audit_line_make(line, &plain, NULL, &link);
    CU_ASSERT_EQUAL(link.seq, 2);
    CU_ASSERT_PTR_NULL(kh_audit_line_fault(line, len - 1, &facts));
    CU_ASSERT_EQUAL(facts.link.seq, 2);
    CU_ASSERT_STRING_EQUAL(facts.link.hash, link.hash);
    CU_ASSERT_STRING_EQUAL(facts.prev, first.hash);
    CU_ASSERT_FALSE(facts.recover);
}

static void absent_strings_are_empty(void)
{
    static const struct kh_audit_entry none = {.status = -1};
    struct kh_audit_link link;
    size_t len = make(&none, &link);

    member_is(len, "principal", "");
    member_is(len, "deposit", "");
    CU_ASSERT_PTR_NOT_NULL(strstr(line, "\"status\":-1,"));
}

static void control_characters_and_quotes_are_escaped(void)
{
    struct kh_audit_entry entry = plain;
    struct kh_audit_link link;
    size_t len;

    entry.deposit = "a\"b\\c\nd\te\x01\x7f/\xc3\xa4\xf0\x9f\x94\x91";
    len = make(&entry, &link);
    member_is(len, "deposit", entry.deposit);
    CU_ASSERT_PTR_NOT_NULL(strstr(line, "a\\\"b\\\\c\\u000ad\\u0009e\\u0001\\u007f/"));
}

static void an_entry_cannot_be_forged_through_a_field(void)
{
    struct kh_audit_entry entry = plain;
    struct kh_audit_link link;
    size_t len;

    entry.id = "x\",\"principal\":\"CN=root\",\"id\":\"y";
    entry.deposit = "\"}\n{\"seq\":2}";
    len = make(&entry, &link);
    member_is(len, "id", entry.id);
    member_is(len, "principal", "CN=alice");
    member_is(len, "deposit", entry.deposit);
}

static void bytes_that_are_not_utf8_are_replaced(void)
{
    struct kh_audit_entry entry = plain;
    struct kh_audit_link link;
    size_t len;

    entry.deposit = "a\xff\xc3(\xed\xa0\x80\xf4\x90\x80\x80z\xc3";
    len = make(&entry, &link);
    CU_ASSERT(kh_utf8_valid(line, len));
    CU_ASSERT_PTR_NOT_NULL(strstr(line,
        "\"a\\ufffd\\ufffd(\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\\ufffdz\\ufffd\""));
}

static void every_single_byte_gives_a_line_that_is_read_back(void)
{
    for (int c = 1; c < 256; c++) {
        char text[2] = {(char)c, '\0'};
        struct kh_audit_entry entry = plain;
        struct kh_audit_facts facts;
        struct kh_audit_link link;
        size_t len;

        entry.principal = text;
        len = make(&entry, &link);
        CU_ASSERT_PTR_NULL(kh_audit_line_fault(line, len, &facts));
        member_is(len, "principal", c < 0x80 ? text : "\xef\xbf\xbd");
    }
}

static void short_names_stand_there_when_they_are_known(void)
{
    struct kh_audit_entry entry = plain;
    struct kh_audit_link link;
    size_t len = make(&entry, &link);

    CU_ASSERT_PTR_NULL(memmem(line, len, "user\"", 5));
    entry.user = "hdfs";
    len = make(&entry, &link);
    member_is(len, "user", "hdfs");
    CU_ASSERT_PTR_NULL(memmem(line, len, "real_user", 9));
    entry.real_user = "knox";
    len = make(&entry, &link);
    member_is(len, "user", "hdfs");
    member_is(len, "real_user", "knox");
}

static void the_longest_fields_fit(void)
{
    static const char bytes[] = {'\x01', '\xff', '"', 'a'};
    char text[600];

    for (size_t i = 0; i < sizeof bytes; i++) {
        struct kh_audit_facts facts;
        struct kh_audit_link link = {UINT64_MAX / 2 - 1, ZEROS};
        const struct kh_audit_torn torn = {UINT64_MAX / 2, ZEROS};
        size_t len;

        memset(text, bytes[i], sizeof text - 1);
        text[sizeof text - 1] = '\0';
        len = kh_audit_line_make(line,
            &(struct kh_audit_entry){
                text, text, text, text, text, text, text, text, -2147483647},
            &torn, &link);
        CU_ASSERT_EQUAL(line[len - 1], '\n');
        CU_ASSERT_PTR_NULL(kh_audit_line_fault(line, len - 1, &facts));
        CU_ASSERT_EQUAL(facts.link.seq, UINT64_MAX / 2);
    }
    member_is(strcspn(line, "\n"), "deposit", text + sizeof text - 1 - 512);
}

static void a_character_that_the_limit_cuts_is_replaced(void)
{
    struct kh_audit_entry entry = plain;
    struct kh_audit_link link;
    char text[514];
    size_t len;

    memset(text, 'a', 511);
    memcpy(text + 511, "\xc3\xa4", 3);
    entry.deposit = text;
    len = make(&entry, &link);
    CU_ASSERT(kh_utf8_valid(line, len));
    CU_ASSERT_PTR_NOT_NULL(strstr(line, "aa\\ufffd\",\"version\""));
}

static void every_changed_byte_is_noticed(void)
{
    struct kh_audit_facts facts;
    struct kh_audit_link link;
    size_t len = make(&plain, &link);

    for (size_t i = 0; i < len; i++) {
        line[i] ^= 1;
        CU_ASSERT_PTR_NOT_NULL(kh_audit_line_fault(line, len, &facts));
        line[i] ^= 1;
    }
    for (size_t i = 0; i < len; i++)
        CU_ASSERT_PTR_NOT_NULL(kh_audit_line_fault(line, i, &facts));
    CU_ASSERT_PTR_NULL(kh_audit_line_fault(line, len, &facts));
}

/* TEXT with its right hash is no entry all the same. */
static void not_an_entry(const char *text, const char *word)
{
    char sealed[1000];
    char hash[KH_AUDIT_HASH];
    struct kh_audit_facts facts;
    const char *fault;
    size_t len = strlen(text);

    CU_ASSERT_FATAL(kh_audit_hash(text, len, hash));
    (void)snprintf(
        sealed, sizeof sealed, "%.*s,\"hash\":\"%s\"}", (int)len - 1, text, hash);
    fault = kh_audit_line_fault(sealed, strlen(sealed), &facts);
    if (!fault || !strstr(fault, word))
        fprintf(stderr, "    %s: %s\n", text, fault ? fault : "no fault");
    CU_ASSERT(fault && strstr(fault, word));
}

static void a_right_hash_does_not_make_an_entry(void)
{
    not_an_entry("{\"seq\":1,\"prev\":\"" ZEROS "\"}", "lacks a part");
    not_an_entry("{\"operation\":\"x\",\"prev\":\"" ZEROS "\"}", "lacks a part");
    not_an_entry(
        "{\"seq\":0,\"operation\":\"x\",\"prev\":\"" ZEROS "\"}", "lacks a part");
    not_an_entry(
        "{\"seq\":-1,\"operation\":\"x\",\"prev\":\"" ZEROS "\"}", "lacks a part");
    not_an_entry("{\"seq\":1,\"operation\":\"x\",\"prev\":\"00\"}", "lacks a part");
    not_an_entry(
        "{\"seq\":1,\"operation\":\"audit.recover\",\"prev\":\"" ZEROS "\"}", "lacks");
    not_an_entry("{\"seq\":1,\"seq\":2,\"operation\":\"x\",\"prev\":\"" ZEROS "\"}",
        "is no entry");
    not_an_entry("nonsense}", "is no entry");
}

static void a_recovery_says_what_it_answers_for(void)
{
    static const struct kh_audit_entry recover = {.operation = KH_AUDIT_RECOVER};
    struct kh_audit_torn torn = {17, ""};
    struct kh_audit_link link = KH_AUDIT_ORIGIN;
    struct kh_audit_facts facts;
    size_t len;

    CU_ASSERT_FATAL(kh_audit_hash("abc", 3, torn.hash));
    CU_ASSERT_STRING_EQUAL(
        torn.hash, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    len = kh_audit_line_make(line, &recover, &torn, &link);
    CU_ASSERT_PTR_NULL(kh_audit_line_fault(line, len - 1, &facts));
    CU_ASSERT(facts.recover);
    CU_ASSERT_EQUAL(facts.torn.bytes, 17);
    CU_ASSERT_STRING_EQUAL(facts.torn.hash, torn.hash);
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"a line has the documented form", a_line_has_the_documented_form},
        {"the next line refers to the one before",
            the_next_line_refers_to_the_one_before},
        {"absent strings are empty", absent_strings_are_empty},
        {"control characters and quotes are escaped",
            control_characters_and_quotes_are_escaped},
        {"an entry cannot be forged through a field",
            an_entry_cannot_be_forged_through_a_field},
        {"bytes that are not UTF-8 are replaced", bytes_that_are_not_utf8_are_replaced},
        {"every single byte gives a line that is read back",
            every_single_byte_gives_a_line_that_is_read_back},
        {"short names stand there when they are known",
            short_names_stand_there_when_they_are_known},
        {"the longest fields fit", the_longest_fields_fit},
        {"a character that the limit cuts is replaced",
            a_character_that_the_limit_cuts_is_replaced},
        {"every changed byte is noticed", every_changed_byte_is_noticed},
        {"a right hash does not make an entry", a_right_hash_does_not_make_an_entry},
        {"a recovery says what it answers for", a_recovery_says_what_it_answers_for},
    };

    return kh_test_main("server audit line", tests, sizeof tests / sizeof tests[0]);
}
