/* The audit log that is written: its chain over starts, renamings, torn writes, full
 * disks. */
#include "tests/unit/server/audit_lab.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* A step through the places where a write of FROM to TO may end: all at both ends, some
 * in between, because each costs several fdatasyncs. */
static size_t step(size_t at, size_t from, size_t to)
{
    return at < from + 10 || at + 10 > to ? 1 : 9;
}

static int sync_errno; /* what the next calls of fdatasync fail with; 0: they do not */

int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);
int __wrap_fdatasync(int fd)
{
    if (!sync_errno)
        return __real_fdatasync(fd);
    errno = sync_errno;
    return -1;
}

static void right(uint64_t entries, uint64_t torn)
{
    struct kh_audit_report report;

    KH_ASSERT_OK(lab_verify(NULL, &report), err);
    CU_ASSERT_EQUAL(report.entries, entries);
    CU_ASSERT_EQUAL(report.torn, torn);
}

static unsigned count(const char *suffix, const char *word)
{
    size_t len;
    char *text = lab_text(suffix, &len);
    unsigned n = 0;

    for (const char *p = text;
         (p = memmem(p, len - (size_t)(p - text), word, strlen(word))); p++)
        n++;
    free(text);
    return n;
}

static void entries_are_appended_and_chained(void)
{
    lab_fill(3);
    right(4, 0);
    CU_ASSERT_EQUAL(count("", "audit.start"), 1);
    CU_ASSERT_EQUAL(count("", "\"deposit\":\"k3\""), 1);
}

static void the_file_has_mode_0640_whatever_the_umask(void)
{
    mode_t before = umask(0);
    struct stat sb = {0};

    lab_fill(0);
    CU_ASSERT_EQUAL(stat(lab_path, &sb), 0);
    CU_ASSERT_EQUAL(sb.st_mode & 07777, 0640);
    (void)umask(077);
    lab_fill(0);
    CU_ASSERT_EQUAL(stat(lab_path, &sb), 0);
    CU_ASSERT_EQUAL(sb.st_mode & 07777, 0640);
    (void)umask(before);
}

static void the_next_start_goes_on_with_the_chain(void)
{
    struct kh_audit *audit;

    lab_fill(2);
    audit = lab_open();
    KH_ASSERT_OK(lab_put(audit, "later"), err);
    kh_audit_close(audit);
    right(5, 0);
    CU_ASSERT_EQUAL(count("", "audit.start"), 2);
    CU_ASSERT_EQUAL(count("", "{\"seq\":5,"), 1);
}

static void a_second_opener_is_refused(void)
{
    struct kh_audit *second = (struct kh_audit *)&err;
    struct kh_audit *audit;

    lab_new();
    audit = lab_open();
    KH_ASSERT_FAILS(kh_audit_open(&second, lab_path, &err), KH_BUSY, err, lab_path);
    CU_ASSERT_PTR_NULL(second);
    kh_audit_close(audit);
    audit = lab_open();
    kh_audit_close(audit);
    right(2, 0);
}

static void places_that_cannot_be_a_log_are_refused(void)
{
    struct kh_audit *audit;
    char *path = kh_test_path(kh_test_dir(), "none/audit.log");

    KH_ASSERT_FAILS(kh_audit_open(&audit, path, &err), KH_UNAVAILABLE, err, "none");
    free(path);
    lab_new();
    CU_ASSERT_EQUAL_FATAL(mkdir(lab_path, 0700), 0);
    KH_ASSERT_FAILS(kh_audit_open(&audit, lab_path, &err), KH_UNAVAILABLE, err, lab_path);
    lab_new();
    CU_ASSERT_EQUAL_FATAL(mkfifo(lab_path, 0600), 0);
    KH_ASSERT_FAILS(
        kh_audit_open(&audit, lab_path, &err), KH_INVALID, err, "a regular file");
    lab_new();
    CU_ASSERT_EQUAL_FATAL(symlink("/dev/null", lab_path), 0);
    KH_ASSERT_FAILS(kh_audit_open(&audit, lab_path, &err), KH_INVALID, err, lab_path);
    lab_fill(1);
    CU_ASSERT_EQUAL_FATAL(chmod(lab_path, 0666), 0);
    KH_ASSERT_FAILS(kh_audit_open(&audit, lab_path, &err), KH_INVALID, err, "chmod 0644");
}

