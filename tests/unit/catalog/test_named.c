/* Named keys in the catalog: beside deposits, and never under one name with them. */
#include "support.h"

#include <pthread.h>
#include <string.h>

static struct kh_error err;

static void a_key_comes_back_as_it_was_put(void)
{
    static const kh_key_kind kinds[] = {KH_KIND_EC_P256, KH_KIND_EC_P384, KH_KIND_ED25519,
        KH_KIND_RSA_2048, KH_KIND_RSA_3072, KH_KIND_RSA_4096, KH_KIND_AES_256};
    const char *path;
    struct kh_catalog *c = catalog_new(&path);

    for (unsigned i = 0; i < 7; i++) {
        char name[16];

        snprintf(name, sizeof name, "key%u", i);
        KH_ASSERT_OK(insert_named(c, name, kinds[i], i, &err), err);
        CU_ASSERT_EQUAL(state_of(c, i), KH_KEY_ACTIVE);
    }
    c->close(c);
    c = catalog_open(path);
    for (unsigned i = 0; i < 7; i++) {
        char name[16];
        struct kh_catalog_named want;
        struct kh_catalog_named got = {0};

        snprintf(name, sizeof name, "key%u", i);
        want = named(name, kinds[i], i);
        KH_ASSERT_OK(c->named_get(c, name, &got, &err), err);
        CU_ASSERT_STRING_EQUAL(got.key.name, name);
        CU_ASSERT_EQUAL(got.key.kind, kinds[i]);
        CU_ASSERT_EQUAL(got.key.purposes, want.key.purposes);
        CU_ASSERT_EQUAL(got.key.state, KH_ACTIVE);
        CU_ASSERT_EQUAL(got.key.created, want.key.created);
        CU_ASSERT_EQUAL(got.key.public_len, want.key.public_len);
        CU_ASSERT_EQUAL(
            memcmp(got.key.public_key, want.key.public_key, sizeof want.key.public_key),
            0);
        CU_ASSERT_EQUAL(got.id.len, want.id.len);
        CU_ASSERT_EQUAL(memcmp(got.id.bytes, want.id.bytes, want.id.len), 0);
    }
    KH_ASSERT_OK(c->check(c, &err), err);
    c->close(c);
}

static void a_name_is_a_keys_or_a_deposits(void)
{
    struct kh_catalog *c = catalog_new(NULL);
    uint64_t generation;

    add(c, "deposit", 0, 1);
    KH_ASSERT_OK(insert_named(c, "key", KH_KIND_EC_P256, 2, &err), err);
    KH_ASSERT_OK(announce(c, 3, "deposit", &err), err);
    generation = generation_of(c);
    KH_ASSERT_FAILS(
        insert(c, "key", 0, 3, &err), KH_EXISTS, err, "named key 'key' exists");
    KH_ASSERT_FAILS(
        insert(c, "key", 7, 3, &err), KH_EXISTS, err, "named key 'key' exists");
    CU_ASSERT_EQUAL(generation_of(c), generation);
    KH_ASSERT_FAILS(insert_named(c, "deposit", KH_KIND_EC_P256, 4, &err), KH_EXISTS, err,
        "deposit 'deposit' exists");
    KH_ASSERT_FAILS(insert_named(c, "key", KH_KIND_EC_P256, 5, &err), KH_EXISTS, err,
        "named key 'key' exists");
    CU_ASSERT_EQUAL(state_of(c, 4), KH_KEY_PENDING);
    c->close(c);
}

