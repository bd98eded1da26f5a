/* What the store refuses to believe: other tokens, old catalogs, swapped rows, revoked
 * keys. */
#include "tests/unit/pkcs11/shop.h"

#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void run(struct shop *s, const char *command)
{
    CU_ASSERT_EQUAL(kh_test_shell("cd '%s' && %s", s->rig.state, command), 0);
}

/* ---- rows
 * -------------------------------------------------------------------------------- */

/* Two deposits; SQL is done to their closed catalog; reading "a" must say corrupt, with
 * WORD. */
static void edited(const char *options, const char *sql, const char *word)
{
    struct shop s;

    shop_make(&s, options);
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    KH_ASSERT_OK(shop_put(&s, "a", 0, "of a"), s.err);
    KH_ASSERT_OK(shop_put(&s, "b", 0, "of b"), s.err);
    KH_ASSERT_OK(shop_put(&s, "c", 0, "of c"), s.err);
    shop_close(&s);
    shop_sql(&s, sql);
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    KH_ASSERT_FAILS(shop_get(&s, "a", 0), KH_CORRUPT, s.err, word);
    CU_ASSERT_PTR_NOT_NULL(strstr(s.err.message, "'a' version 0")); /* named */
    CU_ASSERT(shop_holds(&s, "c", 0, "of c")); /* the others are served */
    shop_end(&s);
}

static void swapped_names_are_corrupt(void)
{
    edited("key_scope=deposit",
        "UPDATE versions SET name = 'x' WHERE name = 'a';"
        "UPDATE versions SET name = 'a' WHERE name = 'b';"
        "UPDATE versions SET name = 'b' WHERE name = 'x';",
        "holds version 0 of 'b'");
}

static void swapped_names_in_one_epoch_are_corrupt(void)
{
    edited("key_scope=epoch",
        "UPDATE versions SET name = 'x' WHERE name = 'a';"
        "UPDATE versions SET name = 'a' WHERE name = 'b';"
        "UPDATE versions SET name = 'b' WHERE name = 'x';",
        "holds version 0 of 'b'");
}

static void a_swapped_envelope_is_corrupt(void)
{
    edited("key_scope=deposit",
        "UPDATE versions SET envelope = (SELECT envelope FROM versions WHERE name = 'b')"
        " WHERE name = 'a'",
        "not for this key");
}

static void an_envelope_and_key_of_another_are_corrupt(void)
{
    edited("key_scope=deposit",
        "UPDATE versions SET (envelope, key) = (SELECT envelope, key FROM versions WHERE "
        "name ="
        " 'b') WHERE name = 'a'; UPDATE keys SET state = 2 WHERE id NOT IN (SELECT key "
        "FROM"
        " versions)",
        "holds version 0 of 'b'");
}

static void another_version_number_is_corrupt(void)
{
    struct shop s;

    shop_make(&s, NULL);
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    KH_ASSERT_OK(shop_put(&s, "a", 0, "old"), s.err);
    KH_ASSERT_OK(shop_put(&s, "a", 1, "new"), s.err);
    shop_close(&s);
    shop_sql(&s, "UPDATE versions SET version = 9 WHERE version = 0;"
                 "UPDATE versions SET version = 0 WHERE version = 1;"
                 "UPDATE versions SET version = 1 WHERE version = 9;");
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    KH_ASSERT_FAILS(
        shop_get(&s, "a", KH_LATEST), KH_CORRUPT, s.err, "holds version 0 of 'a'");
    shop_end(&s);
}

static void another_date_is_corrupt(void)
{
    edited(NULL, "UPDATE versions SET created = created - 86400 WHERE name = 'a'",
        "disagree on when it was created");
}

static void a_changed_envelope_is_corrupt(void)
{
    edited(NULL,
        "UPDATE versions SET envelope = CAST(substr(envelope, 1, length(envelope) - 1) "
        "|| x'00'"
        " AS BLOB) WHERE name = 'a'",
        "envelope");
}

static void a_strange_profile_is_corrupt(void)
{
    edited(NULL, "UPDATE versions SET profile = 'rot13' WHERE name = 'a'", "'rot13'");
}

