/* Named keys of the store: made on the token, used there, gone when they are purged. */
#include "conformance/proof.h"
#include "plugins/pkcs11/named.h"
#include "tests/unit/pkcs11/ring.h"

#include <pthread.h>
#include <string.h>

static void an_ec_key_signs_after_a_reopen_as_before(void)
{
    struct shop s;
    struct kh_named_key key;
    struct kh_named_key again;

    shop_make(&s, NULL);
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    KH_ASSERT_OK(ring_make(&s, "site", KH_KIND_EC_P256, KH_KEY_SIGN, &key), s.err);
    CU_ASSERT_EQUAL(key.state, KH_ACTIVE);
    CU_ASSERT(key.created > 1700000000 && key.public_len > 80);
    CU_ASSERT(ring_signs_ecdsa(&s, "site", &key));
    CU_ASSERT(ring_signs_ecdsa(&s, "site", &key));
    shop_reopen(&s);
    KH_ASSERT_OK(kh_named_stat(s.store, "site", &again, &s.err), s.err);
    CU_ASSERT_EQUAL(memcmp(&key, &again, sizeof key), 0);
    CU_ASSERT(ring_signs_ecdsa(&s, "site", &key));
    CU_ASSERT_EQUAL(shop_keys(&s), 1);
    CU_ASSERT_EQUAL(shop_known(&s, KH_KEY_ACTIVE), 1);
    KH_ASSERT_OK(kh_store_check(s.store, &s.err), s.err);
    shop_end(&s);
}

/* pkcs11-tool's list of objects of TYPE has a line for each of the three patterns. */
static bool token_shows(
    struct shop *s, const char *type, const char *label, const char *usage)
{
    char command[900];

    snprintf(
        command, sizeof command, "-O --type %s | tee %s/objects", type, s->rig.state);
    return rig_tool(&s->rig, command) == 0 &&
           kh_test_shell("cd '%s' && grep -q 'label: *%s-' objects && "
                         "grep -q 'Usage: *%s$' objects && "
                         "grep -q 'sensitive, always sensitive, never extract' objects",
               s->rig.state, label, usage) == 0;
}

static void on_the_token_a_key_is_as_it_must_be(void)
{
    struct shop s;

    shop_make(&s, NULL);
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    KH_ASSERT_OK(ring_make(&s, "signer", KH_KIND_EC_P256, KH_KEY_SIGN, NULL), s.err);
    KH_ASSERT_OK(ring_make(&s, "kek", KH_KIND_AES_256, KH_KEY_WRAP, NULL), s.err);
    shop_close(&s);
    CU_ASSERT(token_shows(&s, "privkey", "signer", "sign"));
    CU_ASSERT(token_shows(&s, "secrkey", "kek", "wrap, unwrap"));
    CU_ASSERT_FALSE(token_shows(&s, "pubkey", "signer", "verify"));
    shop_end(&s);
}

static void names_are_of_keys_or_of_deposits(void)
{
    struct shop s;

    shop_make(&s, NULL);
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    KH_ASSERT_OK(shop_put(&s, "d", 0, "x"), s.err);
    KH_ASSERT_OK(ring_make(&s, "k", KH_KIND_EC_P256, KH_KEY_SIGN, NULL), s.err);
    KH_ASSERT_FAILS(ring_make(&s, "d", KH_KIND_EC_P256, KH_KEY_SIGN, NULL), KH_EXISTS,
        s.err, "'d' is the name of a deposit");
    KH_ASSERT_FAILS(ring_make(&s, "k", KH_KIND_AES_256, KH_KEY_WRAP, NULL), KH_EXISTS,
        s.err, "'k' exists already");
    KH_ASSERT_FAILS(shop_put(&s, "k", 0, "x"), KH_EXISTS, s.err, "named key 'k' exists");
    KH_ASSERT_FAILS(shop_put(&s, "k", 3, "x"), KH_EXISTS, s.err, "named key 'k' exists");
    CU_ASSERT_EQUAL(shop_keys(&s), 2);
    shop_end(&s);
}

