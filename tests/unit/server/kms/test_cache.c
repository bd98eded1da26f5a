/* The key cache, and the cipher beside it. */
#include "server/kms/cache.h"
#include "server/kms/cipher.h"

#include "core/secmem.h"
#include "tests/lib/testlib.h"

#include <pthread.h>
#include <string.h>

enum { TTL = 1000 };

static struct kh_kms_key *make(const char *name, uint32_t version)
{
    struct kh_buf material = {0};
    struct kh_error err = {0};
    struct kh_kms_key *key;

    KH_ASSERT_OK(kh_buf_alloc(&material, 16, &err), err);
    key = kh_kms_key_new(name, version, &material, name);
    CU_ASSERT_PTR_NOT_NULL_FATAL(key);
    return key;
}

static void put(
    struct kh_kms_cache *c, const char *name, uint32_t version, bool latest, uint64_t now)
{
    struct kh_kms_key *key = make(name, version);

    kh_kms_cache_put(c, key, latest, kh_kms_cache_ticket(c, name), now);
    kh_kms_key_release(key);
}

/* The version found, or -1. */
static int64_t found(
    struct kh_kms_cache *c, const char *name, uint32_t version, uint64_t now)
{
    KH_CLEANUP_KEY struct kh_kms_key *key = kh_kms_cache_get(c, name, version, now);

    CU_ASSERT_TRUE(!key || strcmp(key->name, name) == 0);
    return key ? (int64_t)key->version : -1;
}

static void versions_are_found_by_number_and_the_current_one_by_name(void)
{
    struct kh_kms_cache *c = kh_kms_cache_new(100, TTL);

    put(c, "k", 0, false, 0);
    CU_ASSERT_EQUAL(found(c, "k", KH_LATEST, 1), -1);
    put(c, "k", 1, true, 0);
    CU_ASSERT_EQUAL(found(c, "k", KH_LATEST, 1), 1);
    CU_ASSERT_EQUAL(found(c, "k", 0, 1), 0);
    CU_ASSERT_EQUAL(found(c, "k", 1, 1), 1);
    CU_ASSERT_EQUAL(found(c, "k", 2, 1), -1);
    CU_ASSERT_EQUAL(found(c, "j", 0, 1), -1);
    put(c, "k", 2, true, 0);
    CU_ASSERT_EQUAL(found(c, "k", KH_LATEST, 1), 2);
    CU_ASSERT_EQUAL(found(c, "k", 1, 1), 1);
    CU_ASSERT_EQUAL(kh_kms_cache_count(c), 3);
    kh_kms_cache_free(c);
}

static void the_same_again_takes_its_place(void)
{
    struct kh_kms_cache *c = kh_kms_cache_new(100, TTL);

    put(c, "k", 0, true, 0);
    put(c, "k", 0, false, 10);
    CU_ASSERT_EQUAL(kh_kms_cache_count(c), 1);
    CU_ASSERT_EQUAL(found(c, "k", KH_LATEST, 11), 0);
    CU_ASSERT_EQUAL(found(c, "k", 0, TTL + 5), 0);
    kh_kms_cache_free(c);
}

static void keys_leave_when_their_time_has_passed(void)
{
    struct kh_kms_cache *c = kh_kms_cache_new(100, TTL);

    put(c, "k", 0, true, 0);
    put(c, "j", 0, true, 500);
    CU_ASSERT_EQUAL(found(c, "k", 0, TTL - 1), 0);
    CU_ASSERT_EQUAL(found(c, "k", 0, TTL), -1);
    CU_ASSERT_EQUAL(kh_kms_cache_count(c), 1);
    kh_kms_cache_sweep(c, TTL + 500);
    CU_ASSERT_EQUAL(kh_kms_cache_count(c), 0);
    kh_kms_cache_free(c);
}

static void a_dropped_name_is_gone_and_others_stay(void)
{
    struct kh_kms_cache *c = kh_kms_cache_new(100, TTL);

    put(c, "k", 0, false, 0);
    put(c, "k", 1, true, 0);
    put(c, "j", 0, true, 0);
    kh_kms_cache_drop(c, "k");
    CU_ASSERT_EQUAL(found(c, "k", 0, 1), -1);
    CU_ASSERT_EQUAL(found(c, "k", KH_LATEST, 1), -1);
    CU_ASSERT_EQUAL(found(c, "j", 0, 1), 0);
    kh_kms_cache_drop(c, NULL);
    CU_ASSERT_EQUAL(kh_kms_cache_count(c), 0);
    kh_kms_cache_free(c);
}

static void what_was_read_before_a_drop_does_not_come_in(void)
{
    struct kh_kms_cache *c = kh_kms_cache_new(100, TTL);
    struct kh_kms_key *key = make("k", 0);
    uint64_t ticket = kh_kms_cache_ticket(c, "k");

    kh_kms_cache_drop(c, "k");
    kh_kms_cache_put(c, key, true, ticket, 0);
    CU_ASSERT_EQUAL(kh_kms_cache_count(c), 0);
    ticket = kh_kms_cache_ticket(c, "k");
    kh_kms_cache_drop(c, NULL);
    kh_kms_cache_put(c, key, true, ticket, 0);
    CU_ASSERT_EQUAL(kh_kms_cache_count(c), 0);
    kh_kms_key_release(key);
    kh_kms_cache_free(c);
}

