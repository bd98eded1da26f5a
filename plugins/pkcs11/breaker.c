#include "plugins/pkcs11/breaker.h"

#include "plugins/pkcs11/clock.h"

#define FIRST_WAIT (KH_SECOND / 10)
#define LONGEST_WAIT (30 * KH_SECOND)
#define QUIET (60 * KH_SECOND)

void kh_breaker_failed(struct kh_breaker *breaker, uint64_t now, uint64_t jitter)
{
    uint64_t wait = FIRST_WAIT;

    if (breaker->failures > 0 && now - breaker->last_failure > QUIET)
        breaker->failures = 0;
    for (unsigned i = 0; i < breaker->failures && wait < LONGEST_WAIT; i++)
        wait *= 2;
    wait = wait - wait / 4 + jitter % (wait / 2 + 1);
    if (wait > LONGEST_WAIT)
        wait = LONGEST_WAIT;
    if (breaker->failures < 32)
        breaker->failures++;
    breaker->open = true;
    breaker->last_failure = now;
    breaker->retry_at = now + wait;
}

void kh_breaker_mended(struct kh_breaker *breaker)
{
    breaker->open = false;
}

bool kh_breaker_may_try(const struct kh_breaker *breaker, uint64_t now)
{
    return !breaker->open || (!breaker->latched && now >= breaker->retry_at);
}
