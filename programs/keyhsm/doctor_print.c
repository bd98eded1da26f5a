#include "programs/keyhsm/doctor_print.h"

#include <string.h>

static const char *const groups[] = {"module", "token", "quirks", "PIN", "keys", "speed",
    "secrecy", "keeping", "objects", "sessions", "threads", "fork", "others",
    "afterwards"};

static const char *verdict(const struct kh_diagnosis *d)
{
    if (d->counts[KH_VERDICT_UNSAFE] > 0)
        return "unsafe";
    return d->complete ? "safe" : "unknown";
}

static void print_heading(const json_t *facts)
{
    printf("Module  %s: %s, %s\n", kh_fact_word(facts, "module.path", "?"),
        kh_fact_word(facts, "module.manufacturer", "?"),
        kh_fact_word(facts, "module.description", "?"));
    if (kh_fact_known(facts, "token.label"))
        printf("Token   '%s', serial %s, slot %lld, %s, firmware %s\n",
            kh_fact_word(facts, "token.label", ""),
            kh_fact_word(facts, "token.serial", ""),
            kh_fact_number(facts, "token.slot", 0),
            kh_fact_word(facts, "token.model", "?"),
            kh_fact_word(facts, "token.firmware", "?"));
    printf("\n");
}

static void print_group(const struct kh_diagnosis *d, const char *group)
{
    for (size_t i = 0; i < d->count; i++) {
        const struct kh_diagnosis_line *line = &d->lines[i];

        if (line->kind != KH_VERDICT_UNCHECKED && strcmp(line->group, group) == 0)
            printf("%-14s %-10s %-20s %s\n", kh_verdict_word(line->kind), line->group,
                line->check, line->text);
    }
}

/* One paragraph: after a crash there may be many. */
static void print_unchecked(const struct kh_diagnosis *d)
{
    const char *between = "\nNot looked at: ";

    for (size_t i = 0; i < d->count; i++) {
        if (d->lines[i].kind != KH_VERDICT_UNCHECKED)
            continue;
        printf("%s%s %s", between, d->lines[i].group, d->lines[i].check);
        between = ", ";
    }
    if (d->counts[KH_VERDICT_UNCHECKED] > 0)
        printf("\n");
}

static void print_advice(const struct kh_advice *a)
{
    printf("Recommended for [backend.pkcs11]:\n"
           "  key_type = %s\n  key_scope = %s\n  max_keys = %u\n  sessions = %u\n",
        a->key_type, a->key_scope, a->max_keys, a->sessions);
    printf("Envelopes will be keyed by %s; %s.\n", a->profile, a->why);
}

void kh_doctor_print(const struct kh_diagnosis *d, const json_t *facts)
{
    print_heading(facts);
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++)
        print_group(d, groups[i]);
    print_unchecked(d);
    printf("\n%zu checks:", d->count);
    for (kh_verdict_kind k = KH_VERDICT_OK; k < KH_VERDICTS; k++) {
        if (d->counts[k] > 0)
            printf(" %u %s", d->counts[k], kh_verdict_word(k));
    }
    printf("\n\n");
    if (d->safe) {
        print_advice(&d->advice);
        printf("\nSAFE: keys may be stored there.\n");
    } else if (d->counts[KH_VERDICT_UNSAFE] > 0) {
        printf("UNSAFE: do not store keys there. What stands against it:\n");
        for (size_t i = 0; i < d->count; i++) {
            if (d->lines[i].kind == KH_VERDICT_UNSAFE)
                printf("  - %s, %s: %s\n", d->lines[i].group, d->lines[i].check,
                    d->lines[i].text);
        }
    } else {
        printf("UNKNOWN: not everything that decides could be looked at; see above.\n");
    }
}

static json_t *lines_of(const struct kh_diagnosis *d)
{
    json_t *checks = json_array();

    for (size_t i = 0; i < d->count; i++) {
        const struct kh_diagnosis_line *line = &d->lines[i];

        (void)json_array_append_new(checks,
            json_pack("{s:s,s:s,s:s,s:s}", "group", line->group, "check", line->check,
                "status", kh_verdict_word(line->kind), "text", line->text));
    }
    return checks;
}

kh_status kh_doctor_print_json(
    const struct kh_diagnosis *d, json_t *facts, struct kh_error *err)
{
    const struct kh_advice *a = &d->advice;
    json_t *advice = json_pack("{s:s,s:s,s:i,s:i,s:s,s:s}", "key_type", a->key_type,
        "key_scope", a->key_scope, "max_keys", (int)a->max_keys, "sessions",
        (int)a->sessions, "profile", a->profile, "why", a->why);
    json_t *root = json_pack("{s:s,s:b,s:o,s:o,s:O}", "verdict", verdict(d), "safe",
        d->safe, "checks", lines_of(d), "recommended", advice, "facts", facts);
    bool ok = root && json_dumpf(root, stdout, JSON_INDENT(2)) == 0;

    (void)fputc('\n', stdout);
    json_decref(root);
    return ok ? KH_OK : kh_fail(err, KH_FATAL, "the result cannot be written");
}
