/* From facts to verdicts and advice; no module is near. */
#include "core/secmem.h"
#include "programs/keyhsm/diagnosis.h"
#include "programs/keyhsm/diagnosis_impl.h"
#include "tests/lib/testlib.h"

#include <jansson.h>
#include <string.h>

static struct kh_diagnosis d;

static void put(json_t *facts, const char *name, json_t *value)
{
    CU_ASSERT_FATAL(
        json_object_set_new(facts, name, json_pack("{s:o}", "value", value)) == 0);
}

static void explain(json_t *facts, const char *name, const char *detail)
{
    CU_ASSERT_FATAL(json_object_set_new(json_object_get(facts, name), "detail",
                        json_string(detail)) == 0);
}

/* A token without fault: every rule's fact is true, all figures are good. */
static json_t *good(void)
{
    json_t *facts = json_object();

    for (size_t i = 0; i < kh_rule_count; i++)
        put(facts, kh_rules[i].fact, json_true());
    put(facts, "ec-p256.generate_us", json_integer(1300));
    put(facts, "ec-p256.use_us", json_integer(200));
    put(facts, "rsa-2048.generate_us", json_integer(210000));
    put(facts, "rsa-2048.use_us", json_integer(700));
    put(facts, "objects.made", json_integer(1000));
    put(facts, "objects.search_ns_each", json_integer(36000));
    put(facts, "objects.destroy_us", json_integer(12000));
    put(facts, "objects.before", json_integer(3));
    put(facts, "objects.after", json_integer(3));
    put(facts, "sessions.opened", json_integer(1024));
    put(facts, "token.same_label", json_integer(1));
    put(facts, "clock.there", json_false());
    put(facts, "pin.min", json_integer(4));
    put(facts, "pin.max", json_integer(255));
    put(facts, "clean.left", json_integer(0));
    return facts;
}

static const struct kh_diagnosis_line *line(const char *group, const char *check)
{
    for (size_t i = 0; i < d.count; i++) {
        if (strcmp(d.lines[i].group, group) == 0 && strcmp(d.lines[i].check, check) == 0)
            return &d.lines[i];
    }
    return NULL;
}

static void expect(
    const char *group, const char *check, kh_verdict_kind kind, const char *words)
{
    const struct kh_diagnosis_line *found = line(group, check);

    CU_ASSERT_PTR_NOT_NULL_FATAL(found);
    CU_ASSERT_EQUAL(found->kind, kind);
    CU_ASSERT_PTR_NOT_NULL(strstr(found->text, words));
}

static void a_token_without_fault_is_safe(void)
{
    json_t *facts = good();

    kh_diagnose(&d, facts, false);
    CU_ASSERT_TRUE(d.safe);
    CU_ASSERT_TRUE(d.complete);
    CU_ASSERT_EQUAL(d.counts[KH_VERDICT_WARNING], 0);
    CU_ASSERT_EQUAL(d.counts[KH_VERDICT_UNCHECKED], 0);
    CU_ASSERT_STRING_EQUAL(d.advice.key_type, "ec-p256");
    CU_ASSERT_STRING_EQUAL(d.advice.profile, "ecdh-p256");
    CU_ASSERT_STRING_EQUAL(d.advice.key_scope, "deposit");
    CU_ASSERT_EQUAL(d.advice.max_keys, 10000);
    CU_ASSERT_EQUAL(d.advice.sessions, 8);
    json_decref(facts);
}

/* Each rule by itself: false comes to its verdict, and only "unsafe" is unsafe. */
static void each_rule_counts(void)
{
    for (size_t i = 0; i < kh_rule_count; i++) {
        const struct kh_rule *rule = &kh_rules[i];
        json_t *facts = good();

        put(facts, rule->fact, json_false());
        explain(facts, rule->fact, "C_Sample: CKR_SAMPLE");
        kh_diagnose(&d, facts, false);
        CU_ASSERT_EQUAL(d.safe, rule->otherwise != KH_VERDICT_UNSAFE);
        CU_ASSERT_TRUE(d.complete);
        expect(rule->group, rule->check, rule->otherwise, "(C_Sample: CKR_SAMPLE)");
        json_decref(facts);
    }
}

