#include "server/chain.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct kh_chain {
    pthread_mutex_t mutex;
    struct kh_link links[KH_LINKS];
    int64_t trouble; /* since when requests find the backend unusable; 0: they do not */
};

struct kh_chain *kh_chain_new(void)
{
    struct kh_chain *chain = calloc(1, sizeof *chain);

    if (chain)
        pthread_mutex_init(&chain->mutex, NULL);
    return chain;
}

void kh_chain_free(struct kh_chain *chain)
{
    if (chain)
        pthread_mutex_destroy(&chain->mutex);
    free(chain);
}

static void enter(struct kh_link *link, enum kh_link_state state, int64_t since)
{
    if (link->state == state)
        return;
    link->state = state;
    link->since = since;
}

void kh_chain_note(
    struct kh_chain *chain, enum kh_link_place place, const char *error, int64_t now)
{
    struct kh_link *link = &chain->links[place];

    pthread_mutex_lock(&chain->mutex);
    if (error) {
        enter(link, KH_LINK_FAILED, chain->trouble ? chain->trouble : now);
        snprintf(link->error, sizeof link->error, "%s", error);
        link->error_at = now;
    } else {
        enter(link, KH_LINK_OK, now);
    }
    pthread_mutex_unlock(&chain->mutex);
}

void kh_chain_unknown(struct kh_chain *chain, enum kh_link_place place, int64_t now)
{
    pthread_mutex_lock(&chain->mutex);
    enter(&chain->links[place], KH_LINK_UNKNOWN, now);
    pthread_mutex_unlock(&chain->mutex);
}

void kh_chain_hint(struct kh_chain *chain, bool works, int64_t now)
{
    pthread_mutex_lock(&chain->mutex);
    if (works)
        chain->trouble = 0;
    else if (chain->trouble == 0)
        chain->trouble = now;
    pthread_mutex_unlock(&chain->mutex);
}

void kh_chain_forget(struct kh_chain *chain)
{
    pthread_mutex_lock(&chain->mutex);
    memset(chain->links, 0, sizeof chain->links);
    chain->trouble = 0;
    pthread_mutex_unlock(&chain->mutex);
}

void kh_chain_read(struct kh_chain *chain, struct kh_link out[KH_LINKS])
{
    pthread_mutex_lock(&chain->mutex);
    memcpy(out, chain->links, sizeof chain->links);
    pthread_mutex_unlock(&chain->mutex);
}
