/* What a verification finds in a log that somebody has worked on. */
#include "tests/unit/server/audit_lab.h"

#include "server/audit_line.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct kh_audit_report report;

/* The log is broken at LINE (0: as a whole), with WORD in the message. */
static void broken(unsigned line, const char *word)
{
    char where[512];

    KH_ASSERT_FAILS(lab_verify(NULL, &report), KH_CORRUPT, err, word);
    (void)snprintf(where, sizeof where, "%s:%u: ", lab_path, line);
    if (strncmp(err.message, where, strlen(where)) != 0)
        fprintf(stderr, "    wanted %s in front of: %s\n", where, err.message);
    CU_ASSERT_EQUAL(strncmp(err.message, where, strlen(where)), 0);
}

/* Where line N (from 1) begins; N one more than there are: the end. */
static size_t line_at(const char *text, unsigned n)
{
    const char *p = text;

    while (--n > 0)
        p = strchr(p, '\n') + 1;
    return (size_t)(p - text);
}

/* Puts lines, named by their numbers, into the file in the order of ORDER. */
static void arrange(const char *text, const char *order)
{
    size_t room = 2 * strlen(text) + 1;
    char *out = calloc(1, room);
    size_t len = 0;

    CU_ASSERT_PTR_NOT_NULL_FATAL(out);
    for (const char *o = order; *o; o++) {
        size_t from = line_at(text, (unsigned)(*o - '0'));
        size_t to = line_at(text, (unsigned)(*o - '0') + 1);

        memcpy(out + len, text + from, to - from);
        len += to - from;
    }
    lab_overwrite(out, len);
    free(out);
}

static void a_log_without_fault_is_counted(void)
{
    lab_fill(4);
    KH_ASSERT_OK(lab_verify(NULL, &report), err);
    CU_ASSERT_EQUAL(report.entries, 5);
    CU_ASSERT_EQUAL(report.first, 1);
    CU_ASSERT_EQUAL(report.last, 5);
    CU_ASSERT_EQUAL(report.torn, 0);
    CU_ASSERT_EQUAL(strspn(report.head, "0123456789abcdef"), 64);
}

static void an_empty_log_has_no_entries(void)
{
    lab_new();
    lab_overwrite("", 0);
    KH_ASSERT_OK(lab_verify(NULL, &report), err);
    CU_ASSERT_EQUAL(report.entries, 0);
    CU_ASSERT_EQUAL(strspn(report.head, "0"), 64);
}

static void an_edited_byte_is_found_wherever_it_is(void)
{
    size_t len;
    char *text;

    lab_fill(3);
    text = lab_text("", &len);
    for (size_t i = 0; i < len; i++) {
        unsigned line = 1;

        for (size_t j = 0; j < i; j++)
            line += text[j] == '\n';
        text[i] ^= 4;
        lab_overwrite(text, len);
        text[i] ^= 4;
        /* A log that ends torn is what a crash leaves; its newline is no part of it. */
        if (i + 1 == len)
            continue;
        broken(line, "");
    }
    free(text);
}

static void an_edited_value_is_named(void)
{
    size_t len;
    char *text;

    lab_fill(3);
    text = lab_text("", &len);
    *strstr(text, "k2") = 'j';
    lab_overwrite(text, len);
    broken(3, "was changed: its hash does not fit");
    CU_ASSERT_EQUAL(report.last, 2);
    free(text);
}

static void an_entry_made_anew_is_found_in_the_next(void)
{
    struct kh_audit_link link = KH_AUDIT_ORIGIN;
    struct kh_audit_facts facts;
    char line[KH_AUDIT_LINE_MAX];
    size_t from;
    size_t to;
    size_t len;
    size_t n;
    char *text;
    char *forged;

    lab_fill(3);
    text = lab_text("", &len);
    from = line_at(text, 3);
    to = line_at(text, 4);
    n = line_at(text, 2);
    CU_ASSERT_PTR_NULL(kh_audit_line_fault(text + n, from - n - 1, &facts));
    link = facts.link;
    n = kh_audit_line_make(
        line, &(struct kh_audit_entry){.operation = "nothing"}, NULL, &link);
    forged = calloc(1, len + n);
    CU_ASSERT_PTR_NOT_NULL_FATAL(forged);
    memcpy(forged, text, from);
    memcpy(forged + from, line, n);
    memcpy(forged + from + n, text + to, len - to);
    lab_overwrite(forged, from + n + len - to);
    broken(4, "entry 4 was made behind another entry 3: that one was replaced");
    free(forged);
    free(text);
}

static void deleted_lines_are_found(void)
{
    size_t len;
    char *text;

    lab_fill(4);
    text = lab_text("", &len);
    arrange(text, "1345");
    broken(2, "entry 3 follows entry 1: lines are missing");
    arrange(text, "125");
    broken(3, "entry 5 follows entry 2: lines are missing");
    free(text);
}

