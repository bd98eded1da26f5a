#include "support.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void refused(const char *path, kh_status status, const char *word)
{
    struct kh_catalog *c = NULL;
    struct kh_error err = {0};

    KH_ASSERT_FAILS(kh_catalog_open_sqlite(path, &c, &err), status, err, word);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, path)); /* names the thing */
    CU_ASSERT_PTR_NULL(c);
}

static unsigned mode_of(const char *path, const char *suffix)
{
    struct stat st = {0};
    char full[700];

    snprintf(full, sizeof full, "%s%s", path, suffix);
    return stat(full, &st) == 0 ? (unsigned)st.st_mode & 07777 : 0;
}

static void its_files_are_private_whatever_the_umask(void)
{
    const char *path;
    mode_t old = umask(0);
    struct kh_catalog *c = catalog_new(&path);

    umask(old);
    add(c, "a", 0, 1);
    CU_ASSERT_EQUAL(mode_of(path, ""), 0600);
    CU_ASSERT_EQUAL(mode_of(path, "-wal"), 0600);
    CU_ASSERT_EQUAL(mode_of(path, "-shm"), 0600);
    c->close(c);
    CU_ASSERT_EQUAL(mode_of(path, "-wal"), 0); /* a clean close leaves no log behind */
}

static void what_was_written_is_there_after_a_reopen(void)
{
    const char *path;
    struct kh_catalog *c = catalog_new(&path);
    struct kh_stat stat = {0};
    struct kh_error err = {0};
    uint64_t generation;

    add(c, "a", 0, 1);
    generation = generation_of(c);
    CU_ASSERT_EQUAL(generation, 2);
    c->close(c);
    c = catalog_open(path);
    CU_ASSERT_EQUAL(generation_of(c), generation);
    KH_ASSERT_OK(c->stat(c, "a", 0, &stat, &err), err);
    KH_ASSERT_OK(c->check(c, &err), err);
    c->close(c);
}

static void an_empty_file_left_by_a_crash_becomes_a_catalog(void)
{
    char *path = kh_test_path(kh_test_dir(), "catalog.db");
    struct kh_catalog *c;

    kh_test_write(path, "", 0, 0600);
    c = catalog_open(path);
    add(c, "a", 0, 1);
    c->close(c);
    free(path);
}

static void a_strange_path_or_mode_is_refused(void)
{
    const char *dir = kh_test_dir();
    char *path = kh_test_path(dir, "catalog.db");
    char *link_path = kh_test_path(dir, "link.db");
    char *missing = kh_test_path(dir, "no/such/catalog.db");

    refused("catalog.db", KH_INVALID, "absolute");
    refused(missing, KH_UNAVAILABLE, "No such file");
    refused(dir, KH_REFUSED, "regular file");
    kh_test_write(path, "", 0, 0640);
    refused(path, KH_REFUSED, "mode 0640, expected 0600");
    CU_ASSERT_EQUAL(symlink(path, link_path), 0);
    refused(link_path, KH_REFUSED, "regular file");
    free(missing);
    free(link_path);
    free(path);
}

static void a_newer_schema_is_refused(void)
{
    const char *path;
    struct kh_catalog *c = catalog_new(&path);

    c->close(c);
    sqlite_do(path, "PRAGMA user_version = 3");
    refused(path, KH_REFUSED, "newer keyhsm (schema 3, this one knows 2)");
    sqlite_do(path, "PRAGMA user_version = 2");
    c = catalog_open(path); /* the refusal left it as it was */
    c->close(c);
}

static void a_database_of_somebody_else_is_refused_and_left_alone(void)
{
    char *path = kh_test_path(kh_test_dir(), "other.db");
    char *copy = kh_test_path(kh_test_dir(), "copy.db");

    kh_test_write(path, "", 0, 0600);
    sqlite_do(path, "CREATE TABLE songs (title TEXT); INSERT INTO songs VALUES ('Help')");
    CU_ASSERT_EQUAL(kh_test_shell("cp '%s' '%s'", path, copy), 0);
    refused(path, KH_CORRUPT, "not a catalog of keyhsm");
    CU_ASSERT_EQUAL(kh_test_shell("cmp -s '%s' '%s'", path, copy), 0);
    free(copy);
    free(path);
}

