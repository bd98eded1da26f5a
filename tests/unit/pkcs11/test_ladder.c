/* The pure parts of the recovery: the table of codes, the breaker, the gate, the cache.
 */
#include "tests/lib/testlib.h"

#include "plugins/pkcs11/cache.h"
#include "plugins/pkcs11/clock.h"
#include "plugins/pkcs11/gate.h"
#include "plugins/pkcs11/options.h"
#include "plugins/pkcs11/rv.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static void every_code_of_the_ladder_has_its_rung_and_status(void)
{
    static const struct {
        CK_RV rv;
        kh_rung rung;
        kh_status status;
    } rows[] = {
        {CKR_OK, KH_RUNG_NONE, KH_OK},
        {CKR_SESSION_HANDLE_INVALID, KH_RUNG_SESSION, KH_UNAVAILABLE},
        {CKR_SESSION_CLOSED, KH_RUNG_SESSION, KH_UNAVAILABLE},
        {CKR_OPERATION_ACTIVE, KH_RUNG_SESSION, KH_UNAVAILABLE},
        {CKR_OPERATION_NOT_INITIALIZED, KH_RUNG_SESSION, KH_UNAVAILABLE},
        {CKR_USER_NOT_LOGGED_IN, KH_RUNG_LOGIN, KH_UNAVAILABLE},
        {CKR_KEY_HANDLE_INVALID, KH_RUNG_HANDLE, KH_UNAVAILABLE},
        {CKR_OBJECT_HANDLE_INVALID, KH_RUNG_HANDLE, KH_UNAVAILABLE},
        {CKR_DEVICE_ERROR, KH_RUNG_DEVICE, KH_UNAVAILABLE},
        {CKR_DEVICE_REMOVED, KH_RUNG_DEVICE, KH_UNAVAILABLE},
        {CKR_TOKEN_NOT_PRESENT, KH_RUNG_DEVICE, KH_UNAVAILABLE},
        {CKR_TOKEN_NOT_RECOGNIZED, KH_RUNG_DEVICE, KH_UNAVAILABLE},
        {CKR_CRYPTOKI_NOT_INITIALIZED, KH_RUNG_DEVICE, KH_UNAVAILABLE},
        {CKR_SLOT_ID_INVALID, KH_RUNG_DEVICE, KH_UNAVAILABLE},
        {CKR_GENERAL_ERROR, KH_RUNG_DOUBT, KH_UNAVAILABLE},
        {CKR_FUNCTION_FAILED, KH_RUNG_DOUBT, KH_UNAVAILABLE},
        {CKR_FUNCTION_CANCELED, KH_RUNG_DOUBT, KH_UNAVAILABLE},
        {CKR_SESSION_COUNT, KH_RUNG_PRESSURE, KH_UNAVAILABLE},
        {CKR_HOST_MEMORY, KH_RUNG_PRESSURE, KH_UNAVAILABLE},
        {CKR_DEVICE_MEMORY, KH_RUNG_PRESSURE, KH_UNAVAILABLE},
        {CKR_PIN_INCORRECT, KH_RUNG_PERMANENT, KH_REFUSED},
        {CKR_PIN_INVALID, KH_RUNG_PERMANENT, KH_REFUSED},
        {CKR_PIN_LEN_RANGE, KH_RUNG_PERMANENT, KH_REFUSED},
        {CKR_PIN_EXPIRED, KH_RUNG_PERMANENT, KH_REFUSED},
        {CKR_PIN_LOCKED, KH_RUNG_PERMANENT, KH_REFUSED},
        {CKR_USER_PIN_NOT_INITIALIZED, KH_RUNG_PERMANENT, KH_REFUSED},
        {CKR_TOKEN_WRITE_PROTECTED, KH_RUNG_PERMANENT, KH_REFUSED},
        {CKR_SESSION_READ_ONLY, KH_RUNG_PERMANENT, KH_REFUSED},
        {CKR_MECHANISM_INVALID, KH_RUNG_PERMANENT, KH_REFUSED},
        {CKR_MECHANISM_PARAM_INVALID, KH_RUNG_PERMANENT, KH_REFUSED},
        {CKR_ATTRIBUTE_TYPE_INVALID, KH_RUNG_PERMANENT, KH_REFUSED},
        {CKR_ATTRIBUTE_VALUE_INVALID, KH_RUNG_PERMANENT, KH_REFUSED},
        {CKR_TEMPLATE_INCOMPLETE, KH_RUNG_PERMANENT, KH_REFUSED},
        {CKR_TEMPLATE_INCONSISTENT, KH_RUNG_PERMANENT, KH_REFUSED},
        {CKR_DATA_INVALID, KH_RUNG_PERMANENT, KH_CORRUPT},
        {CKR_DATA_LEN_RANGE, KH_RUNG_PERMANENT, KH_CORRUPT},
        {CKR_ENCRYPTED_DATA_INVALID, KH_RUNG_PERMANENT, KH_CORRUPT},
        {CKR_ENCRYPTED_DATA_LEN_RANGE, KH_RUNG_PERMANENT, KH_CORRUPT},
        {CKR_CRYPTOKI_ALREADY_INITIALIZED, KH_RUNG_PERMANENT, KH_REFUSED},
        {CKR_VENDOR_DEFINED + 77, KH_RUNG_DOUBT, KH_UNAVAILABLE},
        {0x7777, KH_RUNG_DOUBT, KH_UNAVAILABLE},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CU_ASSERT_EQUAL(kh_rv_rung(rows[i].rv), rows[i].rung);
        CU_ASSERT_EQUAL(kh_rv_status(rows[i].rv), rows[i].status);
    }
}