static void a_torn_line_is_marked_and_answered_for(void)
{
#define TEXT(text) text, sizeof(text) - 1
    static const struct {
        const char *text;
        size_t len;
    } ends[] = {{TEXT("x")}, {TEXT("{\"seq\":3,\"time\":\"20")}, {TEXT("a\0b\0")},
        {TEXT("{\"seq\":3}\n{\"seq\":4")}, {TEXT("half#torn\nand half again")},
        {TEXT("half#torn\n")}};
#undef TEXT

    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        struct kh_audit_report report;
        struct kh_audit *audit;

        /* A newline without the mark in front of it is damage, not an interruption. */
        bool damage = i == 3;

        lab_fill(1);
        lab_append(ends[i].text, ends[i].len);
        if (damage) {
            KH_ASSERT_FAILS(kh_audit_open(&audit, lab_path, &err), KH_CORRUPT, err,
                "its last line is no entry that was written");
            continue;
        }
        audit = lab_open();
        KH_ASSERT_OK(lab_put(audit, "after"), err);
        kh_audit_close(audit);
        KH_ASSERT_OK(lab_verify(NULL, &report), err);
        CU_ASSERT_EQUAL(report.entries, 5);
        CU_ASSERT_EQUAL(report.torn, 1);
        CU_ASSERT_EQUAL(count("", "audit.recover"), 1);
    }
}

static void every_prefix_of_a_write_is_survived(void)
{
    size_t before;
    size_t after;
    char *text;

    lab_fill(1);
    free(lab_text("", &before));
    kh_audit_close(lab_open());
    text = lab_text("", &after);
    for (size_t len = before; len <= after; len += step(len, before, after)) {
        struct kh_audit_report report;

        lab_new();
        lab_overwrite(text, len);
        kh_audit_close(lab_open());
        KH_ASSERT_OK(lab_verify(NULL, &report), err);
        CU_ASSERT_EQUAL(report.torn, len > before && len < after);
        CU_ASSERT_EQUAL(report.entries, len == before ? 3 : 4);
    }
    free(text);
}

static void every_prefix_of_a_recovery_is_survived(void)
{
    size_t before;
    size_t after;
    char *text;

    lab_fill(1);
    lab_append("torn", 4);
    free(lab_text("", &before));
    kh_audit_close(lab_open());
    text = lab_text("", &after);
    for (size_t len = before; len <= after; len += step(len, before, after)) {
        struct kh_audit_report report;

        lab_new();
        lab_overwrite(text, len);
        kh_audit_close(lab_open());
        KH_ASSERT_OK(lab_verify(NULL, &report), err);
        CU_ASSERT(report.torn == 1 || report.torn == 2);
        CU_ASSERT(report.entries >= 4);
    }
    free(text);
}

static void a_log_that_begins_torn_is_survived(void)
{
    lab_new();
    lab_overwrite("{\"seq\":1,", 9);
    kh_audit_close(lab_open());
    right(2, 1);
}

static void a_changed_end_is_not_taken_for_a_crash(void)
{
    struct kh_audit *audit;
    size_t len;
    char *text;

    lab_fill(2);
    text = lab_text("", &len);
    *strstr(text, "k2") = 'j';
    lab_overwrite(text, len);
    free(text);
    KH_ASSERT_FAILS(
        kh_audit_open(&audit, lab_path, &err), KH_CORRUPT, err, "move the file away");
    /* What the message says works, and the chain goes on. */
    lab_rotate(".1");
    kh_audit_close(lab_open());
    CU_ASSERT_EQUAL(count("", "{\"seq\":4,"), 1);
}

