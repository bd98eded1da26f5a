/* What the store does when all is well, and what it refuses, in both key scopes. */
#include "tests/unit/pkcs11/shop.h"

#include <pthread.h>
#include <string.h>

static void deposits_come_back_after_a_reopen(const char *options)
{
    struct shop s;

    shop_make(&s, options);
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    KH_ASSERT_OK(shop_put(&s, "key1", 0, "first"), s.err);
    KH_ASSERT_OK(shop_put(&s, "key1", 1, "second"), s.err);
    KH_ASSERT_OK(shop_put(&s, "empty", 0, ""), s.err);
    CU_ASSERT(shop_holds(&s, "key1", 0, "first"));
    shop_reopen(&s);
    CU_ASSERT(shop_holds(&s, "key1", 0, "first"));
    CU_ASSERT(shop_holds(&s, "key1", 1, "second"));
    CU_ASSERT(shop_holds(&s, "empty", 0, ""));
    KH_ASSERT_OK(kh_store_probe(s.store, &s.err), s.err);
    shop_end(&s);
}

static void in_deposit_scope_deposits_come_back(void)
{
    deposits_come_back_after_a_reopen("key_scope=deposit");
}

static void in_epoch_scope_deposits_come_back(void)
{
    deposits_come_back_after_a_reopen("key_scope=epoch");
}

static void with_rsa_keys_deposits_come_back(void)
{
    deposits_come_back_after_a_reopen("key_type=rsa-2048 key_scope=epoch");
}

static void a_change_of_key_type_leaves_old_deposits_readable(void)
{
    struct shop s;

    shop_make(&s, "key_type=rsa-2048");
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    KH_ASSERT_OK(shop_put(&s, "old", 0, "by rsa"), s.err);
    shop_close(&s);
    shop_set(&s, "key_type=ec-p256");
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    KH_ASSERT_OK(shop_put(&s, "new", 0, "by ec"), s.err);
    CU_ASSERT(shop_holds(&s, "old", 0, "by rsa"));
    CU_ASSERT(shop_holds(&s, "new", 0, "by ec"));
    KH_ASSERT_OK(kh_store_probe(s.store, &s.err), s.err);
    shop_end(&s);
}

static void deposit_scope_makes_a_key_for_every_version(void)
{
    struct shop s;

    shop_make(&s, NULL);
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    KH_ASSERT_OK(shop_put(&s, "a", 0, "x"), s.err);
    KH_ASSERT_OK(shop_put(&s, "a", 1, "y"), s.err);
    KH_ASSERT_OK(shop_put(&s, "b", 0, "z"), s.err);
    CU_ASSERT_EQUAL(shop_keys(&s), 3);
    CU_ASSERT_EQUAL(shop_known(&s, KH_KEY_ACTIVE), 3);
    shop_end(&s);
}

static void nothing_is_overwritten_and_no_key_is_left_over(void)
{
    struct shop s;

    shop_make(&s, NULL);
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    KH_ASSERT_OK(shop_put(&s, "a", 0, "x"), s.err);
    KH_ASSERT_OK(shop_put(&s, "a", 4, "x4"), s.err);
    KH_ASSERT_FAILS(
        shop_put(&s, "a", 0, "other"), KH_EXISTS, s.err, "deposit 'a' exists");
    KH_ASSERT_FAILS(
        shop_put(&s, "a", 4, "other"), KH_EXISTS, s.err, "version 4 of deposit 'a'");
    KH_ASSERT_OK(
        kh_store_set_state(s.store, "a", KH_ALL_VERSIONS, KH_DELETED, &s.err), s.err);
    KH_ASSERT_FAILS(
        shop_put(&s, "a", 0, "other"), KH_EXISTS, s.err, "deposit 'a' exists");
    CU_ASSERT(shop_holds(&s, "a", 0, "x"));
    CU_ASSERT_EQUAL(shop_keys(&s), 2);
    shop_end(&s);
}

