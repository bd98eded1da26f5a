#include "server/kms/facts.h"

#include <openssl/rand.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKETS = 16384 };

struct entry {
    struct entry *chain;
    struct kh_kms_fact *fact;
    size_t bytes; /* of the entry and its fact */
    int64_t created;
    uint32_t version;
    bool used; /* since everything was dropped */
    char name[];
};

struct kh_kms_facts {
    pthread_mutex_t mutex;
    uint64_t seed; /* so that nobody can choose names that fall together */
    uint64_t drops;
    size_t max;
    size_t max_bytes;
    size_t count;
    size_t bytes;
    struct entry *buckets[BUCKETS];
};

struct kh_kms_fact *kh_kms_fact_new(const char *metadata, size_t len, const char *acl)
{
    size_t acl_len = strlen(acl) + 1;
    struct kh_kms_fact *fact = calloc(1, sizeof *fact + acl_len + len + 1);

    if (!fact)
        return NULL;
    atomic_init(&fact->refs, 1);
    memcpy(fact->acl, acl, acl_len);
    if (metadata)
        fact->metadata = memcpy(fact->acl + acl_len, metadata, len);
    return fact;
}

void kh_kms_fact_release(struct kh_kms_fact *fact)
{
    if (fact && atomic_fetch_sub(&fact->refs, 1) == 1)
        free(fact);
}

void kh_kms_fact_cleanup(struct kh_kms_fact **fact)
{
    kh_kms_fact_release(*fact);
}

struct kh_kms_facts *kh_kms_facts_new(size_t max, size_t bytes)
{
    struct kh_kms_facts *facts = calloc(1, sizeof *facts);

    if (!facts)
        return NULL;
    if (RAND_bytes((unsigned char *)&facts->seed, sizeof facts->seed) != 1) {
        free(facts);
        return NULL;
    }
    pthread_mutex_init(&facts->mutex, NULL);
    facts->max = max;
    facts->max_bytes = bytes;
    return facts;
}

/* FNV-1a from a secret start. */
static struct entry **link_of(struct kh_kms_facts *facts, const char *name)
{
    uint64_t h = facts->seed;
    struct entry **link;

    for (const char *p = name; *p; p++)
        h = (h ^ (unsigned char)*p) * 0x100000001b3U;
    link = &facts->buckets[(h ^ h >> 29) % BUCKETS];
    while (*link && strcmp((*link)->name, name) != 0)
        link = &(*link)->chain;
    return link;
}

static void discard(struct kh_kms_facts *facts, struct entry **link)
{
    struct entry *entry = *link;

    *link = entry->chain;
    facts->count--;
    facts->bytes -= entry->bytes;
    kh_kms_fact_release(entry->fact);
    free(entry);
}

struct kh_kms_fact *kh_kms_facts_get(
    struct kh_kms_facts *facts, const struct kh_kms_place *place)
{
    struct kh_kms_fact *fact = NULL;
    struct entry *entry;

    pthread_mutex_lock(&facts->mutex);
    entry = *link_of(facts, place->name);
    if (entry && entry->version == place->version && entry->created == place->created) {
        entry->used = true;
        fact = entry->fact;
        atomic_fetch_add(&fact->refs, 1);
    }
    pthread_mutex_unlock(&facts->mutex);
    return fact;
}

uint64_t kh_kms_facts_ticket(struct kh_kms_facts *facts)
{
    uint64_t ticket;

    pthread_mutex_lock(&facts->mutex);
    ticket = facts->drops;
    pthread_mutex_unlock(&facts->mutex);
    return ticket;
}

static struct entry *make(const struct kh_kms_place *place, struct kh_kms_fact *fact)
{
    size_t len = strlen(place->name) + 1;
    struct entry *entry = calloc(1, sizeof *entry + len);

    if (!entry)
        return NULL;
    entry->bytes = sizeof *entry + len + sizeof *fact + strlen(fact->acl) + 1 +
                   (fact->metadata ? strlen(fact->metadata) + 1 : 0);
    entry->version = place->version;
    entry->created = place->created;
    entry->used = true;
    entry->fact = fact;
    memcpy(entry->name, place->name, len);
    return entry;
}

/* Takes ENTRY when there is room. */
static bool add(struct kh_kms_facts *facts, struct entry *entry)
{
    struct entry **link = link_of(facts, entry->name);

    if (*link)
        discard(facts, link);
    if (facts->count >= facts->max || entry->bytes > facts->max_bytes - facts->bytes)
        return false;
    link = link_of(facts, entry->name);
    *link = entry;
    facts->count++;
    facts->bytes += entry->bytes;
    atomic_fetch_add(&entry->fact->refs, 1);
    return true;
}

void kh_kms_facts_put(struct kh_kms_facts *facts, const struct kh_kms_place *place,
    struct kh_kms_fact *fact, uint64_t ticket)
{
    struct entry *entry = make(place, fact);

    if (!entry) /* it is only opened again then */
        return;
    pthread_mutex_lock(&facts->mutex);
    if (facts->drops == ticket && add(facts, entry))
        entry = NULL;
    pthread_mutex_unlock(&facts->mutex);
    free(entry);
}

static void drop_unused(struct kh_kms_facts *facts)
{
    for (size_t i = 0; i < BUCKETS; i++) {
        for (struct entry **link = &facts->buckets[i]; *link;) {
            if (!(*link)->used || (*link)->created == 0) {
                discard(facts, link);
                continue;
            }
            (*link)->used = false;
            link = &(*link)->chain;
        }
    }
}

void kh_kms_facts_drop(struct kh_kms_facts *facts, const char *name)
{
    struct entry **link;

    pthread_mutex_lock(&facts->mutex);
    facts->drops++;
    if (!name) {
        drop_unused(facts);
    } else {
        link = link_of(facts, name);
        if (*link)
            discard(facts, link);
    }
    pthread_mutex_unlock(&facts->mutex);
}

size_t kh_kms_facts_count(struct kh_kms_facts *facts)
{
    size_t count;

    pthread_mutex_lock(&facts->mutex);
    count = facts->count;
    pthread_mutex_unlock(&facts->mutex);
    return count;
}

void kh_kms_facts_free(struct kh_kms_facts *facts)
{
    if (!facts)
        return;
    for (size_t i = 0; i < BUCKETS; i++) {
        while (facts->buckets[i])
            discard(facts, &facts->buckets[i]);
    }
    pthread_mutex_destroy(&facts->mutex);
    free(facts);
}