static void it_is_bounded_and_the_oldest_goes(void)
{
    struct kh_kms_cache *c = kh_kms_cache_new(64, TTL);
    char name[16];

    for (unsigned i = 0; i < 2000; i++) {
        snprintf(name, sizeof name, "k%u", i);
        put(c, name, 0, true, i / 10);
    }
    CU_ASSERT_TRUE(kh_kms_cache_count(c) <= 64);
    CU_ASSERT_TRUE(kh_kms_cache_count(c) > 32);
    CU_ASSERT_EQUAL(found(c, "k0", 0, 200), -1);
    CU_ASSERT_EQUAL(found(c, "k1999", 0, 200), 0);
    kh_kms_cache_free(c);
}

static void who_has_a_key_keeps_it(void)
{
    struct kh_kms_cache *c = kh_kms_cache_new(100, TTL);
    struct kh_kms_key *key;

    put(c, "k", 0, true, 0);
    key = kh_kms_cache_get(c, "k", 0, 1);
    kh_kms_cache_drop(c, "k");
    kh_kms_cache_free(c);
    CU_ASSERT_PTR_NOT_NULL_FATAL(key);
    CU_ASSERT_EQUAL(key->material.len, 16);
    CU_ASSERT_EQUAL(atomic_load(&key->refs), 1);
    kh_kms_key_release(key);
}

static void *churn(void *arg)
{
    struct kh_kms_cache *c = arg;
    char name[16];

    for (unsigned i = 0; i < 20000; i++) {
        snprintf(name, sizeof name, "k%u", i % 50);
        if (i % 7 == 0)
            put(c, name, i % 3, i % 2, i / 100);
        if (i % 101 == 0)
            kh_kms_cache_drop(c, i % 5 ? name : NULL);
        (void)found(c, name, i % 2 ? KH_LATEST : i % 3, i / 100);
        if (i % 500 == 0)
            kh_kms_cache_sweep(c, i / 100);
    }
    return NULL;
}

static void many_threads_at_once(void)
{
    struct kh_kms_cache *c = kh_kms_cache_new(32, TTL);
    pthread_t threads[4];

    for (size_t i = 0; i < 4; i++)
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, churn, c), 0);
    for (size_t i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    CU_ASSERT_TRUE(kh_kms_cache_count(c) <= 32);
    kh_kms_cache_free(c);
}

/* From the transcript of a genuine Hadoop KMS. */
static const unsigned char k1_0[16] = {0xa7, 0xd5, 0x05, 0x1a, 0x5f, 0x52, 0xb1, 0x26,
    0x60, 0xf4, 0x67, 0x75, 0x8f, 0x0b, 0xe7, 0x1e};
static const unsigned char iv[16] = {0xb4, 0xfa, 0x39, 0x75, 0x44, 0xb0, 0xd1, 0xd9, 0xc5,
    0xf2, 0x57, 0x2b, 0x5e, 0x2d, 0x9d, 0x7c};
static const unsigned char encrypted[16] = {0x68, 0xd7, 0xe4, 0xb3, 0xa4, 0x69, 0x76,
    0x23, 0x0b, 0xec, 0x66, 0x6f, 0xff, 0x83, 0x65, 0x11};
static const unsigned char plain[16] = {0xdb, 0x08, 0xe3, 0x2e, 0x5e, 0x41, 0xe6, 0xc9,
    0x2c, 0x32, 0x4e, 0x12, 0x98, 0xc5, 0x61, 0x04};

static void what_hadoop_encrypted_decrypts(void)
{
    struct kh_buf key = {.data = (unsigned char *)(uintptr_t)k1_0, .len = sizeof k1_0};
    struct kh_kms_cipher *cipher;
    struct evp_cipher_ctx_st *work = kh_kms_work_new();
    struct kh_error err = {0};
    unsigned char out[16];

    KH_ASSERT_OK(kh_kms_cipher_new(&cipher, &err), err);
    KH_ASSERT_OK(
        kh_kms_cipher_apply(cipher, work, &key, iv, encrypted, out, 16, &err), err);
    CU_ASSERT_EQUAL(memcmp(out, plain, 16), 0);
    KH_ASSERT_OK(kh_kms_cipher_apply(cipher, work, &key, iv, out, out, 16, &err), err);
    CU_ASSERT_EQUAL(memcmp(out, encrypted, 16), 0);
    key.len = 15;
    CU_ASSERT_EQUAL(
        kh_kms_cipher_apply(cipher, work, &key, iv, out, out, 16, &err), KH_FATAL);
    kh_kms_work_free(work);
    kh_kms_cipher_free(cipher);
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"versions are found by number, and the current one by name",
            versions_are_found_by_number_and_the_current_one_by_name},
        {"the same again takes its place", the_same_again_takes_its_place},
        {"keys leave when their time has passed", keys_leave_when_their_time_has_passed},
        {"a dropped name is gone and others stay",
            a_dropped_name_is_gone_and_others_stay},
        {"what was read before a drop does not come in",
            what_was_read_before_a_drop_does_not_come_in},
        {"it is bounded and the oldest goes", it_is_bounded_and_the_oldest_goes},
        {"who has a key keeps it", who_has_a_key_keeps_it},
        {"many threads at once", many_threads_at_once},
        {"what Hadoop encrypted decrypts", what_hadoop_encrypted_decrypts},
    };

    return kh_test_main("kms cache", tests, sizeof tests / sizeof tests[0]);
}