/* Without a fact that decides nothing is called safe, nor unsafe. */
static void what_was_not_looked_at_is_not_called_safe(void)
{
    for (size_t i = 0; i < kh_rule_count; i++) {
        const struct kh_rule *rule = &kh_rules[i];
        json_t *facts = good();
        bool decides = rule->weight == KH_RULE_DECIDES;

        (void)json_object_del(facts, rule->fact);
        kh_diagnose(&d, facts, true);
        CU_ASSERT_EQUAL(d.safe, !decides);
        CU_ASSERT_EQUAL(d.complete, !decides);
        CU_ASSERT_EQUAL(d.counts[KH_VERDICT_UNSAFE], 0);
        CU_ASSERT_EQUAL(d.counts[KH_VERDICT_UNCHECKED], decides ? 1 : 0);
        json_decref(facts);
    }
    kh_diagnose(&d, NULL, false);
    CU_ASSERT_FALSE(d.safe);
}

static void long_checks_are_missed_in_a_full_examination_only(void)
{
    json_t *facts = good();

    (void)json_object_del(facts, "rsa-4096.generate");
    kh_diagnose(&d, facts, true);
    CU_ASSERT_PTR_NULL(line("keys", "RSA-4096 pair"));
    kh_diagnose(&d, facts, false);
    expect("keys", "RSA-4096 pair", KH_VERDICT_UNCHECKED, "not looked at");
    CU_ASSERT_TRUE(d.safe);
    json_decref(facts);
}

static void a_crash_and_a_hang_are_unsafe(void)
{
    static const char *const ends[] = {"crashed", "hung"};

    for (size_t i = 0; i < 2; i++) {
        json_t *facts = good();

        put(facts, "stage.fork", json_string(ends[i]));
        explain(facts, "stage.fork", "in C_GenerateRandom");
        kh_diagnose(&d, facts, false);
        CU_ASSERT_FALSE(d.safe);
        expect("module", ends[i], KH_VERDICT_UNSAFE, "in C_GenerateRandom");
        json_decref(facts);
    }
}

static void printing_is_a_warning_told_once(void)
{
    json_t *facts = good();

    put(facts, "output.keys", json_string("hello"));
    put(facts, "output.fork", json_string("hello"));
    kh_diagnose(&d, facts, false);
    CU_ASSERT_TRUE(d.safe);
    CU_ASSERT_EQUAL(d.counts[KH_VERDICT_WARNING], 1);
    expect("module", "prints", KH_VERDICT_WARNING, "\"hello\"");
    json_decref(facts);
}

/* ---- kinds of keys ------------------------------------------------------------------
 */

static void without_ec_rsa_is_advised(void)
{
    json_t *facts = good();

    put(facts, "ec-p256.derive", json_false());
    kh_diagnose(&d, facts, false);
    CU_ASSERT_TRUE(d.safe);
    CU_ASSERT_STRING_EQUAL(d.advice.key_type, "rsa-2048");
    CU_ASSERT_STRING_EQUAL(d.advice.profile, "rsa-oaep-sha256");
    CU_ASSERT_STRING_EQUAL(d.advice.key_scope, "epoch");
    CU_ASSERT_PTR_NOT_NULL(strstr(d.advice.why, "210 ms"));
    put(facts, "rsa-2048.oaep_sha256", json_false());
    put(facts, "rsa-3072.oaep_sha1", json_true());
    kh_diagnose(&d, facts, false);
    CU_ASSERT_STRING_EQUAL(d.advice.key_type, "rsa-3072");
    CU_ASSERT_STRING_EQUAL(d.advice.profile, "rsa-oaep-sha1");
    json_decref(facts);
}

static void without_any_kind_it_is_unsafe(void)
{
    json_t *facts = good();

    put(facts, "ec-p256.derive", json_false());
    put(facts, "rsa-2048.oaep_sha256", json_false());
    put(facts, "rsa-2048.oaep_sha1", json_false());
    kh_diagnose(&d, facts, false);
    CU_ASSERT_FALSE(d.safe);
    expect("keys", "deposit key", KH_VERDICT_UNSAFE, "neither");
    CU_ASSERT_STRING_EQUAL(d.advice.key_type, "");
    json_decref(facts);
}

/* ---- figures --------------------------------------------------------------------------
 */

