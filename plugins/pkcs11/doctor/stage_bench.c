/* Operations per second of one number of threads, and how long each took. */
#include "plugins/pkcs11/doctor/probe.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { THREADS_MAX = 64, SAMPLES = 65536, RANDOM_LEN = 32 };

struct bench;

struct worker {
    struct bench *bench;
    CK_SESSION_HANDLE session;
    pthread_t thread;
    unsigned long done;
    unsigned long failed;
    unsigned *samples; /* the first SAMPLES of its times, in microseconds */
    char why[200];
};

struct bench {
    struct kh_probe *probe;
    const struct kh_trial *kind;
    struct kh_public_half half;
    struct kh_key_id id;
    CK_OBJECT_HANDLE key;
    struct kh_challenge challenge;
    CK_RV (*run)(struct bench *bench, struct kh_call *call);
    atomic_bool stop;
    struct worker workers[THREADS_MAX];
};

/* ---- the operations --------------------------------------------------------------- */

/* What a put costs: a key pair on the token. Destroyed again, which is not free either.
 */
static CK_RV do_generate(struct bench *bench, struct kh_call *call)
{
    struct kh_public_half half;
    CK_OBJECT_HANDLE key;
    CK_RV rv = kh_probe_make(call, bench->kind, true, NULL, &key, &half);

    free(half.spki);
    kh_probe_drop(call, key);
    return rv;
}

/* What a get costs: the use of a deposit key by its handle. */
static CK_RV do_use(struct bench *bench, struct kh_call *call)
{
    return kh_challenge_answer(call, bench->kind, bench->key, &bench->challenge);
}

static CK_RV do_random(struct bench *bench, struct kh_call *call)
{
    unsigned char bytes[RANDOM_LEN];

    (void)bench;
    return kh_said(call, "C_GenerateRandom",
        call->p11->C_GenerateRandom(call->session, bytes, sizeof bytes));
}

static CK_RV do_search(struct bench *bench, struct kh_call *call)
{
    struct kh_handles found = {0};
    CK_RV rv = kh_find_id(call, &bench->id, &found);

    if (rv == CKR_OK && found.count != 1)
        rv = kh_verdict(call, kh_fail(call->err, KH_REFUSED, "the key was not found"));
    kh_handles_free(&found);
    return rv;
}

static const struct {
    const char *name;
    CK_RV (*run)(struct bench *bench, struct kh_call *call);
} operations[] = {{"generate", do_generate}, {"use", do_use}, {"random", do_random},
    {"search", do_search}};

/* ---- one measurement -------------------------------------------------------------- */

static void *work(void *arg)
{
    struct worker *w = arg;
    struct kh_error err = {0};
    struct kh_call call = {
        .p11 = w->bench->probe->bare, .session = w->session, .what = "?", .err = &err};

    while (!atomic_load(&w->bench->stop)) {
        long long start = kh_probe_now();
        CK_RV rv = w->bench->run(w->bench, &call);
        long long took = kh_probe_now() - start;

        if (rv != CKR_OK) {
            w->failed++;
            (void)snprintf(w->why, sizeof w->why, "%.199s", kh_probe_why(&call, rv));
            break;
        }
        if (w->done < SAMPLES)
            w->samples[w->done] = (unsigned)took;
        w->done++;
    }
    return NULL;
}

static int by_size(const void *a, const void *b)
{
    unsigned x = *(const unsigned *)a;
    unsigned y = *(const unsigned *)b;

    return (x > y) - (x < y);
}

static void tell(struct bench *bench, const char *name, unsigned threads, long long took)
{
    /* No thread: the system would not start one. */
    unsigned *all = threads > 0 ? calloc((size_t)threads * SAMPLES, sizeof *all) : NULL;
    unsigned long done = 0;
    unsigned long failed = 0;
    size_t count = 0;
    const char *why = "";
    char fact[64];

    for (unsigned i = 0; i < threads; i++) {
        struct worker *w = &bench->workers[i];
        size_t n = w->done < SAMPLES ? w->done : SAMPLES;

        if (all)
            memcpy(all + count, w->samples, n * sizeof *all);
        count += all ? n : 0;
        done += w->done;
        failed += w->failed;
        why = w->failed ? w->why : why;
    }
    if (all && count > 0)
        qsort(all, count, sizeof *all, by_size);
    (void)snprintf(fact, sizeof fact, "%s.milli_per_second", name);
    kh_fact_int(fact,
        took > 0 ? (long long)(done * 1000000000ULL / (unsigned long long)took) : 0, "%s",
        why);
    (void)snprintf(fact, sizeof fact, "%s.p50_us", name);
    kh_fact_int(fact, count ? all[count / 2] : 0, "%s", "");
    (void)snprintf(fact, sizeof fact, "%s.p99_us", name);
    kh_fact_int(fact, count ? all[(count * 99) / 100] : 0, "%s", "");
    (void)snprintf(fact, sizeof fact, "%s.failed", name);
    kh_fact_int(fact, (long long)failed, "%s", why);
    free(all);
}

/* Beats once a second, so that whoever watches knows that nothing hangs. */
static void let_run(struct bench *bench)
{
    for (unsigned i = 0; i < bench->probe->seconds; i++) {
        (void)sleep(1);
        kh_probe_alive();
    }
    atomic_store(&bench->stop, true);
}

static void measure(struct bench *bench, const char *name)
{
    unsigned threads = bench->probe->threads;
    unsigned started = 0;
    long long start;

    atomic_store(&bench->stop, false);
    for (unsigned i = 0; i < threads; i++) {
        bench->workers[i].done = 0;
        bench->workers[i].failed = 0;
    }
    start = kh_probe_now();
    while (started < threads && pthread_create(&bench->workers[started].thread, NULL,
                                    work, &bench->workers[started]) == 0)
        started++;
    let_run(bench);
    kh_probe_enter(name);
    for (unsigned i = 0; i < started; i++)
        (void)pthread_join(bench->workers[i].thread, NULL);
    kh_probe_leave();
    tell(bench, name, started, kh_probe_now() - start);
}

static CK_RV open_sessions(struct bench *bench)
{
    CK_RV rv = CKR_OK;

    for (unsigned i = 0; rv == CKR_OK && i < bench->probe->threads; i++) {
        struct worker *w = &bench->workers[i];

        w->bench = bench;
        w->samples = calloc(SAMPLES, sizeof *w->samples);
        rv = w->samples ? kh_probe_session(bench->probe, &w->session) : CKR_HOST_MEMORY;
    }
    return rv;
}

void kh_stage_bench(struct kh_probe *probe)
{
    static struct bench bench;
    CK_RV rv;

    bench.probe = probe;
    bench.kind = kh_probe_kind(probe);
    if (!bench.kind || probe->threads == 0 || probe->threads > THREADS_MAX) {
        kh_fact_bool("bench.ready", false, "no kind of deposit key works here");
        return;
    }
    kh_fact_text("bench.kind", bench.kind->profile);
    rv =
        kh_probe_make(&probe->call, bench.kind, true, &bench.id, &bench.key, &bench.half);
    if (rv == CKR_OK)
        rv = open_sessions(&bench);
    kh_fact_rv("bench.ready", &probe->call, rv);
    if (rv == CKR_OK && kh_challenge_make(&bench.challenge, bench.kind, &bench.half)) {
        for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
            bench.run = operations[i].run;
            measure(&bench, operations[i].name);
        }
    }
    kh_probe_drop(&probe->call, bench.key);
    free(bench.half.spki);
    for (unsigned i = 0; i < THREADS_MAX; i++)
        free(bench.workers[i].samples);
}
