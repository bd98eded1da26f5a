#include "server/ratelimit.h"

static uint64_t full(const struct kh_rate *rate)
{
    return (uint64_t)rate->burst * rate->interval_ms;
}

void kh_rate_init(
    struct kh_rate *rate, uint32_t burst, uint32_t interval_ms, uint64_t now)
{
    *rate = (struct kh_rate){.burst = burst, .interval_ms = interval_ms, .last_ms = now};
    rate->credit_ms = full(rate);
}

bool kh_rate_take(struct kh_rate *rate, uint64_t now)
{
    if (now > rate->last_ms) {
        uint64_t missing = full(rate) - rate->credit_ms;
        uint64_t passed = now - rate->last_ms;

        rate->credit_ms += passed < missing ? passed : missing;
        rate->last_ms = now;
    }
    if (rate->credit_ms < rate->interval_ms)
        return false;
    rate->credit_ms -= rate->interval_ms;
    return true;
}
