#include "core/backend.h"

#include "core/deposit.h"
#include "core/secmem.h"
#include "tests/lib/testlib.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static struct kh_error err;

struct opened {
    struct kh_config *config;
    struct kh_backend *backend;
};

/* Opens NAME of the mocks with SETTINGS (each "key=value", NULL at the end) in MODE. */
static kh_status try_open(
    struct opened *o, const char *name, kh_open_mode mode, const char *const *settings)
{
    char assignment[256];
    kh_status st;

    *o = (struct opened){0};
    KH_ASSERT_OK_FATAL(kh_config_load(&o->config, NULL, &err), err);
    for (; settings && *settings; settings++) {
        (void)snprintf(assignment, sizeof assignment, "backend.%s.%s", name, *settings);
        KH_ASSERT_OK_FATAL(kh_config_override(o->config, assignment, &err), err);
    }
    st = kh_backend_claim(o->config, TEST_MOCK_DIR, name, &err);
    if (st == KH_OK)
        st = kh_config_finish(o->config, &err);
    if (st == KH_OK)
        st = kh_backend_open(&o->backend, name, TEST_MOCK_DIR, o->config, mode, &err);
    return st;
}

static void close_all(struct opened *o)
{
    kh_backend_close(o->backend);
    kh_config_free(o->config);
}

/* The memory backend on a store of its own. */
static struct kh_backend *memory(struct opened *o, const char *store, kh_open_mode mode)
{
    char setting[64];
    const char *const settings[] = {setting, "max_keys=5", NULL};

    (void)snprintf(setting, sizeof setting, "store=%s", store);
    KH_ASSERT_OK_FATAL(try_open(o, "memory", mode, settings), err);
    return o->backend;
}

static struct kh_deposit deposit(const char *name, uint32_t version, const char *text)
{
    struct kh_deposit d = {.version = version, .created = 1700000000};

    (void)snprintf(d.name, sizeof d.name, "%s", name);
    KH_ASSERT_OK_FATAL(kh_buf_copy(&d.data, text, strlen(text), &err), err);
    KH_ASSERT_OK_FATAL(kh_attrs_set(&d.attrs, "kind", "test", &err), err);
    return d;
}

static void put(
    struct kh_backend *b, const char *name, uint32_t version, const char *text)
{
    KH_CLEANUP_DEPOSIT struct kh_deposit d = deposit(name, version, text);

    KH_ASSERT_OK(kh_backend_put(b, &d, version ? KH_PUT_VERSION : KH_PUT_NEW, &err), err);
}

/* D must be refused by put with WORD. */
static void put_refused(
    struct kh_backend *b, const struct kh_deposit *d, const char *word)
{
    KH_ASSERT_FAILS(kh_backend_put(b, d, KH_PUT_NEW, &err), KH_INVALID, err, word);
}

static void what_was_put_is_given_back(void)
{
    struct opened o;
    struct kh_backend *b = memory(&o, "back", KH_OPEN_TOOL);
    KH_CLEANUP_DEPOSIT struct kh_deposit in = deposit("a", 0, "sesame");
    KH_CLEANUP_DEPOSIT struct kh_deposit out = {0};

    KH_ASSERT_OK(kh_backend_put(b, &in, KH_PUT_NEW, &err), err);
    KH_ASSERT_OK(kh_backend_get(b, "a", KH_LATEST, false, &out, &err), err);
    CU_ASSERT_TRUE(kh_deposit_equal(&in, &out));
    KH_ASSERT_FAILS(
        kh_backend_put(b, &in, KH_PUT_NEW, &err), KH_EXISTS, err, "'a' exists");
    close_all(&o);
}

static void an_open_backend_tells_what_it_is(void)
{
    struct opened o;
    struct kh_backend *b = memory(&o, "facts", KH_OPEN_TOOL);
    struct kh_info info;

    CU_ASSERT_STRING_EQUAL(kh_backend_name(b), "memory");
    CU_ASSERT_STRING_EQUAL(kh_backend_plugin(b)->name, "memory");
    CU_ASSERT_TRUE(kh_backend_capabilities(b) & KH_CAP_SEAL);
    KH_ASSERT_OK(kh_backend_probe(b, &err), err);
    memset(&info, 0xff, sizeof info);
    KH_ASSERT_OK(kh_backend_info(b, &info, &err), err);
    CU_ASSERT_STRING_EQUAL(info.identity, "memory:facts");
    CU_ASSERT_EQUAL(info.versions, 0);
    CU_ASSERT_FALSE(info.sealed);
    close_all(&o);
}