static void attest_compares_the_label_of_the_key(void)
{
    struct shop s;

    shop_make(&s, NULL);
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    KH_ASSERT_OK(shop_put(&s, "a", 0, "x"), s.err);
    shop_close(&s);
    shop_sql(&s, "UPDATE versions SET name = 'b'");
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    KH_ASSERT_FAILS(kh_store_attest(s.store, "b", 0, &s.err), KH_CORRUPT, s.err,
        "made for another deposit");
    shop_end(&s);
}

/* ---- keys revoked on the HSM
 * --------------------------------------------------------------- */

static void revoke_key(struct shop *s, const char *id)
{
    char arguments[200];

    snprintf(arguments, sizeof arguments, "--delete-object --type privkey --id %s", id);
    CU_ASSERT_EQUAL(rig_tool(&s->rig, arguments), 0);
}

static void a_revoked_key_is_said_in_words_and_the_rest_is_served(void)
{
    struct shop s;
    struct kh_item items[4];
    size_t count = 0;
    char id[80];

    shop_make(&s, NULL);
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    KH_ASSERT_OK(shop_put(&s, "a", 0, "x"), s.err);
    KH_ASSERT_OK(shop_put(&s, "b", 0, "y"), s.err);
    snprintf(id, sizeof id, "%s", shop_key_of(&s, "a", 0));
    shop_close(&s);
    revoke_key(&s, id);
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    KH_ASSERT_FAILS(
        shop_get(&s, "a", 0), KH_CORRUPT, s.err, "revoked (destroyed) on the HSM");
    CU_ASSERT_PTR_NOT_NULL(strstr(s.err.message, "cannot be recovered"));
    KH_ASSERT_FAILS(
        kh_store_attest(s.store, "a", 0, &s.err), KH_CORRUPT, s.err, "revoked");
    CU_ASSERT(shop_holds(&s, "b", 0, "y"));
    KH_ASSERT_OK(kh_store_list(s.store, NULL, items, 4, &count, &s.err), s.err);
    CU_ASSERT_EQUAL_FATAL(count, 2);
    CU_ASSERT_EQUAL(items[0].status, KH_CORRUPT);
    CU_ASSERT_PTR_NOT_NULL(strstr(items[0].note, "revoked"));
    CU_ASSERT_EQUAL(items[1].status, KH_OK);
    CU_ASSERT_EQUAL(atomic_load(&s.store->keys), 1);
    KH_ASSERT_OK(kh_store_purge(s.store, "a", KH_ALL_VERSIONS, &s.err), s.err);
    CU_ASSERT_EQUAL(atomic_load(&s.store->keys), 1); /* it never counted */
    KH_ASSERT_OK(shop_put(&s, "a", 0, "anew"), s.err);
    CU_ASSERT(shop_holds(&s, "a", 0, "anew"));
    shop_end(&s);
}

static void a_key_revoked_while_serving_is_said_in_words(void)
{
    struct shop s;

    shop_make(&s, NULL);
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    KH_ASSERT_OK(shop_put(&s, "a", 0, "x"), s.err);
    KH_ASSERT_OK(shop_put(&s, "b", 0, "y"), s.err);
    revoke_key(&s, shop_key_of(&s, "a", 0));
    KH_ASSERT_FAILS(shop_get(&s, "a", 0), KH_CORRUPT, s.err, "destroyed (revoked)");
    CU_ASSERT_PTR_NOT_NULL(strstr(s.err.message, "'a' version 0"));
    KH_ASSERT_FAILS(
        kh_store_attest(s.store, "a", 0, &s.err), KH_CORRUPT, s.err, "'a' version 0");
    CU_ASSERT(shop_holds(&s, "b", 0, "y"));
    shop_end(&s);
}

/* ---- rounds of attestation ---- */

/* Versions a and b under one key in epoch scope, else each under its own; then the key of
 * a is taken from the token behind our back. */
static void round_begun(struct shop *s, const char *options)
{
    shop_make(s, options);
    KH_ASSERT_OK_FATAL(shop_open(s), s->err);
    KH_ASSERT_OK(shop_put(s, "a", 0, "x"), s->err);
    KH_ASSERT_OK(shop_put(s, "b", 0, "y"), s->err);
    kh_store_attest_round(s->store, true);
    KH_ASSERT_OK(kh_store_attest(s->store, "a", 0, &s->err), s->err);
    revoke_key(s, shop_key_of(s, "a", 0));
}

