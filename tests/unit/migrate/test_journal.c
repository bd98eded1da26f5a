/* The journal alone. */
#include "core/migrate/journal.h"
#include "tests/lib/testlib.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct kh_error err;

static struct kh_journal *make(char **path)
{
    struct kh_journal *j = NULL;

    *path = kh_test_path(kh_test_dir(), "a.journal");
    KH_ASSERT_OK_FATAL(kh_journal_open(&j, *path, true, NULL, &err), err);
    return j;
}

static struct kh_journal_row row_of(
    const char *name, uint32_t version, unsigned char fill)
{
    struct kh_journal_row row = {.version = version};

    snprintf(row.name, sizeof row.name, "%s", name);
    snprintf(row.destination, sizeof row.destination, "%s", name);
    memset(row.source_print, fill, sizeof row.source_print);
    memset(row.destination_print, fill + 1, sizeof row.destination_print);
    return row;
}

static void rows_and_facts_are_there_after_reopening(void)
{
    struct kh_journal_row row = row_of("wild\xff/name", 7, 3);
    struct kh_journal_row found;
    struct kh_journal *j;
    uint64_t count = 0;
    char value[32];
    char *path;

    j = make(&path);
    KH_ASSERT_OK(kh_journal_set_fact(j, "state", "copying", &err), err);
    KH_ASSERT_OK(kh_journal_set_fact(j, "state", "sealing", &err), err);
    KH_ASSERT_OK(kh_journal_add(j, &row, &err), err);
    row.source_print[0] = 99;
    KH_ASSERT_OK(kh_journal_add(j, &row, &err), err);
    kh_journal_close(j);
    KH_ASSERT_OK_FATAL(kh_journal_open(&j, path, false, NULL, &err), err);
    KH_ASSERT_OK(kh_journal_fact(j, "state", value, sizeof value, &err), err);
    CU_ASSERT_STRING_EQUAL(value, "sealing");
    KH_ASSERT_OK(kh_journal_count(j, &count, &err), err);
    CU_ASSERT_EQUAL(count, 1);
    KH_ASSERT_OK(kh_journal_find(j, row.name, 7, &found, &err), err);
    CU_ASSERT_EQUAL(memcmp(&found, &row, sizeof row), 0);
    KH_ASSERT_FAILS(
        kh_journal_find(j, row.name, 8, &found, &err), KH_NOT_FOUND, err, "no row");
    KH_ASSERT_FAILS(kh_journal_fact(j, "other", value, sizeof value, &err), KH_NOT_FOUND,
        err, "other");
    KH_ASSERT_FAILS(
        kh_journal_fact(j, "state", value, 4, &err), KH_CORRUPT, err, "too long");
    kh_journal_close(j);
    free(path);
}

static void a_missing_journal_is_not_found_and_not_made(void)
{
    struct kh_journal *j = NULL;
    char *path = kh_test_path(kh_test_dir(), "none");

    KH_ASSERT_FAILS(kh_journal_open(&j, path, false, NULL, &err), KH_NOT_FOUND, err,
        "no such journal");
    CU_ASSERT_PTR_NULL(j);
    CU_ASSERT_NOT_EQUAL(access(path, F_OK), 0);
    free(path);
}

static void a_second_process_is_refused(void)
{
    struct kh_journal *first;
    struct kh_journal *second = NULL;
    char *path;

    first = make(&path);
    KH_ASSERT_FAILS(kh_journal_open(&second, path, true, NULL, &err), KH_BUSY, err,
        "another process");
    kh_journal_close(first);
    KH_ASSERT_OK(kh_journal_open(&second, path, true, NULL, &err), err);
    kh_journal_close(second);
    free(path);
}

static void other_files_and_damaged_ones_are_refused(void)
{
    struct kh_journal *j = NULL;
    char *path;

    kh_journal_close(make(&path));
    CU_ASSERT_EQUAL(
        kh_test_shell(
            "dd if=/dev/urandom of='%s' bs=4096 count=2 conv=notrunc 2>/dev/null", path),
        0);
    KH_ASSERT_FAILS(
        kh_journal_open(&j, path, true, NULL, &err), KH_CORRUPT, err, "holds no secret");
    kh_test_write(path, "not a database, but long enough to be looked at", 47, 0600);
    KH_ASSERT_FAILS(kh_journal_open(&j, path, true, NULL, &err), KH_CORRUPT, err, path);
    kh_test_write(path, "", 0, 0644);
    KH_ASSERT_FAILS(kh_journal_open(&j, path, true, NULL, &err), KH_INVALID, err, "0600");
    (void)unlink(path);
    CU_ASSERT_EQUAL(symlink("/etc/passwd", path), 0);
    KH_ASSERT_FAILS(
        kh_journal_open(&j, path, true, NULL, &err), KH_UNAVAILABLE, err, path);
    free(path);
}

static void a_database_of_somebody_else_is_refused(void)
{
    struct kh_journal *j = NULL;
    char *path = kh_test_path(kh_test_dir(), "other.db");

    CU_ASSERT_EQUAL_FATAL(
        kh_test_shell("umask 077; python3 -c \"import sqlite3; c=sqlite3.connect('%s'); "
                      "c.execute('create table t(a)'); c.commit()\"",
            path),
        0);
    KH_ASSERT_FAILS(
        kh_journal_open(&j, path, true, NULL, &err), KH_CORRUPT, err, "not the journal");
    free(path);
}