static void what_a_key_is_not_for_is_refused(void)
{
    struct kh_key_use u = kh_proof_signing(KH_SCHEME_ECDSA, KH_HASH_SHA256);
    struct shop s;
    struct kh_buf out;

    shop_make(&s, NULL);
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    KH_ASSERT_OK(ring_make(&s, "kek", KH_KIND_AES_256, KH_KEY_WRAP, NULL), s.err);
    KH_ASSERT_OK(ring_make(&s, "ec", KH_KIND_EC_P256, KH_KEY_SIGN, NULL), s.err);
    KH_ASSERT_FAILS(ring_use(&s, "kek", &u, &out), KH_REFUSED, s.err,
        "'kek' of kind aes-256 has no scheme ecdsa");
    u.scheme = KH_SCHEME_AES_WRAP;
    KH_ASSERT_FAILS(ring_use(&s, "ec", &u, &out), KH_REFUSED, s.err,
        "'ec' of kind ec-p256 has no scheme aes-wrap");
    u.scheme = KH_SCHEME_ECDH;
    KH_ASSERT_FAILS(
        ring_use(&s, "ec", &u, &out), KH_REFUSED, s.err, "'ec' was not made to derive");
    KH_ASSERT_FAILS(ring_use(&s, "none", &u, &out), KH_NOT_FOUND, s.err, "'none'");
    shop_end(&s);
}

static void a_removed_key_is_not_used_until_it_is_restored(void)
{
    struct shop s;
    struct kh_named_key key;
    struct kh_key_use u = kh_proof_signing(KH_SCHEME_ECDSA, KH_HASH_SHA256);
    struct kh_buf out;

    shop_make(&s, NULL);
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    KH_ASSERT_OK(ring_make(&s, "k", KH_KIND_EC_P256, KH_KEY_SIGN, &key), s.err);
    KH_ASSERT_OK(kh_named_change(s.store, "k", KH_KEY_REMOVE, &s.err), s.err);
    KH_ASSERT_OK(kh_named_change(s.store, "k", KH_KEY_REMOVE, &s.err), s.err);
    KH_ASSERT_FAILS(ring_use(&s, "k", &u, &out), KH_NOT_FOUND, s.err, "'k' is removed");
    shop_reopen(&s);
    CU_ASSERT_EQUAL(ring_use(&s, "k", &u, &out), KH_NOT_FOUND);
    KH_ASSERT_OK(kh_named_change(s.store, "k", KH_KEY_RESTORE, &s.err), s.err);
    CU_ASSERT(ring_signs_ecdsa(&s, "k", &key));
    KH_ASSERT_FAILS(kh_named_change(s.store, "none", KH_KEY_REMOVE, &s.err), KH_NOT_FOUND,
        s.err, "'none'");
    shop_end(&s);
}

static void a_purged_key_is_gone_from_the_token(void)
{
    struct shop s;
    struct kh_named_key key;
    struct kh_named_key none;

    shop_make(&s, NULL);
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    KH_ASSERT_OK(ring_make(&s, "a", KH_KIND_EC_P256, KH_KEY_SIGN, NULL), s.err);
    KH_ASSERT_OK(ring_make(&s, "b", KH_KIND_EC_P256, KH_KEY_SIGN, &key), s.err);
    KH_ASSERT_OK(ring_make(&s, "c", KH_KIND_AES_256, KH_KEY_WRAP, NULL), s.err);
    CU_ASSERT_EQUAL(shop_keys(&s), 3);
    KH_ASSERT_OK(kh_named_change(s.store, "a", KH_KEY_PURGE, &s.err), s.err);
    KH_ASSERT_OK(kh_named_change(s.store, "c", KH_KEY_PURGE, &s.err), s.err);
    CU_ASSERT_EQUAL(shop_keys(&s), 1);
    CU_ASSERT_EQUAL(atomic_load(&s.store->keys), 1);
    KH_ASSERT_FAILS(
        kh_named_stat(s.store, "a", &none, &s.err), KH_NOT_FOUND, s.err, "'a'");
    CU_ASSERT(ring_signs_ecdsa(&s, "b", &key));
    KH_ASSERT_OK(shop_put(&s, "a", 0, "now a deposit"), s.err);
    shop_end(&s);
}