static void a_name_stays_taken_while_its_owner_is_only_removed(void)
{
    struct kh_catalog *c = catalog_new(NULL);

    add(c, "deposit", 0, 1);
    KH_ASSERT_OK(insert_named(c, "key", KH_KIND_AES_256, 2, &err), err);
    KH_ASSERT_OK(c->set_state(c, "deposit", 0, KH_DELETED, &err), err);
    KH_ASSERT_OK(c->named_set_state(c, "key", KH_DELETED, &err), err);
    KH_ASSERT_OK(announce(c, 3, "deposit", &err), err);
    CU_ASSERT_EQUAL(insert(c, "key", 0, 3, &err), KH_EXISTS);
    CU_ASSERT_EQUAL(insert_named(c, "deposit", KH_KIND_AES_256, 4, &err), KH_EXISTS);
    KH_ASSERT_OK(c->purge(c, "deposit", KH_ALL_VERSIONS, NULL, &err), err);
    KH_ASSERT_OK(c->named_purge(c, "key", &err), err);
    KH_ASSERT_OK(insert(c, "key", 0, 3, &err), err);
    KH_ASSERT_OK(insert_named(c, "deposit", KH_KIND_AES_256, 5, &err), err);
    KH_ASSERT_OK(c->check(c, &err), err);
    c->close(c);
}

struct racer {
    struct kh_catalog *catalog;
    unsigned number;
    kh_status status;
};

static void *race(void *arg)
{
    struct racer *r = arg;
    struct kh_error own = {0};

    if (r->number % 2)
        r->status = insert(r->catalog, "prize", 0, r->number, &own);
    else {
        struct kh_catalog_named n = named("prize", KH_KIND_EC_P256, r->number);

        r->status = r->catalog->named_insert(r->catalog, &n, &own);
    }
    return NULL;
}

static void of_many_at_once_one_gets_the_name(void)
{
    struct kh_catalog *c = catalog_new(NULL);
    struct racer racers[16];
    pthread_t threads[16];
    unsigned won = 0;

    for (unsigned i = 0; i < 16; i++) {
        racers[i] = (struct racer){c, i, KH_OK};
        KH_ASSERT_OK(announce(c, i, "named", &err), err);
    }
    for (unsigned i = 0; i < 16; i++)
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    for (unsigned i = 0; i < 16; i++) {
        pthread_join(threads[i], NULL);
        won += racers[i].status == KH_OK;
        CU_ASSERT(racers[i].status == KH_OK || racers[i].status == KH_EXISTS);
    }
    CU_ASSERT_EQUAL(won, 1);
    c->close(c);
}

static void an_insert_needs_an_announced_key_that_nobody_has(void)
{
    struct kh_catalog *c = catalog_new(NULL);
    struct kh_catalog_named n = named("a", KH_KIND_EC_P256, 1);
    struct kh_key_id id = key_id(2);

    KH_ASSERT_FAILS(c->named_insert(c, &n, &err), KH_INVALID, err, "was not announced");
    KH_ASSERT_OK(announce(c, 2, "named", &err), err);
    KH_ASSERT_OK(c->key_doom(c, &id, &err), err);
    n.id = id;
    KH_ASSERT_FAILS(
        c->named_insert(c, &n, &err), KH_REFUSED, err, "about to be destroyed");
    KH_ASSERT_OK(insert_named(c, "first", KH_KIND_EC_P256, 3, &err), err);
    n = named("second", KH_KIND_EC_P256, 3);
    KH_ASSERT_FAILS(
        c->named_insert(c, &n, &err), KH_INVALID, err, "has another name already");
    c->close(c);
}

static void refused(struct kh_catalog *c, struct kh_catalog_named n, const char *word)
{
    KH_ASSERT_FAILS(c->named_insert(c, &n, &err), KH_INVALID, err, word);
}

static void what_no_key_can_be_is_refused(void)
{
    struct kh_catalog *c = catalog_new(NULL);
    struct kh_catalog_named n = named("a", KH_KIND_EC_P256, 1);

    KH_ASSERT_OK(announce(c, 1, "named", &err), err);
    n.key.name[0] = '\0';
    refused(c, n, "cannot be stored");
    n = named("a", KH_KIND_EC_P256, 1);
    n.key.kind = (kh_key_kind)99;
    refused(c, n, "kind 99 cannot be stored");
    n = named("a", KH_KIND_EC_P256, 1);
    n.key.purposes = 0;
    refused(c, n, "cannot be stored");
    n.key.purposes = KH_KEY_WRAP;
    refused(c, n, "cannot be stored");
    n = named("a", KH_KIND_EC_P256, 1);
    n.key.state = (kh_state)2;
    refused(c, n, "cannot be stored");
    n = named("a", KH_KIND_EC_P256, 1);
    n.key.public_len = 0;
    refused(c, n, "0 bytes of a public half");
    n.key.public_len = KH_PUBLIC_KEY_MAX + 1;
    refused(c, n, "1025 bytes of a public half");
    n = named("a", KH_KIND_AES_256, 1);
    n.key.public_len = 1;
    refused(c, n, "1 bytes of a public half");
    CU_ASSERT_EQUAL(state_of(c, 1), KH_KEY_PENDING);
    c->close(c);
}

