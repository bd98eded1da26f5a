/*
 * The breaker: after a failed recovery nobody waits for the token; one caller tries again
 * after 0.1 s, 0.2 s, ... at most 30 s, with jitter. Pure: the clock comes in. Not thread
 * safe (the gate is).
 */
#ifndef KH_PKCS11_BREAKER_H
#define KH_PKCS11_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

struct kh_breaker {
    bool open;
    bool latched;      /* no time heals it: a refused PIN */
    unsigned failures; /* in a row; a quiet minute ends the row */
    uint64_t retry_at;
    uint64_t last_failure;
};

/* A failure at NOW. JITTER: any number; it moves the wait by up to a quarter, either way.
 */
void kh_breaker_failed(struct kh_breaker *breaker, uint64_t now, uint64_t jitter);
/* A recovery went well. The row of failures is not forgotten: it may fail again at once.
 */
void kh_breaker_mended(struct kh_breaker *breaker);
/* May one caller try now? */
bool kh_breaker_may_try(const struct kh_breaker *breaker, uint64_t now);

#endif
