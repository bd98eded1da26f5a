/* The digests that a migration's store keeps for its seal. */
#include "plugins/softfile/known.h"

#include "core/host.h"
#include "tests/lib/testlib.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* More versions than there is room for (65,536). */
enum { MANY = 100000, THREADS = 4, EACH = 5000 };

struct rig {
    struct kh_host_origin origin;
    struct kh_host host;
    struct kh_soft_keys keys;
    struct kh_soft_known *known;
};

/* There is no configuration: libcrypto as it is. */
static const char *unset(const struct kh_host *host, const char *name)
{
    (void)host, (void)name;
    return NULL;
}

static void set_up(struct rig *rig)
{
    struct kh_error err = {0};

    memset(rig, 0, sizeof *rig);
    kh_host_init(&rig->host, "softfile", KH_OPEN_MIGRATE, &rig->origin);
    rig->host.option_string = unset;
    KH_ASSERT_OK_FATAL(kh_soft_keys_init(&rig->keys, &rig->host, &err), err);
    KH_ASSERT_OK_FATAL(kh_soft_keys_generate(&rig->keys, "ec", &err), err);
    KH_ASSERT_OK_FATAL(kh_soft_known_new(&rig->known, &rig->keys, &err), err);
}

static void tear_down(struct rig *rig)
{
    kh_soft_known_free(rig->known);
    kh_soft_keys_free(&rig->keys);
}

static struct kh_buf buf_of(const char *text)
{
    return (struct kh_buf){.data = (unsigned char *)(uintptr_t)text, .len = strlen(text)};
}

static struct kh_soft_bytes bytes_of(const char *text)
{
    return (struct kh_soft_bytes){
        .data = (unsigned char *)(uintptr_t)text, .len = strlen(text)};
}

static void note(struct rig *rig, const char *name, uint32_t version, const char *stored,
    const char *record)
{
    const struct kh_soft_bytes bytes = bytes_of(stored);
    const struct kh_soft_found found = {name, version, &bytes};
    const struct kh_buf buf = buf_of(record);

    kh_soft_known_note(rig->known, &found, &buf);
}

static bool find(struct rig *rig, const char *name, uint32_t version, const char *stored,
    unsigned char hmac[KH_SOFT_DIGEST_SIZE])
{
    const struct kh_soft_bytes bytes = bytes_of(stored);
    const struct kh_soft_found found = {name, version, &bytes};

    return kh_soft_known_find(rig->known, &found, hmac);
}

static bool is_digest_of(
    struct rig *rig, const unsigned char hmac[KH_SOFT_DIGEST_SIZE], const char *record)
{
    const struct kh_buf buf = buf_of(record);
    unsigned char own[KH_SOFT_DIGEST_SIZE] = {0};

    return kh_soft_known_digest(rig->known, &buf, own) &&
           memcmp(hmac, own, sizeof own) == 0;
}

static void a_digest_is_the_hmac_that_the_manual_names(void)
{
    struct rig rig;
    struct kh_error err = {0};
    struct kh_buf key = {0};
    const struct kh_buf record = buf_of("a record");
    unsigned char own[KH_SOFT_DIGEST_SIZE] = {0};
    unsigned char want[KH_SOFT_DIGEST_SIZE] = {0};
    size_t len = 0;

    set_up(&rig);
    KH_ASSERT_OK_FATAL(kh_soft_keys_seal_key(&rig.keys, &key, &err), err);
    CU_ASSERT_PTR_NOT_NULL(EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, key.data,
        key.len, record.data, record.len, want, sizeof want, &len));
    CU_ASSERT_EQUAL(len, sizeof want);
    /* Twice: one digest leaves nothing behind for the next. */
    for (int i = 0; i < 2; i++) {
        CU_ASSERT_TRUE(kh_soft_known_digest(rig.known, &record, own));
        CU_ASSERT_EQUAL(memcmp(own, want, sizeof want), 0);
    }
    rig.host.buf_free(&rig.host, &key);
    tear_down(&rig);
}