static void a_removed_key_stays_and_a_purged_one_dooms_its_key(void)
{
    struct kh_catalog *c = catalog_new(NULL);
    struct kh_catalog_named got;
    struct kh_catalog_key doomed[2];
    struct kh_key_id id = key_id(1);
    uint64_t uses = 0;
    size_t count = 0;

    KH_ASSERT_OK(insert_named(c, "a", KH_KIND_EC_P256, 1, &err), err);
    KH_ASSERT_OK(c->key_uses(c, &id, &uses, &err), err);
    CU_ASSERT_EQUAL(uses, 1);
    KH_ASSERT_FAILS(c->key_doom(c, &id, &err), KH_REFUSED, err, "is needed by 1");
    KH_ASSERT_FAILS(c->key_forget(c, &id, &err), KH_REFUSED, err, "is needed by 1");
    for (int i = 0; i < 2; i++) {
        KH_ASSERT_OK(c->named_set_state(c, "a", KH_DELETED, &err), err);
        KH_ASSERT_OK(c->named_get(c, "a", &got, &err), err);
        CU_ASSERT_EQUAL(got.key.state, KH_DELETED);
    }
    KH_ASSERT_OK(c->named_set_state(c, "a", KH_ACTIVE, &err), err);
    KH_ASSERT_OK(c->named_get(c, "a", &got, &err), err);
    CU_ASSERT_EQUAL(got.key.state, KH_ACTIVE);
    KH_ASSERT_OK(c->named_purge(c, "a", &err), err);
    KH_ASSERT_FAILS(c->named_get(c, "a", &got, &err), KH_NOT_FOUND, err, "'a'");
    KH_ASSERT_OK(c->keys_in_state(c, KH_KEY_DOOMED, doomed, 2, &count, &err), err);
    CU_ASSERT_EQUAL(count, 1);
    CU_ASSERT_STRING_EQUAL(doomed[0].scope, "named");
    KH_ASSERT_OK(c->key_forget(c, &id, &err), err);
    KH_ASSERT_OK(c->check(c, &err), err);
    c->close(c);
}

static void what_is_not_there_is_not_found(void)
{
    struct kh_catalog *c = catalog_new(NULL);
    struct kh_catalog_named got = {.id.len = 7};

    add(c, "deposit", 0, 1);
    KH_ASSERT_FAILS(
        c->named_get(c, "deposit", &got, &err), KH_NOT_FOUND, err, "named key 'deposit'");
    CU_ASSERT_EQUAL(got.id.len, 7);
    KH_ASSERT_FAILS(c->named_set_state(c, "deposit", KH_DELETED, &err), KH_NOT_FOUND, err,
        "named key 'deposit'");
    KH_ASSERT_FAILS(
        c->named_purge(c, "deposit", &err), KH_NOT_FOUND, err, "named key 'deposit'");
    CU_ASSERT_EQUAL(state_of(c, 1), KH_KEY_ACTIVE);
    c->close(c);
}

static void a_purge_of_a_deposit_leaves_named_keys_alone(void)
{
    struct kh_catalog *c = catalog_new(NULL);
    struct kh_catalog_named got;

    add(c, "a", 0, 1);
    KH_ASSERT_OK(insert_named(c, "b", KH_KIND_EC_P256, 2, &err), err);
    KH_ASSERT_OK(c->purge(c, "a", KH_ALL_VERSIONS, NULL, &err), err);
    KH_ASSERT_OK(c->named_get(c, "b", &got, &err), err);
    CU_ASSERT_EQUAL(state_of(c, 1), KH_KEY_DOOMED);
    CU_ASSERT_EQUAL(state_of(c, 2), KH_KEY_ACTIVE);
    c->close(c);
}