static void a_name_that_breaks_the_rule_is_refused_at_put(void)
{
    static const char *const wrong[] = {
        "-a", ".a", "a b", "a/b", "../a", "gr\xc3\xbcn", "a\n"};
    struct opened o;
    struct kh_backend *b = memory(&o, "names", KH_OPEN_TOOL);

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        KH_CLEANUP_DEPOSIT struct kh_deposit d = deposit(wrong[i], 0, "x");

        put_refused(b, &d, "");
    }
    close_all(&o);
}

static void a_name_is_neither_empty_nor_too_long(void)
{
    KH_CLEANUP_DEPOSIT struct kh_deposit d = deposit("", 0, "x");
    char long_name[KH_NAME_MAX + 2];
    struct kh_deposit got;
    struct kh_stat stat;
    struct opened o;
    struct kh_backend *b = memory(&o, "length", KH_OPEN_TOOL);

    put_refused(b, &d, "empty");
    memset(d.name, 'a', sizeof d.name); /* not terminated */
    put_refused(b, &d, "at most 255");
    memset(long_name, 'a', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    KH_ASSERT_FAILS(
        kh_backend_get(b, long_name, 0, false, &got, &err), KH_INVALID, err, "255");
    KH_ASSERT_FAILS(
        kh_backend_get(b, "", 0, false, &got, &err), KH_INVALID, err, "empty");
    KH_ASSERT_FAILS(
        kh_backend_get(b, NULL, 0, false, &got, &err), KH_INVALID, err, "empty");
    KH_ASSERT_FAILS(kh_backend_stat(b, "", 0, &stat, &err), KH_INVALID, err, "empty");
    KH_ASSERT_FAILS(kh_backend_remove(b, "", 0, &err), KH_INVALID, err, "empty");
    KH_ASSERT_FAILS(kh_backend_restore(b, "", 0, &err), KH_INVALID, err, "empty");
    KH_ASSERT_FAILS(kh_backend_purge(b, "", 0, &err), KH_INVALID, err, "empty");
    long_name[KH_NAME_MAX] = '\0';
    put(b, long_name, 0, "x");
    close_all(&o);
}

static void data_has_a_limit_that_the_backend_sets(void)
{
    static const char *const settings[] = {"store=size", "data_max=4", NULL};
    KH_CLEANUP_DEPOSIT struct kh_deposit d = deposit("a", 0, "12345");
    struct opened o;

    KH_ASSERT_OK_FATAL(try_open(&o, "memory", KH_OPEN_TOOL, settings), err);
    put_refused(o.backend, &d, "5 bytes of data; at most 4 are allowed");
    d.data.len = 4;
    KH_ASSERT_OK(kh_backend_put(o.backend, &d, KH_PUT_NEW, &err), err);
    close_all(&o);
}

static void no_backend_takes_more_than_the_absolute_limit(void)
{
    static const char *const settings[] = {"store=huge", "data_max=2G", NULL};
    struct kh_deposit d = {.name = "a"};
    struct opened o;

    KH_ASSERT_OK_FATAL(try_open(&o, "memory", KH_OPEN_TOOL, settings), err);
    d.data.len = KH_DATA_LIMIT + 1;
    put_refused(o.backend, &d, "at most 1048576 are allowed");
    close_all(&o);
}

static void a_backend_without_a_limit_has_the_default_one(void)
{
    static const char *const settings[] = {"store=zero", "data_max=0", NULL};
    struct kh_deposit d = {.name = "a"};
    struct opened o;

    KH_ASSERT_OK_FATAL(try_open(&o, "memory", KH_OPEN_TOOL, settings), err);
    d.data.len = KH_DATA_DEFAULT_MAX + 1;
    put_refused(o.backend, &d, "at most 65536 are allowed");
    close_all(&o);
}

static void empty_data_is_allowed(void)
{
    struct opened o;
    struct kh_backend *b = memory(&o, "empty", KH_OPEN_TOOL);
    KH_CLEANUP_DEPOSIT struct kh_deposit out = {0};

    put(b, "a", 0, "");
    KH_ASSERT_OK(kh_backend_get(b, "a", 0, false, &out, &err), err);
    CU_ASSERT_EQUAL(out.data.len, 0);
    close_all(&o);
}

static void attributes_have_limits(void)
{
    static char big[KH_ATTR_VALUE_MAX + 2];
    struct kh_attr list[KH_ATTRS_MAX + 1];
    char names[KH_ATTRS_MAX + 1][8];
    struct kh_deposit d = {.name = "a", .attrs = {list, 1}};
    struct opened o;
    struct kh_backend *b = memory(&o, "attrs", KH_OPEN_TOOL);

    memset(big, 'x', sizeof big - 1);
    for (size_t i = 0; i <= KH_ATTRS_MAX; i++) {
        (void)snprintf(names[i], sizeof names[i], "n%02zu", i);
        list[i] = (struct kh_attr){names[i], names[i]};
    }
    d.attrs.count = KH_ATTRS_MAX + 1;
    put_refused(b, &d, "33 attributes; a deposit has at most 32");
    d.attrs.count = 2;
    list[1].name = names[0];
    put_refused(b, &d, "attribute 2: names must be unique");
    list[1] = (struct kh_attr){names[1], big};
    put_refused(b, &d, "attribute 2: a name has");
    list[1] = (struct kh_attr){big, names[1]};
    put_refused(b, &d, "attribute 2: a name has");
    list[1] = (struct kh_attr){big + sizeof big - 1, names[1]};
    put_refused(b, &d, "attribute 2: a name has");
    list[1] = (struct kh_attr){names[1], (char[]){'\xc3', '\0'}};
    put_refused(b, &d, "attribute 2 is not UTF-8");
    d.attrs.list = NULL;
    put_refused(b, &d, "list of attributes is missing");
    close_all(&o);
}

static void nonsense_is_refused_at_put(void)
{
    struct kh_deposit d = {.name = "a", .version = KH_LATEST};
    struct opened o;
    struct kh_backend *b = memory(&o, "nonsense", KH_OPEN_TOOL);

    put_refused(b, &d, "version 4294967295");
    d.version = KH_VERSION_MAX + 1;
    put_refused(b, &d, "version 2147483648");
    d.version = 0;
    d.state = (kh_state)7;
    put_refused(b, &d, "7 is no state");
    d.state = KH_ACTIVE;
    d.data.len = 1;
    put_refused(b, &d, "the data is missing");
    d.data.len = 0;
    KH_ASSERT_FAILS(
        kh_backend_put(b, &d, (kh_put_mode)9, &err), KH_INVALID, err, "9 is no way");
    close_all(&o);
}

static void a_version_is_a_number_or_the_stand_in_of_its_method(void)
{
    unsigned char digest[KH_FINGERPRINT_LEN];
    struct kh_deposit got;
    struct kh_stat stat;
    struct opened o;
    struct kh_backend *b = memory(&o, "versions", KH_OPEN_TOOL);

    put(b, "a", 0, "x");
    KH_ASSERT_FAILS(kh_backend_get(b, "a", KH_ALL_VERSIONS, false, &got, &err),
        KH_INVALID, err, "version 4294967294");
    KH_ASSERT_FAILS(kh_backend_stat(b, "a", KH_VERSION_MAX + 1, &stat, &err), KH_INVALID,
        err, "version");
    KH_ASSERT_FAILS(
        kh_backend_remove(b, "a", KH_LATEST, &err), KH_INVALID, err, "version");
    KH_ASSERT_FAILS(
        kh_backend_restore(b, "a", KH_LATEST, &err), KH_INVALID, err, "version");
    KH_ASSERT_FAILS(
        kh_backend_purge(b, "a", KH_LATEST, &err), KH_INVALID, err, "version");
    KH_ASSERT_FAILS(kh_backend_fingerprint(b, "a", KH_LATEST, digest, &err), KH_INVALID,
        err, "version");
    KH_ASSERT_OK(kh_backend_stat(b, "a", KH_LATEST, &stat, &err), err);
    KH_ASSERT_OK(kh_backend_remove(b, "a", KH_ALL_VERSIONS, &err), err);
    KH_ASSERT_OK(kh_backend_restore(b, "a", 0, &err), err);
    KH_ASSERT_OK(kh_backend_purge(b, "a", KH_ALL_VERSIONS, &err), err);
    KH_ASSERT_FAILS(
        kh_backend_stat(b, "a", KH_LATEST, &stat, &err), KH_NOT_FOUND, err, "'a'");
    close_all(&o);
}

static void deleted_versions_are_seen_only_when_asked_for(void)
{
    struct kh_deposit got;
    struct kh_stat stat;
    struct opened o;
    struct kh_backend *b = memory(&o, "deleted", KH_OPEN_TOOL);

    put(b, "a", 0, "x");
    KH_ASSERT_OK(kh_backend_remove(b, "a", 0, &err), err);
    KH_ASSERT_FAILS(
        kh_backend_get(b, "a", 0, false, &got, &err), KH_NOT_FOUND, err, "'a'");
    CU_ASSERT_PTR_NULL(got.data.data);
    KH_ASSERT_OK(kh_backend_get(b, "a", 0, true, &got, &err), err);
    CU_ASSERT_EQUAL(got.state, KH_DELETED);
    kh_deposit_free(&got);
    KH_ASSERT_OK(kh_backend_stat(b, "a", KH_LATEST, &stat, &err), err);
    CU_ASSERT_EQUAL(stat.state, KH_DELETED);
    close_all(&o);
}

static void a_listing_goes_on_where_it_stopped(void)
{
    struct kh_cursor cursor = {0};
    struct kh_item items[2];
    struct opened o;
    struct kh_backend *b = memory(&o, "list", KH_OPEN_TOOL);
    size_t count = 9;

    put(b, "b", 0, "x");
    put(b, "a", 0, "x");
    put(b, "a", 1, "x");
    KH_ASSERT_OK(kh_backend_list(b, NULL, items, 2, &count, &err), err);
    CU_ASSERT_EQUAL_FATAL(count, 2);
    CU_ASSERT_STRING_EQUAL(items[1].name, "a");
    CU_ASSERT_EQUAL(items[1].version, 1);
    cursor = (struct kh_cursor){.name = "a", .version = 1, .started = true};
    KH_ASSERT_OK(kh_backend_list(b, &cursor, items, 2, &count, &err), err);
    CU_ASSERT_EQUAL_FATAL(count, 1);
    CU_ASSERT_STRING_EQUAL(items[0].name, "b");
    KH_ASSERT_FAILS(
        kh_backend_list(b, NULL, items, 0, &count, &err), KH_INVALID, err, "no entries");
    CU_ASSERT_EQUAL(count, 0);
    close_all(&o);
}

static void roll_makes_the_next_version(void)
{
    struct opened o;
    struct kh_backend *b = memory(&o, "roll", KH_OPEN_TOOL);
    KH_CLEANUP_DEPOSIT struct kh_deposit next = deposit("a", 77, "two");
    struct kh_deposit got;

    KH_ASSERT_FAILS(kh_backend_roll(b, &next, &err), KH_NOT_FOUND, err, "'a'");
    put(b, "a", 0, "one");
    KH_ASSERT_OK(kh_backend_roll(b, &next, &err), err);
    CU_ASSERT_EQUAL(next.version, 1);
    KH_ASSERT_OK(kh_backend_get(b, "a", KH_LATEST, false, &got, &err), err);
    CU_ASSERT_TRUE(kh_deposit_equal(&next, &got));
    kh_deposit_free(&got);
    /* A deleted version keeps its number. */
    KH_ASSERT_OK(kh_backend_remove(b, "a", 1, &err), err);
    KH_ASSERT_OK(kh_backend_roll(b, &next, &err), err);
    CU_ASSERT_EQUAL(next.version, 2);
    KH_ASSERT_OK(kh_backend_remove(b, "a", KH_ALL_VERSIONS, &err), err);
    KH_ASSERT_FAILS(
        kh_backend_roll(b, &next, &err), KH_REFUSED, err, "'a' is deleted; undelete");
    close_all(&o);
}

static void roll_stops_at_the_last_number(void)
{
    struct opened o;
    struct kh_backend *b = memory(&o, "last", KH_OPEN_TOOL);
    KH_CLEANUP_DEPOSIT struct kh_deposit next = deposit("a", 0, "x");

    put(b, "a", KH_VERSION_MAX, "x");
    KH_ASSERT_FAILS(
        kh_backend_roll(b, &next, &err), KH_REFUSED, err, "last version number");
    close_all(&o);
}

struct rollers {
    struct kh_backend *backend;
    atomic_uint done;
};

static void *roll_ten(void *arg)
{
    struct rollers *r = arg;
    struct kh_error e;

    for (int i = 0; i < 10; i++) {
        struct kh_deposit d = {.name = "a"};

        if (kh_backend_roll(r->backend, &d, &e) == KH_OK)
            atomic_fetch_add(&r->done, 1);
    }
    return NULL;
}

static void rolls_at_the_same_time_get_different_numbers(void)
{
    static const char *const settings[] = {"store=race", NULL};
    struct rollers r = {0};
    struct opened o;
    struct kh_stat stat;
    pthread_t threads[4];

    KH_ASSERT_OK_FATAL(try_open(&o, "memory", KH_OPEN_TOOL, settings), err);
    r.backend = o.backend;
    put(o.backend, "a", 0, "x");
    for (size_t i = 0; i < 4; i++)
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, roll_ten, &r), 0);
    for (size_t i = 0; i < 4; i++)
        CU_ASSERT_EQUAL_FATAL(pthread_join(threads[i], NULL), 0);
    CU_ASSERT_EQUAL(atomic_load(&r.done), 40);
    KH_ASSERT_OK(kh_backend_stat(o.backend, "a", KH_LATEST, &stat, &err), err);
    CU_ASSERT_EQUAL(stat.versions, 41);
    CU_ASSERT_EQUAL(stat.highest, 40);
    close_all(&o);
}

