/*
 * Who may change the token's objects: any number of threads make keys, or one is alone,
 * who destroys a key or has to search before it makes one. SoftHSM reads its directory
 * anew when it destroys and when it searches, takes a key that another thread is just
 * making for a broken file, and that thread's C_GenerateKeyPair fails half way.
 */
#ifndef KH_PKCS11_TURN_H
#define KH_PKCS11_TURN_H

#include <keyhsm/types.h>
#include <pthread.h>

struct kh_turn {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    unsigned making;
    unsigned want_alone; /* go first, so that makers cannot hold them off for ever */
    bool alone;
};

/* 0, or an errno value. */
int kh_turn_init(struct kh_turn *turn);
void kh_turn_free(struct kh_turn *turn);

/* Waits for the turn until DEADLINE (kh_clock_now), then KH_UNAVAILABLE. Not recursive.
 */
KH_CHECK kh_status kh_turn_take(
    struct kh_turn *turn, bool alone, uint64_t deadline, struct kh_error *err);
void kh_turn_give(struct kh_turn *turn, bool alone);

#endif