static void a_slow_search_makes_epochs(void)
{
    json_t *facts = good();

    put(facts, "objects.search_ns_each", json_integer(500000));
    kh_diagnose(&d, facts, false);
    CU_ASSERT_TRUE(d.safe);
    expect("objects", "cost of a search", KH_VERDICT_WARNING, "5.00 s among 10000");
    CU_ASSERT_EQUAL(d.advice.max_keys, 2000);
    CU_ASSERT_STRING_EQUAL(d.advice.key_scope, "epoch");
    put(facts, "objects.search_ns_each", json_integer(0));
    kh_diagnose(&d, facts, false);
    CU_ASSERT_EQUAL(d.advice.max_keys, 10000);
    put(facts, "objects.search_ns_each", json_integer(4000000000));
    kh_diagnose(&d, facts, false);
    CU_ASSERT_EQUAL(d.advice.max_keys, 1);
    json_decref(facts);
}

static void a_small_token_makes_epochs(void)
{
    json_t *facts = good();

    put(facts, "objects.made", json_integer(50));
    put(facts, "objects.ended_by", json_string("C_GenerateKeyPair: CKR_DEVICE_MEMORY"));
    kh_diagnose(&d, facts, false);
    CU_ASSERT_TRUE(d.safe);
    expect("objects", "capacity", KH_VERDICT_WARNING, "full after 50 keys");
    CU_ASSERT_EQUAL(d.advice.max_keys, 40);
    CU_ASSERT_STRING_EQUAL(d.advice.key_scope, "epoch");
    put(facts, "objects.made", json_integer(9));
    kh_diagnose(&d, facts, false);
    CU_ASSERT_FALSE(d.safe);
    put(facts, "objects.ended_by", json_string("time"));
    kh_diagnose(&d, facts, false);
    CU_ASSERT_TRUE(d.safe);
    expect("objects", "capacity", KH_VERDICT_OK, "9 keys");
    json_decref(facts);
}

static void few_sessions_are_a_warning(void)
{
    json_t *facts = good();

    put(facts, "sessions.opened", json_integer(2));
    explain(facts, "sessions.opened", "C_OpenSession: CKR_SESSION_COUNT");
    kh_diagnose(&d, facts, false);
    expect("sessions", "at once", KH_VERDICT_WARNING, "2, then C_OpenSession");
    CU_ASSERT_EQUAL(d.advice.sessions, 1);
    put(facts, "sessions.opened", json_integer(6));
    kh_diagnose(&d, facts, false);
    expect("sessions", "at once", KH_VERDICT_OK, "6");
    CU_ASSERT_EQUAL(d.advice.sessions, 5);
    put(facts, "sessions.opened", json_integer(0));
    kh_diagnose(&d, facts, false);
    CU_ASSERT_EQUAL(d.advice.sessions, 1);
    json_decref(facts);
}

static void clock_and_labels(void)
{
    json_t *facts = good();

    put(facts, "clock.skew", json_integer(-61));
    put(facts, "token.same_label", json_integer(2));
    put(facts, "pin.pad", json_true());
    kh_diagnose(&d, facts, false);
    CU_ASSERT_TRUE(d.safe);
    expect("token", "clock", KH_VERDICT_WARNING, "61 seconds behind");
    expect("token", "label", KH_VERDICT_WARNING, "2 tokens");
    expect("PIN", "pad", KH_VERDICT_WARNING, "unattended");
    put(facts, "clock.skew", json_integer(60));
    kh_diagnose(&d, facts, false);
    expect("token", "clock", KH_VERDICT_OK, "60 seconds ahead");
    put(facts, "clock.readable", json_false());
    kh_diagnose(&d, facts, false);
    expect("token", "clock", KH_VERDICT_WARNING, "no time");
    json_decref(facts);
}

static void what_is_left_behind_is_told(void)
{
    json_t *facts = good();

    put(facts, "clean.left", json_integer(2));
    kh_diagnose(&d, facts, false);
    expect("afterwards", "left behind", KH_VERDICT_WARNING, "2 objects labelled");
    put(facts, "clean.left", json_integer(0));
    put(facts, "objects.after", json_integer(5));
    kh_diagnose(&d, facts, false);
    expect("afterwards", "left behind", KH_VERDICT_WARNING, "2 objects more");
    (void)json_object_del(facts, "clean.left");
    (void)json_object_del(facts, "objects.after");
    kh_diagnose(&d, facts, false);
    expect("afterwards", "left behind", KH_VERDICT_WARNING, "could not be looked for");
    json_decref(facts);
}

