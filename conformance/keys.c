/* Named keys (keyhsm/key.h), for plugins that have them: what they are, what becomes of
 * them, and that a name is a key's or a deposit's. */
#include "conformance/keys.h"

#include "conformance/proof.h"
#include "core/backend_key.h"
#include "core/secmem.h"

#include <keyhsm/key_words.h>

kh_status kh_contract_key_make(
    const char *name, kh_key_kind kind, uint32_t purposes, struct kh_named_key *key)
{
    struct kh_error err = {0};
    kh_status st;

    *key = (struct kh_named_key){.kind = kind, .purposes = purposes};
    snprintf(key->name, sizeof key->name, "%s", name);
    st = kh_backend_key_create(kh_contract_backend(), key, &err);
    if (st != KH_OK && st != KH_REFUSED)
        fprintf(stderr, "    key %s: status %d: %s\n", name, (int)st, err.message);
    CU_ASSERT(st == KH_OK || st == KH_REFUSED);
    CU_ASSERT(st == KH_OK || err.message[0] != '\0');
    return st;
}

/* Keys that others than their makers use in this file: of the first kind that there is.
 */
static void make_any(const char *word, struct kh_named_key *key)
{
    static const struct {
        kh_key_kind kind;
        uint32_t purposes;
    } wishes[] = {{KH_KIND_EC_P256, KH_KEY_SIGN}, {KH_KIND_RSA_2048, KH_KEY_SIGN},
        {KH_KIND_AES_256, KH_KEY_WRAP}, {KH_KIND_ED25519, KH_KEY_SIGN},
        {KH_KIND_EC_P384, KH_KEY_SIGN}, {KH_KIND_RSA_3072, KH_KEY_SIGN},
        {KH_KIND_RSA_4096, KH_KEY_SIGN}};
    static size_t from;
    const char *name = kh_contract_name(word);

    while (from < sizeof wishes / sizeof wishes[0] &&
           kh_contract_key_make(name, wishes[from].kind, wishes[from].purposes, key) !=
               KH_OK)
        from++;
    CU_ASSERT_FATAL(from < sizeof wishes / sizeof wishes[0]); /* it makes no key at all */
}

/* Some use of KEY that must work. */
static kh_status use_any(const struct kh_named_key *key, struct kh_error *err)
{
    KH_CLEANUP_BUF struct kh_buf out = {0};
    kh_key_scheme scheme = KH_SCHEME_ECDSA;
    struct kh_key_use use;

    if (key->kind == KH_KIND_AES_256)
        scheme = KH_SCHEME_AES_WRAP;
    else if (key->kind == KH_KIND_ED25519)
        scheme = KH_SCHEME_ED25519;
    else if (kh_key_kind_purposes(key->kind) & KH_KEY_DECRYPT)
        scheme = KH_SCHEME_RSA_PKCS1;
    use = kh_proof_signing(scheme, KH_HASH_SHA256);
    return kh_backend_key_use(kh_contract_backend(), key->name, &use, &out, err);
}

static void check_stat(const struct kh_named_key *want)
{
    struct kh_named_key got;
    struct kh_error err = {0};

    KH_ASSERT_OK(kh_backend_key_stat(kh_contract_backend(), want->name, &got, &err), err);
    CU_ASSERT_STRING_EQUAL(got.name, want->name);
    CU_ASSERT_EQUAL(got.kind, want->kind);
    CU_ASSERT_EQUAL(got.purposes, want->purposes);
    CU_ASSERT_EQUAL(got.state, want->state);
    CU_ASSERT_EQUAL(got.created, want->created);
    CU_ASSERT_EQUAL(got.public_len, want->public_len);
    CU_ASSERT_EQUAL(memcmp(got.public_key, want->public_key, want->public_len), 0);
}

static void a_new_key_is_active_and_told_of_as_it_was_made(void)
{
    struct kh_named_key key;

    make_any("made", &key);
    CU_ASSERT_EQUAL(key.state, KH_ACTIVE);
    CU_ASSERT(key.created > 1700000000);
    CU_ASSERT_TRUE(kh_proof_fits(&key));
    check_stat(&key);
}