static void text_in_place_of_a_database_is_corrupt(void)
{
    char *path = kh_test_path(kh_test_dir(), "catalog.db");
    char text[8192];

    memset(text, 'x', sizeof text);
    kh_test_write(path, text, sizeof text, 0600);
    refused(path, KH_CORRUPT, "not a database");
    free(path);
}

static void a_truncated_file_is_corrupt(void)
{
    const char *path;
    struct kh_catalog *c = catalog_new(&path);
    struct stat st;

    for (unsigned i = 0; i < 50; i++) {
        char name[16];

        snprintf(name, sizeof name, "d%u", i);
        add(c, name, 0, i);
    }
    c->close(c);
    CU_ASSERT_EQUAL_FATAL(stat(path, &st), 0);
    CU_ASSERT_EQUAL(truncate(path, st.st_size - 4096), 0);
    refused(path, KH_CORRUPT, "malformed");
    CU_ASSERT_EQUAL(truncate(path, 50), 0);
    refused(path, KH_CORRUPT, "malformed");
}

/* Overwrites every page but the first with noise: the schema reads well, the data do not.
 */
static void damage(const char *path)
{
    unsigned char noise[4096];
    struct stat st;
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    CU_ASSERT_FATAL(fd >= 0 && fstat(fd, &st) == 0);
    memset(noise, 0xa5, sizeof noise);
    for (off_t at = 4096; at < st.st_size; at += 4096)
        CU_ASSERT_EQUAL(pwrite(fd, noise, sizeof noise, at), (ssize_t)sizeof noise);
    close(fd);
}

static void damaged_pages_are_corrupt_never_wrong_data(void)
{
    const char *path;
    struct kh_catalog *c = catalog_new(&path);
    struct kh_error err = {0};

    add(c, "a", 0, 1);
    c->close(c);
    damage(path);
    /* the generation is on a damaged page: open already sees it */
    CU_ASSERT_EQUAL(kh_catalog_open_sqlite(path, &c, &err), KH_CORRUPT);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, path));
}

static void check_finds(const char *sql, const char *word)
{
    const char *path;
    struct kh_catalog *c = catalog_new(&path);
    struct kh_error err = {0};

    add(c, "a", 0, 1);
    add(c, "b", 0, 2);
    KH_ASSERT_OK(announce(c, 3, "epoch", &err), err);
    KH_ASSERT_OK(c->check(c, &err), err);
    c->close(c);
    sqlite_do(path, sql);
    c = catalog_open(path);
    KH_ASSERT_FAILS(c->check(c, &err), KH_CORRUPT, err, word);
    c->close(c);
}

static void check_finds_a_row_without_its_key(void)
{
    check_finds("PRAGMA foreign_keys = OFF; DELETE FROM keys WHERE id ="
                " (SELECT key FROM versions WHERE name = 'a')",
        "a version 0 refers to a key that is missing");
}

static void check_finds_a_row_under_a_doomed_key(void)
{
    check_finds("UPDATE keys SET state = 2 WHERE id = (SELECT key FROM versions WHERE "
                "name = 'b')",
        "b version 0 refers to a key that is not active");
}

static void check_finds_an_active_key_without_rows(void)
{
    check_finds(
        "DELETE FROM versions WHERE name = 'b'", "active key that no version needs");
}

static void check_finds_a_broken_index(void)
{
    check_finds("PRAGMA writable_schema = ON;"
                "DELETE FROM sqlite_schema WHERE name = 'versions_name';"
                "PRAGMA writable_schema = RESET;"
                "PRAGMA writable_schema = OFF;",
        "is damaged");
}