static void max_keys_counts_named_keys_too(void)
{
    struct shop s;

    shop_make(&s, "max_keys=2");
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    KH_ASSERT_OK(ring_make(&s, "a", KH_KIND_EC_P256, KH_KEY_SIGN, NULL), s.err);
    KH_ASSERT_OK(shop_put(&s, "d", 0, "x"), s.err);
    KH_ASSERT_FAILS(ring_make(&s, "b", KH_KIND_EC_P256, KH_KEY_SIGN, NULL), KH_REFUSED,
        s.err, "holds 2 keys and max_keys is 2");
    shop_reopen(&s);
    KH_ASSERT_FAILS(ring_make(&s, "b", KH_KIND_EC_P256, KH_KEY_SIGN, NULL), KH_REFUSED,
        s.err, "max_keys is 2");
    KH_ASSERT_OK(kh_named_change(s.store, "a", KH_KEY_PURGE, &s.err), s.err);
    KH_ASSERT_OK(ring_make(&s, "b", KH_KIND_EC_P256, KH_KEY_SIGN, NULL), s.err);
    shop_end(&s);
}

/* ---- threads
 * ---------------------------------------------------------------------------- */

struct worker {
    struct shop *shop;
    const struct kh_named_key *key;
    unsigned number;
    kh_status status;
};

/* Odd ones make keys and purge them, which makes every handle looked at again; even ones
 * sign. */
static void *work(void *arg)
{
    struct worker *w = arg;
    struct kh_key_use u = kh_proof_signing(KH_SCHEME_ECDSA, KH_HASH_SHA256);

    for (unsigned i = 0; i < 8 && w->status == KH_OK; i++) {
        struct kh_named_key key = {.kind = KH_KIND_EC_P256, .purposes = KH_KEY_SIGN};
        struct kh_error err = {0};
        struct kh_buf out = {0};

        if (w->number % 2) {
            snprintf(key.name, sizeof key.name, "w%u-%u", w->number, i);
            w->status = kh_named_create(w->shop->store, &key, &err);
            if (w->status == KH_OK)
                w->status = kh_named_change(w->shop->store, key.name, KH_KEY_PURGE, &err);
        } else {
            w->status = kh_named_use(w->shop->store, "shared", &u, &out, &err);
            if (w->status == KH_OK && !kh_proof_verifies(w->key, &u, &out))
                w->status = KH_CORRUPT;
            ring_done(w->shop, &out);
        }
        if (w->status != KH_OK)
            fprintf(stderr, "    %s\n", err.message);
    }
    return NULL;
}

static void threads_sign_while_others_make_and_purge(void)
{
    struct shop s;
    struct kh_named_key key;
    struct worker workers[6];
    pthread_t threads[6];

    shop_make(&s, NULL);
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    KH_ASSERT_OK_FATAL(
        ring_make(&s, "shared", KH_KIND_EC_P256, KH_KEY_SIGN, &key), s.err);
    for (unsigned i = 0; i < 6; i++) {
        workers[i] = (struct worker){&s, &key, i, KH_OK};
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (unsigned i = 0; i < 6; i++) {
        pthread_join(threads[i], NULL);
        CU_ASSERT_EQUAL(workers[i].status, KH_OK);
    }
    CU_ASSERT_EQUAL(shop_keys(&s), 1);
    CU_ASSERT_EQUAL(atomic_load(&s.store->keys), 1);
    shop_end(&s);
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"an_ec_key_signs_after_a_reopen_as_before",
            an_ec_key_signs_after_a_reopen_as_before},
        {"on_the_token_a_key_is_as_it_must_be", on_the_token_a_key_is_as_it_must_be},
        {"names_are_of_keys_or_of_deposits", names_are_of_keys_or_of_deposits},
        {"what_a_key_is_not_for_is_refused", what_a_key_is_not_for_is_refused},
        {"a_removed_key_is_not_used_until_it_is_restored",
            a_removed_key_is_not_used_until_it_is_restored},
        {"a_purged_key_is_gone_from_the_token", a_purged_key_is_gone_from_the_token},
        {"max_keys_counts_named_keys_too", max_keys_counts_named_keys_too},
        {"threads_sign_while_others_make_and_purge",
            threads_sign_while_others_make_and_purge},
    };
    return kh_test_main("pkcs11/named", tests, sizeof tests / sizeof tests[0]);
}
