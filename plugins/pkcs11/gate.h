/*
 * The gate every operation passes: many may be inside, or one who mends (C_Finalize under
 * a working thread kills the process). A read-write lock with deadlines and a breaker,
 * which is why it is not a pthread_rwlock_t. Thread safe.
 */
#ifndef KH_PKCS11_GATE_H
#define KH_PKCS11_GATE_H

#include "plugins/pkcs11/breaker.h"
#include <keyhsm/types.h>

#include <pthread.h>

struct kh_gate {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    unsigned inside;
    bool mending;
    uint64_t
        generation; /* of logins and initialisations; handles of an older one are dead */
    struct kh_breaker breaker;
    char reason[300]; /* why the breaker is open */
};

/* 0, or an errno value. */
int kh_gate_init(struct kh_gate *gate);
void kh_gate_free(struct kh_gate *gate);

/*
 * In, and *GENERATION set. Waits until DEADLINE for a mender while the breaker is closed.
 * KH_UNAVAILABLE: the breaker is open, or it took too long. *TRY: the breaker is open but
 * it is time for a try: the caller is NOT inside, and should mend and come again.
 */
KH_CHECK kh_status kh_gate_enter(struct kh_gate *gate, uint64_t deadline,
    uint64_t *generation, bool *try_mend, struct kh_error *err);
void kh_gate_leave(struct kh_gate *gate);

/*
 * Asks to be the one who mends what broke in GENERATION. *MINE: everybody is out, and
 * stays out until kh_gate_mended. Not *MINE: somebody else has mended it in the meantime.
 * The caller is not inside.
 */
KH_CHECK kh_status kh_gate_mend(struct kh_gate *gate, uint64_t generation,
    uint64_t deadline, bool *mine, struct kh_error *err);
/* RESULT KH_OK: a new generation begins. Else the breaker opens; with KH_REFUSED for
 * ever. */
void kh_gate_mended(struct kh_gate *gate, kh_status result, const struct kh_error *err);

/* Opens the breaker: what was mended in GENERATION broke again at once. */
void kh_gate_trip(struct kh_gate *gate, uint64_t generation, const struct kh_error *err);

/* Waits until nobody is inside. False at DEADLINE. */
bool kh_gate_drain(struct kh_gate *gate, uint64_t deadline);

#endif