static void an_error_names_the_call_the_code_and_the_meaning(void)
{
    struct kh_error err = {0};

    KH_ASSERT_FAILS(kh_rv_fail(&err, "C_DeriveKey", CKR_DEVICE_MEMORY), KH_UNAVAILABLE,
        err, "C_DeriveKey: CKR_DEVICE_MEMORY (0x31): the token is full");
    KH_ASSERT_FAILS(kh_rv_fail(&err, "C_Login", CKR_VENDOR_DEFINED | 0x12),
        KH_UNAVAILABLE, err, "C_Login: CKR_VENDOR_DEFINED (0x80000012)");
    KH_ASSERT_FAILS(kh_rv_fail(&err, "C_Login", 0x7777), KH_UNAVAILABLE, err,
        "unknown code (0x7777)");
}

static void the_breaker_waits_longer_after_each_failure_up_to_30_s(void)
{
    struct kh_breaker b = {0};
    uint64_t now = 1000 * KH_SECOND;
    uint64_t last = 0;

    CU_ASSERT_TRUE(kh_breaker_may_try(&b, now));
    for (unsigned i = 0; i < 20; i++) {
        uint64_t wait;

        kh_breaker_failed(&b, now, 0); /* the shortest jitter */
        wait = b.retry_at - now;
        CU_ASSERT_TRUE(wait >= KH_SECOND * 3 / 40);
        CU_ASSERT_TRUE(wait <= 30 * KH_SECOND);
        CU_ASSERT_TRUE(wait >= last);
        CU_ASSERT_FALSE(kh_breaker_may_try(&b, b.retry_at - 1));
        CU_ASSERT_TRUE(kh_breaker_may_try(&b, b.retry_at));
        last = wait;
        now = b.retry_at;
    }
    CU_ASSERT_TRUE(last > 20 * KH_SECOND);
}

static void jitter_moves_the_wait_by_a_quarter(void)
{
    for (uint64_t jitter = 0; jitter < 400; jitter++) {
        struct kh_breaker b = {0};

        kh_breaker_failed(&b, KH_SECOND, jitter * 1234567);
        CU_ASSERT_TRUE(b.retry_at - KH_SECOND >= KH_SECOND * 3 / 40);
        CU_ASSERT_TRUE(b.retry_at - KH_SECOND <= KH_SECOND / 8);
    }
}

