/* What a restore and a migration ask of the store: a look that changes nothing, keys of a
 * lost catalog, and the backup that was confirmed. */
#include "plugins/pkcs11/confirmed.h"
#include "tests/unit/pkcs11/shop.h"

#include <string.h>

static void run(struct shop *s, const char *command)
{
    CU_ASSERT_EQUAL(kh_test_shell("cd '%s' && %s", s->rig.state, command), 0);
}

static uint64_t unknown(struct shop *s)
{
    struct kh_info info = {0};

    KH_ASSERT_OK(kh_store_info(s->store, &info, &s->err), s->err);
    return info.unknown_keys;
}

/* A store of "a" whose older copy, without "b", is what is there now. */
static void make_old_copy(struct shop *s, const char *options)
{
    shop_make(s, options);
    KH_ASSERT_OK_FATAL(shop_open(s), s->err);
    KH_ASSERT_OK(shop_put(s, "a", 0, "of a"), s->err);
    shop_close(s);
    run(s, "cp catalog.db old");
    KH_ASSERT_OK_FATAL(shop_open(s), s->err);
    KH_ASSERT_OK(shop_put(s, "b", 0, "of b"), s->err);
    shop_close(s);
    run(s, "cp catalog.db new && cp old catalog.db && rm generation");
}

static void a_look_counts_unknown_keys_and_destroys_nothing(void)
{
    struct shop s;

    make_old_copy(&s, NULL);
    KH_ASSERT_FAILS(shop_open(&s), KH_CORRUPT, s.err, "1 key(s)");
    s.mode = KH_OPEN_LOOK;
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    CU_ASSERT_EQUAL(unknown(&s), 1);
    CU_ASSERT(shop_holds(&s, "a", 0, "of a"));
    CU_ASSERT_EQUAL(shop_keys(&s), 2);
    shop_close(&s);
    run(&s, "test ! -e generation");
    run(&s, "cp new catalog.db");
    s.mode = KH_OPEN_TOOL;
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    CU_ASSERT_EQUAL(unknown(&s), 0);
    CU_ASSERT(shop_holds(&s, "b", 0, "of b"));
    shop_end(&s);
}

static void a_look_sweeps_no_key_that_a_crash_left(void)
{
    struct shop s;

    shop_make(&s, NULL);
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    KH_ASSERT_OK(shop_put(&s, "a", 0, "of a"), s.err);
    KH_ASSERT_OK(shop_put(&s, "b", 0, "of b"), s.err);
    shop_close(&s);
    shop_sql(&s, "UPDATE keys SET state = 2 WHERE id = (SELECT key FROM versions WHERE "
                 "name = 'b'); DELETE FROM versions WHERE name = 'b'");
    s.mode = KH_OPEN_LOOK;
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    CU_ASSERT_EQUAL(shop_keys(&s), 2);
    CU_ASSERT_EQUAL(shop_known(&s, KH_KEY_DOOMED), 1);
    shop_close(&s);
    s.mode = KH_OPEN_TOOL;
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    CU_ASSERT_EQUAL(shop_keys(&s), 1);
    shop_end(&s);
}

static void as_many_unknown_keys_as_were_accepted_are_left_alone(void)
{
    struct shop s;

    make_old_copy(&s, "unknown_keys=1");
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    CU_ASSERT_EQUAL(unknown(&s), 1);
    KH_ASSERT_OK(shop_put(&s, "c", 0, "of c"), s.err);
    CU_ASSERT_EQUAL(shop_keys(&s), 3);
    shop_reopen(&s);
    CU_ASSERT_EQUAL(shop_keys(&s), 3);
    CU_ASSERT(shop_holds(&s, "c", 0, "of c"));
    shop_close(&s);
    run(&s, "cp old catalog.db && rm generation"); /* and now two are unknown */
    KH_ASSERT_FAILS(shop_open(&s), KH_CORRUPT, s.err, "2 key(s)");
    shop_end(&s);
}