static void seal_is_for_a_migration_and_for_ever(void)
{
    const struct kh_seal seal = {"vault 'x'", "m1", false};
    const struct kh_seal nowhere = {NULL, "m1", false};
    struct kh_deposit got;
    struct kh_info info;
    struct opened o;
    struct kh_backend *b = memory(&o, "seal", KH_OPEN_SERVE);

    put(b, "a", 0, "x");
    KH_ASSERT_FAILS(
        kh_backend_seal(b, &seal, &err), KH_REFUSED, err, "by a migration only");
    close_all(&o);
    b = memory(&o, "seal", KH_OPEN_MIGRATE);
    KH_ASSERT_FAILS(kh_backend_seal(b, &nowhere, &err), KH_INVALID, err, "destination");
    KH_ASSERT_OK(kh_backend_seal(b, &seal, &err), err);
    KH_ASSERT_OK(kh_backend_seal(b, &seal, &err), err);
    KH_ASSERT_OK(kh_backend_info(b, &info, &err), err);
    CU_ASSERT_TRUE(info.sealed);
    CU_ASSERT_STRING_EQUAL(info.sealed_for, "vault 'x'");
    KH_ASSERT_FAILS(
        kh_backend_get(b, "a", 0, false, &got, &err), KH_REFUSED, err, "sealed");
    close_all(&o);
}

