/* Facts that are numbers. */
#include "programs/keyhsm/diagnosis_impl.h"

#include <stdlib.h>
#include <string.h>

enum { SKEW_MAX = 60, SESSIONS_MIN = 4, MANY = 10000, ROOM_MIN = 1024 };

static void judge_token(struct kh_diagnosis *d, const json_t *facts)
{
    long long alike = kh_fact_number(facts, "token.same_label", 0);
    long long skew = kh_fact_number(facts, "clock.skew", 0);

    if (alike > 1)
        kh_diagnosis_add(d, KH_VERDICT_WARNING, "token", "label",
            "%lld tokens have this label: choose by serial number", alike);
    else if (alike == 1)
        kh_diagnosis_add(d, KH_VERDICT_OK, "token", "label", "no other token has it");
    if (kh_fact_known(facts, "clock.readable"))
        kh_diagnosis_add(d, KH_VERDICT_WARNING, "token", "clock",
            "its time is no time: %s", kh_fact_detail(facts, "clock.readable"));
    else if (kh_fact_known(facts, "clock.skew"))
        kh_diagnosis_add(d, llabs(skew) > SKEW_MAX ? KH_VERDICT_WARNING : KH_VERDICT_OK,
            "token", "clock", "%lld seconds %s this machine's", llabs(skew),
            skew < 0 ? "behind" : "ahead of");
    else if (kh_fact_known(facts, "clock.there"))
        kh_diagnosis_add(
            d, KH_VERDICT_UNSUPPORTED, "token", "clock", "it has none; none is needed");
}

static void judge_pin(struct kh_diagnosis *d, const json_t *facts)
{
    if (kh_fact_true(facts, "pin.pad"))
        kh_diagnosis_add(d, KH_VERDICT_WARNING, "PIN", "pad",
            "it is typed on the token's own pad: a start cannot go unattended");
    if (kh_fact_known(facts, "pin.max"))
        kh_diagnosis_add(d, KH_VERDICT_OK, "PIN", "length", "%lld to %lld bytes",
            kh_fact_number(facts, "pin.min", 0), kh_fact_number(facts, "pin.max", 0));
}

static void judge_speed(struct kh_diagnosis *d, const json_t *facts)
{
    static const char *const kinds[] = {"ec-p256", "rsa-2048", "rsa-3072", "rsa-4096"};

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        char make[64];
        char use[64];

        (void)snprintf(make, sizeof make, "%s.generate_us", kinds[i]);
        (void)snprintf(use, sizeof use, "%s.use_us", kinds[i]);
        if (kh_fact_known(facts, make) && kh_fact_known(facts, use))
            kh_diagnosis_add(d, KH_VERDICT_OK, "speed", kinds[i],
                "a pair takes %.1f ms, its use %.2f ms (one at a time)",
                (double)kh_fact_number(facts, make, 0) / 1000,
                (double)kh_fact_number(facts, use, 0) / 1000);
    }
}

static void judge_capacity(struct kh_diagnosis *d, const json_t *facts)
{
    long long made = kh_fact_number(facts, "objects.made", -1);
    const char *ended = kh_fact_word(facts, "objects.ended_by", "");
    long long room = kh_fact_number(facts, "memory.private_free", -1);

    if (made < 0)
        return;
    if (*ended && strcmp(ended, "time") != 0)
        kh_diagnosis_add(d, made < 10 ? KH_VERDICT_UNSAFE : KH_VERDICT_WARNING, "objects",
            "capacity", "full after %lld keys (%s)", made, ended);
    else
        kh_diagnosis_add(d, KH_VERDICT_OK, "objects", "capacity",
            "%lld keys were made and the token was not full", made);
    if (room >= ROOM_MIN) /* some say 0 or 1 for "no idea" */
        kh_diagnosis_add(
            d, KH_VERDICT_OK, "objects", "memory", "%lld bytes free, it says", room);
}

static void judge_growth(struct kh_diagnosis *d, const json_t *facts)
{
    long long each = kh_fact_number(facts, "objects.search_ns_each", -1);
    long long destroy = kh_fact_number(facts, "objects.destroy_us", -1);
    double seconds = (double)each * MANY / 1e9;

    if (each >= 0)
        kh_diagnosis_add(d, seconds > 1 ? KH_VERDICT_WARNING : KH_VERDICT_OK, "objects",
            "cost of a search", "%.1f us more for each key on the token: %.2f s among %d",
            (double)each / 1000, seconds, MANY);
    if (destroy >= 0)
        kh_diagnosis_add(d, KH_VERDICT_OK, "objects", "cost of a destroy", "%.1f ms, %s",
            (double)destroy / 1000, kh_fact_detail(facts, "objects.destroy_us"));
}

static void judge_sessions(struct kh_diagnosis *d, const json_t *facts)
{
    long long opened = kh_fact_number(facts, "sessions.opened", -1);
    const char *why = kh_fact_detail(facts, "sessions.opened");

    if (opened < 0)
        return;
    kh_diagnosis_add(d, opened < SESSIONS_MIN ? KH_VERDICT_WARNING : KH_VERDICT_OK,
        "sessions", "at once", "%lld%s%s", opened, *why ? ", then " : " and more",
        *why ? why : "");
}

static void judge_cleaning(struct kh_diagnosis *d, const json_t *facts)
{
    long long left = kh_fact_number(facts, "clean.left", -1);
    long long before = kh_fact_number(facts, "objects.before", -1);
    long long after = kh_fact_number(facts, "objects.after", -1);

    if (left > 0)
        kh_diagnosis_add(d, KH_VERDICT_WARNING, "afterwards", "left behind",
            "%lld objects labelled 'keyhsm doctor: may be destroyed' could not be "
            "removed",
            left);
    else if (before >= 0 && after > before)
        kh_diagnosis_add(d, KH_VERDICT_WARNING, "afterwards", "left behind",
            "%lld objects more than before, without a label", after - before);
    else if (left == 0)
        kh_diagnosis_add(d, KH_VERDICT_OK, "afterwards", "left behind", "nothing");
    else if (kh_fact_known(facts, "key.made"))
        kh_diagnosis_add(d, KH_VERDICT_WARNING, "afterwards", "left behind",
            "it could not be looked for: objects labelled 'keyhsm doctor: may be "
            "destroyed' may be there");
}

void kh_diagnose_figures(struct kh_diagnosis *d, const json_t *facts)
{
    judge_token(d, facts);
    judge_pin(d, facts);
    judge_speed(d, facts);
    judge_capacity(d, facts);
    judge_growth(d, facts);
    judge_sessions(d, facts);
    judge_cleaning(d, facts);
}
