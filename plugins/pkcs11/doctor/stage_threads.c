/* The same key in eight threads, a session each: every answer has to be right. */
#include "plugins/pkcs11/doctor/probe.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { THREADS = 8, ROUNDS = 50, ROUNDS_QUICK = 10 };

struct worker {
    struct kh_probe *probe;
    const struct kh_trial *kind;
    const struct kh_public_half *half;
    CK_OBJECT_HANDLE key;
    CK_SESSION_HANDLE session;
    unsigned right;
    unsigned wrong;
    char why[600];
};

static void *work(void *arg)
{
    struct worker *w = arg;
    struct kh_error err = {0};
    struct kh_call call = {
        .p11 = w->probe->module.p11, .session = w->session, .err = &err};
    unsigned rounds = w->probe->quick ? ROUNDS_QUICK : ROUNDS;

    for (unsigned i = 0; i < rounds; i++) {
        struct kh_challenge challenge;
        CK_RV rv;

        if (!kh_challenge_make(&challenge, w->kind, w->half))
            continue;
        rv = kh_challenge_answer(&call, w->kind, w->key, &challenge);
        w->right += rv == CKR_OK;
        w->wrong += rv != CKR_OK;
        if (rv != CKR_OK)
            (void)snprintf(w->why, sizeof w->why, "%s", kh_probe_why(&call, rv));
    }
    return NULL;
}

/* Sessions are opened and closed by one thread: see pkcs11-modules in docs/doctor.md. */
static unsigned start(struct worker *workers, pthread_t *threads)
{
    unsigned count = 0;

    while (count < THREADS) {
        struct worker *w = &workers[count];

        if (kh_probe_session(w->probe, &w->session) != CKR_OK ||
            pthread_create(&threads[count], NULL, work, w) != 0)
            break;
        count++;
    }
    return count;
}

static void run(const struct worker *like)
{
    static struct worker workers[THREADS];
    pthread_t threads[THREADS];
    unsigned right = 0;
    unsigned wrong = 0;
    unsigned count;
    const char *why = "";

    for (unsigned i = 0; i < THREADS; i++)
        workers[i] = *like;
    count = start(workers, threads);
    for (unsigned i = 0; i < count; i++) {
        (void)pthread_join(threads[i], NULL);
        right += workers[i].right;
        wrong += workers[i].wrong;
        if (workers[i].wrong > 0)
            why = workers[i].why;
    }
    for (unsigned i = 0; i < count; i++)
        (void)like->probe->module.p11->C_CloseSession(workers[i].session);
    kh_fact_int("threads.count", count, "%s", "");
    kh_fact_int("threads.answers", right, "%s", "");
    kh_fact_bool("threads.right", wrong == 0 && right > 0, "%u of %u were wrong%s%s",
        wrong, right + wrong, *why ? ": " : "", why);
}

void kh_stage_threads(struct kh_probe *probe)
{
    struct kh_public_half half = {0};
    struct worker like = {.probe = probe, .kind = kh_probe_kind(probe), .half = &half};
    CK_RV rv;

    if (!like.kind)
        return;
    rv = kh_probe_make(&probe->call, like.kind, true, NULL, &like.key, &half);
    if (rv == CKR_OK)
        run(&like);
    else
        kh_fact_rv("threads.right", &probe->call, rv);
    kh_probe_drop(&probe->call, like.key);
    free(half.spki);
}
