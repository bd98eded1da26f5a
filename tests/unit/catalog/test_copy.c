/* A catalog copied, and read, while somebody writes to it. */
#include "support.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void a_copy_holds_what_was_committed_and_is_private(void)
{
    const char *path;
    struct kh_catalog *c = catalog_new(&path);
    struct kh_catalog *copied = NULL;
    char *copy = kh_test_path(kh_test_dir(), "copy.db");
    struct kh_catalog_counts counts = {0};
    struct kh_error err = {0};
    unsigned char a[32];
    unsigned char b[32];
    struct stat st;

    add(c, "a", 0, 1);
    add(c, "b", 0, 2);
    KH_ASSERT_OK(kh_catalog_copy(path, copy, &err), err);
    CU_ASSERT_EQUAL(stat(copy, &st), 0);
    CU_ASSERT_EQUAL(st.st_mode & 07777, 0600);
    add(c, "c", 0, 3);
    KH_ASSERT_OK_FATAL(kh_catalog_open_reader(copy, &copied, &err), err);
    KH_ASSERT_OK(copied->counts(copied, &counts, &err), err);
    CU_ASSERT_EQUAL(counts.versions, 2);
    KH_ASSERT_OK(copied->check(copied, &err), err);
    KH_ASSERT_OK(c->contents(c, a, &err), err);
    KH_ASSERT_OK(copied->contents(copied, b, &err), err);
    CU_ASSERT_NOT_EQUAL(memcmp(a, b, 32), 0);
    KH_ASSERT_OK(c->purge(c, "c", 0, NULL, &err), err);
    KH_ASSERT_OK(c->contents(c, a, &err), err);
    CU_ASSERT_EQUAL(memcmp(a, b, 32), 0);
    copied->close(copied);
    c->close(c);
    c = catalog_open(copy); /* a whole catalog, to go on with */
    add(c, "c", 0, 4);
    c->close(c);
    free(copy);
}

static void contents_differ_by_name_version_and_key_but_not_by_state(void)
{
    const char *path;
    struct kh_catalog *c = catalog_new(&path);
    struct kh_catalog *d = catalog_new(NULL);
    struct kh_error err = {0};
    unsigned char a[32];
    unsigned char b[32];

    add(c, "a", 0, 1);
    KH_ASSERT_OK(c->contents(c, a, &err), err);
    KH_ASSERT_OK(c->set_state(c, "a", 0, KH_DELETED, &err), err);
    KH_ASSERT_OK(c->contents(c, b, &err), err);
    CU_ASSERT_EQUAL(memcmp(a, b, 32), 0);
    add(d, "a", 0, 2); /* another key */
    KH_ASSERT_OK(d->contents(d, b, &err), err);
    CU_ASSERT_NOT_EQUAL(memcmp(a, b, 32), 0);
    d->close(d);
    c->close(c);
}

struct writer {
    struct kh_catalog *catalog;
    atomic_bool stop;
    unsigned written;
};

static void *write_on(void *arg)
{
    struct writer *w = arg;

    while (!atomic_load(&w->stop) && w->written < 5000) {
        char name[32];

        snprintf(name, sizeof name, "n%u", w->written);
        w->written++;
        add(w->catalog, name, 0, w->written);
    }
    return NULL;
}

static void copies_under_writes_are_whole(void)
{
    const char *path;
    struct writer w = {.catalog = catalog_new(&path)};
    const char *dir = kh_test_dir();
    pthread_t thread;
    uint64_t last = 0;

    add(w.catalog, "first", 0, 100000);
    CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, write_on, &w), 0);
    for (int i = 0; i < 20; i++) {
        char *copy = kh_test_path(dir, "copy%d.db", i);
        struct kh_catalog *copied = NULL;
        struct kh_error err = {0};
        uint64_t generation = 0;

        KH_ASSERT_OK(kh_catalog_copy(path, copy, &err), err);
        KH_ASSERT_OK_FATAL(kh_catalog_open_reader(copy, &copied, &err), err);
        KH_ASSERT_OK(copied->check(copied, &err), err);
        KH_ASSERT_OK(copied->generation(copied, &generation, &err), err);
        CU_ASSERT_TRUE(generation >= last);
        last = generation;
        copied->close(copied);
        free(copy);
    }
    atomic_store(&w.stop, true);
    pthread_join(thread, NULL);
    w.catalog->close(w.catalog);
}

static void what_is_in_the_way_is_said(void)
{
    const char *path;
    struct kh_catalog *c = catalog_new(&path);
    struct kh_catalog *reader = NULL;
    char *there = kh_test_path(kh_test_dir(), "there");
    struct kh_error err = {0};

    kh_test_write(there, "text in place of a database", 27, 0600);
    KH_ASSERT_FAILS(kh_catalog_copy(path, there, &err), KH_EXISTS, err, there);
    KH_ASSERT_FAILS(
        kh_catalog_copy(path, "/nowhere/copy", &err), KH_UNAVAILABLE, err, "/nowhere");
    KH_ASSERT_FAILS(
        kh_catalog_copy("/nowhere/db", there, &err), KH_NOT_FOUND, err, "/nowhere/db");
    KH_ASSERT_FAILS(kh_catalog_open_reader(there, &reader, &err), KH_CORRUPT, err, there);
    kh_test_write(there, "", 0, 0600);
    KH_ASSERT_FAILS(
        kh_catalog_open_reader(there, &reader, &err), KH_CORRUPT, err, "empty");
    KH_ASSERT_FAILS(
        kh_catalog_open_reader("relative", &reader, &err), KH_INVALID, err, "absolute");
    CU_ASSERT_PTR_NULL(reader);
    c->close(c);
    free(there);
}

static void a_reader_of_a_catalog_at_rest_leaves_nothing_to_mend(void)
{
    const char *path;
    struct kh_catalog *c = catalog_new(&path);
    struct kh_catalog *reader = NULL;
    struct kh_error err = {0};
    uint64_t generation = 0;

    add(c, "a", 0, 1);
    c->close(c);
    KH_ASSERT_OK_FATAL(kh_catalog_open_reader(path, &reader, &err), err);
    KH_ASSERT_OK(reader->generation(reader, &generation, &err), err);
    CU_ASSERT_EQUAL(generation, 2);
    reader->close(reader);
    CU_ASSERT_NOT_EQUAL(kh_test_shell("test -s '%s-wal'", path), 0);
    c = catalog_open(path);
    CU_ASSERT_EQUAL(generation_of(c), 2);
    c->close(c);
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"a_copy_holds_what_was_committed_and_is_private",
            a_copy_holds_what_was_committed_and_is_private},
        {"contents_differ_by_name_version_and_key_but_not_by_state",
            contents_differ_by_name_version_and_key_but_not_by_state},
        {"copies_under_writes_are_whole", copies_under_writes_are_whole},
        {"what_is_in_the_way_is_said", what_is_in_the_way_is_said},
        {"a_reader_of_a_catalog_at_rest_leaves_nothing_to_mend",
            a_reader_of_a_catalog_at_rest_leaves_nothing_to_mend},
    };
    return kh_test_main("catalog: copy", tests, sizeof tests / sizeof tests[0]);
}