static void states_are_set_and_undone(void)
{
    struct shop s;
    struct kh_deposit d = {0};
    struct kh_stat stat = {0};

    shop_make(&s, "key_scope=epoch");
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    KH_ASSERT_OK(shop_put(&s, "a", 0, "x"), s.err);
    KH_ASSERT_OK(shop_put(&s, "a", 1, "y"), s.err);
    KH_ASSERT_OK(kh_store_set_state(s.store, "a", 1, KH_DELETED, &s.err), s.err);
    KH_ASSERT_FAILS(
        kh_store_get(s.store, "a", 1, false, &d, &s.err), KH_NOT_FOUND, s.err, "'a'");
    KH_ASSERT_OK(kh_store_get(s.store, "a", 1, true, &d, &s.err), s.err);
    CU_ASSERT_EQUAL(d.state, KH_DELETED);
    s.rig.host.deposit_free(&s.rig.host, &d);
    KH_ASSERT_OK(kh_store_get(s.store, "a", KH_LATEST, false, &d, &s.err), s.err);
    CU_ASSERT_EQUAL(d.version, 0);
    s.rig.host.deposit_free(&s.rig.host, &d);
    KH_ASSERT_OK(kh_store_set_state(s.store, "a", 1, KH_ACTIVE, &s.err), s.err);
    KH_ASSERT_OK(kh_store_stat(s.store, "a", KH_LATEST, &stat, &s.err), s.err);
    CU_ASSERT_EQUAL(stat.version, 1);
    CU_ASSERT_EQUAL(stat.versions, 2);
    KH_ASSERT_FAILS(kh_store_set_state(s.store, "b", 0, KH_DELETED, &s.err), KH_NOT_FOUND,
        s.err, "'b'");
    shop_end(&s);
}

static void purge_destroys_the_key_on_the_token(void)
{
    struct shop s;

    shop_make(&s, NULL);
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    KH_ASSERT_OK(shop_put(&s, "a", 0, "x"), s.err);
    KH_ASSERT_OK(shop_put(&s, "a", 1, "y"), s.err);
    KH_ASSERT_OK(shop_put(&s, "b", 0, "z"), s.err);
    KH_ASSERT_OK(kh_store_purge(s.store, "a", 1, &s.err), s.err);
    CU_ASSERT_EQUAL(shop_keys(&s), 2);
    KH_ASSERT_OK(kh_store_purge(s.store, "a", KH_ALL_VERSIONS, &s.err), s.err);
    CU_ASSERT_EQUAL(shop_keys(&s), 1);
    CU_ASSERT_EQUAL(shop_known(&s, KH_KEY_DOOMED), 0);
    CU_ASSERT_EQUAL(shop_known(&s, KH_KEY_ACTIVE), 1);
    KH_ASSERT_FAILS(
        shop_get(&s, "a", 0), KH_NOT_FOUND, s.err, "version 0 of deposit 'a'");
    KH_ASSERT_FAILS(kh_store_purge(s.store, "a", 0, &s.err), KH_NOT_FOUND, s.err, "'a'");
    CU_ASSERT(shop_holds(&s, "b", 0, "z"));
    KH_ASSERT_OK(shop_put(&s, "a", 0, "again"), s.err);
    shop_end(&s);
}

static void max_keys_refuses_before_a_key_is_made(void)
{
    struct shop s;

    shop_make(&s, "max_keys=2");
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    KH_ASSERT_OK(kh_store_reserve(s.store, 2, &s.err), s.err);
    KH_ASSERT_FAILS(kh_store_reserve(s.store, 3, &s.err), KH_REFUSED, s.err, "max_keys");
    KH_ASSERT_OK(shop_put(&s, "a", 0, "x"), s.err);
    KH_ASSERT_OK(shop_put(&s, "b", 0, "y"), s.err);
    KH_ASSERT_FAILS(shop_put(&s, "c", 0, "z"), KH_REFUSED, s.err, "max_keys is 2");
    KH_ASSERT_FAILS(kh_store_reserve(s.store, 1, &s.err), KH_REFUSED, s.err, "max_keys");
    CU_ASSERT_EQUAL(shop_keys(&s), 2);
    shop_reopen(&s); /* counted from the token again */
    KH_ASSERT_FAILS(shop_put(&s, "c", 0, "z"), KH_REFUSED, s.err, "max_keys is 2");
    KH_ASSERT_OK(kh_store_purge(s.store, "a", 0, &s.err), s.err);
    KH_ASSERT_OK(shop_put(&s, "c", 0, "z"), s.err);
    shop_end(&s);
}

