#include "plugins/pkcs11/gate.h"

#include "plugins/pkcs11/clock.h"

#include <stdio.h>

int kh_gate_init(struct kh_gate *gate)
{
    int rc = kh_cond_init(&gate->changed);

    if (rc == 0)
        (void)pthread_mutex_init(&gate->mutex, NULL);
    gate->generation = 1;
    return rc;
}

void kh_gate_free(struct kh_gate *gate)
{
    (void)pthread_cond_destroy(&gate->changed);
    (void)pthread_mutex_destroy(&gate->mutex);
}

static kh_status shut(const struct kh_gate *gate, struct kh_error *err)
{
    return kh_fail(err, KH_UNAVAILABLE, "the token is not usable now: %s", gate->reason);
}

/* With the mutex held. */
static void open_breaker(struct kh_gate *gate, const struct kh_error *err)
{
    uint64_t now = kh_clock_now();

    kh_breaker_failed(&gate->breaker, now, now / 1000);
    (void)snprintf(gate->reason, sizeof gate->reason, "%.290s", err->message);
}

/* With the mutex held. */
static kh_status enter(
    struct kh_gate *gate, uint64_t deadline, bool *try_mend, struct kh_error *err)
{
    for (;;) {
        if (gate->breaker.open) {
            if (gate->mending || !kh_breaker_may_try(&gate->breaker, kh_clock_now()))
                return shut(gate, err);
            *try_mend = true;
            return KH_OK;
        }
        if (!gate->mending) {
            gate->inside++;
            return KH_OK;
        }
        if (!kh_cond_wait(&gate->changed, &gate->mutex, deadline) && gate->mending)
            return kh_fail(
                err, KH_UNAVAILABLE, "the token is being recovered; try again later");
    }
}

kh_status kh_gate_enter(struct kh_gate *gate, uint64_t deadline, uint64_t *generation,
    bool *try_mend, struct kh_error *err)
{
    kh_status st;

    *try_mend = false;
    (void)pthread_mutex_lock(&gate->mutex);
    st = enter(gate, deadline, try_mend, err);
    *generation = gate->generation;
    (void)pthread_mutex_unlock(&gate->mutex);
    return st;
}

void kh_gate_leave(struct kh_gate *gate)
{
    (void)pthread_mutex_lock(&gate->mutex);
    gate->inside--;
    if (gate->inside == 0)
        (void)pthread_cond_broadcast(&gate->changed);
    (void)pthread_mutex_unlock(&gate->mutex);
}

/* Waits for a mender, then says whether there is still something to do. With the mutex
 * held. */
static kh_status contend(struct kh_gate *gate, uint64_t generation, uint64_t deadline,
    bool *mine, struct kh_error *err)
{
    while (gate->mending && !gate->breaker.open) {
        if (!kh_cond_wait(&gate->changed, &gate->mutex, deadline) && gate->mending)
            return kh_fail(
                err, KH_UNAVAILABLE, "the token is being recovered; try again later");
    }
    if (gate->mending)
        return shut(gate, err);
    if (gate->breaker.open && !kh_breaker_may_try(&gate->breaker, kh_clock_now()))
        return shut(gate, err);
    *mine = gate->breaker.open || gate->generation == generation;
    return KH_OK;
}

kh_status kh_gate_mend(struct kh_gate *gate, uint64_t generation, uint64_t deadline,
    bool *mine, struct kh_error *err)
{
    kh_status st;

    *mine = false;
    (void)pthread_mutex_lock(&gate->mutex);
    st = contend(gate, generation, deadline, mine, err);
    if (st == KH_OK && *mine) {
        gate->mending = true;
        while (gate->inside > 0) {
            if (kh_cond_wait(&gate->changed, &gate->mutex, deadline) || gate->inside == 0)
                continue;
            st = kh_fail(err, KH_UNAVAILABLE,
                "%u calls have not come back from the module: it cannot be recovered now",
                gate->inside);
            open_breaker(gate, err);
            gate->mending = false;
            *mine = false;
            (void)pthread_cond_broadcast(&gate->changed);
            break;
        }
    }
    (void)pthread_mutex_unlock(&gate->mutex);
    return st;
}

void kh_gate_mended(struct kh_gate *gate, kh_status result, const struct kh_error *err)
{
    (void)pthread_mutex_lock(&gate->mutex);
    gate->mending = false;
    if (result == KH_OK) {
        gate->generation++;
        kh_breaker_mended(&gate->breaker);
    } else {
        open_breaker(gate, err);
        gate->breaker.latched = result == KH_REFUSED;
    }
    (void)pthread_cond_broadcast(&gate->changed);
    (void)pthread_mutex_unlock(&gate->mutex);
}

void kh_gate_trip(struct kh_gate *gate, uint64_t generation, const struct kh_error *err)
{
    (void)pthread_mutex_lock(&gate->mutex);
    if (gate->generation == generation && !gate->mending && !gate->breaker.open)
        open_breaker(gate, err);
    (void)pthread_mutex_unlock(&gate->mutex);
}

bool kh_gate_drain(struct kh_gate *gate, uint64_t deadline)
{
    bool empty;

    (void)pthread_mutex_lock(&gate->mutex);
    while (gate->inside > 0 || gate->mending) {
        if (!kh_cond_wait(&gate->changed, &gate->mutex, deadline))
            break;
    }
    empty = gate->inside == 0 && !gate->mending;
    (void)pthread_mutex_unlock(&gate->mutex);
    return empty;
}
