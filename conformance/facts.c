/* What a backend says of itself, and what outlives a restart. */
#include "conformance/contract.h"

#include <unistd.h>

static struct kh_info facts(void)
{
    struct kh_error err = {0};
    struct kh_info info;

    KH_ASSERT_OK(kh_backend_info(kh_contract_backend(), &info, &err), err);
    return info;
}

static void an_open_backend_is_usable(void)
{
    struct kh_error err = {0};

    KH_ASSERT_OK(kh_backend_probe(kh_contract_backend(), &err), err);
}

static void the_facts_name_the_place_and_its_limit(void)
{
    struct kh_info info = facts();

    CU_ASSERT_TRUE(strlen(info.place) > 0);
    CU_ASSERT_TRUE(strlen(info.identity) > 0);
    CU_ASSERT_TRUE(info.data_max >= 1 && info.data_max <= KH_DATA_LIMIT);
    CU_ASSERT_FALSE(info.sealed);
}

static void the_identity_is_the_same_after_a_restart(void)
{
    struct kh_info before = facts();
    struct kh_info after;

    kh_contract_close();
    after = facts();
    CU_ASSERT_STRING_EQUAL(before.identity, after.identity);
}

static void the_number_of_versions_counts_deleted_ones_and_not_purged_ones(void)
{
    const char *name = kh_contract_name("count");
    struct kh_backend *b = kh_contract_backend();
    struct kh_error err = {0};
    uint64_t before = facts().versions;

    kh_contract_put(name, 0, "x", KH_PUT_NEW);
    kh_contract_put(name, 1, "x", KH_PUT_VERSION);
    CU_ASSERT_EQUAL(facts().versions, before + 2);
    KH_ASSERT_OK(kh_backend_remove(b, name, 0, &err), err);
    CU_ASSERT_EQUAL(facts().versions, before + 2);
    KH_ASSERT_OK(kh_backend_purge(b, name, KH_ALL_VERSIONS, &err), err);
    CU_ASSERT_EQUAL(facts().versions, before);
}

/* A backend may leave it out. */
static void random_bytes_are_other_ones_each_time(void)
{
    struct kh_backend *b = kh_contract_backend();
    unsigned char seen[8][32];
    struct kh_error err = {0};

    if (!kh_backend_has_random(b)) {
        struct kh_buf none = {.data = seen[0], .len = sizeof seen[0]};

        KH_ASSERT_FAILS(kh_backend_random(b, &none, &err), KH_REFUSED, err, "generator");
        return;
    }
    for (size_t i = 0; i < 8; i++) {
        struct kh_buf out = {.data = seen[i], .len = sizeof seen[i]};

        memset(seen[i], 0, sizeof seen[i]);
        KH_ASSERT_OK(kh_backend_random(b, &out, &err), err);
        for (size_t j = 0; j < i; j++)
            CU_ASSERT_NOT_EQUAL(memcmp(seen[i], seen[j], sizeof seen[i]), 0);
    }
    KH_ASSERT_FAILS(kh_backend_random(b, &(struct kh_buf){.data = seen[0]}, &err),
        KH_INVALID, err, "random bytes");
}

/* A backend may leave it out. */
static void what_is_stored_is_counted_by_state(void)
{
    const char *name = kh_contract_name("usage");
    struct kh_backend *b = kh_contract_backend();
    struct kh_usage before;
    struct kh_usage now;
    struct kh_error err = {0};

    if (!kh_backend_plugin(b)->usage) {
        KH_ASSERT_FAILS(kh_backend_usage(b, &now, &err), KH_REFUSED, err, "count");
        return;
    }
    KH_ASSERT_OK(kh_backend_usage(b, &before, &err), err);
    kh_contract_put(name, 0, "x", KH_PUT_NEW);
    kh_contract_put(name, 1, "x", KH_PUT_VERSION);
    KH_ASSERT_OK(kh_backend_remove(b, name, 0, &err), err);
    KH_ASSERT_OK(kh_backend_usage(b, &now, &err), err);
    CU_ASSERT_EQUAL(now.deposits, before.deposits + 1);
    CU_ASSERT_EQUAL(now.deleted_deposits, before.deleted_deposits);
    CU_ASSERT_EQUAL(now.versions, before.versions + 1);
    CU_ASSERT_EQUAL(now.deleted_versions, before.deleted_versions + 1);
    CU_ASSERT_TRUE(now.memory_free <= now.memory);
    KH_ASSERT_OK(kh_backend_remove(b, name, KH_ALL_VERSIONS, &err), err);
    KH_ASSERT_OK(kh_backend_usage(b, &now, &err), err);
    CU_ASSERT_EQUAL(now.deposits, before.deposits);
    CU_ASSERT_EQUAL(now.deleted_deposits, before.deleted_deposits + 1);
    KH_ASSERT_OK(kh_backend_purge(b, name, KH_ALL_VERSIONS, &err), err);
    KH_ASSERT_OK(kh_backend_usage(b, &now, &err), err);
    CU_ASSERT_EQUAL(memcmp(&now.deposits, &before.deposits, 4 * sizeof now.deposits), 0);
}

