#include "server/history.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Durations by quarters of an octave, from 64 microseconds to 114 seconds. */
enum { SLOTS = 84, STEP_MS = 1000 * KH_HISTORY_STEP };
#define FIRST_US 64.0
#define QUARTER 1.189207115002721 /* the fourth root of 2 */

struct bucket {
    uint64_t step; /* which one since the clock began; another: the bucket is free */
    uint32_t count;
    uint32_t failed;
    uint32_t slots[SLOTS];
};

struct kh_history {
    pthread_mutex_t mutex;
    struct bucket ring[KH_HISTORY_POINTS];
};

struct kh_history *kh_history_new(void)
{
    struct kh_history *history = calloc(1, sizeof *history);

    if (history)
        pthread_mutex_init(&history->mutex, NULL);
    return history;
}

void kh_history_free(struct kh_history *history)
{
    if (history)
        pthread_mutex_destroy(&history->mutex);
    free(history);
}

static size_t slot_of(uint64_t ns)
{
    double bound = FIRST_US;
    size_t i = 0;

    for (; i < SLOTS - 1 && (double)ns / 1000 > bound; i++)
        bound *= QUARTER;
    return i;
}

/* Never an empty ring by chance: step 0 of the clock counts as step 1 does. */
static uint64_t step_of(uint64_t now_ms)
{
    return now_ms / STEP_MS + 1;
}

void kh_history_add(struct kh_history *history, uint64_t now_ms, int status, uint64_t ns)
{
    uint64_t step = step_of(now_ms);
    struct bucket *bucket = &history->ring[step % KH_HISTORY_POINTS];

    pthread_mutex_lock(&history->mutex);
    if (bucket->step != step)
        *bucket = (struct bucket){.step = step};
    bucket->count++;
    bucket->failed += status >= 500;
    bucket->slots[slot_of(ns)]++;
    pthread_mutex_unlock(&history->mutex);
}

static void merge(struct bucket *into, const struct bucket *from)
{
    into->count += from->count;
    into->failed += from->failed;
    for (size_t i = 0; i < SLOTS; i++)
        into->slots[i] += from->slots[i];
}

/* The duration that SHARE of the requests did not exceed: inside of its slot they are
 * taken to lie evenly. */
static double percentile(const struct bucket *bucket, double share)
{
    double rank = share * bucket->count;
    double low = 0;
    double high = FIRST_US;
    double seen = 0;

    for (size_t i = 0; i < SLOTS; i++) {
        if (bucket->slots[i] > 0 && seen + bucket->slots[i] >= rank)
            return (low + (high - low) * (rank - seen) / bucket->slots[i]) / 1000;
        seen += bucket->slots[i];
        low = high;
        high *= QUARTER;
    }
    return 0;
}

static struct kh_history_point point_of(const struct bucket *bucket)
{
    return (struct kh_history_point){.count = bucket->count,
        .failed = bucket->failed,
        .p50_ms = percentile(bucket, 0.50),
        .p99_ms = percentile(bucket, 0.99)};
}

void kh_history_read(
    struct kh_history *history, uint64_t now_ms, struct kh_history_view *out)
{
    uint64_t last = step_of(now_ms);
    struct bucket hour = {0};

    memset(out, 0, sizeof *out);
    pthread_mutex_lock(&history->mutex);
    for (size_t i = 0; i < KH_HISTORY_POINTS; i++) {
        uint64_t step = last + 1 + i - KH_HISTORY_POINTS;
        const struct bucket *bucket = &history->ring[step % KH_HISTORY_POINTS];

        if (bucket->step != step || bucket->count == 0)
            continue;
        out->points[i] = point_of(bucket);
        merge(&hour, bucket);
    }
    pthread_mutex_unlock(&history->mutex);
    out->hour = point_of(&hour);
    out->last_seconds = (double)(now_ms % STEP_MS + 1) / 1000;
}
