#include "server/survey.h"

#include "server/http.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LOOK_MS = 2000, COUNT_MS = 5000, SHARE = 20 };

struct kh_survey {
    struct kh_chain *chain;
    pthread_mutex_t turn; /* whoever looks holds it */
    /* Under `turn`. */
    const struct kh_backend *seen; /* whose facts these are */
    uint64_t look_next;            /* monotonic milliseconds: not before */
    uint64_t count_next;

    pthread_mutex_t mutex; /* over what follows; never held while looking */
    struct kh_survey_view view;
    uint64_t began; /* of the look under way; 0: none */
};

struct kh_survey *kh_survey_new(void)
{
    struct kh_survey *survey = calloc(1, sizeof *survey);

    if (!survey)
        return NULL;
    survey->chain = kh_chain_new();
    if (!survey->chain) {
        free(survey);
        return NULL;
    }
    pthread_mutex_init(&survey->turn, NULL);
    pthread_mutex_init(&survey->mutex, NULL);
    return survey;
}

void kh_survey_free(struct kh_survey *survey)
{
    if (!survey)
        return;
    kh_chain_free(survey->chain);
    pthread_mutex_destroy(&survey->turn);
    pthread_mutex_destroy(&survey->mutex);
    free(survey);
}

bool kh_survey_remote(const struct kh_backend *backend)
{
    return strcmp(kh_backend_plugin(backend)->name, "keyhsm") == 0;
}

void kh_survey_hint(struct kh_survey *survey, bool works)
{
    kh_chain_hint(survey->chain, works, (int64_t)time(NULL));
}

/* When to do again what began at BEGAN and is not to be done more often than each MS. */
static uint64_t next_time(uint64_t began, uint64_t ms)
{
    uint64_t now = kh_clock_ms();
    uint64_t pause = SHARE * (now - began);

    return now + (pause > ms ? pause : ms);
}

/* ---- the links ---- */

/* The far end does not work: does the near one? */
static void find_break(struct kh_survey *survey, struct kh_backend *backend,
    const struct kh_error *far, int64_t now)
{
    struct kh_info info;
    struct kh_error near = {0};
    bool reached =
        !kh_survey_remote(backend) || kh_backend_info(backend, &info, &near) == KH_OK;

    if (reached) {
        kh_chain_note(survey->chain, KH_LINK_FAR, far->message, now);
        if (kh_survey_remote(backend))
            kh_chain_note(survey->chain, KH_LINK_NEAR, NULL, now);
    } else {
        kh_chain_note(survey->chain, KH_LINK_NEAR, near.message, now);
        kh_chain_unknown(survey->chain, KH_LINK_FAR, now);
    }
}

static void look_at_links(struct kh_survey *survey, struct kh_backend *backend)
{
    struct kh_error err = {0};
    bool works = kh_backend_probe(backend, &err) == KH_OK;
    int64_t now = (int64_t)time(NULL);

    if (works) {
        kh_chain_note(survey->chain, KH_LINK_FAR, NULL, now);
        if (kh_survey_remote(backend))
            kh_chain_note(survey->chain, KH_LINK_NEAR, NULL, now);
    } else {
        find_break(survey, backend, &err, now);
    }
    pthread_mutex_lock(&survey->mutex);
    kh_chain_read(survey->chain, survey->view.links);
    survey->view.looked_at = now;
    pthread_mutex_unlock(&survey->mutex);
}

/* ---- the counts ---- */

static void count(struct kh_survey *survey, struct kh_backend *backend)
{
    struct kh_error err = {0};
    struct kh_usage usage = {0};
    struct kh_info info;
    bool known = kh_backend_info(backend, &info, &err) == KH_OK;
    bool counted = known && kh_backend_usage(backend, &usage, &err) == KH_OK;
    int64_t now = (int64_t)time(NULL);

    /* One that cannot count is no problem, one that is sealed has nothing to count. */
    if (known && !counted && err.status == KH_REFUSED)
        err = (struct kh_error){0};

    if (!kh_survey_remote(backend)) /* the catalog is asked, and no device */
        kh_chain_note(survey->chain, KH_LINK_NEAR, known ? NULL : err.message, now);
    pthread_mutex_lock(&survey->mutex);
    kh_chain_read(survey->chain, survey->view.links);
    if (known) {
        survey->view.info = info;
        survey->view.has_info = true;
        survey->view.usage = usage;
        survey->view.has_usage = counted;
        survey->view.counted_at = now;
    }
    snprintf(survey->view.problem, sizeof survey->view.problem, "%s", err.message);
    pthread_mutex_unlock(&survey->mutex);
}

static void forget(struct kh_survey *survey, const struct kh_backend *backend)
{
    survey->seen = backend;
    survey->look_next = 0;
    survey->count_next = 0;
    kh_chain_forget(survey->chain);
    pthread_mutex_lock(&survey->mutex);
    memset(&survey->view, 0, sizeof survey->view);
    pthread_mutex_unlock(&survey->mutex);
}

/* Holding `turn`. */
static void look(struct kh_survey *survey, struct kh_backend *backend)
{
    uint64_t began = kh_clock_ms();

    if (survey->seen != backend)
        forget(survey, backend);
    pthread_mutex_lock(&survey->mutex);
    survey->began = began;
    pthread_mutex_unlock(&survey->mutex);
    if (began >= survey->look_next) {
        look_at_links(survey, backend);
        survey->look_next = next_time(began, LOOK_MS);
    }
    if (began >= survey->count_next) {
        began = kh_clock_ms();
        count(survey, backend);
        survey->count_next = next_time(began, COUNT_MS);
    }
    pthread_mutex_lock(&survey->mutex);
    survey->began = 0;
    pthread_mutex_unlock(&survey->mutex);
}

static void read_view(struct kh_survey *survey, struct kh_survey_view *out)
{
    pthread_mutex_lock(&survey->mutex);
    *out = survey->view;
    if (survey->began)
        out->waiting = (unsigned)((kh_clock_ms() - survey->began) / 1000);
    pthread_mutex_unlock(&survey->mutex);
}

void kh_survey_look(
    struct kh_survey *survey, struct kh_backend *backend, struct kh_survey_view *out)
{
    if (pthread_mutex_trylock(&survey->turn) == 0) {
        look(survey, backend);
        pthread_mutex_unlock(&survey->turn);
    }
    read_view(survey, out);
}