static void mending_does_not_forget_failures_but_a_quiet_minute_does(void)
{
    struct kh_breaker b = {0};
    uint64_t now = 1000 * KH_SECOND;

    for (int i = 0; i < 5; i++)
        kh_breaker_failed(&b, now, 0);
    kh_breaker_mended(&b);
    CU_ASSERT_TRUE(kh_breaker_may_try(&b, now));
    kh_breaker_failed(&b, now + KH_SECOND, 0);
    CU_ASSERT_TRUE(b.retry_at - now > 2 * KH_SECOND);
    kh_breaker_mended(&b);
    now += 100 * KH_SECOND;
    kh_breaker_failed(&b, now, 0);
    CU_ASSERT_TRUE(b.retry_at - now < KH_SECOND);
}

static void a_latched_breaker_never_tries(void)
{
    struct kh_breaker b = {0};

    kh_breaker_failed(&b, 1, 0);
    b.latched = true;
    CU_ASSERT_FALSE(kh_breaker_may_try(&b, UINT64_MAX));
}

static uint64_t soon(void)
{
    return kh_clock_now() + 20 * KH_SECOND;
}

static void the_gate_lets_many_in_or_one_mender(void)
{
    struct kh_gate gate = {.inside = 0};
    struct kh_error err = {0};
    uint64_t generation = 0;
    bool try_mend;
    bool mine;

    CU_ASSERT_EQUAL_FATAL(kh_gate_init(&gate), 0);
    KH_ASSERT_OK(kh_gate_enter(&gate, soon(), &generation, &try_mend, &err), err);
    KH_ASSERT_OK(kh_gate_enter(&gate, soon(), &generation, &try_mend, &err), err);
    CU_ASSERT_EQUAL(generation, 1);
    kh_gate_leave(&gate);
    /* One is still inside: a mender whose time is over gives up, and the breaker opens.
     */
    KH_ASSERT_FAILS(kh_gate_mend(&gate, 1, kh_clock_now(), &mine, &err), KH_UNAVAILABLE,
        err, "1 calls have not come back");
    KH_ASSERT_FAILS(kh_gate_enter(&gate, soon(), &generation, &try_mend, &err),
        KH_UNAVAILABLE, err, "not usable now");
    CU_ASSERT_FALSE(kh_gate_drain(&gate, kh_clock_now()));
    kh_gate_leave(&gate);
    CU_ASSERT_TRUE(kh_gate_drain(&gate, kh_clock_now()));
    kh_gate_free(&gate);
}

static void a_mended_gate_is_of_a_new_generation(void)
{
    struct kh_gate gate = {.inside = 0};
    struct kh_error err = {0};
    uint64_t generation;
    bool try_mend;
    bool mine;

    CU_ASSERT_EQUAL_FATAL(kh_gate_init(&gate), 0);
    KH_ASSERT_OK(kh_gate_mend(&gate, 1, soon(), &mine, &err), err);
    CU_ASSERT_TRUE(mine);
    KH_ASSERT_FAILS(kh_gate_enter(&gate, kh_clock_now(), &generation, &try_mend, &err),
        KH_UNAVAILABLE, err, "being recovered");
    kh_gate_mended(&gate, KH_OK, &err);
    KH_ASSERT_OK(kh_gate_enter(&gate, soon(), &generation, &try_mend, &err), err);
    CU_ASSERT_EQUAL(generation, 2);
    kh_gate_leave(&gate);
    /* What broke in generation 1 has been mended by somebody else. */
    KH_ASSERT_OK(kh_gate_mend(&gate, 1, soon(), &mine, &err), err);
    CU_ASSERT_FALSE(mine);
    kh_gate_free(&gate);
}