static void a_capability_that_is_missing_is_said_in_words(void)
{
    const struct kh_seal seal = {"x", "m1", false};
    unsigned char digest[KH_FINGERPRINT_LEN];
    KH_CLEANUP_DEPOSIT struct kh_deposit d = deposit("a", 0, "x");
    struct opened o;

    KH_ASSERT_OK_FATAL(try_open(&o, "single", KH_OPEN_MIGRATE, NULL), err);
    KH_ASSERT_FAILS(kh_backend_put(o.backend, &d, KH_PUT_NEW, &err), KH_REFUSED, err,
        "backend 'single' cannot store deposits");
    KH_ASSERT_FAILS(
        kh_backend_remove(o.backend, "a", 0, &err), KH_REFUSED, err, "cannot delete");
    KH_ASSERT_FAILS(
        kh_backend_restore(o.backend, "a", 0, &err), KH_REFUSED, err, "cannot undelete");
    KH_ASSERT_FAILS(
        kh_backend_purge(o.backend, "a", 0, &err), KH_REFUSED, err, "cannot purge");
    KH_ASSERT_FAILS(
        kh_backend_seal(o.backend, &seal, &err), KH_REFUSED, err, "cannot be sealed");
    KH_ASSERT_FAILS(kh_backend_fingerprint(o.backend, "a", 0, digest, &err), KH_REFUSED,
        err, "cannot take part in a migration");
    KH_ASSERT_FAILS(
        kh_backend_attest(o.backend, "a", 0, &err), KH_REFUSED, err, "cannot attest");
    KH_ASSERT_OK(kh_backend_reserve(o.backend, 1000000, &err), err);
    close_all(&o);
}

