/* What many keys cost: keys as deposits need them are made until there are 10, 100, 1000
 * or until the time is over; at each of these a search is timed. */
#include "plugins/pkcs11/doctor/probe.h"

#include <stdlib.h>

/* A few are made however long they take: without any nothing could be said. */
enum { LEAST = 3, MOST = 1000, MOST_QUICK = 100, SEARCHES = 5, BUDGET_US = 20 * 1000000 };

struct herd {
    struct kh_call *call;
    const struct kh_trial *kind;
    CK_OBJECT_HANDLE keys[MOST];
    struct kh_key_id ids[MOST];
    size_t count;
};

/* The fastest of a few: others work on this machine, too. -1: it failed. */
static long long time_search(struct herd *herd)
{
    long long best = -1;

    for (size_t i = 0; i < SEARCHES; i++) {
        struct kh_handles found = {0};
        const struct kh_key_id *id = &herd->ids[(herd->count - 1) * i / SEARCHES];
        long long start = kh_probe_now();
        CK_RV rv = kh_find_id(herd->call, id, &found);
        long long took = kh_probe_now() - start;
        bool right = rv == CKR_OK && found.count == 1;

        kh_handles_free(&found);
        if (!right)
            return -1;
        if (best < 0 || took < best)
            best = took;
    }
    return best;
}

/* Makes keys until there are TARGET; false: no more. */
static bool grow(struct herd *herd, size_t target, long long until)
{
    while (herd->count < target) {
        struct kh_public_half half;
        CK_OBJECT_HANDLE key;
        CK_RV rv;

        if (herd->count >= LEAST && kh_probe_now() > until) {
            kh_fact_text("objects.ended_by", "time");
            return false;
        }
        rv = kh_probe_make(
            herd->call, herd->kind, true, &herd->ids[herd->count], &key, &half);
        free(half.spki);
        if (rv != CKR_OK) {
            kh_fact_text("objects.ended_by", kh_probe_why(herd->call, rv));
            kh_probe_drop(herd->call, key);
            return false;
        }
        herd->keys[herd->count++] = key;
    }
    return true;
}

static void remove_all(struct herd *herd)
{
    size_t all = herd->count;
    size_t failed = 0;
    long long first = 0;

    while (herd->count > 0) {
        long long start = kh_probe_now();

        failed += herd->call->p11->C_DestroyObject(
                      herd->call->session, herd->keys[--herd->count]) != CKR_OK;
        if (herd->count + 1 == all)
            first = kh_probe_now() - start;
    }
    if (all > 0)
        kh_fact_int("objects.destroy_us", first, "of %zu", all);
    kh_fact_bool("objects.destroyed", failed == 0, "%zu of %zu were not", failed, all);
}

void kh_stage_objects(struct kh_probe *probe)
{
    static struct herd herd;
    size_t most = probe->quick ? MOST_QUICK : MOST;
    long long until;
    long long few = -1;
    size_t few_count = 0;
    bool more = true;

    herd.call = &probe->call;
    herd.kind = kh_probe_kind(probe);
    if (!herd.kind)
        return;
    until = kh_probe_now() + BUDGET_US / (probe->quick ? 10 : 1);
    for (size_t target = 10; more && target <= most; target *= 10) {
        long long start = kh_probe_now();
        size_t before = herd.count;
        long long took;

        more = grow(&herd, target, until);
        if (herd.count == before)
            break;
        kh_fact_int("objects.generate_us",
            (kh_probe_now() - start) / (long long)(herd.count - before), "%s", "");
        took = time_search(&herd);
        kh_fact_bool("objects.found", took >= 0, "among %zu", herd.count);
        if (took < 0)
            break;
        kh_fact_int("objects.search_us", took, "among %zu", herd.count);
        if (few < 0) {
            few = took;
            few_count = herd.count;
        } else {
            kh_fact_int("objects.search_ns_each",
                took > few ? (took - few) * 1000 / (long long)(herd.count - few_count)
                           : 0,
                "%s", "");
        }
    }
    kh_fact_int("objects.made", (long long)herd.count, "%s", "");
    remove_all(&herd);
}
