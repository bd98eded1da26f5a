#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void a_row_comes_back_as_it_was_put(void)
{
    struct kh_catalog *c = catalog_new(NULL);
    unsigned char envelope[5000];
    struct kh_catalog_row in = {
        .version = 3, .state = KH_DELETED, .created = -5, .key = key_id(1)};
    struct kh_catalog_row out = {0};
    struct kh_error err = {0};

    for (size_t i = 0; i < sizeof envelope; i++)
        envelope[i] = (unsigned char)(i * 7);
    snprintf(in.name, sizeof in.name, "key-1.test_A");
    snprintf(in.profile, sizeof in.profile, "rsa-oaep-sha1");
    in.envelope = envelope;
    in.envelope_len = sizeof envelope;
    KH_ASSERT_OK(announce(c, 1, "deposit", &err), err);
    KH_ASSERT_OK(c->insert(c, &in, false, &err), err);
    KH_ASSERT_OK_FATAL(c->get(c, in.name, 3, true, &out, &err), err);
    CU_ASSERT_STRING_EQUAL(out.name, in.name);
    CU_ASSERT_EQUAL(out.version, 3);
    CU_ASSERT_EQUAL(out.state, KH_DELETED);
    CU_ASSERT_EQUAL(out.created, -5);
    CU_ASSERT_STRING_EQUAL(out.profile, "rsa-oaep-sha1");
    CU_ASSERT_EQUAL(memcmp(out.key.bytes, in.key.bytes, 20), 0);
    CU_ASSERT_EQUAL_FATAL(out.envelope_len, sizeof envelope);
    CU_ASSERT_EQUAL(memcmp(out.envelope, envelope, sizeof envelope), 0);
    c->row_free(c, &out);
    CU_ASSERT_PTR_NULL(out.envelope);
    c->close(c);
}

static void what_exists_is_never_overwritten(void)
{
    struct kh_catalog *c = catalog_new(NULL);
    struct kh_catalog_row row = {0};
    struct kh_error err = {0};

    add(c, "a", 1, 1);
    KH_ASSERT_OK(announce(c, 2, "deposit", &err), err);
    KH_ASSERT_FAILS(
        insert(c, "a", 1, 2, &err), KH_EXISTS, err, "version 1 of deposit 'a' exists");
    /* version 0 is inserted as "only new": any version of the name is in its way, also a
     * deleted one */
    KH_ASSERT_OK(c->set_state(c, "a", 1, KH_DELETED, &err), err);
    KH_ASSERT_FAILS(
        insert(c, "a", 0, 2, &err), KH_EXISTS, err, "deposit 'a' exists already");
    CU_ASSERT_EQUAL(state_of(c, 2), KH_KEY_PENDING);
    KH_ASSERT_OK_FATAL(c->get(c, "a", 1, true, &row, &err), err);
    CU_ASSERT_EQUAL(row.key.bytes[7], 1);
    c->row_free(c, &row);
    c->close(c);
}

static void what_cannot_be_stored_is_invalid(void)
{
    struct kh_catalog *c = catalog_new(NULL);
    unsigned char byte = 0;
    struct kh_catalog_row row = {.name = "a", .key = key_id(1), .envelope = &byte};
    struct kh_error err = {0};

    KH_ASSERT_FAILS(c->insert(c, &row, true, &err), KH_INVALID, err, "no envelope");
    row.envelope_len = 1;
    row.version = KH_VERSION_MAX + 1;
    KH_ASSERT_FAILS(
        c->insert(c, &row, true, &err), KH_INVALID, err, "version 2147483648");
    row.version = 0;
    row.state = (kh_state)7;
    KH_ASSERT_FAILS(c->insert(c, &row, true, &err), KH_INVALID, err, "cannot be stored");
    row.state = KH_ACTIVE;
    row.name[0] = '\0';
    KH_ASSERT_FAILS(c->insert(c, &row, true, &err), KH_INVALID, err, "cannot be stored");
    c->close(c);
}

