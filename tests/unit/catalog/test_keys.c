#include "support.h"

#include <string.h>

static void an_announced_key_is_pending_and_keeps_its_facts(void)
{
    struct kh_catalog *c = catalog_new(NULL);
    struct kh_catalog_key key = {0};
    struct kh_key_id id = key_id(7);
    struct kh_error err = {0};

    KH_ASSERT_OK(announce(c, 7, "epoch", &err), err);
    KH_ASSERT_OK_FATAL(c->key_get(c, &id, &key, &err), err);
    CU_ASSERT_EQUAL(key.state, KH_KEY_PENDING);
    CU_ASSERT_EQUAL(key.id.len, 20);
    CU_ASSERT_EQUAL(memcmp(key.id.bytes, id.bytes, 20), 0);
    CU_ASSERT_STRING_EQUAL(key.token, "1a2b3c");
    CU_ASSERT_STRING_EQUAL(key.scope, "epoch");
    CU_ASSERT_STRING_EQUAL(key.profile, "ecdh-p256");
    CU_ASSERT_EQUAL(key.created, 1764000007);
    c->close(c);
}

static void announcing_a_taken_id_undoes_the_whole_batch(void)
{
    struct kh_catalog *c = catalog_new(NULL);
    struct kh_catalog_key batch[3] = {
        {.id = key_id(1)}, {.id = key_id(2)}, {.id = key_id(1)}};
    struct kh_catalog_key key = {0};
    struct kh_error err = {0};

    KH_ASSERT_FAILS(
        c->key_announce(c, batch, 3, &err), KH_EXISTS, err, "in the catalog already");
    for (int i = 0; i < 2; i++)
        KH_ASSERT_FAILS(c->key_get(c, &batch[i].id, &key, &err), KH_NOT_FOUND, err,
            "not in the catalog");
    KH_ASSERT_OK(c->key_announce(c, batch, 2, &err), err);
    c->close(c);
}

static void a_key_id_without_bytes_or_too_long_is_invalid(void)
{
    struct kh_catalog *c = catalog_new(NULL);
    struct kh_catalog_key key = {.id = {.len = 0}};
    struct kh_error err = {0};

    KH_ASSERT_FAILS(c->key_announce(c, &key, 1, &err), KH_INVALID, err, "0 bytes");
    key.id.len = KH_KEY_ID_MAX + 1;
    KH_ASSERT_FAILS(c->key_announce(c, &key, 1, &err), KH_INVALID, err, "33 bytes");
    c->close(c);
}

static void inserting_activates_the_key_in_the_same_commit(void)
{
    struct kh_catalog *c = catalog_new(NULL);
    struct kh_error err = {0};
    uint64_t before;

    KH_ASSERT_OK(announce(c, 1, "deposit", &err), err);
    before = generation_of(c);
    KH_ASSERT_OK(insert(c, "a", 0, 1, &err), err);
    CU_ASSERT_EQUAL(state_of(c, 1), KH_KEY_ACTIVE);
    CU_ASSERT_EQUAL(generation_of(c), before + 1);
    c->close(c);
}

static void a_key_nobody_announced_cannot_be_used(void)
{
    struct kh_catalog *c = catalog_new(NULL);
    struct kh_stat stat = {0};
    struct kh_error err = {0};

    KH_ASSERT_FAILS(insert(c, "a", 0, 9, &err), KH_INVALID, err, "not announced");
    KH_ASSERT_FAILS(c->stat(c, "a", KH_LATEST, &stat, &err), KH_NOT_FOUND, err, "'a'");
    c->close(c);
}

static void a_doomed_key_cannot_be_used_again(void)
{
    struct kh_catalog *c = catalog_new(NULL);
    struct kh_key_id id = key_id(1);
    struct kh_error err = {0};

    KH_ASSERT_OK(announce(c, 1, "deposit", &err), err);
    KH_ASSERT_OK(c->key_doom(c, &id, &err), err);
    KH_ASSERT_OK(c->key_doom(c, &id, &err), err); /* idempotent */
    CU_ASSERT_EQUAL(state_of(c, 1), KH_KEY_DOOMED);
    KH_ASSERT_FAILS(insert(c, "a", 0, 1, &err), KH_REFUSED, err, "about to be destroyed");
    c->close(c);
}

static void a_needed_key_is_neither_doomed_nor_forgotten(void)
{
    struct kh_catalog *c = catalog_new(NULL);
    struct kh_key_id id = key_id(1);
    struct kh_error err = {0};
    uint64_t uses = 0;

    add(c, "a", 0, 1);
    KH_ASSERT_OK(insert(c, "b", 0, 1, &err), err);
    KH_ASSERT_OK(c->key_uses(c, &id, &uses, &err), err);
    CU_ASSERT_EQUAL(uses, 2);
    KH_ASSERT_FAILS(c->key_doom(c, &id, &err), KH_REFUSED, err, "needed by 2 version");
    KH_ASSERT_FAILS(c->key_forget(c, &id, &err), KH_REFUSED, err, "needed by 2 version");
    CU_ASSERT_EQUAL(state_of(c, 1), KH_KEY_ACTIVE);
    c->close(c);
}

