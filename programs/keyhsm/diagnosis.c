#include "programs/keyhsm/diagnosis_impl.h"

#include <string.h>

/* Every one that kh_probe_run can have been asked for by keyhsm doctor. */
static const char *const stages[] = {"token", "login", "keys", "others", "secrecy",
    "objects", "sessions", "threads", "fork", "clean"};

const char *kh_verdict_word(kh_verdict_kind kind)
{
    static const char *const words[KH_VERDICTS] = {
        "ok", "warning", "unsafe", "not supported", "unchecked"};

    return words[kind];
}

/* ---- facts ------------------------------------------------------------------------ */

static const json_t *value_of(const json_t *facts, const char *name)
{
    return json_object_get(json_object_get(facts, name), "value");
}

bool kh_fact_known(const json_t *facts, const char *name)
{
    return value_of(facts, name) != NULL;
}

bool kh_fact_true(const json_t *facts, const char *name)
{
    return json_is_true(value_of(facts, name));
}

long long kh_fact_number(const json_t *facts, const char *name, long long otherwise)
{
    const json_t *value = value_of(facts, name);

    return json_is_integer(value) ? (long long)json_integer_value(value) : otherwise;
}

const char *kh_fact_word(const json_t *facts, const char *name, const char *otherwise)
{
    const char *text = json_string_value(value_of(facts, name));

    return text ? text : otherwise;
}

const char *kh_fact_detail(const json_t *facts, const char *name)
{
    const char *text =
        json_string_value(json_object_get(json_object_get(facts, name), "detail"));

    return text ? text : "";
}

/* ---- lines ------------------------------------------------------------------------ */

void kh_diagnosis_add(struct kh_diagnosis *d, kh_verdict_kind kind, const char *group,
    const char *check, const char *text, ...)
{
    struct kh_diagnosis_line *line = &d->lines[d->count];
    va_list args;

    d->counts[kind]++;
    if (d->count == KH_DIAGNOSIS_MAX)
        return;
    line->kind = kind;
    line->group = group;
    line->check = check;
    va_start(args, text);
    (void)vsnprintf(line->text, sizeof line->text, text, args);
    va_end(args);
    d->count++;
}

static void apply_rule(
    struct kh_diagnosis *d, const struct kh_rule *rule, const json_t *facts, bool quick)
{
    const char *detail = kh_fact_detail(facts, rule->fact);

    if (!kh_fact_known(facts, rule->fact)) {
        if (rule->weight == KH_RULE_DECIDES) {
            d->complete = false;
            kh_diagnosis_add(
                d, KH_VERDICT_UNCHECKED, rule->group, rule->check, "not looked at");
        } else if (rule->weight == KH_RULE_LONG && !quick) {
            kh_diagnosis_add(
                d, KH_VERDICT_UNCHECKED, rule->group, rule->check, "not looked at");
        }
        return;
    }
    if (kh_fact_true(facts, rule->fact))
        kh_diagnosis_add(d, KH_VERDICT_OK, rule->group, rule->check, "%s", rule->good);
    else
        kh_diagnosis_add(d, rule->otherwise, rule->group, rule->check, "%s%s%s%s",
            rule->bad, *detail ? " (" : "", detail, *detail ? ")" : "");
}

/* A module that dies or hangs takes a daemon with it, whatever else it can do. */
static void judge_stages(struct kh_diagnosis *d, const json_t *facts)
{
    for (size_t i = 0; i < sizeof stages / sizeof stages[0]; i++) {
        char name[64];
        const char *end;

        (void)snprintf(name, sizeof name, "stage.%s", stages[i]);
        end = kh_fact_word(facts, name, "");
        if (strcmp(end, "crashed") == 0 || strcmp(end, "hung") == 0)
            kh_diagnosis_add(d, KH_VERDICT_UNSAFE, "module", end, "%s (stage %s)",
                kh_fact_detail(facts, name), stages[i]);
        if (kh_fact_known(facts, "login.again") && strcmp(end, "stopped") == 0)
            kh_diagnosis_add(d, KH_VERDICT_WARNING, "module", "stopped", "stage %s: %s",
                stages[i], kh_fact_detail(facts, "login.again"));
    }
}

/* What it prints goes to a daemon's log, or breaks a protocol on standard output. */
static void judge_output(struct kh_diagnosis *d, const json_t *facts)
{
    for (size_t i = 0; i < sizeof stages / sizeof stages[0]; i++) {
        char name[64];
        const char *text;

        (void)snprintf(name, sizeof name, "output.%s", stages[i]);
        text = kh_fact_word(facts, name, NULL);
        if (!text)
            continue;
        kh_diagnosis_add(d, KH_VERDICT_WARNING, "module", "prints", "\"%.160s\"", text);
        return;
    }
}

/* What is known of this module, and what is done about it: plugins/pkcs11/quirks.c. */
static void judge_quirks(struct kh_diagnosis *d, json_t *facts)
{
    static const char prefix[] = "quirk.";
    const char *name;
    json_t *fact;

    json_object_foreach(facts, name, fact)
    {
        const char *weight = kh_fact_word(facts, name, "");
        kh_verdict_kind kind = strcmp(weight, "unsafe") == 0 ? KH_VERDICT_UNSAFE
                               : strcmp(weight, "mind") == 0 ? KH_VERDICT_WARNING
                                                             : KH_VERDICT_OK;

        (void)fact;
        if (strncmp(name, prefix, sizeof prefix - 1) == 0)
            kh_diagnosis_add(d, kind, "quirks", name + sizeof prefix - 1, "%s",
                kh_fact_detail(facts, name));
    }
}

/* None of the three alone is needed; one of them is. */
static void judge_kinds(struct kh_diagnosis *d, const json_t *facts)
{
    static const char *const kinds[] = {
        "ec-p256.derive", "rsa-2048.oaep_sha256", "rsa-2048.oaep_sha1"};
    bool known = kh_fact_known(facts, "ec-p256.generate");

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (kh_fact_true(facts, kinds[i])) {
            kh_diagnosis_add(d, KH_VERDICT_OK, "keys", "deposit key",
                "%s; envelopes are %s", d->advice.key_type, d->advice.profile);
            return;
        }
    }
    if (known)
        kh_diagnosis_add(d, KH_VERDICT_UNSAFE, "keys", "deposit key",
            "neither ECDH on P-256 nor RSA-OAEP works");
}

void kh_diagnose(struct kh_diagnosis *d, json_t *facts, bool quick)
{
    memset(d, 0, sizeof *d);
    d->complete = true;
    kh_diagnose_advice(&d->advice, facts);
    judge_stages(d, facts);
    judge_output(d, facts);
    for (size_t i = 0; i < kh_rule_count; i++)
        apply_rule(d, &kh_rules[i], facts, quick);
    judge_kinds(d, facts);
    judge_quirks(d, facts);
    kh_diagnose_figures(d, facts);
    d->safe = d->complete && d->counts[KH_VERDICT_UNSAFE] == 0;
}