static uint32_t latest(struct kh_catalog *c, const char *name, bool with_deleted)
{
    struct kh_catalog_row row = {0};
    struct kh_error err = {0};
    uint32_t version = KH_LATEST;

    if (c->get(c, name, KH_LATEST, with_deleted, &row, &err) == KH_OK)
        version = row.version;
    else
        CU_ASSERT_EQUAL(err.status, KH_NOT_FOUND);
    c->row_free(c, &row);
    return version;
}

static void latest_is_the_highest_active_version(void)
{
    struct kh_catalog *c = catalog_new(NULL);
    struct kh_catalog_row row = {0};
    struct kh_stat stat = {0};
    struct kh_error err = {0};

    add(c, "a", 0, 1);
    add(c, "a", 1, 2);
    add(c, "a", 2, 3);
    CU_ASSERT_EQUAL(latest(c, "a", false), 2);
    KH_ASSERT_OK(c->set_state(c, "a", 2, KH_DELETED, &err), err);
    CU_ASSERT_EQUAL(latest(c, "a", false), 1);
    CU_ASSERT_EQUAL(latest(c, "a", true), 1);
    KH_ASSERT_FAILS(c->get(c, "a", 2, false, &row, &err), KH_NOT_FOUND, err, "deleted");
    KH_ASSERT_OK(c->stat(c, "a", KH_LATEST, &stat, &err), err);
    CU_ASSERT_EQUAL(stat.version, 1);
    CU_ASSERT_EQUAL(stat.versions, 3);
    CU_ASSERT_EQUAL(stat.highest, 2);
    KH_ASSERT_OK(c->set_state(c, "a", KH_ALL_VERSIONS, KH_DELETED, &err), err);
    CU_ASSERT_EQUAL(latest(c, "a", false), KH_LATEST);
    CU_ASSERT_EQUAL(latest(c, "a", true), 2);
    KH_ASSERT_OK(c->stat(c, "a", KH_LATEST, &stat, &err), err);
    CU_ASSERT_EQUAL(stat.version, 2);
    CU_ASSERT_EQUAL(stat.state, KH_DELETED);
    KH_ASSERT_OK(c->set_state(c, "a", 0, KH_ACTIVE, &err), err);
    KH_ASSERT_OK(c->set_state(c, "a", 0, KH_ACTIVE, &err), err); /* idempotent */
    CU_ASSERT_EQUAL(latest(c, "a", false), 0);
    c->close(c);
}

static void what_is_not_there_is_not_found_and_named(void)
{
    struct kh_catalog *c = catalog_new(NULL);
    struct kh_catalog_row row = {0};
    struct kh_stat stat = {0};
    struct kh_error err = {0};

    add(c, "a", 0, 1);
    KH_ASSERT_FAILS(
        c->get(c, "nope", KH_LATEST, true, &row, &err), KH_NOT_FOUND, err, "'nope'");
    KH_ASSERT_FAILS(c->get(c, "a", 4, true, &row, &err), KH_NOT_FOUND, err, "version 4");
    KH_ASSERT_FAILS(c->stat(c, "a", 4, &stat, &err), KH_NOT_FOUND, err, "version 4");
    KH_ASSERT_FAILS(c->set_state(c, "nope", KH_ALL_VERSIONS, KH_DELETED, &err),
        KH_NOT_FOUND, err, "'nope'");
    KH_ASSERT_FAILS(
        c->set_state(c, "a", 1, KH_DELETED, &err), KH_NOT_FOUND, err, "version 1");
    KH_ASSERT_FAILS(
        c->purge(c, "nope", KH_ALL_VERSIONS, NULL, &err), KH_NOT_FOUND, err, "'nope'");
    KH_ASSERT_FAILS(c->purge(c, "a", 1, NULL, &err), KH_NOT_FOUND, err, "version 1");
    CU_ASSERT_EQUAL(latest(c, "a", false), 0);
    c->close(c);
}