static void keys_are_there_and_usable_after_a_reopen(void)
{
    struct kh_error err = {0};
    struct kh_named_key key;

    make_any("lasting", &key);
    kh_contract_close();
    check_stat(&key);
    KH_ASSERT_OK(use_any(&key, &err), err);
}

static void nothing_is_made_twice_under_one_name(void)
{
    struct kh_error err = {0};
    struct kh_named_key key;
    struct kh_named_key again;

    make_any("twice", &key);
    again = (struct kh_named_key){.kind = key.kind, .purposes = key.purposes};
    memcpy(again.name, key.name, sizeof again.name);
    KH_ASSERT_FAILS(kh_backend_key_create(kh_contract_backend(), &again, &err), KH_EXISTS,
        err, key.name);
    KH_ASSERT_OK(
        kh_backend_key_change(kh_contract_backend(), key.name, KH_KEY_REMOVE, &err), err);
    KH_ASSERT_FAILS(kh_backend_key_create(kh_contract_backend(), &again, &err), KH_EXISTS,
        err, key.name);
    key.state = KH_DELETED;
    check_stat(&key);
}

static void a_name_is_a_keys_or_a_deposits(void)
{
    KH_CLEANUP_DEPOSIT struct kh_deposit d = {0};
    struct kh_backend *b = kh_contract_backend();
    const char *deposit = kh_contract_name("deposit");
    struct kh_error err = {0};
    struct kh_named_key key;
    struct kh_named_key clash;

    make_any("key", &key);
    kh_contract_put(deposit, 0, "data", KH_PUT_NEW);
    clash = (struct kh_named_key){.kind = key.kind, .purposes = key.purposes};
    snprintf(clash.name, sizeof clash.name, "%s", deposit);
    KH_ASSERT_FAILS(kh_backend_key_create(b, &clash, &err), KH_EXISTS, err, deposit);
    kh_contract_make(&d, key.name, 0, "data", 4);
    KH_ASSERT_FAILS(kh_backend_put(b, &d, KH_PUT_NEW, &err), KH_EXISTS, err, key.name);
    d.version = 3;
    KH_ASSERT_FAILS(
        kh_backend_put(b, &d, KH_PUT_VERSION, &err), KH_EXISTS, err, key.name);
    CU_ASSERT_EQUAL(kh_contract_get_status(key.name, KH_LATEST, true), KH_NOT_FOUND);
    KH_ASSERT_FAILS(
        kh_backend_key_stat(b, deposit, &clash, &err), KH_NOT_FOUND, err, deposit);
    KH_ASSERT_OK(use_any(&key, &err), err);
}

static void a_removed_key_is_not_used_and_comes_back(void)
{
    struct kh_backend *b = kh_contract_backend();
    struct kh_error err = {0};
    struct kh_named_key key;

    make_any("removed", &key);
    for (int i = 0; i < 2; i++)
        KH_ASSERT_OK(kh_backend_key_change(b, key.name, KH_KEY_REMOVE, &err), err);
    KH_ASSERT_FAILS(use_any(&key, &err), KH_NOT_FOUND, err, key.name);
    key.state = KH_DELETED;
    check_stat(&key);
    for (int i = 0; i < 2; i++)
        KH_ASSERT_OK(kh_backend_key_change(b, key.name, KH_KEY_RESTORE, &err), err);
    KH_ASSERT_OK(use_any(&key, &err), err);
    key.state = KH_ACTIVE;
    check_stat(&key);
}

static void a_purged_key_is_gone_and_its_name_is_free(void)
{
    struct kh_backend *b = kh_contract_backend();
    struct kh_error err = {0};
    struct kh_named_key key;
    struct kh_named_key other;
    struct kh_named_key none;

    make_any("purged", &key);
    make_any("stays", &other);
    KH_ASSERT_OK(kh_backend_key_change(b, key.name, KH_KEY_PURGE, &err), err);
    KH_ASSERT_FAILS(
        kh_backend_key_stat(b, key.name, &none, &err), KH_NOT_FOUND, err, key.name);
    KH_ASSERT_FAILS(use_any(&key, &err), KH_NOT_FOUND, err, key.name);
    KH_ASSERT_FAILS(kh_backend_key_change(b, key.name, KH_KEY_RESTORE, &err),
        KH_NOT_FOUND, err, key.name);
    KH_ASSERT_FAILS(kh_backend_key_change(b, key.name, KH_KEY_PURGE, &err), KH_NOT_FOUND,
        err, key.name);
    kh_contract_put(key.name, 0, "a deposit", KH_PUT_NEW);
    CU_ASSERT_EQUAL(kh_contract_get_status(key.name, 0, false), KH_OK);
    KH_ASSERT_OK(use_any(&other, &err), err);
}

