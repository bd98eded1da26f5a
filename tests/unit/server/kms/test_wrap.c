/* The token scheme of encrypted keys, on a backend with named keys in memory. */
#include "server/kms/wrap.h"

#include "core/backend_key.h"
#include "core/deposit.h"
#include "core/secmem.h"
#include "server/kms/eek.h"
#include "tests/lib/testlib.h"
#include "tests/unit/server/kms/support.h"

#include <stdlib.h>
#include <string.h>

enum { DAY = 24 * 3600 };

static struct kh_error err;
static struct kh_config *config;
static struct kh_app app;

/* A backend whose keys are AGE seconds old when they are made; an old one is closed. With
 * NEW on a store of its own. */
static void open_store(bool new_store, int age)
{
    static int number;
    char text[64];

    kh_backend_close(app.backend);
    app.backend = NULL;
    kh_config_free(config);
    number += new_store;
    KH_ASSERT_OK_FATAL(kh_config_load(&config, NULL, &err), err);
    (void)snprintf(text, sizeof text, "backend.keyvault.store=%d", number);
    KH_ASSERT_OK_FATAL(kh_config_override(config, text, &err), err);
    (void)snprintf(text, sizeof text, "backend.keyvault.key_age=%d", age);
    KH_ASSERT_OK_FATAL(kh_config_override(config, text, &err), err);
    KH_ASSERT_OK_FATAL(kh_backend_claim(config, TEST_MOCK_DIR, "keyvault", &err), err);
    {
        struct kh_backend *backend = NULL;

        KH_ASSERT_OK_FATAL(kh_backend_open(&backend, "keyvault", TEST_MOCK_DIR, config,
                               KH_OPEN_SERVE, &err),
            err);
        app.backend = backend;
    }
}

/* A KMS on it, of SCHEME. */
static void use_scheme(const char *scheme)
{
    struct kh_config *ini = NULL;
    char text[128];

    kh_kms_free(app.kms);
    (void)snprintf(text, sizeof text, "[kms]\nenabled = yes\neek_scheme = %s\n", scheme);
    KH_ASSERT_OK_FATAL(kms_test_config(&ini, text, &err), err);
    KH_ASSERT_OK_FATAL(kh_kms_new(&app.kms, ini, &err), err);
    kh_config_free(ini);
}

static void begin(const char *scheme)
{
    open_store(true, 0);
    use_scheme(scheme);
}

static void leave(void)
{
    kh_kms_free(app.kms);
    app.kms = NULL;
    kh_backend_close(app.backend);
    app.backend = NULL;
    kh_config_free(config);
    config = NULL;
}

static unsigned keys_there(void)
{
    struct kh_named_key keys[64];
    size_t count = 0;

    KH_ASSERT_OK(kh_backend_key_list(app.backend, NULL, keys, 64, &count, &err), err);
    return (unsigned)count;
}

/* A version of NAME by the scheme of app.kms, in DEPOSIT; not stored yet. */
static void equip(struct kh_deposit *deposit, const char *name, unsigned bits)
{
    struct kh_kms_wanted wanted = {.bits = bits};

    (void)snprintf(deposit->name, sizeof deposit->name, "%s", name);
    KH_ASSERT_OK_FATAL(
        kh_attrs_set(&deposit->attrs, KH_KMS_CIPHER, "AES/CTR/NoPadding", &err), err);
    KH_ASSERT_OK_FATAL(kh_kms_equip(&app, &wanted, deposit, &err), err);
}

/* The same, stored as the key's first version. */
static void create(const char *name, unsigned bits)
{
    KH_CLEANUP_DEPOSIT struct kh_deposit deposit = {0};

    equip(&deposit, name, bits);
    KH_ASSERT_OK_FATAL(kh_backend_put(app.backend, &deposit, KH_PUT_NEW, &err), err);
    KH_ASSERT_OK(kh_kms_wrap_stored(&app, &deposit, &err), err);
}

static void roll(const char *name, unsigned bits)
{
    KH_CLEANUP_DEPOSIT struct kh_deposit deposit = {0};

    equip(&deposit, name, bits);
    KH_ASSERT_OK_FATAL(kh_backend_roll(app.backend, &deposit, &err), err);
    kh_kms_changed(app.kms, name);
}

static struct kh_kms_key *load(const char *name, uint32_t version)
{
    struct kh_kms_key *key = NULL;

    KH_ASSERT_OK_FATAL(kh_kms_load(&app, name, version, &key, &err), err);
    return key;
}