static void listing_goes_in_byte_order_page_by_page(void)
{
    static const char *const names[] = {"B", "Z", "a", "a.b", "a0", "b"};
    struct kh_catalog *c = catalog_new(NULL);
    struct kh_named_key page[4];
    char last[KH_NAME_MAX + 1] = "";
    unsigned seen = 0;
    size_t count = 0;

    for (unsigned i = 0; i < 6; i++)
        KH_ASSERT_OK(insert_named(c, names[5 - i], KH_KIND_EC_P256, i, &err), err);
    KH_ASSERT_OK(c->named_set_state(c, "a", KH_DELETED, &err), err);
    do {
        KH_ASSERT_OK_FATAL(
            c->named_list(c, last[0] ? last : NULL, page, 4, &count, &err), err);
        for (size_t i = 0; i < count; i++) {
            CU_ASSERT_STRING_EQUAL(page[i].name, names[seen]);
            CU_ASSERT_EQUAL(page[i].state, seen == 2 ? KH_DELETED : KH_ACTIVE);
            seen++;
            memcpy(last, page[i].name, sizeof last);
        }
    } while (count > 0);
    CU_ASSERT_EQUAL(seen, 6);
    KH_ASSERT_OK(c->named_list(c, "b", page, 4, &count, &err), err);
    CU_ASSERT_EQUAL(count, 0);
    c->close(c);
}

static void contents_tell_named_keys_but_not_their_state(void)
{
    struct kh_catalog *c = catalog_new(NULL);
    unsigned char digests[4][32];

    add(c, "b", 0, 1);
    KH_ASSERT_OK(c->contents(c, digests[0], &err), err);
    KH_ASSERT_OK(insert_named(c, "a", KH_KIND_EC_P256, 2, &err), err);
    KH_ASSERT_OK(c->contents(c, digests[1], &err), err);
    CU_ASSERT_NOT_EQUAL(memcmp(digests[0], digests[1], 32), 0);
    KH_ASSERT_OK(c->named_set_state(c, "a", KH_DELETED, &err), err);
    KH_ASSERT_OK(c->contents(c, digests[2], &err), err);
    CU_ASSERT_EQUAL(memcmp(digests[1], digests[2], 32), 0);
    KH_ASSERT_OK(c->named_purge(c, "a", &err), err);
    KH_ASSERT_OK(insert_named(c, "a", KH_KIND_EC_P256, 3, &err), err);
    KH_ASSERT_OK(c->contents(c, digests[3], &err), err);
    CU_ASSERT_NOT_EQUAL(memcmp(digests[1], digests[3], 32), 0);
    KH_ASSERT_OK(c->named_purge(c, "a", &err), err);
    KH_ASSERT_OK(c->contents(c, digests[3], &err), err);
    CU_ASSERT_EQUAL(memcmp(digests[0], digests[3], 32), 0);
    c->close(c);
}

static void a_copy_holds_named_keys(void)
{
    const char *path;
    struct kh_catalog *c = catalog_new(&path);
    struct kh_catalog *reader = NULL;
    struct kh_catalog_named got;
    unsigned char a[32];
    unsigned char b[32];
    char copy[700];

    add(c, "deposit", 0, 1);
    KH_ASSERT_OK(insert_named(c, "key", KH_KIND_EC_P256, 2, &err), err);
    snprintf(copy, sizeof copy, "%s.copy", path);
    KH_ASSERT_OK(kh_catalog_copy(path, copy, &err), err);
    KH_ASSERT_OK_FATAL(kh_catalog_open_reader(copy, &reader, &err), err);
    KH_ASSERT_OK(reader->named_get(reader, "key", &got, &err), err);
    KH_ASSERT_OK(reader->check(reader, &err), err);
    KH_ASSERT_OK(reader->contents(reader, a, &err), err);
    KH_ASSERT_OK(c->contents(c, b, &err), err);
    CU_ASSERT_EQUAL(memcmp(a, b, 32), 0);
    CU_ASSERT_PTR_NULL(reader->named_insert);
    reader->close(reader);
    c->close(c);
}