static void lines_that_were_swapped_are_found(void)
{
    size_t len;
    char *text;

    lab_fill(4);
    text = lab_text("", &len);
    arrange(text, "13245");
    broken(
        2, "entry 3 follows entry 1; entry 2 stands in line 3: the lines were reordered");
    arrange(text, "12543");
    broken(3, "entry 3 stands in line 5");
    arrange(text, "12234");
    broken(3, "entry 2 follows entry 2: repeated");
    arrange(text, "12313");
    broken(4, "entry 1 follows entry 3: repeated, reordered, or the beginning");
    free(text);
}

static void inserted_bytes_are_found(void)
{
    static const struct {
        const char *text;
        const char *word;
    } inserted[] = {
        {"\n", "is no entry"},
        {"note\n", "is no entry of an audit log"},
        {"note#torn\n", "is no entry of an audit log"},
        {"note", "changed"},
        {" ", "changed"},
    };
    size_t len;
    char *text;

    lab_fill(3);
    text = lab_text("", &len);
    for (size_t i = 0; i < sizeof inserted / sizeof inserted[0]; i++) {
        size_t n = strlen(inserted[i].text);
        size_t at = line_at(text, 3);
        char *more = calloc(1, len + n);

        CU_ASSERT_PTR_NOT_NULL_FATAL(more);
        memcpy(more, text, at);
        memcpy(more + at, inserted[i].text, n);
        memcpy(more + at + n, text + at, len - at);
        lab_overwrite(more, len + n);
        broken(3, inserted[i].word);
        free(more);
    }
    free(text);
}

static void a_truncated_log_is_found_by_what_was_noted(void)
{
    struct kh_audit_expected by_seq;
    struct kh_audit_expected by_hash;
    struct kh_audit_expected by_both;
    char noted[KH_AUDIT_HASH];
    size_t len;
    char *text;

    lab_fill(4);
    KH_ASSERT_OK(lab_verify(NULL, &report), err);
    memcpy(noted, report.head, sizeof noted);
    by_seq = (struct kh_audit_expected){report.last, NULL};
    by_hash = (struct kh_audit_expected){0, noted};
    by_both = (struct kh_audit_expected){report.last, noted};
    KH_ASSERT_OK(lab_verify(&by_seq, &report), err);
    KH_ASSERT_OK(lab_verify(&by_hash, &report), err);
    KH_ASSERT_OK(lab_verify(&by_both, &report), err);

    text = lab_text("", &len);
    arrange(text, "123");
    KH_ASSERT_OK(lab_verify(NULL, &report), err);
    KH_ASSERT_FAILS(lab_verify(&by_seq, &report), KH_CORRUPT, err,
        "the log ends at entry 3; entry 5 was expected: it was truncated");
    KH_ASSERT_FAILS(lab_verify(&by_both, &report), KH_CORRUPT, err, "truncated");
    KH_ASSERT_FAILS(lab_verify(&by_hash, &report), KH_CORRUPT, err,
        "no entry has the expected hash; the log goes from 1 to 3");
    arrange(text, "345");
    KH_ASSERT_OK(lab_verify(&by_both, &report), err);
    CU_ASSERT_EQUAL(report.first, 3);
    by_both.seq = 2;
    KH_ASSERT_FAILS(lab_verify(&by_both, &report), KH_CORRUPT, err,
        "begins at entry 3; entry 2 was expected: an older file is missing");
    free(text);
}

static void what_was_noted_may_be_long_past(void)
{
    struct kh_audit_expected expected;
    char noted[KH_AUDIT_HASH];
    struct kh_audit *audit;

    lab_fill(2);
    KH_ASSERT_OK(lab_verify(NULL, &report), err);
    memcpy(noted, report.head, sizeof noted);
    expected = (struct kh_audit_expected){report.last, noted};
    audit = lab_open();
    KH_ASSERT_OK(lab_put(audit, "later"), err);
    KH_ASSERT_OK(lab_verify(&expected, &report), err); /* while it is in use */
    kh_audit_close(audit);
    KH_ASSERT_OK(lab_verify(&expected, &report), err);
    CU_ASSERT_EQUAL(report.last, 5);
}

static void a_log_written_anew_is_found_by_what_was_noted(void)
{
    struct kh_audit_expected expected;
    char noted[KH_AUDIT_HASH];

    lab_fill(3);
    KH_ASSERT_OK(lab_verify(NULL, &report), err);
    memcpy(noted, report.head, sizeof noted);
    expected = (struct kh_audit_expected){report.last, noted};
    lab_fill(9);
    KH_ASSERT_FAILS(lab_verify(&expected, &report), KH_CORRUPT, err,
        "entry 4 has not the expected hash: it was written anew");
}