static void only_the_same_version_with_the_same_bytes_is_known(void)
{
    struct rig rig;
    unsigned char hmac[KH_SOFT_DIGEST_SIZE] = {0};

    set_up(&rig);
    CU_ASSERT_FALSE(find(&rig, "a", 1, "stored", hmac));
    note(&rig, "a", 1, "stored", "record");
    CU_ASSERT_TRUE(find(&rig, "a", 1, "stored", hmac));
    CU_ASSERT_TRUE(is_digest_of(&rig, hmac, "record"));
    CU_ASSERT_FALSE(find(&rig, "b", 1, "stored", hmac));
    CU_ASSERT_FALSE(find(&rig, "a", 2, "stored", hmac));
    CU_ASSERT_FALSE(find(&rig, "a", 1, "storeD", hmac));
    CU_ASSERT_FALSE(find(&rig, "a", 1, "store", hmac));
    CU_ASSERT_FALSE(find(&rig, "a", 1, "", hmac));
    /* The border between the name and the bytes is part of what is compared. */
    note(&rig, "ab", 1, "c", "record");
    CU_ASSERT_FALSE(find(&rig, "a", 1, "bc", hmac));
    /* A version that was stored anew is another; the first is still known. */
    note(&rig, "a", 1, "stored anew", "another record");
    CU_ASSERT_TRUE(find(&rig, "a", 1, "stored anew", hmac));
    CU_ASSERT_TRUE(is_digest_of(&rig, hmac, "another record"));
    CU_ASSERT_TRUE(find(&rig, "a", 1, "stored", hmac));
    CU_ASSERT_TRUE(is_digest_of(&rig, hmac, "record"));
    tear_down(&rig);
}

static void stores_of_other_keys_have_other_digests(void)
{
    struct rig rig;
    struct rig other;
    unsigned char hmac[KH_SOFT_DIGEST_SIZE] = {0};

    set_up(&rig);
    set_up(&other);
    note(&rig, "a", 1, "stored", "record");
    CU_ASSERT_TRUE(find(&rig, "a", 1, "stored", hmac));
    CU_ASSERT_FALSE(is_digest_of(&other, hmac, "record"));
    tear_down(&other);
    tear_down(&rig);
}

/* What is forgotten is opened again by the seal; what is found must be right. */
static void a_full_table_forgets_and_never_confuses(void)
{
    struct rig rig;
    unsigned found = 0;
    unsigned wrong = 0;

    set_up(&rig);
    for (unsigned i = 0; i < MANY; i++) {
        char text[16];

        snprintf(text, sizeof text, "n%u", i);
        note(&rig, text, i, text, text);
    }
    for (unsigned i = 0; i < MANY; i++) {
        unsigned char hmac[KH_SOFT_DIGEST_SIZE] = {0};
        char text[16];

        snprintf(text, sizeof text, "n%u", i);
        if (!find(&rig, text, i, text, hmac))
            continue;
        found++;
        wrong += !is_digest_of(&rig, hmac, text);
    }
    CU_ASSERT_EQUAL(wrong, 0);
    CU_ASSERT_TRUE(found > 60000 && found <= 65536);
    tear_down(&rig);
}

static void *note_and_find(void *arg)
{
    struct rig *rig = arg;
    uintptr_t bad = 0;

    for (unsigned i = 0; i < EACH; i++) {
        unsigned char hmac[KH_SOFT_DIGEST_SIZE] = {0};
        char text[16];

        snprintf(text, sizeof text, "n%u", i);
        note(rig, text, 0, text, text);
        if (!find(rig, text, 0, text, hmac) || !is_digest_of(rig, hmac, text))
            bad++;
    }
    return (void *)bad;
}

static void threads_share_it(void)
{
    pthread_t threads[THREADS];
    struct rig rig;

    set_up(&rig);
    for (int i = 0; i < THREADS; i++)
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, note_and_find, &rig), 0);
    for (int i = 0; i < THREADS; i++) {
        void *bad = NULL;

        CU_ASSERT_EQUAL(pthread_join(threads[i], &bad), 0);
        CU_ASSERT_PTR_NULL(bad);
    }
    tear_down(&rig);
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"a_digest_is_the_hmac_that_the_manual_names",
            a_digest_is_the_hmac_that_the_manual_names},
        {"only_the_same_version_with_the_same_bytes_is_known",
            only_the_same_version_with_the_same_bytes_is_known},
        {"stores_of_other_keys_have_other_digests",
            stores_of_other_keys_have_other_digests},
        {"a_full_table_forgets_and_never_confuses",
            a_full_table_forgets_and_never_confuses},
        {"threads_share_it", threads_share_it},
    };

    return kh_test_main("softfile known", tests, sizeof tests / sizeof tests[0]);
}