static void a_shared_key_is_read_once_in_a_round_and_anew_in_the_next(void)
{
    struct shop s;

    round_begun(&s, "key_scope=epoch");
    /* That the token was not asked is seen by its not telling. */
    KH_ASSERT_OK(kh_store_attest(s.store, "b", 0, &s.err), s.err);
    kh_store_attest_round(s.store, false);
    KH_ASSERT_FAILS(
        kh_store_attest(s.store, "b", 0, &s.err), KH_CORRUPT, s.err, "'b' version 0");
    kh_store_attest_round(s.store, true);
    KH_ASSERT_FAILS(
        kh_store_attest(s.store, "b", 0, &s.err), KH_CORRUPT, s.err, "'b' version 0");
    /* What failed is asked again, too. */
    KH_ASSERT_FAILS(
        kh_store_attest(s.store, "a", 0, &s.err), KH_CORRUPT, s.err, "'a' version 0");
    kh_store_attest_round(s.store, false);
    shop_end(&s);
}

static void outside_of_a_round_every_attest_reads(void)
{
    struct shop s;

    shop_make(&s, "key_scope=epoch");
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    KH_ASSERT_OK(shop_put(&s, "a", 0, "x"), s.err);
    KH_ASSERT_OK(shop_put(&s, "b", 0, "y"), s.err);
    KH_ASSERT_OK(kh_store_attest(s.store, "a", 0, &s.err), s.err);
    revoke_key(&s, shop_key_of(&s, "a", 0));
    /* Nor does what was read before a round count in it. */
    kh_store_attest_round(s.store, true);
    KH_ASSERT_FAILS(
        kh_store_attest(s.store, "b", 0, &s.err), KH_CORRUPT, s.err, "'b' version 0");
    kh_store_attest_round(s.store, false);
    shop_end(&s);
}

static void a_key_of_one_version_is_read_each_time(void)
{
    struct shop s;

    round_begun(&s, NULL);
    KH_ASSERT_OK(kh_store_attest(s.store, "b", 0, &s.err), s.err);
    KH_ASSERT_FAILS(
        kh_store_attest(s.store, "a", 0, &s.err), KH_CORRUPT, s.err, "'a' version 0");
    shop_end(&s);
}

/* A module may give the handle of what is destroyed to another object. */
static void after_a_key_was_destroyed_all_are_read_again(void)
{
    struct shop s;

    shop_make(&s, "key_scope=epoch epoch_deposits=2");
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    KH_ASSERT_OK(shop_put(&s, "a", 0, "x"), s.err);
    KH_ASSERT_OK(shop_put(&s, "b", 0, "y"), s.err);
    KH_ASSERT_OK(shop_put(&s, "c", 0, "z"), s.err);
    KH_ASSERT_OK(shop_put(&s, "d", 0, "z"), s.err);
    KH_ASSERT_OK(shop_put(&s, "e", 0, "z"), s.err);
    kh_store_attest_round(s.store, true);
    KH_ASSERT_OK(kh_store_attest(s.store, "a", 0, &s.err), s.err);
    KH_ASSERT_OK(kh_store_purge(s.store, "c", KH_ALL_VERSIONS, &s.err), s.err);
    KH_ASSERT_OK(kh_store_purge(s.store, "d", KH_ALL_VERSIONS, &s.err), s.err);
    revoke_key(&s, shop_key_of(&s, "a", 0));
    KH_ASSERT_FAILS(
        kh_store_attest(s.store, "b", 0, &s.err), KH_CORRUPT, s.err, "'b' version 0");
    KH_ASSERT_OK(kh_store_attest(s.store, "e", 0, &s.err), s.err);
    kh_store_attest_round(s.store, false);
    shop_end(&s);
}

/* ---- other tokens
 * -------------------------------------------------------------------------- */