static void purge_takes_one_version_or_all(void)
{
    struct kh_catalog *c = catalog_new(NULL);
    struct kh_catalog_counts counts = {0};
    struct kh_error err = {0};

    add(c, "a", 0, 1);
    add(c, "a", 1, 2);
    add(c, "ab", 0, 3);
    KH_ASSERT_OK(c->purge(c, "a", 1, NULL, &err), err);
    CU_ASSERT_EQUAL(latest(c, "a", false), 0);
    KH_ASSERT_OK(c->purge(c, "a", KH_ALL_VERSIONS, NULL, &err), err);
    CU_ASSERT_EQUAL(latest(c, "a", true), KH_LATEST);
    CU_ASSERT_EQUAL(latest(c, "ab", false), 0);
    KH_ASSERT_OK(c->counts(c, &counts, &err), err);
    CU_ASSERT_EQUAL(counts.deposits, 1);
    CU_ASSERT_EQUAL(counts.versions, 1);
    CU_ASSERT_EQUAL(counts.keys[KH_KEY_DOOMED], 2);
    add(c, "a", 0, 4); /* the name is free again */
    KH_ASSERT_OK(c->check(c, &err), err);
    c->close(c);
}

static void counts_count(void)
{
    struct kh_catalog *c = catalog_new(NULL);
    struct kh_catalog_counts counts = {0};
    struct kh_error err = {0};

    KH_ASSERT_OK(c->counts(c, &counts, &err), err);
    CU_ASSERT_EQUAL(counts.versions, 0);
    add(c, "a", 0, 1);
    add(c, "a", 1, 2);
    add(c, "b", 0, 3);
    KH_ASSERT_OK(announce(c, 4, "deposit", &err), err);
    KH_ASSERT_OK(c->set_state(c, "a", 0, KH_DELETED, &err), err);
    KH_ASSERT_OK(c->counts(c, &counts, &err), err);
    CU_ASSERT_EQUAL(counts.deposits, 2);
    CU_ASSERT_EQUAL(counts.versions, 3);
    CU_ASSERT_EQUAL(counts.deleted, 1);
    CU_ASSERT_EQUAL(counts.keys[KH_KEY_PENDING], 1);
    CU_ASSERT_EQUAL(counts.keys[KH_KEY_ACTIVE], 3);
    c->close(c);
}

static void a_name_is_deleted_when_all_its_versions_are(void)
{
    struct kh_catalog *c = catalog_new(NULL);
    struct kh_error err = {0};
    uint64_t count = 7;

    KH_ASSERT_OK(c->deleted_names(c, &count, &err), err);
    CU_ASSERT_EQUAL(count, 0);
    add(c, "a", 0, 1);
    add(c, "a", 1, 2);
    add(c, "b", 0, 3);
    add(c, "c", 0, 4);
    KH_ASSERT_OK(c->set_state(c, "a", 0, KH_DELETED, &err), err);
    KH_ASSERT_OK(c->deleted_names(c, &count, &err), err);
    CU_ASSERT_EQUAL(count, 0);
    KH_ASSERT_OK(c->set_state(c, "a", 1, KH_DELETED, &err), err);
    KH_ASSERT_OK(c->set_state(c, "b", 0, KH_DELETED, &err), err);
    KH_ASSERT_OK(c->deleted_names(c, &count, &err), err);
    CU_ASSERT_EQUAL(count, 2);
    KH_ASSERT_OK(c->set_state(c, "b", 0, KH_ACTIVE, &err), err);
    KH_ASSERT_OK(c->deleted_names(c, &count, &err), err);
    CU_ASSERT_EQUAL(count, 1);
    c->close(c);
}