/* PLAIN, of LEN bytes, encrypted under KEY. */
static struct kh_kms_eek wrapped(
    const struct kh_kms_key *key, const unsigned char *plain, size_t len)
{
    struct kh_kms_eek eek = {.len = len + KH_KMS_WRAP_MORE};

    KH_ASSERT_OK_FATAL(
        kh_kms_wrap(&app, key, (struct kh_kms_bytes){plain, len}, eek.material, &err),
        err);
    return eek;
}

static bool opens_as(const struct kh_kms_key *key, const struct kh_kms_eek *eek,
    const unsigned char *plain, size_t len)
{
    KH_CLEANUP_BUF struct kh_buf out = {0};
    struct evp_cipher_ctx_st *work = kh_kms_work_new();
    kh_status st = kh_kms_eek_open(&app, work, key, eek, &out, &err);

    kh_kms_work_free(work);
    return st == KH_OK && out.len == len && memcmp(out.data, plain, len) == 0;
}

static const unsigned char plain[32] = "thirty-two bytes of a file's key";

static void a_version_has_an_aes_key_and_no_material(void)
{
    KH_CLEANUP_DEPOSIT struct kh_deposit deposit = {0};
    struct kh_named_key key;

    begin("token");
    create("k", 256);
    KH_ASSERT_OK_FATAL(kh_kms_deposit(&app, "k", KH_LATEST, &deposit, &err), err);
    CU_ASSERT_EQUAL(deposit.data.len, 0);
    CU_ASSERT_EQUAL(kh_kms_bits(&deposit), 256);
    KH_ASSERT_OK_FATAL(
        kh_backend_key_stat(app.backend, kh_kms_wrapping_key(&deposit), &key, &err), err);
    CU_ASSERT_EQUAL(key.kind, KH_KIND_AES_256);
    CU_ASSERT_EQUAL(key.purposes, KH_KEY_WRAP);
    CU_ASSERT_TRUE(kh_kms_wrap_fits(key.name, "k"));
    leave();
}

static void what_is_wrapped_is_unwrapped_whatever_its_size(void)
{
    static const unsigned sizes[] = {128, 192, 256};

    begin("token");
    for (size_t i = 0; i < 3; i++) {
        char name[8];

        (void)snprintf(name, sizeof name, "k%u", sizes[i]);
        create(name, sizes[i]);
        {
            KH_CLEANUP_KEY struct kh_kms_key *key = load(name, 0);
            struct kh_kms_eek eek = wrapped(key, plain, sizes[i] / 8);

            CU_ASSERT_EQUAL(key->bits, sizes[i]);
            CU_ASSERT_EQUAL(key->material.len, 0);
            CU_ASSERT_EQUAL(eek.len, sizes[i] / 8 + 8);
            CU_ASSERT_TRUE(opens_as(key, &eek, plain, sizes[i] / 8));
        }
    }
    leave();
}

/* Not one bit may be changed, and no length be other than it was. */
static void an_altered_one_is_refused(void)
{
    begin("token");
    create("k", 256);
    {
        KH_CLEANUP_KEY struct kh_kms_key *key = load("k", 0);
        struct kh_kms_eek eek = wrapped(key, plain, sizeof plain);

        for (size_t bit = 0; bit < 8 * eek.len; bit++) {
            KH_CLEANUP_BUF struct kh_buf out = {0};
            struct kh_kms_eek bad = eek;

            bad.material[bit / 8] ^= (unsigned char)(1U << bit % 8);
            KH_ASSERT_FAILS(kh_kms_eek_open(&app, NULL, key, &bad, &out, &err),
                KH_INVALID, err, "altered");
            CU_ASSERT_PTR_NULL(out.data);
        }
        for (size_t len = 0; len <= 200; len++) {
            KH_CLEANUP_BUF struct kh_buf out = {0};
            struct kh_kms_eek bad = eek;

            bad.len = len;
            if (len != eek.len)
                KH_ASSERT_FAILS(kh_kms_eek_open(&app, NULL, key, &bad, &out, &err),
                    KH_INVALID, err, "altered");
        }
        CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "version 0 of 'k'"));
    }
    leave();
}

static void another_versions_or_keys_is_refused(void)
{
    begin("token");
    create("k", 256);
    create("j", 256);
    roll("k", 256);
    {
        KH_CLEANUP_KEY struct kh_kms_key *first = load("k", 0);
        KH_CLEANUP_KEY struct kh_kms_key *second = load("k", KH_LATEST);
        KH_CLEANUP_KEY struct kh_kms_key *other = load("j", 0);
        struct kh_kms_eek eek = wrapped(first, plain, sizeof plain);

        CU_ASSERT_EQUAL(second->version, 1);
        CU_ASSERT_TRUE(opens_as(first, &eek, plain, sizeof plain));
        CU_ASSERT_FALSE(opens_as(second, &eek, plain, sizeof plain));
        CU_ASSERT_FALSE(opens_as(other, &eek, plain, sizeof plain));
    }
    leave();
}

