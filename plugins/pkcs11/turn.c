#include "plugins/pkcs11/turn.h"

#include "plugins/pkcs11/clock.h"

int kh_turn_init(struct kh_turn *turn)
{
    int rc = pthread_mutex_init(&turn->mutex, NULL);

    return rc == 0 ? kh_cond_init(&turn->changed) : rc;
}

void kh_turn_free(struct kh_turn *turn)
{
    pthread_cond_destroy(&turn->changed);
    pthread_mutex_destroy(&turn->mutex);
}

static bool must_wait(const struct kh_turn *turn, bool alone)
{
    if (alone)
        return turn->alone || turn->making > 0;
    return turn->alone || turn->want_alone > 0;
}

kh_status kh_turn_take(
    struct kh_turn *turn, bool alone, uint64_t deadline, struct kh_error *err)
{
    bool mine;

    pthread_mutex_lock(&turn->mutex);
    turn->want_alone += alone;
    while (must_wait(turn, alone)) {
        if (!kh_cond_wait(&turn->changed, &turn->mutex, deadline))
            break;
    }
    turn->want_alone -= alone;
    mine = !must_wait(turn, alone);
    if (mine && alone)
        turn->alone = true;
    else if (mine)
        turn->making++;
    else
        pthread_cond_broadcast(&turn->changed); /* who waited for us need not any more */
    pthread_mutex_unlock(&turn->mutex);
    if (mine)
        return KH_OK;
    return kh_fail(err, KH_UNAVAILABLE,
        "the token is busy making or destroying keys; try again later");
}

void kh_turn_give(struct kh_turn *turn, bool alone)
{
    pthread_mutex_lock(&turn->mutex);
    if (alone)
        turn->alone = false;
    else
        turn->making--;
    pthread_cond_broadcast(&turn->changed);
    pthread_mutex_unlock(&turn->mutex);
}