static void check_accepts_an_epoch_whose_rows_are_gone(void)
{
    const char *path;
    struct kh_catalog *c = catalog_new(&path);
    struct kh_error err = {0};

    KH_ASSERT_OK(announce(c, 1, "epoch", &err), err);
    KH_ASSERT_OK(insert(c, "a", 0, 1, &err), err);
    c->close(c);
    sqlite_do(path, "DELETE FROM versions");
    c = catalog_open(path);
    KH_ASSERT_OK(c->check(c, &err), err);
    c->close(c);
}

static void rows_swapped_by_hand_stay_two_valid_rows(void)
{
    /* The catalog cannot see it: names are inside the envelope, which is the store's to
     * compare. */
    const char *path;
    struct kh_catalog *c = catalog_new(&path);
    struct kh_catalog_row row = {0};
    struct kh_error err = {0};

    add(c, "a", 0, 1);
    add(c, "b", 0, 2);
    c->close(c);
    sqlite_do(path, "UPDATE versions SET name = 'x' WHERE name = 'a';"
                    "UPDATE versions SET name = 'a' WHERE name = 'b';"
                    "UPDATE versions SET name = 'b' WHERE name = 'x';");
    c = catalog_open(path);
    KH_ASSERT_OK(c->check(c, &err), err);
    KH_ASSERT_OK_FATAL(c->get(c, "a", 0, false, &row, &err), err);
    CU_ASSERT_EQUAL(memcmp(row.envelope, "envelope of b 0", row.envelope_len), 0);
    CU_ASSERT_EQUAL(row.key.bytes[7], 2);
    c->row_free(c, &row);
    c->close(c);
}

static void purged_envelopes_are_overwritten(void)
{
    const char *path;
    struct kh_catalog *c = catalog_new(&path);
    struct kh_error err = {0};

    add(c, "needle", 0, 1);
    add(c, "other", 0, 2);
    c->close(c);
    CU_ASSERT_EQUAL(kh_test_shell("grep -q 'envelope of needle' '%s'", path), 0);
    c = catalog_open(path);
    KH_ASSERT_OK(c->purge(c, "needle", KH_ALL_VERSIONS, NULL, &err), err);
    c->close(c);
    CU_ASSERT_EQUAL(kh_test_shell("grep -q 'envelope of needle' '%s'", path), 1);
    CU_ASSERT_EQUAL(kh_test_shell("grep -q 'envelope of other' '%s'", path), 0);
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"its_files_are_private_whatever_the_umask",
            its_files_are_private_whatever_the_umask},
        {"what_was_written_is_there_after_a_reopen",
            what_was_written_is_there_after_a_reopen},
        {"an_empty_file_left_by_a_crash_becomes_a_catalog",
            an_empty_file_left_by_a_crash_becomes_a_catalog},
        {"a_strange_path_or_mode_is_refused", a_strange_path_or_mode_is_refused},
        {"a_newer_schema_is_refused", a_newer_schema_is_refused},
        {"a_database_of_somebody_else_is_refused_and_left_alone",
            a_database_of_somebody_else_is_refused_and_left_alone},
        {"text_in_place_of_a_database_is_corrupt",
            text_in_place_of_a_database_is_corrupt},
        {"a_truncated_file_is_corrupt", a_truncated_file_is_corrupt},
        {"damaged_pages_are_corrupt_never_wrong_data",
            damaged_pages_are_corrupt_never_wrong_data},
        {"check_finds_a_row_without_its_key", check_finds_a_row_without_its_key},
        {"check_finds_a_row_under_a_doomed_key", check_finds_a_row_under_a_doomed_key},
        {"check_finds_an_active_key_without_rows",
            check_finds_an_active_key_without_rows},
        {"check_finds_a_broken_index", check_finds_a_broken_index},
        {"check_accepts_an_epoch_whose_rows_are_gone",
            check_accepts_an_epoch_whose_rows_are_gone},
        {"rows_swapped_by_hand_stay_two_valid_rows",
            rows_swapped_by_hand_stay_two_valid_rows},
        {"purged_envelopes_are_overwritten", purged_envelopes_are_overwritten},
    };
    return kh_test_main("catalog: open", tests, sizeof tests / sizeof tests[0]);
}