/* FROM and TO are the schemes of two versions. */
static void turn(const char *from, const char *to)
{
    struct evp_cipher_ctx_st *work = kh_kms_work_new();
    struct kh_kms_eek eek = {.len = sizeof plain};
    struct kh_kms_eek again;

    begin(from);
    create("k", 256);
    use_scheme(to);
    roll("k", 256);
    {
        KH_CLEANUP_KEY struct kh_kms_key *first = load("k", 0);
        KH_CLEANUP_KEY struct kh_kms_key *second = load("k", KH_LATEST);

        CU_ASSERT_EQUAL(first->wrap != NULL, strcmp(from, "token") == 0);
        CU_ASSERT_EQUAL(second->wrap != NULL, strcmp(to, "token") == 0);
        if (first->wrap)
            eek = wrapped(first, plain, sizeof plain);
        else
            KH_ASSERT_OK(kh_kms_cipher_apply(app.kms->cipher, work, &first->material,
                             eek.iv, plain, eek.material, sizeof plain, &err),
                err);
        KH_ASSERT_OK(kh_kms_eek_turn(&app, work,
                         (struct kh_kms_key *const[]){first, second}, &eek, &err),
            err);
        CU_ASSERT_EQUAL(eek.len, sizeof plain + (second->wrap ? 8 : 0));
        CU_ASSERT_TRUE(opens_as(second, &eek, plain, sizeof plain));
        again = eek;
        KH_ASSERT_OK(kh_kms_eek_turn(&app, work,
                         (struct kh_kms_key *const[]){second, second}, &again, &err),
            err);
        CU_ASSERT_EQUAL(memcmp(&again, &eek, sizeof eek), 0);
    }
    kh_kms_work_free(work);
    leave();
}

static void every_scheme_is_turned_into_every_other(void)
{
    turn("hadoop", "hadoop");
    turn("hadoop", "token");
    turn("token", "token");
    turn("token", "hadoop");
}

static void an_altered_one_is_not_passed_on(void)
{
    begin("token");
    create("k", 256);
    {
        KH_CLEANUP_KEY struct kh_kms_key *key = load("k", 0);
        struct kh_kms_eek eek = wrapped(key, plain, sizeof plain);

        eek.material[3] ^= 1;
        KH_ASSERT_FAILS(kh_kms_eek_turn(&app, NULL,
                            (struct kh_kms_key *const[]){key, key}, &eek, &err),
            KH_INVALID, err, "altered");
    }
    leave();
}

/* Somebody who may store deposits makes one that names another's AES key. */
static void a_borrowed_aes_key_is_not_used(void)
{
    KH_CLEANUP_DEPOSIT struct kh_deposit deposit = {0};
    struct kh_kms_key *key = NULL;

    begin("token");
    equip(&deposit, "victim", 256);
    KH_ASSERT_OK(kh_backend_put(app.backend, &deposit, KH_PUT_NEW, &err), err);
    (void)snprintf(deposit.name, sizeof deposit.name, "thief");
    KH_ASSERT_OK(kh_backend_put(app.backend, &deposit, KH_PUT_NEW, &err), err);
    KH_ASSERT_FAILS(kh_kms_load(&app, "thief", KH_LATEST, &key, &err), KH_CORRUPT, err,
        "not its own");
    KH_ASSERT_OK(kh_kms_purging(&app, "thief", KH_ALL_VERSIONS, &err), err);
    KH_ASSERT_OK(kh_kms_purging(&app, "thief", 0, &err), err);
    CU_ASSERT_EQUAL(keys_there(), 1);
    leave();
}

static void a_version_that_is_neither_is_corrupt(void)
{
    KH_CLEANUP_DEPOSIT struct kh_deposit deposit = {0};
    struct kh_kms_key *key = NULL;

    begin("token");
    equip(&deposit, "k", 256);
    KH_ASSERT_OK(kh_attrs_set(&deposit.attrs, KH_KMS_LENGTH, "257", &err), err);
    KH_ASSERT_OK(kh_backend_put(app.backend, &deposit, KH_PUT_NEW, &err), err);
    KH_ASSERT_FAILS(kh_kms_load(&app, "k", 0, &key, &err), KH_CORRUPT, err, "AES key");
    CU_ASSERT_TRUE(kh_attrs_remove(&deposit.attrs, KH_KMS_WRAPPING_KEY));
    KH_ASSERT_OK(kh_attrs_set(&deposit.attrs, KH_KMS_LENGTH, "256", &err), err);
    deposit.version = 1;
    KH_ASSERT_OK(kh_backend_put(app.backend, &deposit, KH_PUT_VERSION, &err), err);
    KH_ASSERT_FAILS(kh_kms_load(&app, "k", 1, &key, &err), KH_CORRUPT, err, "AES key");
    leave();
}