static void hardware_attests_and_has_a_ceiling(void)
{
    static const char *const settings[] = {"store=hw", "max_keys=2", NULL};
    unsigned char one[KH_FINGERPRINT_LEN];
    unsigned char two[KH_FINGERPRINT_LEN];
    struct opened o;

    KH_ASSERT_OK_FATAL(try_open(&o, "vault", KH_OPEN_MIGRATE, settings), err);
    put(o.backend, "a", 0, "x");
    KH_ASSERT_OK(kh_backend_attest(o.backend, "a", 0, &err), err);
    KH_ASSERT_FAILS(kh_backend_attest(o.backend, "b", 0, &err), KH_NOT_FOUND, err, "'b'");
    KH_ASSERT_OK(kh_backend_reserve(o.backend, 1, &err), err);
    KH_ASSERT_FAILS(
        kh_backend_reserve(o.backend, 2, &err), KH_REFUSED, err, "max_keys = 2");
    KH_ASSERT_OK(kh_backend_fingerprint(o.backend, "a", 0, one, &err), err);
    put(o.backend, "a", 1, "y");
    KH_ASSERT_OK(kh_backend_fingerprint(o.backend, "a", 1, two, &err), err);
    CU_ASSERT_NOT_EQUAL(memcmp(one, two, sizeof one), 0);
    close_all(&o);
}

