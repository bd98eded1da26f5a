/* One part of the cache, for cache.c: a hash table whose entries stand in the order they
 * came in, which is the order they expire in. */
#ifndef KH_KMS_CACHE_SHARD_H
#define KH_KMS_CACHE_SHARD_H

#include "server/kms/cache.h"

#include <pthread.h>

#define KH_KMS_SHARDS 16
#define KH_KMS_BUCKETS 256

struct kh_kms_entry {
    struct kh_kms_key *key; /* with a reference */
    uint64_t hash;
    bool latest;
    uint64_t until;             /* monotonic milliseconds */
    struct kh_kms_entry *chain; /* of the bucket */
    struct kh_kms_entry *newer; /* in the order of coming */
    struct kh_kms_entry *older;
};

struct kh_kms_shard {
    pthread_mutex_t
        mutex; /* of everything below; held by the caller but for init, free */
    size_t max;
    size_t count;
    uint64_t drops; /* how often something was dropped: the tickets */
    struct kh_kms_entry *oldest;
    struct kh_kms_entry *newest;
    struct kh_kms_entry *buckets[KH_KMS_BUCKETS];
};

void kh_kms_shard_init(struct kh_kms_shard *shard, size_t max);
void kh_kms_shard_free(struct kh_kms_shard *shard);
/* NULL: not there. */
struct kh_kms_entry *kh_kms_shard_find(
    struct kh_kms_shard *shard, uint64_t hash, const char *name, uint32_t version);
/* ENTRY becomes the shard's, in place of the same version's; the oldest goes when it is
 * full. */
void kh_kms_shard_add(struct kh_kms_shard *shard, struct kh_kms_entry *entry);
/* The versions of NAME; NULL: all. */
void kh_kms_shard_remove(struct kh_kms_shard *shard, uint64_t hash, const char *name);
void kh_kms_shard_expire(struct kh_kms_shard *shard, uint64_t now);

#endif
