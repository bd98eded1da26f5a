/* What is known of deposits without opening them. */
#include "server/kms/facts.h"

#include "tests/lib/testlib.h"

#include <pthread.h>
#include <string.h>

enum { MANY = 1000, BYTES = 1 << 20 };

static void put_as(struct kh_kms_facts *f, const struct kh_kms_place *place,
    const char *metadata, uint64_t ticket)
{
    KH_CLEANUP_FACT struct kh_kms_fact *fact =
        kh_kms_fact_new(metadata, metadata ? strlen(metadata) : 0, place->name);

    CU_ASSERT_PTR_NOT_NULL_FATAL(fact);
    kh_kms_facts_put(f, place, fact, ticket);
}

static void put(
    struct kh_kms_facts *f, const char *name, uint32_t version, const char *metadata)
{
    put_as(
        f, &(struct kh_kms_place){name, version, 1000}, metadata, kh_kms_facts_ticket(f));
}

/* "-": not known; "": no Hadoop key. */
static const char *known(
    struct kh_kms_facts *f, const char *name, uint32_t version, int64_t created)
{
    static char text[64];
    KH_CLEANUP_FACT struct kh_kms_fact *fact =
        kh_kms_facts_get(f, &(struct kh_kms_place){name, version, created});

    if (fact)
        CU_ASSERT_STRING_EQUAL(fact->acl, name);
    snprintf(text, sizeof text, "%s", !fact ? "-" : fact->metadata ? fact->metadata : "");
    return text;
}

static void a_fact_is_of_one_version(void)
{
    struct kh_kms_facts *f = kh_kms_facts_new(MANY, BYTES);

    CU_ASSERT_STRING_EQUAL(known(f, "k", 0, 1000), "-");
    put(f, "k", 0, "{0}");
    put(f, "p", 3, NULL);
    CU_ASSERT_STRING_EQUAL(known(f, "k", 0, 1000), "{0}");
    CU_ASSERT_STRING_EQUAL(known(f, "p", 3, 1000), "");
    CU_ASSERT_STRING_EQUAL(known(f, "k", 1, 1000), "-");
    CU_ASSERT_STRING_EQUAL(known(f, "k", 0, 1001), "-");
    CU_ASSERT_STRING_EQUAL(known(f, "K", 0, 1000), "-");
    put(f, "k", 1, "{1}"); /* in place of the one before */
    CU_ASSERT_STRING_EQUAL(known(f, "k", 1, 1000), "{1}");
    CU_ASSERT_STRING_EQUAL(known(f, "k", 0, 1000), "-");
    CU_ASSERT_EQUAL(kh_kms_facts_count(f), 2);
    kh_kms_facts_free(f);
}

static void what_was_dropped_does_not_come_in_after_it(void)
{
    struct kh_kms_facts *f = kh_kms_facts_new(MANY, BYTES);
    uint64_t ticket = kh_kms_facts_ticket(f);

    put(f, "k", 0, "{0}");
    put(f, "j", 0, "{j}");
    kh_kms_facts_drop(f, "k");
    kh_kms_facts_drop(f, "none");
    CU_ASSERT_STRING_EQUAL(known(f, "k", 0, 1000), "-");
    CU_ASSERT_STRING_EQUAL(known(f, "j", 0, 1000), "{j}");
    put_as(f, &(struct kh_kms_place){"k", 0, 1000}, "{old}", ticket);
    CU_ASSERT_STRING_EQUAL(known(f, "k", 0, 1000), "-");
    put_as(f, &(struct kh_kms_place){"k", 0, 1000}, "{new}", ticket + 2);
    CU_ASSERT_STRING_EQUAL(known(f, "k", 0, 1000), "{new}");
    kh_kms_facts_free(f);
}