static void forgetting_is_idempotent_and_dooming_the_unknown_says_so(void)
{
    struct kh_catalog *c = catalog_new(NULL);
    struct kh_catalog_key key = {0};
    struct kh_key_id id = key_id(1);
    struct kh_error err = {0};

    KH_ASSERT_OK(announce(c, 1, "deposit", &err), err);
    KH_ASSERT_OK(c->key_forget(c, &id, &err), err);
    KH_ASSERT_OK(c->key_forget(c, &id, &err), err);
    KH_ASSERT_FAILS(
        c->key_get(c, &id, &key, &err), KH_NOT_FOUND, err, "not in the catalog");
    KH_ASSERT_FAILS(c->key_doom(c, &id, &err), KH_NOT_FOUND, err, "not in the catalog");
    c->close(c);
}

static void forgetting_several_is_all_or_none(void)
{
    struct kh_catalog *c = catalog_new(NULL);
    struct kh_key_id ids[3] = {key_id(1), key_id(2), key_id(3)};
    struct kh_catalog_counts counts = {0};
    struct kh_error err = {0};

    add(c, "a", 0, 3);
    KH_ASSERT_OK(announce(c, 1, "deposit", &err), err);
    KH_ASSERT_OK(announce(c, 2, "deposit", &err), err);
    KH_ASSERT_FAILS(
        c->keys_forget(c, ids, 3, &err), KH_REFUSED, err, "needed by 1 version");
    KH_ASSERT_OK(c->counts(c, &counts, &err), err);
    CU_ASSERT_EQUAL(counts.keys[KH_KEY_PENDING], 2);
    KH_ASSERT_OK(c->keys_forget(c, ids, 2, &err), err);
    KH_ASSERT_OK(c->counts(c, &counts, &err), err);
    CU_ASSERT_EQUAL(counts.keys[KH_KEY_PENDING], 0);
    CU_ASSERT_EQUAL(counts.keys[KH_KEY_ACTIVE], 1);
    c->close(c);
}

static void purge_dooms_exactly_the_keys_no_row_needs(void)
{
    struct kh_catalog *c = catalog_new(NULL);
    struct kh_error err = {0};

    add(c, "a", 0, 1);
    add(c, "a", 1, 2);
    add(c, "b", 0, 3);
    KH_ASSERT_OK(insert(c, "b", 1, 2, &err), err); /* key 2 serves both names */
    KH_ASSERT_OK(c->purge(c, "a", KH_ALL_VERSIONS, NULL, &err), err);
    CU_ASSERT_EQUAL(state_of(c, 1), KH_KEY_DOOMED);
    CU_ASSERT_EQUAL(state_of(c, 2), KH_KEY_ACTIVE);
    CU_ASSERT_EQUAL(state_of(c, 3), KH_KEY_ACTIVE);
    KH_ASSERT_OK(c->purge(c, "b", 1, NULL, &err), err);
    CU_ASSERT_EQUAL(state_of(c, 2), KH_KEY_DOOMED);
    CU_ASSERT_EQUAL(state_of(c, 3), KH_KEY_ACTIVE);
    c->close(c);
}

static void purge_keeps_the_key_of_an_open_epoch(void)
{
    struct kh_catalog *c = catalog_new(NULL);
    struct kh_key_id id = key_id(1);
    struct kh_error err = {0};

    KH_ASSERT_OK(announce(c, 1, "epoch", &err), err);
    KH_ASSERT_OK(insert(c, "a", 0, 1, &err), err);
    KH_ASSERT_OK(c->purge(c, "a", 0, &id, &err), err);
    CU_ASSERT_EQUAL(state_of(c, 1), KH_KEY_ACTIVE);
    KH_ASSERT_OK(insert(c, "b", 0, 1, &err), err);
    KH_ASSERT_OK(c->check(c, &err), err);
    c->close(c);
}