static void a_new_token_of_the_same_label_is_refused(void)
{
    struct shop s;
    const char *dir;

    shop_make(&s, NULL);
    dir = s.rig.soft.dir;
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    KH_ASSERT_OK(shop_put(&s, "a", 0, "x"), s.err);
    shop_close(&s);
    CU_ASSERT_EQUAL(
        kh_test_shell("cd '%s' && mv tokens right && mkdir tokens && softhsm2-util "
                      "--init-token --free --label lab --so-pin 12345678 --pin 1234 "
                      ">/dev/null",
            dir),
        0);
    KH_ASSERT_FAILS(shop_open(&s), KH_REFUSED, s.err, "is not the token of the catalog");
    CU_ASSERT_EQUAL(kh_test_shell("cd '%s' && rm -rf tokens && mv right tokens", dir), 0);
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    CU_ASSERT(shop_holds(&s, "a", 0, "x"));
    shop_end(&s);
}

static void a_token_of_the_same_label_and_serial_is_refused(void)
{
    struct shop s;
    const char *dir;

    shop_make(&s, NULL);
    dir = s.rig.soft.dir;
    CU_ASSERT_EQUAL(kh_test_shell("cp -a '%s/tokens' '%s/blank'", dir, dir), 0);
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    KH_ASSERT_OK(shop_put(&s, "a", 0, "x"), s.err);
    shop_close(&s);
    CU_ASSERT_EQUAL(
        kh_test_shell("cd '%s' && mv tokens right && mv blank tokens", dir), 0);
    KH_ASSERT_FAILS(shop_open(&s), KH_REFUSED, s.err, "is not the token of the catalog");
    CU_ASSERT_EQUAL(kh_test_shell("cd '%s' && rm -rf tokens && mv right tokens", dir), 0);
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    CU_ASSERT_EQUAL(shop_keys(&s), 1);
    CU_ASSERT(shop_holds(&s, "a", 0, "x"));
    shop_end(&s);
}

static void two_catalogs_share_a_token_and_leave_each_other_alone(void)
{
    struct shop one;
    struct shop two;
    char option[700];

    shop_make(&one, NULL);
    KH_ASSERT_OK_FATAL(shop_open(&one), one.err);
    KH_ASSERT_OK(shop_put(&one, "a", 0, "of one"), one.err);
    shop_close(&one);
    two = one;
    snprintf(option, sizeof option, "state_dir=%s-two", one.rig.state);
    shop_set(&two, option);
    KH_ASSERT_OK_FATAL(shop_open(&two), two.err);
    KH_ASSERT_OK(shop_put(&two, "a", 0, "of two"), two.err);
    KH_ASSERT_OK(kh_store_purge(two.store, "a", KH_ALL_VERSIONS, &two.err), two.err);
    shop_close(&two);
    snprintf(option, sizeof option, "state_dir=%s", one.rig.state);
    shop_set(&one, option);
    KH_ASSERT_OK_FATAL(shop_open(&one), one.err);
    CU_ASSERT(shop_holds(&one, "a", 0, "of one"));
    CU_ASSERT_EQUAL(atomic_load(&one.store->keys), 1);
    shop_end(&one);
}

/* ---- old and lost catalogs
 * ------------------------------------------------------------------- */

/* A copy of the catalog is taken, a deposit is added, the copy is put back. With the note
 * removed the token itself still tells. */
static void an_old_copy_of_the_catalog_is_refused_and_nothing_destroyed(void)
{
    struct shop s;

    shop_make(&s, NULL);
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    KH_ASSERT_OK(shop_put(&s, "a", 0, "x"), s.err);
    shop_close(&s);
    run(&s, "cp -p catalog.db old");
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    KH_ASSERT_OK(shop_put(&s, "b", 0, "y"), s.err);
    shop_close(&s);
    run(&s, "mv catalog.db new && cp -p old catalog.db");
    KH_ASSERT_FAILS(shop_open(&s), KH_CORRUPT, s.err, "is an old copy: generation");
    run(&s, "mv generation note");
    KH_ASSERT_FAILS(shop_open(&s), KH_CORRUPT, s.err, "older than token 'lab': 1 key(s)");
    run(&s, "mv new catalog.db && mv note generation");
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    CU_ASSERT_EQUAL(shop_keys(&s), 2);
    CU_ASSERT(shop_holds(&s, "a", 0, "x"));
    CU_ASSERT(shop_holds(&s, "b", 0, "y"));
    shop_end(&s);
}