static void a_lost_aes_key_is_told_of(void)
{
    KH_CLEANUP_BUF struct kh_buf out = {0};

    begin("token");
    create("k", 256);
    {
        KH_CLEANUP_KEY struct kh_kms_key *key = load("k", 0);
        struct kh_kms_eek eek = wrapped(key, plain, sizeof plain);

        KH_ASSERT_OK(
            kh_backend_key_change(app.backend, key->wrap, KH_KEY_REMOVE, &err), err);
        KH_ASSERT_FAILS(kh_kms_eek_open(&app, NULL, key, &eek, &out, &err), KH_CORRUPT,
            err, "AES key");
        CU_ASSERT_PTR_NOT_NULL(strstr(err.message, key->wrap));
        KH_ASSERT_OK(
            kh_backend_key_change(app.backend, key->wrap, KH_KEY_RESTORE, &err), err);
        CU_ASSERT_TRUE(opens_as(key, &eek, plain, sizeof plain));
    }
    leave();
}

static void purging_destroys_all_of_a_key_and_nothing_else(void)
{
    begin("token");
    create("k", 256);
    create("k.k", 256);
    for (unsigned i = 0; i < 70; i++) /* more than a page of a listing */
        roll("k", 256);
    KH_ASSERT_OK(kh_kms_purging(&app, "k", KH_ALL_VERSIONS, &err), err);
    CU_ASSERT_EQUAL(keys_there(), 1);
    KH_ASSERT_OK(kh_kms_purging(&app, "k", KH_ALL_VERSIONS, &err), err);
    CU_ASSERT_EQUAL(keys_there(), 1);
    leave();
}

static void purging_one_version_destroys_its_own(void)
{
    begin("token");
    create("k", 256);
    roll("k", 256);
    KH_ASSERT_OK(kh_kms_purging(&app, "k", 0, &err), err);
    {
        KH_CLEANUP_KEY struct kh_kms_key *second = load("k", 1);
        struct kh_kms_eek eek = wrapped(second, plain, sizeof plain);

        CU_ASSERT_TRUE(opens_as(second, &eek, plain, sizeof plain));
    }
    CU_ASSERT_EQUAL(keys_there(), 1);
    KH_ASSERT_OK(kh_kms_purging(&app, "k", 7, &err), err);
    CU_ASSERT_EQUAL(keys_there(), 1);
    leave();
}

/* A purge by another server comes between the making of the AES key and the deposit. */
static void a_version_without_its_aes_key_does_not_stay(void)
{
    KH_CLEANUP_DEPOSIT struct kh_deposit deposit = {0};
    struct kh_stat stat;

    begin("token");
    equip(&deposit, "k", 256);
    KH_ASSERT_OK(kh_kms_purging(&app, "k", KH_ALL_VERSIONS, &err), err);
    KH_ASSERT_OK(kh_backend_put(app.backend, &deposit, KH_PUT_NEW, &err), err);
    KH_ASSERT_FAILS(kh_kms_wrap_stored(&app, &deposit, &err), KH_BUSY, err, "purged");
    KH_ASSERT_FAILS(
        kh_backend_stat(app.backend, "k", KH_LATEST, &stat, &err), KH_NOT_FOUND, err, "");
    leave();
}

static void what_a_crash_left_is_destroyed_when_it_is_old(void)
{
    KH_CLEANUP_DEPOSIT struct kh_deposit old = {0};
    KH_CLEANUP_DEPOSIT struct kh_deposit young = {0};
    KH_CLEANUP_DEPOSIT struct kh_deposit made = {0};

    begin("token");
    open_store(false, 2 * DAY);
    equip(&old, "k", 256);
    equip(&made, "k", 256);
    open_store(false, DAY / 2);
    equip(&young, "k", 256);
    CU_ASSERT_EQUAL(keys_there(), 3);
    kh_kms_wrap_sweep(&app, &made);
    CU_ASSERT_EQUAL(keys_there(), 2);
    leave();
}