static void entries_that_are_missing_at_the_end_are_noticed(void)
{
    struct kh_audit *audit;
    size_t len;
    char *text;

    lab_fill(3);
    text = lab_text("", &len);
    lab_overwrite(text, (size_t)(strstr(text, "{\"seq\":3,") - text));
    free(text);
    KH_ASSERT_FAILS(kh_audit_open(&audit, lab_path, &err), KH_CORRUPT, err,
        "ends at entry 2, but 4 were written");
}

static void another_last_entry_is_noticed(void)
{
    char *mine;
    char *other;
    struct kh_audit *audit;
    size_t len;
    size_t other_len;

    lab_fill(3);
    other = lab_text("", &other_len);
    lab_fill(3);
    mine = lab_text("", &len);
    lab_overwrite(other, other_len);
    KH_ASSERT_FAILS(kh_audit_open(&audit, lab_path, &err), KH_CORRUPT, err,
        "entry 4 is not the one that was written");
    lab_overwrite(mine, len);
    kh_audit_close(lab_open());
    free(mine);
    free(other);
}

static void a_head_that_cannot_be_read_is_no_obstacle(void)
{
    char *head;

    lab_fill(1);
    head = lab_beside(".head");
    kh_test_write(head, "nonsense", 8, 0640);
    kh_audit_close(lab_open());
    right(3, 0);
    free(head);
}

static void renaming_and_reopening_goes_on_in_a_new_file(void)
{
    struct kh_audit_report report;
    struct kh_audit *audit;

    lab_new();
    audit = lab_open();
    KH_ASSERT_OK(lab_put(audit, "old"), err);
    lab_rotate(".1");
    KH_ASSERT_OK(lab_put(audit, "still old"), err);
    KH_ASSERT_OK(kh_audit_reopen(audit, &err), err);
    KH_ASSERT_OK(lab_put(audit, "new"), err);
    kh_audit_close(audit);
    CU_ASSERT_EQUAL(count(".1", "still old"), 1);
    CU_ASSERT_EQUAL(count("", "audit.rotate"), 1);
    CU_ASSERT_EQUAL(count("", "{\"seq\":4,"), 1);
    KH_ASSERT_OK(lab_verify_both(&report), err);
    CU_ASSERT_EQUAL(report.entries, 5);
    CU_ASSERT_EQUAL(report.first, 1);
    CU_ASSERT_EQUAL(report.last, 5);
}

static void reopening_without_a_renaming_does_nothing(void)
{
    struct kh_audit *audit;

    lab_new();
    audit = lab_open();
    KH_ASSERT_OK(kh_audit_reopen(audit, &err), err);
    KH_ASSERT_OK(kh_audit_reopen(audit, &err), err);
    kh_audit_close(audit);
    right(1, 0);
}

static void reopening_takes_an_empty_file_and_no_other(void)
{
    struct kh_audit_report report;
    struct kh_audit *audit;

    lab_new();
    audit = lab_open();
    lab_rotate(".1");
    lab_overwrite("other\n", 6);
    KH_ASSERT_FAILS(
        kh_audit_reopen(audit, &err), KH_REFUSED, err, "another file and not empty");
    KH_ASSERT_OK(lab_put(audit, "still written"), err);
    CU_ASSERT_EQUAL(count(".1", "still written"), 1);
    lab_overwrite("", 0);
    KH_ASSERT_OK(kh_audit_reopen(audit, &err), err);
    kh_audit_close(audit);
    KH_ASSERT_OK(lab_verify_both(&report), err);
    CU_ASSERT_EQUAL(report.entries, 3);
}

static void a_renaming_while_nothing_runs_does_not_break_the_chain(void)
{
    struct kh_audit_report report;

    lab_fill(2);
    lab_rotate(".1");
    kh_audit_close(lab_open());
    KH_ASSERT_OK(lab_verify_both(&report), err);
    CU_ASSERT_EQUAL(report.last, 4);
    /* As does a file that logrotate's create made. */
    lab_fill(2);
    lab_rotate(".1");
    lab_overwrite("", 0);
    kh_audit_close(lab_open());
    KH_ASSERT_OK(lab_verify_both(&report), err);
    CU_ASSERT_EQUAL(report.last, 4);
}