static void a_failed_recovery_turns_callers_away_until_one_may_try(void)
{
    struct kh_gate gate = {.inside = 0};
    struct kh_error err = {0};
    struct kh_error ignored = {0};
    uint64_t generation;
    bool try_mend = false;
    bool mine;

    CU_ASSERT_EQUAL_FATAL(kh_gate_init(&gate), 0);
    KH_ASSERT_OK(kh_gate_mend(&gate, 1, soon(), &mine, &err), err);
    (void)snprintf(err.message, sizeof err.message, "the cable is out");
    kh_gate_mended(&gate, KH_UNAVAILABLE, &err);
    KH_ASSERT_FAILS(kh_gate_enter(&gate, soon(), &generation, &try_mend, &err),
        KH_UNAVAILABLE, err, "the cable is out");
    gate.breaker.retry_at = 0; /* its time has come */
    KH_ASSERT_OK(kh_gate_enter(&gate, soon(), &generation, &try_mend, &err), err);
    CU_ASSERT_TRUE(try_mend);
    KH_ASSERT_OK(kh_gate_mend(&gate, generation, soon(), &mine, &err), err);
    CU_ASSERT_TRUE(mine);
    /* Only one tries; others are turned away at once, not made to wait. */
    KH_ASSERT_FAILS(kh_gate_enter(&gate, soon(), &generation, &try_mend, &ignored),
        KH_UNAVAILABLE, ignored, "not usable now");
    kh_gate_mended(&gate, KH_REFUSED, &err); /* a refused PIN: for ever */
    gate.breaker.retry_at = 0;
    CU_ASSERT_EQUAL(
        kh_gate_enter(&gate, soon(), &generation, &try_mend, &err), KH_UNAVAILABLE);
    kh_gate_free(&gate);
}

static void a_trip_of_an_older_generation_is_ignored(void)
{
    struct kh_gate gate = {.inside = 0};
    struct kh_error err = {.message = "old news"};
    uint64_t generation;
    bool try_mend;

    CU_ASSERT_EQUAL_FATAL(kh_gate_init(&gate), 0);
    gate.generation = 5;
    kh_gate_trip(&gate, 4, &err);
    KH_ASSERT_OK(kh_gate_enter(&gate, soon(), &generation, &try_mend, &err), err);
    kh_gate_leave(&gate);
    kh_gate_trip(&gate, 5, &err);
    CU_ASSERT_EQUAL(
        kh_gate_enter(&gate, soon(), &generation, &try_mend, &err), KH_UNAVAILABLE);
    kh_gate_free(&gate);
}

static struct kh_key_id id_of(unsigned n)
{
    struct kh_key_id id = {.len = 20};

    memcpy(id.bytes + 5, &n, sizeof n);
    return id;
}

static void the_cache_holds_ten_thousand_handles(void)
{
    struct kh_cache cache = {.count = 0};
    CK_OBJECT_HANDLE handle = 0;
    bool looked_at;
    unsigned wrong = 0;

    CU_ASSERT_EQUAL_FATAL(kh_cache_init(&cache), 0);
    for (unsigned n = 0; n < 10000; n++) {
        struct kh_key_id id = id_of(n);

        wrong += !kh_cache_put(&cache, &id, n + 1, n % 2);
    }
    CU_ASSERT_EQUAL(cache.count, 10000);
    for (unsigned n = 0; n < 10000; n++) {
        struct kh_key_id id = id_of(n);

        wrong += !kh_cache_get(&cache, &id, &handle, &looked_at) || handle != n + 1 ||
                 looked_at != (n % 2 != 0);
        if (n % 3 == 0)
            kh_cache_drop(&cache, &id);
    }
    for (unsigned n = 0; n < 10000; n++) {
        struct kh_key_id id = id_of(n);

        wrong += kh_cache_get(&cache, &id, &handle, &looked_at) == (n % 3 == 0);
    }
    CU_ASSERT_EQUAL(wrong, 0);
    kh_cache_free(&cache);
}

static void the_length_of_an_id_counts(void)
{
    struct kh_cache cache = {.count = 0};
    struct kh_key_id id = id_of(1);
    CK_OBJECT_HANDLE handle;
    bool looked_at;

    CU_ASSERT_EQUAL_FATAL(kh_cache_init(&cache), 0);
    CU_ASSERT_TRUE(kh_cache_put(&cache, &id, 1, true));
    id.len = 21;
    CU_ASSERT_FALSE(kh_cache_get(&cache, &id, &handle, &looked_at));
    kh_cache_drop(&cache, &id);
    CU_ASSERT_EQUAL(cache.count, 1);
    kh_cache_free(&cache);
}

