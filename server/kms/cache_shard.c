#include "server/kms/cache_shard.h"

#include "core/secmem.h"

#include <stdlib.h>
#include <string.h>

struct kh_kms_key *kh_kms_key_new(
    const char *name, uint32_t version, struct kh_buf *material, const char *acl)
{
    size_t len = strlen(acl) + 1;
    struct kh_kms_key *key = calloc(1, sizeof *key + len);

    if (!key)
        return NULL;
    atomic_init(&key->refs, 1);
    snprintf(key->name, sizeof key->name, "%s", name);
    key->version = version;
    memcpy(key->acl, acl, len);
    key->material = *material;
    *material = (struct kh_buf){0};
    key->bits = 8 * (unsigned)key->material.len;
    return key;
}

bool kh_kms_key_wraps(struct kh_kms_key *key, const char *wrap, unsigned bits)
{
    key->wrap = strdup(wrap);
    key->bits = bits;
    return key->wrap != NULL;
}

void kh_kms_key_release(struct kh_kms_key *key)
{
    if (!key || atomic_fetch_sub(&key->refs, 1) > 1)
        return;
    kh_buf_free(&key->material);
    free(key->wrap);
    free(key);
}

void kh_kms_key_cleanup(struct kh_kms_key **key)
{
    kh_kms_key_release(*key);
}

void kh_kms_shard_init(struct kh_kms_shard *shard, size_t max)
{
    pthread_mutex_init(&shard->mutex, NULL);
    shard->max = max ? max : 1;
}

static struct kh_kms_entry **bucket(struct kh_kms_shard *shard, uint64_t hash)
{
    return &shard->buckets[hash / KH_KMS_SHARDS % KH_KMS_BUCKETS];
}

/* Out of its bucket and the order, and gone. */
static void discard(struct kh_kms_shard *shard, struct kh_kms_entry *entry)
{
    struct kh_kms_entry **link = bucket(shard, entry->hash);

    while (*link != entry)
        link = &(*link)->chain;
    *link = entry->chain;
    if (entry->newer)
        entry->newer->older = entry->older;
    else
        shard->newest = entry->older;
    if (entry->older)
        entry->older->newer = entry->newer;
    else
        shard->oldest = entry->newer;
    shard->count--;
    kh_kms_key_release(entry->key);
    free(entry);
}

struct kh_kms_entry *kh_kms_shard_find(
    struct kh_kms_shard *shard, uint64_t hash, const char *name, uint32_t version)
{
    for (struct kh_kms_entry *entry = *bucket(shard, hash); entry; entry = entry->chain) {
        bool wanted =
            version == KH_LATEST ? entry->latest : entry->key->version == version;

        if (wanted && entry->hash == hash && strcmp(entry->key->name, name) == 0)
            return entry;
    }
    return NULL;
}

void kh_kms_shard_add(struct kh_kms_shard *shard, struct kh_kms_entry *entry)
{
    struct kh_kms_key *key = entry->key;
    struct kh_kms_entry *same =
        kh_kms_shard_find(shard, entry->hash, key->name, key->version);
    struct kh_kms_entry *current =
        kh_kms_shard_find(shard, entry->hash, key->name, KH_LATEST);

    if (entry->latest && current)
        current->latest = false;
    else if (same && same->latest)
        entry->latest = true;
    if (same)
        discard(shard, same);
    else if (shard->count >= shard->max)
        discard(shard, shard->oldest);
    entry->chain = *bucket(shard, entry->hash);
    *bucket(shard, entry->hash) = entry;
    entry->older = shard->newest;
    if (shard->newest)
        shard->newest->newer = entry;
    else
        shard->oldest = entry;
    shard->newest = entry;
    shard->count++;
}

void kh_kms_shard_remove(struct kh_kms_shard *shard, uint64_t hash, const char *name)
{
    struct kh_kms_entry *entry = name ? *bucket(shard, hash) : shard->oldest;

    while (entry) {
        struct kh_kms_entry *next = name ? entry->chain : entry->newer;

        if (!name || (entry->hash == hash && strcmp(entry->key->name, name) == 0))
            discard(shard, entry);
        entry = next;
    }
}

void kh_kms_shard_expire(struct kh_kms_shard *shard, uint64_t now)
{
    while (shard->oldest && shard->oldest->until <= now)
        discard(shard, shard->oldest);
}

void kh_kms_shard_free(struct kh_kms_shard *shard)
{
    kh_kms_shard_remove(shard, 0, NULL);
    pthread_mutex_destroy(&shard->mutex);
}