static void listing_is_in_byte_order_and_resumes_anywhere(void)
{
    static const char *const names[] = {
        "0", "A", "B", "Z-", "Z.", "Z0", "Z_", "a", "a-b", "aB", "ab"};
    struct kh_catalog *c = catalog_new(NULL);
    struct kh_cursor after = {0};
    struct kh_item items[2];
    struct kh_error err = {0};
    size_t count = 0;
    size_t seen = 0;

    for (unsigned i = 11; i > 0; i--) {
        add(c, names[i - 1], 0, 2 * i);
        add(c, names[i - 1], 10,
            2 * i + 1); /* 10 follows 0, also where text would say otherwise */
    }
    do {
        KH_ASSERT_OK_FATAL(c->list(c, &after, items, 2, &count, &err), err);
        for (size_t i = 0; i < count; i++, seen++) {
            CU_ASSERT_STRING_EQUAL(items[i].name, names[seen / 2]);
            CU_ASSERT_EQUAL(items[i].version, seen % 2 ? 10 : 0);
            CU_ASSERT_EQUAL(items[i].status, KH_OK);
            CU_ASSERT_EQUAL(items[i].created, 1764000000);
            memcpy(after.name, items[i].name, sizeof after.name);
            after.version = items[i].version;
            after.started = true;
        }
    } while (count > 0);
    CU_ASSERT_EQUAL(seen, 22);
    snprintf(after.name, sizeof after.name, "C"); /* a name that is not there */
    after.version = KH_LATEST;
    KH_ASSERT_OK(c->list(c, &after, items, 1, &count, &err), err);
    CU_ASSERT_EQUAL(count, 1);
    CU_ASSERT_STRING_EQUAL(items[0].name, "Z-");
    KH_ASSERT_OK(c->list(c, NULL, items, 1, &count, &err), err);
    CU_ASSERT_STRING_EQUAL(items[0].name, "0");
    c->close(c);
}

static long resident_kb(void)
{
    FILE *f = fopen("/proc/self/statm", "r");
    long size = 0;
    long pages = 0;

    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    CU_ASSERT_EQUAL(fscanf(f, "%ld %ld", &size, &pages), 2);
    (void)fclose(f);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static void walk(struct kh_catalog *c, unsigned want)
{
    static struct kh_item items[100];
    struct kh_cursor after = {0};
    struct kh_error err = {0};
    size_t count = 0;
    unsigned seen = 0;

    do {
        KH_ASSERT_OK_FATAL(c->list(c, &after, items, 100, &count, &err), err);
        seen += (unsigned)count;
        if (count > 0) {
            memcpy(after.name, items[count - 1].name, sizeof after.name);
            after.version = items[count - 1].version;
            after.started = true;
        }
    } while (count > 0);
    CU_ASSERT_EQUAL(seen, want);
}

static void listing_needs_no_memory_per_deposit(void)
{
    struct kh_catalog *c = catalog_new(NULL);
    unsigned char *envelope = calloc(1, 16384);
    struct kh_catalog_key *keys = calloc(2000, sizeof *keys);
    struct kh_catalog_row row = {.envelope = envelope, .envelope_len = 16384};
    struct kh_error err = {0};
    long before;

    CU_ASSERT_FATAL(envelope && keys);
    for (unsigned i = 0; i < 2000; i++)
        keys[i].id = key_id(i);
    KH_ASSERT_OK_FATAL(c->key_announce(c, keys, 2000, &err), err);
    for (unsigned i = 0; i < 2000; i++) {
        snprintf(row.name, sizeof row.name, "deposit-%05u", i);
        row.key = keys[i].id;
        KH_ASSERT_OK_FATAL(c->insert(c, &row, true, &err), err);
    }
    free(keys);
    walk(c, 2000);
    before = resident_kb();
    walk(c, 2000);
    walk(c, 2000);
    CU_ASSERT(resident_kb() - before < 2048); /* the envelopes alone are 32 MB */
    free(envelope);
    c->close(c);
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"a_row_comes_back_as_it_was_put", a_row_comes_back_as_it_was_put},
        {"what_exists_is_never_overwritten", what_exists_is_never_overwritten},
        {"what_cannot_be_stored_is_invalid", what_cannot_be_stored_is_invalid},
        {"latest_is_the_highest_active_version", latest_is_the_highest_active_version},
        {"what_is_not_there_is_not_found_and_named",
            what_is_not_there_is_not_found_and_named},
        {"purge_takes_one_version_or_all", purge_takes_one_version_or_all},
        {"counts_count", counts_count},
        {"a name is deleted when all its versions are",
            a_name_is_deleted_when_all_its_versions_are},
        {"listing_is_in_byte_order_and_resumes_anywhere",
            listing_is_in_byte_order_and_resumes_anywhere},
        {"listing_needs_no_memory_per_deposit", listing_needs_no_memory_per_deposit},
    };
    return kh_test_main("catalog: rows", tests, sizeof tests / sizeof tests[0]);
}