/* A spoilt process may tell anything. */
static void facts_of_the_wrong_kind_are_none(void)
{
    json_t *facts = good();

    put(facts, "sessions.opened", json_string("many"));
    put(facts, "key.copy_safe", json_string("true"));
    kh_diagnose(&d, facts, false);
    CU_ASSERT_FALSE(d.safe);
    CU_ASSERT_PTR_NULL(line("sessions", "at once"));
    CU_ASSERT_STRING_EQUAL(kh_fact_word(facts, "objects.made", "none"), "none");
    CU_ASSERT_EQUAL(kh_fact_number(facts, "key.made", -7), -7);
    CU_ASSERT_STRING_EQUAL(kh_fact_detail(facts, "nothing"), "");
    json_decref(facts);
}

static void too_many_lines_are_dropped_and_counted(void)
{
    memset(&d, 0, sizeof d);
    for (unsigned i = 0; i < KH_DIAGNOSIS_MAX + 5; i++)
        kh_diagnosis_add(&d, KH_VERDICT_UNSAFE, "keys", "x", "%u", i);
    CU_ASSERT_EQUAL(d.count, KH_DIAGNOSIS_MAX);
    CU_ASSERT_EQUAL(d.counts[KH_VERDICT_UNSAFE], KH_DIAGNOSIS_MAX + 5);
}

static void words(void)
{
    CU_ASSERT_STRING_EQUAL(kh_verdict_word(KH_VERDICT_OK), "ok");
    CU_ASSERT_STRING_EQUAL(kh_verdict_word(KH_VERDICT_UNSUPPORTED), "not supported");
    CU_ASSERT_STRING_EQUAL(kh_verdict_word(KH_VERDICT_UNCHECKED), "unchecked");
}

static void quirks_are_told_by_weight(void)
{
    json_t *facts = good();

    put(facts, "quirk.half-made-keys", json_string("handled"));
    explain(facts, "quirk.half-made-keys", "they are looked at");
    kh_diagnose(&d, facts, false);
    CU_ASSERT_TRUE(d.safe);
    expect("quirks", "half-made-keys", KH_VERDICT_OK, "looked at");
    put(facts, "quirk.few-keys", json_string("mind"));
    explain(facts, "quirk.few-keys", "forty");
    put(facts, "keys.limit", json_integer(40));
    kh_diagnose(&d, facts, false);
    CU_ASSERT_TRUE(d.safe);
    CU_ASSERT_EQUAL(d.advice.max_keys, 40);
    CU_ASSERT_STRING_EQUAL(d.advice.key_scope, "epoch");
    expect("quirks", "few-keys", KH_VERDICT_WARNING, "forty");
    put(facts, "quirk.keys-leave", json_string("unsafe"));
    explain(facts, "quirk.keys-leave", "away");
    kh_diagnose(&d, facts, false);
    CU_ASSERT_FALSE(d.safe);
    expect("quirks", "keys-leave", KH_VERDICT_UNSAFE, "away");
    json_decref(facts);
}

static const struct kh_test tests[] = {
    {"quirks are told by weight", quirks_are_told_by_weight},
    {"a token without fault is safe", a_token_without_fault_is_safe},
    {"each rule counts", each_rule_counts},
    {"what was not looked at is not called safe",
        what_was_not_looked_at_is_not_called_safe},
    {"long checks are missed in a full examination only",
        long_checks_are_missed_in_a_full_examination_only},
    {"a crash and a hang are unsafe", a_crash_and_a_hang_are_unsafe},
    {"printing is a warning, told once", printing_is_a_warning_told_once},
    {"without EC RSA is advised", without_ec_rsa_is_advised},
    {"without any kind it is unsafe", without_any_kind_it_is_unsafe},
    {"a slow search makes epochs", a_slow_search_makes_epochs},
    {"a small token makes epochs", a_small_token_makes_epochs},
    {"few sessions are a warning", few_sessions_are_a_warning},
    {"clock and labels", clock_and_labels},
    {"what is left behind is told", what_is_left_behind_is_told},
    {"facts of the wrong kind are none", facts_of_the_wrong_kind_are_none},
    {"too many lines are dropped and counted", too_many_lines_are_dropped_and_counted},
    {"words", words},
};

int main(void)
{
    return kh_test_main("diagnosis", tests, sizeof tests / sizeof tests[0]);
}