/* ---- require_backup
 * ---------------------------------------------------------------------- */

/* Writes the confirmation of what the open store holds now. */
static void confirm_now(struct shop *s)
{
    unsigned char digest[32] = {0};
    char hex[65];

    KH_ASSERT_OK(s->store->catalog->contents(s->store->catalog, digest, &s->err), s->err);
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    CU_ASSERT_EQUAL(kh_test_shell("echo 'catalog %02x%02x%02x%02x contents %s generation "
                                  "1 time 1764000000' > '%s/backup-confirmed'",
                        s->store->tag[0], s->store->tag[1], s->store->tag[2],
                        s->store->tag[3], hex, s->rig.state),
        0);
}

static void without_the_rule_nothing_is_asked(void)
{
    struct shop s;

    shop_make(&s, NULL);
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    KH_ASSERT_OK(kh_store_backed_up(s.store, &s.err), s.err);
    shop_end(&s);
}

static void a_confirmation_holds_for_what_it_was_given_for(void)
{
    struct shop s;

    shop_make(&s, "require_backup=yes");
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    KH_ASSERT_OK(shop_put(&s, "a", 0, "of a"), s.err);
    KH_ASSERT_FAILS(kh_store_backed_up(s.store, &s.err), KH_REFUSED, s.err,
        "no backup was confirmed");
    confirm_now(&s);
    KH_ASSERT_OK(kh_store_backed_up(s.store, &s.err), s.err);
    shop_reopen(&s); /* which writes to the catalog, but stores nothing */
    KH_ASSERT_OK(kh_store_backed_up(s.store, &s.err), s.err);
    KH_ASSERT_OK(shop_put(&s, "a", 1, "of a"), s.err);
    KH_ASSERT_FAILS(
        kh_store_backed_up(s.store, &s.err), KH_REFUSED, s.err, "2025-11-24T16:00:00Z");
    KH_ASSERT_OK(kh_store_purge(s.store, "a", 1, &s.err), s.err);
    KH_ASSERT_OK(kh_store_backed_up(s.store, &s.err), s.err);
    shop_end(&s);
}

static void a_confirmation_of_another_catalog_or_none_is_refused(void)
{
    struct shop s;

    shop_make(&s, "require_backup=yes");
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    KH_ASSERT_OK(shop_put(&s, "a", 0, "of a"), s.err);
    confirm_now(&s);
    run(&s, "sed -i 's/^catalog ......../catalog 00000000/' backup-confirmed");
    KH_ASSERT_FAILS(
        kh_store_backed_up(s.store, &s.err), KH_REFUSED, s.err, "does not hold");
    run(&s, "echo nonsense > backup-confirmed");
    KH_ASSERT_FAILS(
        kh_store_backed_up(s.store, &s.err), KH_CORRUPT, s.err, "backup-confirmed");
    run(&s, ": > backup-confirmed");
    KH_ASSERT_FAILS(
        kh_store_backed_up(s.store, &s.err), KH_CORRUPT, s.err, "backup-confirmed");
    shop_end(&s);
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"a_look_counts_unknown_keys_and_destroys_nothing",
            a_look_counts_unknown_keys_and_destroys_nothing},
        {"a_look_sweeps_no_key_that_a_crash_left",
            a_look_sweeps_no_key_that_a_crash_left},
        {"as_many_unknown_keys_as_were_accepted_are_left_alone",
            as_many_unknown_keys_as_were_accepted_are_left_alone},
        {"without_the_rule_nothing_is_asked", without_the_rule_nothing_is_asked},
        {"a_confirmation_holds_for_what_it_was_given_for",
            a_confirmation_holds_for_what_it_was_given_for},
        {"a_confirmation_of_another_catalog_or_none_is_refused",
            a_confirmation_of_another_catalog_or_none_is_refused},
    };
    return kh_test_main("pkcs11: backup", tests, sizeof tests / sizeof tests[0]);
}
