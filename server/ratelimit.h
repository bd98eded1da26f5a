/* A token bucket. Pure; the caller locks. */
#ifndef KH_SERVER_RATELIMIT_H
#define KH_SERVER_RATELIMIT_H

#include <stdbool.h>
#include <stdint.h>

struct kh_rate {
    uint32_t burst;       /* tokens when full */
    uint32_t interval_ms; /* one token comes back in this time */
    uint64_t credit_ms;   /* what has come back, in time */
    uint64_t last_ms;
};

/* Starts full at NOW (monotonic milliseconds). */
void kh_rate_init(
    struct kh_rate *rate, uint32_t burst, uint32_t interval_ms, uint64_t now);
/* Takes a token; false when there is none. */
bool kh_rate_take(struct kh_rate *rate, uint64_t now);

#endif