/* In epoch scope no key need be new, so that only the note tells. */
static void an_old_copy_is_noticed_in_epoch_scope(void)
{
    struct shop s;

    shop_make(&s, "key_scope=epoch");
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    KH_ASSERT_OK(shop_put(&s, "a", 0, "x"), s.err);
    CU_ASSERT_EQUAL(
        kh_test_shell("sqlite3 -readonly '%s/catalog.db' \"VACUUM INTO '%s/old'\"",
            s.rig.state, s.rig.state),
        0);
    KH_ASSERT_OK(shop_put(&s, "b", 0, "y"), s.err);
    shop_close(&s);
    run(&s, "mv catalog.db new && mv old catalog.db && chmod 600 catalog.db");
    KH_ASSERT_FAILS(shop_open(&s), KH_CORRUPT, s.err, "is an old copy: generation");
    run(&s, "mv new catalog.db");
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    CU_ASSERT(shop_holds(&s, "b", 0, "y"));
    shop_end(&s);
}

static void a_lost_catalog_does_not_become_an_empty_one(void)
{
    struct shop s;

    shop_make(&s, NULL);
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    KH_ASSERT_OK(shop_put(&s, "a", 0, "x"), s.err);
    shop_close(&s);
    run(&s, "mv catalog.db kept");
    KH_ASSERT_FAILS(shop_open(&s), KH_CORRUPT, s.err, "lost or replaced");
    run(&s, "mv kept catalog.db");
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    CU_ASSERT(shop_holds(&s, "a", 0, "x"));
    shop_end(&s);
}

static void an_unreadable_note_is_refused(void)
{
    struct shop s;

    shop_make(&s, NULL);
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    shop_close(&s);
    run(&s, "echo nonsense > generation");
    KH_ASSERT_FAILS(
        shop_open(&s), KH_CORRUPT, s.err, "generation: not what keyhsm writes");
    shop_end(&s);
}

static void damaged_facts_are_refused(void)
{
    static const char *const facts[] = {"tag", "identity", "identity-envelope"};

    for (size_t i = 0; i < 3; i++) {
        struct shop s;
        char sql[120];

        shop_make(&s, NULL);
        KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
        KH_ASSERT_OK_FATAL(shop_put(&s, "a", 0, "x"), s.err);
        shop_close(&s);
        snprintf(
            sql, sizeof sql, "UPDATE meta SET value = 'xyz' WHERE name = '%s'", facts[i]);
        shop_sql(&s, sql);
        KH_ASSERT_FAILS(shop_open(&s), KH_CORRUPT, s.err, facts[i]);
        shop_end(&s);
    }
}

/* Without it a stranger's token would pass for the catalog's. */
static void an_envelope_of_identity_taken_away_is_noticed(void)
{
    struct shop s;

    shop_make(&s, NULL);
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    KH_ASSERT_OK_FATAL(shop_put(&s, "a", 0, "x"), s.err);
    shop_close(&s);
    shop_sql(&s, "DELETE FROM meta WHERE name = 'identity-envelope'");
    KH_ASSERT_FAILS(shop_open(&s), KH_CORRUPT, s.err, "identity-envelope");
    shop_end(&s);
}

/* ---- the state directory
 * ----------------------------------------------------------------------- */

static void a_state_directory_others_may_enter_is_refused(void)
{
    struct shop s;

    shop_make(&s, NULL);
    CU_ASSERT_EQUAL_FATAL(mkdir(s.rig.state, 0750), 0);
    CU_ASSERT_EQUAL(chmod(s.rig.state, 0750), 0);
    KH_ASSERT_FAILS(shop_open(&s), KH_REFUSED, s.err, "mode 0750, expected 0700");
    CU_ASSERT_EQUAL(chmod(s.rig.state, 0700), 0);
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    shop_end(&s);
}

static void a_state_directory_that_is_none_is_refused(void)
{
    struct shop s;
    char option[700];

    shop_make(&s, NULL);
    kh_test_write(s.rig.state, "x", 1, 0600);
    KH_ASSERT_FAILS(shop_open(&s), KH_REFUSED, s.err, "not a directory");
    snprintf(option, sizeof option, "state_dir=%s/no/such", s.rig.state);
    shop_set(&s, option);
    KH_ASSERT_FAILS(shop_open(&s), KH_UNAVAILABLE, s.err, "cannot be made");
    shop_end(&s);
}