static void listing_goes_on_where_it_stopped_in_order_of_id(void)
{
    struct kh_catalog *c = catalog_new(NULL);
    struct kh_catalog_key keys[3];
    struct kh_key_id after = {0};
    struct kh_error err = {0};
    size_t count = 0;
    unsigned seen = 0;

    for (unsigned n = 10; n > 0; n--)
        KH_ASSERT_OK(announce(c, n - 1, "deposit", &err), err);
    do {
        KH_ASSERT_OK_FATAL(
            c->key_list(c, seen ? &after : NULL, keys, 3, &count, &err), err);
        for (size_t i = 0; i < count; i++, seen++) {
            struct kh_key_id want = key_id(seen);

            CU_ASSERT_EQUAL(memcmp(keys[i].id.bytes, want.bytes, 20), 0);
            after = keys[i].id;
        }
    } while (count > 0);
    CU_ASSERT_EQUAL(seen, 10);
    c->close(c);
}

static void keys_are_found_by_state(void)
{
    struct kh_catalog *c = catalog_new(NULL);
    struct kh_catalog_key keys[8];
    struct kh_key_id id = key_id(3);
    struct kh_error err = {0};
    size_t count = 0;

    add(c, "a", 0, 1);
    KH_ASSERT_OK(announce(c, 2, "deposit", &err), err);
    KH_ASSERT_OK(announce(c, 3, "deposit", &err), err);
    KH_ASSERT_OK(c->key_doom(c, &id, &err), err);
    for (int state = KH_KEY_PENDING; state <= KH_KEY_DOOMED; state++) {
        static const unsigned want[] = {2, 1, 3};

        KH_ASSERT_OK(
            c->keys_in_state(c, (kh_key_state)state, keys, 8, &count, &err), err);
        CU_ASSERT_EQUAL(count, 1);
        id = key_id(want[state]);
        CU_ASSERT_EQUAL(memcmp(keys[0].id.bytes, id.bytes, 20), 0);
        CU_ASSERT_EQUAL(keys[0].state, (kh_key_state)state);
    }
    KH_ASSERT_OK(announce(c, 4, "deposit", &err), err);
    KH_ASSERT_OK(c->keys_in_state(c, KH_KEY_PENDING, keys, 1, &count, &err), err);
    CU_ASSERT_EQUAL(count, 1);
    c->close(c);
}

static void facts_are_set_once_and_survive_a_reopen(void)
{
    const char *path;
    struct kh_catalog *c = catalog_new(&path);
    struct kh_error err = {0};
    char value[16] = "";

    KH_ASSERT_FAILS(c->meta_get(c, "tag", value, sizeof value, &err), KH_NOT_FOUND, err,
        "no fact 'tag'");
    KH_ASSERT_OK(c->meta_set(c, "tag", "0badcafe", &err), err);
    KH_ASSERT_FAILS(
        c->meta_set(c, "tag", "other", &err), KH_EXISTS, err, "'tag' is set already");
    c->close(c);
    c = catalog_open(path);
    KH_ASSERT_OK(c->meta_get(c, "tag", value, sizeof value, &err), err);
    CU_ASSERT_STRING_EQUAL(value, "0badcafe");
    KH_ASSERT_FAILS(
        c->meta_get(c, "tag", value, 8, &err), KH_INVALID, err, "longer than 7 bytes");
    KH_ASSERT_OK(c->meta_get(c, "tag", value, 9, &err), err);
    c->close(c);
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"an_announced_key_is_pending_and_keeps_its_facts",
            an_announced_key_is_pending_and_keeps_its_facts},
        {"announcing_a_taken_id_undoes_the_whole_batch",
            announcing_a_taken_id_undoes_the_whole_batch},
        {"a_key_id_without_bytes_or_too_long_is_invalid",
            a_key_id_without_bytes_or_too_long_is_invalid},
        {"inserting_activates_the_key_in_the_same_commit",
            inserting_activates_the_key_in_the_same_commit},
        {"a_key_nobody_announced_cannot_be_used", a_key_nobody_announced_cannot_be_used},
        {"a_doomed_key_cannot_be_used_again", a_doomed_key_cannot_be_used_again},
        {"a_needed_key_is_neither_doomed_nor_forgotten",
            a_needed_key_is_neither_doomed_nor_forgotten},
        {"forgetting_is_idempotent_and_dooming_the_unknown_says_so",
            forgetting_is_idempotent_and_dooming_the_unknown_says_so},
        {"forgetting_several_is_all_or_none", forgetting_several_is_all_or_none},
        {"purge_dooms_exactly_the_keys_no_row_needs",
            purge_dooms_exactly_the_keys_no_row_needs},
        {"purge_keeps_the_key_of_an_open_epoch", purge_keeps_the_key_of_an_open_epoch},
        {"listing_goes_on_where_it_stopped_in_order_of_id",
            listing_goes_on_where_it_stopped_in_order_of_id},
        {"keys_are_found_by_state", keys_are_found_by_state},
        {"facts_are_set_once_and_survive_a_reopen",
            facts_are_set_once_and_survive_a_reopen},
    };
    return kh_test_main("catalog: keys", tests, sizeof tests / sizeof tests[0]);
}
