#include "plugins/pkcs11/cache.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_BUCKETS 256

struct kh_cache_node {
    struct kh_cache_node *next;
    struct kh_key_id id;
    CK_OBJECT_HANDLE handle;
    uint64_t epoch;  /* in which it was looked at; 0: never */
    uint64_t round;  /* in which it was attested; 0: never */
    uint64_t proven; /* the epoch in which it was; 0: never */
};

/* FNV-1a. Ids are random, and only a holder of the token can choose them. */
static size_t bucket_of(const struct kh_cache *cache, const struct kh_key_id *id)
{
    uint64_t hash = 0xcbf29ce484222325ULL;

    for (size_t i = 0; i < id->len; i++)
        hash = (hash ^ id->bytes[i]) * 0x100000001b3ULL;
    return (size_t)(hash & (cache->bucket_count - 1));
}

static struct kh_cache_node **find(
    const struct kh_cache *cache, const struct kh_key_id *id)
{
    struct kh_cache_node **at = &cache->buckets[bucket_of(cache, id)];

    while (*at &&
           ((*at)->id.len != id->len || memcmp((*at)->id.bytes, id->bytes, id->len) != 0))
        at = &(*at)->next;
    return at;
}

int kh_cache_init(struct kh_cache *cache)
{
    cache->buckets = calloc(FIRST_BUCKETS, sizeof(struct kh_cache_node *));
    if (!cache->buckets)
        return ENOMEM;
    cache->bucket_count = FIRST_BUCKETS;
    cache->epoch = 1;
    (void)pthread_mutex_init(&cache->mutex, NULL);
    return 0;
}

static void empty(struct kh_cache *cache)
{
    for (size_t i = 0; i < cache->bucket_count; i++) {
        while (cache->buckets[i]) {
            struct kh_cache_node *node = cache->buckets[i];

            cache->buckets[i] = node->next;
            free(node);
        }
    }
    cache->count = 0;
}

void kh_cache_free(struct kh_cache *cache)
{
    if (!cache->buckets)
        return;
    empty(cache);
    free(cache->buckets);
    cache->buckets = NULL;
    (void)pthread_mutex_destroy(&cache->mutex);
}

bool kh_cache_get(struct kh_cache *cache, const struct kh_key_id *id,
    CK_OBJECT_HANDLE *handle, bool *looked_at)
{
    const struct kh_cache_node *node;

    (void)pthread_mutex_lock(&cache->mutex);
    node = *find(cache, id);
    if (node) {
        *handle = node->handle;
        *looked_at = node->epoch == cache->epoch;
    }
    (void)pthread_mutex_unlock(&cache->mutex);
    return node != NULL;
}

/* Doubles the table when it is full. Without memory it stays as it is and only gets
 * slower. */
static void grow(struct kh_cache *cache)
{
    struct kh_cache_node **old = cache->buckets;
    size_t old_count = cache->bucket_count;
    struct kh_cache_node **wider;

    if (cache->count < old_count)
        return;
    wider = calloc(old_count * 2, sizeof(struct kh_cache_node *));
    if (!wider)
        return;
    cache->buckets = wider;
    cache->bucket_count = old_count * 2;
    for (size_t i = 0; i < old_count; i++) {
        while (old[i]) {
            struct kh_cache_node *node = old[i];
            size_t to = bucket_of(cache, &node->id);

            old[i] = node->next;
            node->next = wider[to];
            wider[to] = node;
        }
    }
    free(old);
}

bool kh_cache_put(struct kh_cache *cache, const struct kh_key_id *id,
    CK_OBJECT_HANDLE handle, bool looked_at)
{
    struct kh_cache_node **at;
    bool ok;

    (void)pthread_mutex_lock(&cache->mutex);
    grow(cache);
    at = find(cache, id);
    if (!*at) {
        *at = calloc(1, sizeof **at);
        if (*at) {
            (*at)->id = *id;
            cache->count++;
        }
    }
    ok = *at != NULL;
    if (ok) {
        (*at)->handle = handle;
        (*at)->epoch = looked_at ? cache->epoch : 0;
        (*at)->round = 0;
    }
    (void)pthread_mutex_unlock(&cache->mutex);
    return ok;
}

void kh_cache_drop(struct kh_cache *cache, const struct kh_key_id *id)
{
    struct kh_cache_node **at;

    (void)pthread_mutex_lock(&cache->mutex);
    at = find(cache, id);
    if (*at) {
        struct kh_cache_node *node = *at;

        *at = node->next;
        free(node);
        cache->count--;
    }
    (void)pthread_mutex_unlock(&cache->mutex);
}

void kh_cache_set_proven(struct kh_cache *cache, const struct kh_key_id *id)
{
    struct kh_cache_node *node;

    (void)pthread_mutex_lock(&cache->mutex);
    node = *find(cache, id);
    if (node)
        node->proven = cache->epoch;
    (void)pthread_mutex_unlock(&cache->mutex);
}

bool kh_cache_is_proven(struct kh_cache *cache, const struct kh_key_id *id)
{
    const struct kh_cache_node *node;
    bool proven;

    (void)pthread_mutex_lock(&cache->mutex);
    node = *find(cache, id);
    proven = node && node->proven == cache->epoch;
    (void)pthread_mutex_unlock(&cache->mutex);
    return proven;
}

bool kh_cache_flush(struct kh_cache *cache)
{
    bool was_complete;

    (void)pthread_mutex_lock(&cache->mutex);
    was_complete = cache->complete;
    cache->complete = false;
    empty(cache);
    (void)pthread_mutex_unlock(&cache->mutex);
    return was_complete;
}

void kh_cache_doubt(struct kh_cache *cache)
{
    (void)pthread_mutex_lock(&cache->mutex);
    cache->epoch++;
    (void)pthread_mutex_unlock(&cache->mutex);
}

void kh_cache_set_complete(struct kh_cache *cache)
{
    (void)pthread_mutex_lock(&cache->mutex);
    cache->complete = true;
    (void)pthread_mutex_unlock(&cache->mutex);
}

bool kh_cache_is_complete(struct kh_cache *cache)
{
    bool complete;

    (void)pthread_mutex_lock(&cache->mutex);
    complete = cache->complete;
    (void)pthread_mutex_unlock(&cache->mutex);
    return complete;
}

void kh_cache_round(struct kh_cache *cache, bool begin)
{
    (void)pthread_mutex_lock(&cache->mutex);
    cache->rounds += begin;
    cache->in_round = begin;
    (void)pthread_mutex_unlock(&cache->mutex);
}

void kh_cache_set_attested(struct kh_cache *cache, const struct kh_key_id *id)
{
    struct kh_cache_node *node;

    (void)pthread_mutex_lock(&cache->mutex);
    node = *find(cache, id);
    if (node && cache->in_round)
        node->round = cache->rounds;
    (void)pthread_mutex_unlock(&cache->mutex);
}

bool kh_cache_is_attested(struct kh_cache *cache, const struct kh_key_id *id)
{
    const struct kh_cache_node *node;
    bool attested;

    (void)pthread_mutex_lock(&cache->mutex);
    node = *find(cache, id);
    attested = node && cache->in_round && node->round == cache->rounds &&
               node->epoch == cache->epoch;
    (void)pthread_mutex_unlock(&cache->mutex);
    return attested;
}
