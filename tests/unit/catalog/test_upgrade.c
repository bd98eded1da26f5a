/* A catalog of schema 1, as the releases before named keys made it, and this program. */
#include "support.h"

#include <stdlib.h>
#include <string.h>

static struct kh_error err;

/* Word for word what schema.c of 1.0 executed, and what its rows.c inserted. */
static const char schema_1[] =
    "CREATE TABLE meta (name TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL)"
    " STRICT, WITHOUT ROWID;"
    "CREATE TABLE generation (one INTEGER PRIMARY KEY CHECK (one = 1),"
    " value INTEGER NOT NULL) STRICT;"
    "INSERT INTO generation VALUES (1, 5);"
    "CREATE TABLE keys (id BLOB PRIMARY KEY NOT NULL, token TEXT NOT NULL, scope TEXT "
    "NOT NULL,"
    " profile TEXT NOT NULL, state INTEGER NOT NULL CHECK (state IN (0, 1, 2)),"
    " created INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE INDEX keys_state ON keys (state);"
    "CREATE TABLE versions (seq INTEGER PRIMARY KEY, name TEXT COLLATE BINARY NOT NULL,"
    " version INTEGER NOT NULL CHECK (version BETWEEN 0 AND 2147483647),"
    " state INTEGER NOT NULL CHECK (state IN (0, 1)), created INTEGER NOT NULL,"
    " key BLOB NOT NULL REFERENCES keys (id), profile TEXT NOT NULL, envelope BLOB NOT "
    "NULL)"
    " STRICT;"
    "CREATE UNIQUE INDEX versions_name ON versions (name, version);"
    "CREATE INDEX versions_key ON versions (key);"
    "CREATE INDEX versions_deleted ON versions (name) WHERE state = 1;"
    "PRAGMA application_id = 1263031117;"
    "PRAGMA user_version = 1;"
    "INSERT INTO keys VALUES (x'7461673000000001000000000000000000000000', '1a2b3c',"
    " 'deposit', 'ecdh-p256', 1, 1764000001),"
    " (x'7461673000000002000000000000000000000000', '1a2b3c', 'deposit', 'ecdh-p256', 1,"
    " 1764000002);"
    "INSERT INTO versions (name, version, state, created, key, profile, envelope) VALUES"
    " ('a', 0, 0, 1764000000, x'7461673000000001000000000000000000000000', 'ecdh-p256',"
    " x'616263'),"
    " ('a', 1, 1, 1764000000, x'7461673000000002000000000000000000000000', 'ecdh-p256',"
    " x'646566');";

/* Of these two rows, computed apart. */
static const unsigned char contents_1[32] = {0x59, 0x0b, 0x67, 0x22, 0xbb, 0x82, 0x03,
    0x9a, 0x94, 0xe7, 0x94, 0xd7, 0x3c, 0x31, 0x66, 0xdd, 0xc3, 0x1c, 0x7e, 0xdc, 0x91,
    0xbf, 0xa3, 0x68, 0x24, 0x78, 0x4f, 0x82, 0xaf, 0x54, 0x1d, 0x7f};

static const char *old_catalog(void)
{
    static char made[600];
    char *path = kh_test_path(kh_test_dir(), "catalog.db");

    snprintf(made, sizeof made, "%s", path);
    free(path);
    kh_test_write(made, "", 0, 0600);
    sqlite_do(made, schema_1);
    return made;
}

/* The schema that the file says it has, by the shell. */
static bool has_schema(const char *path, int schema)
{
    return kh_test_shell(
               "test \"$(sqlite3 '%s' 'PRAGMA user_version')\" = %d", path, schema) == 0;
}

static void it_is_brought_up_and_keeps_what_it_held(void)
{
    const char *path = old_catalog();
    struct kh_catalog *c = catalog_open(path);
    struct kh_catalog_counts counts = {0};
    struct kh_catalog_named got;
    unsigned char digest[32];

    CU_ASSERT_EQUAL(generation_of(c), 5);
    KH_ASSERT_OK(c->counts(c, &counts, &err), err);
    CU_ASSERT_EQUAL(counts.versions, 2);
    CU_ASSERT_EQUAL(counts.deleted, 1);
    KH_ASSERT_OK(c->contents(c, digest, &err), err);
    CU_ASSERT_EQUAL(memcmp(digest, contents_1, 32), 0);
    KH_ASSERT_OK(c->check(c, &err), err);
    KH_ASSERT_OK(insert_named(c, "key", KH_KIND_EC_P256, 3, &err), err);
    add(c, "b", 0, 4);
    c->close(c);
    CU_ASSERT(has_schema(path, 2));
    c = catalog_open(path); /* once is enough */
    KH_ASSERT_OK(c->named_get(c, "key", &got, &err), err);
    KH_ASSERT_OK(c->check(c, &err), err);
    c->close(c);
}