static void dropping_all_leaves_what_is_asked_for(void)
{
    struct kh_kms_facts *f = kh_kms_facts_new(MANY, BYTES);

    put(f, "a", 0, "{a}");
    put(f, "b", 0, "{b}");
    put_as(f, &(struct kh_kms_place){"c", 0, 0}, "{c}", kh_kms_facts_ticket(f));
    kh_kms_facts_drop(f, NULL); /* all are new: but of c nobody knows when it was made */
    CU_ASSERT_EQUAL(kh_kms_facts_count(f), 2);
    CU_ASSERT_STRING_EQUAL(known(f, "a", 0, 1000), "{a}");
    kh_kms_facts_drop(f, NULL);
    CU_ASSERT_STRING_EQUAL(known(f, "a", 0, 1000), "{a}");
    CU_ASSERT_STRING_EQUAL(known(f, "b", 0, 1000), "-");
    CU_ASSERT_EQUAL(kh_kms_facts_count(f), 1);
    kh_kms_facts_free(f);
}

static void there_are_bounds(void)
{
    struct kh_kms_facts *f = kh_kms_facts_new(3, BYTES);
    struct kh_kms_facts *small = kh_kms_facts_new(MANY, 300);
    char name[16];
    char wide[200];

    for (int i = 0; i < 5; i++) {
        snprintf(name, sizeof name, "n%d", i);
        put(f, name, 0, NULL);
    }
    CU_ASSERT_EQUAL(kh_kms_facts_count(f), 3);
    CU_ASSERT_STRING_EQUAL(known(f, "n0", 0, 1000), "");
    CU_ASSERT_STRING_EQUAL(known(f, "n3", 0, 1000), "-");
    put(f, "n1", 1, NULL); /* takes its own place */
    CU_ASSERT_STRING_EQUAL(known(f, "n1", 1, 1000), "");
    kh_kms_facts_drop(f, "n0");
    put(f, "n3", 0, NULL);
    CU_ASSERT_STRING_EQUAL(known(f, "n3", 0, 1000), "");
    kh_kms_facts_free(f);

    memset(wide, 'x', sizeof wide);
    wide[sizeof wide - 1] = '\0';
    put(small, "a", 0, wide);
    CU_ASSERT_EQUAL(kh_kms_facts_count(small), 1);
    put(small, "b", 0, wide);
    CU_ASSERT_EQUAL(kh_kms_facts_count(small), 1);
    put(small, "a", 1, "{}");
    put(small, "b", 0, NULL);
    CU_ASSERT_EQUAL(kh_kms_facts_count(small), 2);
    kh_kms_facts_free(small);
    kh_kms_facts_free(NULL);
}

/* One that somebody has does not change, and stays. */
static void a_fact_outlives_its_place(void)
{
    struct kh_kms_facts *f = kh_kms_facts_new(MANY, BYTES);
    struct kh_kms_fact *fact;

    put(f, "k", 0, "{0}");
    fact = kh_kms_facts_get(f, &(struct kh_kms_place){"k", 0, 1000});
    kh_kms_facts_free(f);
    CU_ASSERT_STRING_EQUAL(fact->metadata, "{0}");
    kh_kms_fact_release(fact);
    kh_kms_fact_release(NULL);
}

static void *work(void *arg)
{
    char name[16];

    for (uint32_t i = 0; i < MANY; i++) {
        const struct kh_kms_place place = {name, i % 3, 1000};

        snprintf(name, sizeof name, "n%u", i % 37);
        if (i % 11 == 0)
            kh_kms_facts_drop(arg, i % 2 ? name : NULL);
        put(arg, name, i % 3, "{}");
        kh_kms_fact_release(kh_kms_facts_get(arg, &place));
    }
    return NULL;
}

static void many_threads_use_them(void)
{
    struct kh_kms_facts *f = kh_kms_facts_new(20, BYTES);
    pthread_t threads[4];

    for (int i = 0; i < 4; i++)
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, work, f), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    CU_ASSERT_TRUE(kh_kms_facts_count(f) <= 20);
    kh_kms_facts_free(f);
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"a fact is of one version", a_fact_is_of_one_version},
        {"what was dropped does not come in after it",
            what_was_dropped_does_not_come_in_after_it},
        {"dropping all leaves what is asked for", dropping_all_leaves_what_is_asked_for},
        {"there are bounds", there_are_bounds},
        {"a fact outlives its place", a_fact_outlives_its_place},
        {"many threads use them", many_threads_use_them},
    };

    return kh_test_main("kms facts", tests, sizeof tests / sizeof tests[0]);
}