static void what_was_stored_is_there_after_a_restart(void)
{
    const char *name = kh_contract_name("restart");
    KH_CLEANUP_DEPOSIT struct kh_deposit active;
    KH_CLEANUP_DEPOSIT struct kh_deposit deleted;
    struct kh_error err = {0};

    kh_contract_make(&active, name, 0, "active", 6);
    kh_contract_make(&deleted, name, 1, "deleted", 7);
    KH_ASSERT_OK(kh_attrs_set(&active.attrs, "kept", "yes", &err), err);
    KH_ASSERT_OK(kh_backend_put(kh_contract_backend(), &active, KH_PUT_NEW, &err), err);
    KH_ASSERT_OK(
        kh_backend_put(kh_contract_backend(), &deleted, KH_PUT_VERSION, &err), err);
    KH_ASSERT_OK(kh_backend_remove(kh_contract_backend(), name, 1, &err), err);
    deleted.state = KH_DELETED;
    kh_contract_close();
    CU_ASSERT_TRUE(kh_contract_holds(&active));
    CU_ASSERT_TRUE(kh_contract_holds(&deleted));
}

static void what_was_purged_is_gone_after_a_restart(void)
{
    const char *name = kh_contract_name("gone");
    struct kh_error err = {0};

    kh_contract_put(name, 0, "x", KH_PUT_NEW);
    KH_ASSERT_OK(kh_backend_purge(kh_contract_backend(), name, 0, &err), err);
    kh_contract_close();
    CU_ASSERT_EQUAL(kh_contract_get_status(name, KH_LATEST, true), KH_NOT_FOUND);
}

static void a_second_daemon_is_refused_with_the_pid_of_the_first(void)
{
    struct kh_backend *second = NULL;
    struct kh_error err = {0};
    char pid[24];

    (void)kh_contract_backend();
    if (kh_contract.shared) { /* then it works, and both see the same */
        KH_ASSERT_OK(kh_contract_open(&second, KH_OPEN_SERVE, &err), err);
        kh_backend_close(second);
        return;
    }
    snprintf(pid, sizeof pid, "%ld", (long)getpid());
    KH_ASSERT_FAILS(kh_contract_open(&second, KH_OPEN_SERVE, &err), KH_BUSY, err, pid);
    CU_ASSERT_PTR_NULL(second);
    kh_contract_put(kh_contract_name("undisturbed"), 0, "x", KH_PUT_NEW);
}

static void room_for_one_more_version_is_there(void)
{
    struct kh_error err = {0};

    KH_ASSERT_OK(kh_backend_reserve(kh_contract_backend(), 1, &err), err);
}

/* ---- fingerprints ---- */

static bool fingerprint(
    const char *name, uint32_t version, unsigned char out[KH_FINGERPRINT_LEN])
{
    struct kh_error err = {0};

    KH_ASSERT_OK(
        kh_backend_fingerprint(kh_contract_backend(), name, version, out, &err), err);
    return !kh_contract_is_zero(out, KH_FINGERPRINT_LEN);
}

static bool takes_part_in_migrations(void)
{
    return kh_contract_has(KH_CAP_EXPORT) || kh_contract_has(KH_CAP_HARDWARE);
}

static void a_fingerprint_stays_while_the_version_stays(void)
{
    const char *name = kh_contract_name("print");
    unsigned char first[KH_FINGERPRINT_LEN];
    unsigned char again[KH_FINGERPRINT_LEN];

    kh_contract_put(name, 0, "x", KH_PUT_NEW);
    if (!takes_part_in_migrations()) {
        struct kh_error err = {0};

        KH_ASSERT_FAILS(
            kh_backend_fingerprint(kh_contract_backend(), name, 0, first, &err),
            KH_REFUSED, err, "migration");
        return;
    }
    CU_ASSERT_TRUE(fingerprint(name, 0, first));
    CU_ASSERT_EQUAL(kh_contract_get_status(name, 0, false), KH_OK);
    kh_contract_put(name, 1, "x", KH_PUT_VERSION);
    CU_ASSERT_TRUE(fingerprint(name, 0, again));
    CU_ASSERT_EQUAL(memcmp(first, again, sizeof first), 0);
    kh_contract_close();
    CU_ASSERT_TRUE(fingerprint(name, 0, again));
    CU_ASSERT_EQUAL(memcmp(first, again, sizeof first), 0);
}