static void whoever_only_reads_it_leaves_it_as_it_is(void)
{
    const char *path = old_catalog();
    struct kh_catalog *c = NULL;
    struct kh_catalog_named got;
    struct kh_named_key page[2];
    unsigned char digest[32];
    size_t count = 9;
    char before[700];

    snprintf(before, sizeof before, "%s.before", path);
    CU_ASSERT_EQUAL(kh_test_shell("cp '%s' '%s'", path, before), 0);
    KH_ASSERT_OK_FATAL(kh_catalog_open_reader(path, &c, &err), err);
    KH_ASSERT_OK(c->check(c, &err), err);
    KH_ASSERT_OK(c->contents(c, digest, &err), err);
    CU_ASSERT_EQUAL(memcmp(digest, contents_1, 32), 0);
    KH_ASSERT_FAILS(c->named_get(c, "a", &got, &err), KH_NOT_FOUND, err, "'a'");
    KH_ASSERT_OK(c->named_list(c, NULL, page, 2, &count, &err), err);
    CU_ASSERT_EQUAL(count, 0);
    c->close(c);
    CU_ASSERT_EQUAL(kh_test_shell("cmp -s '%s' '%s'", path, before), 0);
}

static void a_copy_of_it_can_be_gone_on_with(void)
{
    const char *path = old_catalog();
    struct kh_catalog *c;
    char copy[700];

    snprintf(copy, sizeof copy, "%s.copy", path);
    KH_ASSERT_OK(kh_catalog_copy(path, copy, &err), err);
    CU_ASSERT(has_schema(copy, 1));
    c = catalog_open(copy);
    KH_ASSERT_OK(insert_named(c, "key", KH_KIND_AES_256, 3, &err), err);
    KH_ASSERT_OK(c->check(c, &err), err);
    c->close(c);
    CU_ASSERT(has_schema(path, 1));
}

/* What stands in the way of the new table undoes the whole step. */
static void a_step_that_fails_leaves_the_old_schema(void)
{
    const char *path = old_catalog();
    struct kh_catalog *c = NULL;

    sqlite_do(path, "CREATE TABLE named_keys (other TEXT)");
    CU_ASSERT_NOT_EQUAL(kh_catalog_open_sqlite(path, &c, &err), KH_OK);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "named_keys already exists"));
    CU_ASSERT(has_schema(path, 1));
    sqlite_do(path, "DROP TABLE named_keys");
    c = catalog_open(path);
    KH_ASSERT_OK(c->check(c, &err), err);
    c->close(c);
    CU_ASSERT(has_schema(path, 2));
}

static void a_damaged_one_is_refused_as_before(void)
{
    const char *path = old_catalog();
    struct kh_catalog *c = NULL;

    CU_ASSERT_EQUAL(kh_test_shell("truncate -s 9000 '%s'", path), 0);
    CU_ASSERT_EQUAL(kh_catalog_open_sqlite(path, &c, &err), KH_CORRUPT);
    CU_ASSERT_EQUAL(kh_catalog_open_reader(path, &c, &err), KH_CORRUPT);
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"it_is_brought_up_and_keeps_what_it_held",
            it_is_brought_up_and_keeps_what_it_held},
        {"whoever_only_reads_it_leaves_it_as_it_is",
            whoever_only_reads_it_leaves_it_as_it_is},
        {"a_copy_of_it_can_be_gone_on_with", a_copy_of_it_can_be_gone_on_with},
        {"a_step_that_fails_leaves_the_old_schema",
            a_step_that_fails_leaves_the_old_schema},
        {"a_damaged_one_is_refused_as_before", a_damaged_one_is_refused_as_before},
    };
    return kh_test_main("catalog/upgrade", tests, sizeof tests / sizeof tests[0]);
}