static void damaged(const char *sql, const char *word)
{
    const char *path;
    struct kh_catalog *c = catalog_new(&path);

    add(c, "deposit", 0, 1);
    KH_ASSERT_OK(insert_named(c, "key", KH_KIND_EC_P256, 2, &err), err);
    KH_ASSERT_OK(c->check(c, &err), err);
    c->close(c);
    sqlite_do(path, sql);
    c = catalog_open(path);
    KH_ASSERT_FAILS(c->check(c, &err), KH_CORRUPT, err, word);
    c->close(c);
}

static void check_finds_what_does_not_fit_together(void)
{
    damaged("PRAGMA foreign_keys = OFF; DELETE FROM keys WHERE scope = 'named'",
        "key key refers to a key that is missing");
    damaged("UPDATE keys SET state = 2 WHERE scope = 'named'",
        "key key refers to a key that is not active");
    damaged("DELETE FROM named_keys", "is an active key that no version needs");
    damaged("UPDATE named_keys SET name = 'deposit'",
        "deposit is the name of a key and of a deposit");
}

static void odd(const char *sql)
{
    const char *path;
    struct kh_catalog *c = catalog_new(&path);
    struct kh_catalog_named got;
    struct kh_named_key page[2];
    size_t count = 0;

    KH_ASSERT_OK(insert_named(c, "key", KH_KIND_EC_P256, 2, &err), err);
    c->close(c);
    sqlite_do(path, sql);
    c = catalog_open(path);
    KH_ASSERT_FAILS(
        c->named_get(c, "key", &got, &err), KH_CORRUPT, err, "table named_keys");
    KH_ASSERT_FAILS(c->named_list(c, NULL, page, 2, &count, &err), KH_CORRUPT, err,
        "table named_keys");
    CU_ASSERT_EQUAL(count, 0);
    c->close(c);
}

static void a_row_that_no_program_of_ours_wrote_is_corrupt(void)
{
    odd("UPDATE named_keys SET kind = 'rsa-1'");
    odd("UPDATE named_keys SET purposes = 8");
    odd("UPDATE named_keys SET purposes = 4294967297");
    odd("UPDATE named_keys SET public = x''");
    odd("UPDATE named_keys SET public = zeroblob(1025)");
    odd("UPDATE named_keys SET kind = 'aes-256', purposes = 8");
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"a_key_comes_back_as_it_was_put", a_key_comes_back_as_it_was_put},
        {"a_name_is_a_keys_or_a_deposits", a_name_is_a_keys_or_a_deposits},
        {"a_name_stays_taken_while_its_owner_is_only_removed",
            a_name_stays_taken_while_its_owner_is_only_removed},
        {"of_many_at_once_one_gets_the_name", of_many_at_once_one_gets_the_name},
        {"an_insert_needs_an_announced_key_that_nobody_has",
            an_insert_needs_an_announced_key_that_nobody_has},
        {"what_no_key_can_be_is_refused", what_no_key_can_be_is_refused},
        {"a_removed_key_stays_and_a_purged_one_dooms_its_key",
            a_removed_key_stays_and_a_purged_one_dooms_its_key},
        {"what_is_not_there_is_not_found", what_is_not_there_is_not_found},
        {"a_purge_of_a_deposit_leaves_named_keys_alone",
            a_purge_of_a_deposit_leaves_named_keys_alone},
        {"listing_goes_in_byte_order_page_by_page",
            listing_goes_in_byte_order_page_by_page},
        {"contents_tell_named_keys_but_not_their_state",
            contents_tell_named_keys_but_not_their_state},
        {"a_copy_holds_named_keys", a_copy_holds_named_keys},
        {"check_finds_what_does_not_fit_together",
            check_finds_what_does_not_fit_together},
        {"a_row_that_no_program_of_ours_wrote_is_corrupt",
            a_row_that_no_program_of_ours_wrote_is_corrupt},
    };
    return kh_test_main("catalog/named", tests, sizeof tests / sizeof tests[0]);
}