/* Another process, because a lock is per process: it opens in MODE and must be refused.
 */
static int second_open(struct shop *s, kh_open_mode mode, long holder)
{
    char want[40];
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        struct shop mine = *s;

        mine.mode = mode;
        mine.store = NULL;
        snprintf(want, sizeof want, "by process %ld", holder);
        _exit(shop_open(&mine) == KH_BUSY && strstr(mine.err.message, want) ? 0 : 1);
    }
    CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
    return status;
}

static void a_second_process_is_refused_with_the_pid_in_every_mode(void)
{
    struct shop s;

    shop_make(&s, NULL);
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    CU_ASSERT_EQUAL(second_open(&s, KH_OPEN_TOOL, (long)getpid()), 0);
    CU_ASSERT_EQUAL(second_open(&s, KH_OPEN_SERVE, (long)getpid()), 0);
    CU_ASSERT_EQUAL(second_open(&s, KH_OPEN_MIGRATE, (long)getpid()), 0);
    KH_ASSERT_OK(shop_put(&s, "a", 0, "x"), s.err);
    shop_end(&s);
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"swapped_names_are_corrupt", swapped_names_are_corrupt},
        {"swapped_names_in_one_epoch_are_corrupt",
            swapped_names_in_one_epoch_are_corrupt},
        {"a_swapped_envelope_is_corrupt", a_swapped_envelope_is_corrupt},
        {"an_envelope_and_key_of_another_are_corrupt",
            an_envelope_and_key_of_another_are_corrupt},
        {"another_version_number_is_corrupt", another_version_number_is_corrupt},
        {"another_date_is_corrupt", another_date_is_corrupt},
        {"a_changed_envelope_is_corrupt", a_changed_envelope_is_corrupt},
        {"a_strange_profile_is_corrupt", a_strange_profile_is_corrupt},
        {"attest_compares_the_label_of_the_key", attest_compares_the_label_of_the_key},
        {"a_shared_key_is_read_once_in_a_round_and_anew_in_the_next",
            a_shared_key_is_read_once_in_a_round_and_anew_in_the_next},
        {"outside_of_a_round_every_attest_reads", outside_of_a_round_every_attest_reads},
        {"a_key_of_one_version_is_read_each_time",
            a_key_of_one_version_is_read_each_time},
        {"after_a_key_was_destroyed_all_are_read_again",
            after_a_key_was_destroyed_all_are_read_again},
        {"a_revoked_key_is_said_in_words_and_the_rest_is_served",
            a_revoked_key_is_said_in_words_and_the_rest_is_served},
        {"a_key_revoked_while_serving_is_said_in_words",
            a_key_revoked_while_serving_is_said_in_words},
        {"a_new_token_of_the_same_label_is_refused",
            a_new_token_of_the_same_label_is_refused},
        {"a_token_of_the_same_label_and_serial_is_refused",
            a_token_of_the_same_label_and_serial_is_refused},
        {"two_catalogs_share_a_token_and_leave_each_other_alone",
            two_catalogs_share_a_token_and_leave_each_other_alone},
        {"an_old_copy_of_the_catalog_is_refused_and_nothing_destroyed",
            an_old_copy_of_the_catalog_is_refused_and_nothing_destroyed},
        {"an_old_copy_is_noticed_in_epoch_scope", an_old_copy_is_noticed_in_epoch_scope},
        {"a_lost_catalog_does_not_become_an_empty_one",
            a_lost_catalog_does_not_become_an_empty_one},
        {"an_unreadable_note_is_refused", an_unreadable_note_is_refused},
        {"damaged_facts_are_refused", damaged_facts_are_refused},
        {"an_envelope_of_identity_taken_away_is_noticed",
            an_envelope_of_identity_taken_away_is_noticed},
        {"a_state_directory_others_may_enter_is_refused",
            a_state_directory_others_may_enter_is_refused},
        {"a_state_directory_that_is_none_is_refused",
            a_state_directory_that_is_none_is_refused},
        {"a_second_process_is_refused_with_the_pid_in_every_mode",
            a_second_process_is_refused_with_the_pid_in_every_mode},
    };
    return kh_test_main("pkcs11: trust", tests, sizeof tests / sizeof tests[0]);
}
