/* Deadlines on the monotonic clock, in nanoseconds, and a condition variable that waits
 * for them. */
#ifndef KH_PKCS11_CLOCK_H
#define KH_PKCS11_CLOCK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#define KH_SECOND 1000000000ULL

static inline uint64_t kh_clock_now(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * KH_SECOND + (uint64_t)ts.tv_nsec;
}

/* A condition variable on the monotonic clock. 0, or an errno value. */
static inline int kh_cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attr;
    int rc = pthread_condattr_init(&attr);

    if (rc == 0) {
        (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
        rc = pthread_cond_init(cond, &attr);
        (void)pthread_condattr_destroy(&attr);
    }
    return rc;
}

/* False when DEADLINE has passed. */
static inline bool kh_cond_wait(
    pthread_cond_t *cond, pthread_mutex_t *mutex, uint64_t deadline)
{
    struct timespec ts = {.tv_sec = (time_t)(deadline / KH_SECOND),
        .tv_nsec = (long)(deadline % KH_SECOND)};

    return pthread_cond_timedwait(cond, mutex, &ts) == 0;
}

#endif
