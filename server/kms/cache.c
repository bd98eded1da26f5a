#include "server/kms/cache.h"

#include "server/kms/cache_shard.h"

#include <openssl/rand.h>
#include <stdlib.h>

struct kh_kms_cache {
    uint64_t ttl_ms;
    uint64_t seed; /* so that nobody can choose names that fall together */
    struct kh_kms_shard shards[KH_KMS_SHARDS];
};

struct kh_kms_cache *kh_kms_cache_new(size_t max, uint64_t ttl_ms)
{
    struct kh_kms_cache *cache = calloc(1, sizeof *cache);

    if (!cache)
        return NULL;
    cache->ttl_ms = ttl_ms;
    if (RAND_bytes((unsigned char *)&cache->seed, sizeof cache->seed) != 1) {
        free(cache);
        return NULL;
    }
    for (size_t i = 0; i < KH_KMS_SHARDS; i++)
        kh_kms_shard_init(&cache->shards[i], (max + KH_KMS_SHARDS - 1) / KH_KMS_SHARDS);
    return cache;
}

void kh_kms_cache_free(struct kh_kms_cache *cache)
{
    if (!cache)
        return;
    for (size_t i = 0; i < KH_KMS_SHARDS; i++)
        kh_kms_shard_free(&cache->shards[i]);
    free(cache);
}

/* FNV-1a from a secret start. */
static uint64_t hash(const struct kh_kms_cache *cache, const char *name)
{
    uint64_t h = cache->seed;

    for (; *name; name++)
        h = (h ^ (unsigned char)*name) * 0x100000001b3U;
    return h ^ h >> 29;
}

static struct kh_kms_shard *shard_of(struct kh_kms_cache *cache, uint64_t h)
{
    return &cache->shards[h % KH_KMS_SHARDS];
}

struct kh_kms_key *kh_kms_cache_get(
    struct kh_kms_cache *cache, const char *name, uint32_t version, uint64_t now)
{
    uint64_t h = hash(cache, name);
    struct kh_kms_shard *shard = shard_of(cache, h);
    struct kh_kms_entry *entry;
    struct kh_kms_key *key = NULL;

    pthread_mutex_lock(&shard->mutex);
    kh_kms_shard_expire(shard, now);
    entry = kh_kms_shard_find(shard, h, name, version);
    if (entry) {
        key = entry->key;
        atomic_fetch_add(&key->refs, 1);
    }
    pthread_mutex_unlock(&shard->mutex);
    return key;
}

uint64_t kh_kms_cache_ticket(struct kh_kms_cache *cache, const char *name)
{
    struct kh_kms_shard *shard = shard_of(cache, hash(cache, name));
    uint64_t ticket;

    pthread_mutex_lock(&shard->mutex);
    ticket = shard->drops;
    pthread_mutex_unlock(&shard->mutex);
    return ticket;
}

void kh_kms_cache_put(struct kh_kms_cache *cache, struct kh_kms_key *key, bool latest,
    uint64_t ticket, uint64_t now)
{
    uint64_t h = hash(cache, key->name);
    struct kh_kms_shard *shard = shard_of(cache, h);
    struct kh_kms_entry *entry = calloc(1, sizeof *entry);

    if (!entry) /* it is only read again then */
        return;
    *entry = (struct kh_kms_entry){
        .key = key, .hash = h, .latest = latest, .until = now + cache->ttl_ms};
    pthread_mutex_lock(&shard->mutex);
    if (shard->drops == ticket) {
        atomic_fetch_add(&key->refs, 1);
        kh_kms_shard_add(shard, entry);
        entry = NULL;
    }
    pthread_mutex_unlock(&shard->mutex);
    free(entry);
}

void kh_kms_cache_drop(struct kh_kms_cache *cache, const char *name)
{
    uint64_t h = name ? hash(cache, name) : 0;

    for (size_t i = 0; i < KH_KMS_SHARDS; i++) {
        struct kh_kms_shard *shard = &cache->shards[i];

        if (name && shard != shard_of(cache, h))
            continue;
        pthread_mutex_lock(&shard->mutex);
        shard->drops++;
        kh_kms_shard_remove(shard, h, name);
        pthread_mutex_unlock(&shard->mutex);
    }
}

void kh_kms_cache_sweep(struct kh_kms_cache *cache, uint64_t now)
{
    for (size_t i = 0; i < KH_KMS_SHARDS; i++) {
        pthread_mutex_lock(&cache->shards[i].mutex);
        kh_kms_shard_expire(&cache->shards[i], now);
        pthread_mutex_unlock(&cache->shards[i].mutex);
    }
}

size_t kh_kms_cache_count(struct kh_kms_cache *cache)
{
    size_t count = 0;

    for (size_t i = 0; i < KH_KMS_SHARDS; i++) {
        pthread_mutex_lock(&cache->shards[i].mutex);
        count += cache->shards[i].count;
        pthread_mutex_unlock(&cache->shards[i].mutex);
    }
    return count;
}