static void as_many_as_are_wanted_are_made_each_another(void)
{
    struct kh_request request = {0};
    struct kh_kms_out out;

    begin("token");
    create("k", 128);
    {
        KH_CLEANUP_KEY struct kh_kms_key *key = load("k", 0);
        const struct kh_kms_many many = {&request, key, 150};
        unsigned count = 0;

        KH_ASSERT_OK_FATAL(kh_kms_out_begin(&out, 64, false, &err), err);
        KH_ASSERT_OK(kh_kms_wrap_many(&app, &many, &out, &err), err);
        kh_kms_out_raw(&out, "");
        for (size_t i = 0; i + 5 <= out.body.len; i++)
            count += memcmp(out.body.data + i, "\"EEK\"", 5) == 0;
        CU_ASSERT_EQUAL(count, 150);
        CU_ASSERT_EQUAL(out.body.data[out.body.len - 1], ']');
        kh_kms_out_drop(&out);
    }
    leave();
}

static void what_nobody_waits_for_is_not_made(void)
{
    struct kh_request request = {.abandoned = true};
    struct kh_kms_out out;

    begin("token");
    create("k", 128);
    {
        KH_CLEANUP_KEY struct kh_kms_key *key = load("k", 0);
        const struct kh_kms_many many = {&request, key, 150};

        KH_ASSERT_OK_FATAL(kh_kms_out_begin(&out, 64, false, &err), err);
        KH_ASSERT_FAILS(
            kh_kms_wrap_many(&app, &many, &out, &err), KH_BUSY, err, "deadline");
        CU_ASSERT_TRUE(out.body.len < 8);
        kh_kms_out_drop(&out);
    }
    leave();
}

static void rolling_back_to_hadoops_scheme_has_material(void)
{
    begin("token");
    create("k", 192);
    use_scheme("hadoop");
    {
        KH_CLEANUP_DEPOSIT struct kh_deposit deposit = {0};
        struct kh_kms_wanted wanted = {.bits = 192};

        KH_ASSERT_OK(kh_kms_deposit(&app, "k", KH_LATEST, &deposit, &err), err);
        KH_ASSERT_OK(kh_kms_equip(&app, &wanted, &deposit, &err), err);
        CU_ASSERT_EQUAL(deposit.data.len, 24);
        CU_ASSERT_PTR_NULL(kh_kms_wrapping_key(&deposit));
        CU_ASSERT_EQUAL(kh_kms_bits(&deposit), 192);
        KH_ASSERT_OK(kh_kms_wrap_stored(&app, &deposit, &err), err);
    }
    CU_ASSERT_EQUAL(keys_there(), 1);
    leave();
}

static void a_backend_without_named_keys_is_refused(void)
{
    const struct kh_plugin without = {.name = "without"};
    struct kh_kms *kms = NULL;

    begin("token");
    KH_ASSERT_FAILS(kh_kms_check(app.kms, &without, &err), KH_INVALID, err, "'without'");
    KH_ASSERT_OK(kh_kms_check(app.kms, kh_backend_plugin(app.backend), &err), err);
    KH_ASSERT_OK(kh_kms_check(kms, &without, &err), err);
    use_scheme("hadoop");
    KH_ASSERT_OK(kh_kms_check(app.kms, &without, &err), err);
    leave();
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"a version has an aes key and no material",
            a_version_has_an_aes_key_and_no_material},
        {"what is wrapped is unwrapped whatever its size",
            what_is_wrapped_is_unwrapped_whatever_its_size},
        {"an altered one is refused", an_altered_one_is_refused},
        {"another versions or keys is refused", another_versions_or_keys_is_refused},
        {"every scheme is turned into every other",
            every_scheme_is_turned_into_every_other},
        {"an altered one is not passed on", an_altered_one_is_not_passed_on},
        {"a borrowed aes key is not used", a_borrowed_aes_key_is_not_used},
        {"a version that is neither is corrupt", a_version_that_is_neither_is_corrupt},
        {"a lost aes key is told of", a_lost_aes_key_is_told_of},
        {"purging destroys all of a key and nothing else",
            purging_destroys_all_of_a_key_and_nothing_else},
        {"purging one version destroys its own", purging_one_version_destroys_its_own},
        {"a version without its aes key does not stay",
            a_version_without_its_aes_key_does_not_stay},
        {"what a crash left is destroyed when it is old",
            what_a_crash_left_is_destroyed_when_it_is_old},
        {"as many as are wanted are made each another",
            as_many_as_are_wanted_are_made_each_another},
        {"what nobody waits for is not made", what_nobody_waits_for_is_not_made},
        {"rolling back to hadoops scheme has material",
            rolling_back_to_hadoops_scheme_has_material},
        {"a backend without named keys is refused",
            a_backend_without_named_keys_is_refused},

    };

    return kh_test_main("kms token scheme", tests, sizeof tests / sizeof tests[0]);
}