static void without_a_ceiling_there_is_none(void)
{
    struct shop s;

    shop_make(&s, "max_keys=0");
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    KH_ASSERT_OK(kh_store_reserve(s.store, 1000, &s.err), s.err);
    KH_ASSERT_OK(shop_put(&s, "a", 0, "x"), s.err);
    KH_ASSERT_FAILS(kh_store_reserve(s.store, UINT64_MAX / 8192, &s.err), KH_UNAVAILABLE,
        s.err, "MiB");
    shop_end(&s);
}

static void in_epoch_scope_the_ceiling_counts_epochs(void)
{
    struct shop s;

    shop_make(&s, "key_scope=epoch epoch_deposits=4 max_keys=2");
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    KH_ASSERT_OK(kh_store_reserve(s.store, 8, &s.err), s.err);
    KH_ASSERT_FAILS(
        kh_store_reserve(s.store, 9, &s.err), KH_REFUSED, s.err, "3 more keys");
    for (unsigned i = 0; i < 8; i++) {
        char name[8];

        snprintf(name, sizeof name, "d%u", i);
        KH_ASSERT_OK(shop_put(&s, name, 0, "x"), s.err);
    }
    KH_ASSERT_FAILS(shop_put(&s, "d8", 0, "x"), KH_REFUSED, s.err, "max_keys is 2");
    CU_ASSERT_EQUAL(shop_keys(&s), 2);
    shop_end(&s);
}

static void what_is_too_large_is_refused_without_a_key(void)
{
    struct shop s;

    shop_make(&s, "max_deposit_size=4");
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    KH_ASSERT_OK(shop_put(&s, "a", 0, "1234"), s.err);
    KH_ASSERT_FAILS(shop_put(&s, "b", 0, "12345"), KH_INVALID, s.err,
        "5 bytes, max_deposit_size is 4");
    CU_ASSERT_EQUAL(shop_keys(&s), 1);
    shop_end(&s);
}

static void impossible_limits_are_refused_at_open(void)
{
    struct shop s;

    shop_make(&s, "max_deposit_size=2M");
    KH_ASSERT_FAILS(shop_open(&s), KH_INVALID, s.err, "max_deposit_size");
    shop_set(&s, "max_deposit_size=1M epoch_deposits=0");
    KH_ASSERT_FAILS(shop_open(&s), KH_INVALID, s.err, "epoch_deposits");
    shop_set(&s, "epoch_deposits=1 epoch_age=0");
    KH_ASSERT_FAILS(shop_open(&s), KH_INVALID, s.err, "epoch_age");
    shop_end(&s);
}

static void a_listing_has_every_version_in_order(void)
{
    struct shop s;
    struct kh_item items[8];
    struct kh_cursor after = {0};
    size_t count = 0;

    shop_make(&s, "key_scope=epoch");
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    KH_ASSERT_OK(shop_put(&s, "b", 0, "x"), s.err);
    KH_ASSERT_OK(shop_put(&s, "a", 0, "x"), s.err);
    KH_ASSERT_OK(shop_put(&s, "a", 1, "x"), s.err);
    KH_ASSERT_OK(kh_store_list(s.store, &after, items, 8, &count, &s.err), s.err);
    CU_ASSERT_EQUAL_FATAL(count, 3);
    CU_ASSERT_STRING_EQUAL(items[0].name, "a");
    CU_ASSERT_EQUAL(items[1].version, 1);
    CU_ASSERT_STRING_EQUAL(items[2].name, "b");
    for (size_t i = 0; i < count; i++)
        CU_ASSERT_EQUAL(items[i].status, KH_OK);
    shop_end(&s);
}

