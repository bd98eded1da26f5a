/* Keys from announcement to destruction: crashes, failures, epochs. */
#include "plugins/pkcs11/identity.h"
#include "plugins/pkcs11/newkey.h"
#include "tests/unit/pkcs11/shop.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Runs BODY with an open store in a process that then dies without closing anything. */
static void crash_after(struct shop *s, void (*body)(struct shop *))
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        if (shop_open(s) != KH_OK) {
            fprintf(stderr, "    child: %s\n", s->err.message);
            _exit(2);
        }
        body(s);
        _exit(0);
    }
    CU_ASSERT_FATAL(pid > 0);
    CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
    CU_ASSERT_EQUAL_FATAL(status, 0);
}

static void must(kh_status status, struct shop *s)
{
    if (status == KH_OK)
        return;
    fprintf(stderr, "    child: %s\n", s->err.message);
    _exit(3);
}

/* ---- crashes
 * ------------------------------------------------------------------------------ */

static void make_orphans(struct shop *s)
{
    struct kh_key_id id;
    struct kh_recipient *recipient;

    must(shop_put(s, "a", 0, "kept"), s);
    for (int i = 0; i < 3; i++) /* announced, made, and then no row */
        must(kh_newkey_make(s->store, "orphan", &id, &recipient, &s->err), s);
}

static void keys_made_before_a_crash_are_destroyed_at_the_next_start(void)
{
    struct shop s;

    shop_make(&s, NULL);
    crash_after(&s, make_orphans);
    CU_ASSERT_EQUAL(
        rig_tool(&s.rig, "-O --type privkey | grep -c orphan | grep -qx 3 #"), 0);
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    CU_ASSERT_EQUAL(shop_keys(&s), 1);
    CU_ASSERT_EQUAL(shop_known(&s, KH_KEY_PENDING), 0);
    CU_ASSERT_EQUAL(atomic_load(&s.store->keys), 1);
    CU_ASSERT(shop_holds(&s, "a", 0, "kept"));
    shop_end(&s);
}

static void doom_only(struct shop *s)
{
    struct kh_catalog *c = s->store->catalog;

    must(shop_put(s, "a", 0, "x"), s);
    must(shop_put(s, "b", 0, "y"), s);
    must(c->purge(c, "a", KH_ALL_VERSIONS, NULL, &s->err),
        s); /* and not yet on the token */
}

static void a_purge_cut_short_is_finished_at_the_next_start(void)
{
    struct shop s;

    shop_make(&s, NULL);
    crash_after(&s, doom_only);
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    CU_ASSERT_EQUAL(shop_keys(&s), 1);
    CU_ASSERT_EQUAL(shop_known(&s, KH_KEY_DOOMED), 0);
    CU_ASSERT(shop_holds(&s, "b", 0, "y"));
    shop_end(&s);
}

static void announce_only(struct shop *s)
{
    must(shop_put(s, "a", 0, "x"), s);
}

static void announced_keys_never_made_are_forgotten(void)
{
    struct shop s;

    shop_make(&s, NULL);
    crash_after(&s, announce_only); /* a batch was announced, one was used */
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    CU_ASSERT_EQUAL(shop_known(&s, KH_KEY_PENDING), 0);
    CU_ASSERT_EQUAL(shop_known(&s, KH_KEY_ACTIVE), 1);
    KH_ASSERT_OK(shop_put(&s, "b", 0, "x"), s.err);
    CU_ASSERT(shop_known(&s, KH_KEY_PENDING) > 0);
    shop_reopen(&s); /* a clean close withdraws them itself */
    CU_ASSERT_EQUAL(shop_known(&s, KH_KEY_PENDING), 0);
    shop_end(&s);
}

static void claim(struct shop *s)
{
    KH_ASSERT_OK(kh_identity_claim(s->store, &s->err), s->err);
}

static void looking_leaves_nothing_on_the_token(void)
{
    struct kh_info info = {0};
    struct shop s;

    shop_make(&s, NULL);
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    KH_ASSERT_OK(kh_store_info(s.store, &info, &s.err), s.err);
    KH_ASSERT_OK(kh_store_probe(s.store, &s.err), s.err);
    KH_ASSERT_OK(kh_store_reserve(s.store, 10, &s.err), s.err);
    shop_close(&s);
    CU_ASSERT_EQUAL(
        rig_tool(&s.rig, "-O --type privkey | grep -c Object | grep -qx 0 #"), 0);
    shop_end(&s);
}

static void an_identity_cut_short_is_made_again(void)
{
    struct shop s;

    shop_make(&s, NULL);
    crash_after(&s, claim);
    /* as if it had crashed between the key and its envelope */
    CU_ASSERT_EQUAL(
        kh_test_shell("sqlite3 '%s/catalog.db' \"DELETE FROM meta WHERE name ="
                      " 'identity-envelope'\"",
            s.rig.state),
        0);
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    KH_ASSERT_OK(kh_store_probe(s.store, &s.err), s.err);
    KH_ASSERT_OK(shop_put(&s, "a", 0, "x"), s.err);
    shop_reopen(&s);
    CU_ASSERT_EQUAL(
        rig_tool(&s.rig, "-O --type privkey | grep -c keyhsm-identity- | grep -qx 1 #"),
        0);
    shop_end(&s);
}