static void an_open_that_fails_passes_the_reason_on(void)
{
    static const char *const plain[] = {"place=/x", NULL};
    static const char *const silent[] = {"place=/x", "silent=yes", NULL};
    static const char *const works[] = {"place=/x", "works=yes", NULL};
    struct opened o;

    KH_ASSERT_FAILS(try_open(&o, "refuses", KH_OPEN_TOOL, plain), KH_UNAVAILABLE, err,
        "refuses: /x is not there");
    CU_ASSERT_EQUAL(err.status, KH_UNAVAILABLE);
    CU_ASSERT_PTR_NULL(o.backend);
    close_all(&o);
    KH_ASSERT_FAILS(try_open(&o, "refuses", KH_OPEN_TOOL, silent), KH_BUSY, err,
        "backend 'refuses' failed and gave no reason");
    close_all(&o);
    KH_ASSERT_FAILS(try_open(&o, "refuses", KH_OPEN_TOOL, works), KH_CORRUPT, err,
        "no facts to be had");
    close_all(&o);
}

static void a_plugin_that_breaks_its_promises_is_caught(void)
{
    struct kh_deposit got;
    struct kh_item items[3];
    struct kh_stat stat;
    struct opened o;
    size_t count;

    KH_ASSERT_OK_FATAL(try_open(&o, "single", KH_OPEN_TOOL, NULL), err);
    KH_ASSERT_FAILS(kh_backend_get(o.backend, "a", 0, false, &got, &err), KH_CORRUPT, err,
        "another deposit than the one asked for");
    CU_ASSERT_EQUAL(got.name[0], '\0');
    KH_ASSERT_FAILS(kh_backend_stat(o.backend, "a", 0, &stat, &err), KH_CORRUPT, err,
        "failed and gave no reason");
    KH_ASSERT_FAILS(kh_backend_list(o.backend, NULL, items, 3, &count, &err), KH_FATAL,
        err, "listed more than it was asked for");
    CU_ASSERT_EQUAL(count, 0);
    close_all(&o);
}

static unsigned long long counted(
    const struct kh_backend *b, kh_call call, kh_status status)
{
    return atomic_load(&kh_backend_counts(b, call)->by_status[status]);
}