static void copying_and_emptying_does_not_break_the_chain(void)
{
    struct kh_audit_report report;
    struct kh_audit *audit;
    char *copy;
    size_t len;
    char *text;

    lab_new();
    audit = lab_open();
    KH_ASSERT_OK(lab_put(audit, "old"), err);
    text = lab_text("", &len);
    copy = lab_beside(".1");
    kh_test_write(copy, text, len, 0640);
    CU_ASSERT_EQUAL_FATAL(truncate(lab_path, 0), 0);
    KH_ASSERT_OK(lab_put(audit, "new"), err);
    KH_ASSERT_OK(lab_put(audit, "newer"), err);
    kh_audit_close(audit);
    KH_ASSERT_OK(lab_verify_both(&report), err);
    CU_ASSERT_EQUAL(report.entries, 4);
    free(text);
    free(copy);
}

static void a_log_that_was_deleted_refuses_entries_until_it_is_reopened(void)
{
    struct kh_audit *audit;

    lab_new();
    audit = lab_open();
    CU_ASSERT_EQUAL_FATAL(unlink(lab_path), 0);
    KH_ASSERT_FAILS(lab_put(audit, "lost"), KH_UNAVAILABLE, err, "was deleted");
    KH_ASSERT_OK(kh_audit_reopen(audit, &err), err);
    KH_ASSERT_OK(lab_put(audit, "kept"), err);
    kh_audit_close(audit);
    right(2, 0);
    CU_ASSERT_EQUAL(count("", "{\"seq\":2,"), 1);
}

/* Files of this process end at SIZE bytes, as on a disk that is full. */
static void limit(rlim_t size)
{
    struct rlimit rl = {0};

    (void)signal(SIGXFSZ, SIG_IGN);
    CU_ASSERT_EQUAL_FATAL(getrlimit(RLIMIT_FSIZE, &rl), 0);
    rl.rlim_cur = size;
    CU_ASSERT_EQUAL_FATAL(setrlimit(RLIMIT_FSIZE, &rl), 0);
}

static void a_full_disk_is_an_error_and_afterwards_it_goes_on(void)
{
    static const unsigned rooms[] = {0, 1, 6, 100, 380};

    for (size_t i = 0; i < sizeof rooms / sizeof rooms[0]; i++) {
        struct kh_audit *audit;
        size_t len;

        lab_new();
        audit = lab_open();
        KH_ASSERT_OK(lab_put(audit, "before"), err);
        free(lab_text("", &len));
        limit(len + rooms[i]);
        KH_ASSERT_FAILS(lab_put(audit, "first"), KH_UNAVAILABLE, err, lab_path);
        KH_ASSERT_FAILS(lab_put(audit, "again"), KH_UNAVAILABLE, err, lab_path);
        /* A second torn write behind the first, in the middle of the recovery. */
        limit(len + rooms[i] + 50);
        KH_ASSERT_FAILS(lab_put(audit, "third"), KH_UNAVAILABLE, err, lab_path);
        limit(RLIM_INFINITY);
        KH_ASSERT_OK(lab_put(audit, "after"), err);
        kh_audit_close(audit);
        right(4, 1);
        CU_ASSERT_EQUAL(count("", "\"deposit\":\"after\""), 1);
    }
}

static void a_torn_write_that_was_copied_away_is_no_longer_answered_for(void)
{
    struct kh_audit_report report;
    struct kh_audit *audit;
    size_t len;

    lab_new();
    audit = lab_open();
    free(lab_text("", &len));
    limit(len + 20);
    KH_ASSERT_FAILS(lab_put(audit, "torn"), KH_UNAVAILABLE, err, lab_path);
    limit(RLIM_INFINITY);
    CU_ASSERT_EQUAL_FATAL(truncate(lab_path, 0), 0);
    KH_ASSERT_OK(lab_put(audit, "after"), err);
    kh_audit_close(audit);
    KH_ASSERT_OK(lab_verify(NULL, &report), err);
    CU_ASSERT_EQUAL(report.torn, 0);
    CU_ASSERT_EQUAL(report.entries, 1);
    CU_ASSERT_EQUAL(report.first, 2);
}