static void what_there_is_not_is_not_found(void)
{
    struct kh_backend *b = kh_contract_backend();
    const char *name = kh_contract_name("nosuchkey");
    struct kh_key_use use = kh_proof_signing(KH_SCHEME_ECDSA, KH_HASH_SHA256);
    KH_CLEANUP_BUF struct kh_buf out = {0};
    struct kh_error err = {0};
    struct kh_named_key none;

    KH_ASSERT_FAILS(kh_backend_key_stat(b, name, &none, &err), KH_NOT_FOUND, err, name);
    CU_ASSERT_TRUE(kh_contract_is_zero(&none, sizeof none));
    KH_ASSERT_FAILS(
        kh_backend_key_use(b, name, &use, &out, &err), KH_NOT_FOUND, err, name);
    CU_ASSERT_TRUE(kh_contract_is_zero(&out, sizeof out));
    KH_ASSERT_FAILS(
        kh_backend_key_change(b, name, KH_KEY_REMOVE, &err), KH_NOT_FOUND, err, name);
}

/* Keys of this run, in pages of two: as many as MADE, in order. */
static unsigned walk(const char *first, const char *last)
{
    struct kh_named_key page[2];
    char after[KH_NAME_MAX + 1] = "";
    struct kh_error err = {0};
    unsigned seen = 0;
    size_t count = 0;

    do {
        KH_ASSERT_OK_FATAL(kh_backend_key_list(kh_contract_backend(),
                               after[0] ? after : NULL, page, 2, &count, &err),
            err);
        for (size_t i = 0; i < count; i++) {
            CU_ASSERT_TRUE(strcmp(after, page[i].name) < 0);
            memcpy(after, page[i].name, sizeof after);
            seen += strcmp(after, first) >= 0 && strcmp(after, last) <= 0;
        }
    } while (count > 0);
    return seen;
}

static void listing_goes_in_order_and_shows_removed_keys(void)
{
    struct kh_named_key keys[5];
    struct kh_error err = {0};

    for (unsigned i = 0; i < 5; i++)
        make_any("listed", &keys[i]);
    KH_ASSERT_OK(
        kh_backend_key_change(kh_contract_backend(), keys[2].name, KH_KEY_REMOVE, &err),
        err);
    CU_ASSERT_EQUAL(walk(keys[0].name, keys[4].name), 5);
    KH_ASSERT_OK(
        kh_backend_key_change(kh_contract_backend(), keys[3].name, KH_KEY_PURGE, &err),
        err);
    CU_ASSERT_EQUAL(walk(keys[0].name, keys[4].name), 4);
}

struct kh_contract_group kh_contract_keys(void)
{
    static const struct kh_test tests[] = {
        {"a_new_key_is_active_and_told_of_as_it_was_made",
            a_new_key_is_active_and_told_of_as_it_was_made},
        {"keys_are_there_and_usable_after_a_reopen",
            keys_are_there_and_usable_after_a_reopen},
        {"nothing_is_made_twice_under_one_name", nothing_is_made_twice_under_one_name},
        {"a_name_is_a_keys_or_a_deposits", a_name_is_a_keys_or_a_deposits},
        {"a_removed_key_is_not_used_and_comes_back",
            a_removed_key_is_not_used_and_comes_back},
        {"a_purged_key_is_gone_and_its_name_is_free",
            a_purged_key_is_gone_and_its_name_is_free},
        {"what_there_is_not_is_not_found", what_there_is_not_is_not_found},
        {"listing_goes_in_order_and_shows_removed_keys",
            listing_goes_in_order_and_shows_removed_keys},
    };

    return (struct kh_contract_group){KH_CAP_READ | KH_CAP_WRITE | KH_CAP_LIST, tests,
        kh_backend_has_keys(kh_contract_backend()) ? sizeof tests / sizeof tests[0] : 0};
}