/* ---- failures after the key was made
 * -------------------------------------------------------- */

static kh_status (*real_insert)(struct kh_catalog *catalog,
    const struct kh_catalog_row *row, bool only_new, struct kh_error *err);
static kh_status injected;

static kh_status failing_insert(struct kh_catalog *catalog,
    const struct kh_catalog_row *row, bool only_new, struct kh_error *err)
{
    if (injected == KH_OK)
        return real_insert(catalog, row, only_new, err);
    return kh_fail(err, injected, "injected");
}

static void inject(struct shop *s)
{
    real_insert = s->store->catalog->insert;
    s->store->catalog->insert = failing_insert;
}

static void a_put_the_catalog_refuses_takes_its_key_back(void)
{
    struct shop s;

    shop_make(&s, NULL);
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    inject(&s);
    injected = KH_UNAVAILABLE;
    KH_ASSERT_FAILS(shop_put(&s, "a", 0, "x"), KH_UNAVAILABLE, s.err, "injected");
    CU_ASSERT_EQUAL(shop_keys(&s), 0);
    CU_ASSERT_EQUAL(atomic_load(&s.store->keys), 0);
    injected = KH_OK;
    KH_ASSERT_OK(shop_put(&s, "a", 0, "x"), s.err);
    shop_end(&s);
}

static void a_put_of_unknown_fate_leaves_its_key_to_the_next_start(void)
{
    struct shop s;

    shop_make(&s, NULL);
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    inject(&s);
    injected = KH_FATAL;
    KH_ASSERT_FAILS(shop_put(&s, "a", 0, "x"), KH_FATAL, s.err, "injected");
    CU_ASSERT_EQUAL(shop_keys(&s), 1);
    injected = KH_OK;
    shop_reopen(&s); /* no row came of it */
    CU_ASSERT_EQUAL(shop_keys(&s), 0);
    shop_end(&s);
}

/* ---- epochs
 * ----------------------------------------------------------------------------------- */

static void put_many(struct shop *s, unsigned first, unsigned count)
{
    char name[16];

    for (unsigned i = first; i < first + count; i++) {
        snprintf(name, sizeof name, "d%02u", i);
        KH_ASSERT_OK(shop_put(s, name, 0, name), s->err);
    }
}

static void an_epoch_closes_after_its_number_of_versions(void)
{
    struct shop s;
    char first[80];

    shop_make(&s, "key_scope=epoch epoch_deposits=3");
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    put_many(&s, 0, 7);
    CU_ASSERT_EQUAL(shop_keys(&s), 3);
    snprintf(first, sizeof first, "%s", shop_key_of(&s, "d00", 0));
    CU_ASSERT_STRING_EQUAL(first, shop_key_of(&s, "d02", 0));
    CU_ASSERT_STRING_NOT_EQUAL(first, shop_key_of(&s, "d03", 0));
    CU_ASSERT(shop_holds(&s, "d00", 0, "d00"));
    CU_ASSERT(shop_holds(&s, "d06", 0, "d06"));
    shop_end(&s);
}

static uint64_t fake_time;

static uint64_t fake_monotonic(const struct kh_host *host)
{
    (void)host;
    return fake_time;
}

static void an_epoch_closes_with_age(void)
{
    struct shop s;

    shop_make(&s, "key_scope=epoch epoch_age=10m");
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    s.rig.host.monotonic = fake_monotonic;
    fake_time = 1;
    put_many(&s, 0, 2);
    fake_time += 599ULL * 1000000000ULL;
    put_many(&s, 2, 1);
    CU_ASSERT_EQUAL(shop_keys(&s), 1);
    fake_time += 1000000000ULL;
    put_many(&s, 3, 1);
    CU_ASSERT_EQUAL(shop_keys(&s), 2);
    CU_ASSERT_STRING_NOT_EQUAL(shop_key_of(&s, "d03", 0), "");
    shop_end(&s);
}

static void a_restart_closes_the_epoch(void)
{
    struct shop s;
    char before[80];

    shop_make(&s, "key_scope=epoch");
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    put_many(&s, 0, 1);
    snprintf(before, sizeof before, "%s", shop_key_of(&s, "d00", 0));
    shop_reopen(&s);
    put_many(&s, 1, 1);
    CU_ASSERT_STRING_NOT_EQUAL(before, shop_key_of(&s, "d01", 0));
    CU_ASSERT_EQUAL(shop_keys(&s), 2);
    CU_ASSERT(shop_holds(&s, "d00", 0, "d00"));
    shop_end(&s);
}