static void calls_are_counted_by_method_and_outcome(void)
{
    KH_CLEANUP_DEPOSIT struct kh_deposit got = {0};
    const struct kh_call_counts *gets;
    unsigned long long durations = 0;
    struct opened o;
    struct kh_backend *b = memory(&o, "counted", KH_OPEN_TOOL);

    CU_ASSERT_EQUAL(counted(b, KH_CALL_OPEN, KH_OK), 1);
    put(b, "one", 0, "x");
    KH_ASSERT_OK(kh_backend_get(b, "one", KH_LATEST, false, &got, &err), err);
    kh_deposit_free(&got);
    KH_ASSERT_FAILS(kh_backend_get(b, "none", KH_LATEST, false, &got, &err), KH_NOT_FOUND,
        err, "none");
    CU_ASSERT_EQUAL(
        kh_backend_get(b, "none", KH_LATEST, false, &got, NULL), KH_NOT_FOUND);
    KH_ASSERT_OK(kh_backend_remove(b, "one", KH_ALL_VERSIONS, &err), err);
    CU_ASSERT_EQUAL(counted(b, KH_CALL_PUT, KH_OK), 1);
    CU_ASSERT_EQUAL(counted(b, KH_CALL_GET, KH_OK), 1);
    CU_ASSERT_EQUAL(counted(b, KH_CALL_GET, KH_NOT_FOUND), 2);
    CU_ASSERT_EQUAL(counted(b, KH_CALL_REMOVE, KH_OK), 1);
    CU_ASSERT_EQUAL(counted(b, KH_CALL_PURGE, KH_OK), 0);
    gets = kh_backend_counts(b, KH_CALL_GET);
    for (int i = 0; i <= KH_CALL_BOUNDS; i++)
        durations += atomic_load(&gets->by_duration[i]);
    CU_ASSERT_EQUAL(durations, 3);
    close_all(&o);
}

static void durations_fall_into_their_buckets(void)
{
    static struct kh_call_counts counts;

    kh_call_count(&counts, KH_OK, 500000); /* 0.5 ms: the bound belongs to it */
    kh_call_count(&counts, KH_OK, 500001);
    kh_call_count(&counts, KH_OK, UINT64_C(31000000000)); /* beyond the last */
    kh_call_count(&counts, (kh_status)77, 0);
    CU_ASSERT_EQUAL(counts.by_duration[0], 2);
    CU_ASSERT_EQUAL(counts.by_duration[1], 1);
    CU_ASSERT_EQUAL(counts.by_duration[KH_CALL_BOUNDS], 1);
    CU_ASSERT_EQUAL(counts.sum_us, 500 + 500 + 31000000);
    CU_ASSERT_EQUAL(counts.by_status[KH_FATAL], 1);
    for (int i = 1; i < KH_CALL_BOUNDS; i++)
        CU_ASSERT(kh_call_bounds[i] > kh_call_bounds[i - 1]);
    for (int i = 0; i < KH_CALLS; i++)
        CU_ASSERT_PTR_NOT_NULL(kh_call_name((kh_call)i));
}

static void a_caller_may_want_no_words(void)
{
    struct kh_deposit got;
    struct opened o;
    struct kh_backend *b = memory(&o, "mute", KH_OPEN_TOOL);

    CU_ASSERT_EQUAL(kh_backend_get(b, "a", 0, false, &got, NULL), KH_NOT_FOUND);
    CU_ASSERT_EQUAL(kh_backend_probe(b, NULL), KH_OK);
    CU_ASSERT_EQUAL(kh_backend_get(b, "", 0, false, &got, NULL), KH_INVALID);
    close_all(&o);
    kh_backend_close(NULL);
}

static void *probe_many(void *arg)
{
    struct kh_error e = {0};
    kh_status st = KH_OK;

    for (int i = 0; st == KH_OK && i < 200; i++)
        st = kh_backend_probe(arg, &e);
    return st == KH_OK ? NULL : arg;
}

static void calls_of_a_plugin_that_is_not_thread_safe_do_not_overlap(void)
{
    struct opened o;
    pthread_t threads[4];
    void *failed = NULL;

    KH_ASSERT_OK_FATAL(try_open(&o, "single", KH_OPEN_TOOL, NULL), err);
    for (size_t i = 0; i < 4; i++)
        CU_ASSERT_EQUAL_FATAL(
            pthread_create(&threads[i], NULL, probe_many, o.backend), 0);
    for (size_t i = 0; i < 4; i++) {
        void *result = NULL;

        CU_ASSERT_EQUAL_FATAL(pthread_join(threads[i], &result), 0);
        failed = result ? result : failed;
    }
    CU_ASSERT_PTR_NULL(failed);
    close_all(&o);
}