static void a_torn_place_needs_its_recovery(void)
{
    size_t len;
    char *text;

    lab_fill(1);
    lab_append("half a line", 11);
    KH_ASSERT_OK(lab_verify(NULL, &report), err);
    CU_ASSERT_EQUAL(report.torn, 1);
    kh_audit_close(lab_open());
    KH_ASSERT_OK(lab_verify(NULL, &report), err);
    CU_ASSERT_EQUAL(report.torn, 1);
    CU_ASSERT_EQUAL(report.entries, 4);

    text = lab_text("", &len);
    *strstr(text, "half a") = 'H';
    lab_overwrite(text, len);
    broken(3, "is no entry of an audit log");
    *strstr(text, "Half a") = 'h';
    arrange(text, "1245");
    broken(3, "the bytes that this audit.recover answers for are missing");
    arrange(text, "1235");
    broken(3, "is no entry of an audit log");
    arrange(text, "12345");
    KH_ASSERT_OK(lab_verify(NULL, &report), err);
    arrange(text, "123345");
    broken(3, "is no entry of an audit log");
    arrange(text, "123");
    KH_ASSERT_OK(lab_verify(NULL, &report), err);
    free(text);
}

static void files_are_one_chain_in_their_order(void)
{
    char *older;
    struct kh_audit *audit;
    const char *files[2];

    lab_new();
    audit = lab_open();
    KH_ASSERT_OK(lab_put(audit, "a"), err);
    lab_rotate(".1");
    KH_ASSERT_OK(kh_audit_reopen(audit, &err), err);
    KH_ASSERT_OK(lab_put(audit, "b"), err);
    kh_audit_close(audit);
    older = lab_beside(".1");
    KH_ASSERT_OK(lab_verify_both(&report), err);
    CU_ASSERT_EQUAL(report.entries, 4);
    KH_ASSERT_OK(lab_verify(NULL, &report), err);
    CU_ASSERT_EQUAL(report.first, 3);
    files[0] = lab_path;
    files[1] = older;
    KH_ASSERT_FAILS(kh_audit_verify(files, 2, NULL, &report, &err), KH_CORRUPT, err,
        ".1:1: entry 1 follows entry 4");
    /* The last line of the older file is gone. */
    CU_ASSERT_EQUAL_FATAL(truncate(older, 500), 0);
    KH_ASSERT_FAILS(lab_verify_both(&report), KH_CORRUPT, err,
        ".log:1: entry 3 follows entry 1: lines are missing");
    free(older);
}

static void a_renamed_file_may_end_torn(void)
{
    lab_fill(1);
    lab_append("torn", 4);
    lab_rotate(".1");
    kh_audit_close(lab_open());
    KH_ASSERT_OK(lab_verify_both(&report), err);
    CU_ASSERT_EQUAL(report.torn, 1);
    CU_ASSERT_EQUAL(report.entries, 3);
}

static void what_is_no_log_is_refused(void)
{
    char *long_line = malloc(3 * 1024 * 1024);

    CU_ASSERT_PTR_NOT_NULL_FATAL(long_line);
    lab_new();
    KH_ASSERT_FAILS(lab_verify(NULL, &report), KH_NOT_FOUND, err, lab_path);
    lab_overwrite("root:x:0:0\n", 11);
    broken(1, "is no entry of an audit log");
    memset(long_line, 'a', 3 * 1024 * 1024);
    lab_overwrite(long_line, 3 * 1024 * 1024);
    broken(1, "is no entry of an audit log");
    memset(long_line, '\n', 3 * 1024 * 1024);
    lab_overwrite(long_line, 3 * 1024 * 1024);
    broken(1, "is no entry of an audit log");
    free(long_line);
    free(lab_path);
    lab_path = strdup(kh_test_dir());
    KH_ASSERT_FAILS(lab_verify(NULL, &report), KH_UNAVAILABLE, err, "cannot be read");
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"a log without fault is counted", a_log_without_fault_is_counted},
        {"an empty log has no entries", an_empty_log_has_no_entries},
        {"an edited byte is found wherever it is",
            an_edited_byte_is_found_wherever_it_is},
        {"an edited value is named", an_edited_value_is_named},
        {"an entry made anew is found in the next",
            an_entry_made_anew_is_found_in_the_next},
        {"deleted lines are found", deleted_lines_are_found},
        {"lines that were swapped are found", lines_that_were_swapped_are_found},
        {"inserted bytes are found", inserted_bytes_are_found},
        {"a truncated log is found by what was noted",
            a_truncated_log_is_found_by_what_was_noted},
        {"what was noted may be long past", what_was_noted_may_be_long_past},
        {"a log written anew is found by what was noted",
            a_log_written_anew_is_found_by_what_was_noted},
        {"a torn place needs its recovery", a_torn_place_needs_its_recovery},
        {"files are one chain in their order", files_are_one_chain_in_their_order},
        {"a renamed file may end torn", a_renamed_file_may_end_torn},
        {"what is no log is refused", what_is_no_log_is_refused},
    };
    int rc = kh_test_main("server audit verify", tests, sizeof tests / sizeof tests[0]);

    free(lab_path);
    return rc;
}