static void a_full_disk_at_the_start_is_said_at_the_start(void)
{
    struct kh_audit *audit;
    size_t len;

    lab_fill(1);
    free(lab_text("", &len));
    limit(len + 10);
    KH_ASSERT_FAILS(kh_audit_open(&audit, lab_path, &err), KH_UNAVAILABLE, err, lab_path);
    limit(RLIM_INFINITY);
    kh_audit_close(lab_open());
    right(4, 1);
}

static void after_a_failed_sync_nothing_is_written_any_more(void)
{
    struct kh_audit *audit;

    lab_new();
    audit = lab_open();
    sync_errno = EIO;
    KH_ASSERT_FAILS(lab_put(audit, "a"), KH_FATAL, err, "cannot be made durable");
    sync_errno = 0;
    KH_ASSERT_FAILS(lab_put(audit, "b"), KH_FATAL, err, "an earlier entry");
    kh_audit_close(audit);
    CU_ASSERT_EQUAL(count("", "\"deposit\":\"b\""), 0);
    /* The next start finds whatever is there. */
    kh_audit_close(lab_open());
    right(3, 0);
}

static const struct kh_test tests[] = {
    {"entries are appended and chained", entries_are_appended_and_chained},
    {"the file has mode 0640 whatever the umask",
        the_file_has_mode_0640_whatever_the_umask},
    {"the next start goes on with the chain", the_next_start_goes_on_with_the_chain},
    {"a second opener is refused", a_second_opener_is_refused},
    {"places that cannot be a log are refused", places_that_cannot_be_a_log_are_refused},
    {"a torn line is marked and answered for", a_torn_line_is_marked_and_answered_for},
    {"every prefix of a write is survived", every_prefix_of_a_write_is_survived},
    {"every prefix of a recovery is survived", every_prefix_of_a_recovery_is_survived},
    {"a log that begins torn is survived", a_log_that_begins_torn_is_survived},
    {"a changed end is not taken for a crash", a_changed_end_is_not_taken_for_a_crash},
    {"entries that are missing at the end are noticed",
        entries_that_are_missing_at_the_end_are_noticed},
    {"another last entry is noticed", another_last_entry_is_noticed},
    {"a head that cannot be read is no obstacle",
        a_head_that_cannot_be_read_is_no_obstacle},
    {"renaming and reopening goes on in a new file",
        renaming_and_reopening_goes_on_in_a_new_file},
    {"reopening without a renaming does nothing",
        reopening_without_a_renaming_does_nothing},
    {"reopening takes an empty file and no other",
        reopening_takes_an_empty_file_and_no_other},
    {"a renaming while nothing runs does not break the chain",
        a_renaming_while_nothing_runs_does_not_break_the_chain},
    {"copying and emptying does not break the chain",
        copying_and_emptying_does_not_break_the_chain},
    {"a log that was deleted refuses entries until it is reopened",
        a_log_that_was_deleted_refuses_entries_until_it_is_reopened},
    {"a full disk is an error and afterwards it goes on",
        a_full_disk_is_an_error_and_afterwards_it_goes_on},
    {"a torn write that was copied away is no longer answered for",
        a_torn_write_that_was_copied_away_is_no_longer_answered_for},
    {"a full disk at the start is said at the start",
        a_full_disk_at_the_start_is_said_at_the_start},
    {"after a failed sync nothing is written any more",
        after_a_failed_sync_nothing_is_written_any_more},
};

int main(void)
{
    int rc = kh_test_main("server audit", tests, sizeof tests / sizeof tests[0]);

    free(lab_path);
    return rc;
}