static void *probe_unlocked(void *arg)
{
    struct kh_error e = {0};
    const struct kh_plugin *plugin = kh_backend_plugin(arg);
    kh_status st = KH_OK;

    for (int i = 0; st == KH_OK && i < 100; i++)
        st = plugin->probe(NULL, &e);
    return st == KH_OK ? NULL : arg;
}

/* The mock does notice: without the core's lock the same calls overlap. */
static void the_mock_would_notice_an_overlap(void)
{
    struct opened o;
    pthread_t threads[4];
    bool noticed = false;

    KH_ASSERT_OK_FATAL(try_open(&o, "single", KH_OPEN_TOOL, NULL), err);
    for (int round = 0; !noticed && round < 1000; round++) {
        for (size_t i = 0; i < 4; i++)
            CU_ASSERT_EQUAL_FATAL(
                pthread_create(&threads[i], NULL, probe_unlocked, o.backend), 0);
        for (size_t i = 0; i < 4; i++) {
            void *result = NULL;

            CU_ASSERT_EQUAL_FATAL(pthread_join(threads[i], &result), 0);
            noticed = noticed || result;
        }
    }
    CU_ASSERT_TRUE(noticed);
    close_all(&o);
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"what_was_put_is_given_back", what_was_put_is_given_back},
        {"an_open_backend_tells_what_it_is", an_open_backend_tells_what_it_is},
        {"a_name_that_breaks_the_rule_is_refused_at_put",
            a_name_that_breaks_the_rule_is_refused_at_put},
        {"a_name_is_neither_empty_nor_too_long", a_name_is_neither_empty_nor_too_long},
        {"data_has_a_limit_that_the_backend_sets",
            data_has_a_limit_that_the_backend_sets},
        {"no_backend_takes_more_than_the_absolute_limit",
            no_backend_takes_more_than_the_absolute_limit},
        {"a_backend_without_a_limit_has_the_default_one",
            a_backend_without_a_limit_has_the_default_one},
        {"empty_data_is_allowed", empty_data_is_allowed},
        {"attributes_have_limits", attributes_have_limits},
        {"nonsense_is_refused_at_put", nonsense_is_refused_at_put},
        {"a_version_is_a_number_or_the_stand_in_of_its_method",
            a_version_is_a_number_or_the_stand_in_of_its_method},
        {"deleted_versions_are_seen_only_when_asked_for",
            deleted_versions_are_seen_only_when_asked_for},
        {"a_listing_goes_on_where_it_stopped", a_listing_goes_on_where_it_stopped},
        {"roll_makes_the_next_version", roll_makes_the_next_version},
        {"roll_stops_at_the_last_number", roll_stops_at_the_last_number},
        {"rolls_at_the_same_time_get_different_numbers",
            rolls_at_the_same_time_get_different_numbers},
        {"seal_is_for_a_migration_and_for_ever", seal_is_for_a_migration_and_for_ever},
        {"a_capability_that_is_missing_is_said_in_words",
            a_capability_that_is_missing_is_said_in_words},
        {"hardware_attests_and_has_a_ceiling", hardware_attests_and_has_a_ceiling},
        {"an_open_that_fails_passes_the_reason_on",
            an_open_that_fails_passes_the_reason_on},
        {"a_plugin_that_breaks_its_promises_is_caught",
            a_plugin_that_breaks_its_promises_is_caught},
        {"a_caller_may_want_no_words", a_caller_may_want_no_words},
        {"calls_are_counted_by_method_and_outcome",
            calls_are_counted_by_method_and_outcome},
        {"durations_fall_into_their_buckets", durations_fall_into_their_buckets},
        {"calls_of_a_plugin_that_is_not_thread_safe_do_not_overlap",
            calls_of_a_plugin_that_is_not_thread_safe_do_not_overlap},
        {"the_mock_would_notice_an_overlap", the_mock_would_notice_an_overlap},
    };

    return kh_test_main("core/backend", tests, sizeof tests / sizeof tests[0]);
}