static void a_fingerprint_changes_when_the_version_is_stored_anew(void)
{
    const char *name = kh_contract_name("anew");
    unsigned char first[KH_FINGERPRINT_LEN];
    unsigned char other[KH_FINGERPRINT_LEN];
    struct kh_error err = {0};

    kh_contract_put(name, 0, "x", KH_PUT_NEW);
    kh_contract_put(name, 1, "x", KH_PUT_VERSION);
    if (!takes_part_in_migrations())
        return; /* the test above has seen it refused */
    CU_ASSERT_TRUE(fingerprint(name, 0, first));
    CU_ASSERT_TRUE(fingerprint(name, 1, other));
    CU_ASSERT_NOT_EQUAL(memcmp(first, other, sizeof first), 0);
    KH_ASSERT_OK(kh_backend_purge(kh_contract_backend(), name, 0, &err), err);
    memset(other, 0xa5, sizeof other);
    KH_ASSERT_FAILS(kh_backend_fingerprint(kh_contract_backend(), name, 0, other, &err),
        KH_NOT_FOUND, err, name);
    CU_ASSERT_TRUE(kh_contract_is_zero(other, sizeof other));
    kh_contract_put(name, 0, "x", KH_PUT_VERSION);
    CU_ASSERT_TRUE(fingerprint(name, 0, other));
    CU_ASSERT_NOT_EQUAL(memcmp(first, other, sizeof first), 0);
}

struct kh_contract_group kh_contract_facts(void)
{
    static const struct kh_test tests[] = {
        {"an_open_backend_is_usable", an_open_backend_is_usable},
        {"the_facts_name_the_place_and_its_limit",
            the_facts_name_the_place_and_its_limit},
        {"the_identity_is_the_same_after_a_restart",
            the_identity_is_the_same_after_a_restart},
        {"the_number_of_versions_counts_deleted_ones_and_not_purged_ones",
            the_number_of_versions_counts_deleted_ones_and_not_purged_ones},
        {"random bytes are other ones each time", random_bytes_are_other_ones_each_time},
        {"what is stored is counted by state", what_is_stored_is_counted_by_state},
        {"what_was_stored_is_there_after_a_restart",
            what_was_stored_is_there_after_a_restart},
        {"what_was_purged_is_gone_after_a_restart",
            what_was_purged_is_gone_after_a_restart},
        {"a_second_daemon_is_refused_with_the_pid_of_the_first",
            a_second_daemon_is_refused_with_the_pid_of_the_first},
        {"room_for_one_more_version_is_there", room_for_one_more_version_is_there},
        {"a_fingerprint_stays_while_the_version_stays",
            a_fingerprint_stays_while_the_version_stays},
        {"a_fingerprint_changes_when_the_version_is_stored_anew",
            a_fingerprint_changes_when_the_version_is_stored_anew},
    };

    return (struct kh_contract_group){
        KH_CAP_READ | KH_CAP_WRITE | KH_CAP_LIST, tests, sizeof tests / sizeof tests[0]};
}

/* ---- hardware ---- */

static void hardware_gives_nothing_to_a_migration(void)
{
    CU_ASSERT_FALSE(kh_contract_has(KH_CAP_EXPORT));
}

static void the_key_of_every_version_is_attested(void)
{
    const char *name = kh_contract_name("attest");
    struct kh_backend *b = kh_contract_backend();
    struct kh_error err = {0};

    kh_contract_put(name, 0, "zero", KH_PUT_NEW);
    kh_contract_put(name, 1, "one", KH_PUT_VERSION);
    KH_ASSERT_OK(kh_backend_remove(b, name, 1, &err), err);
    KH_ASSERT_OK(kh_backend_attest(b, name, 0, &err), err);
    KH_ASSERT_OK(kh_backend_attest(b, name, 1, &err), err);
    KH_ASSERT_FAILS(kh_backend_attest(b, name, 2, &err), KH_NOT_FOUND, err, name);
}

static void a_round_of_attestation_changes_no_verdict(void)
{
    const char *name = kh_contract_name("round");
    struct kh_backend *b = kh_contract_backend();
    struct kh_error err = {0};

    kh_contract_put(name, 0, "zero", KH_PUT_NEW);
    for (int i = 0; i < 2; i++) {
        kh_backend_attest_round(b, true);
        for (int j = 0; j < 2; j++) {
            KH_ASSERT_OK(kh_backend_attest(b, name, 0, &err), err);
            KH_ASSERT_FAILS(kh_backend_attest(b, name, 1, &err), KH_NOT_FOUND, err, name);
        }
        kh_backend_attest_round(b, false);
        KH_ASSERT_OK(kh_backend_attest(b, name, 0, &err), err);
    }
}

static void the_facts_of_hardware_count_keys(void)
{
    kh_contract_put(kh_contract_name("keys"), 0, "x", KH_PUT_NEW);
    CU_ASSERT_TRUE(facts().keys > 0);
    CU_ASSERT_TRUE(strlen(facts().profile) > 0);
}

struct kh_contract_group kh_contract_hardware(void)
{
    static const struct kh_test tests[] = {
        {"hardware_gives_nothing_to_a_migration", hardware_gives_nothing_to_a_migration},
        {"the_key_of_every_version_is_attested", the_key_of_every_version_is_attested},
        {"a_round_of_attestation_changes_no_verdict",
            a_round_of_attestation_changes_no_verdict},
        {"the_facts_of_hardware_count_keys", the_facts_of_hardware_count_keys},
    };

    return (struct kh_contract_group){KH_CAP_HARDWARE | KH_CAP_READ | KH_CAP_WRITE, tests,
        sizeof tests / sizeof tests[0]};
}