static void info_names_the_same_place_every_time(void)
{
    struct shop s;
    struct kh_info first = {0};
    struct kh_info second = {0};

    shop_make(&s, "max_keys=77");
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    KH_ASSERT_OK(shop_put(&s, "a", 0, "x"), s.err);
    KH_ASSERT_OK(kh_store_info(s.store, &first, &s.err), s.err);
    CU_ASSERT_PTR_NOT_NULL(strstr(first.place, "token 'lab' (serial "));
    CU_ASSERT_STRING_EQUAL(first.key_scope, "deposit");
    CU_ASSERT_STRING_EQUAL(first.profile, "ecdh-p256");
    CU_ASSERT_EQUAL(first.versions, 1);
    CU_ASSERT_EQUAL(first.keys, 1);
    CU_ASSERT_EQUAL(first.max_keys, 77);
    CU_ASSERT_EQUAL(first.data_max, 65536);
    shop_reopen(&s);
    KH_ASSERT_OK(kh_store_info(s.store, &second, &s.err), s.err);
    CU_ASSERT_STRING_EQUAL(first.identity, second.identity);
    CU_ASSERT(strlen(first.identity) > 40);
    CU_ASSERT_EQUAL(second.keys, 1);
    shop_end(&s);
}

static bool print(struct shop *s, unsigned char digest[KH_FINGERPRINT_LEN])
{
    return kh_store_fingerprint(s->store, "a", 0, digest, &s->err) == KH_OK;
}

static void a_fingerprint_changes_with_any_stored_thing(void)
{
    static const char *const edits[] = {"UPDATE versions SET state = 1",
        "UPDATE versions SET created = created + 1",
        "UPDATE versions SET envelope = CAST(envelope || x'00' AS BLOB)"};
    struct shop s;
    unsigned char before[KH_FINGERPRINT_LEN];
    unsigned char after[KH_FINGERPRINT_LEN];

    shop_make(&s, NULL);
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    KH_ASSERT_OK(shop_put(&s, "a", 0, "x"), s.err);
    CU_ASSERT(print(&s, before));
    shop_reopen(&s);
    CU_ASSERT(print(&s, after));
    CU_ASSERT_EQUAL(memcmp(before, after, sizeof before), 0);
    for (size_t i = 0; i < 3; i++) {
        shop_close(&s);
        shop_sql(&s, edits[i]);
        KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
        CU_ASSERT(print(&s, after));
        CU_ASSERT_NOT_EQUAL(memcmp(before, after, sizeof before), 0);
        memcpy(before, after, sizeof before);
    }
    CU_ASSERT_EQUAL(kh_store_fingerprint(s.store, "b", 0, after, &s.err), KH_NOT_FOUND);
    shop_end(&s);
}

static void keys_are_attested_in_both_scopes(void)
{
    struct shop s;

    shop_make(&s, NULL);
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    KH_ASSERT_OK(shop_put(&s, "a", 0, "x"), s.err);
    KH_ASSERT_OK(kh_store_attest(s.store, "a", 0, &s.err), s.err);
    KH_ASSERT_FAILS(kh_store_attest(s.store, "b", 0, &s.err), KH_NOT_FOUND, s.err, "'b'");
    shop_close(&s);
    shop_set(&s, "key_scope=epoch");
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    KH_ASSERT_OK(shop_put(&s, "b", 0, "x"), s.err);
    KH_ASSERT_OK(
        kh_store_attest(s.store, "a", 0, &s.err), s.err); /* made in deposit scope */
    KH_ASSERT_OK(kh_store_attest(s.store, "b", 0, &s.err), s.err);
    shop_end(&s);
}

/* ---- many threads
 * ------------------------------------------------------------------------ */

#define THREADS 6
#define EACH 10

struct client {
    struct shop *shop;
    unsigned number;
    bool same_names;
    unsigned won;
    unsigned wrong;
};

static void *be_client(void *arg)
{
    struct client *c = arg;

    for (unsigned i = 0; i < EACH; i++) {
        struct shop mine = *c->shop; /* an error and a status of one's own */
        char name[32];
        kh_status status;

        snprintf(name, sizeof name, "n%u-%u", c->same_names ? 0 : c->number, i);
        status = shop_put(&mine, name, 0, "secret");
        c->won += status == KH_OK;
        if (status != KH_OK && !(c->same_names && status == KH_EXISTS)) {
            fprintf(stderr, "    put of %s: status %d: %s\n", name, (int)status,
                mine.err.message);
            c->wrong++;
        }
        if (status == KH_OK && !shop_holds(&mine, name, 0, "secret"))
            c->wrong++;
    }
    return NULL;
}