static void the_file_is_ours_alone_under_any_umask(void)
{
    struct kh_journal *j;
    struct stat st;
    mode_t old = umask(0);
    char *path;

    j = make(&path);
    CU_ASSERT_EQUAL(stat(path, &st), 0);
    CU_ASSERT_EQUAL(st.st_mode & 0777, 0600);
    CU_ASSERT_EQUAL(
        kh_test_shell("[ -z \"$(find \"$(dirname '%s')\" -type f -perm /077)\" ]", path),
        0);
    kh_journal_close(j);
    umask(old);
    free(path);
}

enum { WRITERS = 4, EACH = 400 };

struct writer {
    struct kh_journal *journal;
    unsigned number;
};

static void *write_rows(void *arg)
{
    struct writer *w = arg;
    struct kh_error own = {0};

    for (unsigned i = 0; i < EACH; i++) {
        char name[32];
        struct kh_journal_row row;

        snprintf(name, sizeof name, "w%u-%u", w->number, i);
        row = row_of(name, i, (unsigned char)i);
        if (kh_journal_add(w->journal, &row, &own) != KH_OK ||
            (i % 100 == 0 && kh_journal_flush(w->journal, &own) != KH_OK) ||
            (i % 100 == 0 && kh_journal_find(w->journal, name, i, &row, &own) != KH_OK))
            return (void *)1;
    }
    return NULL;
}

static void rows_of_many_threads_all_become_durable(void)
{
    struct writer writers[WRITERS];
    pthread_t threads[WRITERS];
    struct kh_journal *j;
    uint64_t count = 0;
    char *path;

    j = make(&path);
    for (unsigned i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer){j, i};
        CU_ASSERT_EQUAL_FATAL(
            pthread_create(&threads[i], NULL, write_rows, &writers[i]), 0);
    }
    for (unsigned i = 0; i < WRITERS; i++) {
        void *failed = NULL;

        pthread_join(threads[i], &failed);
        CU_ASSERT_PTR_NULL(failed);
    }
    KH_ASSERT_OK(kh_journal_flush(j, &err), err);
    KH_ASSERT_OK(kh_journal_count(j, &count, &err), err);
    CU_ASSERT_EQUAL(count, WRITERS * EACH);
    kh_journal_close(j);
    free(path);
}

static void what_was_flushed_survives_kill_9(void)
{
    struct kh_journal_row row = row_of("kept", 0, 5);
    struct kh_journal *j = NULL;
    char *path = kh_test_path(kh_test_dir(), "killed.journal");
    int status = 0;
    pid_t child;

    (void)fflush(NULL);
    child = fork();
    if (child == 0) {
        if (kh_journal_open(&j, path, true, NULL, &err) != KH_OK ||
            kh_journal_add(j, &row, &err) != KH_OK || kh_journal_flush(j, &err) != KH_OK)
            _exit(1);
        (void)kill(getpid(), SIGKILL);
    }
    CU_ASSERT_EQUAL_FATAL(waitpid(child, &status, 0), child);
    CU_ASSERT_TRUE_FATAL(WIFSIGNALED(status));
    KH_ASSERT_OK_FATAL(kh_journal_open(&j, path, false, NULL, &err), err);
    KH_ASSERT_OK(kh_journal_find(j, "kept", 0, &row, &err), err);
    kh_journal_close(j);
    free(path);
}

struct heard {
    unsigned count;
    char old[16];
    char new_name[16];
};

static void hear_renaming(void *arg, const char *name, const char *destination)
{
    struct heard *h = arg;

    h->count++;
    snprintf(h->old, sizeof h->old, "%s", name);
    snprintf(h->new_name, sizeof h->new_name, "%s", destination);
}

static void renamings_are_listed_once_a_deposit(void)
{
    struct kh_journal_row row = row_of("old", 0, 1);
    struct heard heard = {0};
    struct kh_journal *j;
    char *path;

    j = make(&path);
    snprintf(row.destination, sizeof row.destination, "new");
    KH_ASSERT_OK(kh_journal_add(j, &row, &err), err);
    row.version = 1;
    KH_ASSERT_OK(kh_journal_add(j, &row, &err), err);
    row = row_of("same", 0, 1);
    KH_ASSERT_OK(kh_journal_add(j, &row, &err), err);
    KH_ASSERT_OK(kh_journal_flush(j, &err), err);
    KH_ASSERT_OK(kh_journal_renamed(j, hear_renaming, &heard, &err), err);
    CU_ASSERT_EQUAL(heard.count, 1);
    CU_ASSERT_STRING_EQUAL(heard.old, "old");
    CU_ASSERT_STRING_EQUAL(heard.new_name, "new");
    kh_journal_close(j);
    free(path);
}

static const struct kh_test tests[] = {
    {"rows_and_facts_are_there_after_reopening",
        rows_and_facts_are_there_after_reopening},
    {"a_missing_journal_is_not_found_and_not_made",
        a_missing_journal_is_not_found_and_not_made},
    {"a_second_process_is_refused", a_second_process_is_refused},
    {"other_files_and_damaged_ones_are_refused",
        other_files_and_damaged_ones_are_refused},
    {"a_database_of_somebody_else_is_refused", a_database_of_somebody_else_is_refused},
    {"the_file_is_ours_alone_under_any_umask", the_file_is_ours_alone_under_any_umask},
    {"rows_of_many_threads_all_become_durable", rows_of_many_threads_all_become_durable},
    {"what_was_flushed_survives_kill_9", what_was_flushed_survives_kill_9},
    {"renamings_are_listed_once_a_deposit", renamings_are_listed_once_a_deposit},
};

int main(void)
{
    return kh_test_main("migration journal", tests, sizeof tests / sizeof tests[0]);
}