static void after_a_doubt_every_key_must_be_looked_at_again(void)
{
    struct kh_cache cache = {.count = 0};
    struct kh_key_id id = id_of(1);
    CK_OBJECT_HANDLE handle;
    bool looked_at;

    CU_ASSERT_EQUAL_FATAL(kh_cache_init(&cache), 0);
    CU_ASSERT_TRUE(kh_cache_put(&cache, &id, 9, true));
    kh_cache_doubt(&cache);
    CU_ASSERT_TRUE(kh_cache_get(&cache, &id, &handle, &looked_at));
    CU_ASSERT_FALSE(looked_at);
    CU_ASSERT_TRUE(kh_cache_put(&cache, &id, 9, true));
    CU_ASSERT_TRUE(kh_cache_get(&cache, &id, &handle, &looked_at));
    CU_ASSERT_TRUE(looked_at);
    kh_cache_free(&cache);
}

static void a_flush_forgets_all_and_says_whether_it_was_complete(void)
{
    struct kh_cache cache = {.count = 0};
    struct kh_key_id id = id_of(1);
    CK_OBJECT_HANDLE handle;
    bool looked_at;

    CU_ASSERT_EQUAL_FATAL(kh_cache_init(&cache), 0);
    CU_ASSERT_FALSE(kh_cache_flush(&cache));
    CU_ASSERT_TRUE(kh_cache_put(&cache, &id, 9, true));
    kh_cache_set_complete(&cache);
    CU_ASSERT_TRUE(kh_cache_is_complete(&cache));
    CU_ASSERT_TRUE(kh_cache_flush(&cache));
    CU_ASSERT_FALSE(kh_cache_is_complete(&cache));
    CU_ASSERT_FALSE(kh_cache_get(&cache, &id, &handle, &looked_at));
    kh_cache_free(&cache);
}

static void every_option_has_a_name_and_help(void)
{
    for (size_t i = 0; i < KH_PKCS11_OPTION_COUNT; i++) {
        const struct kh_option *option = &kh_pkcs11_options[i];

        CU_ASSERT_EQUAL(strspn(option->name, "abcdefghijklmnopqrstuvwxyz0123456789_"),
            strlen(option->name));
        CU_ASSERT_TRUE(option->help && strlen(option->help) > 10 &&
                       option->help[strlen(option->help) - 1] != '.');
        CU_ASSERT_EQUAL(option->values != NULL, option->type == KH_OPT_ENUM);
        for (size_t j = 0; j < i; j++)
            CU_ASSERT_STRING_NOT_EQUAL(option->name, kh_pkcs11_options[j].name);
    }
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"every_code_of_the_ladder_has_its_rung_and_status",
            every_code_of_the_ladder_has_its_rung_and_status},
        {"an_error_names_the_call_the_code_and_the_meaning",
            an_error_names_the_call_the_code_and_the_meaning},
        {"the_breaker_waits_longer_after_each_failure_up_to_30_s",
            the_breaker_waits_longer_after_each_failure_up_to_30_s},
        {"jitter_moves_the_wait_by_a_quarter", jitter_moves_the_wait_by_a_quarter},
        {"mending_does_not_forget_failures_but_a_quiet_minute_does",
            mending_does_not_forget_failures_but_a_quiet_minute_does},
        {"a_latched_breaker_never_tries", a_latched_breaker_never_tries},
        {"the_gate_lets_many_in_or_one_mender", the_gate_lets_many_in_or_one_mender},
        {"a_mended_gate_is_of_a_new_generation", a_mended_gate_is_of_a_new_generation},
        {"a_failed_recovery_turns_callers_away_until_one_may_try",
            a_failed_recovery_turns_callers_away_until_one_may_try},
        {"a_trip_of_an_older_generation_is_ignored",
            a_trip_of_an_older_generation_is_ignored},
        {"the_cache_holds_ten_thousand_handles", the_cache_holds_ten_thousand_handles},
        {"the_length_of_an_id_counts", the_length_of_an_id_counts},
        {"after_a_doubt_every_key_must_be_looked_at_again",
            after_a_doubt_every_key_must_be_looked_at_again},
        {"a_flush_forgets_all_and_says_whether_it_was_complete",
            a_flush_forgets_all_and_says_whether_it_was_complete},
        {"every_option_has_a_name_and_help", every_option_has_a_name_and_help},
    };

    return kh_test_main("pkcs11.ladder", tests, sizeof tests / sizeof tests[0]);
}