static unsigned run_clients(struct shop *s, bool same_names)
{
    pthread_t threads[THREADS];
    struct client clients[THREADS];
    unsigned won = 0;

    for (unsigned i = 0; i < THREADS; i++) {
        clients[i] = (struct client){.shop = s, .number = i, .same_names = same_names};
        CU_ASSERT_EQUAL_FATAL(
            pthread_create(&threads[i], NULL, be_client, &clients[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        CU_ASSERT_EQUAL(clients[i].wrong, 0);
        won += clients[i].won;
    }
    return won;
}

static void threads_share_an_epoch_and_open_the_next_once(void)
{
    struct shop s;

    shop_make(&s, "key_scope=epoch epoch_deposits=16");
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    CU_ASSERT_EQUAL(run_clients(&s, false), THREADS * EACH);
    CU_ASSERT_EQUAL(shop_keys(&s), (THREADS * EACH + 15) / 16);
    shop_end(&s);
}

static void threads_make_a_key_each_in_deposit_scope(void)
{
    struct shop s;

    shop_make(&s, NULL);
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    CU_ASSERT_EQUAL(run_clients(&s, false), THREADS * EACH);
    CU_ASSERT_EQUAL(shop_keys(&s), THREADS * EACH);
    CU_ASSERT_EQUAL(atomic_load(&s.store->keys), THREADS * EACH);
    shop_end(&s);
}

static void the_losers_of_a_name_leave_no_key(void)
{
    struct shop s;

    shop_make(&s, NULL);
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    CU_ASSERT_EQUAL(run_clients(&s, true), EACH);
    CU_ASSERT_EQUAL(shop_keys(&s), EACH);
    CU_ASSERT_EQUAL(atomic_load(&s.store->keys), EACH);
    CU_ASSERT_EQUAL(shop_known(&s, KH_KEY_ACTIVE), EACH);
    shop_end(&s);
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"in_deposit_scope_deposits_come_back", in_deposit_scope_deposits_come_back},
        {"in_epoch_scope_deposits_come_back", in_epoch_scope_deposits_come_back},
        {"with_rsa_keys_deposits_come_back", with_rsa_keys_deposits_come_back},
        {"a_change_of_key_type_leaves_old_deposits_readable",
            a_change_of_key_type_leaves_old_deposits_readable},
        {"deposit_scope_makes_a_key_for_every_version",
            deposit_scope_makes_a_key_for_every_version},
        {"nothing_is_overwritten_and_no_key_is_left_over",
            nothing_is_overwritten_and_no_key_is_left_over},
        {"states_are_set_and_undone", states_are_set_and_undone},
        {"purge_destroys_the_key_on_the_token", purge_destroys_the_key_on_the_token},
        {"max_keys_refuses_before_a_key_is_made", max_keys_refuses_before_a_key_is_made},
        {"without_a_ceiling_there_is_none", without_a_ceiling_there_is_none},
        {"in_epoch_scope_the_ceiling_counts_epochs",
            in_epoch_scope_the_ceiling_counts_epochs},
        {"what_is_too_large_is_refused_without_a_key",
            what_is_too_large_is_refused_without_a_key},
        {"impossible_limits_are_refused_at_open", impossible_limits_are_refused_at_open},
        {"a_listing_has_every_version_in_order", a_listing_has_every_version_in_order},
        {"info_names_the_same_place_every_time", info_names_the_same_place_every_time},
        {"a_fingerprint_changes_with_any_stored_thing",
            a_fingerprint_changes_with_any_stored_thing},
        {"keys_are_attested_in_both_scopes", keys_are_attested_in_both_scopes},
        {"threads_share_an_epoch_and_open_the_next_once",
            threads_share_an_epoch_and_open_the_next_once},
        {"threads_make_a_key_each_in_deposit_scope",
            threads_make_a_key_each_in_deposit_scope},
        {"the_losers_of_a_name_leave_no_key", the_losers_of_a_name_leave_no_key},
    };
    return kh_test_main("pkcs11: store", tests, sizeof tests / sizeof tests[0]);
}