static void purge_in_epoch_scope_destroys_the_key_with_the_last_row(void)
{
    struct shop s;

    shop_make(&s, "key_scope=epoch epoch_deposits=2");
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    put_many(&s, 0, 3); /* one closed epoch, one open */
    CU_ASSERT_EQUAL(shop_keys(&s), 2);
    KH_ASSERT_OK(kh_store_purge(s.store, "d00", 0, &s.err), s.err);
    CU_ASSERT_EQUAL(shop_keys(&s), 2);
    CU_ASSERT(shop_holds(&s, "d01", 0, "d01"));
    KH_ASSERT_OK(kh_store_purge(s.store, "d01", 0, &s.err), s.err);
    CU_ASSERT_EQUAL(shop_keys(&s), 1);
    KH_ASSERT_OK(kh_store_purge(s.store, "d02", 0, &s.err), s.err);
    CU_ASSERT_EQUAL(shop_keys(&s), 1); /* its epoch is open */
    put_many(&s, 4, 1);
    CU_ASSERT(shop_holds(&s, "d04", 0, "d04"));
    shop_end(&s);
}

static void an_epoch_nobody_came_to_need_ends_without_a_key(void)
{
    struct shop s;

    shop_make(&s, "key_scope=epoch");
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    put_many(&s, 0, 1);
    KH_ASSERT_OK(kh_store_purge(s.store, "d00", 0, &s.err), s.err);
    CU_ASSERT_EQUAL(shop_keys(&s), 1);
    shop_reopen(&s);
    CU_ASSERT_EQUAL(shop_keys(&s), 0);
    CU_ASSERT_EQUAL(shop_known(&s, KH_KEY_ACTIVE), 0);
    shop_end(&s);
}

static void purged_open_epoch(struct shop *s)
{
    must(shop_put(s, "a", 0, "x"), s);
    must(kh_store_purge(s->store, "a", 0, &s->err), s);
}

static void an_idle_epoch_left_by_a_crash_is_cleaned_up(void)
{
    struct shop s;

    shop_make(&s, "key_scope=epoch");
    crash_after(&s, purged_open_epoch);
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    CU_ASSERT_EQUAL(shop_keys(&s), 0);
    CU_ASSERT_EQUAL(shop_known(&s, KH_KEY_ACTIVE), 0);
    shop_end(&s);
}

/* A put that took its epoch's key before a purge doomed it starts over with another. */
static kh_status refuse_once(struct kh_catalog *catalog, const struct kh_catalog_row *row,
    bool only_new, struct kh_error *err)
{
    if (injected != KH_OK) {
        kh_status status = injected;

        injected = KH_OK;
        return kh_fail(err, status, "injected");
    }
    return real_insert(catalog, row, only_new, err);
}

static void a_put_whose_epoch_was_purged_under_it_starts_over(void)
{
    struct shop s;

    shop_make(&s, "key_scope=epoch epoch_deposits=1");
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    real_insert = s.store->catalog->insert;
    s.store->catalog->insert = refuse_once;
    injected = KH_REFUSED;
    KH_ASSERT_OK(shop_put(&s, "a", 0, "x"), s.err);
    CU_ASSERT(shop_holds(&s, "a", 0, "x"));
    CU_ASSERT_EQUAL(
        shop_keys(&s), 1); /* the first epoch's key went when it closed unused */
    shop_end(&s);
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"keys_made_before_a_crash_are_destroyed_at_the_next_start",
            keys_made_before_a_crash_are_destroyed_at_the_next_start},
        {"a_purge_cut_short_is_finished_at_the_next_start",
            a_purge_cut_short_is_finished_at_the_next_start},
        {"announced_keys_never_made_are_forgotten",
            announced_keys_never_made_are_forgotten},
        {"looking_leaves_nothing_on_the_token", looking_leaves_nothing_on_the_token},
        {"an_identity_cut_short_is_made_again", an_identity_cut_short_is_made_again},
        {"a_put_the_catalog_refuses_takes_its_key_back",
            a_put_the_catalog_refuses_takes_its_key_back},
        {"a_put_of_unknown_fate_leaves_its_key_to_the_next_start",
            a_put_of_unknown_fate_leaves_its_key_to_the_next_start},
        {"an_epoch_closes_after_its_number_of_versions",
            an_epoch_closes_after_its_number_of_versions},
        {"an_epoch_closes_with_age", an_epoch_closes_with_age},
        {"a_restart_closes_the_epoch", a_restart_closes_the_epoch},
        {"purge_in_epoch_scope_destroys_the_key_with_the_last_row",
            purge_in_epoch_scope_destroys_the_key_with_the_last_row},
        {"an_epoch_nobody_came_to_need_ends_without_a_key",
            an_epoch_nobody_came_to_need_ends_without_a_key},
        {"an_idle_epoch_left_by_a_crash_is_cleaned_up",
            an_idle_epoch_left_by_a_crash_is_cleaned_up},
        {"a_put_whose_epoch_was_purged_under_it_starts_over",
            a_put_whose_epoch_was_purged_under_it_starts_over},
    };
    return kh_test_main("pkcs11: lifecycle", tests, sizeof tests / sizeof tests[0]);
}
